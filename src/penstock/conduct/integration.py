"""Integration: make instead of buy, when the supplier's margin is worth the research and the wait."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.arrays import np
from penstock.money.kernels import _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import inlined, kernel, void

Array = np.ndarray

PROJECT_QUARTERS = 10.0
"""Time from the start of an own-chip project to volume (assumption, 8 to 14)."""
PROJECT_COST_USD_BN_PER_QUARTER = 0.25
"""Research for one chip generation: about 1 usd_bn a year with software (assumption, 0.5 to 2)."""
START_CHANCE = 0.15
"""Chance that a firm for which making is worth it starts in a quarter (assumption, 0.05 to 0.3)."""
SHIFT = 0.2
"""Share of the remaining bought accelerators that one successful generation replaces (assumption, 0.1 to 0.3)."""
MOST_OWN = 0.7
"""Share of accelerators that own designs replace at most: some are always bought (assumption)."""


@inlined
def worth_after_the_wait(rate: Array) -> Array:
    """Worth today of a dollar that comes when a project ends."""
    return (1.0 + rate) ** -(PROJECT_QUARTERS / 4.0)


@inlined
def worth_making(yearly_spending: Array, margin: Array, rate: Array, later: Array) -> Array:
    """True where the margin saved on the shifted purchases pays for the project at the cost of capital.

    yearly_spending on accelerators, usd_bn; the saving is counted over four years after the wait; later:
    `worth_after_the_wait` at the rate.
    """
    saving = margin * SHIFT * yearly_spending * later * 3.0
    cost = PROJECT_COST_USD_BN_PER_QUARTER * PROJECT_QUARTERS
    return saving > cost * (1.0 + rate)


@kernel(void(*[_MAT_IN] * 3, *[_VEC_IN] * 5, *[_MAT] * 3, _VEC))
def advance_projects(
    spending: Array,
    delivered: Array,
    phase: Array,
    chip_price: Array,
    margin: Array,
    rate: Array,
    chance: Array,
    success: Array,
    project: Array,
    own: Array,
    cost: Array,
    later: Array,
) -> None:
    """Move projects a quarter on: quarters left of each, share of own chips, and its research, usd_bn a quarter.

    All (owners, paths). A project starts where making is worth it for what is spent on accelerators: `spending` a
    quarter at the opening, (owners, 1), times what is `delivered` and its `chip_price` (paths) over the opening's.
    `chance` (paths): a uniform number, moved by each owner's `phase`, (owners, 1); it serves for the start of a project
    and for its success; both are below one. `later` (paths) is room to work in.
    """
    for n in range(project.shape[1]):
        later[n] = worth_after_the_wait(rate[n])
    for o in range(project.shape[0]):
        for n in range(project.shape[1]):
            luck = chance[n] + phase[o, 0]
            luck = luck - 1.0 if luck >= 1.0 else luck
            running = project[o, n] > 0.0
            left = max(project[o, n] - 1.0, 0.0) if running else 0.0
            if running and left <= 0.0 and luck < success[n]:
                own[o, n] = min(own[o, n] + SHIFT * (1.0 - own[o, n]), MOST_OWN)
            if not running and luck < START_CHANCE and own[o, n] < MOST_OWN:
                yearly = 4.0 * spending[o, 0] * delivered[o, n] * chip_price[n]
                if worth_making(yearly, margin[n], rate[n], later[n]):
                    left = PROJECT_QUARTERS
            project[o, n] = left
            cost[o, n] = PROJECT_COST_USD_BN_PER_QUARTER if left > 0.0 else 0.0


def annuity(rate: Array, years: Array) -> Array:
    """Present value of one a year for so many years, paid at the end of each: (1 - (1 + r)^-n) / r; n where r is 0.

    Years need not be whole.
    """
    rate, years = np.broadcast_arrays(np.asarray(rate, dtype=float), np.asarray(years, dtype=float))
    flat = np.abs(rate) < 1e-9
    return np.where(flat, years, (1.0 - (1.0 + rate) ** -years) / np.where(flat, 1.0, rate))


@dataclass(frozen=True)
class MakeOrBuy:
    """Making against buying, usd_bn at the time of the decision; every array of one shape."""

    net_present_value: Array
    saved: Array
    """present value of what is saved, were the project sure to succeed, capital for it taken off"""
    project_cost: Array
    """present value of all research and development, the part after success weighed by its chance"""
    break_even: Array
    """yearly purchases today at which making is worth nothing, usd_bn; infinite where no quantity pays"""


def make_or_buy(
    purchases: Array,
    margin: Array,
    *,
    shifted_share: Array,
    rate: Array,
    wait: Array,
    life: Array,
    project_cost: Array,
    running_cost: Array,
    success: Array,
    growth: Array | float = 0.0,
    growth_after: Array | float | None = None,
    capital: Array | float = 0.0,
) -> MakeOrBuy:
    """Net present value of a project that replaces a share of purchases and saves their margin.

    `project_cost` a year is paid for `wait` years; with the chance `success` purchases q (1 + g)^t fall by
    `shifted_share` for `life` years after, of which `margin` is saved, `running_cost` a year goes on, and `capital`
    usd_bn for each usd_bn of yearly purchases replaced is paid when the wait ends:

        NPV = p v [s q (1 + g)^w (m A(r', n) - k) - c A(r, n)] - C A(r, w),   v = (1 + r)^-w,
        1 + r' = (1 + r) / (1 + g'),

    with A the annuity, g the growth until the wait ends and g' after (g where not given). It is linear in q and never
    falls with the margin m. purchases: usd_bn a year today.
    """
    later = growth if growth_after is None else growth_after
    discount = (1.0 + rate) ** -wait
    worth = margin * annuity((1.0 + rate) / (1.0 + later) - 1.0, life) - capital
    per_purchase = shifted_share * (1.0 + growth) ** wait * discount * worth
    costs = project_cost * annuity(rate, wait) + success * discount * running_cost * annuity(rate, life)
    slope = success * per_purchase
    pays = np.where(slope > 0.0, costs / np.where(slope > 0.0, slope, 1.0), np.inf)
    return MakeOrBuy(
        net_present_value=slope * purchases - costs,
        saved=per_purchase * purchases,
        project_cost=costs + 0.0 * slope,
        break_even=pays,
    )


def escaped_margin(supplier_margin: Array, partner_margin: Array, performance: Array) -> Array:
    """Share of a purchase that making saves.

    Of a dollar the supplier's cost is 1 - M. The maker pays that cost, its partner's margin P on top, and more of it
    where its own does less work a dollar: 1 - (1 - M) / ((1 - P) x performance). Negative where making costs more.
    """
    return 1.0 - (1.0 - supplier_margin) / ((1.0 - partner_margin) * performance)
