"""Fits named and open amounts into what each firm earns and spends.

No firm may receive more along ties than its revenue, nor pay more than its capex or its cash
cost. Open amounts give way first; a named tie is cut only where the named ones alone exceed
the limit, and the cut is reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from penstock.engine.opening.cells import number
from penstock.engine.opening.contracts import is_capex
from penstock.engine.opening.named import NamedTie
from penstock.engine.opening.users import UNNAMED

if TYPE_CHECKING:
    from penstock.engine.opening.figures import SheetInputs
    from penstock.engine.opening.universe import Universe

REVENUE_LIMIT = 0.98
CAPEX_LIMIT = 0.98
COST_LIMIT = 0.95
"""Parts of revenue, capex and cash cost that ties may carry (assumption; a firm also pays its people)."""

Key = tuple[str, str, str]
Open = dict[str, dict[str, float]]


@dataclass
class Fit:
    """What fits: factors on named ties; open sales and budgets by category and firm, usd_bn per quarter."""

    named_factor: dict[Key, float] = field(default_factory=dict)
    open_sales: Open = field(default_factory=dict)
    open_budgets: Open = field(default_factory=dict)
    cut_sales: dict[Key, float] = field(default_factory=dict)
    """what a payer's limit cut off a named tie: the payee sells it to the slack buyer"""
    gone_spent: dict[Key, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def _factors(named: float, rest: float, limit: float) -> tuple[float, float]:
    """(factor on named, factor on open) so that their sum stays within the limit."""
    limit = max(limit, 0.0)
    if named > limit:
        return limit / named, 0.0
    return 1.0, min(1.0, (limit - named) / rest) if rest > 0 else 1.0


def cash_cost(inputs: SheetInputs, firm: str) -> float:
    """Operating cost paid in cash by the firm's own figures, usd_bn per quarter, ties included."""
    return max(number(inputs.flows, firm, "other_cost"), 0.0)


def fit_margins(
    universe: Universe,
    inputs: SheetInputs,
    named: dict[Key, NamedTie],
    sellers: pd.DataFrame,
    budgets: pd.DataFrame,
    users: pd.DataFrame,
    gone: dict[Key, NamedTie],
) -> Fit:
    """Scale open sales, open budgets and, where unavoidable, named ties."""
    fit = Fit()
    everything = {**gone, **named}
    sold = _sums(everything, lambda k: (k[1], k[2]))
    spent = _sums(everything, lambda k: (k[0], k[2]))
    by_payee = users[users["payee"] != UNNAMED].groupby("payee")["base"].sum()
    from_users = {str(firm): float(amount) for firm, amount in by_payee.items()}
    open_sales = _open(sellers, "seller", "revenue", sold)
    open_budgets = _open(budgets, "buyer", "budget", spent)
    payee_factor, payer_factor = _firm_factors(universe, inputs, fit, sold, spent, from_users, open_sales, open_budgets)
    for key, tie in everything.items():
        if not tie.base:
            continue
        payer, payee, category = key
        kind = "capex" if is_capex(category, str(universe.group.get(payer, ""))) else "cost"
        earned, by_payer = payee_factor.get(payee, 1.0), payer_factor.get((payer, kind), 1.0)
        factor = min(earned, by_payer)
        if key in gone:
            fit.gone_spent[key] = tie.base * factor
            continue
        fit.named_factor[key] = factor
        if factor < 1.0:
            whose = f"the {kind} of {payer}" if by_payer < earned else f"the revenue of {payee}"
            fit.notes.append(
                f"{';'.join(tie.contract_ids)}: cut to {factor:.2f} of {tie.base:.3f} usd_bn a quarter by {whose}"
            )
            fit.cut_sales[key] = tie.base * max(0.0, earned - factor)
    fit.open_sales, fit.open_budgets = open_sales, open_budgets
    return fit


def _sums(ties: dict[Key, NamedTie], part: Callable[[Key], tuple[str, str]]) -> dict[tuple[str, str], float]:
    out: dict[tuple[str, str], float] = defaultdict(float)
    for key, tie in ties.items():
        out[part(key)] += tie.base or 0.0
    return out


def _open(frame: pd.DataFrame, who: str, amount: str, named: dict[tuple[str, str], float]) -> Open:
    """Amounts beyond the named ones, by category and firm."""
    out: Open = defaultdict(dict)
    for firm, category, value in frame[[who, "category", amount]].itertuples(index=False):
        rest = float(value) - named.get((str(firm), str(category)), 0.0)
        if rest > 0:
            out[str(category)][str(firm)] = out[str(category)].get(str(firm), 0.0) + rest
    return out


def _firm_factors(
    universe: Universe,
    inputs: SheetInputs,
    fit: Fit,
    sold: dict[tuple[str, str], float],
    spent: dict[tuple[str, str], float],
    from_users: dict[str, float],
    open_sales: Open,
    open_budgets: Open,
) -> tuple[dict[str, float], dict[tuple[str, str], float]]:
    """Factors on named ties by payee and by (payer, capex or cost); open amounts are scaled in place."""
    payee_factor: dict[str, float] = {}
    payer_factor: dict[tuple[str, str], float] = {}
    for firm in universe.firms:
        revenue = number(inputs.flows, firm, "revenue")
        users = float(from_users.get(firm, 0.0))
        named = sum(v for (f, _), v in sold.items() if f == firm)
        rest = sum(by.get(firm, 0.0) for by in open_sales.values())
        payee_factor[firm], scale = _factors(named, rest, REVENUE_LIMIT * revenue - users)
        _scale(open_sales, firm, scale, lambda _category: True)
        group = str(universe.group[firm])
        limits = {
            "capex": CAPEX_LIMIT * max(number(inputs.flows, firm, "capex"), 0.0),
            "cost": COST_LIMIT * cash_cost(inputs, firm),
        }
        for kind, limit in limits.items():
            capital = kind == "capex"

            def mine(category: str, group: str = group, capital: bool = capital) -> bool:
                return is_capex(category, group) == capital

            named = sum(v for (f, c), v in spent.items() if f == firm and mine(c))
            rest = sum(by.get(firm, 0.0) for c, by in open_budgets.items() if mine(c))
            payer_factor[firm, kind], scale = _factors(named, rest, limit)
            if scale < 0.999 and rest > 0.05:
                fit.notes.append(f"{firm}: budgets of {rest:.2f} usd_bn a quarter cut to {scale:.2f} by its {kind}")
            _scale(open_budgets, firm, scale, mine)
    return payee_factor, payer_factor


def _scale(amounts: Open, firm: str, factor: float, mine: Callable[[str], bool]) -> None:
    for category, by in amounts.items():
        if firm in by and mine(category):
            by[firm] *= factor
