"""A GPU measured by stages: checks, times, a page."""
