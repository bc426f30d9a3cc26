"""What a loss does to a network of firms: who fails, who loses how much, with or without one of its ties."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from penstock.analysis.firm_network import CONTRACT, CONTRACT_LOSS, OWED, STAKE, FirmNetwork, exposures, network_of
from penstock.errors import InputError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.run import Run
    from penstock.money.backing import BackedClearing, Guarantees
    from penstock.money.settlement import Clearing
    from penstock.world import World

Floats = npt.NDArray[np.float64]

METHODS = (
    "en",
    "rv",
    "debtrank",
    "debtrank-threshold",
    "neva-en",
    "neva-linear",
    "neva-blackcox",
    "neva-merton",
)
DEFAULT_COSTS = (0.9, 0.9)
"""What external assets and claims of a defaulter bring with method rv unless told (assumption, 0.5 to 1)."""


@dataclass(frozen=True)
class Outcome:
    """What a method says of each firm, (n,)."""

    before: Floats
    """equity before the shock, as the method values it"""
    equity: Floats
    loss: Floats
    failed: npt.NDArray[np.bool_]
    extra: dict[str, Floats]
    """further columns of the method"""
    rounds: int
    converged: bool

    def of_first(self, count: int) -> Outcome:
        """The same of the first firms alone."""
        extra = {name: values[:count] for name, values in self.extra.items()}
        before, equity, loss = self.before[:count], self.equity[:count], self.loss[:count]
        return Outcome(before, equity, loss, self.failed[:count], extra, self.rounds, self.converged)


@dataclass(frozen=True)
class Contagion:
    """Losses in a network after a shock."""

    method: str
    where: str
    unit: str
    firms: pd.DataFrame
    """company_id, equity_before, shock, loss, loss_by_contagion, relative_loss, failed, what the method adds, and
    with a tie removed loss_without and its difference; most loss first"""
    totals: dict[str, Any]
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
            "totals": self.totals,
            "firms": self.firms.to_dict(orient="records"),
        }


def contagion(
    run_or_world: Run | World | FirmNetwork,
    *,
    method: str = "debtrank",
    shock: dict[str, float] | None = None,
    remove: str | None = None,
    recovery: float = 0.0,
    alpha: float | None = None,
    beta: float | None = None,
    contract_loss: float = CONTRACT_LOSS[1],
    scenario: str | None = None,
    quarter: str | None = None,
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    prior: bool = False,
) -> Contagion:
    """Losses of all firms after a shock, by one of `METHODS`.

    `shock` maps firms to losses of external assets in the network's unit. The network is that of a world (its opening
    state, or that of a scenario at a quarter), of a run, or one's own (`FirmNetwork`). Methods: `en` and `rv` clear
    what is owed now (Eisenberg-Noe; Rogers-Veraart with `alpha` and `beta`, 0.9 each unless told), `debtrank` and
    `debtrank-threshold` run losses of equity along debts, bills, stakes and the part `contract_loss` of a year's
    committed dues, `neva-…` value what is owed now, a part `recovery` of it sure. With `remove` the same without one
    tie. Raises UsageError for an unknown method, firm, tie or quarter, and for an option that the method does not use.
    """
    if method not in METHODS:
        raise UsageError(f"--method: found {method!r}; expected one of {', '.join(METHODS)}")
    for name, part in (("recovery", recovery), ("alpha", alpha), ("beta", beta)):
        if part is not None and not 0.0 <= part <= 1.0:
            raise UsageError(f"--{name}: found {part}; expected a number from 0 to 1")
    if recovery and not method.startswith(("neva", "debtrank")):
        raise UsageError(f"--recovery: found {recovery} with {method}; expected it with debtrank and neva methods only")
    if (alpha is not None or beta is not None) and method != "rv":
        raise UsageError(f"--alpha, --beta: found them with {method}; expected them with rv only")
    if isinstance(run_or_world, FirmNetwork):
        network = run_or_world
    else:
        network = network_of(
            run_or_world, scenario=scenario, quarter=quarter, paths=paths, quarters=quarters, seed=seed, prior=prior
        )
    hit = _shock(network, shock or {})
    options = {
        "recovery": recovery,
        "alpha": DEFAULT_COSTS[0] if alpha is None else alpha,
        "beta": DEFAULT_COSTS[1] if beta is None else beta,
        "contract_loss": contract_loss,
    }
    found = outcome_of(network, hit, method, **options)
    other, tie = None, ""
    if remove is not None:
        tie = network.find_tie(remove)
        left = network.without(tie)
        beside = np.append(hit, np.zeros(left.size - network.size))
        other = outcome_of(left, beside, method, **options).of_first(network.size)
    return _result(network, hit, method, found, other, tie)


def outcome_of(
    network: FirmNetwork,
    shock: Floats,
    method: str,
    *,
    recovery: float = 0.0,
    alpha: float = DEFAULT_COSTS[0],
    beta: float = DEFAULT_COSTS[1],
    contract_loss: float = CONTRACT_LOSS[1],
) -> Outcome:
    """What a method says of a network; `shock` is (n,)."""
    if method in ("en", "rv"):
        costs = (alpha, beta) if method == "rv" else (1.0, 1.0)
        return _cleared(network, shock, *costs)
    if method.startswith("debtrank"):
        return _ranked(network, shock, method, recovery, contract_loss)
    return _valued(network, shock, method.removeprefix("neva-"), recovery)


def _shock(network: FirmNetwork, losses: dict[str, float]) -> Floats:
    hit = np.zeros(network.size)
    place = {name: number for number, name in enumerate(network.firms)}
    for name, loss in losses.items():
        if name not in place:
            from penstock.world.naming import nearest_name

            near = nearest_name(name, network.firms)
            hint = f"; nearest {near}" if near else ""
            raise UsageError(f"shock: found {name!r}; expected a firm of this network{hint}")
        if not (np.isfinite(loss) and loss >= 0.0):
            raise InputError(f"shock: {name}: found {loss}; expected a loss of at least 0")
        hit[place[name]] = loss
    return hit


def _cleared(network: FirmNetwork, shock: Floats, alpha: float, beta: float) -> Outcome:
    from penstock.money.backing import clear_backed
    from penstock.money.settlement import clear

    owed = network.matrix(OWED)
    ranks = _seniority(network)
    left = network.external_assets - shock
    # a hole in assets is owed outside
    assets, outside = np.maximum(left, 0.0), network.external_liabilities + np.maximum(-left, 0.0)
    extra: dict[str, Floats] = {}
    after: Clearing | BackedClearing
    calm: Clearing | BackedClearing
    if network.backing is None or network.backing.empty:
        costs: dict[str, Any] = {"alpha": alpha, "beta": beta, "seniority": ranks}
        after = clear(owed, assets, outside, **costs)
        calm = clear(owed, network.external_assets, network.external_liabilities, **costs)
    else:
        options: dict[str, Any] = {
            "holdings": _pairs(network, STAKE, transposed=True),
            "guarantees": _guarantees(network),
            "alpha": alpha,
            "beta": beta,
            "seniority": ranks,
        }
        pledged = _pairs(network, "collateral")
        calm = clear_backed(owed, network.external_assets, network.external_liabilities, collateral=pledged, **options)
        backed = clear_backed(owed, assets, outside, collateral=_left_of(pledged, assets), **options)
        extra["collateral_seized"] = backed.seized
        if options["guarantees"] is not None:
            paid = np.zeros(network.size)
            np.add.at(paid, np.asarray(options["guarantees"].guarantor), backed.called_paid)
            extra["paid_on_guarantees"] = paid
        after = backed
    due = np.asarray(owed.sum(axis=1)).ravel() + outside
    unpaid = np.where(after.defaults, np.maximum(due - after.payments, 0.0), 0.0)
    return Outcome(
        calm.equity,
        after.equity,
        calm.equity - after.equity,
        after.defaults,
        {"owed": due, "paid": after.payments, "unpaid": unpaid, **extra},
        int(after.rounds),
        bool(after.converged and calm.converged),
    )


def _left_of(pledged: Any, assets: Floats) -> Any:
    """What a shock leaves of pledged assets, alike for all creditors; None without any."""
    if pledged is None:
        return None
    total = np.asarray(pledged.sum(axis=1)).ravel()
    kept = np.where(total > 0.0, np.minimum(1.0, assets / np.where(total > 0.0, total, 1.0)), 1.0)
    return pledged * kept[:, None]


def _seniority(network: FirmNetwork) -> Any:
    """CSR of ranks (n, n); None where all is pari passu."""
    from scipy import sparse

    ties = network.ties[network.ties["kind"].isin(OWED) & (network.ties["seniority"] != 0)]
    if ties.empty:
        return None
    cells = (ties["debtor"].to_numpy(np.int64), ties["creditor"].to_numpy(np.int64))
    ranks = sparse.coo_array((ties["seniority"].to_numpy(float), cells), shape=(network.size, network.size))
    return sparse.csr_array(ranks)


def _pairs(network: FirmNetwork, kind: str, *, transposed: bool = False) -> Any:
    """CSR of one kind of backing; None without any."""
    if network.backing is None or not (network.backing["kind"] == kind).any():
        return None
    table = replace(network, ties=network.backing[network.backing["kind"] == kind]).matrix()
    return table.T.tocsr() if transposed else table


def _guarantees(network: FirmNetwork) -> Guarantees | None:
    from penstock.money.backing import Guarantees

    if network.backing is None:
        return None
    rows = network.backing[network.backing["kind"] == "guarantee"]
    if rows.empty:
        return None
    return Guarantees(
        rows["debtor"].to_numpy(), rows["obligor"].to_numpy(), rows["creditor"].to_numpy(), rows["amount"].to_numpy()
    )


def _ranked(network: FirmNetwork, shock: Floats, method: str, recovery: float, contract_loss: float) -> Outcome:
    from penstock.money.valuation import debtrank

    before = network.equity
    lost = _exposed(network, contract_loss) * (1.0 - recovery)
    found = debtrank(lost, before, shock, rule="threshold" if method.endswith("threshold") else "linear")
    return Outcome(before, found.equity, found.loss, found.defaults, {}, int(found.rounds), bool(found.converged))


def _exposed(network: FirmNetwork, contract_loss: float) -> Any:
    """Exposures, with stakes, guarantees and collateral of one's own network where it has some."""
    found = exposures(network, contract_loss)
    if network.backing is None or network.backing.empty:
        return found
    matrix = found.toarray()
    equity = np.maximum(network.equity, 0.0)
    pledged, stakes, guarantees = (
        _pairs(network, "collateral"),
        _pairs(network, STAKE, transposed=True),
        _guarantees(network),
    )
    if pledged is not None:
        matrix = np.maximum(matrix - pledged.toarray().T, 0.0)
    if guarantees is not None:
        for backer, obligor, creditor, cap in zip(*(np.asarray(column) for column in guarantees), strict=True):
            moved = min(float(cap), float(matrix[creditor, obligor]))
            matrix[creditor, obligor] -= moved
            matrix[backer, obligor] += moved
    if stakes is not None:
        matrix += stakes.toarray() * equity[None, :]
    return matrix


def _valued(network: FirmNetwork, shock: Floats, kernel: str, recovery: float) -> Outcome:
    from penstock.money.valuation import neva

    if network.backing is not None and not network.backing.empty:
        raise InputError(
            "--method: found a neva method on ties with stakes, guarantees or collateral; expected debts only"
        )
    if (network.ties["seniority"] != 0).any():
        raise InputError("--method: found a neva method on ties with ranks; expected debts of one rank")
    if kernel in ("blackcox", "merton") and network.volatility is None:
        raise InputError(f"{network.where}: volatility: found no such column; expected it for the method neva-{kernel}")
    found = neva(
        network.matrix(OWED),
        network.external_assets,
        network.external_liabilities,
        shock,
        kernel=kernel,
        recovery=recovery,
        sigma_equity=network.volatility,
        maturity=1.0,
    )
    extra = {"claim_value": found.claim_value}
    if kernel in ("blackcox", "merton"):
        assert found.spread is not None
        extra["spread"] = found.spread
    before = found.equity + found.loss
    # where claims are paid at maturity a firm without equity still pays in full
    edge = -1e-12 * (network.external_assets + network.external_liabilities) if kernel in ("en", "merton") else 0.0
    failed = found.equity < edge if kernel in ("en", "merton") else found.equity <= 0.0
    return Outcome(before, found.equity, found.loss, failed, extra, int(found.rounds), bool(found.converged))


def _result(
    network: FirmNetwork, shock: Floats, method: str, found: Outcome, other: Outcome | None, tie: str
) -> Contagion:
    import pandas as pd

    solvent = found.before > 0.0
    relative = np.where(solvent, found.loss / np.where(solvent, found.before, 1.0), np.nan)
    # money of clearing is bounded by limited liability: a shock beyond equity falls on creditors
    direct = np.minimum(shock, np.maximum(found.before, 0.0)) if method in ("en", "rv") else shock
    frame = pd.DataFrame(
        {
            "company_id": list(network.firms),
            "equity_before": found.before,
            "shock": shock,
            "loss": found.loss,
            "loss_by_contagion": np.maximum(found.loss - direct, 0.0),
            "relative_loss": relative,
            "failed": found.failed,
            **found.extra,
        }
    )
    failed_before = (found.before <= 0.0) & (shock == 0.0)
    totals: dict[str, Any] = {
        "shock": float(shock.sum()),
        "loss": float(found.loss.sum()),
        "loss_by_contagion": float(frame["loss_by_contagion"].sum()),
        "equity_before": float(np.maximum(found.before, 0.0).sum()),
        "failed": int(found.failed.sum()),
        "failed_without_shock": int((found.failed & failed_before).sum()),
        "rounds": found.rounds,
        "converged": found.converged,
    }
    totals |= {name: float(found.extra[name].sum()) for name in ("owed", "paid", "unpaid") if name in found.extra}
    converged = found.converged
    if other is not None:
        frame["loss_without"] = other.loss
        frame["loss_saved"] = found.loss - other.loss
        totals |= {
            "removed": tie,
            "loss_without": float(other.loss.sum()),
            "loss_saved": float((found.loss - other.loss).sum()),
            **({"unpaid_without": float(other.extra["unpaid"].sum())} if "unpaid" in other.extra else {}),
            "failed_without": int(other.failed.sum()),
        }
        converged = converged and other.converged
    frame = frame.sort_values(["loss", "failed", "company_id"], ascending=[False, False, True], ignore_index=True)
    return Contagion(method, network.where, network.unit, frame, totals, converged)


__all__ = ["CONTRACT", "METHODS", "Contagion", "contagion", "outcome_of"]
