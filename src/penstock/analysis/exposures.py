"""Exposures of a portfolio: rows matched with companies, summed by company and instrument, and what was not placed."""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.analysis.company_lookup import CompanyLookup, listed
from penstock.analysis.currencies import CODES, DOLLAR, Rate
from penstock.analysis.exposure_file import COLUMNS, ExposureRows, open_exposures
from penstock.errors import InputError
from penstock.world.defects import shown
from penstock.world.lei import FORM, lei_fault
from penstock.world.naming import nearest_name

if TYPE_CHECKING:
    import pandas as pd

INSTRUMENTS = ("equity", "bond", "loan", "lease", "receivable", "supply")
ALIASES = {"supply contract": "supply", "supply_contract": "supply"}

REASONS = {
    "row": "cells that do not fit the header",
    "formula": "a formula in a cell",
    "company_missing": "no company",
    "company_unknown": "no company of this name in the world",
    "company_ambiguous": "a name that several companies share",
    "company_not_simulated": "a company of the world that the model does not simulate",
    "instrument": "an unknown instrument",
    "amount": "an amount that is no number",
    "amount_negative": "a negative amount",
    "currency": "an unknown currency",
    "lgd": "a loss given default outside 0 to 1",
}
"""Why a row is not placed, in the order in which rows are tested; each row counts once."""

EXAMPLES = 3
REMEMBERED = 200_000
"""Different names kept at most, so that a file of a million wrong names needs no more memory."""


@dataclass(frozen=True)
class Position:
    """What is held of one company in one instrument, in the portfolio's currency."""

    company_id: str
    instrument: str
    amount: float
    at_own_rate: float
    """the part of the amount whose loss given default the model gives"""
    lgd_amount: float
    """amount times the loss given default that the file gives, summed over the rest"""
    rows: int


@dataclass(frozen=True)
class Exposures:
    """A portfolio ready to be valued, and a report on every row."""

    name: str
    currency: str
    positions: tuple[Position, ...]
    rows: int
    unplaced: pd.DataFrame
    """reason, meaning, rows, amount (as far as it can be read, else empty), examples"""
    matched: pd.DataFrame
    """company_id, matched_by, rows, amount, written (how the file writes it, up to three spellings)"""
    rates: tuple[Rate, ...]
    remarks: tuple[str, ...]

    @property
    def placed(self) -> int:
        """Rows that count."""
        return sum(position.rows for position in self.positions)

    @property
    def amount(self) -> float:
        """What is held in all."""
        return math.fsum(position.amount for position in self.positions)


@dataclass
class _Unplaced:
    rows: int = 0
    amounts: dict[str, array[float]] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)


@dataclass
class _Slot:
    """Rows that write company, instrument and currency alike; amounts singly: their sum is exact in any order."""

    company: str
    how: str
    written: str
    instrument: str
    currency: str
    first_line: int
    own: array[float] = field(default_factory=lambda: array("d"))
    given: array[float] = field(default_factory=lambda: array("d"))
    given_loss: array[float] = field(default_factory=lambda: array("d"))

    @property
    def rows(self) -> int:
        return len(self.own) + len(self.given)


def read_exposures(
    source: str | Path | pd.DataFrame,
    companies: pd.DataFrame,
    simulated: Collection[str],
    rates: Mapping[str, Rate],
) -> Exposures:
    """Match the rows of a file (or data frame) with companies.

    `companies`: id, name and, where known, ticker and lei; `simulated`: ids that have outcomes. A row without a
    currency is in US dollars. A file in one currency stays in it; several are turned into US dollars at `rates`.

    Raises InputError: a file that cannot be read (see `open_exposures`), without rows, without one row that can be
    placed, or with several currencies of which one has no rate.
    """
    rows = open_exposures(source)
    reader = _Reader(rows, CompanyLookup(companies), frozenset(simulated))
    for line, cells in rows.rows:
        reader.take(line, cells)
    return reader.finish(rates)


class _Reader:
    """Takes rows one by one."""

    def __init__(self, source: ExposureRows, lookup: CompanyLookup, simulated: frozenset[str]) -> None:
        self.source = source
        self.lookup = lookup
        self.simulated = simulated
        self.rows = 0
        self.unused_lgd = 0
        self.slots: dict[tuple[str, str, str], _Slot] = {}
        """company, instrument and currency as written"""
        self.unplaced: dict[str, _Unplaced] = {}
        self.known: dict[str, tuple[str, str, str]] = {}
        """text -> company, how it was found, or "" and the reason"""

    def take(self, line: int, cells: Sequence[str] | str) -> None:
        """One row: added to a position, or to what was not placed."""
        self.rows += 1
        if isinstance(cells, str):
            self._leave("row", line, cells)
            return
        slot = self.slots.get((cells[0], cells[1], cells[3]))
        amount = number(cells[2])
        if slot is None or amount is None or amount < 0.0 or not self._add(slot, amount, cells[4]):
            self._take_slowly(line, tuple(cell.strip() for cell in cells), (cells[0], cells[1], cells[3]), amount)

    def _add(self, slot: _Slot, amount: float, lgd_text: str) -> bool:
        """Add a row to those written like it; false where its loss given default is none."""
        if not lgd_text or lgd_text.isspace():
            slot.own.append(amount)
            return True
        lgd = number(lgd_text)
        if lgd is None or not 0.0 <= lgd <= 1.0:
            return False
        if slot.instrument == "equity":
            self.unused_lgd += 1
            slot.own.append(amount)
        else:
            slot.given.append(amount)
            slot.given_loss.append(amount * lgd)
        return True

    def _take_slowly(self, line: int, cells: tuple[str, ...], key: tuple[str, str, str], amount: float | None) -> None:
        """A row of a new spelling, or one with something wrong: every test in the order of REASONS."""
        company_text, instrument_text, amount_text, currency_text, lgd_text = cells
        currency = currency_text.upper() or DOLLAR
        held = None if amount is None else (amount, currency)
        for column, text in zip(COLUMNS, cells, strict=True):
            if is_formula(text):
                told = f"{column}: found {shown(text)}; expected plain text, no formula"
                self._leave("formula", line, told, held)
                return
        company, how, reason = self._company(company_text)
        instrument = instrument_text.lower()
        instrument = ALIASES.get(instrument, instrument)
        if reason:
            self._leave(reason, line, "", held, company_text)
        elif instrument not in INSTRUMENTS:
            near = nearest_name(instrument, INSTRUMENTS) if self._wants_example("instrument") else ""
            hint = f"; nearest {near}" if near else ""
            told = f"instrument: found {shown(instrument_text)}; expected {', '.join(INSTRUMENTS)}{hint}"
            self._leave("instrument", line, told, held)
        elif amount is None:
            told = f"amount: found {shown(amount_text)}; expected a number such as 1250000.50"
            self._leave("amount", line, told)
        elif amount < 0.0:
            told = f"amount: found {amount_text}; expected 0 or more (a short position is not an exposure to default)"
            self._leave("amount_negative", line, told, held)
        elif currency not in CODES:
            told = f"currency: found {shown(currency_text)}; expected a code of ISO 4217 such as USD"
            self._leave("currency", line, told, held)
        else:
            slot = self.slots.get(key) or _Slot(company, how, company_text, instrument, currency, line)
            if self._add(slot, amount, lgd_text):
                self.slots[key] = slot
            else:
                told = f"lgd: found {shown(lgd_text)}; expected a share from 0 to 1, or nothing"
                self._leave("lgd", line, told, held)

    def _company(self, text: str) -> tuple[str, str, str]:
        found = self.known.get(text)
        if found is None:
            found = self._look_up(text)
            if len(self.known) < REMEMBERED:
                self.known[text] = found
        return found

    def _look_up(self, text: str) -> tuple[str, str, str]:
        if not text:
            return "", "", "company_missing"
        found = self.lookup.find(text)
        if not found.ids:
            return "", "", "company_unknown"
        if len(found.ids) > 1:
            return "", "", "company_ambiguous"
        if found.ids[0] not in self.simulated:
            return "", "", "company_not_simulated"
        return found.ids[0], found.how, ""

    def _wants_example(self, reason: str) -> bool:
        return reason not in self.unplaced or len(self.unplaced[reason].examples) < EXAMPLES

    def _leave(
        self, reason: str, line: int, told: str, held: tuple[float, str] | None = None, company: str = ""
    ) -> None:
        """Count a row that is not placed, and keep the first of each kind as examples."""
        entry = self.unplaced.setdefault(reason, _Unplaced())
        entry.rows += 1
        if held is not None:
            entry.amounts.setdefault(held[1], array("d")).append(held[0])
        if len(entry.examples) < EXAMPLES:
            entry.examples.append(f"{self.source.name}:{line}: {told or self._about_company(reason, company)}")

    def _about_company(self, reason: str, text: str) -> str:
        expected = "an id, LEI, ticker, name or a unique part of one"
        if reason == "company_missing":
            return f"company: found nothing; expected {expected}"
        ids = self.lookup.find(text).ids
        if reason == "company_ambiguous":
            return f"company: found {shown(text)}, which names {len(ids)}; expected one of {listed(ids)}"
        if reason == "company_not_simulated":
            return f"company: found {shown(text)} ({ids[0]}), which the model does not simulate; expected a firm of it"
        written = text.strip().upper()
        if FORM.fullmatch(written) and (fault := lei_fault(written)):
            return f"company: found {shown(text)}; expected {fault}"
        near = self.lookup.nearest(text)
        return f"company: found {shown(text)}; expected {expected}" + (f"; nearest {near}" if near else "")

    def finish(self, rates: Mapping[str, Rate]) -> Exposures:
        """The positions and the report; see `read_exposures` for the errors."""
        name = self.source.name
        if not self.rows:
            raise InputError(f"{name}: rows: found none below the header; expected one exposure at least")
        if not self.slots:
            lines = [f"{name}: rows: found {self.rows:,}, none of which can be placed; expected one exposure at least"]
            lines += [example for _, entry in self._in_order() for example in entry.examples]
            raise InputError("\n".join(lines))
        currency, factor = self._currency(rates)
        remarks = list(self.source.remarks)
        if self.unused_lgd:
            remarks.append(
                f"{name}: the lgd of {self.unused_lgd:,} rows of equity is not used: equity loses its fall of value"
            )
        used = tuple(rates[code] for code in sorted(factor) if len(factor) > 1 and code != DOLLAR)
        return Exposures(
            name=name,
            currency=currency,
            positions=_positions(self.slots.values(), factor),
            rows=self.rows,
            unplaced=self._unplaced(factor, rates),
            matched=_matched(self.slots.values(), factor),
            rates=used,
            remarks=tuple(remarks),
        )

    def _in_order(self) -> list[tuple[str, _Unplaced]]:
        return [(reason, self.unplaced[reason]) for reason in REASONS if reason in self.unplaced]

    def _unplaced(self, factor: Mapping[str, float], rates: Mapping[str, Rate]) -> pd.DataFrame:
        import pandas as pd

        worth = {code: rate.usd for code, rate in rates.items()} if len(factor) > 1 else {}
        worth |= factor
        rows = []
        for reason, entry in self._in_order():
            read = [v * worth[code] for code, values in entry.amounts.items() for v in values if code in worth]
            amount = math.fsum(read) if read else math.nan
            rows.append((reason, REASONS[reason], entry.rows, amount, "\n".join(entry.examples)))
        return pd.DataFrame(rows, columns=["reason", "meaning", "rows", "amount", "examples"])

    def _currency(self, rates: Mapping[str, Rate]) -> tuple[str, dict[str, float]]:
        """The portfolio's currency and what one unit of each currency in the file is worth in it."""
        codes = sorted({slot.currency for slot in self.slots.values()})
        if len(codes) == 1:
            return codes[0], {codes[0]: 1.0}
        lines = []
        for code in codes:
            if code in rates:
                continue
            held = [slot for slot in self.slots.values() if slot.currency == code]
            count = sum(slot.rows for slot in held)
            amount = math.fsum([value for slot in held for value in (*slot.own, *slot.given)])
            others = ", ".join(other for other in codes if other != code)
            lines.append(
                f"{self.source.name}:{min(slot.first_line for slot in held)}: currency: found {code} on {count:,} rows "
                f"({amount:,.0f} {code}) beside {others} and no rate for it; expected one currency, or a rate: "
                f"--rate {code}=USD_FOR_ONE"
            )
        if lines:
            raise InputError("\n".join(lines))
        return DOLLAR, {code: rates[code].usd for code in codes}


def _positions(slots: Collection[_Slot], factor: Mapping[str, float]) -> tuple[Position, ...]:
    """Sums by company and instrument, whatever the order of the rows."""
    held: dict[tuple[str, str], list[_Slot]] = {}
    for slot in slots:
        held.setdefault((slot.company, slot.instrument), []).append(slot)

    def total(kind: str, mine: list[_Slot]) -> float:
        return math.fsum([value * factor[slot.currency] for slot in mine for value in getattr(slot, kind)])

    return tuple(
        Position(
            company_id=company,
            instrument=instrument,
            amount=math.fsum([total("own", mine), total("given", mine)]),
            at_own_rate=total("own", mine),
            lgd_amount=total("given_loss", mine),
            rows=sum(slot.rows for slot in mine),
        )
        for (company, instrument), mine in sorted(held.items())
    )


def _matched(slots: Collection[_Slot], factor: Mapping[str, float]) -> pd.DataFrame:
    """How companies were found: a row a company and way of naming it."""
    import pandas as pd

    held: dict[tuple[str, str], list[_Slot]] = {}
    for slot in slots:
        held.setdefault((slot.company, slot.how), []).append(slot)
    rows = [
        (
            company,
            how,
            sum(slot.rows for slot in mine),
            math.fsum([value * factor[slot.currency] for slot in mine for value in (*slot.own, *slot.given)]),
            ", ".join(sorted({slot.written for slot in mine})[:EXAMPLES]),
        )
        for (company, how), mine in held.items()
    ]
    table = pd.DataFrame(rows, columns=["company_id", "matched_by", "rows", "amount", "written"])
    return table.sort_values(["amount", "company_id", "matched_by"], ascending=[False, True, True], ignore_index=True)


def number(text: str) -> float | None:
    """A finite number as a program writes it, or None: no thousands separators, no units."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would take a cell for a formula."""
    first = text.lstrip()[:1]
    return first in ("=", "@") or (first in ("+", "-") and number(text.strip()) is None)
