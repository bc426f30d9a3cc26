"""A firm that is worth much more than it is short of sells shares rather than miss a payment."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import Array, model_of

from penstock.engine.model import run_block
from penstock.engine.moment import Moment
from penstock.engine.steps import rounds
from penstock.money.funding import RESTING_MOOD, SHARES_IN_NEED


def test_who_is_worth_much_sells_shares_before_it_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where 3 % of a firm's value, at the mood of the day, covers what is missing, the firm is in no distress."""
    seen: list[tuple[Array, Array]] = []
    issue = rounds.issue_in_need

    def watched(now: Moment, gap: Array) -> Array | None:
        e, f = now.state.economy, now.state.firms
        short = -gap[: now.block.layout.firms]
        spirits = np.minimum(e.mood / RESTING_MOOD, 1.0) ** 3 * np.where(e.freeze > 0, 0.4, 1.0)
        room = SHARES_IN_NEED * f.value * spirits * now.block.cache["can_issue"] * (f.stage < 2.0)
        covered = (short > 0.0) & (room - now.results["equity_raised"] > 1.05 * short)
        seen.append((covered, short))
        return issue(now, gap)

    monkeypatch.setattr(rounds, "issue_in_need", watched)
    found = []

    def note(now: Moment, _: str) -> None:
        covered, _short = seen[-1]
        found.append((covered.sum(), (covered & now.results["distress_now"]).sum(), now.results["distress_now"].sum()))

    run_block(model_of(quarters=24), 0, 128, on_quarter=note)
    helped, failed_all_the_same, distressed = np.sum(found, axis=0)
    assert helped > 20
    assert distressed > 20
    # what holders of shares pay for a round may be what they would have paid their own bills with
    assert failed_all_the_same <= 0.02 * helped
