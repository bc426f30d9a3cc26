"""Dedicated clusters against one pooled platform for the same tenants: chips, dollars, latency.

Every fleet is the smallest of its kind that keeps the promise: the share of requests that are good is at least the
promised availability. Dedicated fleets see their own tenant's requests only; the pool sees all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.errors import InputError, ModelError
from penstock.fleet.build import build
from penstock.fleet.config import FleetConfig, Pool
from penstock.fleet.config_file import load_config
from penstock.fleet.result import FleetResult
from penstock.fleet.simulation import drawn_trace, simulate
from penstock.fleet.trace import Trace, as_trace, make_trace

if TYPE_CHECKING:
    import pandas as pd

MOST_REPLICAS = 1024
OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Comparison:
    """The smallest fleets: one per tenant, their sum, and one for all."""

    rows: tuple[dict[str, Any], ...]
    promise: str

    def to_pandas(self) -> pd.DataFrame:
        """One row per fleet: dedicated ones, their sum, the pooled one."""
        import pandas as pd

        return pd.DataFrame(self.rows)

    def saving(self) -> dict[str, Any]:
        """What the pool needs less than all dedicated fleets together."""
        apart, pooled = self.rows[-2], self.rows[-1]
        return {
            "chips, dedicated over pooled": apart["chips"] / pooled["chips"],
            "USD per hour, dedicated": apart["usd_per_h"],
            "USD per hour, pooled": pooled["usd_per_h"],
            "saved, share of dedicated": 1.0 - pooled["usd_per_h"] / apart["usd_per_h"],
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"promise": self.promise, "fleets": list(self.rows), "saving": self.saving()}


def compare(config: Any, trace: Any = None, seed: int = 7, *, on_progress: OnProgress | None = None) -> Comparison:
    """Size dedicated fleets and a pooled one for the tenants of a fleet file with one pool.

    Autoscaling, outages and limits of rate are left out: this is about how many replicas are needed.

    Raises:
        InputError: more than one pool, fewer than two tenants. ModelError: no fleet of 1,024 replicas suffices.
    """
    fleet = load_config(config)
    if len(fleet.pool) != 1:
        raise InputError(f"{fleet.name}: pool: found {len(fleet.pool)}; expected one, which is sized")
    requests = as_trace(trace) if trace is not None else drawn_trace(fleet, seed)
    built = build(fleet, requests, seed)
    tenant = built.state.qi[: built.requests, 2].copy()
    names = [t.name for t in built.tenants]
    if len(names) < 2:
        raise InputError(f"{fleet.name}: tenant: found {len(names)}; expected two or more to compare")
    kinds = [*names, "pooled"]
    rows = []
    for k, name in enumerate(kinds):
        if on_progress is not None:
            on_progress(k, len(kinds), name)
        own = np.ones(len(requests), bool) if name == "pooled" else tenant == k
        if own.sum() == 0:
            continue
        rows.append(_row(name, smallest(_plain(fleet), _part(requests, own, name), seed)))
    apart, pooled = rows[:-1], rows[-1]
    total = {
        "fleet": "all dedicated",
        "replicas": sum(r["replicas"] for r in apart),
        "chips": sum(r["chips"] for r in apart),
        "usd_per_h": sum(r["usd_per_h"] for r in apart),
        "usd_per_mtok": sum(r["usd_per_h"] for r in apart) / pooled["usd_per_h"] * pooled["usd_per_mtok"],
        "utilisation": sum(r["utilisation"] * r["replicas"] for r in apart) / sum(r["replicas"] for r in apart),
        "good_share": min(r["good_share"] for r in apart),
        "first_token_p99_s": max(r["first_token_p99_s"] for r in apart),
        "token_p99_s": max(r["token_p99_s"] for r in apart),
    }
    o = fleet.objectives
    promise = (
        f"{o.availability:.1%} of requests with a first token in {o.first_token_s:g} s and {o.token_s:g} s a token"
    )
    return Comparison((*apart, total, pooled), promise)


def smallest(fleet: FleetConfig, requests: Trace, seed: int) -> FleetResult:
    """The run of the smallest fleet that keeps the promise, by doubling and halving the interval."""

    def tried(replicas: int) -> FleetResult:
        return simulate(with_replicas(fleet, replicas), requests, seed)

    high, low = 1, 0
    best = tried(high)
    while best.summary["good_share"] < fleet.objectives.availability:
        low, high = high, 2 * high
        if high > MOST_REPLICAS:
            raise ModelError(
                f"{fleet.name}: found no fleet of {MOST_REPLICAS} replicas that keeps the promise; "
                "expected a promise that the model can keep"
            )
        best = tried(high)
    while high - low > 1:
        middle = (low + high) // 2
        result = tried(middle)
        if result.summary["good_share"] >= fleet.objectives.availability:
            high, best = middle, result
        else:
            low = middle
    return best


def with_replicas(fleet: FleetConfig, replicas: int) -> FleetConfig:
    """The same fleet with another number of replicas in its one pool."""
    pool: Pool = fleet.pool[0].model_copy(update={"replicas": replicas, "max_replicas": None})
    return fleet.model_copy(update={"pool": (pool,)})


def _plain(fleet: FleetConfig) -> FleetConfig:
    """Without what acts on time: only the size is left to choose."""
    blank = FleetConfig(pool=(Pool(name="x", model="x", replicas=1, chip="x"),))
    pool = fleet.pool[0].model_copy(update={"autoscaling": blank.pool[0].autoscaling, "spot": False})
    left_out = {"outage": (), "power_cap": (), "failures": blank.failures, "pool": (pool,), "tenant": blank.tenant}
    return fleet.model_copy(update=left_out)


def _part(requests: Trace, own: Any, name: str) -> Trace:
    """The requests of one tenant at the times at which they came."""
    return make_trace(
        requests.arrival_s[own],
        requests.input_tokens[own],
        requests.output_tokens[own],
        model=[requests.models[m] for m in requests.model[own]],
        prefix=requests.prefix[own],
        shareable_tokens=requests.shareable_tokens[own],
        name=f"{requests.name}, {name}",
        source=requests.source,
    )


def _row(name: str, result: FleetResult) -> dict[str, Any]:
    pool, speed, s = result.built.pools[0], result.built.speeds[0], result.summary
    usd_per_h = pool.replicas * pool.chips * speed.chip_usd_per_h
    return {
        "fleet": name,
        "replicas": pool.replicas,
        "chips": pool.replicas * pool.chips,
        "usd_per_h": usd_per_h,
        "usd_per_mtok": s["cost_usd_per_mtok"],
        "utilisation": s["utilisation"],
        "good_share": s["good_share"],
        "first_token_p99_s": s["first_token_p99_s"],
        "token_p99_s": s["token_p99_s"],
    }
