"""What goes wrong and when: outages drawn or given, spot capacity taken back, power caps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from penstock.fleet.build import Built

HOUR_S = 3600.0
SPOT_REPLACED_S = 600.0
"""Until spot capacity that was taken back is to be had again; assumption, 120 to 7,200."""
POWER_EXPONENT_DECODE = 0.25
"""Speed of answers goes as the power to this exponent: memory does the work (PHYSICS 5.5; assumption, 0.1 to 0.4)."""
POWER_EXPONENT_PROMPT = 0.55
"""Speed of prompts likewise: arithmetic does the work (PHYSICS 5.5; assumption, 0.4 to 0.8)."""


class Happening(NamedTuple):
    """Something from outside at a time: `fall`, `rise`, `drain` of replicas, or `slow` of pools by two factors."""

    at_s: float
    kind: str
    members: tuple[int, ...]
    decode: float = 1.0
    prompt: float = 1.0


def happenings(built: Built, horizon_s: float, seed: int) -> list[Happening]:
    """Everything from outside up to the horizon, in order of time."""
    found = [*_given(built), *_drawn(built, horizon_s, seed), *_spot(built, horizon_s, seed), *_caps(built)]
    return sorted((h for h in found if h.at_s <= horizon_s), key=lambda h: (h.at_s, h.kind, h.members))


def _pair(at: float, lasts: float, members: Iterable[int]) -> list[Happening]:
    who = tuple(members)
    return [Happening(at, "fall", who), Happening(at + lasts, "rise", who)]


def _members(built: Built, region: str | None, zone: int | None, pool: str | None, replica: int | None) -> list[int]:
    found = []
    for p, candidate in enumerate(built.pools):
        if (region is not None and candidate.region != region) or (pool is not None and candidate.name != pool):
            continue
        own = built.replicas_of(p)
        if replica is not None:
            own = own[replica : replica + 1]
        found += [r for r in own if zone is None or built.zones[r] == zone]
    return found


def _given(built: Built) -> list[Happening]:
    return [
        happening
        for o in built.config.outage
        for happening in _pair(o.at_s, o.lasts_s, _members(built, o.region, o.zone, o.pool, o.replica))
    ]


def _renewals(rng: np.random.Generator, mtbf_s: float, repair_s: float, horizon_s: float) -> list[tuple[float, float]]:
    """Starts and lengths of outages of one thing: exponential times up and down."""
    found: list[tuple[float, float]] = []
    t = 0.0
    while True:
        t += float(rng.exponential(mtbf_s))
        if t > horizon_s:
            return found
        lasts = float(rng.exponential(repair_s))
        found.append((t, lasts))
        t += lasts


def _drawn(built: Built, horizon_s: float, seed: int) -> list[Happening]:
    f = built.config.failures
    rng = np.random.default_rng([seed, 23])
    found: list[Happening] = []
    for p in range(len(built.pools)):
        own = built.replicas_of(p)
        nodes = [own[k : k + f.node_replicas] for k in range(0, len(own), f.node_replicas)]
        for members, mtbf, repair in (
            *(((r,), f.replica_mtbf_h, f.replica_repair_s) for r in own),
            *((tuple(n), f.node_mtbf_h, f.node_repair_s) for n in nodes),
        ):
            if mtbf is not None:
                for at, lasts in _renewals(rng, mtbf * HOUR_S, repair, horizon_s):
                    found += _pair(at, lasts, members)
    for region in built.config.region:
        for zone in range(region.zones):
            if f.zone_mtbf_h is not None:
                for at, lasts in _renewals(rng, f.zone_mtbf_h * HOUR_S, f.zone_repair_s, horizon_s):
                    found += _pair(at, lasts, _members(built, region.name, zone, None, None))
        if f.region_mtbf_h is not None:
            for at, lasts in _renewals(rng, f.region_mtbf_h * HOUR_S, f.region_repair_s, horizon_s):
                found += _pair(at, lasts, _members(built, region.name, None, None, None))
    return found


def _spot(built: Built, horizon_s: float, seed: int) -> list[Happening]:
    f = built.config.failures
    rng = np.random.default_rng([seed, 29])
    found: list[Happening] = []
    for p, pool in enumerate(built.pools):
        if not pool.spot:
            continue
        for r in built.replicas_of(p):
            for at, lasts in _renewals(rng, f.spot_mtbf_h * HOUR_S, SPOT_REPLACED_S, horizon_s):
                found.append(Happening(at, "drain", (r,)))
                found += _pair(at + f.spot_notice_s, lasts, (r,))
    return found


def _caps(built: Built) -> list[Happening]:
    """Caps of one region multiply where they overlap."""
    caps = built.config.power_cap
    found = []
    for p, pool in enumerate(built.pools):
        own = [c for c in caps if c.region in (None, pool.region)]
        for at in sorted({t for c in own for t in (c.at_s, c.at_s + c.lasts_s)}):
            fraction = float(np.prod([c.fraction for c in own if c.at_s <= at < c.at_s + c.lasts_s]))
            decode, prompt = fraction**-POWER_EXPONENT_DECODE, fraction**-POWER_EXPONENT_PROMPT
            found.append(Happening(at, "slow", (p,), decode, prompt))
    return found
