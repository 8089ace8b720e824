"""The commands, one group a module."""
