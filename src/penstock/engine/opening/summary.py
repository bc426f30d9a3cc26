"""Tables of `penstock world opening`: what the opening state rests on.

Dollars by evidence grade and layer (A filing, B party's statement, C dataset or press, D derived, E recalled,
F estimated by a rule), plugs, marks of stakes, the firms whose sheets are known least, and who is left out.
The weakest input names a sum, so a table also tells how much each grade holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from penstock.engine.opening.assemble import open_world
from penstock.engine.opening.state import ASSET_LINES, LAYERS, LIABILITY_LINES, Opening
from penstock.engine.opening.universe import build_universe
from penstock.world.grading import weakest

if TYPE_CHECKING:
    from penstock.world.model import World

GRADES = ("A", "B", "C", "D", "E", "F")
SHOWN_FIRMS = 25


def opening_tables(world: World, opening: Opening | None = None) -> list[tuple[str, pd.DataFrame]]:
    """Titled tables of the opening state, ready to print.

    Args:
        world: the cited facts.
        opening: the opening state of this world, where it is at hand already.
    """
    state = opening or open_world(world)
    universe = build_universe(world)
    layer = state.profile["layer"]
    flows, debts = state.flow_ties, state.debt_ties
    left_out = universe.left_out.rename_axis("company").reset_index()
    return [
        ("Totals (usd_bn)", totals(state)),
        (
            "Opening assets by evidence grade of the total (share of dollars)",
            assets_by_grade(state),
        ),
        (
            "Last-twelve-month revenue by evidence grade (share of dollars)",
            by_grade(state.flows["ltm_revenue"], state.flow_grades["ltm_revenue"], layer),
        ),
        (
            "Flow ties by evidence grade, layer of the payee (usd_bn per year, share of dollars)",
            by_grade(flows["base"] * 4.0, flows["grade"], _layer_of(flows["payee"], layer)),
        ),
        (
            "Debt ties by evidence grade, layer of the borrower (share of dollars)",
            by_grade(debts["balance"], debts["grade"], _layer_of(debts["borrower"], layer)),
        ),
        ("Lines of the opening sheets by evidence grade (share of dollars)", lines_by_grade(state)),
        ("Plugs (usd_bn, signed)", plugs(state)),
        ("Stakes above what reported sheets carry (usd_bn)", revaluations(state)),
        (f"The {SHOWN_FIRMS} firms whose sheets rest most on E and F", least_known(state)),
        ("Left out", left_out),
    ]


def by_grade(dollars: pd.Series, grade: pd.Series, layer: pd.Series) -> pd.DataFrame:
    """Share of dollars at each grade, by layer and over all; `usd_bn` the sum, `weakest` the grade of the
    sum.
    """
    frame = pd.DataFrame({"usd_bn": dollars.abs().to_numpy(), "grade": grade.to_numpy(), "layer": layer.to_numpy()})
    sums = frame.pivot_table(index="layer", columns="grade", values="usd_bn", aggfunc="sum", fill_value=0.0)
    sums = sums.reindex(columns=list(GRADES), fill_value=0.0)
    known = [name for name in LAYERS if name in sums.index]
    sums = sums.reindex([*known, *(name for name in sums.index if name not in known)])
    sums.loc["all"] = sums.sum()
    total = sums.sum(axis=1)
    shares = sums.div(total.where(total > 0.0), axis=0).fillna(0.0)
    shares.insert(0, "usd_bn", total)
    shares["weakest"] = [weakest([g for g in GRADES if row[g] > 0.0]) for _, row in sums.iterrows()]
    shares.columns.name = None
    return shares.rename_axis("layer").reset_index()


def assets_by_grade(state: Opening) -> pd.DataFrame:
    """Opening assets by layer; what stakes add above the reported sheet carries the grade of the mark."""
    assets = state.sheet[list(ASSET_LINES)].sum(axis=1)
    mark = state.sheet["stake_revaluation"].clip(lower=0.0)
    layer = state.profile["layer"]
    dollars = pd.concat([assets - mark, mark])
    grades = pd.concat([state.assets_grade, state.sheet_grades["stake_revaluation"]])
    return by_grade(dollars, grades, pd.concat([layer, layer]))


def lines_by_grade(state: Opening) -> pd.DataFrame:
    """Every named line over all firms. The split of property and working capital is an estimate for all of
    them.
    """
    lines = [*ASSET_LINES, *LIABILITY_LINES, "equity"]
    dollars = state.sheet[lines].melt(var_name="line")
    grades = state.sheet_grades[lines].melt(var_name="line")
    table = by_grade(dollars["value"], grades["value"], dollars["line"])
    order = {line: place for place, line in enumerate([*lines, "all"])}
    ordered = table.sort_values("layer", key=lambda column: column.map(order), ignore_index=True)
    return ordered.rename(columns={"layer": "line"})


def totals(state: Opening) -> pd.DataFrame:
    """Sums over all firms: usd_bn."""
    sheet, flows = state.sheet, state.flows
    rows = {
        "firms": float(len(state.firms)),
        "holders": float(len(state.holders)),
        "assets": float(sheet[list(ASSET_LINES)].sum().sum()),
        "equity": float(sheet["equity"].sum()),
        "debt": float(sheet["debt"].sum()),
        "cash": float(sheet["cash"].sum()),
        "last-twelve-month revenue": float(flows["ltm_revenue"].sum()),
        "last-twelve-month capital spending": float(flows["ltm_capex"].sum()),
        "revenue of the last quarter": float(flows["revenue"].sum()),
        "of it along named ties": float(flows["tie_revenue"].sum()),
        "capital spending of the last quarter": float(flows["capex"].sum()),
        "plugs, absolute": float(sheet["plug"].abs().sum()),
        "plugs, net": float(sheet["plug"].sum()),
        "stakes above reported sheets": float(sheet["stake_revaluation"].sum()),
        "market value": float(state.profile["market_value"].sum()),
    }
    return pd.DataFrame({"what": list(rows), "usd_bn": list(rows.values())})


def plugs(state: Opening) -> pd.DataFrame:
    """Each plug: signed usd_bn, share of assets, grade; the last row is their sum."""
    sheet = state.sheet
    assets = sheet[list(ASSET_LINES)].sum(axis=1)
    firms = sheet.index[sheet["plug"] != 0.0]
    rows = pd.DataFrame(
        {
            "company": list(firms),
            "plug": sheet.loc[firms, "plug"].to_numpy(),
            "share_of_assets": (sheet["plug"].abs() / assets.clip(lower=1e-12)).loc[firms].to_numpy(),
            "grade": state.sheet_grades.loc[firms, "plug"].to_numpy(),
        }
    )
    whole = float(rows["plug"].abs().sum())
    last = {
        "company": "all",
        "plug": float(rows["plug"].sum()),
        "share_of_assets": whole / max(float(assets.sum()), 1e-12),
        "grade": weakest(rows["grade"]) if len(rows) else "",
    }
    return pd.DataFrame([*rows.to_dict("records"), last], columns=list(rows.columns))


def revaluations(state: Opening) -> pd.DataFrame:
    """Fair value of stakes of each firm, what its reported sheet carries, the mark between, and its grade."""
    sheet = state.sheet
    held = sheet[sheet["stakes"] != 0.0].sort_values("stakes", ascending=False)
    return pd.DataFrame(
        {
            "company": list(held.index),
            "fair_value": held["stakes"].to_numpy(),
            "carried": (held["stakes"] - held["stake_revaluation"]).to_numpy(),
            "stake_revaluation": held["stake_revaluation"].to_numpy(),
            "grade": state.sheet_grades.loc[held.index, "stake_revaluation"].to_numpy(),
        }
    )


def least_known(state: Opening) -> pd.DataFrame:
    """Firms by the share of their sheet at grade E or F, the largest sheets of equal share first."""
    assets = state.sheet[list(ASSET_LINES)].sum(axis=1)
    frame = pd.DataFrame(
        {
            "company": state.profile.index,
            "group": state.profile["group"].to_numpy(),
            "rating": state.profile["rating"].to_numpy(),
            "assets": assets.to_numpy(),
            "evidence_share_ef": state.profile["evidence_share_ef"].to_numpy(),
        }
    )
    ordered = frame.sort_values(["evidence_share_ef", "assets"], ascending=False, ignore_index=True)
    return ordered.head(SHOWN_FIRMS)


def _layer_of(units: pd.Series, layer: pd.Series) -> pd.Series:
    return units.map(layer).fillna("holders and sectors")
