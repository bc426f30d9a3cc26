"""Published and exact figures beside what the six layers give; `python -m tools.physics` writes the page."""
