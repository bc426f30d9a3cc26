"""Who breaks first, who follows, through what, and who buys the pieces: counted over the paths of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.paired import NORMAL_95, difference_row
from penstock.engine.record import CAUSE_KINDS

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.run import Run

Array = np.ndarray[Any, np.dtype[Any]]

NEVER = np.inf
LEAST_PATHS = 5
"""Pairs that follow each other on fewer paths are left out: chance makes many such."""
LEAST_COMPARED = 20
"""Paths without the leader's default that a comparison needs."""
EXCESS_SE = 2.0
"""A pair without a tie between them is told where the follower fails so many standard errors more often."""


@dataclass(frozen=True)
class Breaks:
    """Defaults of one scenario, firms and paths in order."""

    firms: tuple[str, ...]
    quarters: tuple[str, ...]
    when: Array
    """(firms, paths) number of the quarter of default, NEVER where none"""
    kind: Array
    """(firms, paths) index into CAUSE_KINDS of the default's cause, -1 where none"""
    customer: Array
    """(firms, paths) index of the failed customer behind a default by a tie, -1 where none"""

    @property
    def failed(self) -> Array:
        """(firms, paths)"""
        return np.isfinite(self.when)

    @property
    def first(self) -> Array:
        """(firms, paths) true for those that default in the first quarter with a default of their path"""
        return np.asarray(self.failed & (self.when == self.when.min(axis=0)))


def breaks_of(run: Run, scenario: str) -> Breaks:
    """The defaults of a scenario of a run, from its events."""
    paths = run.manifest["paths"]
    outcomes = run.outcomes
    firms = tuple(sorted(outcomes.loc[outcomes["scenario"] == scenario, "company_id"].unique()))
    number = {name: row for row, name in enumerate(firms)}
    economy = run.economy
    quarters = tuple(sorted(economy["quarter"].unique()))
    place = {name: position for position, name in enumerate(quarters)}
    events = run.events
    rows = events[(events["scenario"] == scenario) & (events["stage"] == "standstill")]
    firm = rows["company_id"].map(number).to_numpy(np.int64)
    path = rows["path"].to_numpy(np.int64)
    when = np.full((len(firms), paths), NEVER)
    when[firm, path] = rows["quarter"].map(place).to_numpy(float)
    kind = np.full((len(firms), paths), -1)
    kind[firm, path] = rows["cause_kind"].map({name: i for i, name in enumerate(CAUSE_KINDS)}).to_numpy(np.int64)
    customer = np.full((len(firms), paths), -1)
    by_tie = rows["cause_kind"].to_numpy(str) == "tie"
    customer[firm[by_tie], path[by_tie]] = (
        rows["counterparty_id"][by_tie].map(number).fillna(-1).to_numpy(np.int64)
    )  # fmt: skip
    return Breaks(firms, quarters, when, kind, customer)


def default_table(base: Breaks, other: Breaks) -> pd.DataFrame:
    """company_id, paths, share, base_share, difference with interval, first_share, median_quarter.

    A row a company that defaults on some path of either; shares are of paths; most added defaults first.
    """
    import pandas as pd

    theirs = dict(zip(base.firms, base.failed, strict=True))
    rows = []
    for row, name in enumerate(other.firms):
        failed = other.failed[row]
        before = theirs.get(name, np.zeros(failed.shape[0], dtype=bool))
        if not (failed.any() or before.any()):
            continue
        found = difference_row(before.astype(float), failed.astype(float))
        rows.append(
            {
                "company_id": name,
                "paths": int(failed.sum()),
                "share": found["level"],
                "base_share": found["base"],
                **{key: found[key] for key in ("difference", "se", "low95", "high95")},
                "first_share": float(other.first[row].mean()),
                "median_quarter": _median_quarter(other, row),
            }
        )
    columns = [
        "company_id", "paths", "share", "base_share", "difference", "se", "low95", "high95", "first_share",
        "median_quarter",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["difference", "company_id"], ascending=[False, True], ignore_index=True
    )


def _median_quarter(found: Breaks, row: int) -> str:
    when = found.when[row][found.failed[row]]
    return found.quarters[int(np.quantile(when, 0.5, method="lower"))] if len(when) else ""


def order_table(found: Breaks) -> pd.DataFrame:
    """Who follows whom: leader_id, follower_id, leader_paths, follows, se, otherwise, by_tie, median_lag_quarters.

    `follows`: share of the paths with the leader's default on which the follower defaults in a later quarter;
    `otherwise`: share of all other paths on which it defaults at all; `by_tie`: share of the leader's paths on
    which its default is the named cause. Told are pairs with a tie, or with an excess of EXCESS_SE standard errors.
    """
    import pandas as pd

    rows = []
    failed = found.failed
    for leader, name in enumerate(found.firms):
        paths = int(failed[leader].sum())
        if paths < LEAST_PATHS:
            continue
        mine = failed[leader]
        lag = found.when[:, mine] - found.when[leader, mine]
        later = np.isfinite(lag) & (lag > 0)
        tied = (found.customer == leader)[:, mine]
        share = later.mean(axis=1)
        rest = failed[:, ~mine]
        otherwise = rest.mean(axis=1) if rest.shape[1] else np.full(len(failed), np.nan)
        error = np.sqrt(share * (1.0 - share) / paths)
        more = share - otherwise > EXCESS_SE * np.hypot(error, _error(rest))
        compared = rest.shape[1] >= LEAST_COMPARED
        told = (later.sum(axis=1) >= LEAST_PATHS) & (tied.any(axis=1) | (more & compared))
        for follower in np.flatnonzero(told):
            rows.append(
                {
                    "leader_id": name,
                    "follower_id": found.firms[follower],
                    "leader_paths": paths,
                    "follows": float(share[follower]),
                    "se": float(error[follower]),
                    "otherwise": float(otherwise[follower]),
                    "by_tie": float(tied[follower].mean()),
                    "median_lag_quarters": float(np.median(lag[follower][later[follower]])),
                }
            )
    columns = [
        "leader_id", "follower_id", "leader_paths", "follows", "se", "otherwise", "by_tie", "median_lag_quarters",
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    strength = frame["by_tie"] * frame["leader_paths"]
    return frame.assign(_strength=strength, _more=frame["follows"] - frame["otherwise"]).sort_values(
        ["_strength", "_more"], ascending=False, ignore_index=True
    )[columns]


def _error(failed: Array) -> Array:
    """Standard error of the share of paths by firm, from two imagined paths more (Agresti and Coull 1998)."""
    paths = failed.shape[1]
    share = (failed.sum(axis=1) + 1.0) / (paths + 2.0)
    return np.asarray(np.sqrt(share * (1.0 - share) / (paths + 2.0)))


def cause_table(base: Breaks, other: Breaks) -> pd.DataFrame:
    """cause_kind, defaults per path of the base and of the other, difference with interval, share of defaults."""
    import pandas as pd

    rows = []
    total = max(int(other.failed.sum()), 1)
    for code, name in enumerate(CAUSE_KINDS):
        mine, theirs = ((found.kind == code).sum(axis=0).astype(float) for found in (other, base))
        if mine.any() or theirs.any():
            found = difference_row(theirs, mine)
            rows.append({"cause_kind": name, **found, "share": float(mine.sum()) / total})
    columns = ["cause_kind", "base", "level", "difference", "se", "low95", "high95", "p05", "p95", "share"]
    return pd.DataFrame(rows, columns=columns)


def buyer_table(run: Run, scenario: str) -> pd.DataFrame:
    """Who buys failed companies' plant, and for how much.

    company_id, deals_per_path, se, low95, high95, paths, bought (most first), bought_deals, and what a path pays in the
    mean: paid_usd_bn, paid_se.
    """
    import pandas as pd

    paths = run.manifest["paths"]
    events = run.events
    deals = events[(events["scenario"] == scenario) & (events["stage"] == "acquisition")]
    rows = []
    for name, mine in deals.groupby("counterparty_id"):
        counts = np.bincount(mine["path"].to_numpy(np.int64), minlength=paths)
        mean, error = float(counts.mean()), float(counts.std(ddof=1) / np.sqrt(paths)) if paths > 1 else np.nan
        spent = np.bincount(mine["path"].to_numpy(np.int64), weights=mine["amount_usd_bn"], minlength=paths)
        bought = mine["company_id"].value_counts()
        rows.append(
            {
                "company_id": str(name),
                "deals_per_path": mean,
                "se": error,
                "low95": max(mean - NORMAL_95 * error, 0.0),
                "high95": mean + NORMAL_95 * error,
                "paths": int((counts > 0).sum()),
                "bought": [str(company) for company in bought.index],
                "bought_deals": [int(count) for count in bought],
                "paid_usd_bn": float(spent.mean()),
                "paid_se": float(spent.std(ddof=1) / np.sqrt(paths)) if paths > 1 else np.nan,
            }
        )
    columns = ["company_id", "deals_per_path", "se", "low95", "high95", "paths", "bought", "bought_deals"]
    columns += ["paid_usd_bn", "paid_se"]
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["deals_per_path", "company_id"], ascending=[False, True], ignore_index=True
    )
