"""The tables of the report say what the frames of the run say, on cases small enough to count by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fixture_run import EVENT_COLUMNS, OUTCOME_COLUMNS, QUARTERS, FixtureRun, fixture_run

from penstock.report import tables
from penstock.report.source import read_run


def capex(*path: float) -> tables.Grid:
    values = np.array([path])
    return tables.Grid(values, np.array([0]), QUARTERS[: values.shape[1]])


def with_failures(outcomes: list[tuple[int, str, str]], ties: list[tuple[int, str, str, str]]) -> FixtureRun:
    """outcomes: path, company, default quarter; ties: path, company, the same quarter, who pulled it down."""
    run = fixture_run(4, defaults=False)
    outcome = [
        ["baseline", path, company, "bond", quarter, quarter, "liquidation", 0.5, 0.5, "", 1.0, 0.1, 0.1]
        for path, company, quarter in outcomes
    ]
    causes = {(path, company, quarter): cause for path, company, quarter, cause in ties}
    event = [
        ["baseline", path, quarter, k, company, "standstill", "tie" if cause else "market", f"tie_{k}", cause, "", 1.0]
        for k, (path, company, quarter) in enumerate(outcomes)
        for cause in [causes.get((path, company, quarter), "")]
    ]
    return replace(
        run,
        outcomes=pd.DataFrame(outcome, columns=OUTCOME_COLUMNS),
        events=pd.DataFrame(event, columns=EVENT_COLUMNS),
    )


def test_a_fall_of_forty_per_cent_soon_after_the_peak_is_a_bust() -> None:
    assert tables.capex_falls(capex(*[10.0] * 4, *[20.0] * 4, *[11.0] * 4)).all()


def test_a_smaller_fall_is_none() -> None:
    assert not tables.capex_falls(capex(*[10.0] * 4, *[20.0] * 4, *[12.5] * 12)).any()


def test_a_slow_fall_is_none() -> None:
    slow = [20.0 - 0.45 * k for k in range(36)]
    assert slow[-1] < 0.6 * slow[0]
    assert not tables.capex_falls(capex(*[20.0] * 4, *slow)).any()


def test_one_low_quarter_is_no_bust_because_four_are_averaged() -> None:
    assert not tables.capex_falls(capex(*[20.0] * 8, 1.0, *[20.0] * 8)).any()


def test_a_run_too_short_for_a_mean_has_no_bust() -> None:
    assert not tables.capex_falls(capex(20.0, 1.0, 1.0)).any()


def test_a_flow_is_summed_and_a_stock_is_read_at_the_end_of_each_full_year() -> None:
    grid = capex(*range(1, 11))
    summed, years = grid.yearly_sum()
    ends, _ = grid.year_end()
    assert years == ("2026", "2027")
    assert summed.tolist() == [[10.0, 26.0]]
    assert ends.tolist() == [[4.0, 8.0]]


def test_defaults_count_companies_once_whatever_their_instruments() -> None:
    run = with_failures([(1, "xai", "2027Q1"), (1, "xai", "2026Q4"), (3, "oracle", "2030Q2")], [])
    data = read_run(run)
    assert tables.defaults_per_path(data, "baseline").tolist() == [0.0, 1.0, 0.0, 1.0]
    first = tables.first_defaults(data, "baseline").set_index("company_id")["quarter"]
    assert first["xai"] == "2026Q4"


def test_missing_default_quarters_are_no_defaults() -> None:
    run = with_failures([(0, "xai", "2027Q1")], [])
    outcomes = run.outcomes.astype({"default_quarter": object})
    outcomes.loc[0, "default_quarter"] = None
    assert tables.first_defaults(read_run(replace(run, outcomes=outcomes)), "baseline").empty


def test_a_chain_is_as_long_as_its_companies() -> None:
    fallen = [
        (2, "coreweave", "2027Q1"),
        (2, "vantage", "2027Q2"),
        (2, "aligned", "2027Q3"),
        (2, "xai", "2030Q1"),
    ]
    ties = [(2, "vantage", "2027Q2", "coreweave"), (2, "aligned", "2027Q3", "vantage")]
    chains = tables.longest_chains(read_run(with_failures(fallen, ties)), "baseline")
    assert chains.tolist() == [0.0, 0.0, 3.0, 0.0]


def test_a_chain_starts_where_the_cause_has_not_defaulted_before() -> None:
    fallen = [(0, "xai", "2027Q1"), (1, "xai", "2027Q1"), (1, "oracle", "2027Q1")]
    ties = [(0, "xai", "2027Q1", "nvidia"), (1, "xai", "2027Q1", "oracle"), (1, "oracle", "2027Q1", "xai")]
    chains = tables.longest_chains(read_run(with_failures(fallen, ties)), "baseline")
    assert chains.tolist() == [1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("by", ["year", "quarter"])
def test_binding_shares_add_to_one_in_every_period(by: str) -> None:
    table = tables.binding_shares(read_run(fixture_run(20)), "baseline", by)
    totals = table.groupby("period")["share"].sum()
    assert len(totals) == (10 if by == "year" else 40)
    np.testing.assert_allclose(totals, 1.0)


def test_binding_shares_count_paths() -> None:
    run = fixture_run(8)
    table = tables.binding_shares(read_run(run), "baseline", "quarter")
    first = run.economy[run.economy["quarter"] == "2026Q1"]
    expected = (first["binding"] == "power").mean()
    found = table[(table["period"] == "2026Q1") & (table["binding"] == "power")]["share"].iloc[0]
    assert found == pytest.approx(expected)


def test_bands_are_the_quantiles_of_the_paths() -> None:
    run = fixture_run(50)
    rows = tables.fan_rows(tables.economy_grid(read_run(run), "baseline", "capex_usd_bn"))
    last = run.economy[run.economy["quarter"] == QUARTERS[-1]]["capex_usd_bn"]
    assert rows[-1][0] == QUARTERS[-1]
    np.testing.assert_allclose(rows[-1][1:6], last.quantile([0.05, 0.25, 0.5, 0.75, 0.95]))


def test_other_regions_are_not_added_to_the_world() -> None:
    run = fixture_run(6)
    part = run.economy.assign(region="us", capex_usd_bn=np.nan)
    both = replace(run, economy=pd.concat([run.economy, part], ignore_index=True))
    before = tables.economy_grid(read_run(run), "baseline", "capex_usd_bn").values
    after = tables.economy_grid(read_run(both), "baseline", "capex_usd_bn").values
    np.testing.assert_array_equal(before, after)
