"""Muted text colours for Content, where Textual drops the opacity of `$text-muted`."""

MUTED = "$foreground 65%"
FAINT = "$foreground 40%"
