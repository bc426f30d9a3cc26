"""`penstock fleet fit`: simulate fleets over a design of points and fit the surface to what they could carry.

At each point the largest rate is found at which 99 of 100 requests are good; it stands over the rate at which the same
replicas are never idle. Then replicas fail: one hour in a hundred each, and the share of requests that are not good
at nine tenths of that rate is the unavailability. Designs are Latin hypercubes (McKay et al., 1979).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.fleet.build import build
from penstock.fleet.config import FleetConfig
from penstock.fleet.config_file import load_config
from penstock.fleet.simulation import simulate
from penstock.fleet.surface import QUANTITIES, RANGES, TERMS, Surface, features, read_surface
from penstock.fleet.trace import Floats

if TYPE_CHECKING:
    import pandas as pd

OnProgress = Callable[[int, int, str], None]

GOOD = 0.99
FIRST_TOKEN_S = 2.0
"""Share of requests whose first token must come within so many seconds for a rate to count as served."""
MINUTES = (10.0, 60.0)
"""Fewest and most that are simulated at each rate: bursts of minutes weigh less in larger pools."""
REQUESTS = 600_000
"""Wanted at a rate near full use; decides the minutes between these limits."""
STEPS = 7
"""Halvings of the interval of the rate: to 1/128 of full use."""
DOWN_SHARE = 0.01
DOWN_S = 60.0
LOAD_WITH_FAILURES = 0.9
"""In points with failures: share of time that a replica is down, seconds of an outage, load over full use."""
OUTAGES = 60.0
"""Wanted in the runs of a point with failures, together: single ones weigh much."""
REQUESTS_WITH_FAILURES = 4_000_000
"""Most in these runs, but three runs at least."""
LEAST_UNAVAILABILITY = 1e-4
"""What is missed more rarely is told as this: no run of its length shows less."""
SLOTS = 192
FLOOD = 20_000
"""Requests of the flood that shows full use."""


@dataclass(frozen=True)
class Fitted:
    """A fitted surface, the points it rests on, and the errors of points left out one at a time."""

    surface: Surface
    points: pd.DataFrame
    errors: dict[str, float]

    def surface_csv(self) -> str:
        """The file `surface.csv`."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["quantity", "term", "value"])
        for quantity in QUANTITIES:
            for term, value in zip(TERMS, self.surface.coefficients[quantity], strict=True):
                writer.writerow([quantity, term, f"{value:.10g}"])
            writer.writerow([quantity, "largest_error", f"{self.surface.errors[quantity]:.6g}"])
        for term, value in zip(("full", "per_small_share"), self.surface.full_cost, strict=True):
            writer.writerow(["cost_usd_per_mtok", term, f"{value:.10g}"])
        return out.getvalue()

    def coefficients(self) -> pd.DataFrame:
        """One row per term."""
        import pandas as pd

        return pd.DataFrame({"term": TERMS, **{q: self.surface.coefficients[q] for q in QUANTITIES}})

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "errors": self.errors,
            "coefficients": self.coefficients().to_dict(orient="records"),
            "points": self.points.to_dict(orient="records"),
        }


def fit_surface(points: int, seed: int, *, on_progress: OnProgress | None = None) -> Fitted:
    """Simulate `points` fleets and fit the surface to them."""
    import pandas as pd

    rows = []
    for k, point in enumerate(design(points, seed)):
        if on_progress is not None:
            on_progress(k, points, "fleets simulated")
        rows.append(measured(*point, seed=seed + k))
    return fit_rows(pd.DataFrame(rows))


def design(points: int, seed: int) -> Floats:
    """(points, 4): a Latin hypercube over the ranges, in logs but for the share."""
    from scipy.stats import qmc

    unit = qmc.LatinHypercube(d=len(RANGES), rng=np.random.default_rng([seed, 41])).random(points)
    columns = []
    for column, (name, (low, high)) in enumerate(RANGES.items()):
        u = unit[:, column]
        columns.append(low + (high - low) * u if name == "small_share" else low * (high / low) ** u)
    made = np.column_stack(columns)
    made[:, 0] = np.rint(made[:, 0])
    return np.asarray(made, dtype=np.float64)


def minutes_at(full: float) -> float:
    """Simulated minutes at each rate of a platform with so many requests per second at full use."""
    return float(np.clip(REQUESTS / (60.0 * full), *MINUTES))


def fleet_at(
    replicas: int, dispersion: float, token_s: float, small_share: float, rate: float, minutes: float = MINUTES[0]
) -> FleetConfig:
    """A platform of a large model and, where it has a share of the chips, a small one beside it.

    A replica is two chips: one copy of a 70B model, or two of an 8B model.
    """
    small = small_replicas(replicas, small_share)
    shared: dict[str, Any] = {
        "chip": "h200",
        "slots": SLOTS,
        "chunk_tokens": 1024,
        "queue": "central",
        "router": "least_load",
        "max_wait_s": FIRST_TOKEN_S,
        "cold_start_s": 0.0,
    }
    pools = [{"name": "large", "model": "large", "chips": 2, "replicas": replicas - small, **shared}]
    if small:
        pools.append({"name": "small", "model": "small", "chips": 1, "replicas": 2 * small, **shared})
    return load_config(
        {
            "name": "fit",
            "drain_s": 120.0,
            "model": [{"name": "large", "shape": "dense_70b"}, {"name": "small", "shape": "dense_8b"}],
            "pool": pools,
            "objectives": {"first_token_s": FIRST_TOKEN_S, "token_s": token_s},
            "trace": {
                "kind": "generated",
                "requests": max(int(rate * 60 * minutes), 500),
                "requests_per_s": rate,
                "dispersion_60s": dispersion,
            },
            "tenant": [{"name": "all", "retries": 0}],
        }
    )


def small_replicas(replicas: int, small_share: float) -> int:
    """Replicas' worth of chips that the small model has: its share, rounded; at least one stays with the large."""
    return min(round(replicas * small_share), replicas - 1)


def routed(config: FleetConfig, seed: int) -> Any:
    """A trace of a fit's fleet whose requests ask for the models in proportion to what their replicas can carry."""
    from dataclasses import replace

    from penstock.fleet.generators import draw

    trace = draw(config.trace, seed)
    if len(config.pool) < 2:
        return trace
    large, small = config.pool[0].replicas * full_rate("large"), config.pool[1].replicas * full_rate("small")
    draws = np.random.default_rng([seed, 43]).random(len(trace)) < small / (small + large)
    return replace(trace, models=("large", "small"), model=draws.astype(np.int64))


@cache
def full_rate(model: str) -> float:
    """Requests per second of one copy of a model that is never idle: a flood, from first to last answer."""
    both = fleet_at(2, 1.0, 0.1, 0.5, rate=1000.0)
    pool = both.pool[0 if model == "large" else 1].model_copy(update={"max_wait_s": None, "replicas": 2})
    source = both.trace.model_copy(update={"requests": FLOOD})
    config = both.model_copy(update={"pool": (pool,), "trace": source, "drain_s": 36_000.0})
    finish = np.sort(simulate(config, seed=1).requests.finish_s)
    low, high = len(finish) // 5, 3 * len(finish) // 5
    return float((high - low) / (finish[high] - finish[low])) / pool.replicas


def full_rates(replicas: int, small_share: float) -> float:
    """Requests per second of a whole platform that is never idle."""
    small = small_replicas(replicas, small_share)
    return (replicas - small) * full_rate("large") + (2 * small * full_rate("small") if small else 0.0)


@dataclass(frozen=True)
class Place:
    """A platform at a point of the design, and how long it is simulated at each rate."""

    replicas: int
    dispersion: float
    token_s: float
    small_share: float
    seed: int

    @property
    def full(self) -> float:
        """Requests per second at full use."""
        return full_rates(self.replicas, self.small_share)

    def at(self, rate: float) -> FleetConfig:
        """The fleet at a rate."""
        minutes = minutes_at(self.full)
        return fleet_at(self.replicas, self.dispersion, self.token_s, self.small_share, rate, minutes)


def good_at(place: Place, rate: float) -> float:
    """Share of good requests at a rate."""
    config = place.at(rate)
    return float(simulate(config, routed(config, place.seed), place.seed).summary["good_share"])


def carried(place: Place) -> float:
    """The largest share of full use at which the promise is kept."""
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if good_at(place, middle * place.full) >= GOOD else (low, middle)
    return max(low, 0.5 * high)


def failure_runs(place: Place) -> int:
    """Runs with failures that hold so many outages together, or so many requests."""
    minutes = minutes_at(place.full)
    for_outages = OUTAGES / (place.replicas * minutes * 60.0 * DOWN_SHARE / DOWN_S)
    return int(np.ceil(min(for_outages, max(REQUESTS_WITH_FAILURES / (place.full * 60.0 * minutes), 3.0))))


def missing_at(place: Place, rate: float, run: int) -> float:
    """Share of requests that are not good in one of the runs with failures."""
    config = place.at(rate)
    failures = config.failures.model_copy(
        update={"replica_mtbf_h": DOWN_S * (1 - DOWN_SHARE) / DOWN_SHARE / 3600.0, "replica_repair_s": DOWN_S}
    )
    failing = config.model_copy(update={"failures": failures})
    seed = 1000 * place.seed + run
    return 1.0 - float(simulate(failing, routed(failing, seed), seed).summary["good_share"])


def full_cost_usd_per_mtok(place: Place) -> float:
    """Rent of a million tokens at full use."""
    config = place.at(place.full).model_copy(
        update={"trace": place.at(1.0).trace.model_copy(update={"requests": 20_000})}
    )
    built = build(config, routed(config, 1), 1)
    tokens = built.trace.tokens / len(built.trace)
    usd_per_s = sum(
        p.replicas * p.chips * s.chip_usd_per_h / 3600.0 for p, s in zip(config.pool, built.speeds, strict=True)
    )
    return usd_per_s / (place.full * tokens) * 1e6


def measured(replicas: float, dispersion: float, token_s: float, small_share: float, *, seed: int) -> dict[str, float]:
    """One point: full rate, the largest share of it at which the promise is kept, cost, and losses with failures."""
    n = int(replicas)
    place = Place(n, dispersion, token_s, small_replicas(n, small_share) / n, seed)
    utilisation = carried(place)
    rate = LOAD_WITH_FAILURES * utilisation * place.full
    missing = float(np.mean([missing_at(place, rate, run) for run in range(failure_runs(place))]))
    return {
        "replicas": n,
        "dispersion": dispersion,
        "token_s": token_s,
        "small_share": place.small_share,
        "full_requests_per_s": place.full,
        "utilisation": utilisation,
        "unavailability": max(missing, LEAST_UNAVAILABILITY),
        "full_cost_usd_per_mtok": full_cost_usd_per_mtok(place),
    }


def fit_rows(points: pd.DataFrame) -> Fitted:
    """Least squares on log odds; errors of each point by the fit without it."""
    terms = features(*(points[name].to_numpy() for name in RANGES))
    coefficients, errors, told = {}, {}, {}
    for quantity in QUANTITIES:
        y = points[quantity].to_numpy()
        odds = np.log(y / (1.0 - y))
        # ridge on all but the constant keeps points at the edge from swinging the corners
        penalty = RIDGE[quantity] * np.eye(terms.shape[1])
        penalty[0, 0] = 0.0
        gram = terms.T @ terms + penalty
        hat = terms @ np.linalg.solve(gram, terms.T)
        fitted = hat @ odds
        left_out = (fitted - np.diag(hat) * odds) / (1.0 - np.diag(hat))
        gaps = np.abs(1.0 / (1.0 + np.exp(-left_out)) - y)
        coefficients[quantity] = np.linalg.solve(gram, terms.T @ odds)
        errors[quantity] = float(gaps.max())
        told[f"{quantity}, largest"] = float(gaps.max())
        told[f"{quantity}, mean"] = float(gaps.mean())
    share = points["small_share"].to_numpy()
    lines = np.column_stack([np.ones_like(share), share])
    cost = points["full_cost_usd_per_mtok"].to_numpy()
    full_cost, *_ = np.linalg.lstsq(lines, cost, rcond=None)
    told["full cost, largest, USD per million tokens"] = float(np.abs(lines @ full_cost - cost).max())
    rows = [
        {"quantity": q, "term": t, "value": str(v)}
        for q in QUANTITIES
        for t, v in zip(TERMS, coefficients[q], strict=True)
    ]
    rows += [{"quantity": q, "term": "largest_error", "value": str(errors[q])} for q in QUANTITIES]
    names = ("full", "per_small_share")
    rows += [
        {"quantity": "cost_usd_per_mtok", "term": t, "value": str(v)} for t, v in zip(names, full_cost, strict=True)
    ]
    return Fitted(read_surface(rows), points, told)


RIDGE = {"utilisation": 1e-3, "unavailability": 3.0}
"""Failures are few in a run, so that the share they cost is noisy and is held flat."""
