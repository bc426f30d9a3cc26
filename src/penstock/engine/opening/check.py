"""Does the opening meet the cited figures? The table of `world opening --check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from penstock.engine.opening.physical import chip_power, cumulative, fleet_bridge
from penstock.engine.opening.state import ASSET_LINES, LIABILITY_LINES
from penstock.engine.rules import rules_of

if TYPE_CHECKING:
    from penstock.engine.opening.state import Opening
    from penstock.world import World

CITED_LIMIT = 0.05
"""Relative deviation from a cited figure of money or chips up to which a check holds."""
POWER_LIMIT = 0.15
"""The same for power, whose cited figures are rounder."""
EXACT = 1e-9
"""Relative error that rounding can explain."""
PLUG_LIMIT = 0.05
"""Most of a firm's assets that may have been booked to make its lines meet."""
GOOD_GRADES = "ABC"
CHECK_COLUMNS = ["quantity", "model", "cited", "unit", "deviation", "limit", "ok", "source"]


def check_opening(world: World, opening: Opening) -> tuple[pd.DataFrame, bool]:
    """CHECK_COLUMNS, one row a check, and whether all hold.

    `deviation` is relative to the cited figure where there is one, else the largest error.
    Rows without a limit are shown for reading and do not decide.
    """
    rows = [*_cited(world, opening), *_chips(world, opening), *_power(world, opening)]
    rows += [*_identities(opening), *_plugs(opening)]
    table = pd.DataFrame(rows, columns=CHECK_COLUMNS)
    return table, bool(table["ok"].all())


def _against(
    quantity: str, model: float, cited: float, unit: str, limit: float | None, source: str
) -> dict[str, object]:
    deviation = abs(model - cited) / abs(cited) if cited else abs(model)
    ok = limit is None or deviation <= limit
    return _line(quantity, model, cited, unit, deviation, limit, ok, source)


def _line(
    quantity: str,
    model: float,
    cited: float | None,
    unit: str,
    deviation: float | None,
    limit: float | None,
    ok: bool,
    source: str,
) -> dict[str, object]:
    values = (quantity, model, cited, unit, deviation, limit, ok, source)
    return dict(zip(CHECK_COLUMNS, values, strict=True))


def _last_year(world: World, series: str, entity: str) -> tuple[float, str] | None:
    """Sum of the latest four quarters of a series not after the as-of date, with its sources."""
    frame = world.table("series")
    frame = frame[(frame["series"] == series) & (frame["entity"] == entity)]
    dates = pd.to_datetime(frame["date"])
    frame = frame.assign(date=dates)[dates <= pd.Timestamp(world.as_of)].sort_values("date").tail(4)
    if len(frame) < 4:
        return None
    sources = sorted({s for text in frame["source_id"].astype(str) for s in text.split(";")})
    return float(frame["value"].sum()), ";".join(sources)


def _cited(world: World, opening: Opening) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    checked = rules_of(world).part("capex_checked")
    found = {f: _last_year(world, "capex_usd_bn", f) for f in checked if f in opening.firms}
    known = {f: v for f, v in found.items() if v is not None}
    if known:
        model = float(opening.flows["ltm_capex"].reindex(list(known)).sum())
        sources = ";".join(sorted({s for _, text in known.values() for s in text.split(";")}))
        rows.append(
            _against(
                f"capex of {len(known)} {next(iter(checked.values()))}, year",
                model,
                sum(v for v, _ in known.values()),
                "usd_bn/year",
                CITED_LIMIT,
                sources,
            )
        )
    for seller, line in rules_of(world).part("sales_checked").items():
        cited = _last_year(world, "data_center_revenue_usd_bn", seller)
        if cited is None or seller not in opening.firms:
            continue
        ties = opening.flow_ties
        quarter = float(ties.loc[(ties["payee"] == seller), "base"].sum())
        year_over_quarter = opening.flows["ltm_revenue"][seller] / opening.flows["revenue"][seller]
        model = quarter * float(year_over_quarter)
        rows.append(
            _against(
                f"{line}, year (ties to payers at the year's rate)",
                model,
                cited[0],
                "usd_bn/year",
                CITED_LIMIT,
                cited[1],
            )
        )
    return rows


def _chips(world: World, opening: Opening) -> list[dict[str, object]]:
    shipped = cumulative(world, "h100e_shipped_cumulative")
    if shipped.empty:
        return []
    bridge = fleet_bridge(world)
    total, source = float(shipped.ffill().iloc[-1].sum()), "series h100e_shipped_cumulative"
    state = opening.physical
    held = float(state["h100e_installed"].sum() + state["h100e_waiting"].sum())
    retired = float(bridge.retired.sum())
    new = float(bridge.delivered_quarter.sum())
    assumed = rules_of(world).assumed
    life, part = assumed("fleet_life_years"), assumed("waiting_share_of_blackwell")
    return [
        _against(
            "H100e shipped = installed + waiting + retired",
            held + retired,
            total,
            "M H100e",
            CITED_LIMIT,
            source,
        ),
        _line(
            "  of it retired",
            retired,
            None,
            "M H100e",
            None,
            None,
            True,
            f"survival, life {life:g} years (F)",
        ),
        _line(
            "  of it waiting",
            float(state["h100e_waiting"].sum()),
            None,
            "M H100e",
            None,
            None,
            True,
            f"{part:.0%} of Blackwell not in service (F)",
        ),
        _line(
            "  installed",
            float(state["h100e_installed"].sum()),
            None,
            "M H100e",
            None,
            None,
            True,
            "the rest",
        ),
        _against(
            "H100e delivered in the last quarter",
            float(state["h100e_per_quarter"].sum()),
            new,
            "M H100e",
            CITED_LIMIT,
            source,
        ),
    ]


def _power(world: World, opening: Opening) -> list[dict[str, object]]:
    """IT power in use against units x server power x load, with and without the waiting chips."""
    model = float(opening.physical["it_power_in_use_gw"].sum())
    chips = chip_power(world)
    if chips.empty:
        return []
    nameplate = float((chips["units"] * chips["kw"]).sum()) * rules_of(world).assumed("it_load")
    return [
        _against(
            "IT power in use against all units x server power x load",
            model,
            nameplate,
            "GW",
            POWER_LIMIT,
            "chips.csv; load assumed 0.85 (F)",
        ),
        _against(
            "IT power in use against that of the chips in service",
            model,
            nameplate * (1.0 - _waiting_share(opening)),
            "GW",
            POWER_LIMIT,
            "chips.csv; load assumed 0.85 (F)",
        ),
        _against(
            "IT power in use beside the estimate of a prototype",
            model,
            rules_of(world).constants["power_in_use_estimate"],
            "GW",
            None,
            "own estimate, +-20 % (F)",
        ),
    ]


def _waiting_share(opening: Opening) -> float:
    state = opening.physical
    held = float(state["h100e_installed"].sum() + state["h100e_waiting"].sum())
    return float(state["h100e_waiting"].sum()) / held if held > 0 else 0.0


def _identities(opening: Opening) -> list[dict[str, object]]:
    sheet, ties = opening.sheet, opening.flow_ties
    firms = list(opening.firms)
    scale = sheet[list(ASSET_LINES)].sum(axis=1).abs().clip(lower=1e-6)
    gap = sheet[list(ASSET_LINES)].sum(axis=1) - sheet[list(LIABILITY_LINES)].sum(axis=1) - sheet["equity"]
    held = opening.stakes.groupby("company")["share"].sum()
    shares = ties.groupby(["payer", "category"])["share"].sum()
    received = ties.groupby("payee")["base"].sum().reindex(firms).fillna(0.0)
    over = (received - opening.flows["revenue"]).clip(lower=0.0)
    capex_over = (opening.flows["tie_capex"] - opening.flows["capex"]).clip(lower=0.0)
    loans = opening.debt_ties[opening.debt_ties["instrument"] != "lease"]
    owed = loans.groupby("borrower")["balance"].sum().reindex(firms).fillna(0.0)
    units = set(opening.units)
    lost = float(loans.loc[~loans["lender"].isin(units), "balance"].sum())
    debt_gap = float((owed - sheet["debt"]).abs().max()) + lost
    worst = "largest error over firms"
    return [
        _exact("assets = liabilities + equity, relative", float((gap.abs() / scale).max()), worst),
        _exact("shares of every firm add to 1", float((held - 1.0).abs().max()), worst),
        _exact(
            "tie shares of payer and category add to 1",
            float((shares - 1.0).abs().max()),
            "largest error over ties",
        ),
        _exact("revenue along ties above revenue, usd_bn", float(over.max()), worst),
        _exact("capex along ties above capex, usd_bn", float(capex_over.max()), worst),
        _exact("debt by borrower = claims by lender, usd_bn", debt_gap, worst),
    ]


def _exact(quantity: str, error: float, source: str) -> dict[str, object]:
    return _line(quantity, error, 0.0, "", error, EXACT, error <= EXACT, source)


def _plugs(opening: Opening) -> list[dict[str, object]]:
    """Largest plug over assets of firms whose asset lines rest on grades A to C, and the sum of all."""
    assets = opening.sheet[list(ASSET_LINES)].sum(axis=1)
    plug = opening.sheet["plug"].abs()
    good = opening.sheet_grades["equity"].isin(list(GOOD_GRADES))
    ratio = (plug / assets.where(assets > 0))[good].fillna(0.0)
    rows = []
    if len(ratio):
        worst, value = str(ratio.idxmax()), float(ratio.max())
        rows.append(
            _line(
                "largest plug over assets, grades A to C",
                value,
                0.0,
                "fraction",
                value,
                PLUG_LIMIT,
                value <= PLUG_LIMIT,
                worst,
            )
        )
    total = float(plug.sum())
    share = total / float(assets.sum()) if float(assets.sum()) > 0 else 0.0
    rows.append(_line("sum of all plugs", total, None, "usd_bn", share, None, True, "share of all assets beside it"))
    return rows
