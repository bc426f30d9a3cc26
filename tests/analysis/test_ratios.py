"""Ratios of means and their errors, against the delta method by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from penstock.analysis.ratios import interval, ratio


def test_a_ratio_of_means_has_the_error_of_its_residuals() -> None:
    above, below = np.array([1.0, 2.0, 6.0]), np.array([2.0, 3.0, 4.0])
    value, error = ratio([above], [below])
    residual = above - 1.0 * below
    assert value == 1.0
    assert error == pytest.approx(residual.std(ddof=1) / 3.0 / math.sqrt(3.0), rel=1e-12)


def test_what_moves_above_and_below_together_has_no_error() -> None:
    x = np.array([1.0, 5.0, 9.0])
    value, error = ratio([x], [2.0 * x])
    assert value == 0.5
    assert error == pytest.approx(0.0, abs=1e-15)


def test_nothing_above_the_line_is_zero_and_nothing_below_is_unknown() -> None:
    zero, x = np.zeros(3), np.array([1.0, 2.0, 3.0])
    assert ratio([zero], [x]) == (0.0, 0.0)
    assert all(math.isnan(number) for number in ratio([x], [zero]))
    assert math.isnan(ratio([np.array([1.0])], [np.array([2.0])])[1])


def test_the_interval_of_90_percent() -> None:
    low, high = interval(10.0, 2.0)
    assert (low, high) == (pytest.approx(10.0 - 3.2897072539), pytest.approx(10.0 + 3.2897072539))
