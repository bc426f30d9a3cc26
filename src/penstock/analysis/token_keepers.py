"""Who a part of the price is paid to: companies of the world by their shares in the ties of the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.analysis.chain_links import OUTSIDE, assumed
from penstock.analysis.token_inputs import Setup

if TYPE_CHECKING:
    import pandas as pd

    from penstock.world import World

OTHERS = "other suppliers"


def keepers_of(world: World, setup: Setup) -> dict[str, dict[str, float]]:
    """Whom a part is paid to -> company (or words, where the world names nobody) -> share; shares add up to one."""
    from penstock.engine.model import prepare

    flow = prepare(world, quarters=1).opening.flow_ties
    roles = {str(r.id): str(r.roles).split(";") for r in world.table("companies").itertuples()}
    seller = _seller(flow, setup.designer, set(world.table("chips")["designer_id"]))
    assemblers = flow["payee"].map(lambda name: "packaging" in roles.get(str(name), []))
    outside = assumed("osat_share_of_packaging").value.central
    packed = _shares(flow[(flow["category"] == "wafers") & (flow["payer"] == seller) & assemblers])
    packagers = {setup.foundry: 1.0}
    if packed:
        packagers = {setup.foundry: 1.0 - outside, **{name: outside * share for name, share in packed.items()}}
    place = setup.place
    return {
        "power": {place.power: 1.0},
        "water": {"water works": 1.0},
        "builders": _sellers(flow, ("construction", "power_cooling"), None) or {"builders": 1.0},
        "site owner": {place.owner: 1.0},
        "tool makers": _sellers(flow, ("tools",), setup.foundry) or {"tool makers": 1.0},
        "foundry": {setup.foundry: 1.0},
        "memory makers": _sellers(flow, ("memory",), seller) or {"memory makers": 1.0},
        "packagers": packagers,
        "part makers": {"part makers": 1.0},
        "designer": {setup.designer: 1.0},
        "server makers": _sellers(flow, ("servers",), None) or {"server makers": 1.0},
        "network makers": _sellers(flow, ("network",), None) or {"network makers": 1.0},
        "platform": {place.operator: 1.0},
        "platform staff": {"platform staff": 1.0},
        "service firms": {"service firms": 1.0},
        "lab": {setup.model.lab: 1.0},
    }


def _seller(flow: pd.DataFrame, designer: str, designers: set[str]) -> str:
    """Who buys wafers and memory for a designer's chips: itself, or the partner who sells it its chips.

    Those who design chips of their own sell it those; the rest sell it the chips that it designed.
    """
    if ((flow["category"] == "memory") & (flow["payer"] == designer)).any():
        return designer
    bought = flow[(flow["category"] == "accelerators") & (flow["payer"] == designer)]
    partners = set(flow[flow["category"] == "memory"]["payer"])
    mine = bought[bought["payee"].isin(partners)].groupby("payee")["base"].sum()
    own = mine[[name not in designers for name in mine.index]]
    return str(own.idxmax()) if len(own) else designer


def _sellers(flow: pd.DataFrame, categories: tuple[str, ...], payer: str | None) -> dict[str, float]:
    rows = flow[flow["category"].isin(categories)]
    if payer is not None:
        mine = rows[rows["payer"] == payer]
        rows = mine if len(mine) else rows
    return _shares(rows)


def _shares(rows: pd.DataFrame) -> dict[str, float]:
    by = rows.groupby("payee")["base"].sum().sort_values(ascending=False)
    total = float(by.sum())
    if total <= 0.0:
        return {}
    return {OTHERS if name == OUTSIDE else str(name): float(value) / total for name, value in by.items()}
