"""What defaults cost, path by path, and who bears it: the one definition of `loss_usd_bn`.

`loss_usd_bn` of a path is what is written off, cumulated over its quarters: claims on failed companies (debt, leases,
receivables, what called guarantees paid) by what is cut from them, and the equity of failed companies at its value at
the end of the last quarter before they came into distress. Falls of market value elsewhere are not in it, nor is
money that a rescue pays in, which is shown beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.engine.ledger_view import SECTOR_GROUPS
from penstock.engine.losses import LOSS_INSTRUMENTS

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.model import PathBlock
    from penstock.engine.run import Run

Array = np.ndarray[Any, np.dtype[np.float64]]

BEARERS = ("equity", "lenders", "suppliers", "state", "users")
"""Who bears a loss. equity: owners of failed companies; lenders: banks, funds, bond holders and lessors; suppliers:
companies that sold, lent or leased to the failed one, or vouched for it; state: taxes; users: households and
enterprises, wages included.
"""
BEARER_OF_GROUP = {
    "users": "users",
    "workers": "users",
    "state": "state",
    "other_customers": "suppliers",
    "other_suppliers": "suppliers",
    "lenders": "lenders",
    "investors": "lenders",
}
"""Who stands behind a sector's group."""
STATE_SECTORS = ("governments", "tax_office")


@dataclass(frozen=True)
class PathLosses:
    """Losses of a set of paths; every array has one entry a path."""

    paths: np.ndarray[Any, np.dtype[np.int64]]
    """numbers of the paths, ascending"""
    loss_usd_bn: Array
    """the sum of the bearers' losses"""
    by_bearer: dict[str, Array]
    """name in BEARERS -> usd_bn"""
    by_instrument: dict[str, Array]
    """name in LOSS_INSTRUMENTS -> usd_bn"""
    rescue_usd_bn: Array
    """money that the state paid into companies, beyond the losses"""

    @property
    def worst_path(self) -> int:
        """The path with the largest loss, the first of equal ones."""
        return int(self.paths[self.loss_usd_bn.argmax()])

    def to_pandas(self) -> pd.DataFrame:
        """A row a path: path, loss_usd_bn, a column a bearer, rescue_usd_bn."""
        import pandas as pd

        parts = {f"{name}_usd_bn": values for name, values in self.by_bearer.items()}
        return pd.DataFrame(
            {"path": self.paths, "loss_usd_bn": self.loss_usd_bn, **parts, "rescue_usd_bn": self.rescue_usd_bn}
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"losses": self.to_pandas().to_dict(orient="records"), "worst_path": self.worst_path}


def losses_of(source: PathBlock | Run, scenario: str | None = None) -> PathLosses:
    """Losses of each path of a block of paths, or of a scenario of a run (its first unless given).

    The total is the sum of the bearers' parts, and equals that of the instruments' to rounding.
    """
    outcomes, losses, events = _tables(source, scenario)
    paths = np.unique(np.asarray(outcomes["path"], dtype=np.int64))
    firms = set(outcomes["company_id"])
    place = np.searchsorted(paths, np.asarray(losses["path"], dtype=np.int64))
    amount = np.asarray(losses["loss_usd_bn"], dtype=float)
    bearer = bearers_of(losses["creditor_id"], losses["instrument"], firms)
    by_bearer = {name: _by_path(place, amount, bearer == name, len(paths)) for name in BEARERS}
    instrument = np.asarray(losses["instrument"], dtype=object)
    by_instrument = {name: _by_path(place, amount, instrument == name, len(paths)) for name in LOSS_INSTRUMENTS}
    rescued = np.asarray(events["stage"], dtype=object) == "rescue"
    by_state = np.isin(np.asarray(events["counterparty_id"], dtype=object).astype(str), STATE_SECTORS)
    given = np.searchsorted(paths, np.asarray(events["path"], dtype=np.int64))
    return PathLosses(
        paths=paths,
        loss_usd_bn=np.sum([by_bearer[name] for name in BEARERS], axis=0),
        by_bearer=by_bearer,
        by_instrument=by_instrument,
        rescue_usd_bn=_by_path(given, np.asarray(events["amount_usd_bn"], float), rescued & by_state, len(paths)),
    )


def losses_by_company(
    source: PathBlock | Run, scenario: str | None = None, *, claims_only: bool = False
) -> tuple[tuple[str, ...], Array]:
    """Companies in alphabetical order, and what their failures cost on each path, (companies, paths) usd_bn.

    claims_only: without the equity of the failed companies.
    """
    outcomes, losses, _ = _tables(source, scenario)
    paths = np.unique(np.asarray(outcomes["path"], dtype=np.int64))
    firms = np.unique(np.asarray(outcomes["company_id"], dtype=str))
    cost = np.zeros((len(firms), len(paths)))
    row = np.searchsorted(firms, np.asarray(losses["company_id"], dtype=str))
    column = np.searchsorted(paths, np.asarray(losses["path"], dtype=np.int64))
    amount = np.asarray(losses["loss_usd_bn"], dtype=float)
    if claims_only:
        amount = np.where(np.asarray(losses["instrument"], dtype=object) == "equity", 0.0, amount)
    np.add.at(cost, (row, column), amount)
    return tuple(firms.tolist()), cost


PARTS = ("added", "avoided", "same")
"""Parts of a change of losses: failures that only come with it, that it spares, and those that come either way."""


def parts_of_change(base: tuple[tuple[str, ...], Array], other: tuple[tuple[str, ...], Array]) -> dict[str, Array]:
    """Name in PARTS -> usd_bn by path; they add up to the change of the loss. Arguments as from losses_by_company.

    `same` tells how much less or more the same failures cost: values and claims at the time of failure differ.
    """
    firms = sorted({*base[0], *other[0]})
    before, after = (_on(firms, *side) for side in (base, other))
    failed_before, failed_after = before > 0.0, after > 0.0
    return {
        "added": np.where(failed_after & ~failed_before, after, 0.0).sum(axis=0),
        "avoided": -np.where(failed_before & ~failed_after, before, 0.0).sum(axis=0),
        "same": np.where(failed_before & failed_after, after - before, 0.0).sum(axis=0),
    }


def _on(firms: list[str], known: tuple[str, ...], cost: Array) -> Array:
    """The rows of `firms`; zero for a company that the other side alone knows."""
    out = np.zeros((len(firms), cost.shape[1]))
    out[np.searchsorted(firms, known)] = cost
    return out


def bearers_of(creditors: Any, instruments: Any, firms: Iterable[str]) -> np.ndarray[Any, Any]:
    """Name in BEARERS for each loss; `firms` are the companies that the model simulates, all others hold and lend."""
    known = set(firms)

    def bearer(creditor: str, instrument: str) -> str:
        if instrument == "equity":
            return "equity"
        if creditor in SECTOR_GROUPS:
            return BEARER_OF_GROUP[SECTOR_GROUPS[creditor]]
        return "suppliers" if creditor in known else "lenders"

    import pandas as pd

    # few of the many rows differ in creditor or kind: each pair is looked up once; equity has no creditor
    holder, holders = pd.factorize(np.asarray(creditors, dtype=object), use_na_sentinel=False)
    kind, kinds = pd.factorize(np.asarray(instruments, dtype=object))
    pairs, place = np.unique(holder * max(len(kinds), 1) + kind, return_inverse=True)
    found = [bearer(str(holders[pair // len(kinds)]), str(kinds[pair % len(kinds)])) for pair in pairs.tolist()]
    return np.array(found, dtype=object)[place]


def _tables(source: PathBlock | Run, scenario: str | None) -> tuple[Any, Any, Any]:
    """outcomes, losses and events of the paths asked for."""
    if isinstance(source.outcomes, dict):
        return source.outcomes, source.losses, source.events
    from penstock.engine.run import Run

    assert isinstance(source, Run)
    name = scenario or source.scenarios[0]
    outcomes, losses, events = (t[t["scenario"] == name] for t in (source.outcomes, source.losses, source.events))
    return outcomes, losses, events


def _by_path(place: Any, amount: Array, rows: Any, count: int) -> Array:
    """Sums of the chosen rows by path."""
    return np.asarray(np.bincount(place[rows], weights=amount[rows], minlength=count), dtype=np.float64)
