"""How long clearing and linear DebtRank take on random networks, beside the published equations in plain SciPy."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.machine import ROOT
from benchmarks.published import clearing_vector, relative_losses
from penstock.money.settlement import clear
from penstock.money.valuation import debtrank

SIZES = ((1_000, 10_000), (100_000, 1_000_000))
EQUAL = 1e-9
CRISIS = 0.25
SEED = 11
MB = 1024.0
"""kilobytes, in which Linux tells the peak of a process"""


@dataclass(frozen=True)
class NetworkSpeed:
    """Best of several calls on one network, compiled code warm."""

    method: str
    nodes: int
    ties: int
    failed: int
    rounds: int
    penstock_s: float
    published_s: float
    largest_gap: float
    """between the two results, relative to the largest payment or to 1"""
    peak_mb: float
    """of a process of its own that makes and solves the network both ways"""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def network(nodes: int, ties: int) -> tuple[sparse.csr_array, Any, Any, Any, Any]:
    """Liabilities, external assets and liabilities, equity at face, and a shock that fails one firm in a hundred."""
    random = np.random.default_rng(SEED)
    debtor = random.integers(0, nodes, ties)
    creditor = (debtor + random.integers(1, nodes, ties)) % nodes
    L = sparse.csr_array(sparse.coo_array((random.gamma(1.0, 1.0, ties), (debtor, creditor)), shape=(nodes, nodes)))
    outside = 5.0 * random.gamma(1.0, 1.0, nodes)
    claims, owed = np.asarray(L.sum(axis=0)).ravel(), np.asarray(L.sum(axis=1)).ravel()
    # claims are 80 % of assets at risk to equity: distress dies out, not at once
    equity = claims / 0.8 + 0.5
    assets = np.maximum(equity + outside + owed - claims, 0.0)
    equity = assets - outside - owed + claims
    shock = np.where(random.random(nodes) < 0.01, np.minimum(equity, assets), 0.0)
    return L, assets, outside, equity, shock


def measure(repeats: int, sizes: tuple[tuple[int, int], ...] = SIZES) -> list[NetworkSpeed]:
    """Each size in a process of its own, so that its peak of memory is its own."""
    found = []
    for nodes, ties in sizes:
        command = [sys.executable, "-m", "benchmarks.contagion", str(nodes), str(ties), str(repeats)]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if told.returncode:
            raise RuntimeError(f"contagion: found exit code {told.returncode}; expected 0\n{told.stderr}")
        found += [NetworkSpeed(**row) for row in json.loads(told.stdout)]
    return found


def measure_here(nodes: int, ties: int, repeats: int) -> list[NetworkSpeed]:
    """Both methods on one network in this process."""
    L, assets, outside, equity, shock = network(nodes, ties)
    exposures = sparse.csr_array(L.T)
    # for clearing most external assets go as well, so that about a half of the firms default
    left = CRISIS * (assets - shock)
    rows = []
    cleared, cleared_s = _best(lambda: clear(L, left, outside), repeats)
    plain, plain_s = _best(lambda: clearing_vector(L, left, outside), min(repeats, 3))
    gap = float(np.abs(cleared.payments - plain).max() / plain.max())
    rows.append(("clearing", int(cleared.defaults.sum()), cleared.rounds, cleared_s, plain_s, gap, cleared.converged))
    ranked, ranked_s = _best(lambda: debtrank(exposures, equity, shock), repeats)
    plain, plain_s = _best(lambda: relative_losses(exposures, equity, shock), min(repeats, 3))
    gap = float(np.abs(ranked.relative_loss - plain).max())
    rows.append(
        ("linear DebtRank", int(ranked.defaults.sum()), ranked.rounds, ranked_s, plain_s, gap, ranked.converged)
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB
    for method, *_, gap, converged in rows:
        if not (converged and gap <= EQUAL):
            raise RuntimeError(f"{method}: found a gap of {gap:.1e} to the published equations; expected {EQUAL:.0e}")
    return [
        NetworkSpeed(method, nodes, ties, failed, rounds, own, published, gap, peak)
        for method, failed, rounds, own, published, gap, _ in rows
    ]


def _best(call: Callable[[], Any], repeats: int) -> tuple[Any, float]:
    """Result and best time; the first call compiles and is not timed where there are more."""
    result, best = call(), float("inf")
    for _ in range(max(repeats, 1)):
        began = time.perf_counter()
        result = call()
        best = min(best, time.perf_counter() - began)
    return result, best


if __name__ == "__main__":
    size = [int(text) for text in sys.argv[1:4]]
    print(json.dumps([one.to_dict() for one in measure_here(*size)]))
