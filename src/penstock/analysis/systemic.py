"""Which firms and ties would do most damage, and which firms would suffer most: each fails, or is cut, in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from penstock.analysis.firm_network import CONTRACT, CONTRACT_LOSS, FirmNetwork, exposures, network_of
from penstock.engine.progress import OnProgress, silent
from penstock.errors import ModelError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.run import Run
    from penstock.world import World

Floats = npt.NDArray[np.float64]
RULES = {"debtrank": "linear", "debtrank-threshold": "threshold"}


@dataclass(frozen=True)
class Systemic:
    """Firms and ties by the damage that they do or carry. Money in `unit`."""

    method: str
    where: str
    unit: str
    firms: pd.DataFrame
    """rank, company_id, equity, damage (loss of all others when it fails, central), damage_low and damage_high (over
    the assumed loss on contracts), damage_share (of the equity of the others), failures (others that fail with it),
    hits_most (who loses most), suffered (its mean loss when another fails), suffered_share (of its equity),
    suffers_most_from; most damage first"""
    ties: pd.DataFrame
    """rank, tie_id, kind, debtor, creditor, amount, carried (fall of damage, summed over all failures, without it),
    carried_worst (its largest fall in one failure), worst_failure (whose), grade; most carried first"""
    converged: bool

    def to_pandas(self) -> pd.DataFrame:
        """A row a firm."""
        return self.firms

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "method": self.method,
            "where": self.where,
            "unit": self.unit,
            "firms": self.firms.to_dict(orient="records"),
            "ties": self.ties.to_dict(orient="records"),
        }


def systemic(
    run_or_world: Run | World | FirmNetwork,
    *,
    method: str = "debtrank",
    scenario: str | None = None,
    quarter: str | None = None,
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    prior: bool = False,
    on_progress: OnProgress = silent,
) -> Systemic:
    """Rank firms by what their failure does to all others, and ties by what cutting them would save.

    Each firm in turn loses its whole equity; losses then run along debts, bills, stakes and a part of committed dues
    (DebtRank, `debtrank` or `debtrank-threshold`), on the network of the opening state, of a scenario or run at a
    quarter, or one's own. A tie is cut by taking its exposure away, equity unchanged. Low and high take the assumed
    part of committed dues that is lost from its range. Raises UsageError for an unknown method or quarter, ModelError
    where losses do not settle.
    """
    if method not in RULES:
        raise UsageError(f"--method: found {method!r}; expected one of {', '.join(RULES)}")
    if isinstance(run_or_world, FirmNetwork):
        network = run_or_world
    else:
        network = network_of(
            run_or_world, scenario=scenario, quarter=quarter, paths=paths, quarters=quarters, seed=seed, prior=prior
        )
    equity = network.equity
    low, central, high = (_losses(exposures(network, part), equity, method) for part in CONTRACT_LOSS)
    firms = _firms(network, equity, low, central, high)
    ties = _ties(network, equity, central, method, on_progress)
    return Systemic(method, network.where, network.unit, firms, ties, True)


def _losses(matrix: Any, equity: Floats, method: str) -> Floats:
    """(n, n): what the first firm loses when the second loses its equity; 0 on the diagonal."""
    from penstock.money.valuation import debtrank

    # a firm without equity fails with the smallest loss
    shock = np.diag(np.maximum(equity, 1e-9))
    rule: Any = RULES[method]
    found = debtrank(matrix, equity, shock, rule=rule)
    if not np.all(found.converged):
        raise ModelError(f"convergence: found {int((~found.converged).sum())} failures whose losses do not settle")
    # beyond its equity a firm's loss falls on creditors, who are counted themselves
    loss = np.minimum(found.loss, np.maximum(equity, 0.0)[:, None])
    np.fill_diagonal(loss, 0.0)
    return loss


def _firms(network: FirmNetwork, equity: Floats, low: Floats, central: Floats, high: Floats) -> pd.DataFrame:
    import pandas as pd

    names = np.array(network.firms, dtype=object)
    own = np.maximum(equity, 0.0)
    damage, others = central.sum(axis=0), own.sum() - own
    suffered = central.sum(axis=1) / max(network.size - 1, 1)
    failures = ((central >= own[:, None] * (1.0 - 1e-12)) & (central > 0.0)).sum(axis=0)
    frame = pd.DataFrame(
        {
            "company_id": names,
            "equity": equity,
            "damage": damage,
            "damage_low": low.sum(axis=0),
            "damage_high": high.sum(axis=0),
            "damage_share": damage / np.where(others > 0.0, others, np.nan),
            "failures": failures,
            "hits_most": np.where(damage > 0.0, names[central.argmax(axis=0)], ""),
            "suffered": suffered,
            "suffered_share": suffered / np.where(own > 0.0, own, np.nan),
            "suffers_most_from": np.where(suffered > 0.0, names[central.argmax(axis=1)], ""),
        }
    )
    frame = frame.sort_values(["damage", "company_id"], ascending=[False, True], ignore_index=True)
    frame.insert(0, "rank", np.arange(1, len(frame) + 1))
    return frame


def _ties(network: FirmNetwork, equity: Floats, central: Floats, method: str, on_progress: OnProgress) -> pd.DataFrame:
    import pandas as pd

    names = network.firms
    damage = central.sum(axis=0)
    matrix = exposures(network)
    rows = []
    total = len(network.ties)
    for number, tie in enumerate(network.ties.to_dict(orient="records")):
        on_progress(number, total, "ties")
        debtor, creditor = int(tie["debtor"]), int(tie["creditor"])
        amount = float(tie["amount"]) * (CONTRACT_LOSS[1] if tie["kind"] == CONTRACT else 1.0)
        cut = matrix.copy()
        row = slice(cut.indptr[creditor], cut.indptr[creditor + 1])
        cell = cut.indptr[creditor] + int(np.flatnonzero(cut.indices[row] == debtor)[0])
        cut.data[cell] = max(cut.data[cell] - amount, 0.0)
        saved = damage - _losses(cut, equity, method).sum(axis=0)
        worst = int(saved.argmax())
        rows.append(
            {
                "tie_id": tie["tie_id"],
                "kind": tie["kind"],
                "debtor": names[debtor],
                "creditor": names[creditor],
                "amount": float(tie["amount"]),
                "carried": float(saved.sum()),
                "carried_worst": float(saved[worst]),
                "worst_failure": names[worst] if saved[worst] > 0.0 else "",
                "grade": tie["grade"],
            }
        )
    on_progress(total, total, "ties")
    columns = ["tie_id", "kind", "debtor", "creditor", "amount", "carried", "carried_worst", "worst_failure", "grade"]
    frame = pd.DataFrame(rows, columns=columns)
    frame = frame.sort_values(["carried", "tie_id"], ascending=[False, True], ignore_index=True)
    frame.insert(0, "rank", np.arange(1, len(frame) + 1))
    return frame
