"""Commands that come with the package: `keras-anytime-train` and others.

Each module has a `main`, which setup.py makes a console script of, and which a
recipe or tool of the checkout calls. Its docstring is the text of `--help`.
Before the flags are read, neither Keras nor absl is imported, but what reads
them.
"""
