"""The version of the package, which nothing needs the package for."""

__version__ = "0.1.0"
