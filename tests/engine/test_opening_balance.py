"""Opening sheets, flows and profiles: they meet, say what the world says, and estimates name their rule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import pytest

from penstock.engine.opening.assemble import open_world
from penstock.engine.opening.assumptions import group_assumptions, private_sheets, universe_overrides
from penstock.engine.opening.balance import (
    ASSET_LINES,
    LIABILITY_LINES,
    check_sheet,
    liability_side,
    opening_sheet,
)
from penstock.engine.opening.estimates import RATING_SCALE, ratings
from penstock.engine.opening.figures import Figures, opening_figures
from penstock.engine.opening.flows import finish_flows, opening_flows, own_growth
from penstock.engine.opening.profile import profile
from penstock.engine.opening.state import FLOW_COLUMNS, GROUPS, LAYERS, SHEET_COLUMNS, Opening
from penstock.engine.opening.summary import by_grade, opening_tables
from penstock.engine.opening.universe import Universe, build_universe, group_of
from penstock.engine.rules import default_rules
from penstock.errors import ModelError
from penstock.world import World, load_world
from penstock.world.schema import SCHEMA

HYPERSCALERS = ("microsoft", "amazon", "alphabet", "meta", "oracle")
REQUIRED_PRIVATE = (
    "openai",
    "anthropic",
    "xai",
    "crusoe",
    "vantage",
    "stack_infrastructure",
    "lambda",
    "fluidstack",
    "nscale",
    "trumpf",
    "zeiss_smt",
    "hyperion_jv",
    "valor_compute_infrastructure",
)


@pytest.fixture(scope="module")
def world() -> World:
    return load_world()


@pytest.fixture(scope="module")
def universe(world: World) -> Universe:
    return build_universe(world)


@pytest.fixture(scope="module")
def figures(world: World, universe: Universe) -> Figures:
    return opening_figures(world, universe)


@pytest.fixture(scope="module")
def opening(world: World) -> Opening:
    return open_world(world)


def changed(world: World, **tables: pd.DataFrame) -> World:
    """The world with some tables exchanged."""
    return World(world.name, world.as_of, "changed", {**world.tables, **tables})


def tiny_world(world: World, rows: Mapping[str, list[dict[str, object]]]) -> World:
    """A world that holds only these rows."""
    tables = {}
    for name in SCHEMA:
        columns = [c for c in world.table(name).columns if c != "active"]
        template = world.table(name)[columns].iloc[:0]
        added = pd.DataFrame(rows.get(name, []), columns=columns)
        tables[name] = added.astype({c: template[c].dtype for c in columns if template[c].dtype == "float64"})
    return World("tiny", dt.date(2025, 12, 31), "tiny", tables)


def stated(company: str, **figures: float) -> list[dict[str, object]]:
    """Rows of financials for the year 2025."""
    return [
        {
            "company_id": company,
            "period": "FY2025",
            "period_end": "2025-12-31",
            "metric": metric,
            "value": value,
            "unit": "usd_bn",
            "basis": "reported",
            "evidence": "page",
            "source_id": "s",
            "grade": "A",
        }
        for metric, value in figures.items()
    ]


def company(ident: str, layer: str, roles: str) -> dict[str, object]:
    return {
        "id": ident,
        "name": ident.title(),
        "layer": layer,
        "roles": roles,
        "listed": "true",
        "mag7": "false",
    }


@pytest.fixture(scope="module")
def tiny(world: World) -> World:
    financials = [
        *stated(
            "maker",
            revenue=100.0,
            operating_income=40.0,
            operating_cash_flow=38.0,
            capex=5.0,
            depreciation=4.0,
            interest_expense=1.0,
            total_assets=120.0,
            total_equity=70.0,
            total_debt=20.0,
            cash_and_investments=30.0,
        ),
        *stated("cloud", revenue=50.0, total_assets=200.0, total_equity=100.0),
        *stated("utility_one", revenue=10.0),
    ]
    companies = [
        company("maker", "silicon", "chip_designer"),
        company("cloud", "platform", "hyperscaler"),
        company("utility_one", "energy", "utility"),
    ]
    return tiny_world(world, {"companies": companies, "financials": financials})


# ---------------------------------------------------------------- who is simulated


def test_required_private_firms_are_simulated(universe: Universe) -> None:
    assert set(REQUIRED_PRIVATE) <= set(universe.firms)


def test_banks_and_funds_hold_but_do_not_fail(universe: Universe) -> None:
    assert {"jpmorgan", "blackrock", "brookfield", "digitalbridge", "mbzuai", "spacex"} <= set(universe.holders)
    assert not set(universe.holders) & set(universe.firms)


def test_every_company_is_sorted_once_with_a_reason(world: World, universe: Universe) -> None:
    known = set(world.table("companies")["id"])
    sorted_in = [*universe.firms, *universe.holders, *universe.left_out.index]
    assert len(sorted_in) == len(set(sorted_in))
    unsorted = known - set(sorted_in)
    assert unsorted <= {*universe.sectors, "us_treasury", "texas_energy_fund"}
    assert (universe.left_out["reason"].str.len() > 5).all()
    assert "stargate_llc" in universe.left_out.index


def test_firms_stand_by_layer_group_and_name(world: World, universe: Universe) -> None:
    keys = [(LAYERS.index(universe.layer[f]), GROUPS.index(universe.group[f]), f) for f in universe.firms]
    assert keys == sorted(keys)
    companies = world.table("companies")
    shuffled = changed(world, companies=companies.sample(frac=1.0, random_state=3).reset_index(drop=True))
    assert build_universe(shuffled).firms == universe.firms
    assert build_universe(shuffled).holders == universe.holders


@pytest.mark.parametrize(
    ("roles", "layer", "group"),
    [
        ("lab;hyperscaler", "ai", "hyperscaler"),
        ("lab;end_user", "ai", "device_maker"),
        ("lab", "ai", "lab"),
        ("network", "platform", "internet_network"),
        ("network", "silicon", "network"),
        ("colocation;developer", "facilities", "developer"),
        ("memory;foundry;chip_designer", "silicon", "memory"),
        ("unheard_of", "energy", "holding"),
    ],
)
def test_group_follows_roles(roles: str, layer: str, group: str) -> None:
    assert group_of(roles, layer, default_rules()) == group


def test_a_bought_company_without_revenue_is_inside_its_buyer(universe: Universe) -> None:
    assert "bought by nvidia" in universe.left_out.loc["groq", "reason"]


# ---------------------------------------------------------------- figures


def test_figures_are_complete_and_each_estimate_names_its_rule(figures: Figures) -> None:
    optional = ["ai_revenue", "data_center_revenue", "cloud_revenue", "stakes_book", "ai_capex_share"]
    needed = [metric for metric in figures.value.columns if metric not in optional]
    assert not figures.value[needed].isna().any().any()
    known = figures.value.notna()
    assert figures.grade.isin(list("ABCDEF"))[known].stack().dropna().all()
    estimated = figures.rule[(figures.grade == "F") & known].stack().dropna()
    assert len(estimated) > 100
    # a stated stock may turn F only by what an estimated flow moved it
    assert estimated[estimated.str.startswith("stated")].str.contains("carried").all()
    assert (estimated.str.len() > 4).all()


def test_a_stated_figure_wins_over_a_hand_made_one(world: World) -> None:
    row = stated("openai", cash_and_investments=55.0)
    financials = pd.concat([world.table("financials"), pd.DataFrame(row)], ignore_index=True)
    mine = changed(world, financials=financials)
    found = opening_figures(mine, build_universe(mine))
    assert found.value.loc["openai", "cash_and_investments"] == 55.0
    assert found.grade.loc["openai", "cash_and_investments"] == "A"


def test_a_row_that_replaces_wins_over_the_world(world: World, figures: Figures) -> None:
    gross = world.figures().loc[("galaxy", "revenue"), "value"]
    assert gross > 60.0
    assert figures.value.loc["galaxy", "revenue"] == pytest.approx(0.9)
    assert figures.grade.loc["galaxy", "revenue"] == "F"


def test_stocks_are_carried_by_the_flows_between(world: World, figures: Figures) -> None:
    before = world.figures().loc[("apple", "total_equity"), "value"]
    end = pd.Timestamp(world.figures().loc[("apple", "total_equity"), "period_end"])
    years = (pd.Timestamp(world.as_of) - end).days / 365.25
    row = figures.value.loc["apple"]
    expected = before + years * (row["net_income"] - row["dividends_and_buybacks"])
    assert row["total_equity"] == pytest.approx(expected)
    assert "carried 3 months" in figures.rule.loc["apple", "total_equity"]
    assert figures.grade.loc["apple", "total_equity"] >= "D"


def test_a_loan_signed_after_the_debt_figure_is_added_on_both_sides(world: World, figures: Figures) -> None:
    stated_figures = world.figures()
    added = 0.875
    debt = stated_figures.loc[("iren", "total_debt"), "value"]
    assert figures.value.loc["iren", "total_debt"] == pytest.approx(debt + added)
    contracts = world.table("contracts").drop(columns="active")
    without = changed(world, contracts=contracts[contracts["id"] != "d_lo_iren_cv"])
    less = opening_figures(without, build_universe(without)).value.loc["iren"]
    for metric in ("total_debt", "total_assets"):
        assert figures.value.loc["iren", metric] - less[metric] == pytest.approx(added)


def test_missing_figures_follow_the_median_of_the_group(world: World) -> None:
    rows = []
    for name, margin in (("a", 0.1), ("b", 0.2), ("c", 0.4)):
        rows += stated(name, revenue=10.0, operating_income=10.0 * margin, total_assets=20.0)
    rows += stated("d", revenue=30.0)
    small = tiny_world(
        world,
        {"companies": [company(n, "silicon", "network") for n in "abcd"], "financials": rows},
    )
    found = opening_figures(small, build_universe(small))
    assert found.value.loc["d", "operating_income"] == pytest.approx(6.0)
    assert found.value.loc["d", "total_assets"] == pytest.approx(60.0)
    assert found.grade.loc["d", "operating_income"] == "F"
    assert "median of the group" in found.rule.loc["d", "operating_income"]


def test_a_group_of_two_borrows_the_median_of_all(world: World) -> None:
    rows = [*stated("a", revenue=10.0, total_assets=20.0), *stated("b", revenue=10.0, total_assets=40.0)]
    rows += [*stated("c", revenue=10.0, total_assets=60.0), *stated("d", revenue=10.0)]
    companies = [company(n, "silicon", "network") for n in "abc"] + [company("d", "energy", "utility")]
    small = tiny_world(world, {"companies": companies, "financials": rows})
    assert opening_figures(small, build_universe(small)).value.loc["d", "total_assets"] == pytest.approx(40.0)


# ---------------------------------------------------------------- sheets


def test_sheets_meet(opening: Opening) -> None:
    sheet = opening.sheet
    assert list(sheet.columns) == list(SHEET_COLUMNS)
    assets = sheet[list(ASSET_LINES)].sum(axis=1)
    owed = sheet[list(LIABILITY_LINES)].sum(axis=1) + sheet["equity"]
    assert ((assets - owed).abs() <= 1e-9 * assets.clip(lower=1.0)).all()
    assert (sheet[[*ASSET_LINES, *LIABILITY_LINES]] >= 0.0).all().all()


def test_plugs_are_small_where_evidence_is_good(opening: Opening) -> None:
    assets = opening.sheet[list(ASSET_LINES)].sum(axis=1)
    share = opening.sheet["plug"].abs() / assets
    assert (share[opening.sheet_grades["plug"] <= "C"] < 0.05).all()
    assert opening.sheet["plug"].abs().sum() < 0.005 * assets.sum()


def test_sheets_say_what_the_figures_say(opening: Opening, figures: Figures) -> None:
    check_sheet(opening.sheet, figures)
    good = figures.grade["total_assets"] != "F"
    assets = opening.sheet[list(ASSET_LINES)].sum(axis=1) - opening.sheet["stake_revaluation"]
    gap = (assets - figures.value["total_assets"] - opening.sheet["plug"].abs())[good].abs()
    assert (gap < 1e-6 * (1.0 + assets[good])).all()


@pytest.mark.parametrize("line", ["cash", "buildings", "debt", "other_liabilities", "equity"])
def test_a_changed_cell_is_caught(opening: Opening, figures: Figures, line: str) -> None:
    wrong = opening.sheet.copy()
    wrong.loc["microsoft", line] += 1e-5 * wrong.loc["microsoft", line] + 1e-5
    with pytest.raises(ModelError, match="microsoft"):
        check_sheet(wrong, figures)


def test_a_change_that_still_meets_is_caught_by_the_figures(opening: Opening, figures: Figures) -> None:
    wrong = opening.sheet.copy()
    wrong.loc["oracle", ["cash", "debt"]] += 1.0
    check_sheet(wrong)
    with pytest.raises(ModelError, match=r"oracle: cash"):
        check_sheet(wrong, figures)


def test_leases_counted_twice_go_first(world: World, universe: Universe, figures: Figures) -> None:
    value, firm = figures.value.copy(), "microsoft"
    room = value.loc[firm, "total_assets"] - value.loc[firm, "total_debt"]
    value.loc[firm, "total_equity"] = room - 0.5 * value.loc[firm, "lease_liabilities"]
    side = liability_side(replace(figures, value=value), universe)
    assert side.payables[firm] > 10.0
    kept = 0.5 * value.loc[firm, "lease_liabilities"] - side.payables[firm]
    assert side.lease_liabilities[firm] == pytest.approx(kept)
    assert side.plug[firm] == 0.0


def test_what_cannot_meet_is_one_signed_plug(world: World, universe: Universe, figures: Figures) -> None:
    value, firm = figures.value.copy(), "microsoft"
    value.loc[firm, "total_equity"] = value.loc[firm, "total_assets"]
    over, grades = opening_sheet(world, universe, figures=replace(figures, value=value))
    assert over.loc[firm, "plug"] == pytest.approx(value.loc[firm, "total_debt"])
    check_sheet(over)
    value = figures.value.copy()
    value.loc[firm, "cash_and_investments"] = value.loc[firm, "total_assets"] + 7.0
    under, _ = opening_sheet(world, universe, figures=replace(figures, value=value))
    assert under.loc[firm, "plug"] == pytest.approx(-7.0)
    check_sheet(under)
    assert grades.loc[firm, "plug"] in "ABCDEF"


def test_marks_of_stakes_raise_assets_and_equity_alike(world: World, universe: Universe, figures: Figures) -> None:
    fair = pd.Series({"microsoft": 135.0})
    plain, _ = opening_sheet(world, universe, figures=figures)
    marked, grades = opening_sheet(world, universe, stakes_fair_value=fair, figures=figures)
    mark = marked.loc["microsoft", "stake_revaluation"]
    assert mark == pytest.approx(135.0 - 2.0)
    assert marked.loc["microsoft", "equity"] - plain.loc["microsoft", "equity"] == pytest.approx(mark)
    assert grades.loc["microsoft", "equity"] == "F"
    assert (marked.drop("microsoft") - plain.drop("microsoft")).abs().max().max() < 1e-9


def test_a_firm_that_earns_nothing_yet_is_under_construction(opening: Opening) -> None:
    row = opening.sheet.loc["hyperion_jv"]
    assert row["buildings"] == 0.0
    assert row["construction"] > 5.0
    assert row["cash"] == pytest.approx(22.0)


# ---------------------------------------------------------------- flows


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


def year_before(company: str, grade: str = "A", **figures: float) -> list[dict[str, object]]:
    """Rows of financials for the year 2024."""
    rows = stated(company, **figures)
    return [row | {"period": "FY2024", "period_end": "2024-12-31", "grade": grade} for row in rows]


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


# ---------------------------------------------------------------- profile and tables


def test_profile_has_a_rating_a_value_and_a_volatility(world: World, opening: Opening) -> None:
    table = opening.profile
    assert table["rating"].isin(RATING_SCALE).all()
    assert table.loc["nextera", "rating"] == "A"
    assert not table.loc["nextera", "rating_estimated"]
    assert table.loc["openai", "rating_estimated"]
    assert (table["market_value"] > 0.0).all()
    assert table.loc["nvidia", "equity_volatility"] == world.parameter("equity_vol_nvidia").central
    assert table["evidence_share_ef"].between(0.0, 1.0).all()
    assert table.loc["openai", "evidence_share_ef"] == pytest.approx(1.0)
    assert table.loc["meta", "evidence_share_ef"] < 0.1


def test_estimated_ratings_lie_near_the_stated_ones(universe: Universe, figures: Figures) -> None:
    nothing = pd.Series("", index=universe.rating.index)
    estimate = ratings(figures.value, universe.group, nothing)
    rated = universe.rating.index[~universe.rating_estimated]
    off = [abs(RATING_SCALE.index(estimate[f]) - RATING_SCALE.index(universe.rating[f])) for f in rated]
    assert sum(step <= 1 for step in off) >= 0.8 * len(off)
    assert max(off) <= 3


def test_tables_tell_evidence_plugs_and_who_is_left_out(world: World, opening: Opening) -> None:
    tables = dict(opening_tables(world, opening))
    by_layer = [table for title, table in tables.items() if "by evidence grade" in title]
    assert len(by_layer) == 5
    for table in by_layer:
        assert table[list("ABCDEF")].sum(axis=1).between(1.0 - 1e-9, 1.0 + 1e-9).all()
    left_out = tables["Left out"]
    assert "stargate_llc" in set(left_out["company"])


def test_the_weakest_input_names_a_sum() -> None:
    table = by_grade(pd.Series([3.0, 1.0]), pd.Series(["A", "E"]), pd.Series(["ai", "ai"]))
    assert list(table["weakest"]) == ["E", "E"]
    assert table.loc[0, "A"] == pytest.approx(0.75)


def test_assumptions_carry_range_unit_grade_and_reason() -> None:
    for rows in (group_assumptions(), private_sheets()):
        assert (rows["low"] <= rows["central"]).all()
        assert (rows["central"] <= rows["high"]).all()
        assert rows["grade"].isin(["E", "F"]).all()
        assert (rows["why"].str.len() > 10).all()
        assert rows["unit"].notna().all()
    assert set(group_assumptions()["group"]) == set(GROUPS)
    assert not private_sheets().duplicated(["company", "metric"]).any()


def test_hand_made_rows_name_companies_of_the_bundled_world(world: World) -> None:
    known = set(world.table("companies")["id"])
    assert set(private_sheets()["company"]) <= known
    assert set(universe_overrides().index) <= known


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
