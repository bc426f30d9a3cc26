"""Who waits for the grid: megawatts that named sites ask of it and do not have yet, by year."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.site_dates import SEED, draw_dates
from penstock.analysis.site_inputs import MONTH_DAYS, SiteInputs, world_site
from penstock.errors import UsageError
from penstock.layers.facilities.stages import ROUTES

if TYPE_CHECKING:
    import pandas as pd

    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

DRAWS = 1000
YEARS = 11
"""The year of the as-of date and the ten after it."""
QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
GRID = "grid"


@dataclass(frozen=True)
class GridQueue:
    """Sites without power whose plan asks for the grid.

    `sites`: id, name, region, grid_mw (asked of the grid, at the meter), p10, p50, p90 (date on which the connection is
    energised), last_share (of the draws in which the grid is what first power waits for last), waiting_mw (by year of
    `years`, at its end: grid_mw times the share of draws without a connection), grade, rule (how grid_mw was filled in,
    empty where it is known). `regions`: region, sites, waiting_mw; a region is the first part of a site's region.
    `connected`: names of sites that have power, which are taken as connected.
    """

    years: tuple[int, ...]
    sites: pd.DataFrame
    regions: pd.DataFrame
    connected: tuple[str, ...]

    def to_pandas(self) -> pd.DataFrame:
        """The sites."""
        return self.sites

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        tables = {name: getattr(self, name).to_dict(orient="records") for name in ("sites", "regions")}
        return {"years": list(self.years), **tables, "connected": list(self.connected)}


def grid_queue(world: World, *, draws: int = DRAWS, seed: int = SEED) -> GridQueue:
    """The queue at the grid, site by site.

    A site stands in it where no power is on and its plan asks for the grid (all that it needs where no plant of its own
    is named, else a part, as `penstock site` fills it in). Its connection takes the stages of the grid's route from the
    start of the site, drawn given that no power is on by the as-of date. Dates are conditional on completion.
    """
    import pandas as pd

    if draws < 1:
        raise UsageError(f"draws: found {draws}; expected 1 or more")
    years = tuple(range(world.as_of.year, world.as_of.year + YEARS))
    ends = np.array([(dt.date(year, 12, 31) - world.as_of).days for year in years], dtype=float)
    rows, connected = [], []
    table = world.table("sites")
    places = table.set_index("id")["region"].fillna("").astype(str).to_dict()
    for site_id in table["id"].astype(str):
        inputs = world_site(world, site_id)
        if inputs.it_mw_now > 0.0:
            connected.append(inputs.name)
            continue
        days, last_share = _connection(inputs, seed, draws)
        if days is None or inputs.grid_cap_mw <= 0.0:
            continue
        waiting = inputs.grid_cap_mw * (days[None, :] > ends[:, None]).mean(axis=1)
        when = {name: _day(world.as_of, np.quantile(days, share)) for name, share in QUANTILES.items()}
        rule = next((filled.rule for filled in inputs.filled if filled.quantity == GRID), "")
        rows.append(
            {
                "id": inputs.id,
                "name": inputs.name,
                "region": places[site_id].split(",", 1)[0],
                "grid_mw": inputs.grid_cap_mw,
                **when,
                "last_share": last_share,
                "waiting_mw": [float(mw) for mw in waiting],
                "grade": "F" if rule else inputs.grade,
                "rule": rule,
            }
        )
    columns = ["id", "name", "region", "grid_mw", *QUANTILES, "last_share", "waiting_mw", "grade", "rule"]
    sites = pd.DataFrame(rows, columns=columns)
    return GridQueue(years, sites, by_region(sites), tuple(connected))


def by_region(sites: pd.DataFrame) -> pd.DataFrame:
    """region, sites, waiting_mw by year; the largest at the first year's end first."""
    import pandas as pd

    rows: list[tuple[str, int, list[float]]] = []
    for region, mine in sites.groupby("region", sort=False):
        total = np.sum(mine["waiting_mw"].to_list(), axis=0)
        rows.append((str(region), len(mine), [float(mw) for mw in total]))
    rows.sort(key=lambda row: -row[2][0])
    return pd.DataFrame(rows, columns=["region", "sites", "waiting_mw"])


def _connection(inputs: SiteInputs, seed: int, draws: int) -> tuple[Array | None, float]:
    """Days from the as-of date until the grid connects, (draws,), below zero where it has; share of draws held by it.

    None where the grid is no route of the site, or where so little of what is left fits the site's age that `site`
    draws the last stages anew: the grid is then behind it.
    """
    first, _, _ = draw_dates(inputs, seed, draws)
    elapsed = (inputs.as_of - inputs.start).days / MONTH_DAYS
    if first is None or GRID not in inputs.routes or not (first.months > elapsed).all():
        return None, 0.0
    names = ("site_control", *ROUTES[GRID])
    months = sum((first.lengths[name] for name in names if name in first.lengths), start=np.zeros(len(first.months)))
    held = float(np.mean(first.binding.astype(str) == f"power: {GRID}"))
    return (months - elapsed) * MONTH_DAYS, held


def _day(as_of: dt.date, days: float) -> dt.date:
    """The day, not before the as-of date: who is connected by then waits no more."""
    return as_of + dt.timedelta(days=max(round(float(days)), 0))
