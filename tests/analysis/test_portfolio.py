"""A portfolio over runs written by hand: every figure worked out on paper, and what must hold for any portfolio."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_run import FIRMS, made_up_run

import penstock as ps
from penstock.analysis.currencies import CODES, rates_of
from penstock.analysis.exposure_losses import assumptions
from penstock.analysis.exposures import INSTRUMENTS
from penstock.analysis.portfolio import PortfolioLosses
from penstock.errors import InputError, UsageError

HEADER = "company,instrument,amount,currency,lgd"


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "exposures.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def frame(*rows: tuple[str, str, float] | tuple[str, str, float, str, str]) -> pd.DataFrame:
    return pd.DataFrame([(*row, "", "")[:5] for row in rows], columns=HEADER.split(","))


def figure(found: PortfolioLosses, measure: str, level: float = np.nan, scenario: str = "baseline") -> float:
    table = found.summary
    same_level = table["level"].isna() if np.isnan(level) else table["level"] == level
    chosen = table[(table["scenario"] == scenario) & (table["measure"] == measure) & same_level]
    return float(chosen["value"].iloc[0])


def losses(found: PortfolioLosses, scenario: str = "baseline") -> list[float]:
    table = found.losses[found.losses["scenario"] == scenario].sort_values("path")
    return [float(value) for value in table["loss"]]


BY_HAND = [
    {"path": 3, "company": "alpha", "quarter": "2027Q1", "losses": {"bond": 0.6, "loan": 0.25}},
    {"path": 7, "company": "beta", "quarter": "2028Q4", "losses": {"loan": 0.5, "receivable": 0.8},
     "cause": ("tie", "compute:alpha>beta", "compute:alpha>beta", "alpha")},
    {"path": 7, "company": "alpha", "quarter": "2028Q3", "losses": {"bond": 0.7}},
]  # fmt: skip


def test_twenty_paths_by_hand(tmp_path: Path) -> None:
    run = made_up_run(20, BY_HAND, ends={(3, "alpha"): 2.0, (5, "gamma"): 9.0, (7, "alpha"): 0.0})
    file = write(
        tmp_path,
        "Alpha,bond,100,USD,",
        "ALP,bond,50,,0.4",
        "5493001kjtiigc8y1r12,equity,10,USD,",
        "beta,loan,200,USD,",
        "beta,receivable,30,USD,",
        "gamma,equity,40,USD,",
    )
    found = ps.portfolio(run, file)
    three, five, seven = 60 + 20 + 8, 4, (70 + 20 + 10) + (100 + 24)
    assert losses(found) == pytest.approx([0, 0, 0, three, 0, five, 0, seven, *[0] * 12], rel=1e-12)
    assert figure(found, "expected_loss") == pytest.approx((three + five + seven) / 20, rel=1e-12)
    assert figure(found, "value_at_risk", 0.95) == pytest.approx(three, rel=1e-12)
    assert figure(found, "value_at_risk", 0.99) == pytest.approx(seven, rel=1e-12)
    assert figure(found, "expected_shortfall", 0.95) == pytest.approx(seven, rel=1e-12)
    assert figure(found, "expected_shortfall", 0.99) == pytest.approx(seven, rel=1e-12)
    assert found.exposures.amount == 430.0
    assert found.exposures.placed == found.exposures.rows == 6
    assert found.worst_paths["path"].tolist() == [7]
    assert found.worst_paths["failed"].tolist() == ["Beta Holdings 2028Q4; Alpha Corporation 2028Q3"]
    by_company = found.by_company.set_index("company_id")
    assert by_company["expected_loss"].to_dict() == pytest.approx(
        {"alpha": (88 + 100) / 20, "beta": 124 / 20, "gamma": 4 / 20}
    )
    assert by_company["es95"].to_dict() == pytest.approx({"alpha": 100.0, "beta": 124.0, "gamma": 0.0})
    by_cause = found.by_cause.set_index("cause_id")
    assert by_cause["expected_loss"].to_dict() == pytest.approx(
        {"compute:alpha>beta": 124 / 20, "cash": 188 / 20, "fall_of_value": 4 / 20}
    )
    assert by_cause.loc["compute:alpha>beta", "counterparty_id"] == "alpha"
    how = {(row.company_id, row.matched_by) for row in found.exposures.matched.itertuples()}
    assert {("alpha", "id"), ("alpha", "ticker"), ("alpha", "lei"), ("beta", "id"), ("gamma", "id")} == how


def test_contracts_lose_what_is_still_to_come_as_far_as_nobody_makes_it_good() -> None:
    known = assumptions()
    quarter = 8  # 2028Q1
    failure = {"path": 1, "company": "alpha", "quarter": "2028Q1", "losses": {"lease": 0.5, "supply": 0.7}}
    run = made_up_run(2, [failure])
    held = frame(("alpha", "lease", 1000.0), ("alpha", "lease", 100.0, "", "0.3"), ("alpha", "supply", 1000.0))
    found = ps.portfolio(run, held)
    rent_left = 1.0 - quarter / (4.0 * known["lease_term"].central)
    supply_left = 1.0 - quarter / (4.0 * known["supply_term"].central)
    lease = 1000.0 * rent_left * 0.5 * (1.0 - known["lease_relet"].central) + 100.0 * rent_left * 0.3
    supply = 1000.0 * supply_left * 0.7 * known["supply_value_lost"].central
    assert losses(found) == pytest.approx([0.0, lease + supply], rel=1e-12)
    assert set(found.assumed["name"]) == {"lease_term", "lease_relet", "supply_term", "supply_value_lost"}
    ends = found.assumed.set_index("name")
    at_low = 1000.0 * rent_left * 0.5 * (1.0 - known["lease_relet"].low) + 100.0 * rent_left * 0.3 + supply
    assert ends.loc["lease_relet", "expected_loss_low"] == pytest.approx(at_low / 2.0, rel=1e-12)


def test_a_contract_cut_without_a_default_loses_too() -> None:
    run = made_up_run(1)
    row = run.outcomes.iloc[0].to_dict() | {"instrument": "supply", "loss_fraction": 0.3, "first_distress": "2026Q1"}
    run.outcomes.loc[len(run.outcomes)] = row
    found = ps.portfolio(run, frame(("alpha", "supply", 100.0)))
    assert losses(found) == pytest.approx([100.0 * 0.3 * assumptions()["supply_value_lost"].central])


def test_a_claim_that_a_run_does_not_tell_takes_the_nearest_one() -> None:
    failures = [
        {"path": 0, "company": "alpha", "quarter": "2027Q1", "losses": {"loan": 0.2}},
        {"path": 0, "company": "beta", "quarter": "2027Q1"},
    ]
    run = made_up_run(1, failures)
    assert losses(ps.portfolio(run, frame(("alpha", "bond", 100.0)))) == pytest.approx([20.0])
    recovery = assumptions()["recovery"].central
    assert losses(ps.portfolio(run, frame(("beta", "bond", 100.0)))) == pytest.approx([100.0 * (1.0 - recovery)])
    ended = assumptions()["contract_ended"].central
    left = 1.0 - 4.0 / (4.0 * assumptions()["supply_term"].central)
    lost = assumptions()["supply_value_lost"].central
    assert losses(ps.portfolio(run, frame(("beta", "supply", 100.0)))) == pytest.approx([100.0 * left * ended * lost])


def test_gains_are_not_counted() -> None:
    run = made_up_run(2, ends={(0, "alpha"): 30.0, (1, "alpha"): 4.0})
    assert losses(ps.portfolio(run, frame(("alpha", "equity", 100.0)))) == pytest.approx([0.0, 60.0])


def test_scenarios_stand_side_by_side() -> None:
    failures = [
        {"scenario": "bad", "path": path, "company": "alpha", "quarter": "2027Q1", "losses": {"bond": 0.5}}
        for path in (1, 3)
    ]
    run = made_up_run(4, failures, scenarios=("good", "bad"))
    found = ps.portfolio(run, frame(("alpha", "bond", 100.0)))
    table = found.by_scenario.set_index("scenario")
    assert table["expected_loss"].to_dict() == pytest.approx({"good": 0.0, "bad": 25.0})
    assert table.loc["bad", "difference"] == pytest.approx(25.0)
    assert table.loc["bad", "difference_se"] == pytest.approx(np.std([0, 50, 0, 50], ddof=1) / 2.0)
    assert table["es99_share"].to_dict() == pytest.approx({"good": 0.0, "bad": 1.0})
    pooled = np.array([0.0] * 4 + [0, 50, 0, 50])
    assert table["expected_loss_of_all"].sum() == pytest.approx(pooled.mean(), rel=1e-9)
    assert table["es99_of_all"].sum() == pytest.approx(50.0, rel=1e-9)


POSITIONS = st.lists(
    st.tuples(
        st.sampled_from(FIRMS),
        st.sampled_from(INSTRUMENTS),
        st.floats(0.0, 1e9, allow_nan=False),
        st.just(""),
        st.sampled_from(["", "0", "0.3", "1"]),
    ),
    min_size=1,
    max_size=12,
)
FAILURES = st.lists(
    st.builds(
        lambda path, company, year, share: {
            "path": path, "company": company, "quarter": f"{year}Q2",
            "losses": {name: share for name in INSTRUMENTS if name != "equity"},
        },
        st.integers(0, 11), st.sampled_from(FIRMS), st.integers(2026, 2035), st.floats(0.0, 1.0),
    ),
    max_size=8, unique_by=lambda failure: (failure["path"], failure["company"]),
)  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(POSITIONS, FAILURES, st.randoms(use_true_random=False))
def test_parts_add_up_doubling_doubles_and_order_is_irrelevant(
    rows: list[tuple[str, str, float, str, str]], failures: list[dict[str, object]], order: random.Random
) -> None:
    run = made_up_run(12, failures, ends={(2, "alpha"): 3.0})
    found = ps.portfolio(run, frame(*rows))
    whole = figure(found, "expected_loss")
    for table in (found.by_company, found.by_instrument, found.by_cause):
        assert table["expected_loss"].sum() == pytest.approx(whole, rel=1e-9, abs=1e-9)
        for level in (0.95, 0.99):
            parts = table[f"es{level:.0%}".rstrip("%")].sum()
            assert parts == pytest.approx(figure(found, "expected_shortfall", level), rel=1e-9, abs=1e-9)
    assert all(0.0 <= loss <= found.exposures.amount * (1.0 + 1e-12) for loss in losses(found))
    doubled = ps.portfolio(run, frame(*[(c, i, 2.0 * a, e, lgd) for c, i, a, e, lgd in rows]))
    assert losses(doubled) == pytest.approx([2.0 * loss for loss in losses(found)], rel=1e-12)
    shuffled = list(rows)
    order.shuffle(shuffled)
    assert losses(ps.portfolio(run, frame(*shuffled))) == losses(found)


def test_mixed_currencies_take_the_rates_of_the_world_or_those_given() -> None:
    run = made_up_run(1, [{"path": 0, "company": "alpha", "quarter": "2027Q1", "losses": {"bond": 0.5}}])
    held = frame(("alpha", "bond", 100.0, "EUR", ""), ("alpha", "bond", 1600.0, "jpy", ""), ("alpha", "bond", 1.0))
    found = ps.portfolio(run, held)
    assert found.currency == "USD"
    assert found.exposures.amount == pytest.approx(125.0 + 10.0 + 1.0, rel=1e-12)
    assert [rate.source for rate in found.exposures.rates] == ["fx_usd_per_eur_end_2025", "fx_jpy_per_usd_2025"]
    again = ps.portfolio(run, held, rates={"EUR": 2.0})
    assert losses(again) == pytest.approx([0.5 * (200.0 + 10.0 + 1.0)], rel=1e-12)


def test_one_currency_needs_no_rate() -> None:
    run = made_up_run(1, [{"path": 0, "company": "alpha", "quarter": "2027Q1", "losses": {"bond": 0.5}}])
    found = ps.portfolio(run, frame(("alpha", "bond", 100.0, "CHF", "")))
    assert (found.currency, losses(found)) == ("CHF", [50.0])


def test_rates_of_the_bundled_world() -> None:
    world = ps.load_world()
    rates = rates_of(world)
    assert rates["EUR"].source == "fx_usd_per_eur_end_2025"
    assert rates["TWD"].usd == pytest.approx(1.0 / 31.44)
    assert set(rates) <= CODES
    assert rates_of(ps.load_world(as_of="2024-12-31"))["EUR"].source == "fx_usd_per_eur_end_2024"


@pytest.mark.parametrize(("rates", "told"), [
    ({"EURO": 1.1}, "rate: found 'EURO'; expected a currency of ISO 4217, as EUR"),
    ({"EUR": 0.0}, "rate: found EUR=0.0; expected US dollars for one EUR, above 0"),
])  # fmt: skip
def test_rates_that_are_none(rates: dict[str, float], told: str) -> None:
    with pytest.raises(UsageError) as error:
        ps.portfolio(made_up_run(1), frame(("alpha", "bond", 1.0)), rates=rates)
    assert str(error.value) == told


ANY = "an id, LEI, ticker, name or a unique part of one"
BAD_ROWS = {
    "alpha,bond": ("row", "cells: found 2; expected 5 as in the header"),
    '"alpha"x,bond,1,,': (
        "row", "row: found text that cannot be split (',' expected after '\"'); expected cells with quotes closed"),
    '"=HYPERLINK(""http://a"",""b"")",bond,1,,': (
        "formula", "company: found '=HYPERLINK(\"http://a\",\"b\")'; expected plain text, no formula"),
    "alpha,bond,=1+1,,": ("formula", "amount: found '=1+1'; expected plain text, no formula"),
    "@alpha,bond,1,,": ("formula", "company: found '@alpha'; expected plain text, no formula"),
    "alpha,bond,1,,-cmd": ("formula", "lgd: found '-cmd'; expected plain text, no formula"),
    ",bond,1,,": ("company_missing", f"company: found nothing; expected {ANY}"),
    "alhpa,bond,1,,": ("company_unknown", f"company: found 'alhpa'; expected {ANY}; nearest alpha"),
    "5493001KJTIIGC8Y1R21,bond,1,,": (
        "company_unknown",
        "company: found '5493001KJTIIGC8Y1R21'; expected a LEI whose last two digits check the others "
        "(ISO 7064, mod 97-10): 12 here"),
    "Holdings,bond,1,,": (
        "company_ambiguous", "company: found 'Holdings', which names 2; expected one of beta, gamma"),
    "bank,bond,1,,": (
        "company_not_simulated",
        "company: found 'bank' (bank), which the model does not simulate; expected a firm of it"),
    "alpha,bnd,1,,": ("instrument", f"instrument: found 'bnd'; expected {', '.join(INSTRUMENTS)}; nearest bond"),
    'alpha,bond,"1,000",,': ("amount", "amount: found '1,000'; expected a number such as 1250000.50"),
    "alpha,bond,nan,,": ("amount", "amount: found 'nan'; expected a number such as 1250000.50"),
    "alpha,bond,1_000,,": ("amount", "amount: found '1_000'; expected a number such as 1250000.50"),
    "alpha,bond,,,": ("amount", "amount: found nothing; expected a number such as 1250000.50"),
    "alpha,bond,-5,,": (
        "amount_negative", "amount: found -5; expected 0 or more (a short position is not an exposure to default)"),
    "alpha,bond,1,DOLLARS,": ("currency", "currency: found 'DOLLARS'; expected a code of ISO 4217 such as USD"),
    "alpha,bond,1,,45": ("lgd", "lgd: found '45'; expected a share from 0 to 1, or nothing"),
    "alpha,bond,1,,-0.1": ("lgd", "lgd: found '-0.1'; expected a share from 0 to 1, or nothing"),
    "alpha,bond,1,,high": ("lgd", "lgd: found 'high'; expected a share from 0 to 1, or nothing"),
}  # fmt: skip


@pytest.mark.parametrize("row", BAD_ROWS)
def test_a_row_that_cannot_be_placed_is_told_and_the_rest_runs(tmp_path: Path, row: str) -> None:
    reason, told = BAD_ROWS[row]
    file = write(tmp_path, "alpha,bond,10,,", row, "beta,loan,20,,")
    held = ps.portfolio(made_up_run(2), file).exposures
    assert (held.rows, held.placed, held.amount) == (3, 2, 30.0)
    assert held.unplaced[["reason", "rows"]].to_dict(orient="records") == [{"reason": reason, "rows": 1}]
    assert held.unplaced["examples"].tolist() == [f"{file}:3: {told}"]


def test_a_tenth_of_broken_rows_and_no_row_lost(tmp_path: Path) -> None:
    generator = random.Random(7)
    rows, broken = [], 0
    for number in range(5_000):
        if generator.random() < 0.1:
            rows.append(generator.choice(list(BAD_ROWS)))
            broken += 1
        else:
            rows.append(f"{generator.choice(FIRMS)},{generator.choice(INSTRUMENTS)},{number / 7:.2f},,")
    held = ps.portfolio(made_up_run(2), write(tmp_path, *rows)).exposures
    assert held.placed == 5_000 - broken
    assert int(held.unplaced["rows"].sum()) == broken > 400
    assert held.placed + int(held.unplaced["rows"].sum()) == held.rows == 5_000
    assert int(held.matched["rows"].sum()) == held.placed
    assert held.matched["amount"].sum() == pytest.approx(held.amount, rel=1e-12)


NOTHING_TO_DO = {
    "empty file": (b"", ": header: found an empty file; expected company,instrument,amount[,currency,lgd]"),
    "header alone": (
        b"company,instrument,amount\n", ": rows: found none below the header; expected one exposure at least"),
    "missing column": (
        b"company,amount\nalpha,1\n",
        ":1: header: found 'company,amount'; expected company,instrument,amount[,currency,lgd] (instrument missing)"),
    "a column twice": (
        b"company,amount,instrument,Amount\nalpha,1,bond,1\n",
        ":1: header: found 'amount' twice; expected each column once"),
    "not UTF-8": (
        b"company,instrument,amount\nalpha,bond,1\nZ\xfcrich,bond,1\n",
        ":3: encoding: found byte 0xfc at position 40; expected UTF-8 text"),
    "an open quote": (
        b'company,instrument,amount\nalpha,bond,1\n"alpha,bond,1\nbeta,bond,1\n',
        ":3: row: found a quote that is never closed; expected cells with quotes closed"),
    "no row to place": (
        b"company,instrument,amount\nnobody,bond,1\nalpha,bond,-1\n",
        ": rows: found 2, none of which can be placed; expected one exposure at least\n"
        "{file}:2: company: found 'nobody'; expected an id, LEI, ticker, name or a unique part of one\n"
        "{file}:3: amount: found -1; expected 0 or more (a short position is not an exposure to default)"),
    "currencies without a rate": (
        b"company,instrument,amount,currency\nalpha,bond,1,USD\nalpha,bond,5,CHF\nbeta,loan,6,CHF\n",
        ":3: currency: found CHF on 2 rows (11 CHF) beside USD and no rate for it; expected one currency, or a rate: "
        "--rate CHF=USD_FOR_ONE"),
}  # fmt: skip


@pytest.mark.parametrize("case", NOTHING_TO_DO)
def test_a_file_of_which_nothing_can_be_made(tmp_path: Path, case: str) -> None:
    content, told = NOTHING_TO_DO[case]
    file = tmp_path / "exposures.csv"
    file.write_bytes(content)
    with pytest.raises(InputError) as error:
        ps.portfolio(made_up_run(2), file)
    assert str(error.value) == f"{file}{told.format(file=file)}"


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    for path, found in ((tmp_path / "none.csv", "nothing"), (tmp_path, "a folder")):
        with pytest.raises(InputError, match=f"file: found {found}; expected a file of exposures"):
            ps.portfolio(made_up_run(2), path)


def test_what_is_accepted_is_told(tmp_path: Path) -> None:
    file = tmp_path / "exposures.csv"
    file.write_bytes("\ufeffCompany; Instrument ;AMOUNT;desk\nalpha;Supply Contract;+1e3;London\n\n".encode())
    held = ps.portfolio(made_up_run(2), file).exposures
    assert (held.rows, held.amount) == (1, 1000.0)
    assert held.positions[0].instrument == "supply"
    assert held.remarks == (
        f"{file}: columns are split by ';' instead of ','; accepted",
        f"{file}: columns not read: 'desk'",
    )
    equity = ps.portfolio(made_up_run(2), frame(("alpha", "equity", 1.0, "", "0.5")))
    assert any("lgd of 1 rows of equity is not used" in note for note in equity.notes)


def test_few_paths_are_told() -> None:
    few = ps.portfolio(made_up_run(20), frame(("alpha", "bond", 1.0)))
    assert sum("rest on the worst" in note for note in few.notes) == 2
    assert few.summary["high95"].isna().sum() == 4


def test_plain_values() -> None:
    run = made_up_run(20, BY_HAND)
    found = ps.portfolio(run, frame(("alpha", "bond", 1.0)))
    values = found.to_dict()
    assert values["matching"]["rows"] == values["matching"]["placed"] == 1
    assert {"summary", "by_company", "by_cause", "by_scenario", "worst_paths", "assumed", "notes"} <= set(values)
    assert found.to_pandas() is found.summary


def test_the_example_file_is_the_one_of_the_page() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "risk-desk.md").read_text(encoding="utf-8")
    assert (root / "examples" / "exposures.csv").read_text(encoding="utf-8") in page
