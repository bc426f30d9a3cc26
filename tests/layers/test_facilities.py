"""Cooling, stages and cost of a campus: limits, orders, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import UsageError
from penstock.layers.facilities import (
    Stage,
    block_months,
    capex_usd_mn,
    contracted_power_mw,
    designs,
    first_power,
    hot_hour_derate,
    pue,
    pue_fleet,
    spend_curve,
    stage_table,
    water,
)
from penstock.layers.facilities.stages import draw_lengths

FEW = settings(max_examples=60, deadline=None)
DESIGNS = st.sampled_from(sorted(designs()))
DRY = st.floats(-20, 45)
DEPRESSION = st.floats(0, 20)
LOADS = st.floats(0.1, 1.0)
ALL = {name: stage for name, stage in stage_table().items() if name != "next_block"}


@FEW
@given(DESIGNS, DRY, DEPRESSION, LOADS, st.floats(0.1, 5))
def test_warmer_air_never_lowers_pue_nor_does_more_load_up_to_80_per_cent_raise_it(
    design: str, dry: float, below: float, load: float, more: float
) -> None:
    usual = float(pue(design, dry, dry - below, load))
    assert usual > 1.0
    assert float(pue(design, dry + more, dry - below + more, load)) >= usual - 1e-12
    if load < 0.8:
        # losses of the electrical chain are least near 0.82 of the load
        assert float(pue(design, dry, dry - below, min(load * 1.2, 0.8))) <= usual + 1e-12


@FEW
@given(DESIGNS, DRY, DEPRESSION, LOADS)
def test_water_is_never_negative_nor_more_than_all_heat_evaporated(
    design: str, dry: float, below: float, load: float
) -> None:
    litres = float(water(design, dry, dry - below, load))
    heat = float(pue(design, dry, dry - below, load))
    assert 0.0 <= litres <= 1.745 * heat + 1e-9


def test_dry_designs_use_no_water() -> None:
    assert float(water("dlc_dry", 40, 20, 0.8)) == 0.0
    assert float(water("air, dry chiller", 40, 20, 0.8)) == 0.0


def test_arrays_keep_their_shape() -> None:
    dry = np.linspace(0, 40, 12).reshape(3, 4)
    assert pue("evaporative", dry, dry - 5, 0.7).shape == (3, 4)
    assert water("evaporative", dry, dry - 5, 0.7).shape == (3, 4)
    assert pue("dlc_tower", 20.0, 10.0, np.array([0.5, 0.8])).shape == (2,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dlc_dri", 20, 10, 0.8), "cooling: found 'dlc_dri'; expected one of .*; nearest dlc_dry"),
        (("dlc_dry", 20, 10, 0.0), "load: found 0; expected a share above 0 and at most 1"),
        (("dlc_dry", 20, 10, 1.2), "load: found 1.2; expected a share above 0 and at most 1"),
        (("dlc_dry", 20, 25, 0.8), "wet bulb above the dry bulb"),
        (("dlc_dry", float("nan"), 10, 0.8), "found a missing temperature"),
    ],
)
def test_what_cooling_refuses(arguments: Any, message: str) -> None:
    for function in (pue, water):
        with pytest.raises(UsageError, match=message):
            function(*arguments)


def test_a_fleet_is_the_mean_of_its_designs() -> None:
    dry = np.linspace(0, 40, 100)
    parts = [pue_fleet({name: 1.0}, [(dry, dry - 4)]) for name in ("evaporative", "air_tower")]
    assert pue_fleet({"evaporative": 3, "air_tower": 1}, [(dry, dry - 4)]) == pytest.approx(
        0.75 * parts[0] + 0.25 * parts[1]
    )
    with pytest.raises(UsageError, match="expected some of each"):
        pue_fleet({"evaporative": 0.0}, [(dry, dry)])


def test_hot_hours_are_curtailed_to_what_is_contracted() -> None:
    dry = np.array([10.0, 44.0])
    hourly = pue("dlc_dry", dry, dry - 10, 0.8)
    share = hot_hour_derate("dlc_dry", dry, dry - 10, 0.8, 1.15)
    assert share[0] == 1.0
    assert share[1] * hourly[1] == pytest.approx(1.15)
    with pytest.raises(UsageError, match="expected at least 1"):
        hot_hour_derate("dlc_dry", dry, dry - 10, 0.8, 0.9)


def test_contracted_power_covers_all_but_35_hours() -> None:
    hourly = 1.1 + 0.1 * np.arange(8760) / 8760
    contracted = float(contracted_power_mw(100.0, hourly, 1.0))
    assert np.count_nonzero(100.0 * hourly > contracted) in range(34, 37)
    assert float(contracted_power_mw(100.0, hourly, 1.25)) == pytest.approx(contracted / 1.25)
    with pytest.raises(UsageError, match=r"it_mw: found -1; expected 0 or more MW"):
        contracted_power_mw(-1, hourly)


# --- stages ---------------------------------------------------------------------------------------------


def test_lengths_are_log_normal_about_their_centres_and_lean_on_each_other() -> None:
    lengths = draw_lengths(ALL, 3, 40_000)
    for name, stage in ALL.items():
        assert np.median(lengths[name]) == pytest.approx(stage.central_months, rel=0.03)
        sigma = np.log(stage.high_months / stage.low_months) / 3.29
        assert np.log(lengths[name]).std() == pytest.approx(sigma, rel=0.03)
    shell, racks = np.log(lengths["shell"]), np.log(lengths["racks"])
    transformer, turbine = np.log(lengths["transformer"]), np.log(lengths["heavy_turbine"])
    assert np.corrcoef(shell, racks)[0, 1] == pytest.approx(0.3, abs=0.03)
    assert np.corrcoef(transformer, turbine)[0, 1] == pytest.approx(0.5, abs=0.03)
    assert np.corrcoef(shell, transformer)[0, 1] == pytest.approx(0.3, abs=0.03)


def test_first_power_is_the_longest_of_its_parts() -> None:
    found = first_power(ALL, 5, 2000, routes=["grid", "heavy_turbine"])
    length = found.lengths
    power = np.minimum(length["grid_study"] + length["grid_build"], length["heavy_turbine"])
    hall = np.maximum(length["shell"] + length["fit_out"], np.maximum(length["transformer"], length["switchgear"]))
    ready = length["site_control"] + np.maximum(length["permits"] + hall, power)
    assert found.months == pytest.approx(ready + length["racks"] + length["commissioning"])


def test_fixed_lengths_add_up() -> None:
    stages = {"permits": (8, 8, 8), "shell": (9, 9, 9), "fit_out": (9, 9, 9), "grid_study": (1, 1, 1)}
    stages |= {"grid_build": (2, 2, 2), "racks": (3, 3, 3), "commissioning": (3, 3, 3)}
    found = first_power(stages, 1, 10)
    assert found.months == pytest.approx(np.full(10, 8 + 18 + 6))
    assert set(found.binding) == {"shell and fit-out"}


@FEW
@given(st.sampled_from(sorted(ALL)), st.floats(1, 24), st.integers(0, 1000))
def test_a_delay_never_brings_power_forward_nor_moves_it_by_more(name: str, delay: float, seed: int) -> None:
    usual = first_power(ALL, seed, 200)
    late = first_power(ALL, seed, 200, delays_months={name: delay})
    slip = late.months - usual.months
    assert (slip >= -1e-9).all()
    assert (slip <= delay + 1e-9).all()


def test_one_more_route_never_delays_and_changes_no_other_draw() -> None:
    grid = first_power(ALL, 9, 500, routes=["grid"])
    both = first_power(ALL, 9, 500, routes=["grid", "reciprocating"])
    assert (both.months <= grid.months + 1e-12).all()
    few = {name: ALL[name] for name in ("grid_study", "grid_build", "racks")}
    assert np.array_equal(first_power(few, 9, 500).lengths["racks"], grid.lengths["racks"])


def test_permits_fail_at_their_rate_and_quantiles_leave_failures_out() -> None:
    found = first_power(ALL, 2, 20_000)
    assert found.failed.mean() == pytest.approx(0.2, abs=0.01)
    assert found.quantiles((0.5,))[0] == pytest.approx(np.median(found.months[~found.failed]))
    assert not first_power(ALL, 2, 100, permit_failure=0.0).failed.any()


def test_blocks_follow_one_another() -> None:
    found = first_power(ALL, 4, 1000)
    blocks = block_months(found, 5, 4)
    assert np.array_equal(blocks[0], found.months)
    assert (np.diff(blocks, axis=0) > 0).all()
    assert np.median(np.diff(blocks, axis=0)) == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize(
    ("stages", "options", "message"),
    [
        ({"racks": (1, 2, 3)}, {}, "power: found a site without power; expected at least one route of grid"),
        ({"permitz": (1, 2, 3)}, {}, "stage: found 'permitz'; expected one of .*; nearest permits"),
        ({"permits": (3, 2, 1)}, {}, "stage permits: found 3, 2, 1; expected 0 < low <= central <= high"),
        ({"permits": (-1, 2, 3)}, {}, "stage permits: found -1, 2, 3"),
        ({"permits": (1, 2)}, {}, "stage permits: found 2 values; expected low, central, high in months"),
        (ALL, {"routes": ["gird"]}, "route: found 'gird'; expected one of .*; nearest grid"),
        ({"racks": (1, 2, 3)}, {"routes": ["grid"]}, "route grid: found no stage grid_study"),
        (ALL, {"delays_months": {"roof": 2.0}}, "delay: found 'roof'"),
        (ALL, {"permit_failure": 1.5}, "permit_failure: found 1.5"),
    ],
)
def test_what_first_power_refuses(stages: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        first_power(stages, 1, 10, **options)
    with pytest.raises(UsageError, match="n: found 0; expected 1 or more draws"):
        first_power(ALL, 1, 0)


# --- cost -----------------------------------------------------------------------------------------------


@FEW
@given(st.floats(0, 10_000), st.floats(2025, 2035))
def test_cost_is_in_proportion_and_in_order(it_mw: float, year: float) -> None:
    found = capex_usd_mn(it_mw, year=year)
    for low, central, high in found.values():
        assert low <= central <= high
    assert found["total"][1] == pytest.approx(found["building"][1] + found["it_equipment"][1])
    assert capex_usd_mn(2 * it_mw, year=year)["total"][1] == pytest.approx(2 * found["total"][1])


def test_cost_of_a_gigawatt_is_near_what_the_world_tells() -> None:
    total = capex_usd_mn(1000.0)["total"]
    # parameter dc_capex_total_per_mw_it: 37.9 USD mn per MW of IT
    assert total[0] < 37_900 < total[2]
    with pytest.raises(UsageError, match="it_mw: found -5; expected 0 or more MW"):
        capex_usd_mn(-5)


MILESTONES = st.lists(st.floats(0.5, 100), min_size=4, max_size=4).map(sorted)


@FEW
@given(MILESTONES)
def test_spending_rises_through_its_milestones(times: list[float]) -> None:
    names = ("permits", "equipment_deposits", "fit_out", "first_power")
    at = dict(zip(names, times, strict=True))
    paid = spend_curve(at, np.linspace(0, times[-1] + 5, 80))
    assert (np.diff(paid) >= -1e-12).all()
    assert paid[-1] == pytest.approx(1.0)
    if len({round(t, 6) for t in times}) == 4:
        assert spend_curve(at, times) == pytest.approx([0.10, 0.35, 0.85, 1.0])


def test_milestones_out_of_order_are_refused() -> None:
    with pytest.raises(UsageError, match="expected each after the one before"):
        spend_curve({"permits": 5, "equipment_deposits": 4, "fit_out": 6, "first_power": 7}, 3)
    with pytest.raises(UsageError, match="found no fit_out"):
        spend_curve({"permits": 5, "equipment_deposits": 6, "first_power": 7}, 3)


def test_a_stage_holds_its_source() -> None:
    assert all(stage.source and stage.grade in "ABCDEF" for stage in stage_table().values())
    assert isinstance(stage_table()["permits"], Stage)
