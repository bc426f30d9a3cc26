"""Shadow prices: what one unit more of a limiting thing is worth, in usd a unit with its interval.

A relief moves a knob; what it is worth is measured on common random numbers (`bottlenecks`). What it offers more of the
limiting thing is read from the base, path by path, to first order: ten percent more reach of chip supply is a tenth of
what supply could deliver, power a quarter sooner is each megawatt that comes on, had for a quarter longer. The price is
the ratio of the two means over paths, with the error of a ratio (Cochran 1977, *Sampling Techniques*, chapter 6). What
is offered need not be used: where a limit does not bind, its price is near zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.paired import NORMAL_95, Array

if TYPE_CHECKING:
    from penstock.engine.model import Model
    from penstock.engine.moment import Moment
    from penstock.scenarios.apply import Apply

QUARTERS_A_YEAR = 4.0
THOUSAND_PER_MILLION = 1e3
MW_PER_GW = 1e3
USD_PER_USD_BN = 1e9


@dataclass(frozen=True)
class Thing:
    """A limiting thing and how a knob offers more of it."""

    per: str
    """its unit, in which the price is told"""
    words: str
    offered: Callable[[Moment, Apply], Array]
    """what a loosening of the knob offers more in a quarter, (paths,), in the unit"""


def _more(apply: Apply) -> float:
    """Share that a factor adds; what is set or drawn has none."""
    return apply.low - 1.0 if apply.kind == "factor" else float("nan")


def _sooner(apply: Apply, lead: Array) -> Array:
    """Quarters by which a lead time is shorter."""
    if apply.kind == "offset":
        return np.full_like(lead, -apply.low)
    return lead * -_more(apply)


def _chips(now: Moment, apply: Apply) -> Array:
    return np.asarray(now.results["chip_capacity"] * THOUSAND_PER_MILLION * _more(apply))


def _chips_sooner(now: Moment, apply: Apply) -> Array:
    lead = np.asarray(now.results["chip_lead"], dtype=np.float64)
    shipped = now.results["shipped"].sum(axis=0) * THOUSAND_PER_MILLION
    return np.asarray(shipped * _sooner(apply, lead) / QUARTERS_A_YEAR)


def _halls_sooner(now: Moment, apply: Apply) -> Array:
    lead = np.asarray(now.results["hall_lead"], dtype=np.float64)
    return np.asarray((now.results["hall_done"] * MW_PER_GW * _sooner(apply, lead)).sum(axis=0) / QUARTERS_A_YEAR)


def _power_sooner(now: Moment, apply: Apply) -> Array:
    lead = np.asarray(now.results["power_lead"], dtype=np.float64)
    return np.asarray((now.results["power_done"] * MW_PER_GW * _sooner(apply, lead)).sum(axis=0) / QUARTERS_A_YEAR)


def _debt(now: Moment, apply: Apply) -> Array:
    return np.asarray(now.results["new_debt"].sum(axis=0) * _more(apply))


def _equity(now: Moment, apply: Apply) -> Array:
    return np.asarray(now.results["equity_raised"].sum(axis=0) * _more(apply))


def _demand(now: Moment, apply: Apply) -> Array:
    return np.asarray(now.results["spending"].sum(axis=0) / QUARTERS_A_YEAR * _more(apply))


THINGS: dict[str, Thing] = {
    "silicon.capacity": Thing("thousand_h100e", "thousand H100e that supply could deliver", _chips),
    "silicon.lead_time_quarters": Thing("thousand_h100e_years", "thousand H100e had a year sooner", _chips_sooner),
    "facilities.build_time_quarters": Thing("mw_years", "MW of halls had a year sooner", _halls_sooner),
    "energy.power_delay_quarters": Thing("mw_years", "MW of firm power had a year sooner", _power_sooner),
    "finance.debt_access": Thing("usd_bn", "$bn that lenders extend", _debt),
    "finance.equity_access": Thing("usd_bn", "$bn that investors put in", _equity),
    "demand.ceiling": Thing("usd_bn", "$bn that users would spend", _demand),
}
"""Knobs that loosen a limit -> the thing that limits. Debt and equity: what firms drew, as its lenders would give more
of it; what nobody asks for limits nobody."""


@dataclass
class Offered:
    """What each relief offers more, filled quarter by quarter: relief -> (paths,) a quarter, in its thing's unit."""

    reliefs: Mapping[str, tuple[str, Apply]]
    """relief -> its knob and how it is moved"""
    seen: dict[str, list[Array]]

    def look(self, now: Moment, name: str) -> None:
        """Keep what a finished quarter shows."""
        for relief, (knob, apply) in self.reliefs.items():
            self.seen.setdefault(relief, []).append(np.array(THINGS[knob].offered(now, apply), dtype=np.float64))


def offered_by(model: Model, reliefs: Mapping[str, tuple[str, str]], paths: int) -> dict[str, Array]:
    """What each relief offers more than the base, relief -> (quarters, paths), in the unit of its thing.

    `reliefs`: name -> knob and apply text. Knobs without a thing in THINGS are left out. The base's paths are simulated
    once more.
    """
    from penstock.engine.model import WIDTH, simulate_paths
    from penstock.scenarios.apply import parse_apply

    known = {name: (knob, parse_apply(apply)) for name, (knob, apply) in reliefs.items() if knob in THINGS}
    if not known:
        return {}
    parts: list[dict[str, Array]] = []
    for first in range(0, paths, WIDTH):
        count = min(WIDTH, paths - first)
        block = Offered(known, {})
        simulate_paths(model, first, count, on_quarter=block.look)
        parts.append({name: np.stack(rows)[:, :count] for name, rows in block.seen.items()})
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in known}


def price_row(knob: str, worth_usd_bn: Array, offered: Array | None) -> dict[str, Any]:
    """per, offered (mean), price_usd a unit, with its standard error and 95 % interval; n/a where nothing is offered.

    worth_usd_bn: what the relief adds on each path, (paths,); offered: what it offers more on each, in the unit.
    """
    from penstock.analysis.bottlenecks import ratio

    nothing = {"price_usd": np.nan, "price_se": np.nan, "price_low95": np.nan, "price_high95": np.nan}
    if offered is None or not np.isfinite(offered).all():
        return {"per": "", "offered": np.nan, **nothing}
    told = {"per": THINGS[knob].per, "offered": float(offered.mean())}
    if not offered.sum() > 0.0:
        return {**told, **nothing}
    price, error = (USD_PER_USD_BN * value for value in ratio(worth_usd_bn, offered))
    low, high = price - NORMAL_95 * error, price + NORMAL_95 * error
    return {**told, "price_usd": price, "price_se": error, "price_low95": low, "price_high95": high}
