"""The terminal program: only this package parses arguments, prints, draws and reads settings."""

__version__ = "0.1.0"
