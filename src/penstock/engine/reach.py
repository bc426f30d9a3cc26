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
        return self.gw_opening + max(self.gw_planned - self.gw_opening, 0.0) * np.clip(grown, 0.0, 1.0)


def site_book(sites: pd.DataFrame, layout: Layout, as_of: pd.Timestamp) -> dict[str, Site]:
    """Sites by id. The user is the operator, else the tenant, else the owner, whichever owns a fleet in the model."""
    row_of = {layout.units[unit]: row for row, unit in enumerate(layout.owner_unit)}

    def quarters(text: object) -> float:
        date = pd.to_datetime(text if isinstance(text, str) and text else None)
        return float((date - as_of).days / 91.3125) if date is not None and pd.notna(date) else np.nan

    book: dict[str, Site] = {}
    for site in sites.itertuples(index=False):
        users = [str(name) for name in (site.operator_id, site.tenant_id, site.owner_id)]
        owner = next((row_of[name] for name in users if name in row_of), row_of[OTHERS])
        opening = float(np.nan_to_num(site.it_mw_2025)) / 1e3
        planned = float(site.it_mw_planned) / 1e3 if pd.notna(site.it_mw_planned) else opening
        first, full = quarters(site.first_power), quarters(site.full_power)
        first = 0.0 if np.isnan(first) else first
        # without a date a plan takes three years (assumption, 2 to 5)
        full = first + 12.0 if np.isnan(full) else full
        book[str(site.id)] = Site(owner, opening, planned, first, full)
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
    if len(facts.schedule_tie):
        np.maximum.at(ahead, facts.schedule_tie, facts.schedule_due[:, :LEASES_AHEAD].max(axis=1))

    def share(category: str, paid: Array = now) -> Array:
        """(payers, payees) share of what a payer buys in a category."""
        out = np.zeros((units, units))
        rows = layout.category[category].slice
        np.add.at(out, (layout.payer[rows], layout.payee[rows]), paid[rows])
        return out / np.maximum(out.sum(axis=1, keepdims=True), 1e-12)

    itself = np.zeros((len(owner), units))
    itself[np.arange(len(owner)), owner] = 1.0
    leased = facts.physical["leased_share"].to_numpy(float)[:, None]
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
