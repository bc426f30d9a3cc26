"""One's own network from tables of text: ties, balance sheets and a shock, every cell checked.

Ties: `debtor,creditor,amount` and, where wanted, `seniority` (a whole number, lower is paid first), `kind` (`debt`,
`stake`, `guarantee`, `collateral`) and `obligor` (whose debt a guarantee backs). Balances:
`id,external_assets,external_liabilities` and `volatility`. Shock: `id,loss`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penstock.analysis.firm_network import DEBT, STAKE, FirmNetwork
from penstock.world.circles import way_along
from penstock.world.defects import Defect, DefectsError, shown

TIE_COLUMNS = (("debtor", "creditor", "amount"), ("seniority", "kind", "obligor"))
BALANCE_COLUMNS = (("id", "external_assets", "external_liabilities"), ("volatility",))
SHOCK_COLUMNS = (("id", "loss"), ())
GUARANTEE, COLLATERAL = "guarantee", "collateral"
OF_BALANCES = "a company of the balances"
KINDS = (DEBT, STAKE, GUARANTEE, COLLATERAL)
FORMULA = re.compile(r"^[=@]|^[+-](?![0-9.])")
"""What a spreadsheet would compute: a number may begin with a sign, nothing else may."""


@dataclass(frozen=True)
class TextTable:
    """One file as text: its name, columns, and rows with the line on which each begins."""

    file: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


@dataclass
class _Reader:
    """Cells of one table; what is wrong is collected."""

    table: TextTable
    defects: list[Defect] = field(default_factory=list)

    def columns(self, needed: Sequence[str], optional: Sequence[str]) -> bool:
        """Check the header; whether every needed column is there."""
        known = (*needed, *optional)
        for name in self.table.header:
            if name not in known:
                self.tell(1, "header", shown(name), f"a column of {', '.join(known)}", known)
            elif self.table.header.count(name) > 1:
                self.tell(1, "header", f"{shown(name)} twice", "each column once")
                return False
        missing = [name for name in needed if name not in self.table.header]
        for name in missing:
            self.tell(1, "header", f"no column {name}", f"{','.join(needed)}")
        return not missing

    def records(self) -> list[tuple[int, dict[str, str]]]:
        """Rows by column; those with too many or too few cells are told and left out."""
        width = len(self.table.header)
        found = []
        for line, cells in self.table.rows:
            if len(cells) != width:
                self.tell(line, "cells", str(len(cells)), f"{width} as in the header (quote a cell that holds a comma)")
            else:
                found.append((line, dict(zip(self.table.header, cells, strict=True))))
        return found

    def tell(self, line: int, name: str, found: str, expected: str, candidates: Sequence[str] = ()) -> None:
        self.defects.append(Defect(self.table.file, line, name, found, expected, tuple(candidates)))

    def number(self, line: int, name: str, text: str, *, whole: bool = False, most: float = math.inf) -> float:
        """A number of at least 0 (a whole one may be negative); 0 where it is told to be none."""
        if FORMULA.match(text):
            self.tell(line, name, f"a formula {shown(text)}", "a number")
            return 0.0
        try:
            value = float(text)
        except ValueError:
            self.tell(line, name, shown(text), "a number")
            return 0.0
        if not math.isfinite(value) or "_" in text:
            self.tell(line, name, shown(text), "a finite number")
        elif whole and value != round(value):
            self.tell(line, name, shown(text), "a whole number")
        elif not whole and value < 0.0:
            self.tell(line, name, shown(text), "a number of at least 0")
        elif value > most:
            self.tell(line, name, shown(text), f"a number up to {most:g}")
        else:
            return value
        return 0.0

    def identifier(self, line: int, name: str, text: str) -> bool:
        if FORMULA.match(text):
            self.tell(line, name, f"a formula {shown(text)}", "a name")
        elif not text:
            self.tell(line, name, "nothing", "a name")
        else:
            return True
        return False


def network_from(ties: TextTable, balances: TextTable) -> FirmNetwork:
    """The network of two tables. Raises DefectsError with every defect of both."""
    names, columns, defects = _balances(balances)
    table, backing, more = _ties(ties, names)
    if defects:
        # a company that a broken balance hides is not the fault of the ties
        more = [defect for defect in more if defect.expected != OF_BALANCES]
    if defects or more:
        raise DefectsError(_in_order([*defects, *more]))
    return FirmNetwork(
        where=f"{ties.file} and {balances.file}",
        unit="the unit of the files",
        firms=tuple(names),
        external_assets=columns["external_assets"],
        external_liabilities=columns["external_liabilities"],
        volatility=columns.get("volatility"),
        ties=table,
        backing=backing,
    )


def _in_order(defects: Sequence[Defect]) -> list[Defect]:
    """File by file in the order of first mention, line by line."""
    files = list(dict.fromkeys(defect.file for defect in defects))
    return sorted(defects, key=lambda defect: (files.index(defect.file), defect.row))


def shock_from(table: TextTable, resolve: Callable[[str], str], known: Sequence[str]) -> dict[str, float]:
    """Losses by firm. `resolve` turns a name into a firm's id or raises UsageError; losses of one firm stand once."""
    from penstock.errors import UsageError

    reader = _Reader(table)
    losses: dict[str, float] = {}
    if reader.columns(*SHOCK_COLUMNS):
        for line, cells in reader.records():
            if not reader.identifier(line, "id", cells["id"]):
                continue
            loss = reader.number(line, "loss", cells["loss"])
            try:
                name = resolve(cells["id"])
            except UsageError:
                name = ""
            if name not in known:
                reader.tell(line, "id", shown(cells["id"]), "a firm of the network", known)
            elif name in losses:
                reader.tell(line, "id", f"{shown(cells['id'])} again", "each firm once")
            else:
                losses[name] = loss
    if reader.defects:
        raise DefectsError(_in_order(reader.defects))
    return losses


def _balances(table: TextTable) -> tuple[list[str], dict[str, Any], list[Defect]]:
    reader = _Reader(table)
    names: list[str] = []
    columns: dict[str, list[float]] = {name: [] for name in (*BALANCE_COLUMNS[0][1:], *BALANCE_COLUMNS[1])}
    if not reader.columns(*BALANCE_COLUMNS):
        return names, {}, reader.defects
    known: set[str] = set()
    for line, cells in reader.records():
        name = cells["id"]
        if not reader.identifier(line, "id", name):
            continue
        if name in known:
            reader.tell(line, "id", f"{shown(name)} again", "each company once")
            continue
        known.add(name)
        names.append(name)
        for column in columns:
            if column in cells:
                columns[column].append(reader.number(line, column, cells[column]))
    if not names and not reader.defects:
        reader.tell(0, "rows", "none", "a row for each company")
    return names, {name: np.array(values) for name, values in columns.items() if values}, reader.defects


def _ties(table: TextTable, names: Sequence[str]) -> tuple[Any, Any, list[Defect]]:
    import pandas as pd

    reader = _Reader(table)
    columns = ["tie_id", "kind", "debtor", "creditor", "amount", "seniority", "grade"]
    rows: list[tuple[Any, ...]] = []
    backing: list[tuple[Any, ...]] = []
    held: dict[int, float] = {}
    backs: dict[int, set[int]] = {}
    ranks: dict[tuple[int, int], int] = {}
    place = {name: number for number, name in enumerate(names)}
    if reader.columns(*TIE_COLUMNS):
        for line, cells in reader.records():
            kind = cells.get("kind", "") or DEBT
            if kind not in KINDS:
                reader.tell(line, "kind", shown(kind), f"one of {', '.join(KINDS)}", KINDS)
                continue
            asked = ("debtor", "creditor", "obligor") if kind == GUARANTEE else ("debtor", "creditor")
            parties = [_party(reader, line, name, cells.get(name, ""), place) for name in asked]
            amount = reader.number(line, "amount", cells["amount"], most=1.0 if kind == STAKE else math.inf)
            rank = reader.number(line, "seniority", cells.get("seniority", "") or "0", whole=True)
            if -1 in parties:
                continue
            debtor, creditor = parties[0], parties[1]
            if debtor == creditor:
                reader.tell(line, "creditor", shown(cells["creditor"]), "another company than the debtor")
                continue
            if kind == DEBT:
                before = ranks.setdefault((debtor, creditor), int(rank))
                if before != int(rank):
                    reader.tell(line, "seniority", f"{rank:g} beside {before}", "one rank for what one owes to another")
                    continue
                rows.append((f"{names[debtor]}>{names[creditor]}", DEBT, debtor, creditor, amount, int(rank), ""))
                continue
            if kind == STAKE:
                held[debtor] = held.get(debtor, 0.0) + amount
                if held[debtor] > 1.0 + 1e-9:
                    total = f"stakes in {names[debtor]} of {100 * held[debtor]:g} % in all"
                    reader.tell(line, "amount", total, "at most 100 %")
                    continue
            obligor = parties[2] if kind == GUARANTEE else -1
            if kind == GUARANTEE:
                if obligor in (debtor, creditor):
                    reader.tell(
                        line, "obligor", shown(cells["obligor"]), "a third company beside guarantor and creditor"
                    )
                    continue
                circle = way_along(backs, obligor, debtor)
                if circle:
                    way = " > ".join(names[node] for node in (debtor, *circle))
                    reader.tell(line, "obligor", f"guarantees in a circle ({way})", "guarantees that end")
                    continue
                backs.setdefault(debtor, set()).add(obligor)
            backing.append((kind, debtor, creditor, obligor, amount))
    frame = pd.DataFrame(rows, columns=columns)
    other = pd.DataFrame(backing, columns=["kind", "debtor", "creditor", "obligor", "amount"])
    return frame, other if backing else None, reader.defects


def _party(reader: _Reader, line: int, name: str, text: str, place: dict[str, int]) -> int:
    if not reader.identifier(line, name, text):
        return -1
    if text not in place:
        reader.tell(line, name, shown(text), OF_BALANCES, tuple(place))
        return -1
    return place[text]
