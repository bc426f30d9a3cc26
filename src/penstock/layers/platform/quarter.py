"""The platform layer: price and use of compute.

`8.76` converts: usd_bn per year = million H100e x usd per H100e-hour x 8.76.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray

HOURS = 8.76
"""Thousand hours of a year: million H100e x usd per hour x 8.76 = usd_bn per year."""
CHOKE_PRICE = 20.0
"""Rent over the full cost of compute above which nobody rents (assumption, 10 to 50).

Demand of constant elasticity below one has no price that ends it: where chips are short it would let users pay more
than they earn. At about 1.4 usd for an H100e-hour of 2025 this is 29 usd, some three times what H100 rented for in
June 2023, 8 to 12 usd (series h100_rental_usd_per_hour).
"""


def annuity(rate: Array, decline: Array, life_years: Array) -> Array:
    """Yearly payment per unit of capital whose rent falls by `decline` a year over its life."""
    total = rate + decline
    return annuity_at(total, np.exp(-total * life_years))


def annuity_at(total: Array, left: Array) -> Array:
    """The same by the sum of rate and decline, and what it leaves of a dollar at the end of the life."""
    return total / (1.0 - left)


def running_cost(power_kw: Array, energy_price: Array | float, pue: float) -> Array:
    """Operating cost of an H100e-hour in usd: staff and maintenance, and energy.

    energy_price: usd per MWh of facility energy; `pue` facility over IT energy.
    """
    return power_kw * (0.012 + pue * energy_price / 1000.0) + 0.06


def hurdle_price(
    cost: Array, rate: Array, decline: Array, life_years: Array, utilisation: Array, running: Array
) -> Array:
    """Rent of an H100e-hour in usd at which new capacity earns the cost of capital.

    cost: usd thousand per H100e with its share of the site; decline: the yearly fall of the rent that is counted with.
    """
    return price_of_capacity(cost, annuity(rate, decline, life_years), utilisation, running)


def price_of_capacity(cost: Array, yearly: Array, utilisation: Array, running: Array) -> Array:
    """The same by what capital has to earn in a year."""
    return running + cost * yearly / (HOURS * utilisation)


def clearing_price(
    value: Array, hurdle: Array, utilisation: Array, stock: Array, elasticity: Array, floor: Array
) -> Array:
    """Rent that fills the installed stock to the target utilisation, not below variable cost.

    Nor above the `CHOKE_PRICE`: then not all that is wanted is served, whatever is offered.
    """
    tightness = value / (HOURS * hurdle * utilisation * np.maximum(stock, 1e-9))
    rent = np.minimum(hurdle * tightness ** (1.0 / elasticity), CHOKE_PRICE * hurdle)
    return np.maximum(rent, floor)


def adjust_price(price: Array, clearing: Array, speed: Array) -> Array:
    """The spot price moves a part of the way to the clearing price, in logs."""
    return np.exp((1.0 - speed) * np.log(price) + speed * np.log(clearing))


def wanted_compute(value: Array, hurdle: Array, price: Array, elasticity: Array) -> Array:
    """Million H100e that users want at a price; `value` is what they would pay at the hurdle price."""
    return value / (HOURS * hurdle) * (price / hurdle) ** -elasticity


def rent_of(stock: Array, price: Array, utilisation: Array) -> Array:
    """Rent that a fleet (million H100e) takes in a quarter at the going price and use, usd_bn."""
    return stock * (0.25 * HOURS * price * utilisation)


def let_out(free: Array, unserved: Array, all_free: Array) -> Array:
    """What owners of free chips take in: demand that is turned away elsewhere, pro rata, at most what they can carry.

    free: rent of the chips that stand free, (owners, paths), all_free: its sum over owners, (paths,); unserved: what
    users would pay and get nothing for, (paths,); usd_bn a quarter.
    """
    return free * np.minimum(1.0, unserved / np.maximum(all_free, 1e-12))


def serve(wanted: Array, stock: Array, most_busy: float) -> tuple[Array, Array]:
    """Busy million H100e and the share of what was wanted that is served.

    most_busy: largest share of the installed fleet that can be busy (maintenance, failures).
    """
    busy = np.minimum(wanted, most_busy * stock)
    return busy, busy / np.maximum(wanted, 1e-12)
