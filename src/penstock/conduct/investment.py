"""Investment: what owners of fleets expect, want and order.

Expected growth is partly extrapolated and believed to fade; capacity is wanted for the end of the lead time.
Growth per year in logs, stocks in million H100e or GW, last axis paths.
"""

from __future__ import annotations

from penstock.arrays import np
from penstock.bounds import bounded
from penstock.money.kernels import _CUBE_IN, _MAT, _MAT_IN, _VEC_IN
from penstock.passes import inlined, kernel, void

Array = np.ndarray


def update_expectation(expected: Array, observed: Array, gain: Array) -> Array:
    """Adaptive expectation of growth, with the observation cut to a believable range."""
    return expected + gain * (bounded(observed, -1.0, 2.0) - expected)


def planned_growth(
    expected: Array, extrapolation: Array, anchor: Array, arms_race: Array | float, mood: Array, rivals_growth: Array
) -> Array:
    """Growth that plans rest on: extrapolation, an anchor, and the pull of rivals' spending."""
    return (
        extrapolation * expected
        + (1.0 - extrapolation) * anchor
        + arms_race * 2.0 * mood * bounded(rivals_growth, -0.5, 1.0)
    )


def growth_over(growth: Array, fade: Array, years: Array) -> Array:
    """Expected log growth over a horizon when growth fades at a rate: g (1 - e^(-kappa H)) / kappa."""
    return growth_until(growth, fade, np.exp(-fade * years))


@inlined
def growth_until(growth: Array, fade: Array, left: Array) -> Array:
    """The same, of a growth of which e^(-kappa H) is `left` at the horizon."""
    return growth * (1.0 - left) / fade


LARGEST_RATIO_LOG = 1.0
"""Log of the price of compute over its hurdle beyond which plans no longer follow it, up or down (assumption, 0.7 to
1.5)."""


def response_to_price(price_ratio: Array, response: Array | float) -> Array:
    """What owners want at a price over the hurdle relative to what they want at the hurdle."""
    inside = bounded(price_ratio, np.exp(-LARGEST_RATIO_LOG), np.exp(LARGEST_RATIO_LOG))
    return np.asarray(inside**response)


@inlined
def wanted_stock(value: Array, grown: Array, reach: Array | float, hurdle: Array, utilisation: Array) -> Array:
    """Million H100e wanted at the end of a lead time, (owners, paths).

    grown: factor of growth and falling prices until then; reach: response to the price.
    """
    return value * grown * reach / (8.76 * hurdle * utilisation)


@inlined
def order_rate(
    stock: Array,
    growth: Array,
    faded: Array,
    decline: Array,
    replacement: Array,
    gap: Array,
    adjustment: Array | float,
) -> Array:
    """Orders of a quarter: growth and replacement fed forward, a part of the gap closed.

    faded: what is left of the growth at the end of the lead time. Without the feed-forward the rule hunts (a hog
    cycle); negative orders cancel at most what the caller allows.
    """
    forward = stock * np.maximum(growth * faded + decline, 0.0) / 4.0
    return forward + replacement + gap / adjustment


@inlined
def start_rate(
    power: Array, growth: Array, faded: Array, decline: Array, saved: Array, gap: Array, adjustment: Array | float
) -> Array:
    """Halls or firm power to start in a quarter, GW: growth fed forward less what newer chips save, a part of the gap
    closed.
    """
    forward = power * np.maximum(growth * faded + decline - saved, 0.0) / 4.0
    return np.maximum(forward + gap / adjustment, 0.0)


SPARE_TARGET, SECURED_SPARE = 1.05, 1.03
"""Halls and power wanted over the power that chips will draw, and the part of firm power that halls may fill
(assumptions, 1.02 to 1.15 and 1 to 1.1)."""
LARGEST_BOOK = 6.0
"""Quarters of the world's chip output, by share of the fleet, beyond which an owner's order book does not grow."""
LARGEST_CANCEL = 0.3
"""Share of its book that an owner cancels in a quarter at most (assumption, 0.15 to 0.5)."""
REPLACED_A_QUARTER = 0.15
"""Stock over its economic life in years of which so much is replaced a quarter (assumption, 0.1 to 0.25; a fleet of
even age would replace a quarter)."""


@kernel(
    void(*[_MAT_IN] * 7, _CUBE_IN, _CUBE_IN, _MAT_IN, *[_CUBE_IN] * 4, *[_VEC_IN] * 9, *[_MAT] * 5)
)  # fmt: skip
def want_plant(
    stock: Array,
    power: Array,
    waiting: Array,
    backlog: Array,
    halls: Array,
    firm_power: Array,
    value: Array,
    hall_stages: Array,
    power_stages: Array,
    hurdle: Array,
    reach: Array,
    faded: Array,
    grown: Array,
    later: Array,
    growth: Array,
    decline: Array,
    saved: Array,
    power_per_chip: Array,
    utilisation: Array,
    capacity: Array,
    fleet: Array,
    life: Array,
    adjustment: Array,
    wanted: Array,
    chips: Array,
    hall_starts: Array,
    power_starts: Array,
    room: Array,
) -> None:
    """Set the stock of chips that owners want, their orders of chips (million H100e a quarter), and starts of halls and
    firm power (GW a quarter), before the limits of trades and money; all (owners + 1, paths).

    `reach` (2, owners + 1, paths): response to the price of chips and of halls; power is planned whatever the price.
    `faded`, `grown` and `later` (3, owners + 1 or 1, paths), for chips, halls and power at the end of their lead times:
    what is left of growth; the factor of growth and falling prices; power of a chip then over now. `growth` and
    `decline` of prices a year, `saved` power a year, `utilisation` aimed at, `capacity` of the chip chain a quarter,
    the world's `fleet`, `life` in years and quarters of `adjustment` are (paths,).

    Negative orders cancel a part of the book. Halls are built only where power is secured. `room` (2, paths) is there
    to work in.
    """
    last = grown.shape[1] - 1
    hall_line, power_line = room[0], room[1]
    for o in range(stock.shape[0]):
        k = min(o, last)
        hall_line[:] = 0.0
        power_line[:] = 0.0
        for s in range(hall_stages.shape[0]):
            for n in range(stock.shape[1]):
                hall_line[n] += hall_stages[s, o, n]
        for s in range(power_stages.shape[0]):
            for n in range(stock.shape[1]):
                power_line[n] += power_stages[s, o, n]
        for n in range(stock.shape[1]):
            # chips
            carried = min(halls[o, n] + hall_line[n], firm_power[o, n] + power_line[n])
            feasible = stock[o, n] + max(carried - power[o, n], 0.0) / power_per_chip[n]
            aim = wanted_stock(value[o, n], grown[0, k, n], reach[0, o, n], hurdle[o, n], utilisation[n])
            gap = min(aim, feasible) - stock[o, n] - waiting[o, n] - backlog[o, n]
            replaced = REPLACED_A_QUARTER * stock[o, n] / life[n]
            orders = order_rate(stock[o, n], growth[n], faded[0, k, n], decline[n], replaced, gap, adjustment[n])
            largest = LARGEST_BOOK * capacity[n] * stock[o, n] / fleet[n] - backlog[o, n]
            wanted[o, n] = aim
            chips[o, n] = min(max(orders, -LARGEST_CANCEL * backlog[o, n]), max(largest, 0.0))
            # halls, and firm power
            aim = wanted_stock(value[o, n], grown[1, k, n], reach[1, o, n], hurdle[o, n], utilisation[n])
            drawn = SPARE_TARGET * (power[o, n] + (aim - stock[o, n]) * (power_per_chip[n] * later[1, k, n]))
            gap = drawn - halls[o, n] - hall_line[n]
            begun = start_rate(power[o, n], growth[n], faded[1, k, n], decline[n], saved[n], gap, adjustment[n])
            secured = SECURED_SPARE * (firm_power[o, n] + power_line[n]) - halls[o, n] - hall_line[n]
            hall_starts[o, n] = min(begun, max(secured, 0.0))
            aim = wanted_stock(value[o, n], grown[2, k, n], 1.0, hurdle[o, n], utilisation[n])
            drawn = SPARE_TARGET * (power[o, n] + (aim - stock[o, n]) * (power_per_chip[n] * later[2, k, n]))
            gap = drawn - firm_power[o, n] - power_line[n]
            power_starts[o, n] = start_rate(
                power[o, n], growth[n], faded[2, k, n], decline[n], saved[n], gap, adjustment[n]
            )
