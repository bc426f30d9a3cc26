"""What a compiled scenario does to a knob, quarter by quarter and path by path."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri

from penstock.errors import UsageError
from penstock.scenarios import LeverTable, Program, compile_program, load_scenario

PATHS = 5


def program(*changes: dict[str, object], quarters: int = 12, **tables: object) -> Program:
    scenario = load_scenario({"name": "x", "change": list(changes), **tables})
    return compile_program(scenario, quarters=quarters)


def table(*changes: dict[str, object], paths: int = PATHS) -> LeverTable:
    return program(*changes).draw(np.full((len(changes), paths), 0.5))


def change(what: str, apply: str, start: str = "2026Q3", **more: object) -> dict[str, object]:
    return {"what": what, "apply": apply, "from": start, **more}


def series(levers: LeverTable, knob: str, base: float, count: int, entity: str = "") -> list[float]:
    return [float(np.ravel(levers.value(knob, q, np.full(PATHS, base), entity))[0]) for q in range(count)]


def test_an_untouched_knob_gives_the_same_object() -> None:
    levers = table(change("demand.speed", "*0.5", "2026Q3", until="2026Q4"))
    base = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert levers.value("demand.ceiling", 3, base) is base
    # before it begins and after it ends
    assert levers.value("demand.speed", 1, base) is base
    assert levers.value("demand.speed", 4, base) is base
    assert levers.touched == frozenset({"demand.speed"})
    baseline = compile_program(load_scenario("baseline")).draw(np.empty((0, PATHS)))
    assert baseline.touched == frozenset()
    assert baseline.value("demand.speed", 0, base) is base


def test_a_factor_phases_in_and_ends() -> None:
    levers = table(change("demand.speed", "*0.2", "2026Q3", over=4, until="2027Q4"))
    expected = [10, 10, 8, 6, 4, 2, 2, 2, 10, 10]
    assert series(levers, "demand.speed", 10.0, 10) == pytest.approx(expected, rel=1e-15)


def test_over_none_and_one_act_at_once() -> None:
    for over in (0, 1):
        levers = table(change("demand.speed", "*0.2", "2026Q2", over=over))
        assert series(levers, "demand.speed", 10.0, 3) == pytest.approx([10, 2, 2], rel=1e-15)


def test_a_level_is_shifted_and_set_in_its_unit() -> None:
    shifted = table(change("energy.power_delay_quarters", "+4", "2026Q2", over=2))
    assert series(shifted, "energy.power_delay_quarters", 0.0, 4) == [0, 2, 4, 4]
    put = table(change("energy.gas_price_usd_per_mmbtu", "=9", "2026Q2", over=2))
    assert series(put, "energy.gas_price_usd_per_mmbtu", 3.0, 4) == [3, 6, 9, 9]


def test_a_multiplier_is_shifted_and_set_as_a_factor() -> None:
    assert series(table(change("demand.ceiling", "+0.5", "2026Q1")), "demand.ceiling", 200.0, 1) == [300]
    assert series(table(change("demand.ceiling", "=2", "2026Q1")), "demand.ceiling", 200.0, 1) == [400]


def test_results_stay_within_the_bounds_of_the_knob() -> None:
    high = table(change("platform.utilisation_target", "*2", "2026Q1"))
    assert series(high, "platform.utilisation_target", 0.75, 1) == [0.95]
    low = table(change("silicon.capacity", "-1.5", "2026Q1"))
    assert series(low, "silicon.capacity", 40.0, 1) == [0.0]


def test_changes_of_one_knob_act_in_their_order() -> None:
    add, double = (
        change("finance.risk_free_rate", "+0.02", "2026Q1"),
        change("finance.risk_free_rate", "*2", "2026Q1"),
    )
    assert series(table(add, double), "finance.risk_free_rate", 0.04, 1) == pytest.approx([0.12])
    assert series(table(double, add), "finance.risk_free_rate", 0.04, 1) == pytest.approx([0.10])
    put = change("finance.risk_free_rate", "=0.05", "2026Q1")
    assert series(table(add, put), "finance.risk_free_rate", 0.04, 1) == pytest.approx([0.05])


def test_a_range_is_log_normal_with_its_ends_at_5_and_95_percent() -> None:
    compiled = program(change("demand.ceiling", "0.4 to 0.8", "2026Q1"))
    uniforms = np.array([[0.05, 0.5, 0.95, 0.2]])
    drawn = np.asarray(compiled.draw(uniforms).value("demand.ceiling", 0, 1.0))
    assert drawn[[0, 2]] == pytest.approx([0.4, 0.8], rel=1e-12)
    assert drawn[1] == pytest.approx(np.sqrt(0.4 * 0.8), rel=1e-12)
    sigma = np.log(2.0) / (2.0 * ndtri(0.95))
    assert np.log(drawn[3]) == pytest.approx(np.log(drawn[1]) + sigma * ndtri(0.2), rel=1e-12)
    ends = np.asarray(compiled.draw(np.array([[0.0, 1.0]])).value("demand.ceiling", 0, 1.0))
    assert np.all(np.isfinite(ends)) and np.all(ends > 0.0)


def test_a_path_draws_the_same_alone_and_in_a_block() -> None:
    compiled = program(
        change("demand.ceiling", "0.4 to 0.8", "2026Q1", over=3), change("demand.ceiling", "*0.9", "2026Q2")
    )
    uniforms = np.random.default_rng(7).random((2, 67))
    base = np.random.default_rng(8).random((3, 67))
    whole = np.asarray(compiled.draw(uniforms).value("demand.ceiling", 2, base))
    for path in range(67):
        alone = compiled.draw(uniforms[:, path : path + 1].copy())
        value = np.asarray(alone.value("demand.ceiling", 2, base[:, path : path + 1].copy()))
        assert np.array_equal(value, whole[:, path : path + 1])


def test_paths_are_the_last_axis() -> None:
    levers = table(change("silicon.capacity", "*0.5", "2026Q1"))
    base: NDArray[np.float64] = np.ones((7, PATHS))
    assert np.asarray(levers.value("silicon.capacity", 0, base)).shape == (7, PATHS)
    assert np.asarray(levers.value("silicon.capacity", 0, 1.0)).shape == (PATHS,)
    assert np.array_equal(base, np.ones((7, PATHS)))


def test_an_entity_has_its_own_changes() -> None:
    levers = table(change("silicon.capacity", "*0.5", "2026Q1"), change("silicon.capacity.zeiss_smt", "*0.1", "2026Q1"))
    assert levers.entities("silicon.capacity") == ("zeiss_smt",)
    assert levers.entities("demand.ceiling") == ()
    assert series(levers, "silicon.capacity", 10.0, 1) == [5.0]
    assert series(levers, "silicon.capacity", 10.0, 1, "zeiss_smt") == [1.0]
    base = np.ones(PATHS)
    assert levers.value("silicon.capacity", 0, base, "tsmc") is base


def test_a_misspelt_knob_is_an_error_of_the_caller() -> None:
    with pytest.raises(KeyError, match=r"demand\.cieling"):
        table(change("demand.speed", "*0.5")).value("demand.cieling", 0, 1.0)


def test_events_carry_indices_and_kind_of_target() -> None:
    compiled = program(
        event=[
            {"kind": "outage", "target": "tsmc", "size": 0.5, "from": "2026Q3", "lasts": 4},
            {"kind": "withdrawal", "target": "d_vf_nvda_openai", "from": "2026Q1"},
            {"kind": "delay", "target": "energy", "size": 0.2, "from": "2026Q2", "lasts": 2},
            {"kind": "ban", "target": "nvidia", "from": "2030Q1"},
        ]
    )
    told = [(e.kind, e.target, e.target_kind, e.size, e.first, e.last) for e in compiled.events]
    assert told == [
        ("outage", "tsmc", "company", 0.5, 2, 5),
        ("withdrawal", "d_vf_nvda_openai", "tie", 1.0, 0, 0),
        ("delay", "energy", "layer", 0.2, 1, 2),
    ]


def test_rules_and_switches_have_defaults() -> None:
    compiled = program(policy={"rescue_budget_usd_bn": 0}, switch={"contagion": False})
    assert compiled.policy.rescue_budget_usd_bn == 0.0
    assert compiled.policy.vendor_finance_cap == 1.0
    assert not compiled.switches.contagion and compiled.switches.noise


def test_a_program_travels_to_workers() -> None:
    compiled = program(change("demand.ceiling", "0.4 to 0.8", "2026Q1"), event=[], quarters=8)
    again = pickle.loads(pickle.dumps(compiled))
    uniforms = np.random.default_rng(7).random((1, PATHS))
    first = compiled.draw(uniforms).value("demand.ceiling", 3, 2.0)
    assert np.array_equal(np.asarray(first), np.asarray(again.draw(uniforms).value("demand.ceiling", 3, 2.0)))
    with pytest.raises(ValueError, match="uniforms: shape"):
        compiled.draw(np.empty((0, PATHS)))


def test_a_change_before_the_first_quarter_of_the_run_is_told() -> None:
    scenario = load_scenario({"name": "x", "change": [change("demand.speed", "*0.5", "2026Q1")]})
    with pytest.raises(UsageError, match="found '2026Q1'; expected a quarter from 2027Q1 on"):
        compile_program(scenario, first_quarter="2027Q1")
