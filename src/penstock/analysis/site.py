"""`site`: a campus from land to first power: dates, cost, cooling, water, contracted power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from penstock.analysis.site_file import read_site
from penstock.analysis.site_inputs import SiteInputs, assumption, world_site
from penstock.layers.facilities import (
    contracted_power_mw,
    hot_hour_derate,
    pue,
    water,
)
from penstock.layers.facilities.stages import COMPLETION
from penstock.layers.weather import MONTH_DAYS as DAYS_OF_MONTH

if TYPE_CHECKING:
    from penstock.world import World
from penstock.analysis.site_costs import capex_table, milestones_of, spending_table
from penstock.analysis.site_dates import SEED, block_table, day, draw_dates, first_summary, stage_table

Array = np.ndarray[Any, np.dtype[Any]]
DRAWS = 4000


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
            frame[share] = [day(self.inputs, value) for value in row]
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
    blocks = block_table(inputs, dates, sizes)
    milestones = milestones_of(inputs, first, dates)
    capex = capex_table(inputs, dates)
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
    summary |= first_summary(inputs, first, dates)
    return Site(
        inputs=inputs,
        summary=summary,
        stages=stage_table(inputs, seed, draws),
        blocks=blocks,
        capex=capex,
        spending=spending_table(inputs, milestones),
        year=_months(inputs, hourly, litres),
        hourly_pue=hourly,
        hourly_water=litres,
        block_days=dates,
    )


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
