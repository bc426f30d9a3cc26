"""Who brings whose halls and power: how far a company's trouble reaches the fleets of owners.

Shares of the opening: rent along the leases, purchases along the ties. Half a hall late for one developer is late
for those who rent from it, by their rent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from penstock.engine.layout import SITE_CATEGORIES, Layout

if TYPE_CHECKING:
    from penstock.engine.facts import Facts

Array = np.ndarray
OTHERS = "other_ai_buyers"
DAYS_OF_QUARTER = 91.3125
PLAN_QUARTERS = 12.0
"""Quarters from first to full power where no page tells (assumption, 8 to 20)."""


@dataclass(frozen=True)
class Site:
    """A campus: the row of the owner that uses it, and its IT power over time (quarters after the as-of date)."""

    owner: int
    gw_opening: float
    gw_planned: float
    first: float
    full: float

    def gw(self, quarters: Array) -> Array:
        """IT power in GW at the end of each quarter (0 is the first): from the opening to the plan in a line."""
        begin = max(self.first, 0.0)
        grown = (quarters + 1.0 - begin) / max(self.full - begin, 1.0)
        return np.asarray(self.gw_opening + max(self.gw_planned - self.gw_opening, 0.0) * np.clip(grown, 0.0, 1.0))


def site_book(sites: pd.DataFrame, layout: Layout, as_of: pd.Timestamp) -> dict[str, Site]:
    """Sites by id. The user is the operator, else the tenant, else the owner, whichever owns a fleet in the model."""
    row_of = {layout.units[unit]: row for row, unit in enumerate(layout.owner_unit)}

    columns = {name: sites[name].tolist() for name in ("id", "operator_id", "tenant_id", "owner_id")}
    opening = sites["it_mw_2025"].fillna(0.0).astype(float).to_numpy() / 1e3
    planned = np.maximum(sites["it_mw_planned"].fillna(0.0).astype(float).to_numpy() / 1e3, opening)
    first, full = (
        ((pd.to_datetime(sites[name]) - as_of).dt.days / DAYS_OF_QUARTER).to_numpy(float)
        for name in ("first_power", "full_power")
    )
    first = np.nan_to_num(first, nan=0.0)
    full = np.where(np.isnan(full), first + PLAN_QUARTERS, full)
    book: dict[str, Site] = {}
    for number, (site, *users) in enumerate(zip(*columns.values(), strict=True)):
        owner = next((row_of[str(name)] for name in users if str(name) in row_of), row_of[OTHERS])
        book[str(site)] = Site(owner, *(float(values[number]) for values in (opening, planned, first, full)))
    return book


@dataclass(frozen=True)
class Reach:
    """Share of each owner's halls or power that hangs on a unit, (owners + 1, units); an owner hangs on itself."""

    built: Array
    """halls under construction: owner, developers by rent, constructors and their equipment by purchases"""
    rented: Array
    """halls in use: owner, developers by rent"""
    connected: Array
    """firm power to come: owner, utilities by energy bought, turbine makers by what these buy"""
    fed: Array
    """power in use: owner, utilities and generators by energy bought"""


LEASES_AHEAD = 12
"""Quarters ahead in which contracted rent tells who builds for whom (assumption, 8 to 16)."""


def reach_of(layout: Layout, facts: Facts) -> Reach:
    """Reach at the opening; who builds is told by contracted rent as well, who runs halls by rent paid."""
    units, owner = layout.unit_count, layout.owner_unit
    now = facts.tie_base[:, 0]
    ahead = now.copy()
    contracted = facts.contract_due[:, :LEASES_AHEAD].max(axis=1, initial=0.0)
    ahead[facts.contract_tie] = np.maximum(ahead[facts.contract_tie], contracted)

    def share(category: str, paid: Array = now) -> Array:
        """(payers, payees) share of what a payer buys in a category."""
        out = np.zeros((units, units))
        rows = layout.category[category].slice
        np.add.at(out, (layout.payer[rows], layout.payee[rows]), paid[rows])
        return np.asarray(out / np.maximum(out.sum(axis=1, keepdims=True), 1e-12))

    itself = np.zeros((len(owner), units))
    itself[np.arange(len(owner)), owner] = 1.0
    leased = facts.owned["leased_share"]
    rent = leased * share("lease")[owner]
    coming = leased * share("lease", ahead)[owner]
    # constructors and makers of equipment each hold up the whole of a hall
    works = [(1.0 - leased) * share(name)[owner] + coming @ share(name) for name in SITE_CATEGORIES]
    energy = share("energy")
    fed = (1.0 - leased) * energy[owner] + rent @ energy
    turbines = fed @ share("generation")
    return Reach(
        built=itself + coming + np.add.reduce(works),
        rented=itself + rent,
        connected=itself + fed + turbines,
        fed=itself + fed,
    )
