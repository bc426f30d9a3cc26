"""Isolation: what tenants that misbehave do to the others of their pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tools.fleet_validation.stress import flood_rate, pool

from penstock.fleet import FleetResult, Trace, make_trace, simulate
from penstock.fleet.compiled import columns as c
from penstock.fleet.config import Source
from penstock.fleet.generators import draw

ENDLESS = 1000
AGAIN = "none: its requests drawn again"
BURST, RETRIES, GIANT, ALL = KINDS = (
    "a burst for a minute",
    "endless retries",
    "giant contexts",
    "all three at once",
)
"""Ways to misbehave. Giant contexts are all requests of the tenant, one of fifty where all comes at once."""
MEASURES = {"total": "total_s", "first token": "first_token_s"}
QUEUES = {"fair": True, "first come, first served": False}


@dataclass(frozen=True)
class Neighbours:
    """Tenants of a pool, some of whom misbehave from a third of the time on (who retries does so from the start)."""

    rates: tuple[float, ...] = (4.5,) * 8
    """requests per second, of each tenant; relative to each other where `load` is given"""
    load: float | None = None
    """all rates together, as a share of what the pool serves when it is never idle"""
    weights: tuple[float, ...] = ()
    rude: tuple[int, ...] = (7,)
    burst: float = 100.0
    """times the usual rate"""
    seconds: float = 900.0
    published: str | None = None
    """trace from whose windows arrivals and tokens are drawn, each tenant its own; Poisson and geometric otherwise"""
    giant: tuple[int, int] = (20_000, 60_000)
    fleet: dict[str, Any] = field(default_factory=dict)
    """parts of the fleet's file that differ; those of `pool` are laid over the pool of the overload study"""

    def per_second(self) -> tuple[float, ...]:
        """Requests per second of each tenant."""
        if self.load is None:
            return self.rates
        most = flood_rate(4, 1, fleet=self.config(False, None), source=self.published)
        return tuple(self.load * most * rate / sum(self.rates) for rate in self.rates)

    def config(self, fair: bool, kind: str | None) -> dict[str, Any]:
        """The fleet; who retries endlessly gives up after a second and asks again at once."""
        rude = {"retries": ENDLESS, "retry_budget": 1000.0, "backoff_s": 0.05, "retry_rejected": True, "timeout_s": 1.0}
        tenants = []
        for t in range(len(self.rates)):
            own: dict[str, Any] = {"name": f"tenant-{t}", "weight": self.weights[t] if self.weights else 1.0}
            tenants.append(own | (rude if t in self.rude and kind in (RETRIES, ALL) else {}))
        changed = {k: v for k, v in self.fleet.items() if k != "pool"}
        own_pool = pool(4, fair=fair) | self.fleet.get("pool", {})
        if "chip" in own_pool:
            del own_pool["timing"]
        return {"name": "isolation", "drain_s": 600.0, "pool": [own_pool], "tenant": tenants} | changed


def requests(case: Neighbours, rate: float, seconds: float, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Arrivals at a rate, prompts and answers; those of chat are geometric, means 600 and 120."""
    n = int(rate * seconds)
    if case.published is None:
        times = np.sort(rng.random(n) * seconds)
        return times, rng.geometric(1 / 600, n), rng.geometric(1 / 120, n)
    source = Source(kind="bootstrap", name=case.published, requests=2 * n + 100, requests_per_s=rate, block_s=60.0)
    drawn = draw(source, int(rng.integers(2**31)))
    within = drawn.arrival_s < seconds
    return drawn.arrival_s[within], drawn.input_tokens[within], drawn.output_tokens[within]


def tenants_trace(case: Neighbours, rates: Sequence[float], kind: str | None, seed: int) -> Trace:
    """Requests of all tenants. Those of the well-behaved are the same for all kinds."""
    parts = []
    for t, rate in enumerate(rates):
        anew = 5000 if kind == AGAIN and t in case.rude else 0
        times, n_in, n_out = requests(case, rate, case.seconds, np.random.default_rng([seed + anew, t]))
        if kind == GIANT and t in case.rude:
            giant = np.random.default_rng([seed, t, 7]).integers(*case.giant, len(times))
            n_in = np.where(times > case.seconds / 3, giant, n_in)
        parts.append((times, n_in, n_out, t))
        if t in case.rude and kind in (BURST, ALL):
            rng = np.random.default_rng([seed, t, 99])
            times, n_in, n_out = requests(case, case.burst * rate, 60.0, rng)
            if kind == ALL:
                n_in = np.where(rng.random(len(times)) < 0.02, rng.integers(*case.giant, len(times)), n_in)
            parts.append((case.seconds / 3 + times, n_in, n_out, t))
    times, n_in, n_out = (np.concatenate([part[k] for part in parts]) for k in range(3))
    names = np.concatenate([[f"tenant-{part[3]}"] * len(part[0]) for part in parts])
    order = np.argsort(times, kind="stable")
    return make_trace(times[order], n_in[order], n_out[order], tenant=list(names[order]), name="tenants")


def others_times(case: Neighbours, result: FleetResult) -> dict[str, Any]:
    """Times of the requests of the well-behaved tenants; those not answered count as endless."""
    names = result.built.trace.tenants
    rude = [names.index(f"tenant-{t}") for t in case.rude]
    own = ~np.isin(result.requests.tenant, rude)
    served = result.requests.status == c.SERVED
    return {k: np.where(served, getattr(result.requests, m), np.inf)[own] for k, m in MEASURES.items()}


def p99(times: Sequence[Any]) -> float:
    """99th percentile over the requests of several runs."""
    return float(np.percentile(np.concatenate(list(times)), 99, method="higher"))


def isolation(
    case: Neighbours, kinds: Sequence[str] = KINDS, seeds: Sequence[int] = (1,), queue: str = "fair"
) -> list[dict[str, Any]]:
    """Change of the others' 99th percentiles, over the requests of all seeds together, when tenants misbehave."""
    rates = case.per_second()

    def run(kind: str | None) -> list[dict[str, Any]]:
        config = case.config(QUEUES[queue], kind)
        return [others_times(case, simulate(config, tenants_trace(case, rates, kind, s), s)) for s in seeds]

    calm, rows = run(None), []
    for kind in kinds:
        wild = run(kind)
        for name in MEASURES:
            before, after = (p99([times[name] for times in found]) for found in (calm, wild))
            single = [p99([b[name]]) / p99([a[name]]) - 1.0 for a, b in zip(calm, wild, strict=True)]
            rows.append(
                {
                    "misbehaviour": kind,
                    "queue": queue,
                    "time": name,
                    "before, s": before,
                    "after, s": after,
                    "change": after / before - 1.0,
                    "least": min(single),
                    "most": max(single),
                }
            )
    return rows


USUAL = {"1.5": Neighbours(rates=(1.5,) * 8), "4.5": Neighbours()}
"""A fifth and half of what the pool can serve: the cases on which the policy was tuned."""
