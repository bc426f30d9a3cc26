"""Uncertain parameters run through their quantiles and stay within their bounds."""

from __future__ import annotations

import numpy as np
import pytest

from penstock.engine.parameters import assumptions, draw_parameters


@pytest.mark.parametrize("prior", [False, True])
def test_draws_run_through_their_quantiles(prior: bool) -> None:
    table = assumptions()
    drawn = draw_parameters(np.tile([0.1, 0.5, 0.9], (len(table), 1)), prior=prior)
    for name, row in table.items():
        low, high = (row.prior_low, row.prior_high) if prior else (row.low, row.high)
        expected = np.clip([low, row.central, high], row.minimum, row.maximum)
        assert drawn[name] == pytest.approx(expected, rel=1e-9), name


def test_every_assumption_is_ordered_and_bounded() -> None:
    for name, row in assumptions().items():
        assert row.minimum <= row.low <= row.central <= row.high <= row.maximum, name
        assert row.prior_low <= row.prior_high, name
        assert row.note and row.unit and row.grade in "ABCDEF", name


def test_draws_stay_within_their_bounds() -> None:
    uniforms = np.random.default_rng(1).random((len(assumptions()), 500))
    for prior in (False, True):
        for name, values in draw_parameters(uniforms, prior=prior).items():
            row = assumptions()[name]
            assert ((values >= row.minimum) & (values <= row.maximum)).all(), name
