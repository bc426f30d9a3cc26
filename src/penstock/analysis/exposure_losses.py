"""What an exposure loses on each path, from the outcomes of a run.

Every rule gives a share of the amount: what is lost at the loss rate of the model (`own`), and what is lost where a
file gives its own loss given default (`given`, the share of that rate which applies). Amounts are held, and rolled
over, to the end of the run; nothing is discounted; gains are not counted.

- equity: fall of the company's value from the opening to the end of the run.
- bond, loan, receivable: `loss_fraction` of the claim where the company defaults.
- lease, supply: what is still to come when the contract ends, times the share of it that ends, times the part that
  nobody makes good (assumptions with ranges in `portfolio_assumptions.csv`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.world.rows import read_rows

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, np.dtype[np.float64]]

ASSUMPTIONS = Path(__file__).with_name("portfolio_assumptions.csv")
DEBTS = ("bond", "loan")
CONTRACTS = ("lease", "supply")
CLAIMS = (*DEBTS, *CONTRACTS, "receivable")
QUARTERS_OF_YEAR = 4


@dataclass(frozen=True)
class Assumption:
    """One assumed number of the rules."""

    name: str
    low: float
    central: float
    high: float
    unit: str
    grade: str
    note: str


@lru_cache(maxsize=1)
def assumptions() -> dict[str, Assumption]:
    """The assumed numbers of the rules, by name."""
    return {row.name: row for row in read_rows(ASSUMPTIONS, Assumption)}


def central_values() -> dict[str, float]:
    """Name -> central value."""
    return {name: item.central for name, item in assumptions().items()}


@dataclass(frozen=True)
class CompanyPaths:
    """How companies end on each path; arrays are (companies, paths), NaN where a run says nothing."""

    companies: tuple[str, ...]
    paths: np.ndarray[Any, np.dtype[np.int64]]
    default: Array
    """quarter of the default, 0 the first; NaN where there is none"""
    trouble: Array
    """quarter of the first distress or default"""
    fall: Array
    """fall of value from opening to end, 0 to 1"""
    lost: dict[str, Array]
    """instrument -> `loss_fraction` of the claim"""


def company_paths(
    outcomes: pd.DataFrame, companies: Collection[str], quarters: Sequence[str], paths: np.ndarray[Any, Any]
) -> CompanyPaths:
    """Outcomes of one scenario as arrays. `quarters` names the run's quarters, `paths` its paths, in order."""
    names = tuple(sorted(companies))
    rows = outcomes[outcomes["company_id"].isin(names)]
    firm = np.searchsorted(np.array(names, dtype=str), rows["company_id"].to_numpy(str))
    lane = np.searchsorted(paths, rows["path"].to_numpy(np.int64))
    shape = (len(names), len(paths))
    index = {text: float(number) for number, text in enumerate(quarters)}
    default = _first(shape, firm, lane, rows["default_quarter"].map(index).to_numpy(float))
    trouble = _first(shape, firm, lane, rows["first_distress"].map(index).to_numpy(float))
    instrument = rows["instrument"].to_numpy(str)
    fraction = rows["loss_fraction"].to_numpy(float)
    lost = {}
    for name in CLAIMS:
        mine = instrument == name
        lost[name] = np.full(shape, np.nan)
        lost[name][firm[mine], lane[mine]] = fraction[mine]
    start, end = rows["value_start_usd_bn"].to_numpy(float), rows["value_end_usd_bn"].to_numpy(float)
    known = (start > 0.0) & np.isfinite(end)
    fallen = np.where(known, 1.0 - end / np.where(known, start, 1.0), fraction)
    fall = np.zeros(shape)
    mine = instrument == "equity"
    fall[firm[mine], lane[mine]] = np.clip(np.nan_to_num(fallen[mine]), 0.0, 1.0)
    return CompanyPaths(names, paths, default, np.fmin(trouble, default), fall, lost)


def _first(shape: tuple[int, int], firm: Any, lane: Any, quarter: Any) -> Array:
    """The earliest quarter that any row of a company tells on a path."""
    out = np.full(shape, np.inf)
    known = np.isfinite(quarter)
    np.minimum.at(out, (firm[known], lane[known]), quarter[known])
    return np.where(np.isfinite(out), out, np.nan)


@dataclass(frozen=True)
class LossShares:
    """Shares of an amount that are lost on each path, (paths,)."""

    own: Array
    given: Array
    """to be multiplied with the loss given default of the file"""


def loss_shares(found: CompanyPaths, company: str, instrument: str, values: Mapping[str, float]) -> LossShares:
    """The rule of an instrument; `values` are the assumed numbers by name (see `central_values`)."""
    row = found.companies.index(company)
    failed = np.isfinite(found.default[row])
    lost = {name: array[row] for name, array in found.lost.items()}
    if instrument == "equity":
        return LossShares(found.fall[row], np.zeros_like(found.fall[row]))
    if instrument in CONTRACTS:
        return _contract(found, row, instrument, lost, failed, values)
    order = ("loan", "bond", "receivable") if instrument == "loan" else ("bond", "loan", "receivable")
    if instrument == "receivable":
        order = ("receivable", "bond", "loan")
    share = np.full(failed.shape, 1.0 - values["recovery"])
    for name in reversed(order):
        share = np.where(np.isfinite(lost[name]), lost[name], share)
    return LossShares(np.where(failed, share, 0.0), failed.astype(float))


def _contract(
    found: CompanyPaths,
    row: int,
    instrument: str,
    lost: Mapping[str, Array],
    failed: Any,
    values: Mapping[str, float],
) -> LossShares:
    """Rent or deliveries still to come at the first trouble, the share that ends, and what nobody makes good."""
    ended = np.where(failed, values["contract_ended"], 0.0)
    for name in (next(other for other in CONTRACTS if other != instrument), instrument):
        ended = np.where(np.isfinite(lost[name]), lost[name], ended)
    quarter = np.where(failed, found.default[row], found.trouble[row])
    quarter = np.where(np.isfinite(quarter), quarter, np.inf)
    left = np.clip(1.0 - quarter / (QUARTERS_OF_YEAR * values[f"{instrument}_term"]), 0.0, 1.0)
    not_made_good = 1.0 - values["lease_relet"] if instrument == "lease" else values["supply_value_lost"]
    return LossShares(left * ended * not_made_good, left * failed)


NO_DEFAULT = ("value", "fall_of_value", "", "")
"""Cause of what is lost in value where the company did not default."""
UNTOLD = ("unknown", "not_told", "", "")
"""Cause of a default that the events of a run do not tell."""


@dataclass(frozen=True)
class Causes:
    """Why each company failed on each path."""

    labels: tuple[tuple[str, str, str, str], ...]
    """cause_kind, cause_id, tie_id, counterparty_id"""
    code: np.ndarray[Any, np.dtype[np.int64]]
    """(companies, paths), index into labels"""


def causes_of(events: pd.DataFrame, found: CompanyPaths) -> Causes:
    """Cause of the default of each company on each path of one scenario; else of its distress, where contracts end.

    Follows the event of the stage `standstill`, then `distress`.
    """
    labels: dict[tuple[str, str, str, str], int] = {NO_DEFAULT: 0, UNTOLD: 1}
    failed = np.isfinite(found.default)
    code = np.where(failed, 1, 0)
    place = {company: row for row, company in enumerate(found.companies)}
    words = ["company_id", "stage", "cause_kind", "cause_id", "tie_id", "counterparty_id"]
    rows = events[events["company_id"].isin(found.companies) & events["stage"].isin(["standstill", "distress"])]
    rows = rows[["path", *words]].astype(dict.fromkeys(words, "object")).fillna("")
    lanes = np.searchsorted(found.paths, rows["path"].to_numpy(np.int64))
    told: set[tuple[int, int]] = set()
    for stage in ("standstill", "distress"):
        chosen = rows["stage"].to_numpy(str) == stage
        for lane, cells in zip(
            lanes[chosen].tolist(), rows[words][chosen].itertuples(index=False, name=None), strict=True
        ):
            company, _, kind, cause, tie, other = (str(cell) for cell in cells)
            at = (place[company], lane)
            if at in told or (stage == "standstill") != bool(failed[at]):
                continue
            told.add(at)
            # a tie is its own cause; who stands at its other end is told beside it
            label = (kind, tie or cause, tie, other if tie else "")
            code[at] = labels.setdefault(label, len(labels))
    return Causes(tuple(labels), code)
