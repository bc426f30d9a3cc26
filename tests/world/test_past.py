"""The world of a past day: nothing later is in it, for any day, and its own rows are dated and graded."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from penstock.errors import InputError, UsageError
from penstock.world import World, load_world
from penstock.world.exporting import new_world
from penstock.world.past import DATE_OF_ROW, day_of_tie, rows_known

DAY = dt.date(2024, 12, 31)
DAYS = {"ai-2024": DAY, "ai-2022": dt.date(2022, 12, 31)}


@pytest.fixture(scope="module")
def past() -> World:
    return load_world("ai-2024")


@pytest.fixture(scope="module")
def earlier() -> World:
    return load_world("ai-2022")


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return load_world().tables | {name: load_world().every_row(name) for name in ("parameters", "booms", "contracts")}


def later_rows(frames: dict[str, pd.DataFrame], day: dt.date) -> list[str]:
    found = [
        f"{name} {text}"
        for name, column in DATE_OF_ROW.items()
        for text in frames[name][column].dropna()
        if text > day.isoformat()
    ]
    found += [f"contracts {text}" for text in day_of_tie(frames["contracts"]).dropna() if text > day.isoformat()]
    return found + [f"chips {year}" for year in frames["chips"]["year"].dropna() if year > day.year]


@pytest.mark.parametrize("name", DAYS)
def test_no_row_is_later_than_the_day(name: str) -> None:
    world, day = load_world(name), DAYS[name]
    frames = world.tables | {name: world.every_row(name) for name in ("parameters", "booms", "contracts")}
    assert world.as_of == day
    assert later_rows(frames, day) == []
    assert frames["chips"]["units_2025"].isna().all()
    for table in world.rules.values():
        if "known_from" in table:
            assert (table["known_from"] <= day.isoformat()).all()


@pytest.mark.parametrize("name", DAYS)
def test_a_rule_of_a_later_day_is_refused(name: str) -> None:
    before = DAYS[name] - dt.timedelta(days=90)
    with pytest.raises(InputError, match=rf"known_from: found {DAYS[name].year}-1\d-\d\d; expected a day not after"):
        load_world(name, as_of=before)


def test_a_parameter_of_a_later_day_is_refused(earlier: World) -> None:
    assert earlier.parameter("spread_b").central == 520
    with pytest.raises(UsageError, match="found 'gas_turbine_lead_time'; expected a name of parameters"):
        earlier.parameter("gas_turbine_lead_time")


def test_the_firms_that_spend_most_are_known_by_their_statements(earlier: World) -> None:
    figures = earlier.figures()
    needed = ["revenue", "net_income", "operating_cash_flow", "capex", "cash_and_investments", "total_assets"]
    filled = [
        firm
        for firm, rows in figures.groupby(level=0)
        if set(needed) <= set(rows.index.get_level_values(1)) and set(rows.xs(firm)["grade"][needed]) <= set("ABCD")
    ]
    spenders = {"microsoft", "alphabet", "amazon", "meta", "oracle", "apple", "amd", "intel", "tsmc", "micron", "asml"}
    assert spenders <= set(filled)
    assert len(filled) >= 50


def test_every_tie_of_the_earlier_world_has_a_day(earlier: World) -> None:
    ties = earlier.every_row("contracts").set_index("id")
    assert day_of_tie(ties).notna().all()
    by_rule = ties[ties["evidence"] == "assumption"]
    assert len(by_rule) > 25
    assert by_rule[["amount_usd_bn", "annual_usd_bn", "quantity"]].isna().all().all()
    assert "supermicro_xai_servers" not in ties.index
    assert ties.loc["d_eq_msft_openai", "amount_usd_bn"] == 3.0


@pytest.mark.parametrize("day", [dt.date(2021, 6, 30), dt.date(2023, 12, 31), dt.date(2025, 6, 30)])
def test_the_rule_holds_for_any_day(tables: dict[str, pd.DataFrame], day: dt.date) -> None:
    assert later_rows(rows_known(tables, day), day) == []


def test_a_later_day_knows_at_least_as_much(tables: dict[str, pd.DataFrame]) -> None:
    sizes = [
        {name: len(frame) for name, frame in rows_known(tables, dt.date(year, 12, 31)).items()}
        for year in (2022, 2023, 2024)
    ]
    assert all(before[name] <= after[name] for before, after in pairwise(sizes) for name in before)


def test_a_tie_of_no_known_day_stands_without_its_sums_and_is_assumed(past: World) -> None:
    ties = past.every_row("contracts")
    undated = ties[day_of_tie(ties).isna()]
    assert len(undated) > 10
    assert undated[["amount_usd_bn", "annual_usd_bn", "quantity"]].isna().all().all()
    assert set(undated["grade"]) == {"F"}


def test_power_at_a_site_is_what_was_on_then(past: World) -> None:
    sites = past.table("sites").set_index("id")["it_mw_2025"]
    points = load_world().every_row("series")
    points = points[(points["series"] == "site_it_mw") & (points["date"] <= DAY.isoformat())].sort_values("date")
    for site, value in points.groupby("entity")["value"].last().items():
        if site in sites.index:
            assert sites[site] == value
    assert "xai_colossus_2" not in sites.index


@pytest.mark.parametrize("name", DAYS)
def test_recalled_rows_never_replace_a_row_of_the_tables(name: str) -> None:
    keys = ["company_id", "period", "period_end", "metric"]
    base = load_world().every_row("financials").set_index(keys)
    own = load_world(name).every_row("financials").set_index(keys)
    shared = own.index.intersection(base.index)
    pd.testing.assert_series_equal(own.loc[shared, "value"], base.loc[shared, "value"])
    assert set(own.loc[own.index.difference(base.index), "grade"]) <= {"D", "E"}


def test_a_past_world_can_be_seen_on_another_day_that_it_reaches() -> None:
    later = load_world("ai-2024", as_of="2025-03-31")
    assert later.table("series")["date"].max() <= "2025-03-31"
    with pytest.raises(UsageError, match="expected a day up to 2025-12-31"):
        load_world("ai-2024", as_of="2026-01-31")
    with pytest.raises(InputError, match=r"known_from: found 2024-10-31; expected a day not after"):
        load_world("ai-2024", as_of="2024-06-30")


def test_a_copy_holds_the_rows_of_the_past(past: World, tmp_path: Path) -> None:
    new_world(tmp_path / "mine", "ai-2024")
    copy = load_world(tmp_path / "mine")
    assert copy.as_of == DAY
    assert copy.hash == past.hash
