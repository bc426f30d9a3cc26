"""A path told as a story: every event a sentence, every sentence its postings, every dollar that of the tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import penstock as ps
from penstock.analysis.explain import Explanation
from penstock.analysis.losses import losses_of
from penstock.analysis.story import usd
from penstock.engine.model import PathDetail
from penstock.engine.run import MemoryTables, Run
from penstock.errors import UsageError

PATHS, QUARTERS = 24, 20


@pytest.fixture(scope="module")
def run() -> Run:
    return ps.simulate(ps.load_world(), ["funding_freeze", "baseline"], paths=PATHS, quarters=QUARTERS)


@pytest.fixture(scope="module")
def worst(run: Run) -> Explanation:
    return ps.explain(run, "worst")


@pytest.fixture(scope="module")
def detail(run: Run, worst: Explanation) -> PathDetail:
    found: PathDetail = run.path(worst.path, "funding_freeze")
    return found


def test_the_worst_path_has_the_largest_loss_and_the_median_stands_in_the_middle(run: Run, worst: Explanation) -> None:
    losses = losses_of(run, "funding_freeze")
    assert worst.loss_usd_bn == losses.loss_usd_bn.max()
    assert worst.path == losses.worst_path
    assert worst.rank == 1
    middle = ps.explain(run, "median")
    assert middle.loss_usd_bn == np.sort(losses.loss_usd_bn)[(PATHS - 1) // 2]
    assert middle.rank == PATHS - (PATHS - 1) // 2
    assert sum(worst.by_bearer.values()) == pytest.approx(worst.loss_usd_bn, rel=1e-9)
    assert worst.mean_usd_bn == pytest.approx(losses.loss_usd_bn.mean())


def test_a_number_names_a_path_of_a_scenario(run: Run) -> None:
    told = ps.explain(run, "5", scenario="baseline")
    assert (told.scenario, told.path, told.chosen) == ("baseline", 5, "5")
    assert [s.quarter for s in told.story] == run.events.query("scenario == 'baseline' and path == 5")[
        "quarter"
    ].tolist()


def test_every_event_is_a_sentence_in_order_with_its_amount(run: Run, worst: Explanation) -> None:
    events = run.events.query(f"scenario == 'funding_freeze' and path == {worst.path}")
    assert len(events) > 10
    found = [(s.quarter, s.company_id, s.stage, s.amount_usd_bn) for s in worst.story]
    columns = events[["quarter", "company_id", "stage", "amount_usd_bn"]]
    assert found == [tuple(row) for row in columns.itertuples(index=False)]
    assert {s.stage for s in worst.story} >= {"distress", "standstill", "acquisition"}


def test_every_sentence_has_postings_that_are_in_the_ledger(worst: Explanation, detail: PathDetail) -> None:
    ledger = set(detail.ledger.itertuples(index=False, name=None))
    for sentence in worst.story:
        assert sentence.postings, sentence.text
        for posting in sentence.postings:
            entry = (posting.quarter, posting.instrument, posting.debit, posting.credit, posting.amount_usd_bn)
            assert (*entry, posting.tie_id) in ledger
            assert posting.quarter == sentence.quarter
            assert sentence.company_id in (posting.debit, posting.credit)


def test_sums_in_the_sentences_are_those_of_the_postings(worst: Explanation, detail: PathDetail) -> None:
    ledger = detail.ledger
    for sentence in worst.story:
        mine = ledger[(ledger["quarter"] == sentence.quarter)]
        if sentence.stage == "standstill":
            written = mine[(mine["instrument"] == "write_down") & (mine["debit"] == sentence.company_id)]
            shown = sum(p.amount_usd_bn for p in sentence.postings) + sentence.more_usd_bn
            assert shown == pytest.approx(written["amount_usd_bn"].sum(), rel=1e-12)
            assert f"Creditors write off {usd(shown)}" in sentence.text
        if sentence.stage == "acquisition":
            price = mine[(mine["instrument"] == "plant") & (mine["credit"] == sentence.company_id)]["amount_usd_bn"]
            assert f"for {usd(price.sum())};" in sentence.text
            assert sentence.amount_usd_bn == pytest.approx(price.sum(), rel=1e-12)
            written = mine[(mine["instrument"] == "write_down") & (mine["debit"] == sentence.company_id)]
            debt = written[written["tie_id"].str.startswith("debt:")]
            assert f"lose {usd(debt['amount_usd_bn'].sum())}" in sentence.text


def test_distress_names_the_largest_due_that_stayed_unpaid(worst: Explanation, detail: PathDetail) -> None:
    unpaid = detail.unpaid
    distress = [sentence for sentence in worst.story if sentence.stage == "distress"]
    for sentence in distress:
        mine = unpaid[(unpaid["quarter"] == sentence.quarter) & (unpaid["payer"] == sentence.company_id)]
        gap = mine["due_usd_bn"] - mine["paid_usd_bn"]
        # what the event calls unpaid is what the dues of the ties leave open
        assert gap.sum() == pytest.approx(sentence.amount_usd_bn, rel=1e-6, abs=1e-7)
        assert f"on {mine.loc[gap.idxmax(), 'tie_id']}" in sentence.text


def test_who_lost_is_the_table_of_losses(run: Run, worst: Explanation, detail: PathDetail) -> None:
    rows = run.losses.query(f"scenario == 'funding_freeze' and path == {worst.path} and instrument != 'equity'")
    expected = rows.groupby("creditor_id")["loss_usd_bn"].sum().to_dict()
    found = worst.losers.set_index("creditor_id")["loss_usd_bn"].to_dict()
    assert found == pytest.approx(expected)
    assert worst.losers["loss_usd_bn"].is_monotonic_decreasing
    # every write-down of the path's ledger is in it
    ledger = detail.ledger
    written = ledger[ledger["instrument"] == "write_down"]["amount_usd_bn"].sum()
    assert sum(found.values()) == pytest.approx(written, rel=1e-9)


def test_the_summary_says_who_failed_first_and_who_bought(worst: Explanation) -> None:
    text = " ".join(worst.summary)
    distress = next(sentence for sentence in worst.story if sentence.stage == "distress")
    assert distress.quarter in worst.summary[0]
    assert "companies default" in text
    assert "Who buys whom" in text
    assert "Creditors write off" in text
    table = worst.to_pandas()
    assert table["sentence"].nunique() == len(worst.story)


@pytest.mark.parametrize(("path", "told"), [
    ("wrost", "path: found 'wrost'; expected a number from 0 to 23, worst or median; nearest worst"),
    (24, "path: found 24; expected a number from 0 to 23, worst or median"),
    ("-1", "path: found '-1'; expected a number from 0 to 23, worst or median"),
])  # fmt: skip
def test_no_such_path(run: Run, path: int | str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        ps.explain(run, path)
    assert str(error.value) == told


def test_no_such_scenario(run: Run) -> None:
    with pytest.raises(UsageError, match="scenario: found 'rates_up'; expected one of funding_freeze, baseline"):
        ps.explain(run, scenario="rates_up")


@pytest.mark.parametrize(("amount", "text"), [
    (66474.0, "$66.5tn"), (1234.5, "$1.23tn"), (999.4, "$999bn"),
    (99.96, "$100bn"), (12.34, "$12.3bn"), (0.34, "$340m"), (0.0021, "$2.1m"),
    (0.000945811, "$0.95m"), (0.000012, "$12,000"), (0.0, "$0"), (0.9996, "$1.0bn"),
])  # fmt: skip
def test_dollars(amount: float, text: str) -> None:
    assert usd(amount) == text


def test_the_ledger_tells_every_change_of_cash(detail: PathDetail) -> None:
    """Also in the quarters of defaults: what a buyer pays, lenders get back and a default costs is posted."""
    paid_to_debit = {"cash", "grant", "payout", "repayment", "default_cost"}
    paid_by_debit = {"loan", "bond", "lease", "equity", "plant"}
    moves = detail.ledger[detail.ledger["instrument"].isin(paid_to_debit | paid_by_debit)]
    assert {"plant", "repayment", "default_cost"} <= set(moves["instrument"])
    sign = np.where(moves["instrument"].isin(paid_to_debit), 1.0, -1.0) * moves["amount_usd_bn"]
    parts = [
        pd.DataFrame({"quarter": moves["quarter"], "firm": moves["debit"], "change": sign}),
        pd.DataFrame({"quarter": moves["quarter"], "firm": moves["credit"], "change": -sign}),
    ]
    change = pd.concat(parts).groupby(["quarter", "firm"])["change"].sum().unstack(fill_value=0.0)
    cash = detail.company.pivot(index="quarter", columns="company_id", values="cash_usd_bn").astype(float)
    moved = cash.diff().iloc[1:]
    told = change.reindex(index=moved.index, columns=moved.columns, fill_value=0.0)
    # the table of companies keeps single precision
    assert (moved - told).abs().to_numpy().max() < 1e-6 * cash.to_numpy().max() + 1e-6


class Calm:
    """An engine that tells of each path what it was given."""

    def __init__(self, detail: PathDetail) -> None:
        self.detail = detail

    def replay(self, model: object, path: int) -> PathDetail:
        return self.detail


def test_a_path_on_which_nothing_fails_has_no_story(run: Run, detail: PathDetail) -> None:
    nothing = replace(detail, events=detail.events.iloc[:0])
    tables = {"outcomes": run.outcomes, "events": run.events.iloc[:0], "losses": run.losses.iloc[:0]}
    models = {name: run.model(name) for name in run.scenarios}
    engine: Any = Calm(nothing)
    calm = Run(run.manifest, MemoryTables(tables), world=run.world, engine=engine, models=models)
    told = ps.explain(calm, 3)
    assert told.story == ()
    assert (told.loss_usd_bn, told.rank) == (0.0, 1)
    assert told.summary == ("No company comes into distress on this path.",)
    assert len(told.to_pandas()) == 0


def test_portfolio_and_story_name_the_same_failures(run: Run) -> None:
    held = pd.DataFrame({"company": ["crusoe", "vantage", "coreweave"], "instrument": "bond", "amount": 100.0})
    found = ps.portfolio(run, held)
    worst_row = found.worst_failures[found.worst_failures["scenario"] == "funding_freeze"].iloc[0]
    told = ps.explain(run, int(worst_row["path"]), scenario="funding_freeze")
    default = next(s for s in told.story if s.stage == "standstill" and s.company_id == worst_row["company_id"])
    assert default.quarter == worst_row["default_quarter"]


def test_the_summary_names_the_first_contract_that_went_unpaid(worst: Explanation, detail: PathDetail) -> None:
    told = {sentence.quarter: sentence for sentence in reversed(worst.story)}
    unpaid = detail.unpaid.assign(gap=detail.unpaid["due_usd_bn"] - detail.unpaid["paid_usd_bn"])
    for sentence in worst.story:
        mine = unpaid[(unpaid["quarter"] == sentence.quarter) & (unpaid["payer"] == sentence.company_id)]
        if len(mine):
            first = mine.sort_values("gap", ascending=False, kind="stable").iloc[0]
            break
    else:
        pytest.fail("expected an unpaid due on the worst path of a funding freeze")
    assert first["quarter"] in told
    assert worst.summary[0].startswith(f"The first contract to go unpaid is {first['tie_id']}, {first['quarter']}: ")
    assert worst.summary[0].endswith(f"{usd(first['paid_usd_bn'])} of {usd(first['due_usd_bn'])} due.")
