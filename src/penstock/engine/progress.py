"""How long work tells its caller how far it is: one protocol for terminal, studio, notebook and library."""

from __future__ import annotations

from typing import Protocol


class OnProgress(Protocol):
    """Called after each finished piece with paths done, paths in all and a short note.

    Raising from it (KeyboardInterrupt, say) stops the work; a run in a directory can then be resumed.
    """

    def __call__(self, done: int, total: int, note: str) -> None: ...


def silent(done: int, total: int, note: str) -> None:
    """Tell nobody: what a library does when nobody asked."""
