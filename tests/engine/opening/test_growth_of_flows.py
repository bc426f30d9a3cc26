"""Flows of a past year go forward to the opening at the growth on record, within bounds."""

from __future__ import annotations

import pandas as pd
import pytest
from tiny_companies import changed, year_before

from penstock.engine.opening.flows import opening_flows
from penstock.engine.opening.state import FLOW_COLUMNS
from penstock.engine.opening.universe import build_universe
from penstock.world import World


def opened_with(tiny: World, *rows: dict[str, object]) -> tuple[pd.Series, pd.Series]:
    """Flows of the maker and their grades, with these rows added to the tiny world."""
    known = tiny.table("financials")
    added = pd.DataFrame(list(rows), columns=known.columns).astype(known.dtypes.to_dict())
    world = changed(tiny, financials=pd.concat([known, added], ignore_index=True) if rows else known)
    flows, grades = opening_flows(world, build_universe(world))
    return flows.loc["maker"], grades.loc["maker"]


DAYS_OF_2025 = pytest.approx(1.0, rel=2e-4)
"""The rule counts a year as 365.25 days."""


@pytest.mark.parametrize("before", [4.0, 5.0, 6.0])
def test_capital_spending_goes_forward_at_its_own_growth(tiny: World, before: float) -> None:
    """Five in the year, whatever revenue did: the last quarter lies 0.375 years on, up or down."""
    flows, _ = opened_with(tiny, *year_before("maker", capex=before, revenue=90.0))
    assert flows["capex"] / (5.0 / 4.0 * (5.0 / before) ** 0.375) == DAYS_OF_2025
    assert flows["revenue"] / (100.0 / 4.0 * (100.0 / 90.0) ** 0.375) == DAYS_OF_2025
    assert flows["ltm_capex"] == pytest.approx(5.0)


def test_more_growth_on_record_opens_higher_within_bounds(tiny: World) -> None:
    opened = [opened_with(tiny, *year_before("maker", capex=x))[0] for x in (20.0, 6.5, 4.0, 3.0, 1.0)]
    rates = [flows["capex"] for flows in opened]
    assert rates[0] == rates[1] == pytest.approx(1.25 * 0.8**0.375)
    assert rates[1] < rates[2] < rates[3] < rates[4] == pytest.approx(1.25 * 2.0**0.375)
    rest = [name for name in FLOW_COLUMNS if name != "capex"]
    for flows in opened:
        assert flows[rest].equals(opened[0][rest]), "only the rate of capital spending follows its record"


def test_one_year_of_capital_spending_goes_forward_with_revenue(tiny: World) -> None:
    flows, _ = opened_with(tiny, *year_before("maker", revenue=80.0))
    assert flows["capex"] / (1.25 * 1.25**0.375) == DAYS_OF_2025
    without, grades = opened_with(tiny)
    assert without["capex"] == pytest.approx(1.25)
    assert grades["capex"] == "A", "nothing was carried forward"


def test_years_far_apart_tell_no_growth(tiny: World) -> None:
    old = [row | {"period": "FY2022", "period_end": "2022-12-31"} for row in year_before("maker", capex=1.0)]
    flows, grades = opened_with(tiny, *old)
    assert flows["capex"] == pytest.approx(1.25)
    assert grades["capex"] == "A"


def test_the_year_before_counts_in_the_grade(tiny: World) -> None:
    _, grades = opened_with(tiny, *year_before("maker", grade="E", capex=4.0), *year_before("maker", revenue=90.0))
    assert grades["capex"] == "E"
    assert grades["revenue"] == "D", "carried forward, so never better than D"
    assert grades["ltm_capex"] == "A"
