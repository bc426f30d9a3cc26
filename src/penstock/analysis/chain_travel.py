"""How a cut travels up the chain, week by week: what each link takes in, delivers and holds, against no cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penstock.analysis.chain_links import CAPITAL, LINKS, WEEKS, ChainTies
from penstock.layers import silicon_chain as chain

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Course:
    """The chain without a cut: million H100e that leave it, and the capacity that its fabs grow by."""

    delivered: Array
    """(weeks,) million H100e a week that leave the last link, longer than the study by all cycles"""
    capacity: Array
    """(weeks,) shipping capacity, any unit"""
    designer_share: Array
    """(units,) share of each designer in what is delivered"""
    decay: float
    """share of capacity that wears out in a week"""
    fresh_share: float
    """share of a fab's output that hangs on tools and parts that come the same week"""
    outside_assembly: float
    """share of a designer's packages made by assemblers, where it buys from them"""


@dataclass
class Travelled:
    """Per link, weeks on the first axis. Capital links count in shares of no cut, flow links in million H100e."""

    started: dict[str, Array] = field(default_factory=dict)
    finished: dict[str, Array] = field(default_factory=dict)
    opening: dict[str, float] = field(default_factory=dict)
    """what lies in each flow link at the start"""
    delivered_by_designer: Array = field(default_factory=lambda: np.zeros(0))
    """(weeks, units) million H100e that leave the last link"""

    def in_progress(self, key: str) -> Array:
        """What lies in a flow link after each week."""
        return np.asarray(chain.in_progress(self.started[key], self.finished[key], self.opening[key]))


def weeks_to_delivery(cycles: Mapping[str, int]) -> dict[str, int]:
    """Weeks from what a flow link takes in to the delivery of racks."""
    rack = cycles["rack"]
    server = rack + cycles["server"]
    package = server + cycles["chip"] + cycles["packaging"]
    return {
        "rack": rack,
        "server": server,
        "network": rack + cycles["network"],
        "chip": server + cycles["chip"],
        "packaging": package,
        "fab": package + cycles["fab"],
        "memory": package + cycles["memory"],
        "substrate": package + cycles["substrate"],
    }


def lags_to_delivery(cycles: Mapping[str, int]) -> dict[str, int]:
    """Weeks from what any link takes in to the first racks that miss it; capital goods are installed first."""
    out = weeks_to_delivery(cycles)
    fab = min(out["fab"], out["memory"])
    # parts for tools at work are missed at once; what new tools would have added comes an installation later
    out["scanner"] = cycles["scanner"] + fab
    out["tools"] = cycles["tools"] + fab
    out["optics"] = cycles["optics"] + out["scanner"]
    return out


def travel(
    ties: ChainTies,
    cycles: Mapping[str, int],
    cuts: Mapping[str, Array],
    course: Course,
    spare: Mapping[str, float] | None = None,
) -> Travelled:
    """The chain with what each unit takes in times `cuts`, link -> (weeks, units).

    A cut strikes what a link takes in; it is missed one cycle later at the next link. Suppliers of one part stand in
    for each other only by `spare`, the share that each link could make beyond full work (none unless given); parts do
    not stand in for each other. Nothing that was not begun is made up later.
    """
    more = spare or {}
    weeks = next(iter(cuts.values())).shape[0]
    one = np.ones((weeks, len(ties.units)))
    made = _capital(ties, cycles, cuts, one)
    arrived = chain.joined(
        chain.received(ties.share["scanner"], made["scanner"]), chain.received(ties.share["tools"], made["tools"])
    )
    works = _works(arrived, cycles["install"], course, weeks)
    out = Travelled()
    _note_capital(out, ties, cycles, cuts, made, one)
    lead = weeks_to_delivery(cycles)

    def flow(key: str, at_start: bool, shape: Array) -> Array:
        """Million H100e a week without a cut, at the entry or the exit of a link."""
        shift = lead[key] - (0 if at_start else cycles[key])
        along = course.delivered[shift : shift + weeks]
        return along.reshape((-1,) + (1,) * shape.ndim) * shape

    def through(key: str, factor: Array, shape: Array) -> Array:
        """Notes what a link takes in and delivers; its output as a share of no cut."""
        started = flow(key, True, shape) * factor
        left = chain.plug_flow(factor, cycles[key], np.ones(shape.shape))
        finished = flow(key, False, shape) * left
        axes = tuple(range(1, started.ndim))
        out.started[key], out.finished[key] = started.sum(axis=axes), finished.sum(axis=axes)
        # what was begun before the first week leaves by the same clock
        begun = course.delivered[lead[key] - cycles[key] : lead[key]].sum() * shape.sum()
        out.opening[key] = float(begun)
        return np.asarray(left)

    by_designer = course.designer_share
    wafers = through("fab", chain.received(ties.share["fab"], cuts["fab"] * works, more.get("fab", 0.0)), by_designer)
    memory = chain.received(ties.share["memory"], cuts["memory"] * works, more.get("memory", 0.0))
    stacks = through("memory", memory, by_designer)
    substrate = chain.received(ties.share["substrate"], cuts["substrate"], more.get("substrate", 0.0))
    boards = through("substrate", substrate, by_designer)
    assembly = _assembly(ties, cuts["packaging"], course.outside_assembly, more.get("packaging", 0.0))
    packages = through("packaging", chain.joined(wafers, stacks, boards, assembly), by_designer)
    chips = through("chip", chain.joined(packages, cuts["chip"]), by_designer)

    sold = by_designer[:, None] * ties.owners
    who, whom = np.flatnonzero(sold.sum(axis=1)), np.flatnonzero(sold.sum(axis=0))
    by_owner = sold[np.ix_(who, whom)]

    def at_owners(part: str, cut: Array, key: str) -> Array:
        return np.asarray(chain.received(ties.share[part][:, whom], cut, more.get(key, 0.0)))

    servers = at_owners("server", cuts["server"], "server")[:, None, :]
    built = through("server", chain.joined(chips[:, who, None], servers), by_owner)
    wired = through("network", at_owners("network", cuts["network"], "network"), by_owner.sum(axis=0))[:, None, :]
    racks = at_owners("server", cuts["rack"], "rack")[:, None, :]
    delivered = through("rack", chain.joined(built, wired, racks), by_owner)
    out.delivered_by_designer = np.zeros((weeks, len(ties.units)))
    out.delivered_by_designer[:, who] = (flow("rack", False, by_owner) * delivered).sum(axis=2)
    return out


def _capital(ties: ChainTies, cycles: Mapping[str, int], cuts: Mapping[str, Array], one: Array) -> dict[str, Array]:
    """What makers of optics, scanners and tools deliver as a share of no cut, (weeks, units)."""
    optics = chain.plug_flow(cuts["optics"], cycles["optics"], one[0])
    parts = [chain.received(share, optics) for _, share in ties.optics]
    scanners = chain.joined(cuts["scanner"], *parts)
    return {
        "optics": np.asarray(optics),
        "scanner_started": np.asarray(scanners),
        "scanner": np.asarray(chain.plug_flow(scanners, cycles["scanner"], one[0])),
        "tools": np.asarray(chain.plug_flow(cuts["tools"], cycles["tools"], one[0])),
    }


def _works(arrived: Array, install: int, course: Course, weeks: int) -> Array:
    """What fabs can take in as a share of no cut, (weeks, units): parts for tools at work, and tools never added."""
    running = 1.0 - course.fresh_share * (1.0 - arrived)
    in_use = chain.plug_flow(arrived, install, np.ones(arrived.shape[1]))
    kept = chain.capacity_with_missing_tools(course.capacity[:weeks], in_use, course.decay)
    return np.asarray(running * kept)


def _assembly(ties: ChainTies, cut: Array, outside: float, spare: float) -> Array:
    """What foundries and assemblers can package for each designer."""
    house = chain.received(ties.share["fab"], cut, spare)
    bought = ties.share["assembly_outside"]
    part = np.where(bought.sum(axis=0) > 0.0, outside, 0.0)
    return np.asarray(1.0 - (1.0 - part) * (1.0 - house) - part * (1.0 - chain.received(bought, cut, spare)))


def _note_capital(
    out: Travelled,
    ties: ChainTies,
    cycles: Mapping[str, int],
    cuts: Mapping[str, Array],
    made: Mapping[str, Array],
    one: Array,
) -> None:
    """Capital links as shares of no cut, weighted by what their members sell to the chain."""
    started = {"optics": cuts["optics"], "scanner": made["scanner_started"], "tools": cuts["tools"]}
    for link in LINKS:
        if link.kind != CAPITAL:
            continue
        weight = np.zeros(len(ties.units))
        for unit, share in ties.sales[link.key].items():
            weight[ties.index(unit)] = share
        # as one less the shortfall: exactly one without a cut
        out.started[link.key] = 1.0 - (1.0 - started[link.key]) @ weight
        out.finished[link.key] = 1.0 - (1.0 - made[link.key]) @ weight


def by_quarter(weekly: Array, how: str = "sum") -> Array:
    """Weeks to quarters: sums of flows, means of shares, or the last week of a stock."""
    rows = weekly.reshape(-1, WEEKS, *weekly.shape[1:])
    if how == "sum":
        return np.asarray(rows.sum(axis=1))
    return np.asarray(rows.mean(axis=1) if how == "mean" else rows[:, -1])
