"""Making instead of buying: who gains by it, and how long a project runs."""

from __future__ import annotations

import numpy as np
import pytest

from penstock.conduct import integration
from single_path import one


def test_making_is_worth_it_only_for_who_buys_much() -> None:
    spending = np.array([0.0, 0.1, 1.0, 10.0, 100.0])
    rate = np.full(5, 0.1)
    later = integration.worth_after_the_wait(rate)
    worth = integration.worth_making(spending, np.full(5, 0.35), rate, later)
    assert not worth[0] and worth[-1]
    assert (np.diff(worth.astype(int)) >= 0).all()


def test_a_project_runs_its_time_and_then_replaces_a_part() -> None:
    project, own, cost = (np.zeros((1, 1)) for _ in range(3))
    spent = []

    def advance(yearly_spending: float, luck: float) -> None:
        base, ones, rate = np.full((1, 1), yearly_spending / 4.0), np.ones((1, 1)), one(0.1)
        phase, lucky = np.zeros((1, 1)), one(luck)
        integration.advance_projects(
            base, ones, phase, one(1.0), one(0.35), rate, lucky, one(0.5), project, own, cost, np.empty(1)
        )

    for quarter in range(12):
        advance(100.0 if quarter == 0 else 0.0, 0.1)
        spent.append(cost[0, 0])
    assert own[0, 0] == pytest.approx(integration.SHIFT)
    running = [cost for cost in spent if cost > 0.0]
    assert len(running) == integration.PROJECT_QUARTERS
    assert set(running) == {integration.PROJECT_COST_USD_BN_PER_QUARTER}
    project[:], own[:] = 1.0, 0.0
    advance(0.0, 0.9)
    assert own[0, 0] == 0.0
