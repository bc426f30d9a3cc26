"""Clearing where firms own each other, back each other's debts and pledge assets.

`settlement.clear` with three more channels: equity held in each other, whose value falls with what its company has
left (Elsinger 2009, "Financial networks, cross holdings, and limited liability"; Suzuki 2002, "Valuing corporate
debt: the effect of cross-holdings of stock and debt"); guarantees, called for what a debtor leaves unpaid; and
collateral, which its creditor takes before anybody is paid.

Method: what each firm has to pay with decides everything else, and never rises on the way from full payment
downwards: a payment that fails costs its creditor what no guarantor makes good, a called guarantee takes from the
guarantor's other creditors, and a stake falls with equity. So sweeps from above reach the greatest solution.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from penstock.errors import InputError
from penstock.money.network_input import Floats, amounts, array, compressed, fraction, side_by_side, square_matrix
from penstock.money.settlement import OWES_ITSELF, ROUNDING, seniority_ranks
from penstock.money.waterfall import Network

Index = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

SWEEPS = 20_000
SETTLED = 1e-14
"""An estimated distance from the solution below this part of dues and assets ends the sweeps."""
CONVERGED = 1e-10
ANY_CREDITOR = -1
"""Creditor of a guarantee that stands behind all that its debtor owes."""


class Guarantees(NamedTuple):
    """One row a guarantee; rows of one debtor and creditor are called in their order. Numbers of nodes."""

    guarantor: npt.ArrayLike
    debtor: npt.ArrayLike
    creditor: npt.ArrayLike
    """`ANY_CREDITOR` for all creditors, external ones included."""
    cap: npt.ArrayLike


class BackedClearing(NamedTuple):
    """The greatest solution. Arrays are `(n,)`, or `(n, paths)` where an input had paths."""

    payments: Floats
    """What each pays in all: inside, outside, and on called guarantees."""
    equity: Floats
    """What it has left, stakes at value included; zero for a defaulter."""
    defaults: npt.NDArray[np.bool_]
    called: Floats
    """(guarantees, …) called of each guarantee: what its debtor left unpaid, at most the cap."""
    called_paid: Floats
    """(guarantees, …) paid on it."""
    seized: Floats
    """Collateral of each defaulter that went to its creditors."""
    stakes: Floats
    """Value of the equity that each holds in others."""
    rounds: Any
    """Sweeps: an int, or an array over paths."""
    converged: Any
    """Whether the solution reproduces itself: a bool, or an array over paths."""


def clear_backed(
    L: Any,
    external_assets: npt.ArrayLike,
    external_liabilities: npt.ArrayLike = 0,
    *,
    holdings: Any = None,
    guarantees: Guarantees | None = None,
    collateral: Any = None,
    alpha: float = 1,
    beta: float = 1,
    seniority: Any = None,
) -> BackedClearing:
    """Greatest clearing payments with cross-holdings of equity, guarantees and collateral.

    Arguments of `settlement.clear`, `L` without paths, and: `holdings[i, j]`, the share of the equity of `j` that `i`
    owns (0 to 1, at most 1 a company); `guarantees`, called for what their debtor leaves unpaid and owed by the
    guarantor beside its debts of rank 0; `collateral[i, j]`, assets of `i`, part of its external assets, pledged to
    `j`: in default `j` takes them at their value then (`alpha`) up to its claim, and the rest of its claim ranks with
    the others. A stake brings `beta` of its value in default, as other claims do. A guarantor's claim on the debtor it
    paid for ranks after all others and brings nothing here.

    Raises InputError as `clear` does, and for a stake above the whole, companies that own each other wholly,
    guarantees in a circle, or more pledged than owned.
    """
    matrix, paths = square_matrix("L", L, OWES_ITSELF)
    if matrix.ndim == 3:
        raise InputError("L: found paths; expected one network, with paths in assets and external liabilities")
    n = matrix.shape[0]
    assets, paths = amounts("external_assets", external_assets, n, paths)
    outside, paths = amounts("external_liabilities", external_liabilities, n, paths)
    fraction("alpha", alpha)
    fraction("beta", beta)
    ranks, outside_ranks = seniority_ranks(seniority, n)
    debts = compressed(matrix)
    backing = _backing(guarantees, n)
    owners = _owners(holdings, n)
    wide = paths or 1
    owned, owed_outside = side_by_side(assets, wide), side_by_side(outside, wide)
    pledged = _pledged(collateral, n, owned)
    secured = sparse.csr_array(debts.minimum(pledged * float(alpha)))
    results = []
    for path in range(wide):
        rest = sparse.csr_array(debts - secured)
        network = Network.of(rest, np.ascontiguousarray(owed_outside[:, path]), ranks, outside_ranks)
        results.append(
            _Case(
                _with_first(network, secured),
                debts,
                np.ascontiguousarray(owned[:, path]),
                owners,
                backing,
                float(alpha),
                float(beta),
                np.asarray(secured.sum(axis=1), dtype=np.float64).ravel(),
            ).solve()
        )
    columns: list[Any] = [np.stack(part, axis=-1) for part in zip(*results, strict=True)]
    if paths is None:
        columns = [column[..., 0] for column in columns]
        columns[-2:] = int(columns[-2]), bool(columns[-1])
    return BackedClearing._make(columns)


def _with_first(network: Network, secured: Any) -> Network:
    """The network with what collateral covers as a class before all others; itself where nothing is covered."""
    if secured.nnz == 0:
        return network
    owed = np.concatenate([np.asarray(secured.sum(axis=1)).reshape(1, -1), network.owed])
    filled = np.concatenate([np.zeros((1, owed.shape[1])), np.cumsum(owed, axis=0)])
    return Network((secured, *network.ties), owed, filled, (network.ranks[0] - 1, *network.ranks))


def _owners(holdings: Any, n: int) -> Any:
    """CSR of shares, and the inverse that bounds equities from above; None without holdings."""
    if holdings is None:
        return None
    shares, paths = square_matrix("holdings", holdings, "a company that owns itself")
    if paths is not None or shares.shape[0] != n:
        raise InputError(f"holdings: found shape {shares.shape}; expected ({n}, {n})")
    shares = compressed(shares)
    held = np.asarray(shares.sum(axis=0)).ravel()
    if held.max(initial=0.0) > 1.0 + 1e-9:
        company = int(held.argmax())
        raise InputError(
            f"holdings: found shares of company {company} that add to {held[company]:g}; expected at most 1"
        )
    return shares


def _pledged(collateral: Any, n: int, owned: Floats) -> Any:
    if collateral is None:
        return sparse.csr_array((n, n))
    pledged, paths = square_matrix("collateral", collateral, "assets pledged to their owner")
    if paths is not None or pledged.shape[0] != n:
        raise InputError(f"collateral: found shape {pledged.shape}; expected ({n}, {n})")
    pledged = compressed(pledged)
    total = np.asarray(pledged.sum(axis=1)).ravel()
    short = total[:, None] > owned * (1.0 + 1e-12)
    if short.any():
        who = int(np.flatnonzero(short.any(axis=1))[0])
        raise InputError(
            f"collateral: found {total[who]:g} pledged by node {who}; expected at most its external assets"
        )
    return pledged


@dataclass(frozen=True)
class _Backing:
    """Guarantees as arrays, and the nodes in an order in which debtors stand before those that back them."""

    guarantor: Index
    debtor: Index
    creditor: Index
    cap: Floats
    levels: tuple[Index, ...]


def _backing(guarantees: Guarantees | None, n: int) -> _Backing:
    rows = guarantees if guarantees is not None else Guarantees([], [], [], [])
    guarantor, debtor, creditor = (
        _nodes(name, values, n, ANY_CREDITOR if name == "creditor" else 0)
        for name, values in zip(("guarantor", "debtor", "creditor"), rows[:3], strict=True)
    )
    cap = array("cap", rows.cap).ravel()
    if not (np.isfinite(cap).all() and (cap >= 0.0).all()):
        raise InputError("cap: found a cap that is negative or not finite; expected numbers of at least 0")
    if len({guarantor.size, debtor.size, creditor.size, cap.size}) != 1:
        raise InputError("guarantees: found columns of different lengths; expected a row a guarantee")
    if np.any((guarantor == debtor) | (guarantor == creditor)):
        raise InputError("guarantees: found a guarantor that is the debtor or the creditor; expected a third")
    both = np.intersect1d(debtor[creditor == ANY_CREDITOR], debtor[creditor >= 0])
    if both.size:
        raise InputError(
            f"guarantees: found debtor {both[0]} backed for all creditors and for one; expected one of the two"
        )
    level = np.zeros(n, dtype=np.intp)
    for turn in range(n + 1):
        wanted = level.copy()
        np.maximum.at(wanted, guarantor, level[debtor] + 1)
        if np.array_equal(wanted, level):
            break
        if turn == n:
            circle = ", ".join(str(node) for node in np.unique(guarantor[level[guarantor] >= n - 1])[:12])
            raise InputError(f"guarantees: found a circle through nodes {circle}; expected guarantees that end")
        level = wanted
    return _Backing(
        guarantor,
        debtor,
        creditor,
        cap,
        tuple(np.flatnonzero(level == k) for k in range(int(level.max(initial=0)) + 1)),
    )


def _nodes(name: str, given: npt.ArrayLike, n: int, least: int) -> Index:
    values = array(name, given).ravel()
    if values.size and not (np.all(values == np.rint(values)) and values.min() >= least and values.max() < n):
        raise InputError(f"{name}: found a node outside {least} to {n - 1}; expected numbers of nodes")
    return values.astype(np.intp)


@dataclass(frozen=True)
class _Case:
    """One path."""

    network: Network
    debts: Any
    assets: Floats
    owners: Any
    backing: _Backing
    alpha: float
    beta: float
    secured: Floats
    """(n,) debts that collateral covers"""

    def solve(self) -> tuple[Any, ...]:
        scale = self.network.obligations + self.assets + 1e-300
        received = np.asarray(self.debts.sum(axis=0)).ravel()
        stakes = self._highest_stakes(received)
        scale = scale + received + stakes
        before, rounds, settled = np.inf, 0, False
        for sweep in range(1, SWEEPS + 1):
            state = self._pay(received, stakes)
            lower_received = np.minimum(state[-2], received)
            lower_stakes = np.minimum(state[-1], stakes)
            moved = float(((received - lower_received + stakes - lower_stakes) / scale).max(initial=0.0))
            received, stakes = lower_received, lower_stakes
            if moved > 0.0:
                rounds = sweep
            pace = moved / before
            if moved == 0.0 or (sweep > 2 and pace < 0.99 and moved * pace <= SETTLED * (1.0 - pace)):
                settled = True
                break
            before = moved
        payments, equity, defaults, called, called_paid, seized, again, stakes_again = self._pay(received, stakes)
        gap = np.abs(again - received) + np.abs(stakes_again - stakes)
        converged = settled and bool((gap <= CONVERGED * scale).all())
        return payments, equity, defaults, called, called_paid, seized, stakes, rounds, converged

    def _highest_stakes(self, received: Floats) -> Floats:
        """Stakes at or above their value: equity is at most `(I - holdings)^-1` times what each has of its own."""
        if self.owners is None:
            return np.zeros_like(received)
        own = np.maximum(self.assets + received - self.network.obligations, 0.0)
        identity = sparse.eye_array(own.size, format="csc")
        system = sparse.csc_array(identity - self.owners)
        from scipy.sparse.linalg import splu

        try:
            most = splu(system).solve(own)
        except RuntimeError:
            most = np.full_like(own, np.inf)
        if (
            not np.isfinite(most).all()
            or (most < -1e-9 * (1.0 + own.max())).any()
            or most.max() > 1e9 * (1 + own.max())
        ):
            raise InputError("holdings: found companies that own each other wholly; expected an owner outside")
        return self.owners @ np.maximum(most * (1.0 + 1e-12), own)

    def _pay(self, received: Floats, stakes: Floats) -> tuple[Any, ...]:
        """What all pay, are left with and receive, given what they received and hold."""
        network, backing = self.network, self.backing
        classes = len(network.ties)
        beside = next((c for c, rank in enumerate(network.ranks) if rank >= 0), classes - 1)
        owed = network.owed.copy()
        filled = network.filled.copy()
        full = self.assets + received + stakes
        payments, defaults = np.zeros_like(full), np.zeros(full.size, dtype=np.bool_)
        share = np.ones((classes, full.size))
        called = np.zeros_like(backing.cap)
        for number, nodes in enumerate(backing.levels):
            if number:
                asked = np.isin(backing.guarantor, nodes)
                called[asked] = self._called(share, asked)
                np.add.at(owed[beside], backing.guarantor[asked], called[asked])
                filled[1:, nodes] = np.cumsum(owed[:, nodes], axis=0)
            due = filled[-1, nodes]
            broke = full[nodes] < due - ROUNDING * (due + full[nodes])
            left = self.alpha * self.assets[nodes] + self.beta * (received[nodes] + stakes[nodes])
            payments[nodes] = np.where(broke, np.minimum(left, due), due)
            defaults[nodes] = broke
            paid = np.clip(payments[nodes] - filled[:-1, nodes], 0.0, owed[:, nodes])
            owing = owed[:, nodes] > 0.0
            share[:, nodes] = np.where(owing & broke, paid / np.where(owing, owed[:, nodes], 1.0), 1.0)
        called_paid = called * share[beside, backing.guarantor]
        got = np.zeros_like(full)
        for matrix, part in zip(network.ties, share, strict=True):
            got += matrix.T @ part
        self._pass_on(called_paid, share, got)
        equity = np.where(defaults, 0.0, np.maximum(full - payments, 0.0))
        value = self.owners @ equity if self.owners is not None else np.zeros_like(equity)
        seized = np.where(defaults, np.minimum(payments, self.secured), 0.0)
        return payments, equity, defaults, called, called_paid, seized, got, value

    @cached_property
    def claims(self) -> Floats:
        """(classes, guarantees): what each guarantee stands behind."""
        debtor, creditor = self.backing.debtor, self.backing.creditor
        everybody = creditor == ANY_CREDITOR
        named = [np.asarray(sparse.csr_array(matrix)[debtor, creditor]).ravel() for matrix in self.network.ties]
        return np.where(everybody, self.network.owed[:, debtor], np.array(named))

    def _called(self, share: Floats, asked: Flags) -> Floats:
        """What debtors leave unpaid of what these guarantees stand behind, at most their caps, row after row."""
        backing = self.backing
        short = (self.claims * (1.0 - share[:, backing.debtor])).sum(axis=0)
        amount = np.minimum(short, backing.cap)[asked]
        taken: dict[tuple[int, int], float] = {}
        for row, number in enumerate(np.flatnonzero(asked)):
            pair = int(backing.debtor[number]), int(backing.creditor[number])
            amount[row] = min(amount[row], max(float(short[number]) - taken.get(pair, 0.0), 0.0))
            taken[pair] = taken.get(pair, 0.0) + float(amount[row])
        return amount

    def _pass_on(self, called_paid: Floats, share: Floats, got: Floats) -> None:
        """Add what guarantors paid to what creditors got; a guarantee for all creditors goes by what each lacks."""
        backing = self.backing
        named = backing.creditor >= 0
        np.add.at(got, backing.creditor[named], called_paid[named])
        for number in np.flatnonzero(~named & (called_paid > 0.0)):
            debtor = backing.debtor[number]
            short = float((self.network.owed[:, debtor] * (1.0 - share[:, debtor])).sum())
            for c, matrix in enumerate(self.network.ties):
                row = slice(matrix.indptr[debtor], matrix.indptr[debtor + 1])
                lacking = matrix.data[row] * (1.0 - share[c, debtor])
                np.add.at(got, matrix.indices[row], lacking * (called_paid[number] / short))
