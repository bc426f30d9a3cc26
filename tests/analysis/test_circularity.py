"""Circular money of a world and of a simulated year, through Python and the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import penstock as ps
from penstock.analysis import circularity as analysis
from penstock.analysis.circularity import Circularity
from penstock.analysis.circularity_tables import legs_table, loops_table, network_of
from penstock.analysis.money_ties import STAGES, world_money
from penstock.analysis.money_year import MoneyYear, money_of, simulated_money
from penstock.analysis.simulated_loops import simulated_circularity, year_ties
from penstock.analysis.staged_loops import staged_loops
from penstock.cli.main import main
from penstock.engine import run as runs
from penstock.engine.begin import trend_of
from penstock.engine.model import Model, prepare
from penstock.engine.progress import silent
from penstock.errors import InputError, UsageError
from penstock.scenarios import compile_program, load_scenario
from penstock.world import World, load_world
from penstock.world.schema import SCHEMA

AS_OF = "2025-12-31"


@cache
def bundled() -> World:
    return load_world()


@cache
def whole() -> Circularity:
    return ps.circularity(bundled())


def hand_made(*ties: dict[str, Any], revenue: dict[str, float] | None = None) -> World:
    """A world of a few firms with these ties: unknown cells are empty, dates in the past, filings as sources."""
    world = bundled()
    tables = {name: world.every_row(name) for name in SCHEMA}
    firms = sorted({str(tie[end]) for tie in ties for end in ("provider_id", "receiver_id")} | set(revenue or {}))
    template = tables["companies"][tables["companies"]["id"] == "openai"]
    tables["companies"] = pd.concat([template.assign(id=firm, name=firm.title()) for firm in firms] or [template])
    figures = tables["financials"][tables["financials"]["metric"] == "revenue"].tail(1)
    told = [
        figures.assign(company_id=firm, period="FY2025", period_end=AS_OF, metric=metric, value=amount, unit="usd_bn")
        for firm, sold in (revenue or {}).items()
        for metric, amount in (("revenue", sold), ("market_cap", 10.0 * sold))
    ]
    tables["financials"] = pd.concat(told) if told else figures.head(0)
    empty = dict.fromkeys(tables["contracts"].columns)
    usual = {"announced": "2024-01-15", "binding": "firm", "status": "completed", "evidence": "page", "grade": "A"}
    rows = [empty | usual | {"source_id": "a_m_roster", "confidence": "high", "note": ""} | tie for tie in ties]
    made = pd.DataFrame(rows, columns=tables["contracts"].columns)
    tables["contracts"] = made.astype(dict(tables["contracts"].dtypes.items()))
    for name in ("sites", "power", "chips", "series"):
        tables[name] = tables[name].head(0)
    return World("hand_made", world.as_of, repr(rows), tables)


def tie(name: str, kind: str, provider: str, receiver: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "kind": kind, "provider_id": provider, "receiver_id": receiver, **more}


THREE = (
    tie("stake", "equity", "maker", "lab", amount_usd_bn=10.0, share=0.1),
    tie("rent", "compute", "cloud", "lab", amount_usd_bn=8.0),
    tie("chips", "supply", "maker", "cloud", annual_usd_bn=6.0, status="active"),
)
REVENUE = {"maker": 60.0, "cloud": 16.0, "lab": 4.0}


def loops_and_legs(*ties: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of a hand-made world, no estimates of an opening state in them."""
    money = world_money(hand_made(*ties))
    network = network_of(money.table)
    levels = [np.stack([money.capacity(stage, level) for stage in STAGES]) for level in ("", "low", "high")]
    loops = staged_loops(network, *levels)
    return loops_table(network, money.table, loops), legs_table(network, money.table, loops)


# ------------------------------------------------------------------ by hand


def test_three_firms_by_hand() -> None:
    """The maker puts 10 into the lab, which pays 8 to the cloud, which buys chips for 6 of the maker: 6 go round."""
    found = ps.circularity(hand_made(*THREE, revenue=REVENUE))
    (loop,) = found.loops.to_dict(orient="records")
    assert (loop["usd_bn"], loop["low_usd_bn"], loop["high_usd_bn"]) == (6.0, 6.0, 6.0)
    assert (loop["kind"], loop["stage"], loop["ties"]) == ("financed", "paid", "stake; rent; chips")
    assert loop["companies"] == "maker > lab > cloud > maker"
    rows = found.companies.set_index("company_id")
    # the maker's own money comes back; the cloud was paid with an ally's
    assert rows.loc["maker", ["financed_usd_bn", "own_usd_bn", "allies_usd_bn"]].tolist() == [6.0, 6.0, 0.0]
    assert rows.loc["cloud", ["financed_usd_bn", "own_usd_bn", "allies_usd_bn"]].tolist() == [6.0, 0.0, 6.0]
    assert rows.loc["maker", "share"] == pytest.approx(0.1, abs=1e-12)
    assert rows.loc["cloud", "share"] == pytest.approx(6.0 / 16.0, abs=1e-12)
    assert rows.loc["cloud", "revenue_netted_usd_bn"] == pytest.approx(10.0, abs=1e-12)
    assert rows.loc["cloud", "value_netted_usd_bn"] == pytest.approx(160.0 * (1.0 - 6.0 / 16.0), abs=1e-9)
    assert found.whole["financed_share"] == pytest.approx(12.0 / 76.0, abs=1e-12)
    legs = found.legs.set_index("tie_id")
    assert legs["usd_bn"].tolist() == [6.0, 6.0, 6.0] and legs["paid_usd_bn"].tolist() == [6.0, 6.0, 6.0]
    assert legs["tie_usd_bn"].to_dict() == {"stake": 10.0, "rent": 8.0, "chips": 6.0}


def test_a_part_of_a_deal_is_not_told_again() -> None:
    part = tie("rent_part", "compute", "cloud", "lab", amount_usd_bn=5.0, included_in="rent")
    framework = tie("frame", "equity", "maker", "lab", amount_usd_bn=4.0, included_in="stake")
    loops, legs = loops_and_legs(*THREE, part, framework)
    assert loops["usd_bn"].tolist() == [6.0]
    assert not {"rent_part", "frame"} & set(legs["tie_id"])


def test_a_second_way_back_shares_the_investors_money() -> None:
    second = tie("direct", "supply", "maker", "lab", amount_usd_bn=7.0)
    loops, legs = loops_and_legs(*THREE, second)
    assert loops["usd_bn"].sum() == pytest.approx(10.0, abs=1e-9)
    used, whole_tie = legs.groupby("tie_id")["usd_bn"].sum(), legs.groupby("tie_id")["tie_usd_bn"].first()
    assert used["stake"] == pytest.approx(10.0, abs=1e-9)
    assert (used <= whole_tie + 1e-9).all()


def test_stages_of_money() -> None:
    """Paid 2 of 8 for compute by now; a stake that is only announced; a letter of intent."""
    running = {**THREE[1], "status": "active", "announced": "2024-12-31", "start": "2025-01-01", "end": "2028-12-31"}
    loops, legs = loops_and_legs(THREE[0], running, THREE[2])
    stages = loops.set_index("stage")["usd_bn"]
    assert set(stages.index) == {"paid", "committed"} and stages.sum() == pytest.approx(6.0, abs=1e-9)
    assert 0.0 < stages["paid"] < 8.0 / 4.0 + 1e-9
    assert (legs.loc[legs["loop"] == 1, "committed_usd_bn"] == 0.0).all()
    announced = {**THREE[0], "status": "announced"}
    assert loops_and_legs(announced, *THREE[1:])[0]["stage"].tolist() == ["committed"]
    intent = {**THREE[0], "binding": "intent", "status": "announced"}
    loops, _ = loops_and_legs(intent, *THREE[1:])
    assert loops[["stage", "binding"]].to_numpy().tolist() == [["intended", "intent"]]


def test_an_estimated_amount_carries_its_range() -> None:
    """A sum that its note calls an upper bound counts for four fifths, three to five fifths."""
    loose = {**THREE[2], "note": "all sales of the line, an upper bound"}
    (loop,) = loops_and_legs(*THREE[:2], loose)[0].to_dict(orient="records")
    told = [loop[name] for name in ("usd_bn", "low_usd_bn", "high_usd_bn")]
    assert told == pytest.approx([4.8, 3.6, 6.0], abs=1e-9)
    assert loop["grade"] == "F"
    recalled = {**THREE[2], "evidence": "memory", "grade": "E"}
    (loop,) = loops_and_legs(*THREE[:2], recalled)[0].to_dict(orient="records")
    assert [loop["low_usd_bn"], loop["usd_bn"], loop["high_usd_bn"]] == pytest.approx([5.1, 6.0, 6.9], abs=1e-9)


def test_without_one_tie_there_is_no_loop() -> None:
    for gone in range(3):
        assert loops_and_legs(*(one for number, one in enumerate(THREE) if number != gone))[0].empty
    for status in ("terminated", "superseded", "proposed"):
        assert loops_and_legs(THREE[0], {**THREE[1], "status": status}, THREE[2])[0].empty, status


def test_a_guarantee_and_an_acquisition_put_no_money_in() -> None:
    for kind in ("guarantee", "acquisition"):
        assert loops_and_legs({**THREE[0], "kind": kind}, *THREE[1:])[0].empty, kind
    for kind in ("loan", "vendor_financing"):
        assert loops_and_legs({**THREE[0], "kind": kind}, *THREE[1:])[0]["usd_bn"].tolist() == [6.0], kind


def test_a_world_without_ties_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        ps.circularity(hand_made(tie("over", "loan", "maker", "lab", amount_usd_bn=1.0, status="terminated")))
    assert str(caught.value) == (
        "contracts.csv: found no tie in force on 2025-12-31; expected ties between companies, of which loops of money "
        "are made"
    )


# ------------------------------------------------------------------ the bundled world


def test_no_dollar_of_the_bundled_world_is_told_twice() -> None:
    legs = whole().legs
    by_tie = legs.groupby("tie_id").agg({"usd_bn": "sum", "tie_usd_bn": "first"})
    assert (by_tie["usd_bn"] <= by_tie["tie_usd_bn"] + 1e-9).all()
    stages = legs[["paid_usd_bn", "committed_usd_bn", "intended_usd_bn"]].sum(axis=1)
    assert np.allclose(stages, legs["usd_bn"], atol=1e-9)
    firm = legs.merge(whole().loops[["loop", "stage"]], on="loop")
    assert (firm.loc[firm["stage"] == "paid", ["committed_usd_bn", "intended_usd_bn"]] == 0.0).all().all()
    assert (whole().loops["low_usd_bn"] <= whole().loops["usd_bn"] + 1e-12).all()
    assert (whole().loops["usd_bn"] <= whole().loops["high_usd_bn"] + 1e-12).all()


def test_the_loops_that_the_press_names_are_there() -> None:
    """amazon and anthropic, nvidia and openai (a letter of intent), amd's warrants for openai's orders."""
    loops = whole().loops.set_index("ties")
    assert loops.loc["d_eq_amzn_anth; d_co_amzn_anth", "stage"] == "paid"
    assert loops.loc["d_eq_amzn_anth; d_co_amzn_anth", "usd_bn"] == pytest.approx(5.0)
    assert loops.loc["d_vf_nvda_openai; d_su_nvda_openai", ["stage", "binding"]].tolist() == ["intended", "intent"]
    warrants = loops.loc["d_wa_amd_openai; d_su_amd_openai"]
    assert warrants["stage"] == "committed" and warrants["low_usd_bn"] == 0.0 < warrants["usd_bn"]
    assert whole().whole["low_share"] <= whole().whole["financed_share"] <= whole().whole["high_share"] < 0.05


# ------------------------------------------------------------------ a simulated year


@cache
def model() -> Model:
    return prepare(bundled())


def money(quarters: int = 4, **entries: Any) -> MoneyYear:
    """2026 on four paths of a run of this length under a variant of the baseline."""
    plan = load_scenario({"name": "variant", "extends": "baseline", **entries}, bundled())
    program = compile_program(plan, model().first_quarter, quarters)
    longer = replace(model(), program=program, trend=trend_of(model().facts, quarters))
    return simulated_money(longer, "2026Q4", 4)


@cache
def year() -> MoneyYear:
    return money()


def test_a_year_is_the_same_whatever_comes_after_it() -> None:
    longer = money(quarters=9)
    for name in ("billed", "interest", "paid_out", "drawn", "invested", "vendor_credit", "value"):
        assert np.array_equal(getattr(year(), name), getattr(longer, name)), name
    assert year().when == "2026Q1 to 2026Q4"


def test_a_simulated_year_tells_no_dollar_twice_and_adds_up() -> None:
    table, amounts = year_ties(year())
    found = simulated_circularity(year())
    mean = dict(zip(table["tie_id"], amounts.mean(axis=1), strict=True))
    for name, used in found.legs.groupby("tie_id")["usd_bn"].sum().items():
        assert used <= mean[str(name)] + 1e-9, name
    totals = found.totals.set_index("kind")["usd_bn"]
    assert found.loops.groupby("kind")["usd_bn"].sum()["financed"] == pytest.approx(totals["financed"], abs=1e-3)
    assert set(found.loops["stage"]) == {"paid"} and (found.loops["share_of_paths"] > 0.0).all()


def test_a_ban_on_vendor_finance_ends_its_loops() -> None:
    banned = money(policy={"vendor_finance_cap": 0.0})
    assert year().vendor_credit.sum() > 0.0 == banned.vendor_credit.sum()
    assert not any(name.startswith("credit:") for name in simulated_circularity(banned).legs["tie_id"])


def test_a_quarter_must_be_one_of_the_run() -> None:
    with pytest.raises(UsageError) as caught:
        simulated_money(year().model, "2031Q1", 4)
    assert str(caught.value) == ("--quarter: found '2031Q1'; expected a quarter from 2026Q1 to 2026Q4; nearest 2026Q4")
    with pytest.raises(UsageError, match="expected --run or --scenario beside it"):
        money_of(bundled(), scenario=None, quarter="2026Q4", paths=4, quarters=4, seed=7, prior=False, jobs=1,
                 on_progress=silent)  # fmt: skip


# ------------------------------------------------------------------ the command


def test_the_command_tells_loops_with_their_ties(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # computed once for all tests
    monkeypatch.setattr(analysis, "circularity", lambda *_, **__: whole())
    assert main(["circularity", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "not a forecast" in told["notice"]
    loops, legs = told["result"]["loops"], told["result"]["legs"]
    assert {leg["loop"] for leg in legs} == {loop["loop"] for loop in loops}
    first = [leg["tie_id"] for leg in legs if leg["loop"] == loops[0]["loop"]]
    assert "; ".join(first) == loops[0]["ties"]
    assert told["result"]["whole"]["financed_share"] == pytest.approx(whole().whole["financed_share"])


def test_the_command_reads_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ps.simulate(bundled(), paths=3, quarters=2)
    monkeypatch.setattr(runs, "open_run", lambda *_, **__: run)
    assert main(["circularity", "--run", "there", "--quarter", "2026Q1", "-j", "1", "-o", str(tmp_path / "t")]) == 0
    printed = capsys.readouterr().out
    assert "baseline, 2026Q1, 3 paths" in printed and "not a forecast" in printed
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == [
        "companies.parquet", "legs.parquet", "loops.parquet", "totals.parquet"
    ]  # fmt: skip
    assert main(["circularity", "--run", "there", "--scenario", "nonsense", "-j", "1"]) == 2
    assert "scenario: found 'nonsense'; expected one of baseline" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("circularity --quarter 2027Q1", 2,
         "--quarter: found it without a run or a scenario; expected --run or --scenario beside it"),
        ("circularity --run nowhere", 2, "run: found 'nowhere'; expected the directory of a run"),
        ("follow", 2, "--dollar: found nothing; expected a dollar of users, of AI capex or of a company (see `penstock "
         "follow --help`)"),
        ("follow --dollar opnai", 2,
         "company: found 'opnai'; expected an id, ticker, name or a unique part of one; nearest openai"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_and_nothing_is_written(
    line: str, code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main([*line.split(), "--no-progress"]) == code
    captured = capsys.readouterr()
    assert captured.err == f"penstock: {message}\n" and captured.out == ""
    assert not list(tmp_path.iterdir())
