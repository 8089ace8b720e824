"""The evaluation of routers as it is run, printed and drawn."""
