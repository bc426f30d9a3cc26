"""Formulas of the back-test on paths made by hand, whose answers are known; and how facts are read and scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.analysis.backtest_formulas import FORMULAS, value_of, years_of
from penstock.analysis.backtest_outcomes import COLUMNS, FactPart, facts_of
from penstock.analysis.backtest_paths import ScoredPaths
from penstock.analysis.backtest_telecom import FactScore, score
from penstock.errors import InputError, UsageError

QUARTERS = tuple(f"{year}Q{quarter}" for year in (2000, 2001, 2002) for quarter in (1, 2, 3, 4))
FIRMS = ("builder", "local", "maker", "rich")
YEAR = np.repeat([0, 1, 2], 4)


def part(formula: str, **more: Any) -> FactPart:
    base: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    numbers = {"low": 0.0, "high": 1.0, "share_needed": 0.3, "headline": True}
    return FactPart(**{**base, **numbers, "fact": "1", "part": "p", "formula": formula, **more})


def steady(value: float) -> np.ndarray:
    return np.full((len(QUARTERS), len(FIRMS), 2), value)


def paths(**changes: Any) -> ScoredPaths:
    """Two paths of four firms over three years; nothing happens unless told."""
    company = {
        name: steady(1.0)
        for name in ("revenue_usd_bn", "capex_usd_bn", "profit_usd_bn", "debt_usd_bn", "market_value_usd_bn")
    }
    company["failed"] = steady(0.0)
    empty = np.zeros(0)
    losses = {name: empty for name in ("path", "quarter", "company_id", "creditor_id", "instrument")}
    losses |= {"claim_usd_bn": empty, "loss_usd_bn": empty}
    made = ScoredPaths(
        quarters=QUARTERS,
        firms=FIRMS,
        layer=("platform", "platform", "silicon", "silicon"),
        group=("neocloud", "neocloud", "chip_designer", "chip_designer"),
        roles=(("carrier",), ("clec", "isp"), ("equipment",), ("equipment",)),
        rating=("BB", "CCC", "A", "AA"),
        debt_opening=np.array([3.0, 1.0, 1.0, 0.0]),
        value_opening=np.array([10.0, 5.0, 20.0, 40.0]),
        company=company,
        economy={"tokens_served": np.full((len(QUARTERS), 2), 1.0), "utilisation": np.full((len(QUARTERS), 2), 0.5)},
        recovery={},
        losses=losses,
        flows=np.zeros((3, 2, 2, 2)),
        flow_groups=("platform", "workers"),
    )
    return replace(made, **changes)


def with_company(**measures: np.ndarray) -> ScoredPaths:
    plain = paths()
    return replace(plain, company={**plain.company, **measures})


def failing(**quarters: tuple[int, int]) -> ScoredPaths:
    """Firms that fail in these quarters of the two paths; debt stands at the opening's."""
    failed, debt = steady(0.0), steady(0.0)
    debt[:] = np.array([3.0, 1.0, 1.0, 0.0])[None, :, None]
    for firm, when in quarters.items():
        for lane, first in enumerate(when):
            if first >= 0:
                failed[first:, FIRMS.index(firm), lane] = 1.0
    return with_company(failed=failed, debt_usd_bn=debt)


def by_year(first: float, second: float, third: float) -> np.ndarray:
    return np.array([first, second, third])[YEAR][:, None, None] * steady(1.0)


def test_falls_peaks_and_lows() -> None:
    made = with_company(capex_usd_bn=by_year(10.0, 6.0, 8.0), revenue_usd_bn=by_year(10.0, 4.0, 5.0))
    platform = {"firms": "layer=platform", "measure": "capex_usd_bn"}
    assert value_of(made, part("fall", years="2000>2001-2002", **platform)) == pytest.approx(-0.4)
    assert value_of(made, part("year_of_peak", years="2000-2002", **platform)).tolist() == [2000.0, 2000.0]
    assert value_of(made, part("year_of_low", years="2000-2002", **platform)).tolist() == [2001.0, 2001.0]
    assert value_of(made, part("rebound", years="2000-2002", **platform)) == pytest.approx(8.0 / 6.0)
    beyond = part(
        "fall_beyond", years="2000>2001", measure="revenue_usd_bn|capex_usd_bn", firms="layer=silicon", other="all"
    )
    assert value_of(made, beyond) == pytest.approx(-0.6 + 0.4)
    assert value_of(made, part("level", years="2001", **platform)) == pytest.approx(2 * 4 * 6.0)


def test_default_rates_are_chained_and_weighted_by_debt() -> None:
    # path 0: the local carrier fails in 2001 and the builder in 2002; path 1: nobody
    made = failing(local=(4, -1), builder=(9, -1))
    risky = {"firms": "layer=platform rating>BBB"}
    assert value_of(made, part("default_rate", years="2001", **risky)) == pytest.approx([0.25, 0.0])
    assert value_of(made, part("default_rate", years="2002", **risky)) == pytest.approx([1.0, 0.0])
    assert value_of(made, part("default_rate", years="2001-2002", **risky)) == pytest.approx([1.0, 0.0])
    assert value_of(made, part("default_rate_rise", years="2001-2002", **risky)) == pytest.approx([0.75, 0.0])
    assert value_of(made, part("count_ratio", years="2001>2002", firms="all")).tolist() == [1.0, 0.0]
    assert value_of(made, part("default_count", years="2000-2002", firms="all")).tolist() == [2.0, 0.0]


def test_recoveries_by_year() -> None:
    share = np.full((len(FIRMS), 2), np.nan)
    share[:2, 0] = 0.5, 0.1
    made = replace(failing(local=(4, -1), builder=(9, -1)), recovery={"bond": share})
    told = value_of(made, part("recovery", measure="bond", firms="all", years="2001-2002"))
    assert told[0] == pytest.approx((0.1 * 1.0 + 0.5 * 3.0) / 4.0)
    assert np.isnan(told[1])
    assert value_of(made, part("worst_recovery", measure="bond", firms="all", years="2000-2002"))[0] == 0.1
    assert np.isnan(value_of(made, part("recovery_rebound", measure="bond", firms="all", years="2001-2002"))[1])
    assert value_of(made, part("recovery_rebound", measure="bond", firms="all", years="2001-2002"))[0] == pytest.approx(
        0.4
    )
    assert np.isnan(value_of(made, part("recovery", measure="loan", firms="all", years="2001"))).all()


def test_the_order_of_onsets() -> None:
    profit = steady(1.0)
    profit[6:, 2:, :] = -1.0
    kinds, firms = "default|loss|default", "role=clec|layer=silicon|role=carrier debt>=2"
    told = part("order", measure=kinds, firms=firms)
    made = failing(local=(2, 8), builder=(9, 9))
    made = replace(made, company={**made.company, "profit_usd_bn": profit})
    assert value_of(made, told).tolist() == [1.0, 0.0]
    # a carrier that owes less than 2 bn does not count, nor does an order that is not finished
    small = replace(made, company={**made.company, "debt_usd_bn": made.company["debt_usd_bn"] * 0.3})
    assert value_of(small, told).tolist() == [0.0, 0.0]
    with pytest.raises(InputError, match="found 2 groups; expected 3"):
        value_of(made, part("order", measure=kinds, firms="all|all"))


def test_drawdowns_start_at_the_opening() -> None:
    value = steady(1.0)
    value[:, 3] = 20.0
    value[5:, 2] = 0.5
    made = with_company(market_value_usd_bn=value)
    told = part("drawdown", measure="market_value_usd_bn", firms="ids=maker", years="2000-2002")
    assert value_of(made, told) == pytest.approx(0.5 / 20.0 - 1.0)
    less = part(
        "drawdown_less", measure="market_value_usd_bn", firms="ids=rich", other="layer=silicon", years="2000-2002"
    )
    assert value_of(made, less) == pytest.approx((20.0 / 40.0 - 1.0) - (0.5 / 20.0 - 1.0))
    later = part("drawdown", measure="market_value_usd_bn", firms="ids=maker", years="2001-2002")
    assert value_of(made, later) == pytest.approx(-0.5)


def test_growth_when_a_cascade_begins() -> None:
    traffic = 2.0 ** (np.arange(len(QUARTERS)) / 4.0)
    made = failing(local=(6, -1))
    made = replace(made, economy={**made.economy, "tokens_served": np.stack([traffic, traffic], axis=1)})
    told = value_of(made, part("growth_at_cascade", measure="tokens_served", firms="layer=platform rating>BBB"))
    assert told[0] == pytest.approx(1.0)
    assert np.isnan(told[1])
    assert value_of(made, part("growth", measure="tokens_served", years="2000>2002")) == pytest.approx(1.0)
    assert value_of(made, part("mean_level", measure="utilisation*0.2", years="2001")) == pytest.approx(0.1)


def test_wages_losses_and_firms_that_are_left() -> None:
    flows = np.zeros((3, 2, 2, 2))
    flows[:, 0, 1] = np.array([10.0, 12.0, 9.0])[:, None]
    made = replace(failing(local=(4, -1)), flows=flows)
    jobs = part("flow_drawdown", measure="platform>workers", years="2000-2002")
    assert value_of(made, jobs) == pytest.approx(9.0 / 12.0 - 1.0)
    losses = {
        "path": np.array([0, 0, 1]),
        "quarter": np.array(["2001Q1", "2001Q1", "2001Q2"], dtype=object),
        "company_id": np.array(["local", "builder", "local"], dtype=object),
        "creditor_id": np.array(["maker", "maker", "workers"], dtype=object),
        "instrument": np.array(["receivable", "receivable", "receivable"], dtype=object),
        "claim_usd_bn": np.array([1.0, 3.0, 5.0]),
        "loss_usd_bn": np.array([0.5, 2.5, 5.0]),
    }
    made = replace(made, losses=losses)
    lost = part("loss_share", measure="receivable", firms="layer=silicon", other="layer=platform", years="2000-2002")
    told = value_of(made, lost)
    assert told[0] == pytest.approx(0.75) and np.isnan(told[1])
    more = replace(made, company={**made.company, "revenue_usd_bn": by_year(1.0, 2.0, 3.0)})
    fewer = part("fewer_with_more", measure="revenue_usd_bn", firms="role=clec", years="2000>2002")
    assert value_of(more, fewer).tolist() == [1.0, 0.0]


def test_what_is_not_carried_says_so() -> None:
    assert np.isnan(value_of(paths(), part("not_carried"))).all()
    assert not score(part("not_carried"), value_of(paths(), part("not_carried"))).hit


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"formula": "falls"}, "facts: 1/p: formula: found 'falls'; expected one of "),
        (
            {"formula": "fall", "measure": "capex", "years": "2000>2001", "firms": "all"},
            "measure: found 'capex'; expected a measure of companies; nearest capex_usd_bn",
        ),
        (
            {"formula": "fall", "measure": "capex_usd_bn", "years": "2000>2009", "firms": "all"},
            "years: found 2009; expected a year of the run, 2000 to 2002",
        ),
        (
            {"formula": "fall", "measure": "capex_usd_bn", "years": "2001", "firms": "all"},
            "years: found '2001'; expected a year to start from, as 2000>2002-2003",
        ),
        (
            {"formula": "level", "measure": "capex_usd_bn", "years": "soon", "firms": "all"},
            "years: found 'soon'; expected as 2001, 2001-2003 or 2000>2002-2003",
        ),
        (
            {"formula": "level", "measure": "capex_usd_bn", "years": "2001", "firms": "ids=makers"},
            "firms: found 'makers'; expected a firm of the world; nearest maker",
        ),
        (
            {"formula": "level", "measure": "capex_usd_bn", "years": "2001", "firms": "size>3"},
            "firms: found 'size>3'; expected layer=, group=, role=, ids=, rating>, debt>= or all",
        ),
        (
            {"formula": "level", "measure": "capex_usd_bn", "years": "2001", "firms": "role=lab"},
            "firms: found 'role=lab', which no firm meets; expected conditions that some do",
        ),
        (
            {"formula": "mean_level", "measure": "use", "years": "2001"},
            "measure: found 'use'; expected a measure of the economy",
        ),
    ],
)
def test_bad_facts_are_told(told: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as error:
        value_of(paths(), part(told.pop("formula"), **told))
    assert str(error.value).startswith(message)


def test_years_run_forward() -> None:
    assert years_of("2000>2002-2003") == (2000, [2002, 2003])
    assert years_of("2001") == (None, [2001])
    with pytest.raises(InputError, match="the first year not after the last"):
        years_of("2003-2001")


def test_a_hit_needs_the_median_and_enough_paths() -> None:
    wanted = part("fall", low=0.0, high=1.0, share_needed=0.3)
    assert score(wanted, np.array([-1.0, 0.5, 0.6, 2.0])).hit
    # the median inside, too few paths inside
    assert not score(wanted, np.array([-3.0, -2.0, -1.0, 0.5, 3.0, 4.0, 5.0])).hit
    # half of the paths inside, the median outside
    assert not score(wanted, np.array([0.5, 0.6, 2.0, 3.0, 4.0])).hit
    # a path that says nothing counts as outside
    told = score(wanted, np.array([0.5, np.nan, np.nan, np.nan]))
    assert told.share_in_band == 0.25 and told.share_told == 0.25 and not told.hit
    strict = replace(wanted, share_needed=0.8)
    assert not FactScore("1", (score(wanted, np.full(4, 0.5)), score(strict, np.array([0.5, 0.5, 0.5, 2.0])))).hit


@given(st.lists(st.floats(-2.0, 2.0), min_size=1, max_size=30))
def test_the_interval_holds_the_median(values: list[float]) -> None:
    found = score(part("fall"), np.array(values))
    assert found.low <= found.median <= found.high
    assert 0.0 <= found.share_in_band <= 1.0
    assert found.share_in_band == pytest.approx(np.mean([0.0 <= value <= 1.0 for value in values]))


def test_the_facts_of_the_package_have_formulas() -> None:
    facts = facts_of("telecom-1999")
    assert list(dict.fromkeys(item.fact for item in facts)) == ["1", "2", "4", "6", "8", "10", "11", "13", "15"]
    assert {item.formula for item in facts} <= set(FORMULAS)
    assert all(sum(i.headline for i in facts if i.fact == item.fact) == 1 for item in facts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fact,part\n1,a\n", "facts.csv:1: formula: found no such column; expected fact, part, formula"),
        (",".join(COLUMNS) + "\n", "facts.csv:1: fact: found no row; expected at least one"),
        (
            ",".join(COLUMNS) + "\n1,a,fall,m,all,,2001,low,1,0.3,true,x,y\n",
            "facts.csv:2: low: found 'low'; expected a number",
        ),
        (
            ",".join(COLUMNS) + "\n1,a,fall,m,all,,2001,2,1,0.3,true,x,y\n",
            "facts.csv:2: low: found 2; expected at most high, 1",
        ),
        (
            ",".join(COLUMNS) + "\n1,a,fall,m,all,,2001,0,1,0.3,yes,x,y\n",
            "facts.csv:2: headline: found 'yes'; expected true, false or nothing",
        ),
    ],
)
def test_bad_files_are_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "facts.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        facts_of("telecom-1999", path)
    assert str(error.value).startswith(message)


def test_a_world_without_facts_is_told() -> None:
    with pytest.raises(UsageError, match=r"facts: found no file facts\.csv"):
        facts_of("ai-2025")
