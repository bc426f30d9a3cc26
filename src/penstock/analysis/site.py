"""`site`: a campus from land to first power: dates, cost, cooling, water, contracted power."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from penstock.analysis.site_file import read_site
from penstock.analysis.site_inputs import MONTH_DAYS, SiteInputs, assumption, world_site
from penstock.layers.facilities import (
    Stage,
    block_months,
    capex_usd_mn,
    contracted_power_mw,
    first_power,
    hot_hour_derate,
    pue,
    spend_curve,
    water,
)
from penstock.layers.facilities.stages import COMPLETION, PERMIT_FAILURE, FirstPower, draw_lengths
from penstock.layers.weather import MONTH_DAYS as DAYS_OF_MONTH

if TYPE_CHECKING:
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[Any]]

DRAWS = 4000
SEED = 7
QUANTILES = (0.1, 0.5, 0.9)
NAMES = ("p10", "p50", "p90")
LAST_BLOCKS = 60
OVERDUE_SHARE = 0.02
"""Where fewer draws than this fit with what has (not) happened by the as-of date, what is left is drawn anew."""


@dataclass(frozen=True)
class Site:
    """A campus drawn from its inputs: tables as data frames, hourly PUE and water.

    stages: months of each stage; blocks: dates of power; capex: cost beside what was announced; spending: share paid by
    quarter; year: PUE and water by month; summary: single figures; block_days: days from the as-of date to power of
    each block still to come, (blocks, draws).
    """

    inputs: SiteInputs
    summary: Mapping[str, Any]
    stages: pd.DataFrame
    blocks: pd.DataFrame
    capex: pd.DataFrame
    spending: pd.DataFrame
    year: pd.DataFrame
    hourly_pue: Array
    hourly_water: Array
    block_days: Array

    def to_pandas(self) -> pd.DataFrame:
        """The dates of the blocks."""
        return self.blocks.copy()

    def to_dict(self) -> dict[str, Any]:
        """All parts as plain values."""
        tables = {name: getattr(self, name) for name in ("stages", "blocks", "capex", "spending", "year")}
        assumed = [
            {"quantity": f.quantity, "value": f.value, "rule": f.rule, "grade": f.grade} for f in self.inputs.filled
        ]
        return {"summary": dict(self.summary), **tables, "assumed": assumed}

    def block_dates(self, quantiles: Sequence[float]) -> pd.DataFrame:
        """block, it_mw_total, and the day passed with each share of the draws, in columns of the shares."""
        coming = self.blocks[self.blocks["block"] > 0]
        days = np.quantile(self.block_days, quantiles, axis=1) if len(coming) else np.zeros((len(quantiles), 0))
        frame = coming[["block", "it_mw_total"]].reset_index(drop=True)
        for share, row in zip(quantiles, days, strict=True):
            frame[share] = [_day(self.inputs, value) for value in row]
        return frame


def site_inputs(world: World, target: str | Path) -> SiteInputs:
    """A site of the world by name, or of a TOML file. Raises UsageError or InputError."""
    text = str(target)
    if text.endswith(".toml") or Path(text).is_file():
        return read_site(text, world.as_of)
    return world_site(world, text)


def site(world: World, target: str | Path, *, seed: int = SEED, draws: int = DRAWS) -> Site:
    """The campus of this id, name or TOML file.

    Dates are conditional on what is known by the as-of date: no first power yet where none is on. Raises UsageError
    for an unknown site, InputError for a bad file.
    """
    inputs = site_inputs(world, target)
    weather = inputs.weather
    hourly = pue(inputs.cooling, weather.dry_bulb_c, weather.wet_bulb_c, inputs.load_share)
    litres = water(inputs.cooling, weather.dry_bulb_c, weather.wet_bulb_c, inputs.load_share)
    first, dates, sizes = draw_dates(inputs, seed, draws)
    blocks = _blocks(inputs, dates, sizes)
    milestones = _milestones(inputs, first, dates)
    capex = _capex(inputs, dates)
    contracted = float(contracted_power_mw(inputs.it_mw, hourly, assumption("oversubscription")[1]))
    derate = hot_hour_derate(
        inputs.cooling,
        weather.dry_bulb_c,
        weather.wet_bulb_c,
        inputs.load_share,
        max(float(np.quantile(hourly, 0.99)), 1.0),
    )
    it_energy = inputs.it_mw * inputs.load_share * 8760.0
    announced = inputs.facility_mw
    summary = {
        "id": inputs.id,
        "name": inputs.name,
        "status": inputs.status,
        "it_mw": inputs.it_mw,
        "it_mw_now": inputs.it_mw_now,
        "facility_mw_announced": announced,
        "contracted_mw": contracted,
        "pue_mean": float(hourly.mean()),
        "pue_hottest_hour": float(hourly.max()),
        "water_l_per_kwh": float(litres.mean()),
        "water_m3_per_year": float(litres.mean()) * it_energy,
        "facility_mwh_per_year": float(hourly.mean()) * it_energy,
        "least_share_in_hot_hours": float(derate.min()),
        "hours_curtailed": int(np.count_nonzero(derate < 1.0 - 1e-12)),
        "load_share": inputs.load_share,
        "cooling": inputs.cooling,
        "climate": weather.name,
        "climate_source": weather.source,
        "climate_km": inputs.weather_km,
        "area_km2": inputs.area_km2,
        "completion_probability": COMPLETION[inputs.status],
        "start": inputs.start,
        "routes": list(inputs.routes),
        "grade": inputs.grade,
    }
    summary |= _first_summary(inputs, first, dates)
    return Site(
        inputs=inputs,
        summary=summary,
        stages=_stage_table(inputs, seed, draws),
        blocks=blocks,
        capex=capex,
        spending=_spending(inputs, milestones),
        year=_months(inputs, hourly, litres),
        hourly_pue=hourly,
        hourly_water=litres,
        block_days=dates,
    )


# --- dates ----------------------------------------------------------------------------------------------


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


def _day(inputs: SiteInputs, days: float) -> dt.date:
    return inputs.as_of + dt.timedelta(days=round(float(days)))


def _blocks(inputs: SiteInputs, dates: Array, sizes: Array) -> pd.DataFrame:
    """A row for each block: MW, and the date of its power in quantiles; what is on stands first."""
    rows: list[dict[str, Any]] = []
    total = inputs.it_mw_now
    if total > 0:
        rows.append({"block": 0, "it_mw": total, "it_mw_total": total, **dict.fromkeys(NAMES, inputs.as_of)})
    for number, (days, size) in enumerate(zip(dates, sizes, strict=True), start=1):
        total += size
        when = {name: _day(inputs, value) for name, value in zip(NAMES, np.quantile(days, QUANTILES), strict=True)}
        rows.append({"block": number, "it_mw": float(size), "it_mw_total": float(total), **when})
    return pd.DataFrame(rows, columns=["block", "it_mw", "it_mw_total", *NAMES])


def _first_summary(inputs: SiteInputs, first: FirstPower | None, dates: Array) -> dict[str, Any]:
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
            out[f"{label}_power_{name}"] = _day(inputs, value)
        if told is not None:
            out[f"{label}_power_by_announced"] = float(np.mean(days <= (told - inputs.as_of).days))
    waited: dict[str, float] = {}
    if first is not None:
        names, counts = np.unique(first.binding.astype(str), return_counts=True)
        order = np.argsort(-counts, kind="stable")
        waited = {str(names[n]): float(counts[n] / len(first.binding)) for n in order}
    return out | {"waiting_for": waited}


def _stage_table(inputs: SiteInputs, seed: int, draws: int) -> pd.DataFrame:
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


# --- money ----------------------------------------------------------------------------------------------


def _capex(inputs: SiteInputs, dates: Array) -> pd.DataFrame:
    """Cost in USD bn of the middle year of building, beside what was announced."""
    middle = _day(inputs, float(np.median(dates[0])) / 2.0 if len(dates) else 0.0)
    year = middle.year + (middle.month - 1) / 12.0
    parts = capex_usd_mn(inputs.it_mw, year=max(year, 2025.0))
    rows = [
        {"part": name, **{k: v / 1000.0 for k, v in zip(("low", "central", "high"), values, strict=True)}}
        for name, values in parts.items()
    ]
    frame = pd.DataFrame(rows)
    frame["announced"] = [inputs.capex_usd_bn if row["part"] == "total" else None for row in rows]
    return frame


def _milestones(inputs: SiteInputs, first: FirstPower | None, dates: Array) -> dict[str, float]:
    """Median months from the start to each milestone of spending."""
    if first is None or not len(dates):
        elapsed = (inputs.as_of - inputs.start).days / MONTH_DAYS
        last = elapsed + (float(np.median(dates[-1])) / MONTH_DAYS if len(dates) else 0.0)
        return {"permits": 0.0, "equipment_deposits": 0.25 * last, "fit_out": 0.8 * last, "first_power": max(last, 1.0)}
    end = (inputs.as_of - inputs.start).days / MONTH_DAYS + float(np.median(dates[0])) / MONTH_DAYS
    permits = float(np.median(first.milestones["permits"]))
    hall = float(np.median(first.milestones["hall"]))
    fit_out = min(max(hall, permits), end)
    permits = min(permits, fit_out)
    # deposits for long equipment are due as soon as permits allow the order: a third of the way to the hall
    deposits = permits + (fit_out - permits) / 3.0
    return {"permits": permits, "equipment_deposits": deposits, "fit_out": fit_out, "first_power": end}


def _spending(inputs: SiteInputs, milestones: Mapping[str, float]) -> pd.DataFrame:
    """Share of the first block's cost paid by the end of each half year from the start."""
    last = milestones["first_power"]
    months = np.arange(0.0, 6.0 * np.ceil(last / 6.0) + 0.1, 6.0)
    paid = spend_curve(milestones, months)
    days = [inputs.start + dt.timedelta(days=round(float(m) * MONTH_DAYS)) for m in months]
    return pd.DataFrame({"date": days, "month": months, "paid": paid})


# --- cooling --------------------------------------------------------------------------------------------


def _months(inputs: SiteInputs, hourly: Array, litres: Array) -> pd.DataFrame:
    """PUE and water by month: mean and highest PUE, litres per kWh, thousand m3 at the load of the site."""
    rows = []
    begin = 0
    for month, days in enumerate(DAYS_OF_MONTH, start=1):
        hours = slice(begin, begin + 24 * days)
        begin += 24 * days
        energy = inputs.it_mw * inputs.load_share * 24 * days
        rows.append(
            {
                "month": month,
                "dry_bulb_c": float(inputs.weather.dry_bulb_c[hours].mean()),
                "pue": float(hourly[hours].mean()),
                "pue_highest": float(hourly[hours].max()),
                "facility_mw": float(hourly[hours].mean()) * inputs.it_mw * inputs.load_share,
                "water_l_per_kwh": float(litres[hours].mean()),
                "water_thousand_m3": float(litres[hours].mean()) * energy / 1000.0,
            }
        )
    return pd.DataFrame(rows)
