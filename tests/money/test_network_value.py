"""DebtRank and network valuation: published cases, limits, and input that cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.integrate import quad
from scipy.stats import norm

from penstock.errors import InputError
from penstock.money.network_value import first_passage, merton_value
from penstock.money.valuation import debtrank, neva

EXACT = 1e-9

# A lends 0.5 to B, B to C, C to A; every bank has equity 1 (Barucca et al. 2020, and the example data of the authors'
# package: external assets 10, 5, 3 and liabilities 9, 4, 2)
EXPOSURES = np.array([[0.0, 0.5, 0.0], [0.0, 0.0, 0.5], [0.5, 0.0, 0.0]])
ASSETS, OUTSIDE = [10.0, 5.0, 3.0], [9.0, 4.0, 2.0]


@pytest.mark.parametrize(
    ("shock", "equity"),
    [((0.5, 0, 0), (3 / 7, 6 / 7, 5 / 7)), ((0.2, 0.2, 0.2), (0.6, 0.6, 0.6)), ((1, 1, 1), (-0.5, -0.5, -0.5))],
)
def test_linear_debtrank_on_a_cycle(shock: Any, equity: Any) -> None:
    # Bardoscia et al. 2015; the same by network valuation (Barucca et al. 2020, proposition on linear DebtRank)
    assert debtrank(EXPOSURES, 1, shock).equity == pytest.approx(equity, abs=EXACT)
    assert neva(EXPOSURES.T, ASSETS, OUTSIDE, shock, kernel="linear").equity == pytest.approx(equity, abs=EXACT)


def test_closed_form_while_no_cap_binds() -> None:
    # h = (I - leverage)^-1 h0
    found = debtrank([[0, 0.9], [0.8, 0]], 1, (0.1, 0))
    assert found.relative_loss == pytest.approx([0.357142857142857, 0.285714285714286], abs=1e-12)
    assert found.converged


def test_a_ring_near_its_limit_is_solved_exactly() -> None:
    # plain iteration would take some 10^9 sweeps: h = h0 / (1 - leverage^2)
    leverage, first = 1.0 - 1e-9, 1e-12
    found = debtrank([[0, leverage], [leverage, 0]], 1, (first, 0))
    expected = first / ((1.0 - leverage) * (1.0 + leverage))
    assert found.converged
    assert found.relative_loss == pytest.approx([expected, leverage * expected], rel=1e-6)
    # and beyond the limit all is lost, however small the shock
    assert debtrank([[0, 1.2], [1.2, 0]], 1, (1e-6, 0)).relative_loss.tolist() == [1.0, 1.0]
    assert debtrank([[0, 1.2], [1.2, 0]], 1, 0).relative_loss.tolist() == [0.0, 0.0]


def test_threshold_cascade_by_hand() -> None:
    # 0 fails, 1 loses 0.6 and keeps 0.4, then 2 loses 2 and fails, and 1 loses 0.5 more on 2
    exposures = np.array([[0, 0, 0], [0.6, 0, 0.5], [2.0, 0, 0]])
    found = debtrank(exposures, 1, (1, 0, 0), rule="threshold")
    assert found.loss == pytest.approx([1.0, 1.1, 2.0], abs=EXACT)
    assert found.defaults.all()
    assert debtrank(exposures, 1, (0.99, 0, 0), rule="threshold").loss.tolist() == [0.99, 0.0, 0.0]


def test_once_is_the_walk_of_the_first_debtrank() -> None:
    # Battiston et al. 2012: A passes 0.5 to C, C 0.25 to B, B 0.125 to A, who passes on nothing more
    found = debtrank(EXPOSURES, 1, (0.5, 0, 0), rule="once")
    assert found.relative_loss == pytest.approx([0.5625, 0.125, 0.25], abs=EXACT)
    # an impact is at most 1: twice its equity at stake, a half lost, a half of it gone
    assert debtrank([[0, 2.0], [0, 0]], 1, (0, 0.5), rule="once").relative_loss[0] == pytest.approx(0.5, abs=EXACT)


def test_a_firm_without_equity_fails_with_its_first_loss() -> None:
    exposures = np.array([[0, 0.0, 0.0], [0.1, 0, 0.0], [0, 1.0, 0]])
    found = debtrank(exposures, (1.0, 0.0, 2.0), (0.1, 0, 0))
    assert found.relative_loss == pytest.approx([0.1, 1.0, 0.5], abs=EXACT)
    calm = debtrank(exposures, (1.0, -1.0, 2.0), 0.0)
    assert not calm.defaults.any()


def test_eisenberg_noe_on_the_cycle() -> None:
    found = neva(EXPOSURES.T, ASSETS, OUTSIDE, (0.5, 0, 0), kernel="en")
    assert found.equity == pytest.approx([0.5, 1.0, 1.0], abs=EXACT)


@pytest.mark.parametrize(
    ("shock", "equity"),
    [((0.5, 0, 0), (0.499999994579, 0.999999999690, 0.998589596263)), ((1, 1, 1), (-0.2, -0.2, -0.2))],
)
def test_ex_ante_black_cox(shock: Any, equity: Any) -> None:
    # example data and figures of the authors' package neva: R = 0.6, volatility 0.2 over the time to maturity, 1.25
    found = neva(EXPOSURES.T, ASSETS, OUTSIDE, shock, kernel="blackcox", recovery=0.6, sigma_equity=0.2, maturity=1.25)
    assert found.equity == pytest.approx(equity, abs=1e-9)
    assert found.converged
    assert found.spread == pytest.approx(-np.log(found.claim_value) / 1.25, abs=EXACT)


@pytest.mark.parametrize("kernel", ["en", "linear", "blackcox", "merton"])
def test_full_recovery_ends_contagion(kernel: str) -> None:
    found = neva(EXPOSURES.T, ASSETS, OUTSIDE, (2.0, 0.3, 0), kernel=kernel, recovery=1, sigma_equity=0.3)
    assert found.loss == pytest.approx([2.0, 0.3, 0.0], abs=EXACT)


def test_black_cox_with_relative_losses_is_linear_debtrank() -> None:
    # the default probability is the part of equity that is lost
    def value(equity: np.ndarray) -> np.ndarray:
        return np.clip(equity / 1.0, 0.0, 1.0)

    for shock in ((0.5, 0, 0), (0.9, 0.4, 0)):
        own = neva(EXPOSURES.T, ASSETS, OUTSIDE, shock, kernel=value)
        assert own.equity == pytest.approx(debtrank(EXPOSURES, 1, shock).equity, abs=1e-9)


def test_merton_tends_to_eisenberg_noe() -> None:
    for shock in ((1.2, 0, 0), (1.3, 0.7, 0.3)):
        limit = neva(EXPOSURES.T, ASSETS, OUTSIDE, shock, kernel="en").equity
        for volatility in (1e-6, 0.0):
            found = neva(EXPOSURES.T, ASSETS, OUTSIDE, shock, kernel="merton", sigma_equity=volatility)
            assert found.equity == pytest.approx(limit, abs=1e-7)


@pytest.mark.parametrize("equity", [-0.6, -0.1, 0.0, 0.2, 1.0])
@pytest.mark.parametrize("owed", [0.5, 4.0])
def test_merton_is_the_expected_payment(equity: float, owed: float) -> None:
    # equation 12 of Barucca et al. 2020 against the integral over assets at maturity
    assets, sigma = 3.0, 0.2

    def payment(z: float) -> float:
        at_maturity = assets * np.exp(sigma * z - 0.5 * sigma**2)
        return float(np.clip((equity + at_maturity - assets + owed) / owed, 0.0, 1.0) * norm.pdf(z))

    kinks = [(np.log(level / assets) + 0.5 * sigma**2) / sigma for level in (assets - equity, assets - equity - owed)
             if level > 0]  # fmt: skip
    expected, _ = quad(payment, -12, 12, points=[k for k in kinks if abs(k) < 12], epsabs=1e-12, limit=200)
    found = merton_value(*(np.array([x]) for x in (equity, assets, owed, sigma)))
    assert found[0] == pytest.approx(expected, abs=1e-9)


def test_first_passage_against_its_limits() -> None:
    def at(equity: float, assets: float = 2.0, sigma: float = 0.3) -> float:
        return float(first_passage(np.array([equity]), np.array([assets]), np.array([sigma]))[0])

    assert at(0.0) == 1.0
    assert at(-1.0) == 1.0
    assert at(2.0) == 0.0
    assert at(1e-12) == pytest.approx(1.0, abs=1e-9)
    assert at(0.5, sigma=0.0) == 0.0
    # as in Black and Cox: touching is at least as likely as being below at maturity, at most twice near the barrier
    below = norm.cdf((np.log(0.75) + 0.045) / 0.3)
    assert below < at(0.5) < 2.2 * below
    assert at(0.5, sigma=0.4) > at(0.5) > at(0.6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: debtrank(EXPOSURES, 1, 1, rule="linera"), "rule: found 'linera'; expected one of linear"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: debtrank(-EXPOSURES, 1, 1), "exposures: found -0.5"),
        (lambda: debtrank(np.eye(3), 1, 1), "exposed to itself"),
        (lambda: debtrank(EXPOSURES, np.nan, 1), "equity: found a value that is not finite"),
        (lambda: debtrank(EXPOSURES, 1, [1, 1]), r"shock: found shape \(2,\)"),
        (lambda: neva(EXPOSURES, 1, 1, 0, kernel="mertn"), "kernel: found 'mertn'; expected en, linear"),
        (lambda: neva(EXPOSURES, 1, 1, 0, kernel="merton"), "sigma_equity: found nothing"),
        (lambda: neva(EXPOSURES, 1, 1, 0, kernel="en", recovery=1.5), "recovery: found 1.5"),
        (lambda: neva(EXPOSURES, 1, 1, 0, kernel="en", maturity=0), "maturity: found 0"),
        (lambda: neva(EXPOSURES, 1, 1, -1, kernel="en"), "shock: found -1"),
    ],
)
def test_input_that_cannot_be_is_named(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_kernels_have_their_names() -> None:
    for name in ("en", "Eisenberg-Noe", "eisenberg_noe"):
        assert neva(EXPOSURES.T, 3, 1, (0.5, 0, 0), kernel=name).equity == pytest.approx(
            neva(EXPOSURES.T, 3, 1, (0.5, 0, 0), kernel="en").equity
        )
    assert neva(EXPOSURES.T, 3, 1, 0, kernel="Black-Cox", sigma_equity=0.1).converged


def test_a_large_network_near_its_limit_is_solved() -> None:
    # leverage 0.999 everywhere: sweeps creep, and more firms than are solved densely are below their equity
    random = np.random.default_rng(2)
    n, ties = 2_500, 12_500
    debtor = random.integers(0, n, ties)
    creditor = (debtor + random.integers(1, n, ties)) % n
    claims = sparse.csr_array(sparse.coo_array((random.gamma(1.0, 1.0, ties), (creditor, debtor)), shape=(n, n)))
    equity = np.asarray(claims.sum(axis=1)).ravel() / 0.999 + 1e-9
    shock = np.where(random.random(n) < 0.01, 1e-3, 0.0) * equity
    found = debtrank(claims, equity, shock)
    assert found.converged
    assert 0.0 < found.relative_loss.max() < 1.0
    again = (shock + claims @ found.relative_loss) / equity
    assert found.relative_loss == pytest.approx(again, abs=1e-12)
