"""The surface that the economy uses: how well a serving platform can be used, by size, bursts, promise and mix.

`surface.csv` is written by `penstock fleet fit` from simulated fleets: polynomials of second degree in

    x1 = ln replicas, x2 = ln dispersion, x3 = ln seconds per token promised, x4 = share of chips with the small model

for the log odds of utilisation and of unavailability. Utilisation is the largest rate at which the promise is kept over
the rate at which the replicas are never idle. Each quantity has the largest error of points left out one at a time; no
error is known beyond the ranges, so arguments outside them are cut to them.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from penstock.fleet.trace import Floats

FILE = Path(__file__).with_name("surface.csv")
POINTS = Path(__file__).with_name("surface_points.csv")
"""The simulated fleets that the surface rests on, as `penstock fleet fit` writes them."""
TERMS = (
    "1",
    "x1",
    "x2",
    "x3",
    "x4",
    "x1*x1",
    "x1*x2",
    "x1*x3",
    "x1*x4",
    "x2*x2",
    "x2*x3",
    "x2*x4",
    "x3*x3",
    "x3*x4",
    "x4*x4",
)
RANGES = {
    "replicas": (4.0, 64.0),
    "dispersion": (1.0, 20.0),
    "token_s": (0.06, 0.2),
    "small_share": (0.0, 0.5),
}
"""What was simulated. Dispersion: variance over mean of the counts of minutes, of the traffic of the whole pool."""
QUANTITIES = ("utilisation", "unavailability")


@dataclass(frozen=True)
class Surface:
    """Coefficients by quantity, their errors, and the cost of a million tokens at full use.

    Attributes:
        coefficients: (terms,) by quantity. errors: largest error of points left out, by quantity.
        full_cost: (2,) USD per million tokens at utilisation 1 without and per unit of small share.
    """

    coefficients: dict[str, Floats]
    errors: dict[str, float]
    full_cost: Floats


@dataclass(frozen=True)
class Point:
    """What the surface says of a fleet, with the largest error of the fit."""

    utilisation: Any
    utilisation_error: float
    availability: Any
    availability_error: float
    cost_usd_per_mtok: Any


def features(replicas: Any, dispersion: Any, token_s: Any, small_share: Any) -> Floats:
    """(..., terms) of the polynomials, arguments cut to what was simulated."""
    cut = [np.clip(v, *RANGES[k]) for k, v in zip(RANGES, (replicas, dispersion, token_s, small_share), strict=True)]
    x = [np.log(cut[0]), np.log(cut[1]), np.log(cut[2] / 0.1), np.asarray(cut[3], dtype=float)]
    x = list(np.broadcast_arrays(*x))
    products = [x[i] * x[j] for i in range(4) for j in range(i, 4)]
    return np.stack([np.ones_like(x[0]), *x, *products], axis=-1)


def evaluate(
    replicas: Any,
    dispersion: Any = 5.0,
    token_s: Any = 0.1,
    small_share: Any = 0.0,
    *,
    surface: Surface | None = None,
) -> Point:
    """Utilisation, availability and cost of a pooled platform.

    Args:
        replicas: that the pool has. dispersion: of the counts of minutes of its whole traffic.
        token_s: seconds per token promised.
        small_share: of chips that serve a small model (8B) instead of a large one (70B).
    """
    s = surface or bundled()
    terms = features(replicas, dispersion, token_s, small_share)
    utilisation = _from_odds(terms @ s.coefficients["utilisation"])
    missing = _from_odds(terms @ s.coefficients["unavailability"])
    share = np.clip(small_share, *RANGES["small_share"])
    return Point(
        utilisation=utilisation[()],
        utilisation_error=s.errors["utilisation"],
        availability=(1.0 - missing)[()],
        availability_error=s.errors["unavailability"],
        cost_usd_per_mtok=((s.full_cost[0] + s.full_cost[1] * share) / utilisation)[()],
    )


def _from_odds(value: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-np.asarray(value, dtype=float)))


@cache
def bundled() -> Surface:
    """The surface that comes with the package."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return read_surface(list(csv.DictReader(file)))


def read_surface(rows: list[dict[str, str]]) -> Surface:
    """A surface from the rows of its file."""
    value = {(r["quantity"], r["term"]): float(r["value"]) for r in rows}
    return Surface(
        coefficients={q: np.array([value[q, t] for t in TERMS]) for q in QUANTITIES},
        errors={q: value[q, "largest_error"] for q in QUANTITIES},
        full_cost=np.array([value["cost_usd_per_mtok", "full"], value["cost_usd_per_mtok", "per_small_share"]]),
    )
