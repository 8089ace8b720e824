"""Tones of text that steps back, for Content: there Textual drops the opacity of `$text-muted`."""

MUTED = "$foreground 65%"
FAINT = "$foreground 40%"
