"""Refusals of input that cannot be: one sentence each, with what was found and what is right."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.world.naming import nearest_name


def nearest_hint(text: str, known: Iterable[str]) -> str:
    """`; nearest NAME`, or nothing where no name is near."""
    near = nearest_name(text, known)
    return f"; nearest {near}" if near else ""


def positive(name: str, value: Any) -> None:
    """Raises UsageError unless every number is finite and above zero."""
    _require(name, value, lambda numbers: numbers > 0.0, "a number above 0")


def not_negative(name: str, value: Any) -> None:
    """Raises UsageError unless every number is finite and not below zero."""
    _require(name, value, lambda numbers: numbers >= 0.0, "a number of at least 0")


def share(name: str, value: Any) -> None:
    """Raises UsageError unless every number lies from 0 to 1."""
    _require(name, value, lambda numbers: (numbers >= 0.0) & (numbers <= 1.0), "a share from 0 to 1")


def _require(name: str, value: Any, test: Any, expected: str) -> None:
    try:
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise UsageError(f"{name}: found {value!r}; expected {expected}") from None
    good = np.isfinite(numbers) & test(numbers)
    if not np.all(good):
        found = float(numbers[~good].flat[0]) if numbers.ndim else float(numbers)
        raise UsageError(f"{name}: found {found:g}; expected {expected}")
