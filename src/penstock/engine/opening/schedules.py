"""Contracted dues per quarter: take-or-pay minima of compute and lease contracts.

A total amount is spread over the term with a linear ramp over its first 40 %; a yearly
figure of a running contract or a lease is reached over four quarters. Without a start a
contract begins two quarters after its announcement, without an end it runs five years. The
haircut of the binding is left to the engine. Method: the firm prototype (docs/decisions/0003).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from penstock.engine.opening.contracts import (
    start_of,
    term_years,
    weakest,
)
from penstock.engine.rules import rules_of

if TYPE_CHECKING:
    from penstock.world import World

QUARTERS = 60
RAMP_SHARE = 0.4
"""Part of the term over which the dues of a total amount rise linearly (assumption, range 0.25 to 0.5)."""

RAMP_QUARTERS = 4
"""Quarters until a yearly figure is reached (assumption, range 2 to 8)."""

HAIRCUT = {"firm": 1.0, "conditional": 0.6, "reported": 0.5, "intent": 0.15}
"""Expected part of a due by binding (assumption, docs/decisions/0003); the engine applies it."""

REVENUE_PER_GW_YEAR = 11.6
"""usd_bn per GW-year of rented compute (assumption where the world has no `revenue_per_gw_cloud_rental`)."""

CHIP_KW = {"TPU": 1.2, "": 1.83}
"""kW of server per accelerator in a quantity of chips: TPU ("well over 1 GW" for a million; assumption, range
1.0 to 1.5), else a GB200 in its rack (assumption, range 1.0 to 2.0)."""

QUARTER_COLUMNS = tuple(f"q{i}" for i in range(QUARTERS))

Floats = NDArray[np.float64]


def first_quarter(world: World) -> pd.Period:
    """The quarter that begins after the as-of date."""
    return pd.Period(pd.Timestamp(world.as_of) + pd.Timedelta(days=1), freq="Q")


def parameter_or(world: World, name: str, default: float) -> float:
    """Central value of a parameter of the world, else the default."""
    frame = world.table("parameters")
    if "known_from" in frame:
        known = pd.to_datetime(frame["known_from"], errors="coerce")
        frame = frame[known.isna() | (known <= pd.Timestamp(world.as_of))]
    found = pd.to_numeric(frame.loc[frame["name"] == name, "central"], errors="coerce").dropna()
    return float(found.iloc[0]) if len(found) else default


def megawatts(row: pd.Series) -> float:
    """Power named in the quantity, MW; 0 where the quantity is something else."""
    quantity, unit = row["quantity"], str(row["quantity_unit"])
    if pd.isna(quantity):
        return 0.0
    if unit == "MW":
        return float(quantity)
    if unit == "GW":
        return float(quantity) * 1000.0
    if any(word in unit for word in ("GPU", "TPU", "chips", "GB200", "GB300")) and "servers" not in unit:
        return float(quantity) * CHIP_KW["TPU" if "TPU" in unit else ""] / 1000.0
    return 0.0


def yearly_from_power(world: World, row: pd.Series) -> float:
    """usd_bn a year that the named power stands for: rent, rented compute or energy; 0 if none."""
    mw = megawatts(row)
    assumed = rules_of(world).assumed
    if row["kind"] == "lease":
        mw = mw or leased_site_mw(world, row)
        return mw * assumed("rent_usd_mn_per_mw_month") * 12.0 / 1000.0
    if row["kind"] == "compute":
        per_gw = parameter_or(world, "revenue_per_gw_cloud_rental", REVENUE_PER_GW_YEAR)
        return mw / 1000.0 * per_gw
    if row["kind"] == "power_purchase":
        return mw * assumed("power_load") * 8760.0 * assumed("power_price_usd_mwh") / 1e9
    return 0.0


def leased_site_mw(world: World, row: pd.Series) -> float:
    """IT power planned at the sites that the landlord owns for this tenant, MW."""
    sites = world.table("sites")
    mine = sites[(sites["owner_id"] == row["provider_id"]) & (sites["tenant_id"] == row["receiver_id"])]
    return float(pd.to_numeric(mine["it_mw_planned"], errors="coerce").fillna(0.0).sum())


def _ramp(count: int, ramp: float) -> Floats:
    """Weights that rise linearly to 1 over `ramp` quarters and stay there."""
    steps = np.arange(1, count + 1, dtype=np.float64)
    return np.minimum(1.0, steps / max(ramp, 1.0))


def due_path(world: World, row: pd.Series, before: int = 0, count: int = QUARTERS) -> tuple[Floats, str] | None:
    """Dues in usd_bn per quarter from `before` quarters ahead of the first quarter, with a grade.

    None where the contract tells neither money nor power nor a date.
    """
    start = start_of(row)
    if start is None:
        start = pd.Timestamp(world.as_of) - pd.DateOffset(months=18)
    offset = int(pd.Period(start, freq="Q").ordinal - first_quarter(world).ordinal) + before
    years = term_years(row, rules_of(world))
    if row["kind"] == "lease" and pd.isna(row["end"]):
        # halls are let for longer than a first term: without an end the lease is taken as renewed
        years = max(years, rules_of(world).assumed("lease_term_years"))
    length = max(1, round(years * 4)) + 1
    grade = str(row["grade"])
    yearly = row["annual_usd_bn"]
    # a compute contract still to be built ramps with its halls, whatever yearly figure is told
    to_build = row["kind"] == "compute" and start > pd.Timestamp(world.as_of)
    if pd.notna(row["amount_usd_bn"]) and (pd.isna(yearly) or to_build):
        weights = _ramp(length, RAMP_SHARE * length)
        dues = float(row["amount_usd_bn"]) * weights / weights.sum()
        grade = weakest(grade, "D")
    else:
        if pd.isna(yearly):
            yearly = yearly_from_power(world, row)
            grade = "F"
            if yearly <= 0.0:
                return None
        dues = float(yearly) / 4.0 * _ramp(length, RAMP_QUARTERS)
    out = np.zeros(before + count)
    first, last = max(offset, 0), min(offset + length, before + count)
    if last > first:
        out[first:last] = dues[first - offset : last - offset]
    return out, grade


def build_schedules(
    world: World, contracts: pd.DataFrame, tie_ids: dict[tuple[str, str, str], str]
) -> tuple[pd.DataFrame, list[str]]:
    """Schedules of compute and lease contracts whose pair has a flow tie.

    `tie_ids` maps (payer, payee, category) to the tie. A builder that lets on what it rents
    (firm rents, one customer with an intent that would not cover them) has one haircut: the
    customer's dues are the rents times `back_to_back_margin`, at the binding of the rents.
    """
    rows: list[dict[str, object]] = []
    notes: list[str] = []
    rules = rules_of(world)
    live = contracts[contracts["kind"].isin(["compute", "lease"]) & ~contracts["id"].isin(rules.part("backstop"))]
    for _, row in live.iterrows():
        tie = tie_ids.get((str(row["receiver_id"]), str(row["provider_id"]), str(row["kind"])))
        path = due_path(world, row)
        if tie is None or path is None:
            continue
        dues, grade = path
        if not dues.any():
            continue
        binding = str(row["binding"]) or "reported"
        landlord_dues = _rents(world, live, str(row["provider_id"]))
        uncovered = landlord_dues is not None and landlord_dues.sum() > HAIRCUT["intent"] * dues.sum()
        if row["kind"] == "compute" and binding == "intent" and landlord_dues is not None and uncovered:
            margin = rules.assumed("back_to_back_margin")
            dues, binding, grade = landlord_dues * margin, "firm", "F"
            notes.append(
                f"{row['id']}: the customer's dues are {margin:g} times the rents of {row['provider_id']},"
                " so that both sides of a back-to-back contract carry one haircut"
            )
        rows.append(
            {
                "tie_id": tie,
                "contract_id": str(row["id"]),
                "binding": binding,
                **dict(zip(QUARTER_COLUMNS, dues.tolist(), strict=True)),
                "additive": str(row["id"]) in rules.part("additive"),
                "grade": grade,
            }
        )
    columns = ["tie_id", "contract_id", "binding", *QUARTER_COLUMNS, "additive", "grade"]
    return pd.DataFrame(rows, columns=columns), notes


def _rents(world: World, contracts: pd.DataFrame, tenant: str) -> Floats | None:
    """Firm rents that a sub-letting builder owes, usd_bn per quarter; None if it rents nothing."""
    leases = contracts[
        (contracts["kind"] == "lease") & (contracts["receiver_id"] == tenant) & (contracts["binding"] == "firm")
    ]
    paths = [due_path(world, row) for _, row in leases.iterrows()]
    known = [path[0] for path in paths if path is not None]
    return np.sum(known, axis=0) if known else None
