"""The ranges of the first year follow their rule: growth on record, guidance, orders, plans, least widths."""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Iterable

import pandas as pd
import pytest

from penstock.analysis.anchor_rule import Rule, plan_span, rates_ahead
from penstock.analysis.anchors import (
    METRICS,
    anchor_ranges,
    anchored_companies,
)
from penstock.analysis.growth import Growth
from penstock.world import World, load_world
from penstock.world.vocabulary import GRADES

AS_OF = dt.date(2025, 12, 31)
YEAR = 2026


def made_world(
    financials: Iterable[tuple[str, str, str, str, float]] = (),
    series: Iterable[tuple[str, str, str, float]] = (),
    parameters: Iterable[tuple[str, float | None, float, float | None, str]] = (),
) -> World:
    """A world of a few rows: (company, period, end, metric, value), (series, entity, date, value), (name, …)."""
    money = [
        {"company_id": c, "period": p, "period_end": e, "metric": m, "value": v, "unit": "usd_bn", "basis": "reported"}
        for c, p, e, m, v in financials
    ]
    points = [{"series": s, "entity": e, "date": d, "value": v, "unit": "usd_bn"} for s, e, d, v in series]
    known = [
        {
            "name": n,
            "low": low,
            "central": c,
            "high": high,
            "unit": "usd_bn",
            "used_for": use,
            "known_from": "2025-12-31",
        }
        for n, low, c, high, use in parameters
    ]
    names = ["a", "b", "c", "d", "e"]
    rest = {"evidence": "page", "source_id": "s", "note": "", "grade": "B"}

    def frame(rows: list[dict[str, object]], columns: str) -> pd.DataFrame:
        return pd.DataFrame([{**row, **rest} for row in rows], columns=columns.split(","))

    tables = {
        "companies": pd.DataFrame({"id": names, "name": names, "layer": ["platform"] * 5, "ticker": [""] * 5}),
        "financials": frame(
            money, "company_id,period,period_end,metric,value,unit,basis,evidence,source_id,note,grade"
        ),
        "series": frame(points, "series,entity,date,value,unit,evidence,source_id,note,grade"),
        "parameters": frame(known, "name,low,central,high,unit,used_for,evidence,source_id,note,known_from,grade"),
    }
    return World("made", AS_OF, "ab" * 32, tables)


def two_years(company: str, metric: str, before: float, after: float) -> list[tuple[str, str, str, str, float]]:
    return [
        (company, "FY2024", "2024-12-31", metric, before),
        (company, "FY2025", "2025-12-31", metric, after),
    ]


def quarters(name: str, entity: str, values: Iterable[float]) -> list[tuple[str, str, str, float]]:
    """Quarters that end with 2025."""
    listed = list(values)
    ends = pd.date_range(end="2025-12-31", periods=len(listed), freq="QE")
    return [(name, entity, end.date().isoformat(), value) for end, value in zip(ends, listed, strict=True)]


def rule(world: World) -> Rule:
    return Rule(world, AS_OF, YEAR)


@pytest.fixture(scope="module")
def bundled() -> World:
    return load_world()


def test_two_years_are_halved_and_doubled() -> None:
    found = rule(made_world(two_years("a", "revenue", 100.0, 140.0))).range_of("a", "revenue")
    assert (found.low, found.high) == pytest.approx((140.0 * 1.2, 140.0 * 1.8), rel=2e-3)
    assert found.rule.startswith("two years")
    assert (found.grade, found.source) == ("B", "s")


def test_a_fall_is_doubled_below_and_halved_above() -> None:
    found = rule(made_world(two_years("a", "capex", 100.0, 60.0))).range_of("a", "capex")
    assert (found.low, found.high) == pytest.approx((60.0 * 0.2, 60.0 * 0.8), rel=5e-3)


@pytest.mark.parametrize(("metric", "width"), [("revenue", 0.10), ("capex", 0.15)])
def test_a_range_is_never_narrower_than_its_least_width(metric: str, width: float) -> None:
    found = rule(made_world(two_years("a", metric, 100.0, 100.0))).range_of("a", metric)
    assert (found.low, found.high) == pytest.approx((100.0 * (1 - width), 100.0 * (1 + width)))
    assert "least width" in found.rule


def test_quarters_on_record_keep_the_high_end_at_the_largest_growth() -> None:
    world = made_world(series=quarters("capex_usd_bn", "a", [10, 10, 10, 10, 14, 15, 16, 20]))
    found = rule(world).range_of("a", "capex")
    assert found.base == pytest.approx(65.0)
    # year 62.5 %, quarter 100 %, half on half (36/29)^2 - 1 = 54 %
    assert found.low == pytest.approx(65.0 * (1 + 0.541 / 2), rel=1e-3)
    assert found.high == pytest.approx(65.0 * 2.0, rel=1e-3)
    assert found.grade == "D", "a sum of quarters is derived"


def test_a_base_that_ended_earlier_grows_for_the_time_between() -> None:
    rows = [
        ("a", "FY2024", "2024-06-30", "revenue", 100.0),
        ("a", "FY2025", "2025-06-30", "revenue", 150.0),
    ]
    found = rule(made_world(rows)).range_of("a", "revenue")
    years = 1.0 + (AS_OF - dt.date(2025, 6, 30)).days / 365.25
    assert (found.low, found.high) == pytest.approx((150.0 * 1.25**years, 150.0 * 2.0**years), rel=3e-3)


def test_a_base_too_old_has_no_range() -> None:
    rows = [("a", "FY2023", "2023-12-31", "revenue", 1.0), ("a", "FY2024", "2024-06-30", "revenue", 2.0)]
    found = rule(made_world(rows)).range_of("a", "revenue")
    assert (found.low, found.high) == (None, None)
    assert found.rule.startswith("no range")


def test_one_year_borrows_the_median_growth_of_its_layer_and_grade_f() -> None:
    rows = [("a", "FY2025", "2025-12-31", "capex", 10.0)]
    for company, after in (("b", 110.0), ("c", 130.0), ("d", 150.0)):
        rows += two_years(company, "capex", 100.0, after)
    found = rule(made_world(rows)).range_of("a", "capex")
    assert found.low == pytest.approx(10.0), "standing still"
    assert found.high == pytest.approx(16.0, rel=1e-3)
    assert found.grade == "F"


def test_too_few_lenders_make_no_range() -> None:
    rows = [("a", "FY2025", "2025-12-31", "capex", 10.0), *two_years("b", "capex", 100.0, 110.0)]
    assert rule(made_world(rows)).range_of("a", "capex").low is None


def test_orders_that_run_ahead_raise_the_high_end_up_to_twice_the_growth_of_sales() -> None:
    rows = two_years("a", "revenue", 10.0, 15.0) + two_years("a", "capex", 10.0, 11.0)
    plain = rule(made_world(rows)).range_of("a", "capex")
    modest = rule(made_world([*rows, *two_years("a", "backlog", 20.0, 36.0)])).range_of("a", "capex")
    large = rule(made_world([*rows, *two_years("a", "backlog", 20.0, 200.0)])).range_of("a", "capex")
    behind = rule(made_world([*rows, *two_years("a", "backlog", 20.0, 22.0)])).range_of("a", "capex")
    assert plain.high == pytest.approx(11.0 * 1.1 * 1.15), "least width"
    assert modest.high == pytest.approx(11.0 * 1.8, rel=2e-3)
    assert large.high == pytest.approx(11.0 * 2.0, rel=2e-3)
    assert (behind.low, behind.high) == (plain.low, plain.high)
    assert "backlog" in modest.rule


def test_a_backlog_of_a_year_is_a_floor_for_revenue() -> None:
    rows = two_years("a", "revenue", 100.0, 100.0)
    without = rule(made_world([*rows, *two_years("a", "backlog", 90.0, 90.0)])).range_of("a", "revenue")
    covered = rule(made_world([*rows, *two_years("a", "backlog", 110.0, 110.0)])).range_of("a", "revenue")
    assert without.low == pytest.approx(90.0)
    assert covered.low == pytest.approx(100.0)


def test_a_fast_part_speeds_up_the_whole_by_its_share() -> None:
    rows = two_years("a", "revenue", 100.0, 120.0) + two_years("a", "cloud_revenue", 20.0, 40.0)
    found = rule(made_world(rows)).range_of("a", "revenue")
    # a third at 100 %, the rest standing still
    assert found.high == pytest.approx(120.0 * (1 + 2 / 3), rel=2e-3)
    assert "mix" in found.inputs


def test_run_rates_count_as_a_record_within_the_year() -> None:
    rates = [("arr_usd_bn", "a", "2024-12-31", 5.0), ("arr_usd_bn", "a", "2025-12-31", 20.0)]
    found = rule(made_world(two_years("a", "revenue", 4.0, 12.0), rates)).range_of("a", "revenue")
    assert found.rule.startswith("quarters on record")
    assert found.high == pytest.approx(12.0 * 4.0, rel=2e-3)


def test_guidance_of_the_year_replaces_growth() -> None:
    stated = ("guidance_capex_a_2026", 30.0, 32.0, 40.0, "capital spending of 2026")
    found = rule(made_world(two_years("a", "capex", 10.0, 11.0), parameters=[stated])).range_of("a", "capex")
    assert (found.low, found.high) == pytest.approx((0.85 * 32.0, 40.0))
    assert found.rule.startswith("guidance")


@pytest.mark.parametrize(("use", "widened"), [("plan 2025-2029", True), ("plan 2019-2023", False), ("a plan", False)])
def test_a_capital_plan_that_covers_the_year_only_widens(use: str, widened: bool) -> None:
    rows = two_years("a", "capex", 10.0, 11.0)
    plain = rule(made_world(rows)).range_of("a", "capex")
    planned = rule(made_world(rows, parameters=[("capital_plan_a", None, 100.0, None, use)])).range_of("a", "capex")
    assert planned.low == plain.low
    assert planned.high == pytest.approx(20.0 if widened else plain.high)


def test_plan_spans_are_read_from_words() -> None:
    assert plan_span("AEP five-year plan of early 2025") == (2025, 2029)
    assert plan_span("Dominion 2025-2029") == (2025, 2029)
    assert plan_span("through 2032") is None


def test_what_came_after_the_as_of_date_changes_nothing() -> None:
    rows = two_years("a", "revenue", 100.0, 140.0)
    later = [("a", "FY2026", "2026-12-31", "revenue", 999.0), ("a", "2026Q1", "2026-03-31", "backlog", 9999.0)]
    known = rule(made_world(rows)).range_of("a", "revenue")
    assert rule(made_world([*rows, *later])).range_of("a", "revenue") == known


def test_faster_growth_never_lowers_a_range() -> None:
    def ends(rate: float) -> tuple[float, float]:
        return rates_ahead([Growth("year", rate, "", "A", "")])[1:]

    rates = [-0.6, -0.2, 0.0, 0.1, 0.5, 2.0]
    both = [ends(rate) for rate in rates]
    assert both == sorted(both)
    assert [high for _, high in both] == sorted(high for _, high in both)
    assert all(low <= rate <= high for (low, high), rate in zip(both, rates, strict=True))


def test_the_largest_companies_are_chosen_by_capex_and_ai_else_cloud_revenue() -> None:
    rows = [
        ("a", "FY2025", "2025-12-31", "capex", 5.0),
        ("b", "FY2025", "2025-12-31", "cloud_revenue", 9.0),
        ("c", "FY2025", "2025-12-31", "ai_revenue", 1.0),
        ("c", "FY2025", "2025-12-31", "cloud_revenue", 50.0),
        ("d", "FY2025", "2025-12-31", "revenue", 70.0),
    ]
    assert anchored_companies(made_world(rows)) == ["b", "a", "c"]
    assert anchored_companies(made_world(rows), 1) == ["b"]


def test_the_bundled_world_has_a_range_or_a_reason_for_every_row(bundled: World) -> None:
    table = anchor_ranges(bundled)
    companies = anchored_companies(bundled)
    assert len(companies) == 25
    assert list(zip(table["company"], table["metric"], strict=True)) == [(c, m) for c in companies for m in METRICS]
    known = table[table["low_usd_bn"].notna()]
    assert (known["low_usd_bn"] > 0.0).all()
    assert (known["low_usd_bn"] < known["high_usd_bn"]).all()
    assert known["grade"].isin(list(GRADES)).all()
    assert (known["source"] != "").all() and (known["inputs"] != "").all()
    assert table.loc[table["low_usd_bn"].isna(), "rule"].str.startswith("no range").all()
    sources = set(bundled.table("sources")["id"])
    assert {name for text in known["source"] for name in text.split(";")} <= sources


def test_ranges_are_the_same_again_and_from_a_world_that_travelled(bundled: World) -> None:
    again = pickle.loads(pickle.dumps(bundled))
    pd.testing.assert_frame_equal(anchor_ranges(bundled), anchor_ranges(again))
