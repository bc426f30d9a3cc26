"""Where a dollar ends: Leontief to the digit, and no dollar lost on the way."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.analysis import dollar as dollar_module
from penstock.analysis.dollar import ENDS, DollarFollowed, follow_money, payments
from penstock.analysis.follow import leontief
from penstock.analysis.money_year import MoneyYear, opening_money, simulated_money
from penstock.engine.model import prepare
from penstock.errors import InputError, ModelError, UsageError
from penstock.scenarios import compile_program, load_scenario
from penstock.world import World, load_world

Z, OUTPUT = [[150.0, 500.0], [200.0, 100.0]], [1000.0, 2000.0]


@cache
def bundled() -> World:
    return load_world()


@cache
def opening() -> MoneyYear:
    return opening_money(prepare(bundled()))


@cache
def followed(dollar: str) -> DollarFollowed:
    companies = bundled().table("companies")
    return follow_money(opening(), dollar, dict(zip(companies["id"], companies["country"], strict=True)))


# ------------------------------------------------------------------ Leontief


def test_leontief_to_the_digit() -> None:
    """Two sectors, Miller and Blair (2009), section 2.3."""
    found = leontief(Z, OUTPUT)
    determinant = 0.85 * 0.95 - 0.25 * 0.2
    exact = np.array([[0.95, 0.25], [0.2, 0.85]]) / determinant
    assert np.allclose(found.inverse, exact, atol=1e-12)
    assert np.round(found.inverse, 6).tolist() == [[1.254125, 0.330033], [0.264026, 1.122112]]
    assert np.round(found.output([600.0, 1500.0]), 6).tolist() == [1247.524752, 1841.584158]
    assert np.allclose(np.asarray(found), found.inverse) and np.allclose(found @ [600.0, 1500.0], exact @ [600, 1500])
    # final demand of the table itself gives its output back
    assert np.allclose(found @ (np.array(OUTPUT) - np.array(Z).sum(axis=1)), OUTPUT, atol=1e-9)


def test_rounds_add_up_to_the_output() -> None:
    found = leontief(Z, OUTPUT)
    rounds = found.rounds([600.0, 1500.0], 60)
    assert np.allclose(rounds[1], found.coefficients @ [600.0, 1500.0])
    assert np.allclose(rounds.sum(axis=0), found.output([600.0, 1500.0]), atol=1e-9)


def test_paths_on_the_last_axis_are_each_as_alone() -> None:
    tables = np.stack([np.array(Z), 0.5 * np.array(Z), np.zeros((2, 2))], axis=-1)
    outputs = np.repeat(np.array(OUTPUT)[:, None], 3, axis=1)
    together = leontief(tables, outputs)
    demand = np.array([[600.0, 1.0, 2.0], [1500.0, 3.0, 4.0]])
    for path in range(3):
        alone = leontief(tables[..., path], OUTPUT)
        assert np.allclose(together.output(demand)[:, path], alone.output(demand[:, path]), atol=1e-9)
        assert np.allclose(together.inverse[..., path], alone.inverse, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 8), st.integers(0, 10_000))
def test_a_sector_that_spends_all_passes_all_on(count: int, seed: int) -> None:
    """What leaves the network at each step is what was put in: e (I - A)^-1 d = 1 with e = 1 - column sums of A."""
    rng = np.random.default_rng(seed)
    table = rng.random((count, count)) * (rng.random((count, count)) < 0.6)
    output = table.sum(axis=0) + rng.random(count) + 1e-3
    found = leontief(table, output)
    given_to = rng.dirichlet(np.ones(count))
    leave = 1.0 - found.coefficients.sum(axis=0)
    assert leave @ found.output(given_to) == pytest.approx(1.0, abs=1e-9)
    assert (found.output(given_to) >= given_to - 1e-12).all()


@pytest.mark.parametrize(
    ("table", "output", "message"),
    [
        ([[1.0, 2.0]], [3.0, 4.0], "Z: found shape (1, 2); expected a square table (sectors, sectors)"),
        (Z, [1000.0], "output: found shape (1,); expected (2,), as the columns of Z"),
        ([[-1.0, 0.0], [0.0, 0.0]], [1.0, 1.0], "Z: found -1; expected numbers of 0 or more"),
        (Z, [1000.0, float("nan")], "output: found nan; expected numbers of 0 or more"),
        (Z, [300.0, 2000.0], "Z: sector 1: found purchases of 350; expected at most its output of 300"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(table: object, output: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        leontief(table, output)
    assert str(caught.value) == message


def test_sectors_that_keep_nothing_have_no_inverse() -> None:
    with pytest.raises(ModelError, match="buy from each other all that they make"):
        _ = leontief([[0.0, 1.0], [1.0, 0.0]], [1.0, 1.0]).inverse


# ------------------------------------------------------------------ a dollar


@pytest.mark.parametrize("dollar", ["user", "capex", "openai"])
def test_a_dollar_ends_somewhere(dollar: str) -> None:
    found = followed(dollar)
    assert found.gap < 1e-9
    for total in (found.kinds["usd"].sum(), found.layers["ended_usd"].sum()):
        assert total == pytest.approx(1.0, abs=1e-9)
    outside = found.kinds["of_which_before_any_firm"].sum()
    assert found.companies["ended_usd"].sum() + outside == pytest.approx(1.0, abs=1e-9)
    by_kind = found.companies[list(ENDS)].sum()
    for row in found.kinds.to_dict(orient="records"):
        assert by_kind[row["kind"]] + row["of_which_before_any_firm"] == pytest.approx(row["usd"], abs=1e-9)
        assert row["low"] <= row["usd"] <= row["high"]
    rounds = found.rounds.set_index("round")["ended_usd"]
    assert rounds.drop("total").sum() == pytest.approx(rounds["total"]) == pytest.approx(1.0, abs=1e-9)
    assert rounds["1"] > rounds["2"] > rounds["3"] > rounds["4"] > 0.0


def test_where_dollars_go_first() -> None:
    """Users pay labs and clouds; capex goes to chips first; a lab pays clouds."""
    first = {dollar: followed(dollar).rounds.set_index("round").loc["1"] for dollar in ("user", "capex", "openai")}
    assert first["user"]["ai"] > first["user"]["platform"] > first["user"]["silicon"] == 0.0
    assert first["capex"]["silicon"] > 4.0 * first["capex"]["facilities"] > 0.0
    assert first["openai"]["platform"] > 0.9 * (1.0 - followed("openai").kinds["of_which_before_any_firm"].sum())
    assert followed("capex").companies["company_id"].iloc[0] == "nvidia"
    # chips come to the user's dollar only in later rounds, through those who serve it
    assert followed("user").rounds.set_index("round").loc["2", "silicon"] > 0.0


def test_a_company_is_named_as_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    # the opening is made once for all tests
    monkeypatch.setattr(dollar_module, "money_of", lambda *_, **__: opening())
    assert followed("openai").companies.equals(ps.follow(bundled(), "OpenAI").companies)
    with pytest.raises(UsageError) as caught:
        payments(opening(), "households")
    assert str(caught.value) == "--dollar: found 'households'; expected user, capex or a company that spends"


@pytest.mark.parametrize("dollar", ["user", "capex", "nvidia"])
def test_payments_of_a_firm_add_up_to_what_it_receives_or_spends(dollar: str) -> None:
    paid = payments(opening(), dollar)
    passed_on = paid.network.coefficients.sum(axis=0) + paid.ends.sum(axis=1)
    assert np.allclose(passed_on, 1.0, atol=1e-12)
    assert np.allclose(paid.given.sum(axis=0) + paid.outside.sum(axis=0), 1.0, atol=1e-12)
    assert (paid.ends >= 0.0).all() and (paid.given >= 0.0).all()


def test_twice_the_money_changes_nothing() -> None:
    year = opening()
    twice = replace(year, billed=2.0 * year.billed, interest=2.0 * year.interest, paid_out=2.0 * year.paid_out)
    one, two = (payments(money, "user") for money in (year, twice))
    assert np.allclose(one.network.output(one.given), two.network.output(two.given), atol=1e-12)
    assert np.allclose(one.ends, two.ends, atol=1e-12)


def test_a_simulated_year_loses_no_dollar_on_any_path() -> None:
    model = opening().model
    program = compile_program(load_scenario("baseline", bundled()), model.first_quarter, 2)
    found = follow_money(simulated_money(replace(model, program=program), "2026Q2", 3), "user", {})
    assert found.gap < 1e-9 and "3 paths" in found.basis
    assert found.kinds["usd"].sum() == pytest.approx(1.0, abs=1e-9)
