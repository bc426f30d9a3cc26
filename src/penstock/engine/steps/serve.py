"""Step 2, serve: how much of the compute wanted is served, at which price and utilisation."""

from __future__ import annotations

from functools import cache

from penstock.arrays import np
from penstock.bounds import bounded
from penstock.engine.moment import Moment
from penstock.fleet import surface
from penstock.layers import energy, platform
from penstock.money.kernels import _MAT, _MAT_IN, _VEC_IN
from penstock.passes import inlined, kernel, void

Array = np.ndarray

for formula in (platform.annuity_at, platform.price_of_capacity):
    inlined(formula)

RATE_OF_MOOD = 0.05
"""Fall of the cost of capital per year from the worst mood to the best (assumption, 0.03 to 0.08)."""
PLATFORM = (64.0, 5.0, 0.1, 0.25)
"""The platform that limits plans: replicas, dispersion, seconds a token, share of small models.

The largest pool that was simulated, bursts of the Azure conversation trace, ten tokens a second and user, a quarter of
the chips with small models; assumption, ranges of `fleet/surface.py`.
"""


@cache
def most_planned() -> float:
    """Largest utilisation that a promise of latency leaves to a pooled platform, from simulated fleets."""
    point = surface.evaluate(*PLATFORM)
    return float(point.utilisation * point.availability)


def serve(now: Moment) -> None:
    """Sets cost, hurdle, price, wanted, busy, served, utilisation and the capacity picture of the quarter."""
    e, th, r = now.state.economy, now.block.theta, now.results
    r["owner_stock"], r["owner_power"] = now.block.cache["owner_stock"], now.block.cache["owner_power"]
    unit_costs(now)
    floor = 1.15 * r["running"]
    stock = np.add.reduce(now.lit(r["owner_stock"]))
    target = bounded(now.lever("platform.utilisation_target", th["utilisation_target"]), 0.2, most_planned())
    r["target"] = target
    if now.on("serve"):
        clearing = platform.clearing_price(r["value"], r["hurdle"], target, stock, r["elasticity"], floor)
        e.price = platform.adjust_price(e.price, clearing, th["price_adjustment"])
        wanted = platform.wanted_compute(r["value"], r["hurdle"], e.price, r["elasticity"])
        busy, served = platform.serve(wanted, stock, now.block.facts.layers.most_busy)
    else:
        # without the step the rent stays where it was, whatever is wanted
        e.price = now.block.opening["price"].copy()
        wanted = platform.wanted_compute(r["value"], r["hurdle"], e.price, r["elasticity"])
        busy, served = wanted, np.ones_like(wanted)
    r.update(price=e.price, wanted=wanted, busy=busy, served=served, utilisation=busy / stock, stock=stock)
    e.contract_price = e.contract_price + 0.125 * (e.price - e.contract_price)
    r["capability"] = capability(now)
    r["token_price"] = token_price(now)
    r["pay_ratio"] = (e.price / r["hurdle"]) ** (1.0 - r["elasticity"]) / now.block.cache["pay_opening"]


def capability(now: Moment) -> np.ndarray:
    """Sales of compute along the ties that each owner's fleet can carry, (owners, paths), usd_bn a quarter.

    The fleet of the opening carries what it sold then and some headroom: much of it may serve customers outside the
    ties. Chips that came since stand free for new contracts and carry what compute rents for.
    """
    cache, sold = now.block.cache, np.empty((now.block.layout.owners, now.block.width))
    carry_sales(
        now.lit(now.results["owner_stock"]), cache["stock_opening"], cache["capability_opening"],
        cache["rent_opening"], now.state.economy.contract_price / now.block.opening["price"], sold,
    )  # fmt: skip
    return sold


@kernel(void(*[_MAT_IN] * 4, _VEC_IN, _MAT))
def carry_sales(stock: Array, opening: Array, headroom: Array, rent: Array, price: Array, sold: Array) -> None:
    """Set what owners' fleets can sell, (owners, paths): the opening's what had `headroom` then, newer chips `rent`.

    `stock` and its `opening` have more rows, `headroom` is (owners, 1), `price` (paths) over the opening's.
    """
    for o in range(sold.shape[0]):
        for n in range(sold.shape[1]):
            carried = stock[o, n] / opening[o, n]
            sold[o, n] = (headroom[o, 0] * min(carried, 1.0) + rent[o, n] * max(carried - 1.0, 0.0)) * price[n]


def token_price(now: Moment) -> np.ndarray:
    """Blended price of a million paid tokens in usd: compute per token times its price, less what algorithms save."""
    e, th = now.state.economy, now.block.theta
    gain = now.block.facts.constants["algorithmic_gain"]
    per_token = e.compute_per_token * now.lever("ai.compute_per_token") * np.exp(-gain * now.years)
    return th["token_price"] * per_token * (e.price / now.block.opening["price"]) ** 0.8


CHIP_PRICE_STRETCH = 0.15
"""Elasticity of accelerator prices to the queue for them (assumption, 0 to 0.3)."""
MEMORY_PRICE_STRETCH = 0.4
"""Elasticity of memory prices to the same queue (assumption, 0.2 to 0.8: memory is a spot market)."""


def scarcity(now: Moment) -> np.ndarray:
    """Log queue for chips, in lead times of capacity, over the queue at the opening, (paths,)."""
    e, th, cache = now.state.economy, now.block.theta, now.block.cache
    capacity = e.chip_capacity * np.exp(th["chip_product_growth"] * (now.years - 0.25))
    ordered = now.results["ordered"] = np.add.reduce(now.state.fleet.backlog)
    queue = ordered / np.maximum(capacity, 1e-9)
    if now.quarter == 0:
        cache["queue_opening"] = np.maximum(queue, 1e-6)
    return bounded(np.log(np.maximum(queue, 1e-6) / cache["queue_opening"]), -0.7, 0.7)


def unit_costs(now: Moment) -> None:
    """Cost of an H100e and of an H100e-hour now; falls with each generation of chips."""
    e, th, r = now.state.economy, now.block.theta, now.results
    years, layers = now.years, now.block.facts.layers
    r["scarcity"] = scarcity(now)
    stretched = np.exp(CHIP_PRICE_STRETCH * r["scarcity"])
    r["chip_index"] = np.exp(-th["chip_cost_decline"] * years) * stretched * now.lever("silicon.price")
    r["power_per_h100e"] = th["power_per_h100e"] * np.exp(-th["power_decline"] * years)
    gas = now.lever("energy.gas_price_usd_per_mmbtu", energy.GAS_PRICE_USD_PER_MMBTU)
    r["gas_index"] = np.asarray(gas) / energy.GAS_PRICE_USD_PER_MMBTU
    fleet = now.state.fleet
    tightness = np.add.reduce(r["owner_power"]) / np.maximum(np.add.reduce(fleet.firm_power), 1e-9)
    index = energy.power_price_index(gas, tightness, layers.supply.gas_share_of_price)
    r["power_price_index"] = index * now.lever("energy.power_price")
    power_price = layers.supply.usd_per_mwh * r["power_price_index"]
    r["running"] = platform.running_cost(r["power_per_h100e"], power_price, layers.pue)
    riskless = now.block.facts.constants["risk_free_rate"]
    site = th["site_cost"] * now.lever("facilities.cost") * np.exp(0.02 * years)
    r["site_cost"] = site
    r["cost"] = th["chip_cost"] * r["chip_index"] + site * r["power_per_h100e"]
    r["rate"] = (
        th["cost_of_capital"]
        + RATE_OF_MOOD * (0.5 - e.mood)
        + e.rate_shock
        + now.lever("finance.risk_free_rate", riskless)
        - riskless
    )
    decline = th["chip_cost_decline"]
    r["decline"] = th["perceived_decline"] * decline
    arguments = (th["economic_life"], th["utilisation_target"], r["running"])
    r["hurdle"] = platform.hurdle_price(r["cost"], r["rate"], r["decline"], *arguments)
    r["full_cost"] = platform.hurdle_price(r["cost"], r["rate"], decline, *arguments)
    r["owner_hurdle"] = owner_hurdle(now, *arguments)


def owner_hurdle(now: Moment, life: Array, utilisation: Array, running: Array) -> Array:
    """The hurdle of each owner, (owners + 1, paths): its capital is dearer since its spread moved.

    The rest of the world pays the common rate.
    """
    r, f, facts = now.results, now.state.firms, now.block.facts
    total, left = np.empty((2, now.block.layout.owners + 1, now.block.width))
    dearer_capital(
        now.block.cache["debt_owed"], f.value, f.spread, facts.rating_spread, r["rate"], r["decline"], life, total, left
    )
    np.exp(left, out=left)
    earn_capital(r["cost"], left, utilisation, running, total)
    return total


@kernel(void(*[_MAT_IN] * 4, *[_VEC_IN] * 3, _MAT, _MAT))
def dearer_capital(
    owed: Array,
    value: Array,
    spread: Array,
    opening: Array,
    rate: Array,
    decline: Array,
    life: Array,
    total: Array,
    worn: Array,
) -> None:
    """Set the rate of each owner's capital with the decline of rents, per year, and its logarithm over a `life`.

    Its spread since the `opening`, (firms, 1), weighs as debt does in its capital at market values: who is worth less
    pays more, and on a larger part. Firms have more rows; the last row is that of the rest of the world.
    """
    owners = total.shape[0] - 1
    for o in range(owners + 1):
        for n in range(total.shape[1]):
            dearer = 0.0
            if o < owners:
                part = owed[o, n] / max(owed[o, n] + value[o, n], 1e-9)
                dearer = part * (spread[o, n] - opening[o, 0])
            total[o, n] = rate[n] + dearer + decline[n]
            worn[o, n] = -total[o, n] * life[n]


@kernel(void(_VEC_IN, _MAT_IN, _VEC_IN, _VEC_IN, _MAT))
def earn_capital(cost: Array, left: Array, utilisation: Array, running: Array, hurdle: Array) -> None:
    """Turn rates of capital with the decline of rents into hurdles, in place; `left` of a dollar at the end of a life.

    (owners + 1, paths), `cost`, `utilisation` and `running` (paths,), see `platform.hurdle_price`.
    """
    for o in range(hurdle.shape[0]):
        for n in range(hurdle.shape[1]):
            yearly = platform.annuity_at(hurdle[o, n], left[o, n])
            hurdle[o, n] = platform.price_of_capacity(cost[n], yearly, utilisation[n], running[n])
