"""The studio: a local page to see the world, change it, run it, and find out why. `penstock studio` opens it."""
