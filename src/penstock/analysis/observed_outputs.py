"""Outputs of the model that cited series are compared with, path by path, at the opening and after each quarter."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from penstock.engine.model import Model
    from penstock.engine.moment import Moment

Array = np.ndarray

COMPANY = ("revenue_usd_bn", "capex_usd_bn", "debt_usd_bn", "market_value_usd_bn", "own_sales_usd_bn")
"""Measures of a company; `own_sales` is its business outside the ties."""
RECEIVED = ("received_compute_usd_bn", "received_accelerators_usd_bn")
"""Sales of a company along its ties of one category."""
WORLD = ("h100e", "price_usd_per_h100e_hour", "tokens_demanded", "capex_ai_usd_bn")
OWNERS = ("delivered_h100e",)
"""Chips delivered to an owner since the beginning, in H100e; WHO may be `world`."""
SPENDING = ("spending_usd_bn",)
SPREADS = ("spread",)
MEASURES = (*COMPANY, *RECEIVED, *WORLD, *OWNERS, *SPENDING, *SPREADS)
CLASSES = {"investment_grade": ("AAA", "AA", "A", "BBB"), "high_yield": ("BB", "B", "CCC")}


def known_outputs(model: Model) -> frozenset[str]:
    """Every output that the model gives, as `MEASURE.WHO`."""
    from penstock.engine.layout import SEGMENTS

    firms = model.firms
    owners = firms[: model.layout.owners]
    found = {f"{measure}.{firm}" for measure in (*COMPANY, *RECEIVED) for firm in firms}
    found |= {f"{measure}.world" for measure in WORLD}
    found |= {f"delivered_h100e.{owner}" for owner in (*owners, "world")}
    found |= {f"spending_usd_bn.{segment}" for segment in SEGMENTS}
    found |= {f"spread.{name}" for name in CLASSES}
    return frozenset(found)


def simulate_outputs(
    model: Model,
    names: Collection[str],
    paths: int,
    first_path: int = 0,
    parameters: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """Outputs by name, each (quarters + 1, paths): the opening, then every quarter.

    Money is in usd_bn, flows per quarter. `names` must be among `known_outputs`. `parameters`: name -> (paths,) value
    on each path in place of the drawn one.
    """
    from penstock.engine.lanes import Lanes
    from penstock.engine.model import WIDTH, block_width, run_block

    wanted = sorted(names)
    quarters = model.program.quarters
    parts: list[Array] = []
    for first in range(0, paths, WIDTH):
        count = min(WIDTH, paths - first)
        width = block_width(count)
        kept = np.zeros((len(wanted), quarters + 1, width))

        def note(now: Moment, _quarter: str, kept: Array = kept) -> None:
            if now.quarter == 0:
                kept[:, 0] = _stack(wanted, _opening(now))
            kept[:, now.quarter + 1] = _stack(wanted, _values(now))

        lanes = None
        if parameters is not None:
            # blocks have certain widths only: the lanes that fill one up repeat the last and are cut off
            filled = first + np.minimum(np.arange(width), count - 1)
            lanes = Lanes(first_path + filled, {name: values[filled] for name, values in parameters.items()})
        run_block(model, first_path + first, width, on_quarter=note, lanes=lanes)
        parts.append(kept[..., :count])
    whole = np.concatenate(parts, axis=-1)
    return {name: whole[position] for position, name in enumerate(wanted)}


def _stack(wanted: list[str], values: dict[str, dict[str, Array]]) -> Array:
    rows = []
    for name in wanted:
        measure, _, who = name.partition(".")
        rows.append(values[measure][who])
    return np.stack(np.broadcast_arrays(*rows)) if rows else np.zeros((0, 1))


def _values(now: Moment) -> dict[str, dict[str, Array]]:
    """Every output after a quarter, measure -> who -> (paths,)."""
    layout, state, r = now.block.layout, now.state, now.results
    by_firm = {
        "revenue_usd_bn": r["revenue"],
        "capex_usd_bn": r["capex"],
        "debt_usd_bn": r["debt"],
        "market_value_usd_bn": state.firms.value,
        "own_sales_usd_bn": r["sales"],
        **_received(now, now.block.scratch.flow),
    }
    spread, debt = state.firms.spread, r["debt"]
    return {
        **{measure: _named(now, values) for measure, values in by_firm.items()},
        "h100e": {"world": state.fleet.in_service(now.quarter).sum(axis=(0, 1)) * 1e6},
        "price_usd_per_h100e_hour": {"world": r["price"]},
        "tokens_demanded": {"world": r["spending"].sum(axis=0) * 0.25 / r["token_price"] * 1e15},
        "capex_ai_usd_bn": {"world": r["ai_capex"]},
        "delivered_h100e": _delivered(now, state.fleet.delivered),
        "spending_usd_bn": _spending(r["spending"] * 0.25),
        "spread": _spreads(layout.rating, spread, debt),
    }


def _opening(now: Moment) -> dict[str, dict[str, Array]]:
    """The same at the as-of date; flows at the opening rate of a quarter."""
    from penstock.engine.known import opening_capex
    from penstock.engine.opening_fleet import opening_fleet

    block, layout, facts = now.block, now.block.layout, now.block.facts
    ones = np.ones((1, block.width))
    fleet = opening_fleet(facts, block.theta, block.width)
    debt = np.zeros((layout.firms, 1))
    np.add.at(debt, layout.borrower, facts.debt_balance)
    by_firm = {
        "revenue_usd_bn": facts.flows["revenue"],
        "capex_usd_bn": facts.flows["capex"],
        "debt_usd_bn": debt,
        "market_value_usd_bn": facts.market_value,
        "own_sales_usd_bn": facts.flows["other_revenue"],
        **_received(now, facts.tie_base),
    }
    spending = facts.opening_spending * ones * 0.25
    return {
        **{measure: _named(now, values * ones) for measure, values in by_firm.items()},
        "h100e": {"world": fleet.in_service(-1).sum(axis=(0, 1)) * 1e6},
        "price_usd_per_h100e_hour": {"world": block.theta["price_opening"]},
        "tokens_demanded": {"world": spending.sum(axis=0) / block.theta["token_price"] * 1e15},
        "capex_ai_usd_bn": {"world": opening_capex(layout, facts) * ones[0]},
        "delivered_h100e": _delivered(now, fleet.delivered),
        "spending_usd_bn": _spending(spending),
        "spread": _spreads(layout.rating, facts.rating_spread * ones, debt * ones),
    }


def _named(now: Moment, values: Array) -> dict[str, Array]:
    firms = now.block.layout.units[: now.block.layout.firms]
    return dict(zip(firms, values, strict=True))


def _received(now: Moment, flow: Array) -> dict[str, Array]:
    """Sales of each firm along the ties of a category, (firms, paths)."""
    layout = now.block.layout
    found = {}
    for measure in RECEIVED:
        rows = layout.category[measure.removeprefix("received_").removesuffix("_usd_bn")].slice
        total = np.zeros((layout.unit_count, flow.shape[1]))
        np.add.at(total, layout.flow_payee[rows], flow[rows])
        found[measure] = total[: layout.firms]
    return found


def _delivered(now: Moment, delivered: Array) -> dict[str, Array]:
    owners = now.block.layout.units[: now.block.layout.owners]
    found = {owner: delivered[row] * 1e6 for row, owner in enumerate(owners)}
    return {**found, "world": delivered.sum(axis=0) * 1e6}


def _spending(spending: Array) -> dict[str, Array]:
    from penstock.engine.layout import SEGMENTS

    return dict(zip(SEGMENTS, spending, strict=True))


def _spreads(rating: Array, spread: Array, debt: Array) -> dict[str, Array]:
    """Mean spread of the firms of a class at the opening, weighted by what they owe, as a fraction."""
    from penstock.engine.layout import RATINGS

    found = {}
    for name, ratings in CLASSES.items():
        rows = np.isin(rating, [RATINGS.index(text) for text in ratings])
        weight = np.maximum(debt[rows], 1e-6)
        found[name] = (spread[rows] * weight).sum(axis=0) / weight.sum(axis=0)
    return found
