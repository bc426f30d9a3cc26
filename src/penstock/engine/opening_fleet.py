"""Fleets of compute owners at the as-of date: chips by age, orders, pipelines of halls and power."""

from __future__ import annotations

from typing import NamedTuple

from penstock.arrays import np
from penstock.engine.facts import Facts
from penstock.engine.state import AGES, Fleet, spread
from penstock.layers import energy, facilities

Array = np.ndarray


def _power_by_age(ages: Array) -> Array:
    """Share of the opening fleet's power by age: an older H100e draws more (26 % a year, power_decline)."""
    weight = ages * np.exp(0.26 * 0.25 * np.arange(AGES))
    return np.asarray(weight / weight.sum())


class FleetColumns(NamedTuple):
    """Fleets at the as-of date, the same on all paths: (owners + 1, 1), with the axis of ages before where said."""

    bought: Array
    """(ages, owners + 1, 1)"""
    power: Array
    """(ages, owners + 1, 1)"""
    waiting: Array
    backlog: Array
    halls: Array
    firm_power: Array
    delivered: Array
    halls_told: Array
    """halls in the pipeline that pages tell, and power; halls a quarter that spending buys"""
    power_told: Array
    halls_bought: Array


def fleet_at_opening(facts: Facts) -> FleetColumns:
    """Fleets, orders and pipelines of facts alone."""
    owned, bought = facts.owned, bought_by_spending(facts)
    installed = np.maximum(owned["h100e_installed"], LEAST_STOCK_QUARTERS * bought["chips"])
    ages = np.zeros(AGES)
    told = facts.fleet_ages[:AGES]
    ages[: len(told)] = told
    # what was shipped before is spread over two years
    ages[len(told) : len(told) + 8] = facts.constants["older_shipments"] / 8
    ages /= ages.sum()
    # stock that only spending tells draws what the others' does
    drawn, known = owned["it_power_in_use_gw"], owned["h100e_installed"]
    power_in_use = drawn + np.maximum(installed - known, 0.0) * drawn.sum() / known.sum()
    return FleetColumns(
        bought=ages[:, None, None] * installed[None],
        power=_power_by_age(ages)[:, None, None] * power_in_use[None],
        waiting=owned["h100e_waiting"],
        backlog=np.maximum(owned["h100e_on_order"], ORDERS_AHEAD * bought["chips"]),
        halls=np.maximum(owned["halls_gw"], LEAST_SPARE * power_in_use),
        firm_power=np.maximum(owned["power_gw"], LEAST_SPARE * power_in_use),
        delivered=installed + owned["h100e_waiting"],
        halls_told=owned["halls_pipeline_gw"],
        power_told=owned["power_pipeline_gw"],
        halls_bought=bought["halls"],
    )


def opening_fleet(facts: Facts, theta: dict[str, Array], count: int) -> Fleet:
    """Fleets, orders and pipelines at the as-of date; pipelines stand in steady state."""
    told = facts.once("fleet", lambda: fleet_at_opening(facts))
    hall_pipeline = np.maximum(told.halls_told, told.halls_bought * theta["hall_lead"])
    power_pipeline = np.maximum(told.power_told, told.halls_bought * theta["power_lead"])
    owners = len(told.waiting)
    return Fleet(
        bought=spread(told.bought, count),
        opening_power=spread(told.power, count),
        lasting=np.ones((AGES, count)),
        drawn=np.zeros((AGES, count)),
        kept=np.ones((owners, count)),
        waiting=spread(told.waiting, count),
        backlog=spread(told.backlog, count),
        halls=spread(told.halls, count),
        firm_power=spread(told.firm_power, count),
        hall_stages=np.repeat(hall_pipeline[None] / facilities.STAGES, facilities.STAGES, axis=0),
        power_stages=np.repeat(power_pipeline[None] / energy.STAGES, energy.STAGES, axis=0),
        delivered=spread(told.delivered, count),
        retired=np.zeros((owners, count)),
        failed=np.zeros((owners, count)),
        own_chips=np.zeros((owners, count)),
        project=np.zeros((owners, count)),
        external=np.ones((owners, count)),
    )


LEAST_STOCK_QUARTERS = 4.5
"""Quarters of its present purchases that an owner has in service, where no page tells its deliveries (assumption, 3
to 6:
spending of the last two years over the last quarter).

The series of shipments leave Huawei's and other Chinese chips out; this is what the owners' spending implies.
"""
ORDERS_AHEAD = 2.2
"""Quarters of deliveries that stand in order books at the opening (the order book of the world over its deliveries)."""
TOLD_ENOUGH = 0.5
"""Halls a quarter by pages over those that an owner's spending buys, below which its pipeline is taken from spending
(assumption, 0.4 to 0.6): nobody pays twice the going cost of a site."""
LEAST_SPARE = 1.1
"""Halls and power over power in use of an owner at the opening, at the least (assumption, 1.05 to 1.2)."""


def bought_by_spending(facts: Facts) -> dict[str, Array]:
    """Chips (million H100e) and halls (GW) a quarter of owners whose deliveries or pipelines no page tells, (owners +
    1, 1).

    They are what the owner's spending buys at central prices; zero for owners whose figures are known.
    """
    owned = facts.owned
    rows = len(owned["h100e_per_quarter"]) - 1
    chips = np.zeros((rows + 1, 1))
    halls = np.zeros((rows + 1, 1))
    unknown = owned["h100e_per_quarter"][:rows] < 1e-6
    chips[:rows] = np.where(unknown, facts.it_capex[:rows] / facts.constants["equipment_price"], 0.0)
    halls[:rows] = facts.site_capex[:rows] / facts.constants["site_price"]
    told = owned["halls_pipeline_gw"][:rows] / facts.parameters["hall_lead"].central
    # a share of what the world builds elsewhere says little of an owner: its spending says more
    halls[:rows] = np.where(told < TOLD_ENOUGH * halls[:rows], halls[:rows], 0.0)
    return {"chips": chips, "halls": halls}
