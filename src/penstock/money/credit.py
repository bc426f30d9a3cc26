"""Credit: asset value from equity prices, distance to default, default probability, spread.

Merton (1974): equity is a call on the firm's assets with the face value of its debt as strike. The
probabilities here are risk-neutral where the drift is the riskless rate. Time in years, rates and
volatilities per year with continuous compounding, money in any one unit. Everything is element-wise and
broadcasts.

`merton_calibrate` checks its input. The closed forms below it are for arrays inside a simulation: they check
nothing, warn of nothing and give the limit where an argument is at its limit (no debt, nothing left).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from penstock.errors import InputError, ModelError

Floats = npt.NDArray[np.float64]

STEPS = 200
"""Most steps of either safeguarded Newton search; bisection alone reaches rounding in about 60."""

PRECISION = 4e-15
"""A relative step below this ends a search."""


class Merton(NamedTuple):
    """What equity says about the firm: numbers for numbers, arrays for arrays."""

    asset_value: Any
    """Market value of the assets, in the unit of equity."""
    sigma_asset: Any
    """Volatility of the assets, per year."""
    default_probability: Any
    """Risk-neutral probability that assets are below debt at maturity."""
    expected_loss: Any
    """Expected loss on the debt as a part of its default-free value."""


def merton_calibrate(
    equity: npt.ArrayLike,
    sigma_equity: npt.ArrayLike,
    debt: npt.ArrayLike,
    rate: npt.ArrayLike,
    maturity: npt.ArrayLike,
) -> Merton:
    """Asset value and volatility that explain a firm's equity value and volatility (Merton, as in KMV).

    `equity` is market value, `sigma_equity` its volatility per year, `debt` the face value due after
    `maturity` years, `rate` the riskless rate. Solves `E = V N(d1) - D exp(-rT) N(d2)` and `sigma_E E =
    N(d1) sigma_V V`. A firm without debt is its equity. Raises InputError where equity, volatility or
    maturity are not positive, debt is negative, a number is not finite or shapes do not meet; ModelError
    where the search fails.
    """
    names = ("equity", "sigma_equity", "debt", "rate", "maturity")
    given = (equity, sigma_equity, debt, rate, maturity)
    columns = [_numbers(name, column) for name, column in zip(names, given, strict=True)]
    try:
        E, sigma, D, r, T = np.broadcast_arrays(*columns)
    except ValueError:
        shapes = ", ".join(f"{name} {column.shape}" for name, column in zip(names, columns, strict=True))
        raise InputError(f"merton_calibrate: found shapes {shapes}; expected shapes that broadcast") from None
    for name, column in (("equity", E), ("sigma_equity", sigma), ("maturity", T)):
        if np.any(column <= 0.0):
            raise InputError(f"{name}: found {column.min():g}; expected numbers above 0")
    if np.any(D < 0.0):
        raise InputError(f"debt: found {D.min():g}; expected numbers of at least 0")

    riskless = D * np.exp(-r * T)
    indebted = riskless > 0.0
    value, volatility = E.copy(), sigma.copy()
    probability, loss = np.zeros(E.shape), np.zeros(E.shape)
    if indebted.any():
        root = np.sqrt(T[indebted])
        # in units of the default-free value of the debt only two numbers are left
        equity_ratio = E[indebted] / riskless[indebted]
        width, ratio = _solve(equity_ratio, sigma[indebted] * root)
        d2 = np.log(ratio) / width - 0.5 * width
        value[indebted] = ratio * riskless[indebted]
        volatility[indebted] = width / root
        probability[indebted] = ndtr(-d2)
        loss[indebted] = np.maximum(ndtr(-d2) - ratio * ndtr(-d2 - width), 0.0)
    results = (value, volatility, probability, loss)
    return Merton(*(float(result) for result in results)) if E.ndim == 0 else Merton(*results)


def _numbers(name: str, given: npt.ArrayLike) -> Floats:
    try:
        column = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name}: found something that is not a number; expected numbers") from None
    if not np.isfinite(column).all():
        raise InputError(f"{name}: found a value that is not finite; expected numbers")
    return column


def _solve(equity: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Width `x = sigma_V sqrt(T)` and assets `v` over riskless debt for equity `e` and `s = sigma_E sqrt(T)`.

    The elasticity of equity to assets lies between 1 and 1 + 1/e, hence `s e / (1 + e) <= x <= s`: a
    bracket. Newton steps that leave it are replaced by bisection.
    """
    width = target.copy()
    low, high = target * (equity / (1.0 + equity)), target.copy()
    active = np.arange(target.size)
    for step in range(STEPS):
        e, x = equity[active], width[active]
        log_ratio = np.log(_assets(e, x))
        d2 = log_ratio / x - 0.5 * x
        exposure = e + ndtr(d2)  # v N(d1), by the definition of equity
        gap = x * exposure / e - target[active]
        low[active] = np.where(gap <= 0.0, x, low[active])
        high[active] = np.where(gap >= 0.0, x, high[active])
        # at fixed equity dv/dx = -v n(d1) / N(d1), and v n(d1) = n(d2)
        density = np.exp(-0.5 * d2 * d2) / np.sqrt(2.0 * np.pi)
        slope_d2 = -density / (exposure * x) - log_ratio / x**2 - 0.5
        slope = (exposure + x * density * slope_d2) / e
        newton = x - gap / np.where(slope > 0.0, slope, 1.0)
        # where rounding keeps Newton creeping, bisection ends it
        inside = (step < STEPS // 4) & (slope > 0.0) & (newton > low[active]) & (newton < high[active])
        following = np.where(inside, newton, 0.5 * (low[active] + high[active]))
        width[active] = np.where(gap == 0.0, x, following)
        settled = (np.abs(following - x) <= PRECISION * x) | (high[active] - low[active] <= PRECISION * x)
        active = active[~(settled | (gap == 0.0))]
        if active.size == 0:
            return width, _assets(equity, width)
    raise ModelError(f"merton_calibrate: found no asset volatility for {active.size} firms; expected one each")


def _assets(equity: Floats, width: Floats) -> Floats:
    """Assets over riskless debt at which equity is worth `equity`: Newton from above on a convex, rising
    function."""
    ratio = 1.0 + equity
    active = np.arange(equity.size)
    for _ in range(STEPS):
        e, v, x = equity[active], ratio[active], width[active]
        d2 = np.log(v) / x - 0.5 * x
        delta = ndtr(d2 + x)
        # in the money the put keeps more digits than the call, out of the money the call does
        put = ndtr(-d2) - v * ndtr(-d2 - x)
        call = v * delta - ndtr(d2)
        gap = np.where(v > 1.0, (v - 1.0 - e) + put, call - e)
        following = np.maximum(v - gap / np.maximum(delta, 1e-300), e)
        # from above each step falls; one that does not is rounding
        falls = following < v * (1.0 - PRECISION)
        ratio[active] = np.minimum(following, v)
        active = active[falls]
        if active.size == 0:
            break
    return ratio


def distance_to_default(
    asset_value: Floats, debt: Floats, drift: Floats | float, sigma_asset: Floats | float, maturity: float
) -> Floats:
    """How many standard deviations the log of assets is expected to end above debt (Merton's d2).

    `(ln(V / D) + (drift - sigma^2 / 2) T) / (sigma sqrt(T))`; plus infinity without debt, minus infinity
    where assets are gone.
    """
    owing = debt > 0.0
    standing = asset_value > 0.0
    ratio = np.where(owing & standing, asset_value, 1.0) / np.where(owing & standing, debt, 1.0)
    spread_out = np.multiply(sigma_asset, np.sqrt(maturity))
    distance = np.log(ratio) + (drift - 0.5 * np.square(sigma_asset)) * maturity
    return np.where(owing, np.where(standing, distance / spread_out, -np.inf), np.inf)


def default_probability(distance: Floats) -> Floats:
    """Probability of default over the horizon of a distance to default: the normal tail beyond it."""
    probability: Floats = ndtr(np.negative(distance))
    return probability


def spread(default_probability: Floats, loss_given_default: Floats | float, maturity: float) -> Floats:
    """Spread per year, continuously compounded, that pays for the expected loss: `-ln(1 - PD LGD) / T`.

    Infinite where everything is expected to be lost. A part of 1, not percent or basis points.
    """
    kept = np.maximum(1.0 - default_probability * np.asarray(loss_given_default), 0.0)
    lost = kept == 0.0
    return np.where(lost, np.inf, -np.log(np.where(lost, 1.0, kept)) / maturity)
