"""A campus from the world or a file: dates, cost, cooling, power."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.layers.shared_data import full_year

import penstock as ps
from penstock.analysis.site import Site, site, site_inputs
from penstock.analysis.site_power import Case, site_power, solve
from penstock.analysis.turbine_books import turbine_books
from penstock.errors import InputError, UsageError
from penstock.world import World

EXAMPLE = Path(__file__).parents[2] / "examples" / "sites" / "prairie.toml"
LEAST = 'it_mw = 100\nclimate = "dallas"\n[grid]\ncap_mw = 130\n'


@pytest.fixture(scope="module")
def world() -> World:
    return ps.load_world()


@pytest.fixture(scope="module")
def hyperion(world: World) -> tuple[Case, ...]:
    return site_power(world, "hyperion").cases


def written(folder: Path, text: str) -> Path:
    path = folder / "campus.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_dates_at_shares_of_draws_are_those_of_the_blocks(world: World) -> None:
    found = site(world, "hyperion")
    dates = found.block_dates([0.1, 0.3, 0.5, 0.7, 0.9])
    later = found.blocks[found.blocks["block"] > 0].reset_index(drop=True)
    assert list(dates["block"]) == list(later["block"])
    for share, name in ((0.1, "p10"), (0.5, "p50"), (0.9, "p90")):
        assert list(dates[share]) == list(later[name])
    for row in dates.to_dict("records"):
        assert row[0.1] <= row[0.3] <= row[0.5] <= row[0.7] <= row[0.9]
    full = replace(found, blocks=found.blocks.iloc[:0])
    assert full.block_dates([0.5]).empty


# --- the campus -----------------------------------------------------------------------------------------


def whole(found: Site) -> None:
    """What every campus must obey."""
    summary, blocks = found.summary, found.blocks
    assert blocks["it_mw"].sum() == pytest.approx(max(summary["it_mw"], summary["it_mw_now"]), rel=1e-9)
    later = blocks[blocks["block"] > 0]
    for row in later.to_dict("records"):
        assert row["p10"] <= row["p50"] <= row["p90"]
        assert row["p10"] >= found.inputs.as_of
    assert later["p50"].is_monotonic_increasing
    assert 1.0 < summary["pue_mean"] <= summary["pue_hottest_hour"] < 2.0
    assert summary["water_m3_per_year"] >= 0
    monthly = (found.year["water_thousand_m3"].sum() - summary["water_m3_per_year"] / 1000) / 1e3
    assert abs(monthly) < 0.02 * max(summary["water_m3_per_year"] / 1e6, 1e-9)
    energy = sum(found.year["facility_mw"] * np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])) * 24
    assert energy == pytest.approx(summary["facility_mwh_per_year"], rel=1e-9)
    total = found.capex.set_index("part")
    assert total.at["building", "central"] + total.at["it_equipment", "central"] == pytest.approx(
        total.at["total", "central"]
    )
    if len(found.spending):
        assert found.spending["paid"].is_monotonic_increasing
        assert found.spending["paid"].iloc[-1] == pytest.approx(1.0)


def test_every_site_of_the_world_can_be_drawn(world: World) -> None:
    for name in world.table("sites")["id"]:
        found = site(world, name, draws=200)
        whole(found)
        assert all(one.rule and one.grade in "ABCDEF" for one in found.inputs.filled), name


def test_a_campus_under_construction_has_no_power_yet(world: World) -> None:
    found = site(world, "hyperion")
    assert found.summary["it_mw_now"] == 0
    assert found.summary["first_power_p10"] > world.as_of
    assert found.summary["first_power_announced"] == dt.date(2028, 1, 1)
    assert 0 < found.summary["first_power_by_announced"] < 1
    assert sum(found.summary["waiting_for"].values()) == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_campus(world: World) -> None:
    one, two, other = (site(world, "hyperion", seed=seed, draws=300) for seed in (7, 7, 8))
    assert one.blocks.equals(two.blocks)
    assert not one.blocks.equals(other.blocks)


def test_a_running_site_keeps_what_is_on(world: World) -> None:
    found = site(world, "meta_prometheus", draws=200)
    assert found.blocks.iloc[0]["it_mw"] == found.summary["it_mw_now"] > 0
    assert "first_power_p50" not in found.summary


def test_an_unknown_site_names_the_nearest(world: World) -> None:
    with pytest.raises(UsageError, match=r"site: found 'hyperoin'; expected .*; nearest meta_hyperion"):
        site(world, "hyperoin")


# --- files ----------------------------------------------------------------------------------------------


def test_the_example_is_read(world: World) -> None:
    found = site(world, EXAMPLE, draws=200)
    whole(found)
    inputs = found.inputs
    assert inputs.it_mw == 400 and inputs.grid_cap_mw == 150
    assert len([one for one in inputs.supplies if one.technology == "reciprocating"]) == 8
    assert inputs.routes == ("grid", "reciprocating")
    # 0.60 on the lower heating value is 0.54 on the higher one
    assert inputs.technologies["ccgt"]["efficiency_hhv"] == pytest.approx(0.6 * 0.181 / 0.201, rel=1e-6)
    assert inputs.prices["gas_usd_per_mmbtu"] == 3.5
    assert len(found.blocks) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": it_mw: found nothing; expected the IT power of the campus in MW"),
        (LEAST.replace("100", "-100"), ":1: it_mw: found -100 MW; expected 0 or more MW"),
        (LEAST.replace("100", "0"), ":1: it_mw: found 0 MW; expected more than 0 MW"),
        (LEAST.replace("it_mw", "it_mww"), ":1: it_mww: found an unknown key; expected one of .*; nearest it_mw"),
        (LEAST.replace("130", "-1"), ":4: grid.cap_mw: found -1 MW; expected 0 or more MW"),
        (LEAST.replace("cap_mw = 130", ""), ": power: found a site without power; expected a .grid. with cap_mw"),
        ('it_mw = 100\nclimate = "dallas"\n', ": power: found a site without power"),
        (LEAST.replace("dallas", "dalas"), ":2: climate: found 'dalas'; expected one of .*; nearest dallas"),
        (LEAST.replace('climate = "dallas"', ""), ": climate: found nothing; expected weather"),
        ('cooling = "dri"\n' + LEAST, ":1: cooling: found 'dri'"),
        ('status = "anounced"\n' + LEAST, ":1: status: found 'anounced'; expected one of .*; nearest announced"),
        ("load_share = 1.2\n" + LEAST, ":1: load_share: found 1.2; expected a share above 0 and at most 1"),
        ('routes = ["gird"]\n' + LEAST, ":1: routes: found 'gird'; expected one of .*; nearest grid"),
        ("latitude = 95\n" + LEAST, ":1: latitude: found 95; expected -90 to 90 degrees"),
        ('start = "soon"\n' + LEAST, ":1: start: found 'soon'; expected a date such as 2027-06-30"),
        (LEAST + "[stages]\npermits = [9, 3]\n", ":6: stages.permits: found .9, 3.; expected low, central and high"),
        (LEAST + "[stages]\npermits = [9, 3, 4]\n", ":6: stage permits: found 9, 3, 4; expected 0 < low"),
        (LEAST + "[stages]\nroofs = [1, 3, 4]\n", ":6: stage: found 'roofs'"),
        (LEAST + '[[unit]]\ntechnology = "ccgtt"\nmw = 5\n', ":6: technology: found 'ccgtt'; .*nearest ccgt"),
        (LEAST + '[[unit]]\ntechnology = "ccgt"\n', ":5: unit.mw: found nothing; expected its technology and MW"),
        (LEAST + '[[unit]]\ntechnology = "ccgt"\nmw = -5\n', ":7: unit.mw: found -5 MW; expected 0 or more MW"),
        (
            LEAST + '[[unit]]\ntechnology = "ccgt"\nmw = 5\nordered = 2027-01-01\ndelivered = 2026-06-30\n',
            ":9: unit.delivered: found 2026-06-30; expected a day on or after it was ordered, 2027-01-01",
        ),
        (
            LEAST + '[[technology]]\nname = "ccgt"\nefficiency_hhv = 0.5\nefficiency_lhv = 0.55\n',
            ":8: technology.efficiency_lhv: found both heating values; expected one of them",
        ),
        (LEAST + '[[technology]]\nname = "coal"\n', ":6: technology: found 'coal'"),
        (LEAST + "[prices]\ngas_usd_per_mmbtu = -2\n", ":6: prices.gas_usd_per_mmbtu: found -2; expected 0 or more"),
        (LEAST + "[prices]\ngas = 2\n", ":6: prices.gas: found an unknown key"),
        ("it_mw = \n", ":1: syntax: found"),
    ],
)
def test_a_bad_file_is_told_with_its_line(world: World, tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=message) as caught:
        site_inputs(world, path)
    assert str(caught.value).startswith(str(path))


def test_a_missing_file_and_a_year_with_missing_hours(world: World, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: file: found nothing; expected the TOML file of a site"):
        site_inputs(world, tmp_path / "none.toml")
    (tmp_path / "year.epw").write_text("LOCATION,A,B,C,D,1,32,-97,-6,10\n" + "X\n" * 7, encoding="utf-8")
    path = written(tmp_path, LEAST.replace('climate = "dallas"', 'weather = "year.epw"'))
    with pytest.raises(InputError, match=r"year\.epw:8: hour: found 0 hours; expected 8,760"):
        site_inputs(world, path)


def test_a_full_year_beside_the_file_is_used(world: World, tmp_path: Path) -> None:
    year = full_year("phoenix")
    path = written(tmp_path, LEAST.replace('climate = "dallas"', f'weather = "{year}"'))
    found = site(world, path, draws=100)
    assert found.summary["pue_hottest_hour"] == pytest.approx(1.281, abs=0.01)


# --- power ----------------------------------------------------------------------------------------------


def test_energy_balances_in_every_hour_of_every_operation(hyperion: tuple[Case, ...]) -> None:
    for case in hyperion:
        for run in (case.given, case.operated, case.reserved):
            load = case.plan.system.load_mw
            served = run.generation_mw.sum(axis=0) + run.discharge_mw - run.charge_mw + run.shed_mw
            assert np.abs(served - load).max() < 1e-9 * load.max()


def test_hyperion_at_planned_and_full_load(world: World, hyperion: tuple[Case, ...]) -> None:
    planned, full = hyperion
    assert (planned.load_mw, full.load_mw) == (2262.0, 5000.0)
    given = dict(zip([p.name for p in full.plan.system.plants], full.plan.system.given_mw, strict=True))
    assert given["ccgt"] == pytest.approx(3 * 754)
    assert given["solar"] == 1500
    assert full.plan.capacity_mw["grid"] <= site_inputs(world, "hyperion").grid_cap_mw + 1e-6
    # three gas units and the grid's part cannot carry 5 GW in any hour
    assert full.given.hours_short == 8760
    assert planned.given.hours_short < 24
    assert full.plan.new_mw["ccgt"] + full.plan.new_mw["ocgt"] > 1500
    assert full.operated.hours_short <= 14
    assert full.outages["with reserve"].lole_h <= 0.876 + 1e-9
    assert full.with_common_causes.lole_h >= full.outages["with reserve"].lole_h


def test_the_tables_add_up(world: World) -> None:
    found = site_power(world, "hyperion", load_mw=4000.0)
    assert [case.load_mw for case in found.cases] == [2262.0, 4000.0]
    summary, mix = found.summary(), found.mix()
    assert len(summary) == 6
    for label, rows in mix.groupby("case"):
        best = summary[(summary["case"] == label) & (summary["supply"] == "least cost")].iloc[0]
        sources = rows[~rows["source"].isin(["battery", "reserve"])]
        short = best["energy_short_mwh"]
        battery = rows[rows["source"] == "battery"]["energy_mwh"].sum()
        # what the battery loses is the difference between all sources and the load
        assert sources["energy_mwh"].sum() + short - best["energy_asked_mwh"] == pytest.approx(
            battery * (1 / 0.87 - 1), abs=1.0 + 0.02 * battery
        )
    assert (summary["co2_t"] >= 0).all()


def test_dearer_gas_and_a_worse_pue_never_cost_less(world: World) -> None:
    inputs = site_inputs(world, "hyperion")
    usual = solve(inputs, "full", 5000.0).plan.cost_usd_per_year
    dearer = replace(inputs, prices=dict(inputs.prices) | {"gas_usd_per_mmbtu": 7.0})
    assert solve(dearer, "full", 5000.0).plan.cost_usd_per_year > usual
    steady = 2000.0
    costs = []
    for cooling in ("dlc_dry", "air_dry_chiller"):
        from penstock.layers.energy import plan
        from penstock.layers.facilities import pue

        weather = inputs.weather
        hourly = pue(cooling, weather.dry_bulb_c, weather.wet_bulb_c, 0.8)
        costs.append(plan(steady * hourly, ("ccgt", "solar"), weather).cost_usd_per_year)
    assert costs[0] < costs[1]


def test_a_site_on_the_grid_alone(world: World, tmp_path: Path) -> None:
    inputs = site_inputs(world, written(tmp_path, LEAST))
    case = solve(inputs, "planned", 100.0)
    assert case.given.hours_short == 0
    alone = replace(inputs, grid_cap_mw=60.0)
    short = solve(alone, "planned", 100.0)
    assert short.given.hours_short == 8760
    assert short.operated.energy_short_mwh < 0.001 * short.plan.system.load_mw.sum()


@pytest.mark.parametrize("load", [0.0, -5.0, float("inf")])
def test_a_load_must_be_positive(world: World, load: float) -> None:
    with pytest.raises(UsageError, match=r"--load-mw: found .*; expected more than 0 MW"):
        site_power(world, "hyperion", load_mw=load)


def test_turbine_makers(world: World) -> None:
    books = turbine_books(world).set_index("maker")
    assert books.at["ge_vernova", "backlog_gw"] == 83
    assert books.at["ge_vernova", "lead_years"] > books.at["siemens_energy", "lead_years"] >= 3.5
    assert (books["lead_low"] <= books["lead_years"]).all() and (books["lead_years"] <= books["lead_high"]).all()


POWER_HEADER = (
    "id,kind,owner_id,buyer_id,site_id,capacity_mw,status,signed,commercial_operation,term_years,price_usd_mwh,"
    "evidence,source_id,note\n"
)


def overlaid(folder: Path, row: str) -> World:
    """The bundled world with one more row of power."""
    (folder / "power.csv").write_text(POWER_HEADER + row + "\n", encoding="utf-8")
    return ps.load_world(overlay=folder)


def test_a_turbine_of_a_world_does_not_run_before_it_was_ordered(tmp_path: Path) -> None:
    row = "early,gas_turbine,entergy,meta,meta_hyperion,100,ordered,2025-06-01,2025-05-01,15,,page,c_spg_lpsc,"
    with pytest.raises(
        InputError, match=r"power.csv:2: commercial_operation: found '2025-05-01'; expected a day after signed"
    ):
        overlaid(tmp_path, row)
    # an old plant may sell later than it started
    world = overlaid(tmp_path, row.replace("gas_turbine", "nuclear"))
    assert "early" in set(world.table("power")["id"])


def test_an_overlay_adds_to_what_is_given(tmp_path: Path) -> None:
    row = "more,gas_engine,entergy,meta,meta_hyperion,180,ordered,2025-06-01,2027-05-01,15,,page,c_spg_lpsc,"
    inputs = site_inputs(overlaid(tmp_path, row), "hyperion")
    assert [one.mw for one in inputs.supplies if one.technology == "reciprocating"] == [180.0]
    assert "reciprocating" in inputs.routes
