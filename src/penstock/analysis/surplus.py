"""Consumer surplus: what buyers gain on a demand curve, in closed form.

Quantities per period, prices in usd per unit; all arguments broadcast. A curve is fixed by one point on it, `price`
and `quantity`, and its elasticity there (positive: percent less bought per percent dearer).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

UNIT_ELASTIC = 1e-9
"""Closer to one than this the logarithm takes the place of the power, whose difference rounds away."""


def linear(price: npt.ArrayLike, quantity: npt.ArrayLike, elasticity: npt.ArrayLike) -> Floats:
    """Surplus at the point of a linear curve: the triangle up to the choke price, `p q / (2 e)`.

    The curve `q = a - b p` has slope `b = e q / p` and choke price `p (1 + 1 / e)`.
    """
    p, q, e = _floats(price, quantity, elasticity)
    return np.asarray(p * q / (2.0 * e))


def linear_gain(
    price: npt.ArrayLike, quantity: npt.ArrayLike, elasticity: npt.ArrayLike, dearer: npt.ArrayLike
) -> Floats:
    """Gain of buyers from paying `price` instead of `dearer` on the same linear curve; negative where it was cheaper.

    The trapezoid `(q + q') (p' - p) / 2`, cut at the choke price, above which nothing was bought.
    """
    p, q, e, was = _floats(price, quantity, elasticity, dearer)
    was = np.minimum(was, p * (1.0 + 1.0 / e))
    then = q * (1.0 - e * (was - p) / p)
    return np.asarray(0.5 * (q + then) * (was - p))


def constant_elasticity(price: npt.ArrayLike, quantity: npt.ArrayLike, elasticity: npt.ArrayLike) -> Floats:
    """Surplus at the point of `q = A p^-e`: `p q / (e - 1)`; infinite for an elasticity of one or less."""
    p, q, e = _floats(price, quantity, elasticity)
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(e > 1.0, p * q / np.maximum(e - 1.0, 0.0), np.inf))


def constant_elasticity_gain(
    price: npt.ArrayLike, quantity: npt.ArrayLike, elasticity: npt.ArrayLike, dearer: npt.ArrayLike
) -> Floats:
    """Gain of buyers from paying `price` instead of `dearer` on the same curve `q = A p^-e`.

    `p q ((p'/p)^(1-e) - 1) / (1 - e)`, and `p q ln(p'/p)` at an elasticity of one.
    """
    p, q, e, was = _floats(price, quantity, elasticity, dearer)
    log = np.log(was / p)
    gap = 1.0 - e
    unit = np.abs(gap) < UNIT_ELASTIC
    power = np.expm1(gap * log) / np.where(unit, 1.0, gap)
    return np.asarray(p * q * np.where(unit, log, power))


def _floats(*values: Any) -> list[Floats]:
    return [np.asarray(value, dtype=np.float64) for value in values]
