"""Long, seeded, resumable studies that are too slow for the gate: `python -m tools.campaign NAME`."""
