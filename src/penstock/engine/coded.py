"""Text columns of long tables as codes: the words of a block of paths are few, its rows are many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Coded:
    """A text column."""

    codes: Array
    """(rows,) place of each row's text among the words; -1, the last, is empty"""
    words: Array
    """objects; the last is empty"""

    @classmethod
    def of(cls, codes: Array, words: Sequence[str]) -> Coded:
        """Codes into some words; -1 is empty."""
        return cls(codes, np.array([*words, ""], dtype=object))

    def __getitem__(self, rows: Any) -> Coded:
        return Coded(self.codes[rows], self.words)

    def text(self) -> Array:
        """The text of each row, as objects."""
        return np.asarray(self.words[self.codes])


def text_of(column: Array | Coded) -> Array:
    """A column as an array, text as objects."""
    return column.text() if isinstance(column, Coded) else column


def one_below_the_other(parts: Sequence[Array | Coded]) -> Array | Coded:
    """Rows of all parts; codes stay where all have the same words."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, Coded):
        alike = [part for part in parts if isinstance(part, Coded) and np.array_equal(part.words, first.words)]
        if len(alike) == len(parts):
            return Coded(np.concatenate([part.codes for part in alike]), first.words)
    return np.concatenate([text_of(part) for part in parts])
