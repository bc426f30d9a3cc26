"""The five shocks of the library move their own mechanism, in the right order, on common random numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from simulated import Array, bundled, prepared, walk

from penstock.engine.begin import begin_block, trend_of
from penstock.engine.chunks import BINDING
from penstock.engine.model import Model, prepare
from penstock.engine.moment import Moment
from penstock.engine.opening.state import GROUPS
from penstock.engine.record import Recorder
from penstock.scenarios import compile_program, load_scenario

PATHS, QUARTERS = 128, 18

BEGINS = {
    "demand_disappoints": 4,
    "funding_freeze": 4,
    "chip_supply_cut": 2,
    "power_delay": 2,
    "efficiency_shock": 3,
}
"""First quarter of each shock, from 2026Q1 = 0."""

TOUCHED = {
    "demand_disappoints": ({"demand.ceiling", "demand.speed"}, set()),
    "funding_freeze": ({"finance.debt_access", "finance.equity_access"}, set()),
    "chip_supply_cut": (set(), {("outage", "tsmc")}),
    "power_delay": ({"energy.power_delay_quarters"}, set()),
    "efficiency_shock": ({"ai.compute_per_token"}, set()),
}
"""Knobs and events of each file."""


def owners(name: str) -> Callable[[Moment], Array]:
    return lambda now: np.asarray(getattr(now.state.fleet, name).sum(axis=0))


PROBES: dict[str, Callable[[Moment], Array]] = {
    "value of compute": lambda now: now.results["value"],
    "shipped": lambda now: now.results["shipped"].sum(axis=0),
    "waiting": owners("waiting"),
    "firm power": owners("firm_power"),
    "elasticity": lambda now: now.block.theta["price_elasticity"],
}


@dataclass
class Run:
    recorder: Recorder
    probes: dict[str, Array]

    def economy(self, column: str) -> Array:
        return self.recorder.economy[column]

    def firm(self, name: str, measure: str) -> Array:
        return self.recorder.company[measure][:, prepared().opening.firms.index(name)].astype(float)

    def group(self, name: str, measure: str) -> Array:
        rows = prepared().layout.group == GROUPS.index(name)
        return self.recorder.company[measure][:, rows].astype(float).sum(axis=1)

    def defaults(self) -> Array:
        return self.recorder.layers["defaults"].sum(axis=1).cumsum(axis=0)


def watched(model: Model) -> Run:
    seen: dict[str, list[Array]] = {name: [] for name in PROBES}

    def look(now: Moment) -> None:
        for name, probe in PROBES.items():
            seen[name].append(np.array(probe(now)))

    recorder = walk(model, PATHS, after=look)
    return Run(recorder, {name: np.stack(values) for name, values in seen.items()})


@cache
def model_under(scenario: str) -> Model:
    base = prepared()
    program = compile_program(load_scenario(scenario, bundled()), base.first_quarter, QUARTERS)
    return replace(base, program=program, trend=trend_of(base.facts, QUARTERS))


@cache
def run(scenario: str) -> Run:
    return watched(model_under(scenario))


@cache
def without_ties(scenario: str, *ties: str) -> Run:
    """A scenario in a world that lacks some ties."""
    plan = load_scenario({"name": "cut_off", "extends": scenario, "remove": [{"tie": tie} for tie in ties]}, bundled())
    return watched(prepare(bundled(), plan, quarters=QUARTERS))


def change(shock: str, of: Callable[[Run], Array]) -> Array:
    """Median relative change by quarter since the shock began."""
    before, after = of(run("baseline")), of(run(shock))
    relative: Array = np.median(after / before - 1.0, axis=1)
    return relative[BEGINS[shock] :]


def economy(shock: str, column: str) -> Array:
    return change(shock, lambda one: one.economy(column))


def group(shock: str, name: str, measure: str) -> Array:
    return change(shock, lambda one: one.group(name, measure))


def more_defaults(shock: str, later: int) -> float:
    """Defaults a path beyond the baseline's, `later` quarters after the shock began."""
    quarter = BEGINS[shock] + later
    return float((run(shock).defaults() - run("baseline").defaults())[quarter].mean())


# ------------------------------------------------------------------ what a file touches


@pytest.mark.parametrize("shock", BEGINS)
def test_a_shock_touches_only_what_its_file_names(shock: str) -> None:
    model, base = model_under(shock), model_under("baseline")
    knobs_named, events_named = TOUCHED[shock]
    assert {row.knob for row in model.program.changes} == knobs_named
    assert {(row.kind, row.target) for row in model.program.events} == events_named
    assert (model.program.policy, model.program.switches) == (base.program.policy, base.program.switches)
    assert not load_scenario(shock, bundled()).edits_world
    blocks = [
        begin_block(one.layout, one.facts, one.program, seed=7, first_path=0, width=4, prior=False, trend=one.trend)
        for one in (model, base)
    ]
    assert blocks[0][0].levers.touched == knobs_named
    for name, drawn in blocks[1][0].theta.items():
        assert np.array_equal(blocks[0][0].theta[name], drawn), name
    for name, opened in blocks[1][1].arrays().items():
        assert np.array_equal(blocks[0][1].arrays()[name], opened), name


@pytest.mark.parametrize("shock", BEGINS)
def test_nothing_changes_before_a_shock(shock: str) -> None:
    quarters = BEGINS[shock]
    for part in ("economy", "layers", "company"):
        for name, values in getattr(run(shock).recorder, part).items():
            before = getattr(run("baseline").recorder, part)[name]
            assert values[:quarters].tobytes() == before[:quarters].tobytes(), (part, name)
    begun = run(shock).recorder.economy, run("baseline").recorder.economy
    assert any(
        (begun[0][name][quarters : quarters + 3] != begun[1][name][quarters : quarters + 3]).any() for name in begun[0]
    )


# ------------------------------------------------------------------ demand disappoints


def test_disappointed_demand_lowers_spending_price_and_capex() -> None:
    revenue, price, capex, stock = (
        economy("demand_disappoints", name)
        for name in ("ai_revenue_usd_bn", "price_usd_per_h100e_hour", "capex_usd_bn", "h100e")
    )
    for later in (2, 6, 12):
        assert revenue[later] < -0.02 and price[later] < -0.01 and capex[later] < -0.01, later
    assert revenue[6] < -0.2 and price[6] < -0.1 and capex[6] < -0.1
    # users stop first, builders follow, machines that were ordered still come
    assert revenue[2] < 2.0 * capex[2] < 0.0
    assert capex[6] < 3.0 * stock[6] <= 0.0


def test_disappointed_demand_travels_down_the_stack() -> None:
    """Labs lose most, then those who rent to them, chips, fabs, and tools four ties away."""
    lost = [group("demand_disappoints", name, "revenue_usd_bn")[4] for name in
            ("lab", "neocloud", "chip_designer", "foundry", "equipment")]  # fmt: skip
    # fabs build for orders at the end of their lead time, so tools can fall by more than wafers (the accelerator)
    assert max(lost) < 0.0 and lost[0] < lost[1]
    assert group("demand_disappoints", "hyperscaler", "revenue_usd_bn")[4] > lost[1]
    assert more_defaults("demand_disappoints", 12) > 0.2


# ------------------------------------------------------------------ funding freeze


def test_a_freeze_stops_those_who_live_on_outside_money() -> None:
    hyperscaler = group("funding_freeze", "hyperscaler", "capex_usd_bn")
    for name in ("lab", "neocloud", "developer"):
        stopped = group("funding_freeze", name, "capex_usd_bn")
        for later in (0, 1, 2):
            assert stopped[later] < 1.6 * hyperscaler[later], (name, later)
        assert stopped[1] < -0.25, name
    assert economy("funding_freeze", "capex_usd_bn")[1] < -0.05


def test_a_freeze_brings_defaults_and_then_passes() -> None:
    # those whose debt is below what lenders would lend are extended (docs/decisions/0022)
    assert more_defaults("funding_freeze", 4) > 0.4
    capex = economy("funding_freeze", "capex_usd_bn")
    assert abs(capex[10]) < abs(capex[2]) / 3.0
    assert group("funding_freeze", "hyperscaler", "capex_usd_bn")[10] > -0.05
    # a smaller fleet is a dearer one
    assert economy("funding_freeze", "h100e")[8] < 0.0 < economy("funding_freeze", "price_usd_per_h100e_hour")[8]


def test_a_freeze_reaches_tools_through_chips_and_fabs() -> None:
    lost = [group("funding_freeze", name, "revenue_usd_bn")[3] for name in ("chip_designer", "foundry", "equipment")]
    # fabs build for orders at the end of their lead time, so tools can fall by more than wafers (the accelerator)
    assert max(lost) < 0.0 and lost[0] < lost[1]
    assert abs(economy("funding_freeze", "ai_revenue_usd_bn")[2]) < 0.02


# ------------------------------------------------------------------ chip supply cut

TSMC_NVIDIA = ("tsmc_nvidia_wafers",)
"""Packaging is a part of this tie and goes with it."""
TSMC_DESIGNERS = (
    *TSMC_NVIDIA,
    "tsmc_amd_wafers",
    "tsmc_broadcom_wafers",
    "tsmc_marvell_cowos",
    "tsmc_intel_wafers",
    "tsmc_amazon_cowos",
)
OUTAGE = slice(2, 6)


def lost(before: Run, after: Run, name: str, measure: str) -> float:
    """Median change over the quarters of the outage, as a share of the baseline."""
    old, new = (one.firm(name, measure)[OUTAGE].sum(axis=0) for one in (before, after))
    return float(np.median(new / old - 1.0))


def test_an_outage_at_the_foundry_cuts_shipments_while_it_lasts() -> None:
    shipped = change("chip_supply_cut", lambda one: one.probes["shipped"])
    assert (shipped[:4] < -0.1).all()
    # what could not be shipped stays on order and comes after
    assert shipped[4] > 0.02
    assert economy("chip_supply_cut", "h100e")[:4].max() < -0.01
    assert economy("chip_supply_cut", "price_usd_per_h100e_hour")[2:5].min() > 0.005
    assert abs(economy("chip_supply_cut", "h100e")[12]) < abs(economy("chip_supply_cut", "h100e")[2]) / 3.0


def test_an_outage_reaches_clouds_two_ties_away() -> None:
    """tsmc -> nvidia -> microsoft; the foundry's own loss, its customer's, and what the cloud cannot buy."""
    before, after = run("baseline"), run("chip_supply_cut")
    assert lost(before, after, "nvidia", "revenue_usd_bn") < -0.1
    assert lost(before, after, "microsoft", "capex_usd_bn") < -0.05
    assert lost(before, after, "tsmc", "revenue_usd_bn") < -0.1
    # tools are an order of magnitude less exposed than chips
    assert lost(before, after, "asml", "revenue_usd_bn") > lost(before, after, "nvidia", "revenue_usd_bn") / 2.0


def test_the_outage_does_not_reach_nvidia_without_its_ties_to_the_foundry() -> None:
    whole = lost(run("baseline"), run("chip_supply_cut"), "nvidia", "revenue_usd_bn")
    before, after = (without_ties(name, *TSMC_NVIDIA) for name in ("baseline", "chip_supply_cut"))
    first = after.firm("nvidia", "revenue_usd_bn")[2] / before.firm("nvidia", "revenue_usd_bn")[2] - 1.0
    # what is left is the price of chips, which stretches with the queue for those of other designers
    assert np.median(np.abs(first)) < 0.005 < abs(whole)
    assert abs(lost(before, after, "nvidia", "revenue_usd_bn")) < 0.1 * abs(whole)
    # those who keep their ties are still cut
    assert lost(before, after, "amd", "revenue_usd_bn") < -0.03


def test_the_outage_does_not_reach_clouds_without_the_ties_of_designers() -> None:
    whole = lost(run("baseline"), run("chip_supply_cut"), "microsoft", "capex_usd_bn")
    before, after = (without_ties(name, *TSMC_DESIGNERS) for name in ("baseline", "chip_supply_cut"))
    assert np.array_equal(after.firm("microsoft", "capex_usd_bn")[2], before.firm("microsoft", "capex_usd_bn")[2])
    assert abs(lost(before, after, "microsoft", "capex_usd_bn")) < 0.05 * abs(whole)


# ------------------------------------------------------------------ power delay


def test_delayed_power_comes_later_and_chips_wait() -> None:
    power = change("power_delay", lambda one: one.probes["firm power"])
    assert power[2] < -0.005 and power[6] < -0.05
    waiting = run("power_delay").probes["waiting"] - run("baseline").probes["waiting"]
    assert np.median(waiting[BEGINS["power_delay"] + 6]) > 0.0
    assert economy("power_delay", "price_usd_per_h100e_hour")[6] > 0.01
    # a delay of power is no shock to what users want
    assert abs(economy("power_delay", "ai_revenue_usd_bn")[4]) < 0.02


def test_delayed_power_bites_where_power_binds() -> None:
    quarter = BEGINS["power_delay"] + 6
    binds = run("baseline").economy("binding")[quarter] == BINDING.index("power")
    assert 5 < binds.sum() < PATHS - 5
    drawn = run("power_delay").economy("it_mw")[quarter] / run("baseline").economy("it_mw")[quarter] - 1.0
    assert np.median(drawn[binds]) < -0.02
    assert np.median(drawn[binds]) < np.median(drawn[~binds]) <= 0.0


# ------------------------------------------------------------------ efficiency shock


def test_cheaper_tokens_are_used_more() -> None:
    price, tokens = (economy("efficiency_shock", name) for name in ("price_usd_per_mtok", "tokens_served"))
    assert price[0] < -0.1 and (price[1:] < -0.5).all()
    assert tokens[0] > 0.1 and (tokens[1:] > 1.0).all()
    assert economy("efficiency_shock", "surplus_usd_bn")[4] > 0.05


def test_value_of_compute_turns_with_the_elasticity() -> None:
    quarter = BEGINS["efficiency_shock"] + 1
    before, after = (run(name).probes["value of compute"][quarter] for name in ("baseline", "efficiency_shock"))
    elasticity = run("baseline").probes["elasticity"][quarter]
    elastic, inelastic = elasticity > 1.05, elasticity < 0.95
    assert elastic.sum() > 10 and inelastic.sum() > 5
    assert (after[elastic] > before[elastic]).all()
    assert (after[inelastic] < before[inelastic]).all()
    price = run("efficiency_shock").economy("price_usd_per_h100e_hour") / run("baseline").economy(
        "price_usd_per_h100e_hour"
    )
    assert np.median(price[quarter + 1, inelastic]) < 1.0 < np.median(price[quarter + 1, elastic])


def test_efficiency_reaches_labs_before_those_who_build() -> None:
    for later in (1, 2):
        labs, clouds = (group("efficiency_shock", name, "revenue_usd_bn")[later] for name in ("lab", "chip_designer"))
        assert labs > 0.02 and labs > 3.0 * abs(clouds), later
