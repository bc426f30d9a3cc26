"""The version of the program: one place, read by the build, the command line and every manifest."""

from __future__ import annotations

__version__ = "0.1.0"
