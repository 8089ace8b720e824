"""The chat for a screen reader: plain lines, nothing drawn or painted over."""
