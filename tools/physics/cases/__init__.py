"""One module for each part of the physics: `TITLE`, `cases()`, and `text()` for what stands under its table."""
