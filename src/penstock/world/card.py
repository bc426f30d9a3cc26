"""A company as the data set knows it: who it is, its figures, ties, sites and power."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from penstock.world.model import World
from penstock.world.vocabulary import FLOW_METRICS, METRICS, STATUSES_WITHOUT_MONEY

TIE_COLUMNS = ("amount_usd_bn", "annual_usd_bn", "share", "announced", "binding", "status", "grade")


@dataclass(frozen=True)
class CompanyCard:
    """Everything the world holds on one company.

    `figures`: by metric, value (usd_bn, flows per year; employees a count), kind (flow or stock), period_end,
    grade, basis, source_id, note. `ties_in` (it receives) and `ties_out` (it provides): other party, money,
    binding, status, grade and whether the tie counts. `sites` and `power` with its part in each.
    """

    company: dict[str, object]
    figures: pd.DataFrame
    ties_in: pd.DataFrame
    ties_out: pd.DataFrame
    sites: pd.DataFrame
    power: pd.DataFrame


def company_card(world: World, company_id: str) -> CompanyCard:
    """The card of a company by its id (see `World.resolve` for names)."""
    row = world.table("companies").set_index("id").loc[company_id]
    company: dict[str, object] = {"id": company_id}
    company.update({str(name): None if pd.isna(cell) else cell for name, cell in row.items()})
    ties = company_ties(world, company_id)
    return CompanyCard(
        company=company,
        figures=_figures(world, company_id),
        ties_in=_side(ties, "in"),
        ties_out=_side(ties, "out"),
        sites=_parts(world.table("sites"), company_id, ("owner_id", "operator_id", "tenant_id")),
        power=_parts(world.table("power"), company_id, ("owner_id", "buyer_id")),
    )


def company_ties(world: World, company_id: str) -> pd.DataFrame:
    """Ties of a company, indexed by id: side, kind, other party, money, status, grade, `counts`, source.

    `side` is `in` where it receives and `out` where it provides. `counts` says `yes`, or why the tie's
    money is left out of an opening state.
    """
    ties = world.table("contracts")
    ties = ties[(ties["provider_id"] == company_id) | (ties["receiver_id"] == company_id)]
    in_force = set(world.active_contracts()["id"])
    provides = ties["provider_id"] == company_id
    frame = ties.assign(
        side=provides.map({True: "out", False: "in"}),
        other_party=ties["receiver_id"].where(provides, ties["provider_id"]),
        counts=[_counts(row, in_force) for row in ties.to_dict(orient="records")],
    )
    kept = ["id", "side", "kind", "other_party", *TIE_COLUMNS, "counts", "source_id", "note"]
    money = frame["amount_usd_bn"].fillna(frame["annual_usd_bn"]).fillna(0.0)
    order = frame.assign(money=money).sort_values(["side", "money", "id"], ascending=[True, False, True])
    return order[kept].set_index("id")


def _counts(tie: dict[object, object] | dict[str, object], in_force: set[str]) -> str:
    row: dict[str, object] = {str(key): value for key, value in tie.items()}
    if row["id"] in in_force:
        return "yes"
    if not row["active"]:
        return "not yet announced"
    if row["status"] in STATUSES_WITHOUT_MONEY:
        return f"no: {row['status']}"
    return f"in {row['included_in']}"


def _side(ties: pd.DataFrame, side: str) -> pd.DataFrame:
    return ties[ties["side"] == side].drop(columns="side")


def _figures(world: World, company_id: str) -> pd.DataFrame:
    figures = world.figures()
    known = figures.index.get_level_values("company_id") == company_id
    own = figures[known].droplevel("company_id")
    ordered = own.reindex([metric for metric in METRICS if metric in own.index])
    kinds = ["flow/year" if metric in FLOW_METRICS else "stock" for metric in ordered.index]
    units = ["count" if metric == "employees" else "usd_bn" for metric in ordered.index]
    ordered.insert(1, "unit", units)
    ordered.insert(2, "kind", kinds)
    return ordered


def _parts(frame: pd.DataFrame, company_id: str, roles: tuple[str, ...]) -> pd.DataFrame:
    """Rows in which the company has a part, with the parts it has in column `part`."""
    mask = pd.Series(False, index=frame.index)
    for role in roles:
        mask |= frame[role] == company_id
    found = frame[mask]
    parts = [
        ", ".join(role.removesuffix("_id") for role in roles if row[role] == company_id)
        for row in found.to_dict(orient="records")
    ]
    return found.assign(part=parts).set_index("id")
