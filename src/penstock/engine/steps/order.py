"""Step 6, order: the chain of suppliers, and the chips that are shipped from its order books."""

from __future__ import annotations

from penstock import arrays
from penstock.arrays import np
from penstock.engine.moment import Moment, alike, by_path
from penstock.engine.state import GONE, RESTRUCTURED
from penstock.layers import silicon
from penstock.money import kernels
from penstock.money.kernels import _FLAG_IN, _FLAG_MAT, _IDX_IN, _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import float64, intp, kernel, void

Array = np.ndarray

FRESH_SHARE_AT_RISK = 0.15
"""Share of a fab's output that hangs on tools and spare parts of the same quarter (assumption, 0.05 to 0.3)."""


FELT_AT_ONCE = (
    ("tools", FRESH_SHARE_AT_RISK),
    ("optics", 1.0),
    ("tools", 0.0),
    ("eda", 0.05),
    ("wafers", 0.0),
    ("memory", 0.0),
)
"""Part of what a supplier's inputs lack that its own deliveries lack in the same quarter, in the order of the chain.

A fab feels at once what its makers of tools lack themselves: their people and spare parts keep its tools going. Optics
go into each new scanner; a maker that lacks them builds none and keeps those at work going. So tools come a second
time: what is missing then is missed by the capacity to come. A designer works on without software for a while (eda:
assumption, 0 to 0.1). Wafers and memory bound what designers ship.
"""
TOOLS_TO_COME = 2
"""Place in that order of the tools that are missing where capacity grows."""


def supply_chain(now: Moment) -> None:
    """Sets availability of inputs along the chain, optics first: what each designer can deliver, (designers, paths).

    A shortfall is carried as 1 - sum(share x (1 - supply)), which is exactly one where nobody falls short; what nobody
    lacks on any path is not followed.
    """
    f, layout, cache, block = now.state.firms, now.block.layout, now.block.cache, now.block
    supply, missed, lost = (np.empty((layout.unit_count, block.width)) for _ in range(3))
    work_on(f.supply, f.stage, RESTRUCTURED, GONE, supply)
    levers = block.levers
    for entity in levers.entities("silicon.capacity"):
        row = layout.units.index(entity)
        supply[row] = supply[row] * now.lever("silicon.capacity", 1.0, entity=entity)
    left, allowed = now.struck("supply"), now.struck("allowed")
    if left is not None:
        supply = supply * left
    chain, designers = block.chain, cache["designers"]
    now.results["tools_missing"] = np.empty(block.width)
    now.results["supply"] = np.empty((len(designers), block.width))
    run_short(
        chain.category, chain.part, chain.tie, chain.supplier, chain.buyer, chain.share,
        cache["felt_at_once"], np.zeros((0, 1)) if allowed is None else allowed, designers,
        cache["foundry_share"], TOOLS_TO_COME, supply, missed, lost, now.results["supply"],
        now.results["tools_missing"], arrays.room(3, layout.unit_count, dtype=bool),
    )  # fmt: skip
    if left is not None:
        idle = 1.0 - left * np.ones_like(supply)
        still = np.asarray(idle.any(axis=1))
        racks = np.maximum(_missing(now, "servers", idle, still), _missing(now, "network", idle, still))
        now.results["missing_racks"] = racks[layout.owner_unit]


RESTRUCTURED_WORKS = 0.8
"""Share of what it could deliver that a restructured supplier delivers (assumption, 0.6 to 0.95)."""


@kernel(void(_MAT_IN, _MAT_IN, float64, float64, _MAT))
def work_on(able: Array, stage: Array, restructured: float, gone: float, supply: Array) -> None:
    """Set `supply` (units, paths) to what firms could deliver by what became of them; all others deliver."""
    firms = able.shape[0]
    for f in range(firms):
        for n in range(able.shape[1]):
            left = RESTRUCTURED_WORKS if stage[f, n] >= restructured else 1.0
            supply[f, n] = able[f, n] * (0.0 if stage[f, n] >= gone else left)
    supply[firms:] = 1.0


MOST_SUPPLY = 1.5
"""Largest supply over the normal that counts where others fall short (assumption, 1.2 to 2)."""


@kernel(
    void(
        *[_IDX_IN] * 5, _VEC_IN, _VEC_IN, _MAT_IN, _IDX_IN, _MAT_IN, intp, *[_MAT] * 4, _VEC, _FLAG_MAT,
    )
)  # fmt: skip
def run_short(
    category: Array,
    part: Array,
    tie: Array,
    supplier: Array,
    buyer: Array,
    share: Array,
    felt: Array,
    allowed: Array,
    designers: Array,
    tool_share: Array,
    tools: int,
    supply: Array,
    missed: Array,
    lost: Array,
    deliver: Array,
    tools_missing: Array,
    marks: Array,
) -> None:
    """Set what each designer can `deliver`, (designers, paths), and the share of its tools that the chain misses.

    The first six arguments are a `Chain`: suppliers of one part stand in for each other by their shares; of the parts
    of a category the scarcest counts. What inputs of a category lack a buyer lacks itself by the part `felt`; where
    that is nothing, designers ship what both their own works and their inputs carry. `supply` (units, paths) becomes
    what is lacking of it. `allowed` (flow ties, 1), without rows where all is. `tool_share` (firms, 1): the firms'
    shares in tools, category number `tools` of the chain. `missed` and `lost` (units, paths), and `marks`
    (3, units), are room to work in.
    """
    units, paths, bans = supply.shape[0], supply.shape[1], allowed.shape[0] > 0
    firms = tool_share.shape[0]
    lacking, touched, in_part = marks[0], marks[1], marks[2]
    lacking[:] = False
    for u in range(units):
        for n in range(paths):
            # what lacks, so that nothing has to be taken from one again and again
            supply[u, n] = 1.0 - min(supply[u, n], MOST_SUPPLY)
            lacking[u] = lacking[u] or supply[u, n] != 0.0
    deliver[:] = 0.0
    tools_missing[:] = 0.0
    for c in range(felt.shape[0]):
        touched[:] = False
        for p in range(category[c], category[c + 1]):
            anyone = bans
            for k in range(part[p], part[p + 1]):
                anyone = anyone or lacking[supplier[k]]
            if not anyone:
                continue
            in_part[:] = False
            for k in range(part[p], part[p + 1]):
                b = buyer[k]
                if not in_part[b]:
                    in_part[b] = True
                    lost[b] = 0.0
                if not touched[b]:
                    touched[b] = True
                    missed[b] = 0.0
            for k in range(part[p], part[p + 1]):
                s, b = supplier[k], buyer[k]
                if lacking[s]:
                    for n in range(paths):
                        lost[b, n] += share[k] * supply[s, n]
            if bans:
                for k in range(part[p], part[p + 1]):
                    s, b, stopped = supplier[k], buyer[k], 1.0 - allowed[tie[k], 0]
                    for n in range(paths):
                        lost[b, n] += (share[k] - share[k] * supply[s, n]) * stopped
            for b in range(units):
                if in_part[b]:
                    for n in range(paths):
                        missed[b, n] = max(missed[b, n], lost[b, n])
        if felt[c] > 0.0:
            for b in range(firms):
                anyone = False
                if touched[b]:
                    for n in range(paths):
                        anyone = anyone or missed[b, n] != 0.0
                if anyone:
                    lacking[b] = True
                    for n in range(paths):
                        supply[b, n] = 1.0 - (1.0 - supply[b, n]) * (1.0 - felt[c] * missed[b, n])
        if c == tools:
            for b in range(firms):
                if touched[b]:
                    for n in range(paths):
                        tools_missing[n] += tool_share[b, 0] * missed[b, n]
        if felt[c] <= 0.0:
            for d in range(designers.shape[0]):
                if touched[designers[d]]:
                    for n in range(paths):
                        deliver[d, n] = max(deliver[d, n], missed[designers[d], n])
    for d in range(designers.shape[0]):
        for n in range(paths):
            own = supply[designers[d], n]
            deliver[d, n] = 1.0 - (max(own, deliver[d, n]) if deliver[d, n] > 0.0 else own)


def _missing(now: Moment, category: str, short: Array, lacking: Array) -> Array:
    """Share of its input in a category that each buyer misses where suppliers are `short`, (units, paths).

    `lacking` (units,): who may be short on any path. In quarters with events alone.
    """
    allowed, out = now.struck("allowed"), np.zeros_like(short)
    for part in now.block.parts_of[category]:
        missed = np.zeros_like(out)
        lack(part.share, part.supplier, part.buyer, lacking, short, missed)
        if allowed is not None:
            stopped = (part.share - part.share * short[part.supplier]) * (1.0 - allowed[part.ties])
            kernels.accumulate(stopped, part.buyer, missed)
        np.maximum(out, missed, out=out)
    return out


@kernel(void(_MAT_IN, _IDX_IN, _IDX_IN, _FLAG_IN, _MAT_IN, _MAT))
def lack(share: Array, supplier: Array, buyer: Array, lacking: Array, short: Array, missed: Array) -> None:
    """Add to `missed` of each buyer what its suppliers are `short` of, by their `share` (ties, 1) in what it buys.

    Suppliers that are not `lacking` are short of nothing on any path.
    """
    for t in range(share.shape[0]):
        s, b = supplier[t], buyer[t]
        if lacking[s]:
            part = share[t, 0]
            for n in range(missed.shape[1]):
                missed[b, n] += part * short[s, n]


def ship(now: Moment) -> None:
    """Sets shipped (owners + 1, paths) from order books: each designer fills its book pro rata."""
    e, fleet, r, cache = now.state.economy, now.state.fleet, now.results, now.block.cache
    capacity = e.chip_capacity * r["chip_product"] * np.where(e.chip_cut > 0, 0.6, 1.0) * now.lever("silicon.capacity")
    r["chip_capacity"] = capacity
    lead = r["chip_lead"]
    if not now.on("order"):
        r["shipped"] = fleet.backlog.copy()
        r["chip_shortage"] = np.zeros_like(capacity)
        return
    allowed, share = now.struck("allowed"), cache["order_share"]
    permitted = share if allowed is None else allowed[cache["order_tie"]]
    asked, orders = (np.empty((len(share), now.block.width)) for _ in range(2))
    book = np.empty((len(cache["designers"]), now.block.width))
    open_books(
        share, alike(1.0, len(share)) if allowed is None else permitted, cache["order_owner"], cache["order_designer"],
        fleet.backlog, asked, orders, book,
    )  # fmt: skip
    fill = silicon.fill_rate(book, capacity * cache["capacity_share"][cache["designers"]] * r["supply"], lead)
    r["shipped"], r["supplier_fill"], r["chip_shortage"] = (
        np.empty_like(fleet.backlog), np.empty_like(asked), np.empty_like(capacity),
    )  # fmt: skip
    nothing = alike(0.0, 1)
    fill_orders(
        asked, orders, fill, cache["order_designer"], cache["order_owner"], fleet.backlog, cache["unnamed_orders"],
        by_path(lead, now.block.width), r.get("missing_racks", nothing), r["shipped"], r["supplier_fill"],
        r["chip_shortage"], np.empty((4, now.block.width)),
    )  # fmt: skip


@kernel(void(_MAT_IN, _MAT_IN, _IDX_IN, _IDX_IN, _MAT_IN, *[_MAT] * 3))
def open_books(
    share: Array,
    allowed: Array,
    owner: Array,
    designer: Array,
    backlog: Array,
    asked: Array,
    orders: Array,
    book: Array,
) -> None:
    """Set what owners have asked of each designer, what of it is `allowed`, and each designer's book of it.

    `share` (orders, 1) of each owner's `backlog` (owners + 1, paths) stands with the designer; million H100e.
    """
    book[:] = 0.0
    for t in range(share.shape[0]):
        o, d, part = owner[t], designer[t], share[t, 0]
        for n in range(asked.shape[1]):
            asked[t, n] = part * backlog[o, n]
            orders[t, n] = asked[t, n] * allowed[t, 0]
            book[d, n] += orders[t, n]


@kernel(void(*[_MAT_IN] * 3, _IDX_IN, _IDX_IN, _MAT_IN, _MAT_IN, _VEC_IN, _MAT_IN, _MAT, _MAT, _VEC, _MAT))
def fill_orders(
    asked: Array,
    orders: Array,
    fill: Array,
    designer: Array,
    owner: Array,
    backlog: Array,
    unnamed: Array,
    lead: Array,
    missing_racks: Array,
    shipped: Array,
    supplier_fill: Array,
    shortage: Array,
    room: Array,
) -> None:
    """Set `shipped` to each owner, (owners + 1, paths), million H100e; each designer fills its book pro rata.

    Owners whose orders no tie names (`unnamed`, (owners + 1, 1)) get the mean. Racks that are missing hold chips back
    (one row of them: none are). `supplier_fill`: what each order gets of what was asked over what its owner gets of its
    whole book. `shortage` (paths): share of what should be shipped in a quarter of the `lead` that is not. `room` (4,
    paths) is there to work in.
    """
    owners, paths, racks = backlog.shape[0], backlog.shape[1], missing_racks.shape[0] > 1
    ordered, named, sent, book = room[0], room[1], room[2], room[3]
    room[:] = 0.0
    shipped[:] = 0.0
    for t in range(orders.shape[0]):
        d, o = designer[t], owner[t]
        for n in range(paths):
            supplier_fill[t, n] = orders[t, n] * fill[d, n]
            shipped[o, n] += supplier_fill[t, n]
            ordered[n] += orders[t, n]
    for t in range(orders.shape[0]):
        o = owner[t]
        for n in range(paths):
            mine = shipped[o, n] / max(backlog[o, n], 1e-12)
            got = supplier_fill[t, n] / max(asked[t, n], 1e-12) / max(mine, 1e-9)
            supplier_fill[t, n] = got if mine > 1e-9 else 1.0
    for o in range(owners):
        for n in range(paths):
            named[n] += shipped[o, n]
            book[n] += backlog[o, n]
    for o in range(owners):
        for n in range(paths):
            mean = named[n] / max(ordered[n], 1e-12)
            sure = shipped[o, n] + backlog[o, n] * unnamed[o, 0] * mean
            shipped[o, n] = sure * (1.0 - min(max(missing_racks[o, n], 0.0), 1.0)) if racks else sure
            sent[n] += shipped[o, n]
    for n in range(paths):
        shortage[n] = 1.0 - sent[n] / max(book[n] / lead[n], 1e-12)
