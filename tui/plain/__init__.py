"""The chat for a screen reader: lines that are said once, nothing drawn or painted over."""
