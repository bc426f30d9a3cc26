"""Network valuation: what firms and claims on them are worth when the worth of each rests on that of others (NEVA).

Source: Barucca, Bardoscia, Caccioli, D'Errico, Visentin, Caldarelli and Battiston (2020), "Network valuation in
financial systems", Mathematical Finance 30(4); with the kernels of Eisenberg and Noe (2001), linear DebtRank
(Bardoscia et al. 2015), Black and Cox (1976) as in Bardoscia, Barucca, Brinley Codd and Hill (2017), and Merton
(1974), equations 12 and 16 of the first paper.

Equities are the greatest solution of `E_i = A_i - s_i - B_i + sum_j L_ji v_j(E_j) - sum_j L_ij`: external assets less
shock less external liabilities, plus claims at value, less what is owed inside. External creditors rank before those
inside. `v = R + (1 - R) k(E)`: a part R of each claim is sure, the rest is worth what the kernel says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import log_ndtr, ndtr

from penstock.errors import InputError
from penstock.money.distress import debtrank
from penstock.money.network_input import (
    Floats,
    amounts,
    array,
    compressed,
    one_path,
    side_by_side,
    square_matrix,
)
from penstock.money.settlement import OWES_ITSELF, clear

Kernel = Callable[[Floats], Floats]

SWEEPS = 10_000
"""Most rounds of valuation."""
SETTLED = 1e-14
"""An estimated distance from the solution below this part of a firm's assets and debts ends the rounds."""
CONVERGED = 1e-10
"""Equities that reproduce themselves to this part count as converged."""

EN, LINEAR, BLACK_COX, MERTON = "en", "linear", "blackcox", "merton"
KERNELS = {
    "en": EN,
    "eisenbergnoe": EN,
    "linear": LINEAR,
    "debtrank": LINEAR,
    "lineardebtrank": LINEAR,
    "blackcox": BLACK_COX,
    "merton": MERTON,
}
"""Names of kernels, whatever their case, dashes and spaces."""


class Valuation(NamedTuple):
    """What firms and claims are worth. Arrays are `(n,)`, or `(n, paths)` where an input had paths."""

    equity: Floats
    """Equity after the shock, all claims at value; negative where assets do not cover what is owed."""
    loss: Floats
    """Equity valued without the shock less equity with it."""
    claim_value: Floats
    """Value of a claim of 1 on each firm."""
    spread: Floats | None
    """Spread per year that a claim of this value pays until maturity, `-ln(claim value) / maturity`; None without a
    maturity."""
    rounds: Any
    """Rounds of valuation: an int, or an array over paths."""
    converged: Any
    """Whether the equities reproduce themselves: a bool, or an array over paths."""


def neva(
    L: Any,
    external_assets: npt.ArrayLike,
    external_liabilities: npt.ArrayLike,
    shock: npt.ArrayLike,
    *,
    kernel: str | Kernel,
    recovery: npt.ArrayLike = 0,
    sigma_equity: npt.ArrayLike | None = None,
    maturity: float | None = None,
) -> Valuation:
    """Equities and values of claims after a loss of external assets.

    `L[i, j]` is what `i` owes to `j`: a dense array `(n, n)` or `(n, n, paths)`, or a SciPy sparse matrix `(n, n)`.
    `external_assets`, `external_liabilities` and `shock` (a loss of external assets) are `(n,)`, `(n, paths)` or a
    number. One unit of money throughout.

    `kernel` values a claim by the equity of its debtor: `en` (Eisenberg-Noe: what is left is shared), `linear`
    (DebtRank: the part of its equity before the shock that the debtor has kept), `blackcox` (it fails when equity
    touches 0 before maturity, and then pays nothing), `merton` (it fails at maturity, and then shares what is left),
    or a function of the equities that returns values from 0 to 1 and never falls in them. `recovery` (0 to 1, a
    number or `(n,)` by debtor) is the part of a claim that is sure whatever happens: 0 leaves the kernel as it is, 1
    ends all contagion.

    `sigma_equity` is the volatility of equity over the time to maturity, a part of 1 (a yearly one times the root of
    the years), for `blackcox` and `merton`; that of external assets is this times equity over external assets before
    the shock. `maturity` in years turns values of claims into spreads.

    With `blackcox` and `merton` claims are worth less than their face before any shock, by the chance of default;
    `loss` leaves that out. Raises InputError for numbers out of range, shapes that do not meet, an unknown kernel or
    a volatility that is missing.
    """
    matrix, paths = square_matrix("L", L, OWES_ITSELF)
    n = matrix.shape[0]
    given = []
    for name, values in (
        ("external_assets", external_assets),
        ("external_liabilities", external_liabilities),
        ("shock", shock),
    ):
        checked, paths = amounts(name, values, n, paths)
        given.append(checked)
    chosen = _kernel(kernel)
    sure = _parts("recovery", recovery, n)
    volatility = None
    if chosen in (BLACK_COX, MERTON):
        if sigma_equity is None:
            raise InputError(f"sigma_equity: found nothing; expected a volatility for the kernel {chosen}")
        volatility, paths = amounts("sigma_equity", sigma_equity, n, paths)
    if maturity is not None and not (np.isfinite(maturity) and maturity > 0.0):
        raise InputError(f"maturity: found {maturity}; expected years above 0")
    wide = paths or 1
    assets, owed_outside, hit = (side_by_side(values, wide) for values in given)
    sigma = side_by_side(volatility, wide) if volatility is not None else None
    networks = [compressed(one_path(matrix, path)) for path in range(wide)] if matrix.ndim == 3 else [matrix]
    parts = []
    for number, one in enumerate(networks):
        lanes = slice(number, number + 1) if matrix.ndim == 3 else slice(0, wide)
        book = _Book.of(
            compressed(one),
            assets[:, lanes],
            owed_outside[:, lanes],
            sure,
            sigma[:, lanes] if sigma is not None else None,
        )
        parts.append(_shocked(book, hit[:, lanes], chosen))
    equity, loss, value, rounds, converged = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
    spread = None
    if maturity is not None:
        lost = value <= 0.0
        spread = np.where(lost, np.inf, -np.log(np.where(lost, 1.0, value)) / maturity)
        # a claim that is worth its face pays no spread, not minus zero
        spread = np.maximum(spread, 0.0)
    if paths is None:
        yearly = spread[:, 0] if spread is not None else None
        return Valuation(equity[:, 0], loss[:, 0], value[:, 0], yearly, int(rounds[0]), bool(converged[0]))
    return Valuation(equity, loss, value, spread, rounds, converged)


def _kernel(kernel: str | Kernel) -> str | Kernel:
    if callable(kernel):
        return kernel
    found = KERNELS.get("".join(c for c in str(kernel).lower() if c.isalnum()))
    if found is None:
        raise InputError(
            f"kernel: found {kernel!r}; expected {EN}, {LINEAR}, {BLACK_COX}, {MERTON} or a function of equity"
        )
    return found


def _parts(name: str, given: npt.ArrayLike, n: int) -> Floats:
    """(n, 1) numbers from 0 to 1."""
    values = array(name, given)
    if values.shape not in ((), (n,)):
        raise InputError(f"{name}: found shape {values.shape}; expected a number or ({n},)")
    if not (np.isfinite(values).all() and values.min() >= 0.0 and values.max() <= 1.0):
        raise InputError(f"{name}: found {given!r}; expected numbers from 0 to 1")
    return np.broadcast_to(values.reshape(-1, 1), (n, 1))


@dataclass(frozen=True)
class _Book:
    """Balance sheets before the shock, (n, paths), and the claims between firms."""

    liabilities: Any
    claims: Any
    """CSR by creditor: what i can lose on j"""
    assets: Floats
    outside: Floats
    owed: Floats
    """(n, 1) owed inside"""
    sure: Floats
    sigma: Floats | None

    @classmethod
    def of(cls, liabilities: Any, assets: Floats, outside: Floats, sure: Floats, sigma: Floats | None) -> _Book:
        owed = np.asarray(liabilities.sum(axis=1)).reshape(-1, 1)
        return cls(liabilities, sparse.csr_array(liabilities.T), assets, outside, owed, sure, sigma)

    def equity(self, shock: Floats, value: Floats) -> Floats:
        """Equity when claims have this value."""
        return (self.assets - shock) - self.outside + self.claims @ value - self.owed

    @property
    def face(self) -> Floats:
        return self.equity(np.zeros_like(self.assets), np.ones_like(self.assets))


def _shocked(book: _Book, shock: Floats, kernel: str | Kernel) -> tuple[Floats, Floats, Floats, Any, Any]:
    """Equity, loss, value of claims, rounds and convergence."""
    equity, value, rounds, converged = _valued(book, shock, kernel)
    calm = np.zeros_like(shock)
    if kernel in (EN, LINEAR) and (book.face > 0.0).all():
        before = book.face
    else:
        before, _, _, settled = _valued(book, calm, kernel)
        converged = converged & settled
    return equity, before - equity, value, rounds, converged


def _valued(book: _Book, shock: Floats, kernel: str | Kernel) -> tuple[Floats, Floats, Any, Any]:
    if kernel == LINEAR:
        return _linear(book, shock)
    if kernel == EN:
        if not book.sure.any():
            return _cleared(book, shock)
        return _settled(book, shock, lambda equity: _shared(equity, book.owed))
    if callable(kernel):
        return _settled(book, shock, kernel)
    left = book.assets - shock
    assert book.sigma is not None
    solvent = (book.face > 0.0) & (book.assets > 0.0)
    ratio = np.where(solvent, book.face, 0.0) / np.where(solvent, book.assets, 1.0)
    sigma = book.sigma * ratio
    if kernel == BLACK_COX:
        return _settled(book, shock, lambda equity: 1.0 - first_passage(equity, left, sigma))
    return _settled(book, shock, lambda equity: merton_value(equity, left, book.owed, sigma))


def _linear(book: _Book, shock: Floats) -> tuple[Floats, Floats, Any, Any]:
    """DebtRank; claims on firms that had no equity before are worth only what is sure of them, from the outset."""
    face = book.face
    if (face <= 0.0).any():
        return _settled(book, shock, lambda equity: 1.0 - _clipped_loss(equity, face))
    exposures = sparse.csr_array(book.claims @ sparse.diags_array(1.0 - book.sure[:, 0]))
    found = debtrank(exposures, face, shock)
    value = 1.0 - (1.0 - book.sure) * found.relative_loss
    return book.equity(shock, value), value, np.asarray(found.rounds), np.asarray(found.converged)


def _clipped_loss(equity: Floats, face: Floats) -> Floats:
    solvent = face > 0.0
    return np.where(solvent, np.clip(1.0 - equity / np.where(solvent, face, 1.0), 0.0, 1.0), 1.0)


def _cleared(book: _Book, shock: Floats) -> tuple[Floats, Floats, Any, Any]:
    """Eisenberg-Noe by clearing, exact: external creditors first, a hole in external assets as one more of them."""
    left = book.assets - shock
    outside = book.outside + np.maximum(-left, 0.0)
    junior = book.liabilities.copy()
    junior.data = np.ones_like(junior.data)
    found = clear(book.liabilities, np.maximum(left, 0.0), outside, seniority=junior)
    shares = (found.payments - outside) / np.where(book.owed > 0.0, book.owed, 1.0)
    value = np.where(found.defaults & (book.owed > 0.0), np.clip(shares, 0.0, 1.0), 1.0)
    return book.equity(shock, value), value, np.asarray(found.rounds), np.asarray(found.converged)


def _shared(equity: Floats, owed: Floats) -> Floats:
    """Eisenberg-Noe: the share of what is owed inside that is covered."""
    return np.where(owed > 0.0, np.clip((equity + owed) / np.where(owed > 0.0, owed, 1.0), 0.0, 1.0), 1.0)


def _settled(book: _Book, shock: Floats, kernel: Kernel) -> tuple[Floats, Floats, Any, Any]:
    """Rounds of valuation from face value downwards; each stays at or above the greatest solution."""
    paths = shock.shape[1]
    value = np.ones_like(shock)
    equity = book.equity(shock, value)
    scale = book.assets + book.outside + book.claims @ value + book.owed + shock
    scale = np.where(scale > 0.0, scale, 1.0)
    rounds = np.zeros(paths, dtype=np.int64)
    going = np.ones(paths, dtype=np.bool_)
    before = np.full(paths, np.inf)
    for sweep in range(1, SWEEPS + 1):
        wanted = book.sure + (1.0 - book.sure) * np.clip(kernel(equity), 0.0, 1.0)
        lower = np.where(going, np.minimum(wanted, value), value)
        following = book.equity(shock, lower)
        moved = (np.abs(following - equity) / scale).max(axis=0, initial=0.0)
        value = lower
        equity = np.where(going, following, equity)
        rounds[going & (moved > 0.0)] = sweep
        pace = moved / before
        ended = (moved == 0.0) | ((sweep > 2) & (pace < 0.99) & (moved * pace <= SETTLED * (1.0 - pace)))
        going &= ~ended
        before = np.where(moved > 0.0, moved, before)
        if not going.any():
            break
    again = book.equity(shock, book.sure + (1.0 - book.sure) * np.clip(kernel(equity), 0.0, 1.0))
    converged = (np.abs(again - equity) <= CONVERGED * scale).all(axis=0) & ~going
    return equity, value, rounds, converged


def first_passage(equity: Floats, assets: Floats, sigma: Floats) -> Floats:
    """Probability that assets, a driftless geometric Brownian motion, touch what is owed beyond claims before
    maturity (Black and Cox 1976).

    The barrier is `assets - equity`; `sigma` is the volatility of assets over the time to maturity. 1 where equity is
    gone, 0 where claims alone cover what is owed.
    """
    open_ = (equity > 0.0) & (equity < assets) & (sigma > 0.0)
    distance = np.log1p(-np.where(open_, equity, 0.5) / np.where(open_, assets, 1.0))
    width = np.where(open_, sigma, 1.0)
    straight = ndtr((distance + 0.5 * width**2) / width)
    reflected = np.exp(-distance + log_ndtr((distance - 0.5 * width**2) / width))
    return np.where(open_, np.minimum(straight + reflected, 1.0), np.where(equity > 0.0, 0.0, 1.0))


def merton_value(equity: Floats, assets: Floats, owed: Floats, sigma: Floats) -> Floats:
    """Value of a claim of 1 on a firm that fails at maturity if its equity is then below 0, and shares what is left.

    Assets are a driftless geometric Brownian motion with volatility `sigma` over the time to maturity; `owed` is what
    it owes inside the network, after external creditors. Without volatility, Eisenberg-Noe.
    """
    risky = (sigma > 0.0) & (assets > 0.0) & (owed > 0.0)
    a, s = np.where(risky, assets, 1.0), np.where(risky, sigma, 1.0)
    e, p = np.where(risky, equity, 0.0), np.where(risky, owed, 1.0)

    def below(level: Floats, sign: float) -> Floats:
        """Weight of assets below the level: probability (sign 1), or expected assets over assets (sign -1)."""
        reachable = level > 0.0
        log_level = np.log(np.where(reachable, level, 1.0) / a)
        return np.where(reachable, ndtr((log_level + sign * 0.5 * s**2) / s), 0.0)

    # equity is below 0 below the first level, and nothing is left for claims inside below the second
    fails, empty = a - e, a - e - p
    shared = (1.0 + (e - a) / p) * (below(fails, 1.0) - below(empty, 1.0))
    shared += a / p * (below(fails, -1.0) - below(empty, -1.0))
    value = np.clip(1.0 - below(fails, 1.0) + shared, 0.0, 1.0)
    return np.where(risky, value, _shared(equity, owed))
