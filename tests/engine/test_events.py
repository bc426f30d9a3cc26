"""Events of a scenario strike what they name, for as long as they last, and nothing before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from simulated import Array, bundled, prepared, walk

from penstock.engine.begin import trend_of
from penstock.engine.events import events_of, shares_left
from penstock.engine.model import Model, prepare
from penstock.engine.moment import Moment
from penstock.engine.reach import Site, reach_of
from penstock.errors import InputError
from penstock.layers import facilities
from penstock.scenarios import compile_program, load_scenario

PATHS, QUARTERS = 32, 9
FIRST, LASTS = 2, 4
DURING = slice(FIRST, FIRST + LASTS)


def row(firm: str) -> int:
    return prepared().layout.firm(firm)


def revenue(firm: str) -> Callable[[Moment], Array]:
    return lambda now: now.results["revenue"][row(firm)]


def capex(firm: str) -> Callable[[Moment], Array]:
    return lambda now: now.results["capex"][row(firm)]


def result(name: str) -> Callable[[Moment], Array]:
    return lambda now: np.asarray(now.results[name].reshape(-1, now.block.width).sum(axis=0))


def tie_flow(tie: str) -> Callable[[Moment], Array]:
    return lambda now: now.block.scratch.flow[now.block.layout.tie_id.index(tie)]


def new_money(firm: str) -> Callable[[Moment], Array]:
    return lambda now: now.results["new_debt"][row(firm)] + now.results["equity_raised"][row(firm)]


def rate_paid(firm: str) -> Callable[[Moment], Array]:
    return lambda now: now.state.firms.rate[row(firm)]


LOOKS: dict[str, Callable[[Moment], Array]] = {
    "openai": revenue("openai"),
    "anthropic": revenue("anthropic"),
    "nvidia": revenue("nvidia"),
    "dell": revenue("dell"),
    "asml": revenue("asml"),
    "vistra": revenue("vistra"),
    "snowflake": revenue("snowflake"),
    "alibaba capex": capex("alibaba"),
    "spending": result("spending"),
    "shipped": result("shipped"),
    "usable": result("stock"),
    "price": result("price"),
    "halls": result("hall_done"),
    "power": result("power_done"),
    "nvidia to tsmc": tie_flow("wafers:nvidia>tsmc"),
    "money to coreweave": new_money("coreweave"),
    "money to openai": new_money("openai"),
    "rate of oracle": rate_paid("oracle"),
    "rate of vantage": rate_paid("vantage"),
    "new debt": result("new_debt"),
}

STRIKES: list[tuple[str, str, float, str, int]] = [
    ("outage", "tsmc", 0.5, "shipped", -1),
    ("outage", "dell", 1.0, "shipped", -1),
    ("outage", "openai", 0.5, "openai", -1),
    ("outage", "openai", 0.5, "anthropic", +1),
    ("outage", "microsoft", 0.5, "usable", -1),
    ("outage", "microsoft", 0.5, "price", +1),
    ("outage", "vantage", 1.0, "usable", -1),
    ("outage", "vistra", 0.5, "vistra", -1),
    ("outage", "stargate_abilene", 1.0, "usable", -1),
    ("outage", "silicon", 0.5, "shipped", -1),
    ("outage", "energy", 0.2, "usable", -1),
    ("outage", "energy", 0.2, "power", -1),
    ("outage", "facilities", 0.2, "halls", -1),
    ("outage", "data", 0.5, "snowflake", -1),
    ("outage", "demand", 0.3, "spending", -1),
    ("withdrawal", "coreweave", 1.0, "money to coreweave", -1),
    ("withdrawal", "openai", 1.0, "money to openai", -1),
    ("withdrawal", "private_credit", 1.0, "new debt", -1),
    ("withdrawal", "tsmc_nvidia_wafers", 1.0, "nvidia to tsmc", -1),
    ("rating_cut", "oracle", 1.0, "rate of oracle", +1),
    ("rating_cut", "facilities", 1.0, "rate of vantage", +1),
    ("ban", "tsmc_nvidia_wafers", 1.0, "nvidia to tsmc", -1),
    ("ban", "tsmc_nvidia_wafers", 1.0, "nvidia", -1),
    ("ban", "asml_tsmc_euv", 1.0, "asml", -1),
    ("ban", "alibaba", 1.0, "alibaba capex", -1),
    ("ban", "silicon", 0.3, "shipped", -1),
    ("delay", "facilities", 0.5, "halls", -1),
    ("delay", "energy", 0.5, "power", -1),
    ("delay", "silicon", 0.5, "shipped", -1),
    ("delay", "nvidia", 0.5, "nvidia", -1),
    ("delay", "microsoft", 0.8, "halls", -1),
    ("delay", "vantage", 1.0, "halls", -1),
    ("delay", "stargate_abilene", 1.0, "halls", -1),
]
"""kind, target, size, what it moves while it lasts, sign"""


def with_event(**event: object) -> Model:
    entry = {"from": "2026Q3", "lasts": LASTS, **event}
    plan = load_scenario({"name": "struck", "extends": "baseline", "event": [entry]}, bundled())
    base = prepared()
    program = compile_program(plan, base.first_quarter, QUARTERS)
    return replace(base, program=program, trend=trend_of(base.facts, QUARTERS))


@cache
def seen(kind: str = "", target: str = "", size: float = 1.0) -> dict[str, Array]:
    """Each look by quarter and path, in the baseline or with one event."""
    base = prepared()
    model = with_event(kind=kind, target=target, size=size) if kind else replace(
        base,
        program=compile_program(load_scenario("baseline", bundled()), base.first_quarter, QUARTERS),
        trend=trend_of(base.facts, QUARTERS),
    )  # fmt: skip
    found: dict[str, list[Array]] = {name: [] for name in LOOKS}

    def look(now: Moment) -> None:
        for name, of in LOOKS.items():
            found[name].append(np.array(of(now)))

    recorder = walk(model, PATHS, after=look)
    assert recorder.conservation.max() < 1e-9
    return {name: np.stack(values) for name, values in found.items()}


@pytest.mark.parametrize(("kind", "target", "size", "name", "sign"), STRIKES)
def test_an_event_moves_what_it_strikes_while_it_lasts(
    kind: str, target: str, size: float, name: str, sign: int
) -> None:
    before, after = seen(), seen(kind, target, size)
    for look, values in after.items():
        assert values[:FIRST].tobytes() == before[look][:FIRST].tobytes(), look
    moved = sign * (after[name] - before[name])[DURING].sum(axis=0)
    assert moved.mean() > 0.0
    assert (moved > 0.0).sum() > 2 * (moved < 0.0).sum()


def test_a_whole_ban_stops_a_tie_and_ends() -> None:
    banned = seen("ban", "tsmc_nvidia_wafers", 1.0)["nvidia to tsmc"]
    assert not banned[DURING].any()
    assert (banned[FIRST + LASTS :] > 0.0).all()


def test_a_forced_default_happens_in_its_quarter() -> None:
    defaulted: list[Array] = []
    walk(
        with_event(kind="default", target="coreweave"),
        4,
        after=lambda now: defaulted.append(now.results["failed_now"][row("coreweave")].copy()),
    )
    assert defaulted[FIRST].sum() >= 3
    assert all(not quarter.any() for quarter in defaulted[FIRST + 1 :])


def test_an_event_at_something_without_money_or_machines_is_refused() -> None:
    carried = set(prepared().facts.stake_contract)
    contracts = bundled().table("contracts")
    idle = contracts[(contracts["kind"] == "equity") & ~contracts["id"].isin(carried)]["id"].iloc[0]
    plan = load_scenario(
        {
            "name": "idle",
            "extends": "baseline",
            "event": [{"kind": "withdrawal", "target": idle, "from": "2026Q3"}],
        },
        bundled(),
    )
    with pytest.raises(InputError, match=f"found '{idle}'; expected a target that carries money or machines"):
        prepare(bundled(), plan, quarters=4)


@pytest.mark.parametrize(
    ("kind", "target", "start", "said"),
    [
        ("outage", "private_credit", "2026Q3", "it has to sell or run something then"),
        ("outage", "meta_hyperion", "2026Q3", "it has to sell or run something then"),  # before its first power
        ("outage", "meta_hyperion", "2028Q3", ""),
        ("delay", "xai_colossus_2", "2026Q3", "has to be due then"),  # at full power before the event
        ("delay", "xai_colossus_2", "2026Q1", ""),
        ("delay", "xai_colossus_2", "2030Q1", ""),  # after the last quarter of the run: no mistake
        ("withdrawal", "d_lo_bonds_orcl", "2026Q3", "what is drawn already brings none"),
    ],
)
def test_an_event_that_would_change_nothing_is_refused(kind: str, target: str, start: str, said: str) -> None:
    event = {"kind": kind, "target": target, "from": start, "lasts": 2}
    plan = load_scenario({"name": "idle", "extends": "baseline", "event": [event]}, bundled())
    if said:
        with pytest.raises(InputError, match=f"found '{target}'; expected a target that carries .*{said}"):
            prepare(bundled(), plan, quarters=12)
    else:
        prepare(bundled(), plan, quarters=12)


def test_without_events_there_is_nothing_to_look_up() -> None:
    base = prepared()
    assert events_of(base.program, base.layout, base.facts) is None


# ------------------------------------------------------------------ parts


def test_an_owner_hangs_on_itself_and_on_its_landlords() -> None:
    base = prepared()
    leased = base.facts.physical["leased_share"].to_numpy(float)
    reach = reach_of(base.layout, base.facts)
    for part in (reach.built, reach.rented, reach.connected, reach.fed):
        assert (part >= 0.0).all()
        assert np.allclose(part[np.arange(len(leased)), base.layout.owner_unit], 1.0)
    rent = reach.rented.sum(axis=1) - 1.0
    assert (rent <= leased + 1e-12).all()
    oracle = row("oracle")
    # halls that Crusoe runs for Oracle, and halls that Vantage builds for it
    assert reach.rented[oracle, row("crusoe")] > 0.0 and reach.built[oracle, row("vantage")] > 0.0
    assert reach.built[row("meta"), row("crusoe")] == 0.0


def test_a_site_grows_from_its_opening_to_its_plan() -> None:
    site = Site(owner=0, gw_opening=0.2, gw_planned=1.2, first=2.0, full=6.0)
    assert np.allclose(site.gw(np.array([0, 1, 3, 5, 20])), [0.2, 0.2, 0.7, 1.2, 1.2])
    finished = Site(owner=0, gw_opening=1.5, gw_planned=1.2, first=0.0, full=0.0)
    assert finished.gw(np.array([9])) == 1.5


def test_what_is_held_back_is_never_more_than_what_is_due() -> None:
    done, late = np.array([[2.0], [2.0], [2.0]]), np.array([[0.0], [1.0], [50.0]])
    held = facilities.hold_back(done, np.array([[0.25], [1.0], [1.0]]), late, np.array(0.5))
    assert np.allclose(held[:, 0], [1.5, 0.5, 2.0])


def test_shares_of_new_money_add_up_when_a_giver_stops() -> None:
    share = np.array([[0.5], [0.5], [1.0]])
    unit = np.array([0, 0, 1])
    given = np.array([[0.0], [1.0], [0.0]])
    left = np.array([[0.5], [0.0]])
    assert np.allclose(shares_left(share, given, unit, left)[:, 0], [0.0, 1.0, 1.0])
