"""Payoff: what survives, who pays, with and without crises on the same paths."""

from __future__ import annotations

import numpy as np
import pytest

import penstock as ps
from penstock.analysis.payoff import WITH, WITHOUT, Payoff, payoff, token_elasticity, user_surplus
from penstock.analysis.survival import AGE_YEARS, Physical, at_quarter, bust_quarter
from penstock.engine.model import prepare, simulate_paths
from penstock.engine.moment import Moment
from penstock.engine.steps import mend
from penstock.errors import UsageError

PATHS, QUARTERS = 48, 8


@pytest.fixture(scope="module")
def found() -> Payoff:
    return payoff(ps.load_world(), "funding_freeze", paths=PATHS, quarters=QUARTERS)


def test_a_bust_by_hand() -> None:
    steady = np.full(12, 10.0)
    fall = np.array([10.0] * 4 + [12.0] * 2 + [4.0] * 6)
    slow = np.concatenate([np.full(4, 10.0), np.full(16, 8.0), np.full(4, 1.0)])
    short = np.pad(np.stack([steady, fall], axis=1), ((0, 12), (0, 0)), mode="edge")
    when = bust_quarter(np.column_stack([short, slow]))
    # means of four quarters: 10, 10.5, 11, 9.5, 8, 6: the last is 45 % below 11
    assert when.tolist() == [-1, 8, -1]


def test_a_bust_is_a_fall_not_a_growth_and_scale_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    path = np.exp(np.cumsum(rng.normal(0.0, 0.25, (40, 200)), axis=0))
    assert (bust_quarter(path) == bust_quarter(7.0 * path)).all()
    assert (bust_quarter(np.sort(path, axis=0)) == -1).all()
    deep, mild = bust_quarter(path, fall=0.6) >= 0, bust_quarter(path, fall=0.3) >= 0
    assert (mild | ~deep).all() and mild.sum() > deep.sum()


def test_each_path_at_its_own_quarter() -> None:
    values = np.arange(24.0).reshape(4, 2, 3)
    assert at_quarter(values, np.array([0, 3, 1])).tolist() == [[0.0, 19.0, 8.0], [3.0, 22.0, 11.0]]
    assert at_quarter(values[:, 0], np.array([0, 3, 1])).tolist() == [0.0, 19.0, 8.0]


def test_writing_capital_off_changes_who_pays_not_the_physical_stock() -> None:
    """Failures cut claims and change owners inside step 11; chips, halls and power of all owners stay as they are."""
    stages = []
    real = mend.mend

    def watched(now: Moment) -> None:
        def totals() -> list[np.ndarray]:
            fleet = now.state.fleet
            held = (fleet.in_service(now.quarter).sum(axis=1), fleet.power_in_use(now.quarter).sum(axis=1))
            return [*held, fleet.halls.sum(axis=0), fleet.firm_power.sum(axis=0), fleet.waiting.sum(axis=0)]

        claims, before = now.state.ties.debt.sum(axis=0), totals()
        real(now)
        for one, other in zip(before, totals(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
        stages.append(float((claims - now.state.ties.debt.sum(axis=0)).sum()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mend, "mend", watched)
        simulate_paths(prepare(ps.load_world(), "funding_freeze", quarters=QUARTERS), 0, PATHS)
    assert sum(stages) > 10.0, "claims must have been cut"


def test_the_split_of_what_is_written_off_sums_to_the_total(found: Payoff) -> None:
    table = found.written_off.set_index("bearer")
    bearers = table.loc[["equity", "lenders", "suppliers", "state", "users"]]
    for name in ("without", "with", "difference"):
        assert bearers[name].sum() == pytest.approx(table[name]["total"], rel=1e-9)
    # without contagion a default costs its creditors nothing
    assert (bearers["without"].drop("equity") == 0.0).all()
    assert (bearers["with"] > 0.0).all()
    total = found.totals.set_index("measure")
    assert total["with"]["loss"] == pytest.approx(table["with"]["total"], rel=1e-12)


def test_paths_with_and_without_crises_are_the_same_futures(found: Payoff) -> None:
    wide = found.by_path.set_index(["case", "path"])["spending"].unstack("case")
    assert len(wide) == PATHS
    assert np.corrcoef(wide[WITH], wide[WITHOUT])[0, 1] > 0.95
    change = (wide[WITH] - wide[WITHOUT]).mean()
    assert found.totals.set_index("measure")["difference"]["spending"] == pytest.approx(change, rel=1e-12)


def test_until_the_first_crisis_the_paths_are_equal_bit_for_bit() -> None:
    told = payoff(ps.load_world(), paths=PATHS, quarters=1).by_path.set_index(["case", "path"])["spending"]
    assert (told[WITH] == told[WITHOUT]).all()


def test_chips_by_age_add_up_to_the_fleet(found: Payoff) -> None:
    end = found.ages[found.ages["at"] == "at the end of the run"]
    stock = found.survivors.set_index(["at", "measure"])["with"]["at the end of the run", "chips in service"]
    assert list(end["age_years"]) == list(range(AGE_YEARS))
    assert end["with"].sum() == pytest.approx(stock, rel=1e-12)
    assert end["share"].sum() == pytest.approx(1.0, rel=1e-12)


def test_the_watch_sees_what_the_run_records() -> None:
    physical = Physical()
    model = prepare(ps.load_world(), quarters=3)
    block = simulate_paths(model, 0, 16, on_quarter=physical.look)
    seen = physical.arrays(16)
    np.testing.assert_allclose(seen["chips"].sum(axis=1) * 1e6, block.economy["h100e"], rtol=1e-12)
    assert ((seen["life"] > 0.0) & (seen["life"] < 7.5)).all()
    again = simulate_paths(model, 0, 16)
    assert np.array_equal(block.economy["h100e"], again.economy["h100e"]), "looking changes nothing"


def test_surplus_on_the_models_demand_curve() -> None:
    arrays = {
        "price_usd_per_mtok": np.array([[2.0]]),
        "tokens_served": np.array([[3.0e15]]),
        "token_price_opening": np.array([[4.0]]),
        "elasticity": np.array([[1.8]]),
        "inference_share": np.array([[0.5]]),
    }
    assert token_elasticity(arrays)[0, 0] == pytest.approx(1.4)
    found = {name: float(values[0, 0]) for name, values in user_surplus(arrays).items()}
    # 3e15 tokens are 3 usd_bn at a dollar a million: p q = 6
    assert found["linear_level"] == pytest.approx(6.0 / 2.8)
    assert found["constant_elasticity_gain"] == pytest.approx(6.0 * (2.0**-0.4 - 1.0) / -0.4)
    # the choke price 2 (1 + 1 / 1.4) is below the opening price: the whole triangle
    assert found["linear_gain"] == pytest.approx(6.0 / 2.8)


def test_productivity_rises_with_its_assumptions(found: Payoff) -> None:
    table = found.productivity.set_index(["assumptions", "field"])["mean"]
    for field in ("research", "education", "health"):
        assert 0.0 < table["low", field] < table["central", field] < table["high", field]
    total = found.totals.set_index("measure")["with"]
    assert table["central", "health"] == pytest.approx(total["productivity_health"], rel=1e-12)


def test_a_run_gives_its_own_paths(found: Payoff) -> None:
    world = ps.load_world()
    run = ps.simulate(world, "funding_freeze", paths=PATHS, quarters=QUARTERS)
    again = payoff(run)
    assert again.scenario == "funding_freeze"
    assert again.totals.equals(found.totals)
    told = run.economy["surplus_usd_bn"].to_numpy().reshape(PATHS, -1).sum(axis=1)
    ours = again.by_path[again.by_path["case"] == WITH]["surplus_of_the_model"]
    np.testing.assert_allclose(ours, told, rtol=1e-12)
    with pytest.raises(UsageError, match="found no scenario 'soft' in it; expected one of funding_freeze"):
        payoff(run, "soft")


def test_plain_values(found: Payoff) -> None:
    told = found.to_dict()
    assert told["scenario"] == "funding_freeze"
    assert len(told["by_path"]) == 2 * PATHS
    assert {row["name"] for row in told["assumptions"]} >= {"health_saving", "research_elasticity"}
