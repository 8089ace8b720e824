"""The terminal program: the only package that parses arguments, prints, draws and reads settings."""

__version__ = "0.1.0"
