"""Which model answers, what it says and what it costs. No screen, no printing."""
