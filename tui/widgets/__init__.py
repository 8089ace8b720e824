"""What the chat's screen is made of: one widget, one module."""
