"""Measurements of speed, memory and size: `python -m benchmarks` from the repository's root."""
