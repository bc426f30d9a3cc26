"""A stock-flow consistent ledger: who holds what, who owes it, and what changed hands in the period.

Sectors (or companies) hold positions in instruments. A holding is positive, a debt negative, so every
instrument sums to zero over all sectors: what one holds another owes. Two kinds of booking change positions,
each from one number that is written to both sides:

- `post(debit, credit, instrument, amount)` is a one-way payment, such as wages, taxes, a purchase, a
  write-down. **Debit is who receives, credit is who gives.** The debited sector's position rises by the
  amount, the credited sector's falls by it, and so do their net worths. A sector whose position falls below
  zero owes: the government that pays for purchases with new money is credited and so issues it.
- `exchange(buyer, seller, instrument, amount, against=...)` swaps two instruments of equal value, such as a
  loan granted, a bill bought, a debt repaid. Nobody's net worth changes.

Two payments that an identity makes equal (a bank passes on the interest that it earns) are posted from one
number as well: computed twice they differ by rounding, and a difference that earns interest grows as (1 + r)
** t.

Machines, buildings and inventories are real assets: nobody owes them. Name them in `real`; they are made with
`post(sector, None, ...)` and wear out with `post(None, sector, ...)`. Only there may a side be None.

    ledger = Ledger(["households", "firms", "government"], ["money"])
    ledger.post("firms", "government", "money", 20.0, flow="government spending")
    ledger.post("households", "firms", "money", 20.0, flow="wages")
    ledger.post("government", "households", "money", 4.0, flow="taxes")
    ledger.balance_sheet()   # households hold 16 of money, the government owes 16
    ledger.flows()           # the transaction-flow matrix of the period
    ledger.check()           # raises ModelError where anything does not add up
    ledger.close()           # the next period begins: stocks stay, flows start at zero

Both matrices have the layout of Godley and Lavoie, *Monetary Economics* (2007): a column per sector, every
column and every row summing to zero. Amounts may be arrays over paths; then the ledger carries all paths at
once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from penstock.errors import InputError, ModelError, UsageError

Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-9
"""Largest gap that `check` lets pass, relative to the largest position or flow that the ledger has seen."""

_OUTSIDE = "sum"


@dataclass(frozen=True)
class Check:
    """What `Ledger.check` found: the largest gap, relative to the largest amount, and where it is."""

    largest_gap: float
    where: str

    def __bool__(self) -> bool:
        return self.largest_gap <= TOLERANCE


class Ledger:
    """Positions of `sectors` in `instruments`, and the flows since the last `close`.

    Names must be unique and not empty. `real` lists the instruments that are nobody's debt. Amounts are in
    any one unit of money; a number stands for one economy, a one-dimensional array for as many as it has
    entries.
    """

    def __init__(self, sectors: Iterable[str], instruments: Iterable[str], *, real: Iterable[str] = ()) -> None:
        self.sectors = _names("sector", sectors)
        self.instruments = _names("instrument", instruments)
        self._column = {name: column for column, name in enumerate(self.sectors)}
        self._row = {name: row for row, name in enumerate(self.instruments)}
        self.real = frozenset(real)
        for name in self.real:
            _find("instrument", name, self._row)
        self._paths: int | None = None
        # the last column takes the other side of real assets, with the opposite sign
        self._position = np.zeros((len(self.instruments), len(self.sectors) + 1, 1))
        self._opening = self._position.copy()
        self._flow: dict[str, Floats] = {}
        self._scale = np.zeros(1)  # largest amount seen on each path, against which a gap counts

    def post(
        self,
        debit: str | None,
        credit: str | None,
        instrument: str,
        amount: npt.ArrayLike,
        *,
        flow: str | None = None,
    ) -> None:
        """Move `amount` of `instrument` from `credit`, who gives, to `debit`, who receives.

        `flow` names the row of the transaction-flow matrix (default: the instrument). A negative amount is
        the same payment the other way round. Raises UsageError for an unknown name, InputError for an amount
        that is not finite, a sector that pays itself, or a missing side of a financial instrument.
        """
        value = self._amount(amount)
        to, source, row = self._sides(debit, credit, instrument)
        name = flow or instrument
        if name not in self._flow:
            self._flow[name] = np.zeros(self._position.shape[1:])
        entries = self._flow[name]
        self._position[row, to] += value
        self._position[row, source] -= value
        entries[to] += value
        entries[source] -= value

    def exchange(self, buyer: str, seller: str, instrument: str, amount: npt.ArrayLike, *, against: str) -> None:
        """Swap `amount` of `instrument`, which goes to the buyer, for as much of `against`, which goes to
        the seller.

        A loan is bought by the bank from the borrower against money; a repayment is the same with a negative
        amount. Selling a machine second-hand is an exchange; making one is a `post` with no credit side.
        """
        if instrument == against:
            raise InputError(f"exchange: against: found {against}; expected another instrument than {instrument}")
        value = self._amount(amount)
        to, source, row = self._sides(buyer, seller, instrument)
        _, _, price = self._sides(seller, buyer, against)
        self._position[row, to] += value
        self._position[row, source] -= value
        self._position[price, source] += value
        self._position[price, to] -= value

    def close(self) -> None:
        """End the period: positions become the opening stocks of the next one, flows start at zero.

        What was booked before the first `close` may serve as the opening balance sheet.
        """
        self._remember()
        self._opening = self._position.copy()
        self._flow = {}

    def position(self, sector: str, instrument: str) -> Any:
        """What `sector` holds (positive) or owes (negative): a number, or an array over paths."""
        found = self._position[_find("instrument", instrument, self._row), _find("sector", sector, self._column)]
        return float(found[0]) if self._paths is None else found.copy()

    def net_worth(self, sector: str) -> Any:
        """All that `sector` holds less all that it owes: a number, or an array over paths."""
        found = self._position[:, _find("sector", sector, self._column)].sum(axis=0)
        return float(found[0]) if self._paths is None else found

    def balance_sheet(self, path: int | None = None) -> pd.DataFrame:
        """The balance-sheet matrix: a row per instrument and `net_worth`, a column per sector and `sum`.

        Holdings are positive, debts negative; `net_worth` is the balancing row and so stands with its sign
        reversed: every column sums to zero. `sum` is zero for financial instruments and the total of a real
        asset. With paths, `path` picks one; without it the rows are indexed by (path, row).
        """
        rows = np.concatenate([self._position, -self._position.sum(axis=0, keepdims=True)])
        return self._matrix([*self.instruments, "net_worth"], rows, path)

    def flows(self, path: int | None = None) -> pd.DataFrame:
        """The transaction-flow matrix since the last `close`: receipts positive, payments negative.

        First the named flows, then a row `change in X` per instrument, which is negative where a holding
        grew (a use of funds). Every column sums to zero: what a sector received it spent or added to its
        holdings. `sum` is zero but for flows of real assets. With paths as in `balance_sheet`.
        """
        change = self._opening - self._position
        rows = np.concatenate([*(entries[None] for entries in self._flow.values()), change])
        return self._matrix([*self._flow, *(f"change in {name}" for name in self.instruments)], rows, path)

    def check(self) -> Check:
        """Hold the books to their identities, on every path; raise ModelError with the worst gap if one
        fails.

        Each financial instrument nets to zero over all sectors; each real asset held was made; each flow
        paid was received; each sector's net worth changed by its flows and nothing else; every number is
        finite.
        """
        self._remember()
        gaps: list[tuple[str, Floats]] = []
        for name, row in self._row.items():
            gaps.append((f"instrument {name} does not net to zero", self._position[row].sum(axis=0)))
            if name not in self.real:
                gaps.append((f"financial instrument {name} was made out of nothing", self._position[row, -1]))
        for name, entries in self._flow.items():
            gaps.append((f"flow {name} was not paid by whom it reached", entries.sum(axis=0)))
        received = sum(self._flow.values(), np.zeros(self._position.shape[1:]))
        unexplained = (self._position - self._opening).sum(axis=0) - received
        for column, sector in enumerate((*self.sectors, "real assets")):
            gaps.append((f"net worth of {sector} changed without a flow", unexplained[column]))
        scale = np.where(self._scale > 0.0, self._scale, 1.0)
        # a NaN counts as infinite, so that no comparison lets it through
        sizes = [float(np.nan_to_num(np.abs(gap) / scale, nan=np.inf).max()) for _, gap in gaps]
        worst = max(range(len(gaps)), key=sizes.__getitem__)
        found = Check(sizes[worst], gaps[worst][0] if sizes[worst] > 0.0 else "")
        if not found:
            raise ModelError(
                f"ledger: {found.where}: found a gap of {found.largest_gap:.1e} of the largest amount; "
                f"expected at most {TOLERANCE:.0e}"
            )
        return found

    def _remember(self) -> None:
        for seen in (self._position, self._opening, *self._flow.values()):
            self._scale = np.maximum(self._scale, np.abs(seen).reshape(-1, seen.shape[-1]).max(axis=0))

    def _amount(self, amount: npt.ArrayLike) -> Floats:
        try:
            value = np.asarray(amount, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError(f"amount: found {amount!r}; expected a number or one a path") from None
        if value.ndim > 1:
            raise InputError(f"amount: found {value.ndim} axes; expected a number or one a path")
        if not np.isfinite(value).all():
            raise InputError("amount: found a value that is not finite; expected numbers")
        if value.ndim == 1:
            if self._paths is None:
                self._widen(value.size)
            elif value.size != self._paths:
                raise InputError(f"amount: found {value.size} paths; expected {self._paths}")
        return value

    def _widen(self, paths: int) -> None:
        """Turn the books of one economy into equal books of `paths` economies."""
        if paths == 0:
            raise InputError("amount: found no paths; expected at least one")
        self._paths = paths
        self._position = np.repeat(self._position, paths, axis=-1)
        self._opening = np.repeat(self._opening, paths, axis=-1)
        self._flow = {name: np.repeat(entries, paths, axis=-1) for name, entries in self._flow.items()}
        self._scale = np.repeat(self._scale, paths)

    def _sides(self, debit: str | None, credit: str | None, instrument: str) -> tuple[int, int, int]:
        row = _find("instrument", instrument, self._row)
        if (debit is None or credit is None) and instrument not in self.real:
            raise InputError(f"{instrument}: found one side only; expected a debit and a credit, or a real asset")
        if debit == credit:
            raise InputError(f"{instrument}: found {debit} on both sides; expected two sectors")
        to = -1 if debit is None else _find("sector", debit, self._column)
        source = -1 if credit is None else _find("sector", credit, self._column)
        return to, source, row

    def _matrix(self, rows: list[str], values: Floats, path: int | None) -> pd.DataFrame:
        """Label `values` (rows, sectors and outside, paths); outside, sign reversed, is the sum over
        sectors."""
        shown = values.copy()
        shown[:, -1] = values[:, :-1].sum(axis=1)
        columns = [*self.sectors, _OUTSIDE]
        if self._paths is None:
            if path not in (None, 0):
                raise UsageError(f"path: found {path}; expected none, this ledger has no paths")
            return pd.DataFrame(shown[..., 0], index=pd.Index(rows), columns=pd.Index(columns))
        if path is not None:
            if not 0 <= path < self._paths:
                raise UsageError(f"path: found {path}; expected 0 to {self._paths - 1}")
            return pd.DataFrame(shown[..., path], index=pd.Index(rows), columns=pd.Index(columns))
        index = pd.MultiIndex.from_product([range(self._paths), rows], names=["path", "row"])
        flat = np.moveaxis(shown, -1, 0).reshape(self._paths * len(rows), len(columns))
        return pd.DataFrame(flat, index=index, columns=pd.Index(columns))


def _names(kind: str, names: Iterable[str]) -> tuple[str, ...]:
    """Check the names of sectors or instruments."""
    found = tuple(names)
    if not found:
        raise InputError(f"{kind}: found no names; expected at least one")
    for name in found:
        if not isinstance(name, str) or not name or name in (_OUTSIDE, "net_worth"):
            raise InputError(f"{kind}: found {name!r}; expected a name other than '', 'sum', 'net_worth'")
    if len(set(found)) != len(found):
        twice = next(name for name in found if found.count(name) > 1)
        raise InputError(f"{kind}: found {twice!r} twice; expected each name once")
    return found


def _find(kind: str, name: str, rows: dict[str, int]) -> int:
    """Row of `name`, or a UsageError with the nearest name."""
    if name in rows:
        return rows[name]
    nearest = difflib.get_close_matches(str(name), list(rows), n=1, cutoff=0.0)[0]
    raise UsageError(f"{kind}: found {name!r}; expected one of {', '.join(rows)}; nearest {nearest}")
