"""The state in which a run begins, made from a world."""
