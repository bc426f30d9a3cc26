"""The money of a world's ties: who financed whom, who buys from whom, and how much of it has moved.

Each tie in force carries the dollars of its whole deal, told once. They stand at three stages: paid by the as-of
date, committed, or intended (a letter of intent). What no row tells is estimated by a rule and carries a range.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from penstock.engine.opening.claims import OUTSTANDING
from penstock.engine.opening.contracts import chosen_contracts, start_of, term_years
from penstock.engine.opening.named import UNITS_OF_CHIPS, UPPER_BOUND_WORDS
from penstock.engine.opening.schedules import HAIRCUT, QUARTER_COLUMNS, due_path, parameter_or
from penstock.engine.rules import rules_of
from penstock.errors import InputError

if TYPE_CHECKING:
    from penstock.engine.opening.state import Opening
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

STAGES = ("paid", "committed", "intended")
"""Firmest money first."""
FINANCING = ("equity", "loan", "vendor_financing", "warrant")
NO_MONEY = {
    "guarantee": "money moves only when it is called",
    "acquisition": "money goes to the owners of the company bought, not into it",
}
BY_TERM = ("compute", "lease", "power_purchase")
"""Kinds whose yearly sum is owed to the end of the term."""
RECEIVER_PAYS = ("supply", "compute", "lease", "power_purchase", "model_licence")
AHEAD = ("announced", "pending", "framework", "undrawn")
OVER = ("completed", "closed")

RANGE = {"A": (1.0, 1.0), "B": (1.0, 1.0), "C": (1.0, 1.0), "D": (0.95, 1.05), "E": (0.85, 1.15), "F": (0.5, 2.0)}
"""Range of an amount by its grade, as factors (assumption): a stated amount stands, a rule's may be half or double."""

PAST_QUARTERS = 60
USD_BN_PER_GW, GPU_SHARE = 50.0, 0.39
"""Cost of a gigawatt and the accelerators' part of it where the world has no such parameters (assumption)."""
CHIP_PRICE_USD = 36742.0
"""Price of an accelerator where the world has no such parameter (assumption)."""


@dataclass(frozen=True)
class MoneyTies:
    """Ties that carry money.

    `table` has a row a tie: tie_id, kind, payer, payee, financing (bool), binding, grade, rule (how an amount was
    estimated, "" where a row tells it), then for each stage the dollars, `STAGE_usd_bn`, with their range
    `STAGE_low_usd_bn` and `STAGE_high_usd_bn`. `without_amount` are ties in force for which neither row nor rule tells
    one, `no_money` those of kinds that carry none.
    """

    table: pd.DataFrame
    without_amount: tuple[str, ...]
    no_money: tuple[str, ...]

    def capacity(self, stage: str, level: str = "") -> Array:
        """Dollars of each tie at a stage; `level`: "" central, "low" or "high"."""
        middle = f"_{level}" if level else ""
        return np.asarray(self.table[f"{stage}{middle}_usd_bn"], dtype=np.float64)


@dataclass(frozen=True)
class _Money:
    """Dollars of a tie by stage, (stages, 3): central, low, high."""

    amounts: Array
    grade: str
    rule: str = ""


def world_money(world: World, opening: Opening | None = None) -> MoneyTies:
    """Money of the ties in force at the as-of date, none told twice.

    Args:
        world: its contracts, by the rule of `included_in`.
        opening: estimates what rows leave open: the flow of a pair for a tie without an amount, and what has been paid
            of a running contract. Without it such ties carry nothing.

    Raises:
        InputError: no tie in force at the date.
    """
    contracts = chosen_contracts(world)
    if contracts.empty:
        raise InputError(
            f"contracts.csv: found no tie in force on {world.as_of.isoformat()}; "
            "expected ties between companies, of which loops of money are made"
        )
    estimates = _estimates(contracts, opening)
    values = market_values(world)
    designers = _designers(world)
    rows: list[dict[str, object]] = []
    silent: list[str] = []
    empty: list[str] = []
    for name, row in contracts.iterrows():
        kind, tie = str(row["kind"]), str(name)
        if kind in NO_MONEY:
            empty.append(tie)
            continue
        financing = kind in FINANCING
        money = _financing(row, values) if financing else _purchase(world, row, estimates.get(tie), designers)
        if money is None or not (money.amounts > 0.0).any():
            silent.append(tie)
            continue
        payer, payee = str(row["provider_id"]), str(row["receiver_id"])
        if kind in RECEIVER_PAYS:
            payer, payee = payee, payer
        if payer == payee:
            silent.append(tie)
            continue
        rows.append(_row(tie, kind, payer, payee, str(row["binding"]), money))
    rows += _beside(opening)
    return MoneyTies(_frame(rows), tuple(silent), tuple(empty))


def _row(tie: str, kind: str, payer: str, payee: str, binding: str, money: _Money) -> dict[str, object]:
    amounts = {
        f"{stage}{level}_usd_bn": float(money.amounts[number, place])
        for number, stage in enumerate(STAGES)
        for place, level in enumerate(("", "_low", "_high"))
    }
    return {
        "tie_id": tie,
        "kind": kind,
        "payer": payer,
        "payee": payee,
        "financing": kind in FINANCING,
        "binding": binding,
        "grade": money.grade,
        "rule": money.rule,
        **amounts,
    }


def _beside(opening: Opening | None) -> list[dict[str, object]]:
    """What a pair buys already beside a contract that comes on top: the opening state's flow, by its own id."""
    if opening is None:
        return []
    rows = []
    ties = opening.flow_ties
    additive = set(opening.rules.part("additive"))
    on_top = [bool(additive & set(str(ids).split(";"))) for ids in ties["contract_id"]]
    for flow in ties[on_top].to_dict(orient="records"):
        if (base := float(flow["base"])) > 0.0:
            money = _at("paid", 4.0 * base, "F", "the opening state's flow of the pair in a year")
            ends = (str(flow["payer"]), str(flow["payee"]))
            rows.append(_row(str(flow["tie_id"]), str(flow["category"]), *ends, "firm", money))
    return rows


def _frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    text = ["tie_id", "kind", "payer", "payee", "financing", "binding", "grade", "rule"]
    numbers = [f"{stage}{level}_usd_bn" for stage in STAGES for level in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=[*text, *numbers]).sort_values("tie_id", ignore_index=True)


def _at(stage: str, amount: float, grade: str, rule: str = "", span: tuple[float, float] | None = None) -> _Money:
    """All of a tie's dollars at one stage."""
    low, high = RANGE[grade] if span is None else span
    amounts = np.zeros((len(STAGES), 3))
    amounts[STAGES.index(stage)] = amount, amount * low, amount * high
    return _Money(amounts, grade, rule)


def _financing(row: pd.Series, values: dict[str, float]) -> _Money | None:
    kind, status, binding, grade = str(row["kind"]), str(row["status"]), str(row["binding"]), str(row["grade"])
    stage = "intended" if binding == "intent" else "committed"
    if status in OUTSTANDING and binding not in ("intent", "conditional"):
        stage = "paid"
    if pd.notna(row["amount_usd_bn"]):
        return _at(stage, float(row["amount_usd_bn"]), grade)
    if kind != "warrant" or pd.isna(row["share"]):
        return None
    worth = float(row["share"]) * values.get(str(row["provider_id"]), 0.0)
    believed = HAIRCUT.get(binding, HAIRCUT["reported"])
    if worth <= 0.0:
        return None
    rule = f"share of the issuer at its market value, times {believed:g} for its binding; paid in shares"
    return _at("committed" if stage == "paid" else stage, worth * believed, "F", rule, (0.0, 1.0 / believed))


def _purchase(world: World, row: pd.Series, estimate: tuple[float, float] | None, designers: set[str]) -> _Money | None:
    """Dollars of a purchase. `estimate`: a year's flow and what is due from now on, where no row tells an amount."""
    grade, binding = str(row["grade"]), str(row["binding"])
    ahead = _is_ahead(world, row)
    later = "intended" if binding == "intent" else "committed"
    amount, yearly = row["amount_usd_bn"], row["annual_usd_bn"]
    if pd.isna(amount) and pd.isna(yearly):
        return _estimated(estimate, _by_quantity(world, row, designers), later if ahead else "paid", later)
    if pd.isna(amount):
        return _yearly(world, row, float(yearly), grade, later, ahead)
    if str(row["status"]) in OVER or (pd.notna(row["end"]) and row["end"] <= pd.Timestamp(world.as_of)):
        return _at("paid", float(amount), grade)
    if ahead:
        return _at(later, float(amount), grade)
    return _split(world, row, float(amount), grade)


def _yearly(world: World, row: pd.Series, yearly: float, grade: str, later: str, ahead: bool) -> _Money:
    """A yearly sum: the year on record as paid, and what is owed from now to the end of the term."""
    rule, span = "", RANGE[grade]
    if UPPER_BOUND_WORDS in str(row["note"]) and (part := rules_of(world).find("upper_bound_share")) is not None:
        rule, grade = "part of a sum that its note calls an upper bound", "F"
        yearly, span = yearly * part.central, (part.low / part.central, part.high / part.central)
    if ahead:
        term = term_years(row, rules_of(world)) if pd.notna(row["end"]) and str(row["kind"]) in BY_TERM else 1.0
        return _at(later, yearly * term, grade, rule, span)
    paid = _at("paid", yearly, grade, rule, span)
    if str(row["kind"]) in BY_TERM and pd.notna(row["end"]):
        left = max(float((row["end"] - pd.Timestamp(world.as_of)).days) / 365.25, 0.0)
        return _Money(paid.amounts + _at(later, yearly * left, grade, rule, span).amounts, grade, rule)
    return paid


def _split(world: World, row: pd.Series, amount: float, grade: str) -> _Money:
    """A running deal: the total stands, how much of it has been paid follows from its term."""
    path = due_path(world, row, before=PAST_QUARTERS, count=0)
    past = 0.0 if path is None else float(min(path[0].sum(), amount))
    low, high = RANGE["F"]
    paid = np.array([past, past * low, min(past * high, amount)])
    amounts = np.zeros((len(STAGES), 3))
    amounts[0] = paid
    # what is owed more if less has been paid
    total_low, total_high = RANGE[grade]
    amounts[1] = amount - past, amount * total_low - past, amount * total_high - past
    return _Money(np.maximum(amounts, 0.0), grade, "paid part by the term of the contract")


def _estimated(
    estimate: tuple[float, float] | None, by_quantity: tuple[float, str] | None, now: str, later: str
) -> _Money | None:
    """A tie without an amount: goods to come by their quantity, else the opening state's flow and dues."""
    if by_quantity is not None and (now != "paid" or estimate is None):
        amount, rule = by_quantity
        return _at(now, amount, "F", rule)
    if estimate is None:
        return None
    year, due = estimate
    amounts = _at(now, year, "F").amounts + _at(later, due, "F").amounts
    return _Money(amounts, "F", "the opening state's flow of the pair in a year, and its dues")


def _designers(world: World) -> set[str]:
    companies = world.table("companies")
    return set(companies.loc[companies["roles"].astype(str).str.contains("chip_designer"), "id"].astype(str))


def _by_quantity(world: World, row: pd.Series, designers: set[str]) -> tuple[float, str] | None:
    """Price of the power or chips that a supply of accelerators names."""
    if str(row["kind"]) != "supply" or pd.isna(row["quantity"]) or str(row["provider_id"]) not in designers:
        return None
    quantity, unit = float(row["quantity"]), str(row["quantity_unit"])
    if unit in ("GW", "MW"):
        per_gw = parameter_or(world, "cost_per_gw_all_in", USD_BN_PER_GW)
        share = parameter_or(world, "cost_share_gpu", GPU_SHARE)
        gigawatts = quantity if unit == "GW" else quantity / 1000.0
        return gigawatts * per_gw * share, f"{per_gw:g} usd_bn per GW, {share:.0%} of it accelerators"
    if unit.startswith(UNITS_OF_CHIPS):
        price = parameter_or(world, "unit_price_blackwell_usd_2025", CHIP_PRICE_USD)
        return quantity * price / 1e9, f"{price:,.0f} usd per accelerator"
    return None


def _is_ahead(world: World, row: pd.Series) -> bool:
    """Whether the deal is only an intent, not in force yet, or begins after the as-of date."""
    if str(row["binding"]) == "intent" or str(row["status"]) in AHEAD:
        return True
    start = start_of(row)
    return start is not None and start > pd.Timestamp(world.as_of)


def market_values(world: World) -> dict[str, float]:
    """Market value, else the last private valuation, of each company, usd_bn."""
    figures = world.figures()["value"]
    found: dict[str, float] = {}
    for metric in ("valuation", "market_cap"):
        if metric in figures.index.get_level_values("metric"):
            found |= {str(name): float(value) for name, value in figures.xs(metric, level="metric").items()}
    return found


def _estimates(contracts: pd.DataFrame, opening: Opening | None) -> dict[str, tuple[float, float]]:
    """(flow of a year, dues from now on) of contracts that tell no amount, from the opening state's network.

    A pair's flow belongs to its contracts with an amount where there are such; else its contracts share it.
    """
    if opening is None:
        return {}
    told = contracts["amount_usd_bn"].notna() | contracts["annual_usd_bn"].notna()
    silent = set(contracts.index[~told])
    found: dict[str, list[float]] = {}
    for ids, base in zip(opening.flow_ties["contract_id"], opening.flow_ties["base"], strict=True):
        among = [name for name in str(ids).split(";") if name]
        if among and all(name in silent for name in among):
            for name in among:
                found.setdefault(name, [0.0, 0.0])[0] += 4.0 * float(base) / len(among)
    dues = opening.schedules[list(QUARTER_COLUMNS)].sum(axis=1)
    for name, due in zip(opening.schedules["contract_id"], dues, strict=True):
        if name in silent:
            found.setdefault(str(name), [0.0, 0.0])[1] += float(due)
    return {name: (year, due) for name, (year, due) in found.items()}
