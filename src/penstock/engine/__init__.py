"""The simulation: opening, steps of a quarter, many paths, runs on disk."""
