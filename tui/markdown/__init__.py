"""Markdown that lays itself out in lines, whole or still growing; no widget, no screen.

A reply of thousands of lines is one `Document`, of which only the lines in sight are painted.
"""
