"""Questions to a run or a world: stress, breaks, loops of money, exposures, sensitivity, back-tests."""
