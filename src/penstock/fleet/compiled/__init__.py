"""The compiled loop of the fleet simulator: arrays and functions on them, no objects."""
