"""Opening flows are those of the record, split into ties and an unnamed rest."""

from __future__ import annotations

import pandas as pd
import pytest

from penstock.engine.opening.figures import Figures
from penstock.engine.opening.flows import finish_flows, opening_flows, own_growth
from penstock.engine.opening.state import FLOW_COLUMNS, Opening
from penstock.engine.opening.universe import build_universe
from penstock.errors import ModelError
from penstock.world import World

HYPERSCALERS = ("microsoft", "amazon", "alphabet", "meta", "oracle")


def test_hyperscaler_capex_is_that_of_the_calendar_year(world: World, opening: Opening) -> None:
    series = world.table("series")
    rows = series[(series["series"] == "capex_usd_bn") & series["entity"].isin(HYPERSCALERS)]
    rows = rows[rows["date"] <= "2025-12-31"].sort_values("date").groupby("entity").tail(4)
    cited = rows["value"].sum()
    assert opening.flows.loc[list(HYPERSCALERS), "ltm_capex"].sum() == pytest.approx(cited, rel=0.05)
    assert opening.flows.loc["microsoft", "ltm_capex"] == pytest.approx(83.1, abs=0.1)
    last = rows.groupby("entity")["value"].last()
    for firm in HYPERSCALERS:
        assert opening.flows.loc[firm, "capex"] == pytest.approx(last[firm])


def test_nvidia_data_centre_revenue(world: World, figures: Figures) -> None:
    series = world.table("series")
    rows = series[(series["series"] == "data_center_revenue_usd_bn") & (series["date"] <= "2025-12-31")]
    cited = rows.sort_values("date")["value"].tail(4).sum()
    assert figures.value.loc["nvidia", "data_center_revenue"] == pytest.approx(cited, rel=0.05)


def test_labs_open_at_their_run_rate(opening: Opening) -> None:
    assert opening.flows.loc["openai", "revenue"] == pytest.approx(5.0)
    assert opening.flows.loc["anthropic", "revenue"] == pytest.approx(2.25)
    assert opening.flows.loc["openai", "ltm_revenue"] == pytest.approx(13.07)


def test_flows_are_complete_and_split_without_rest(opening: Opening) -> None:
    flows = opening.flows
    assert list(flows.columns) == list(FLOW_COLUMNS)
    assert not flows.isna().any().any()
    assert ((flows["tie_revenue"] + flows["other_revenue"] - flows["revenue"]).abs() < 1e-9).all()
    assert (flows["other_cost"] >= 0.02 * flows["revenue"] - 1e-12).all()
    assert flows["ai_capex_share"].between(0.0, 1.0).all()
    assert opening.flow_grades.isin(list("ABCDEF")).all().all()


def test_cash_anchor_gives_the_stated_cash_flow(tiny: World) -> None:
    universe = build_universe(tiny)
    flows, _ = opening_flows(tiny, universe)
    row = flows.loc["maker"]
    cash = row["revenue"] - row["other_cost"] - row["interest"] - row["tax"]
    assert cash == pytest.approx(38.0 / 4.0)
    assert row["tax"] == pytest.approx(0.15 * (40.0 - 1.0) / 4.0)


def test_ties_come_out_of_the_unnamed_rest(tiny: World) -> None:
    flows, _ = opening_flows(tiny, build_universe(tiny))
    tie_in, tie_cost = pd.Series({"maker": 20.0}), pd.Series({"maker": 3.0})
    done = finish_flows(flows, tie_in, tie_cost, pd.Series({"maker": 1.0}))
    assert done.loc["maker", "other_revenue"] == pytest.approx(flows.loc["maker", "revenue"] - 20.0)
    assert done.loc["maker", "other_cost"] == pytest.approx(flows.loc["maker", "other_cost"] - 3.0)
    with pytest.raises(ModelError, match="maker: revenue: ties carry"):
        finish_flows(flows, pd.Series({"maker": 26.0}), tie_cost, pd.Series(dtype=float))
    with pytest.raises(ModelError, match="maker: capex: ties carry"):
        finish_flows(flows, tie_in, tie_cost, pd.Series({"maker": 1.3}))


def test_a_quarter_on_record_beats_growth(world: World, opening: Opening) -> None:
    series = world.table("series")
    quarters = series[(series["series"] == "capex_usd_bn") & (series["date"] <= "2025-12-31")]
    last = quarters.sort_values("date").groupby("entity")["value"].last()
    for name in HYPERSCALERS:
        assert opening.flows.loc[name, "capex"] == pytest.approx(last[name])


def test_growth_of_the_unnamed_rest_is_history_drawn_to_the_group(world: World, figures: Figures) -> None:
    growth, _ = own_growth(world, figures)
    assert growth["nvidia"] > 0.4
    assert pd.isna(growth["vantage"])
    flows, _ = opening_flows(world, build_universe(world), figures)
    assert flows["other_growth"].between(-0.05, 0.12).all()
