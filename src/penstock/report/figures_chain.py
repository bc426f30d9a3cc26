"""The figure of the physical chain: how many chips a quarter each link from laser to rack can carry."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from penstock.report.numbers import percent, plain
from penstock.report.spec import Column, Figure

if TYPE_CHECKING:
    from penstock.analysis.supply_chain import SupplyChain

MILLION = 1e6
CAPACITY = "capacity_h100e_per_quarter"


def chain_figure(found: SupplyChain) -> Figure:
    """Capacity of each link whose capacity is known, upstream first, with its range and how often it binds."""
    rows: list[list[object]] = []
    for row in found.links.to_dict("records"):
        ends = [float(row[f"{CAPACITY}{end}"]) / MILLION for end in ("_low", "", "_high")]
        if not math.isfinite(ends[1]):
            continue
        when = "" if row["when"] == "now" else ", in a year"
        weeks = [float(row[f"cycle_weeks{end}"]) for end in ("_low", "", "_high")]
        rows.append([f"{row['name']}{when}", *ends, row["binds_share"], *weeks, str(row["grade"])])
    now = found.binding["now"]
    held = [float(now[f"{CAPACITY}{end}"]) / MILLION for end in ("_low", "", "_high")]
    return Figure(
        id="chain",
        kind="whiskers",
        title="From laser to rack: what each link can carry",
        unit="million 8-bit H100 equivalents a quarter at today's mix of chips, 5 to 95% range",
        columns=(
            Column("link", "Link", "text"),
            Column("low", "5%"),
            Column("capacity", "Central"),
            Column("high", "95%"),
            Column("binds", "Binds, share of draws", "share"),
            Column("weeks_low", "Weeks in it, low"),
            Column("weeks", "Weeks, central"),
            Column("weeks_high", "Weeks, high"),
            Column("grade", "Grade", "text"),
        ),
        rows=rows,
        findings={
            "": (
                f"{str(now['link']).replace('_', ' ').capitalize()} binds now, at {plain(held[1], 2)} "
                f"({plain(held[0], 2)} to {plain(held[2], 2)}) million H100 equivalents a quarter, on "
                f"{percent(float(now['share']))} of draws."
            )
        },
        options={"category": "link", "label_width": 240, "low": "low", "value": "capacity", "high": "high"},
        python="import penstock as ps\n\nfound = ps.supply_chain(ps.load_world())\nprint(found.links)\n",
        note="A link that is not shown has no known capacity and is taken as enough; penstock chain --cut cuts one.",
    )
