"""Step 4, what is built: payments for equipment and sites down the stack, category after category, in one pass.

A payer's spending in a category is its opening spending times its driver, one at the opening. What a payee receives
in one category drives what it spends in the next.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock.arrays import np
from penstock.engine.layout import BUILD_CATEGORIES, USE_CATEGORIES, Layout
from penstock.engine.steps.drivers import LARGEST_RATIO
from penstock.money.kernels import _FLAG_IN, _IDX_IN, _MAT, _MAT_IN, _VEC_IN
from penstock.passes import kernel, void

Array = np.ndarray

FROZEN, SALES, EQUIPMENT, MEMORY, SITES, FABS, GENERATION = range(7)
"""What drives a payer's spending: nothing; its own sales so far; deliveries of chips to fleet owners (others: sales);
sales and the price of memory; work on sites; sales and fab starts; starts of firm power."""
DRIVEN_BY = {
    "accelerators": EQUIPMENT,
    "servers": EQUIPMENT,
    "network": EQUIPMENT,
    "construction": SITES,
    "power_cooling": SITES,
    "wafers": SALES,
    "memory": MEMORY,
    "eda": SALES,
    "tools": FABS,
    "optics": SALES,
    "generation": GENERATION,
}
MOST_FAB_SALES = 6.0
"""Growth of a fab's sales over the opening beyond which it buys no more tools (assumption, 4 to 10)."""

LEAST_REVENUE_USD_BN = 1e-6
"""A thousand dollars: no unit took in less, so that what follows its revenue has something to follow."""


@dataclass(frozen=True)
class Cascade:
    """Categories of building in the order in which payments depend on each other."""

    start: Array
    """(categories,) first tie of each category, and the first beyond it"""
    stop: Array
    driver: Array
    """(categories,) what drives the spending"""
    first: Array
    """(categories + 1,) first of each category's payers"""
    payer: Array
    """(payers,) units that pay in a category"""
    before: Array
    """(payers,) what each took in from the categories before at the opening, usd_bn"""
    owner: Array
    """(units,) number of the fleet owner that a unit is, -1 for none"""
    builder: Array
    """(units,) whether a unit builds what owners lease"""


def revenue_before(layout: Layout, other_revenue: Array, base: Array) -> dict[str, Array]:
    """What each unit took in at the opening before each category, (units, 1), usd_bn; `all` is after the last.

    other_revenue: business of firms outside the ties, (firms, 1); base: flows of the ties, (flow ties, 1).
    """
    so_far, found = np.zeros((layout.unit_count, 1)), {}
    so_far[: layout.firms] = other_revenue
    for name in ("models", *USE_CATEGORIES, *BUILD_CATEGORIES):
        found[name] = np.maximum(so_far, LEAST_REVENUE_USD_BN)
        rows = layout.category[name].slice
        np.add.at(so_far, layout.flow_payee[rows], base[rows])
    return {**found, "all": np.maximum(so_far, LEAST_REVENUE_USD_BN)}


def cascade_of(layout: Layout, other_revenue: Array, base: Array, builders: Array) -> Cascade:
    """The categories of a world; arguments as of `revenue_before`, and the firms that build what owners lease."""
    before = revenue_before(layout, other_revenue, base)
    blocks = [layout.category[name] for name in BUILD_CATEGORIES]
    payers = [np.unique(layout.flow_payer[block.slice]) for block in blocks]
    owner = np.full(layout.unit_count, -1, dtype=np.intp)
    owner[layout.owner_unit] = np.arange(len(layout.owner_unit))
    earlier = [before[name][rows, 0] for name, rows in zip(BUILD_CATEGORIES, payers, strict=True)]
    return Cascade(
        start=np.array([block.start for block in blocks], dtype=np.intp),
        stop=np.array([block.stop for block in blocks], dtype=np.intp),
        driver=np.array([DRIVEN_BY[name] for name in BUILD_CATEGORIES], dtype=np.intp),
        first=np.cumsum([0, *map(len, payers)]).astype(np.intp),
        payer=np.concatenate(payers).astype(np.intp),
        before=np.ascontiguousarray(np.concatenate(earlier)),
        owner=owner,
        builder=np.isin(np.arange(layout.unit_count), builders),
    )


@kernel(
    void(
        *[_IDX_IN] * 5, _VEC_IN, _IDX_IN, _FLAG_IN, _VEC_IN, _IDX_IN, _IDX_IN, *[_MAT_IN] * 3, *[_VEC_IN] * 4, _MAT_IN,
        _MAT_IN, _MAT_IN, _IDX_IN, _MAT_IN, _MAT, _MAT, _MAT,
    )
)  # fmt: skip
def pay_down_the_stack(
    start: Array,
    stop: Array,
    kind: Array,
    first: Array,
    payers: Array,
    before: Array,
    owner: Array,
    builder: Array,
    base: Array,
    payer: Array,
    payee: Array,
    equipment: Array,
    sites: Array,
    scale: Array,
    memory_price: Array,
    fab_starts: Array,
    power_starts: Array,
    leased: Array,
    trend: Array,
    ai_part: Array,
    fill: Array,
    ordered: Array,
    earlier: Array,
    driver: Array,
    flow: Array,
    received: Array,
) -> None:
    """Set the flows of the categories, usd_bn, and `received` by unit, `earlier` payments included.

    The first eight arguments are a `Cascade`; `base` (flow ties) are flows at the opening. `equipment` and `sites`
    (owners + 1, paths): deliveries and work on sites of owners over the opening's; `leased` (paths): work on what they
    lease. `scale`: what goes ahead of a firm's plans. `memory_price`, `fab_starts`, `power_starts` (paths) and `trend`
    of a firm's own business (firms, 1) over the opening's; `ai_part` (firms, 1) of a fab's sales hangs on AI.

    Each designer is paid for what it delivered: the first category's ties in the rows `ordered` are multiplied by their
    `fill`, (rows, paths), and where one falls short, the others sell as before. `driver` (units, paths) is room to work
    in.
    """
    firms, paths = scale.shape[0], flow.shape[1]
    # written out, for the copy of one array to another would bring in (and compile) the text of its error
    for u in range(received.shape[0]):
        for n in range(paths):
            received[u, n] = earlier[u, n]
    for c in range(kind.shape[0]):
        driven_by = kind[c]
        for k in range(first[c], first[c + 1]):
            u = payers[k]
            o = owner[u]
            if driven_by == EQUIPMENT and o >= 0:
                for n in range(paths):
                    driver[u, n] = equipment[o, n]
            elif driven_by == SITES and o >= 0:
                for n in range(paths):
                    driver[u, n] = sites[o, n]
            elif u >= firms or driven_by == FROZEN:
                for n in range(paths):
                    driver[u, n] = 1.0
            elif driven_by == SITES:
                for n in range(paths):
                    driver[u, n] = leased[n] * scale[u, n] if builder[u] else trend[u, 0]
            elif driven_by == GENERATION:
                for n in range(paths):
                    driver[u, n] = power_starts[n] * scale[u, n]
            else:
                for n in range(paths):
                    driver[u, n] = min(received[u, n] / before[k], LARGEST_RATIO)
                if driven_by == MEMORY:
                    for n in range(paths):
                        driver[u, n] *= memory_price[n]
                elif driven_by == FABS:
                    part = ai_part[u, 0]
                    for n in range(paths):
                        sold = min(driver[u, n], MOST_FAB_SALES)
                        driver[u, n] = (part * sold * fab_starts[n] + (1.0 - part) * trend[u, 0]) * scale[u, n]
        for t in range(start[c], stop[c]):
            p, q, usual = payer[t], payee[t], base[t]
            for n in range(paths):
                flow[t, n] = driver[p, n] * usual
            for n in range(paths):
                received[q, n] += flow[t, n]
        if c == 0:
            for k in range(ordered.shape[0]):
                t = ordered[k]
                q = payee[t]
                for n in range(paths):
                    more = flow[t, n] * (fill[k, n] - 1.0)
                    flow[t, n] += more
                    received[q, n] += more
