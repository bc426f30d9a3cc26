"""How long clearing takes inside the ensemble, the hard cases of networks (dense input, distress that creeps), a
portfolio of a million rows, a report.

`python -m benchmarks.crises` prints a table. Times are of this process alone (processor time), so that a machine that
others use changes them less.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.contagion import CRISIS, network
from benchmarks.machine import provenance
from benchmarks.portfolio import measure
from benchmarks.tables import table as markdown
from benchmarks.tables import time_text
from penstock.engine.model import prepare, simulate_paths
from penstock.engine.steps import settle
from penstock.money.distress import _relative
from penstock.money.settlement import clear
from penstock.money.valuation import debtrank
from penstock.world import load_world

MOST_US = 20.0
"""microseconds of clearing a path-quarter"""
MOST_DENSE_S, MOST_CREEPING_S = 0.010, 10.0
MOST_PORTFOLIO_S, MOST_PORTFOLIO_MB, MOST_REPORT_S = 30.0, 2000.0, 10.0
SAME = 1e-12
"""to which a fixed point must reproduce itself"""
LEVERAGES = (0.99, 0.999, 1.0, 1.01)
SEED = 3


@dataclass(frozen=True)
class Row:
    """One figure beside its limit; `told` says what else was found."""

    what: str
    seconds: float
    limit: float
    told: str


@dataclass
class _Clock:
    """Processor time of the calls of a function that it stands in for."""

    function: Callable[..., Any]
    seconds: float = 0.0
    calls: int = 0

    def __call__(self, *given: Any) -> Any:
        began = time.process_time()
        result = self.function(*given)
        self.seconds += time.process_time() - began
        self.calls += 1
        return result


def ensemble_clearing(paths: int, quarters: int) -> Row:
    """Clearing of all paths and quarters of the baseline, by path-quarter."""
    model = prepare(load_world(), quarters=quarters)
    simulate_paths(model, 0, 8)
    clock = _Clock(settle.clear)
    short = {"path_quarters": 0}

    def counted(now: Any, gap: Any, needs: Any) -> Any:
        short["path_quarters"] += int(np.count_nonzero(needs[:paths]))
        return clock(now, gap, needs)

    settle.clear = counted
    try:
        simulate_paths(model, 0, paths)
    finally:
        settle.clear = clock.function
    each = clock.seconds / (paths * quarters)
    needed = short["path_quarters"]
    told = f"{needed:,} of {paths * quarters:,} path-quarters have a firm that is short"
    if needed:
        told += f", {1e6 * clock.seconds / needed:.1f} µs each"
    return Row(
        f"clearing in the ensemble, {paths:,} paths x {quarters} quarters, a path-quarter", each, MOST_US / 1e6, told
    )


def dense_input(nodes: int, ties: int, repeats: int) -> list[Row]:
    """A network given as a dense array: finding its ties is part of the time."""
    L, assets, outside, equity, shock = network(nodes, ties)
    cells = L.toarray()
    size = f"dense {nodes:,} x {nodes:,} with {ties:,} ties"
    cleared, clear_s = _best(lambda: clear(cells, CRISIS * (assets - shock), outside), repeats)
    ranked, rank_s = _best(lambda: debtrank(cells.T, equity, shock), repeats)
    return [
        Row(f"clearing, {size}", clear_s, MOST_DENSE_S, f"{int(cleared.defaults.sum()):,} default"),
        Row(f"linear DebtRank, {size}", rank_s, MOST_DENSE_S, f"{int(ranked.defaults.sum()):,} fail"),
    ]


def heavy_network(nodes: int, ties: int, leverage: float) -> tuple[sparse.csr_array, Any, Any]:
    """Heavy-tailed ties; equity scaled so that the largest eigenvalue of exposures over equity is the leverage."""
    random = np.random.default_rng(SEED)
    weight = random.pareto(1.2, nodes) + 1.0
    ends = random.choice(nodes, (2, ties), p=weight / weight.sum())
    ends = ends[:, ends[0] != ends[1]]
    amount = random.pareto(1.5, ends.shape[1]) + 0.1
    exposures = sparse.csr_array(sparse.coo_array((amount, (ends[0], ends[1])), shape=(nodes, nodes)))
    equity = np.asarray(exposures.sum(axis=1)).ravel() * random.uniform(0.5, 1.5, nodes) + 0.01
    scaled, vector, largest = sparse.diags_array(1.0 / equity) @ exposures, np.ones(nodes), 1.0
    for _ in range(200):
        vector = scaled @ vector
        largest = float(vector.max())
        vector = vector / largest
    equity = equity * (largest / leverage)
    return exposures, equity, np.where(random.random(nodes) < 0.001, 0.3 * equity, 0.0)


def creeping_distress(nodes: int, ties: int) -> list[Row]:
    """DebtRank near the critical leverage. Raises RuntimeError where the fixed point does not hold."""
    rows = []
    for leverage in LEVERAGES:
        exposures, equity, shock = heavy_network(nodes, ties, leverage)
        found, seconds = _best(partial(debtrank, exposures, equity, shock), 1)
        h = np.asarray(found.relative_loss)
        gap = float(np.abs(_relative(shock + exposures @ h, equity) - h).max())
        if not (found.converged and gap <= SAME):
            raise RuntimeError(f"leverage {leverage}: found a gap of {gap:.1e}; expected {SAME:.0e}")
        told = f"{int(found.defaults.sum()):,} fail, {found.rounds} rounds, fixed point to {gap:.0e}"
        rows.append(
            Row(f"linear DebtRank, {nodes:,} x {ties:,}, leverage {leverage:g}", seconds, MOST_CREEPING_S, told)
        )
    return rows


def commands(rows: int, paths: int, quarters: int) -> list[Row]:
    """A portfolio, start of the command included, and a report. Raises RuntimeError where memory passes its limit."""
    portfolio, report, broken = measure(rows, paths, quarters)
    if portfolio.peak_mb >= MOST_PORTFOLIO_MB:
        raise RuntimeError(f"portfolio: found {portfolio.peak_mb:,.0f} MB; expected below {MOST_PORTFOLIO_MB:,.0f}")
    run = f"a run of {paths:,} paths x {quarters} quarters"
    return [
        Row(
            f"`penstock portfolio`, {rows:,} rows over {run}",
            portfolio.cpu_s,
            MOST_PORTFOLIO_S,
            f"{broken:,} rows broken; {portfolio.seconds:.1f} s by the clock, {portfolio.peak_mb:,.0f} MB",
        ),
        Row(
            f"`penstock report`, {run}",
            report.cpu_s,
            MOST_REPORT_S,
            f"{report.seconds:.1f} s by the clock, {report.peak_mb:,.0f} MB",
        ),
    ]


def _best(call: Callable[[], Any], repeats: int) -> tuple[Any, float]:
    """Result and least processor time; the first call compiles and is not timed."""
    result, best = call(), float("inf")
    for _ in range(repeats):
        began = time.process_time()
        result = call()
        best = min(best, time.process_time() - began)
    return result, best


def table(rows: list[Row]) -> str:
    """Markdown."""
    cells = [
        (row.what, _short(row.limit), _short(row.seconds), "yes" if row.seconds < row.limit else "**no**", row.told)
        for row in rows
    ]
    return markdown(("what", "below", "measured, processor", "held", "found"), cells)


def _short(seconds: float) -> str:
    return f"{1e6 * seconds:.1f} µs" if seconds < 1e-3 else time_text(seconds)


def main() -> int:
    rows = [
        ensemble_clearing(256, 40),
        *dense_input(1_000, 10_000, 15),
        *creeping_distress(100_000, 1_000_000),
        *commands(1_000_000, 1_000, 40),
    ]
    print("\n".join([*provenance().lines(), "", table(rows)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
