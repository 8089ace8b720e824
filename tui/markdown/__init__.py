"""Markdown laid out in lines, complete or still growing, without a widget or screen.

A reply of thousands of lines is one `Document`, of which only the lines in sight are painted.
"""
