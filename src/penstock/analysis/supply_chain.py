"""The chain of silicon: what each link carries, what binds, how a cut travels up to chips, racks and tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.chain_capacity import (
    Capacity,
    Mix,
    binding_order,
    capacity_fields,
    link_capacities,
    shipped_now,
    shipping_capacity,
    shipping_mix,
)
from penstock.analysis.chain_cuts import Cut, read_cut, weekly_factors
from penstock.analysis.chain_economy import Path, designer_changes, economy_table, observe
from penstock.analysis.chain_links import (
    BY_KEY,
    CAPITAL,
    FEEDS,
    LINKS,
    OUTSIDE,
    WEEKS,
    ChainTies,
    assumed,
    chain_ties,
    cycle_weeks,
    whole_weeks,
)
from penstock.analysis.chain_travel import (
    Course,
    Travelled,
    by_quarter,
    lags_to_delivery,
    travel,
    weeks_to_delivery,
)
from penstock.analysis.ranges import Range
from penstock.engine.progress import OnProgress, silent
from penstock.errors import UsageError
from penstock.world.grading import weakest

if TYPE_CHECKING:
    import pandas as pd

    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

DEFAULT_QUARTERS = 16
DEFAULT_PATHS = 32
CAPACITY_DECAY_PER_QUARTER = 0.015
"""Wear of shipping capacity, as the quarter's engine counts it (`engine/steps/deliver.py::expand_supply`)."""


@dataclass(frozen=True)
class SupplyChain:
    """The chain of a world, and a cut of it where one was asked for."""

    links: pd.DataFrame
    """link, name, kind, companies, capacity_h100e_per_quarter (with _low, _high), when, binds_share, cycle_weeks and
    weeks_to_racks (with _low, _high), grade, basis; a row a link, upstream first"""
    companies: pd.DataFrame
    """link, company, share of what the link sells to the chain"""
    binding: dict[str, Any]
    """now, next (what binds once `now` is relieved), shipped and shipping capacity, h100e a quarter"""
    mix: pd.DataFrame
    """the chips of the last quarter on record"""
    cuts: tuple[Cut, ...] = ()
    travel: pd.DataFrame | None = None
    """quarter, link, unit, no_cut, cut, percent, percent_with_spare, started, in_progress, waiting; with a cut"""
    economy: pd.DataFrame | None = None
    """quarter, measure, unit, no_cut, cut, difference, se, p05, p95, percent: mean over the same paths; with a cut"""
    assumptions: pd.DataFrame = field(default_factory=lambda: _no_frame(), repr=False)

    def to_pandas(self) -> pd.DataFrame:
        """The links, or how the cut travels where there is one."""
        return self.links if self.travel is None else self.travel

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        out: dict[str, Any] = {
            "binding": self.binding,
            "links": self.links.to_dict(orient="records"),
            "companies": self.companies.to_dict(orient="records"),
            "mix": self.mix.to_dict(orient="records"),
            "assumptions": self.assumptions.to_dict(orient="records"),
        }
        if self.travel is not None and self.economy is not None:
            out["cuts"] = [cut.to_dict() for cut in self.cuts]
            out["travel"] = self.travel.to_dict(orient="records")
            out["economy"] = self.economy.to_dict(orient="records")
        return out


def _no_frame() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame()


def supply_chain(
    world: World,
    cuts: Sequence[str] = (),
    *,
    quarters: int = DEFAULT_QUARTERS,
    paths: int = DEFAULT_PATHS,
    seed: int = 7,
    removed: Iterable[tuple[str, str]] = (),
    on_progress: OnProgress | None = None,
) -> SupplyChain:
    """The chain from laser to rack with capacities, lead times and what binds; with cuts, their way to tokens.

    cuts: texts `ID=FACTOR:Nq[@QUARTER]`, ID a link, a company of the chain, or LINK.COMPANY. What each takes in is cut
    by the factor for N quarters; the chain without and with the cuts is followed by the week. What the designers then
    ship goes into the quarter's model on the same paths, for chips in service, power and tokens.
    removed: (supplier, buyer) ties that are taken out of the chain; what is cut there reaches nobody.
    Raises UsageError for a cut that cannot be read, InputError for a world without the chain.
    """
    from penstock.engine.ensemble import check_values
    from penstock.engine.model import prepare
    from penstock.scenarios import first_quarter
    from penstock.scenarios.quarters import ordinal, text

    check_values(paths=paths, quarters=quarters, seed=seed, jobs=1)
    opening = prepare(world, quarters=1).opening
    gone = set(removed)
    held = [(p, b) not in gone for p, b in zip(opening.flow_ties["payee"], opening.flow_ties["payer"], strict=True)]
    whole = chain_ties(world, opening.flow_ties)
    ties = chain_ties(world, opening.flow_ties[held]) if gone else whole
    first = first_quarter(world.as_of)
    asked = tuple(read_cut(given, world, whole, first) for given in cuts)
    last = text(ordinal(first) + quarters - 1)
    for cut in asked:
        if ordinal(cut.start) > ordinal(last):
            raise UsageError(
                f"--cut: quarter: found {cut.start}; expected one up to {last}, the last of {quarters} quarters; "
                "ask for more with --quarters"
            )
    mix = shipping_mix(world)
    capacities = link_capacities(world, opening.flow_ties, mix)
    cycles = {key: cycle_weeks(world, key) for key in (*BY_KEY, "install")}
    order, chances = binding_order(capacities)
    table = link_table(ties, capacities, cycles, chances)
    found = SupplyChain(
        links=table,
        companies=company_table(ties),
        binding=_binding(order, capacities, chances, mix),
        mix=mix.chips,
        cuts=asked,
        assumptions=assumption_table(),
    )
    if not asked:
        return found
    weeks = {key: whole_weeks(value.central) for key, (value, _) in cycles.items()}
    return _with_cuts(found, world, ties, capacities, weeks, first, quarters, paths, seed, on_progress or silent)


def _with_cuts(
    found: SupplyChain,
    world: World,
    ties: ChainTies,
    capacities: Mapping[str, Capacity],
    weeks: Mapping[str, int],
    first: str,
    quarters: int,
    paths: int,
    seed: int,
    on_progress: OnProgress,
) -> SupplyChain:
    from dataclasses import replace

    longer = quarters + -(-max(weeks_to_delivery(weeks).values()) // WEEKS)
    on_progress(0, 2, "chain")
    base = observe(world, (), longer, paths, seed)
    on_progress(1, 2, "chain")
    course = course_of(ties, base)
    factors = weekly_factors(found.cuts, ties, first, quarters)
    after = travel(ties, weeks, factors, course)
    spared = travel(ties, weeks, factors, course, spare_of(capacities))
    none = {key: np.ones_like(values) for key, values in factors.items()}
    before = travel(ties, weeks, none, course)
    changes = designer_changes(ties, before, after, first)
    other = observe(world, changes, longer, paths, seed) if changes else base
    on_progress(2, 2, "chain")
    names = base.quarters[:quarters]
    return replace(
        found,
        travel=travel_table(names, before, after, spared),
        economy=economy_table(names, base, other, quarters),
    )


def course_of(ties: ChainTies, base: Path) -> Course:
    """The chain without a cut, from the quarter's model: means over its paths, the week from the quarter."""
    from penstock.engine.steps.order import FRESH_SHARE_AT_RISK

    middle = (np.arange(len(base.shipped)) + 0.5) * WEEKS
    weeks = np.arange(len(base.shipped) * WEEKS) + 0.5
    share = np.array([base.designer_share.get(unit, 0.0) for unit in ties.units])
    share = np.where(ties.owners.sum(axis=1) > 0.0, share, 0.0)
    return Course(
        delivered=np.repeat(base.shipped / WEEKS, WEEKS),
        capacity=np.interp(weeks, middle, base.capacity),
        designer_share=share / share.sum(),
        decay=1.0 - (1.0 - CAPACITY_DECAY_PER_QUARTER) ** (1.0 / WEEKS),
        fresh_share=FRESH_SHARE_AT_RISK,
        outside_assembly=assumed("osat_share_of_packaging").value.central,
    )


def spare_of(capacities: Mapping[str, Capacity]) -> dict[str, float]:
    """What each link could make beyond the link that binds, as a share; nothing where it is not known."""
    known = {k: c.value.central for k, c in capacities.items() if c.value is not None and c.when == "now"}
    least = min(known.values())
    return {key: value / least - 1.0 for key, value in known.items()}


def link_table(
    ties: ChainTies,
    capacities: Mapping[str, Capacity],
    cycles: Mapping[str, tuple[Range, str]],
    chances: Mapping[str, float],
) -> pd.DataFrame:
    """A row a link, upstream first."""
    import pandas as pd

    def lags(which: str) -> dict[str, int]:
        return lags_to_delivery({key: whole_weeks(getattr(value, which)) for key, (value, _) in cycles.items()})

    low, central, high = (lags(which) for which in ("low", "central", "high"))
    rows = []
    for link in LINKS:
        if not ties.members[link.key]:
            continue
        cycle, grade = cycles[link.key]
        held = capacities[link.key]
        rows.append(
            {
                "link": link.key,
                "name": link.name,
                "kind": link.kind,
                "companies": ", ".join(unit for unit in ties.members[link.key] if unit != OUTSIDE),
                **capacity_fields(held),
                "when": held.when,
                "binds_share": chances.get(link.key),
                **cycle.to_dict("cycle_weeks"),
                "weeks_to_racks": central[link.key],
                "weeks_to_racks_low": low[link.key],
                "weeks_to_racks_high": high[link.key],
                "feeds": ", ".join(FEEDS[link.key]),
                "grade": weakest([held.grade, grade]),
                "capacity_grade": held.grade,
                "cycle_grade": grade,
                "basis": held.basis,
            }
        )
    return pd.DataFrame(rows)


def company_table(ties: ChainTies) -> pd.DataFrame:
    """link, company, share of what the link sells to the chain."""
    import pandas as pd

    rows = [
        {"link": link.key, "company": unit, "share": ties.sales[link.key][unit]}
        for link in LINKS
        for unit in ties.members[link.key]
    ]
    return pd.DataFrame(rows)


def assumption_table() -> pd.DataFrame:
    """Every assumed number of the chain."""
    import pandas as pd

    from penstock.analysis.chain_links import ASSUMPTIONS

    return pd.read_csv(ASSUMPTIONS, keep_default_na=False)


def _binding(
    order: Sequence[str], capacities: Mapping[str, Capacity], chances: Mapping[str, float], mix: Mix
) -> dict[str, Any]:
    def of(key: str) -> dict[str, Any]:
        return {"link": key, "share": chances[key], **capacity_fields(capacities[key])}

    return {
        "now": of(order[0]),
        "next": of(order[1]) if len(order) > 1 else None,
        "in_a_year": {"link": "scanner", **capacity_fields(capacities["scanner"])},
        "shipped_h100e": 1e6 * shipped_now(mix),
        **{key: 1e6 * value for key, value in shipping_capacity().to_dict("shipping_h100e_per_quarter").items()},
    }


def travel_table(names: Sequence[str], before: Travelled, after: Travelled, spared: Travelled) -> pd.DataFrame:
    """What each link delivers by quarter without and with the cut, and what lies in it."""
    import pandas as pd

    parts = []
    for link in LINKS:
        key = link.key
        if link.kind == CAPITAL:
            base, cut, more = (by_quarter(t.finished[key], "mean") for t in (before, after, spared))
            frame: dict[str, Any] = {"unit": "share of no cut", "no_cut": base, "cut": cut}
            frame |= {"started": by_quarter(after.started[key], "mean"), "in_progress": np.nan, "waiting": np.nan}
        else:
            base, cut, more = (1e6 * by_quarter(t.finished[key]) for t in (before, after, spared))
            frame = {"unit": "h100e", "no_cut": base, "cut": cut}
            frame |= {
                "started": 1e6 * by_quarter(after.started[key]),
                "in_progress": 1e6 * by_quarter(after.in_progress(key), "last"),
                "waiting": 1e6 * by_quarter(_waiting(after, key), "last"),
            }
        lost = np.divide(cut, base, out=np.ones_like(cut), where=base > 0.0) - 1.0
        with_spare = np.divide(more, base, out=np.ones_like(more), where=base > 0.0) - 1.0
        parts.append(
            pd.DataFrame(
                {"quarter": names, "link": key, **frame, "percent": 100 * lost, "percent_with_spare": 100 * with_spare}
            )
        )
    table = pd.concat(parts, ignore_index=True)
    order = {name: number for number, name in enumerate(names)}
    by = {link.key: number for number, link in enumerate(LINKS)}
    table = table.assign(a=table["quarter"].map(order), b=table["link"].map(by)).sort_values(["a", "b"])
    return table.drop(columns=["a", "b"]).reset_index(drop=True)


def _waiting(after: Travelled, key: str) -> Array:
    """What a link has delivered and the next has not taken in after each week."""
    following = FEEDS[key]
    if not following:
        return np.zeros_like(after.finished[key])
    return np.asarray(np.cumsum(after.finished[key] - after.started[following[0]]))
