"""A whole opening: the same twice, and possible with three companies."""

from __future__ import annotations

import pandas as pd

from penstock.engine.opening.assemble import open_world
from penstock.engine.opening.balance import (
    check_sheet,
    opening_sheet,
)
from penstock.engine.opening.figures import opening_figures
from penstock.engine.opening.profile import profile
from penstock.engine.opening.state import Opening
from penstock.engine.opening.universe import build_universe
from penstock.world import World


def test_opening_is_the_same_twice(world: World, opening: Opening) -> None:
    again = open_world(world)
    pd.testing.assert_frame_equal(again.sheet, opening.sheet, check_exact=True)
    pd.testing.assert_frame_equal(again.flows, opening.flows, check_exact=True)


def test_three_companies_make_a_world(tiny: World) -> None:
    universe = build_universe(tiny)
    assert universe.firms == ("cloud", "maker", "utility_one")
    found = opening_figures(tiny, universe)
    sheet, grades = opening_sheet(tiny, universe, figures=found)
    check_sheet(sheet, found)
    table = profile(tiny, universe, sheet, grades, found)
    assert list(table.index) == list(universe.firms)
    assert table.loc["maker", "evidence_share_ef"] == 0.0
    assert table.loc["utility_one", "evidence_share_ef"] == 1.0
    state = open_world(tiny)
    check_sheet(state.sheet)
