"""Tokens lost by cause: what could be served less all causes is what was served, on a run's own paths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from penstock.analysis.tokens_lost import CAUSES, COULD, QUADRILLION, SERVED, lost_table, tokens_lost
from penstock.engine.ensemble import simulate
from penstock.errors import UsageError
from penstock.report.figures_lost import lost_figure
from penstock.world import load_world

PATHS, QUARTERS = 16, 6
OUTAGE = {
    "name": "dark",
    "event": [{"kind": "outage", "target": "platform", "size": 0.3, "from": "2026Q2", "lasts": 2}],
}


@settings(max_examples=20)
@given(arrays.arrays(np.float64, (len(CAUSES) + 1, 8, 3), elements=st.floats(0.0, 1e18)))
def test_causes_and_what_is_served_add_up_to_what_could_be(values: np.ndarray) -> None:
    tokens = dict(zip((*CAUSES, SERVED), values, strict=True))
    years = np.repeat(["2026", "2027"], 4)
    for _, mine in lost_table(tokens, years).groupby("year"):
        found = mine.set_index("step")["mean"]
        rest = found[COULD] - sum(found[cause] for cause in CAUSES)
        assert rest == pytest.approx(found[SERVED], rel=1e-9, abs=1e-9 * max(1.0, found[COULD]))


def test_what_is_served_is_what_the_run_served_and_nothing_lost_is_below_zero() -> None:
    world = load_world()
    run = simulate(world, ["baseline", OUTAGE], paths=PATHS, quarters=QUARTERS)
    calm, dark = (tokens_lost(run, name, paths=PATHS) for name in ("baseline", "dark"))
    economy = run.economy[(run.economy["region"] == "world") & (run.economy["scenario"] == "baseline")]
    first = economy[economy["quarter"].astype(str).str.startswith("2026")]
    told = calm.table[calm.table["year"] == "2026"].set_index("step")
    assert told.loc[SERVED, "mean"] == pytest.approx(first["tokens_served"].sum() / PATHS * QUADRILLION, rel=1e-12)
    assert (calm.table["mean"] >= 0.0).all()
    assert (calm.table["p05"] <= calm.table["p95"]).all()
    # an outage leaves chips dark that the same paths without it have in service
    lost = [one.table.set_index(["year", "step"]).loc[("2026", "outages"), "mean"] for one in (calm, dark)]
    assert lost[0] == 0.0 < lost[1]
    figure = lost_figure(calm, "runs/x")
    assert len(figure.rows) == 2 * (len(CAUSES) + 2)
    assert f"{told.loc[SERVED, 'share']:.0%}" in figure.finding()


def test_no_paths_are_refused() -> None:
    with pytest.raises(UsageError, match="paths: found 0; expected 1 or more"):
        tokens_lost(load_world(), paths=0)
