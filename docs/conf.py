"""Settings of the documentation site, which `make docs` builds."""

import inspect
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from markdown_docstrings import to_restructured_text  # noqa: E402

import keras_anytime  # noqa: E402

project = "keras_anytime"
author = "The keras_anytime authors"
copyright = f"2026, {author}"
version = release = keras_anytime.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]

html_theme = "furo"
html_title = "keras_anytime"
html_copy_source = False
html_show_sourcelink = False

# Pages: Markdown, links to headings included.
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
# The guides keep the outputs of `make guides`.
nb_execution_mode = "off"

# Reference: what is in `__all__`, in the order of it, types in the text.
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
# Methods of Keras that a class overrides without a docstring are left out.
autodoc_inherit_docstrings = False
autodoc_typehints = "none"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Call arguments", "params_style"), "Reference"]
# Docstrings are Markdown, as Keras' are: a name in backticks is code.
default_role = "code"


# Pages that include a file from outside of this folder.
_INCLUDED = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "tests/README.md": "testing.md",
}


def _move_links(app, path, parent, content):
    """Turns links of an included file into links between pages."""
    for file, page in _INCLUDED.items():
        content[0] = content[0].replace(f"]({file})", f"]({page})")
    content[0] = content[0].replace("](docs/", "](")


def _read_markdown(app, what, name, value, options, lines):
    """Turns a docstring into what napoleon and autodoc read."""
    lines[:] = to_restructured_text("\n".join(lines)).splitlines()


def _signature(app, what, name, value, options, signature, returns):
    """Gives classes the signature of `__init__`, which Keras' classes hide."""
    if what != "class" or "__init__" not in vars(value):
        return None
    full = inspect.signature(value.__init__)
    parameters = [
        parameter.replace(annotation=parameter.empty)
        for parameter in list(full.parameters.values())[1:]
    ]
    shown = full.replace(parameters=parameters, return_annotation=full.empty)
    return str(shown), None


def setup(app):
    """Connects the functions above with the events of Sphinx."""
    app.connect("include-read", _move_links)
    app.connect("autodoc-process-signature", _signature)
    # Before napoleon, which has the usual priority of 500.
    app.connect("autodoc-process-docstring", _read_markdown, priority=400)
