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
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.fleet.config import FleetConfig, load_config
from penstock.fleet.simulate import simulate
from penstock.fleet.surface import QUANTITIES, RANGES, TERMS, Surface, features, read_surface
from penstock.fleet.trace import Floats

if TYPE_CHECKING:
    import pandas as pd

OnProgress = Callable[[int, int, str], None]

GOOD = 0.99
FIRST_TOKEN_S = 2.0
MINUTES = 8
"""Simulated at each rate; the shortest in which bursts of minutes show."""
STEPS = 6
"""Halvings of the interval of the rate: to 1/64 of full use."""
DOWN_SHARE = 0.01
DOWN_S = 60.0
LOAD_WITH_FAILURES = 0.9
LEAST_UNAVAILABILITY = 1e-4
SLOTS = 192


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


def fleet_at(replicas: int, dispersion: float, token_s: float, small_share: float, rate: float) -> FleetConfig:
    """A platform of one large and, where its share asks for it, a small model on the same replicas' budget.

    The small model stands for cheaper work: a request that it answers costs an eighth of the large model's, so its
    traffic is served by replicas of an 8B model on one chip, of which a 70B replica's two chips make two.
    """
    pools = []
    small = small_replicas(replicas, small_share)
    shared = {
        "slots": SLOTS,
        "chunk_tokens": 1024,
        "queue": "central",
        "router": "least_load",
        "max_wait_s": FIRST_TOKEN_S,
        "cold_start_s": 0.0,
    }
    pools.append({"name": "large", "model": "large", "chip": "h200", "chips": 2, "replicas": replicas - small, **shared})
    if small:
        pools.append({"name": "small", "model": "small", "chip": "h200", "chips": 1, "replicas": 2 * small, **shared})
    return load_config(
        {
            "name": "fit",
            "drain_s": 120.0,
            "model": [{"name": "large", "shape": "dense_70b"}, {"name": "small", "shape": "dense_8b"}],
            "pool": pools,
            "objectives": {"first_token_s": FIRST_TOKEN_S, "token_s": token_s},
            "trace": {
                "kind": "generated",
                "requests": max(int(rate * 60 * MINUTES), 500),
                "requests_per_s": rate,
                "dispersion_60s": dispersion,
            },
            "tenant": [{"name": "all", "retries": 0}],
        }
    )
