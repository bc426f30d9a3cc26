"""Opening state of a world: sheets, flows and ties put together and tested against each other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from penstock.engine.opening.balance import check_sheet, liability_side, opening_sheet
from penstock.engine.opening.figures import Figures, SheetInputs, opening_figures, stated_values
from penstock.engine.opening.flows import finish_flows, interest_rate, opening_flows
from penstock.engine.opening.network import build_network
from penstock.engine.opening.profile import profile
from penstock.engine.opening.state import Opening
from penstock.engine.opening.universe import Universe, build_universe
from penstock.errors import InputError, ModelError, UsageError
from penstock.world.grading import weakest

if TYPE_CHECKING:
    from penstock.world.model import World

OWNER_LAYERS = ("ai", "platform")
"""Layers whose companies run compute: without one there is no economy to simulate."""

TOLERANCE = 1e-9
"""usd_bn: what the debt ties of a firm may differ from the debt on its sheet."""


def open_world(world: World, removed_pairs: Iterable[tuple[str, str, str]] = ()) -> Opening:
    """Opening state of the world at its as-of date.

    Args:
        world: cited facts.
        removed_pairs: ties to leave out, as (payer, payee, category) or as the network understands them.

    Raises:
        InputError: no company of the world runs compute.
        ModelError: ties carry more than a firm has, or the debt ties differ from the sheets.
    """
    refuse_stale_figures(world)
    universe = build_universe(world)
    if not universe.layer.isin(OWNER_LAYERS).any():
        raise InputError(
            "companies.csv: layer: found no company that runs compute and whose revenue is known; "
            f"expected at least one of the layers {' or '.join(OWNER_LAYERS)}"
        )
    figures = opening_figures(world, universe)
    flows, flow_grades = opening_flows(world, universe, figures)
    inputs = sheet_inputs(world, universe, figures, flows, flow_grades)
    network = build_network(world, universe, inputs, tuple(removed_pairs))
    firms = pd.Index(universe.firms, name="firm")
    named = network.debt_ties
    leases = named["instrument"] == "lease"
    _same_debt("debt", named[~leases], inputs.debt)
    if leases.any():
        _same_debt("lease_liabilities", named[leases], inputs.lease_liabilities)
    fair, grades = stakes_at_value(network.stakes, inputs.market_value, figures)
    lent = named[named["lender"].isin(firms)].groupby("lender")["balance"].sum()
    sheet, sheet_grades = opening_sheet(world, universe, fair, lent, figures, grades)
    check_sheet(sheet, figures)
    finished = finish_flows(flows, network.tie_in, network.tie_cost, network.tie_capex)
    return Opening(
        as_of=world.as_of.isoformat(),
        firms=universe.firms,
        holders=universe.holders,
        sectors=universe.sectors,
        profile=profile(world, universe, sheet, sheet_grades, figures),
        sheet=sheet,
        sheet_grades=sheet_grades,
        flows=finished,
        flow_grades=flow_grades,
        assets_grade=figures.grade["total_assets"],
        physical=network.physical,
        flow_ties=network.flow_ties,
        schedules=network.schedules,
        debt_ties=named,
        credit_lines=network.credit_lines,
        stakes=network.stakes,
        guarantees=network.guarantees,
        rules=universe.rules,
        notes=(*notes(universe, figures, sheet), *network.notes),
    )


STALE_DAYS = 400
"""Days after the newest figure at which a world cannot be opened any more: a year and a month."""


def refuse_stale_figures(world: World) -> None:
    """An opening state carries figures forward by months, not by years.

    Raises UsageError where the as-of date lies further behind the newest figure.
    """
    ends = pd.to_datetime(world.table("financials")["period_end"], errors="coerce").dropna()
    if not len(ends):
        return
    newest = ends.max().date()
    last = newest + dt.timedelta(days=STALE_DAYS)
    if world.as_of > last:
        raise UsageError(
            f"as-of: found {world.as_of.isoformat()}; expected a date up to {last.isoformat()}, "
            f"{STALE_DAYS} days after the newest figure; nearest {last.isoformat()}"
        )


def sheet_inputs(
    world: World,
    universe: Universe,
    figures: Figures,
    flows: pd.DataFrame,
    flow_grades: pd.DataFrame,
) -> SheetInputs:
    """What the network of ties needs from the sheets."""
    side = liability_side(figures, universe)
    worth, _ = stated_values(world, universe.holders)
    # a holder named like a firm cannot be: the universe keeps them apart
    values = pd.concat([figures.value["market_value"], worth]).rename("market_value")
    return SheetInputs(
        debt=side.debt,
        lease_liabilities=side.lease_liabilities,
        market_value=values,
        interest_rate=interest_rate(figures),
        rating=universe.rating,
        flows=flows,
        flow_grades=flow_grades,
        figures=figures,
    )


def stakes_at_value(stakes: pd.DataFrame, market_value: pd.Series, figures: Figures) -> tuple[pd.Series, pd.Series]:
    """Fair value of the stakes each firm holds, usd_bn, and the weakest grade behind it."""
    firms = figures.value.index
    held = stakes[stakes["holder"].isin(firms) & stakes["company"].isin(market_value.index)]
    value = held["share"].astype(float) * held["company"].map(market_value).astype(float)
    fair = value.groupby(held["holder"]).sum().reindex(firms).fillna(0.0)
    of_value = held["company"].map(figures.grade["market_value"]).fillna("D")
    worst = [weakest([str(a), str(b)]) for a, b in zip(held["grade"], of_value, strict=True)]
    grades = pd.Series(worst, index=held.index, dtype=object).groupby(held["holder"]).agg(weakest)
    return fair, grades.reindex(firms).fillna("D")


def notes(universe: Universe, figures: Figures, sheet: pd.DataFrame) -> tuple[str, ...]:
    """What the rules of the sheets decided, one sentence each."""
    estimated = int((figures.grade["total_assets"] == "F").sum())
    plugs = int((sheet["plug"] != 0.0).sum())
    carried = int(figures.rule["total_equity"].astype(str).str.contains("carried").sum())
    return (
        f"{len(universe.firms)} firms, {len(universe.holders)} holders, {len(universe.sectors)} sectors; "
        f"{len(universe.left_out)} companies of the world are left out.",
        f"Total assets of {estimated} firms are an estimate (F); equity of {carried} was carried forward.",
        f"{plugs} sheets needed a plug, {sheet['plug'].abs().sum():.3f} usd_bn in all.",
        f"Stakes stand {sheet['stake_revaluation'].sum():.1f} usd_bn above what reported sheets carry.",
    )


def _same_debt(name: str, ties: pd.DataFrame, expected: pd.Series) -> None:
    total = ties.groupby("borrower")["balance"].sum().reindex(expected.index).fillna(0.0)
    gap = (total - expected).abs()
    if (gap > TOLERANCE * (1.0 + expected)).any():
        firm = str(gap.idxmax())
        raise ModelError(
            f"opening: {firm}: {name}: debt ties add to {total[firm]:.6f} usd_bn; "
            f"expected {expected[firm]:.6f} of the sheet"
        )
