"""Write the supply curves of the regions: `python -m tools.fit_supply_curves`.

Each region's range of gas prices is halved until the plan in the middle of a piece lies on the line between those of
its ends, or the piece is narrower than `NARROWEST`: there the plan jumps. Then knots that lie on the line between their
neighbours are dropped. The same solver gives the same file, `src/penstock/layers/energy/supply_curves.csv`. Prints
knots and solves.
"""

from __future__ import annotations

import csv
import sys
from itertools import pairwise

import numpy as np

from penstock.layers.energy.regions import CURVES, GAS_RANGE, MEASURES, regions, supply
from penstock.layers.energy.steady import CAPACITIES, Mix, SteadyLoad

CAPACITY_WITHIN = 0.01
"""MW (for the battery's energy MWh) per MW of load that a plan may lie off the line."""
COST_WITHIN = 0.0005
NARROWEST = 0.00002
"""USD/MMBtu."""
STARTS = 200
"""Equal pieces with which a range begins, so that no turn hides inside one."""


def curve(region: str, steady: SteadyLoad) -> tuple[dict[float, Mix], int]:
    """Plans at the knots by gas price, in order, and the plans solved."""
    solved: dict[float, Mix] = {}

    def at(gas: float) -> Mix:
        if gas not in solved:
            solved[gas] = supply(region, gas_usd_per_mmbtu=gas, steady=steady)
        return solved[gas]

    edges = [float(value) for value in np.linspace(*GAS_RANGE, STARTS + 1)]
    open_pieces = list(pairwise(edges))
    while open_pieces:
        low, high = open_pieces.pop()
        at(low), at(high)
        middle = 0.5 * (low + high)
        if high - low > NARROWEST and not on_line({low: at(low), middle: at(middle), high: at(high)}):
            open_pieces += [(low, middle), (middle, high)]
    return needed(dict(sorted(solved.items()))), len(solved)


def on_line(plans: dict[float, Mix]) -> bool:
    """Do all plans lie on the line between the first and the last?"""
    gas = np.array(list(plans))
    part = (gas - gas[0]) / (gas[-1] - gas[0])
    table = np.array([[mix.usd_per_mwh, *(mix.capacity[name] for name in CAPACITIES)] for mix in plans.values()])
    line = table[0] + part[:, None] * (table[-1] - table[0])
    off = np.abs(line - table)
    return bool((off[:, 1:] <= CAPACITY_WITHIN).all() and (off[:, 0] <= COST_WITHIN * table[:, 0]).all())


def needed(plans: dict[float, Mix]) -> dict[float, Mix]:
    """The knots without those that lie on the line between others: from each, as far ahead as the line holds."""
    gas = list(plans)
    kept, at = [gas[0]], 0
    while at < len(gas) - 1:
        ahead = at + 1
        while ahead + 1 < len(gas) and on_line({g: plans[g] for g in gas[at : ahead + 2]}):
            ahead += 1
        kept.append(gas[ahead])
        at = ahead
    return {g: plans[g] for g in kept}


def row_of(mix: Mix) -> list[str]:
    """The numbers of a knot in the order of `MEASURES`."""
    values = {
        "usd_per_mwh": mix.usd_per_mwh,
        "co2_t_per_mwh": mix.co2_t_per_mwh,
        "gas_mmbtu_per_mwh": mix.gas_mmbtu_per_mwh,
        "grid_share": mix.grid_share,
        **mix.capacity,
    }
    return [f"{values[name]:.5g}" for name in MEASURES]


def main() -> int:
    """Solve, write, tell."""
    steady, rows = SteadyLoad(), []
    for region in regions():
        found, plans = curve(region, steady)
        rows += [[region, f"{gas:.9g}", *row_of(mix)] for gas, mix in found.items()]
        print(f"{region}: {len(found)} knots from {plans} plans, {GAS_RANGE[0]:g} to {GAS_RANGE[1]:g} USD/MMBtu")
    with CURVES.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([["region", "gas_usd_per_mmbtu", *MEASURES], *rows])
    return 0


if __name__ == "__main__":
    sys.exit(main())
