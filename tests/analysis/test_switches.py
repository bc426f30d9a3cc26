"""What each assumption of structure does: paired differences on the run's own paths, and why a switch does nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import penstock as ps
from penstock.analysis.paired import economy_grid
from penstock.analysis.switches import ALREADY_OFF, LOOPS, NOTHING_MOVES, switch_rows, switch_study
from penstock.errors import UsageError
from penstock.scenarios.entries import Switch


def test_every_loop_is_a_switch_of_the_language() -> None:
    assert set(LOOPS) < set(Switch.model_fields)


def test_a_difference_is_that_of_two_runs(tmp_path: Path) -> None:
    world = ps.load_world()
    still = {"name": "still", "extends": "baseline", "switch": {"demand_growth": False}}
    run = ps.simulate(world, ["baseline", still], paths=12, quarters=5, out=tmp_path / "run")
    found = switch_study(run, switches=("demand_growth", "noise"), paths=8)
    assert (found.scenario, found.paths) == ("baseline", 8)
    row = found.table.set_index(["switch", "output"]).loc[("demand_growth", "spending")]
    sums = [economy_grid(run, name, "ai_revenue_usd_bn")[:, :8].sum(axis=0) for name in ("baseline", "still")]
    assert row["base"] == sums[0].mean()
    assert row["difference"] == pytest.approx((sums[1] - sums[0]).mean())
    assert row["low95"] < row["difference"] < row["high95"] < 0.0
    again = switch_study(run, "still", switches=("demand_growth",), paths=4).table
    assert list(again["note"]) == [ALREADY_OFF], "it says so instead of a zero"
    with pytest.raises(UsageError, match="found no scenario 'soft'"):
        switch_study(run, "soft")


def test_what_moves_nothing_says_why() -> None:
    base = {item: np.array([1.0, 2.0]) for item in ("spending", "capex", "h100e", "it_power", "defaults", "surplus")}
    assert {row["note"] for row in switch_rows("integration", base, dict(base))} == {NOTHING_MOVES}
    moved = {**base, "capex": np.array([1.0, 3.0])}
    rows = {row["output"]: row for row in switch_rows("integration", base, moved)}
    assert rows["capex"]["note"] == ""
    assert rows["capex"]["difference"] == 0.5


def test_an_unknown_switch_is_told() -> None:
    with pytest.raises(UsageError, match="found 'gravity'; expected one of contagion"):
        switch_study(ps.load_world(), switches=("gravity",))
