"""When a campus gets power: draws of its blocks, and their tables."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from penstock.analysis.site_inputs import MONTH_DAYS, SiteInputs
from penstock.layers.facilities import (
    Stage,
    block_months,
    first_power,
)
from penstock.layers.facilities.stages import PERMIT_FAILURE, FirstPower, draw_lengths

if TYPE_CHECKING:
    pass


Array = np.ndarray[Any, np.dtype[Any]]
SEED = 7
QUANTILES = (0.1, 0.5, 0.9)
NAMES = ("p10", "p50", "p90")
LAST_BLOCKS = 60
"""Most blocks of a campus: a larger one is built in larger blocks."""
OVERDUE_SHARE = 0.02
"""Where fewer draws than this fit with what has (not) happened by the as-of date, what is left is drawn anew."""


def draw_dates(inputs: SiteInputs, seed: int, draws: int) -> tuple[FirstPower | None, Array, Array]:
    """Days from the as-of date to power of each block still to come, (blocks, draws), and its MW, (blocks,)."""
    left = max(inputs.it_mw - inputs.it_mw_now, 0.0)
    if left <= 1e-9:
        return None, np.zeros((0, draws)), np.zeros(0)
    blocks = min(int(np.ceil(left / inputs.block_mw - 1e-9)), LAST_BLOCKS)
    sizes = np.full(blocks, left / blocks)
    elapsed = (inputs.as_of - inputs.start).days / MONTH_DAYS
    if inputs.it_mw_now > 0:
        # power is on: the next block comes one interval from now
        on = FirstPower(np.zeros(draws), np.zeros(draws, bool), np.zeros(draws), {}, {})
        return None, block_months(on, blocks + 1, seed)[1:] * MONTH_DAYS, sizes
    failure = PERMIT_FAILURE[1] if inputs.status == "announced" else 0.0
    stages = {name: stage for name, stage in inputs.stages.items() if name != "next_block"}
    first = first_power(stages, seed, 4 * draws, routes=inputs.routes, permit_failure=failure)
    months = block_months(first, blocks, seed, inputs.stages.get("next_block"))
    later = np.flatnonzero(first.months > elapsed)
    if len(later) >= max(OVERDUE_SHARE * first.months.size, 50):
        # no power yet: draws in which it had come are not this site
        kept = later[:draws]
        return _part(first, kept), (months[:, kept] - elapsed) * MONTH_DAYS, sizes
    lengths = draw_lengths({k: v for k, v in stages.items() if k in ("fit_out", "racks", "commissioning")}, seed, draws)
    rest = sum(lengths.values(), start=np.zeros(draws))
    gaps = months[:, :draws] - months[0, :draws]
    return _part(first, np.arange(draws)), (rest + gaps) * MONTH_DAYS, sizes


def _part(first: FirstPower, kept: Array) -> FirstPower:
    return FirstPower(
        first.months[kept],
        first.failed[kept],
        first.binding[kept],
        {k: v[kept] for k, v in first.lengths.items()},
        {k: v[kept] for k, v in first.milestones.items()},
    )


def day(inputs: SiteInputs, days: float) -> dt.date:
    return inputs.as_of + dt.timedelta(days=round(float(days)))


def block_table(inputs: SiteInputs, dates: Array, sizes: Array) -> pd.DataFrame:
    """A row for each block: MW, and the date of its power in quantiles; what is on stands first."""
    rows: list[dict[str, Any]] = []
    total = inputs.it_mw_now
    if total > 0:
        rows.append({"block": 0, "it_mw": total, "it_mw_total": total, **dict.fromkeys(NAMES, inputs.as_of)})
    for number, (days, size) in enumerate(zip(dates, sizes, strict=True), start=1):
        total += size
        when = {name: day(inputs, value) for name, value in zip(NAMES, np.quantile(days, QUANTILES), strict=True)}
        rows.append({"block": number, "it_mw": float(size), "it_mw_total": float(total), **when})
    return pd.DataFrame(rows, columns=["block", "it_mw", "it_mw_total", *NAMES])


def first_summary(inputs: SiteInputs, first: FirstPower | None, dates: Array) -> dict[str, Any]:
    """First and last block in quantiles, the announced dates, how often they are met, and what is waited for."""
    out: dict[str, Any] = {
        "first_power_announced": inputs.announced_first,
        "full_power_announced": inputs.announced_full,
    }
    if not len(dates):
        return out | {"waiting_for": {}}
    for label, days, told in (("first", dates[0], inputs.announced_first), ("full", dates[-1], inputs.announced_full)):
        if label == "first" and inputs.it_mw_now > 0:
            continue
        for name, value in zip(NAMES, np.quantile(days, QUANTILES), strict=True):
            out[f"{label}_power_{name}"] = day(inputs, value)
        if told is not None:
            out[f"{label}_power_by_announced"] = float(np.mean(days <= (told - inputs.as_of).days))
    waited: dict[str, float] = {}
    if first is not None:
        names, counts = np.unique(first.binding.astype(str), return_counts=True)
        order = np.argsort(-counts, kind="stable")
        waited = {str(names[n]): float(counts[n] / len(first.binding)) for n in order}
    return out | {"waiting_for": waited}


def stage_table(inputs: SiteInputs, seed: int, draws: int) -> pd.DataFrame:
    """Stages of the open routes: months low, central, high as given, and as drawn."""
    from penstock.layers.facilities.stages import HALL, ROUTES

    used = {"site_control", "permits", "racks", "commissioning", "next_block", *sum(HALL.values(), ())}
    for route in inputs.routes:
        used |= set(ROUTES[route])
    stages: dict[str, Stage] = {name: one for name, one in inputs.stages.items() if name in used}
    lengths = draw_lengths(stages, seed, draws)
    rows = []
    for name, stage in stages.items():
        drawn = dict(zip(NAMES, (float(v) for v in np.quantile(lengths[name], QUANTILES)), strict=True))
        given = {"low": stage.low_months, "central": stage.central_months, "high": stage.high_months}
        rows.append(
            {"stage": name, "what": stage.label, **given, **drawn, "grade": stage.grade, "source": stage.source}
        )
    return pd.DataFrame(rows)
