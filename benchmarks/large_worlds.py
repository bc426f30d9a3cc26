"""Worlds as large as one likes with the statistics of the bundled one, and how the time of contagion grows with them.

`python -m benchmarks.large_worlds` prints a table and the exponent of time against ties, method by method. Times are
of this process alone (processor time), so that a machine that others use changes them less.

A large world repeats the firms of a small one in equal shares, with a spread of sizes around each, and its ties: each
tie is one of the small world between a random repetition of its debtor and one of its creditor. So layers, kinds of
tie, sizes and expected degrees are in the proportions of the small world. Where a firm gets more or fewer ties than
there, their amounts are smaller or larger in that proportion, so that what it owes and is owed stays.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.machine import provenance
from benchmarks.tables import table as markdown
from benchmarks.tables import time_text
from penstock.analysis.contagion import METHODS, outcome_of
from penstock.analysis.firm_network import OWED, FirmNetwork, network_of
from penstock.world import load_world

Floats = npt.NDArray[np.float64]

SIZES = ((1_000, 10_000), (3_162, 31_623), (10_000, 100_000), (31_623, 316_228), (100_000, 1_000_000))
"""Companies and ties, apart by the square root of ten."""
FITTED_FROM = 30_000
"""ties below which the fixed part of a call hides how it grows"""
STEEPEST = 1.1
SPREAD = 0.3
"""Standard deviation of the logarithm of size among the repetitions of a firm (assumption, 0 to 1)."""
STRUCK, CRISIS = 0.01, 0.5
"""share of firms that lose all their external assets, and share of them that all others lose"""
MB = 1024.0


@dataclass(frozen=True)
class LargeWorld:
    """A network and the layer of each of its firms."""

    network: FirmNetwork
    layer: npt.NDArray[np.str_]


@dataclass(frozen=True)
class Speed:
    """Best processor time of a method on a world."""

    method: str
    firms: int
    ties: int
    failed: int
    rounds: int
    seconds: float
    converged: bool


def bundled() -> LargeWorld:
    """The opening network of the default world."""
    world = load_world()
    network = network_of(world)
    layers = world.table("companies").set_index("id")["layer"].astype(str)
    return LargeWorld(network, np.array([layers.get(firm, "") for firm in network.firms]))


def synthetic(small: LargeWorld, firms: int, ties: int, seed: int = 7) -> LargeWorld:
    """A world of so many firms, with so many ties but for those that would join a firm to itself.

    Expects at least as many firms as the small world has.
    """
    import pandas as pd

    random = np.random.default_rng([seed, firms, ties])
    base = small.network
    if firms < base.size:
        raise ValueError(f"firms: found {firms}; expected at least the {base.size} of the small world")
    kind_of = np.arange(firms) % base.size
    # a mean of 1, so that totals stay in proportion
    size = np.exp(random.normal(0.0, SPREAD, firms) - SPREAD**2 / 2.0)
    told = np.resize(np.arange(len(base.ties)), ties)
    copies = base.ties.iloc[told]
    debtor, creditor = (
        _repetition(copies[end].to_numpy(np.int64), base.size, firms, random) for end in ("debtor", "creditor")
    )
    thinner = (len(base.ties) / base.size) / (ties / firms)
    amount = copies["amount"].to_numpy(float) * thinner * np.sqrt(size[debtor] * size[creditor])
    table = pd.DataFrame(
        {
            "tie_id": np.char.add("t", np.arange(ties).astype(str)),
            "kind": copies["kind"].to_numpy(),
            "debtor": debtor,
            "creditor": creditor,
            "amount": amount,
            "seniority": copies["seniority"].to_numpy(),
            "grade": "F",
        }
    )[debtor != creditor].reset_index(drop=True)
    owed = table[table["kind"].isin(OWED)]
    claims = np.bincount(owed["creditor"], owed["amount"], firms)
    debts = np.bincount(owed["debtor"], owed["amount"], firms)
    outside = base.external_liabilities[kind_of] * size
    assets = base.equity[kind_of] * size + outside + debts - claims
    network = FirmNetwork(
        where=f"{firms:,} firms after {base.where}",
        unit=base.unit,
        firms=tuple(f"{base.firms[kind]}-{number // base.size}" for number, kind in enumerate(kind_of)),
        external_assets=np.maximum(assets, 0.0),
        external_liabilities=outside + np.maximum(-assets, 0.0),
        volatility=None if base.volatility is None else base.volatility[kind_of],
        ties=table,
    )
    return LargeWorld(network, small.layer[kind_of])


def _repetition(kind: npt.NDArray[np.int64], kinds: int, firms: int, random: np.random.Generator) -> Any:
    """A random firm of each kind: kind, kind + kinds, kind + 2 kinds, … below firms."""
    most = (firms - 1 - kind) // kinds + 1
    return kind + kinds * np.minimum((random.random(len(kind)) * most).astype(np.int64), most - 1)


def shock_of(world: LargeWorld, seed: int = 7) -> Floats:
    """One firm in a hundred loses its external assets, and all others the half of theirs: many fail, in rounds."""
    random = np.random.default_rng([seed, 1])
    hit = random.random(world.network.size) < STRUCK
    return world.network.external_assets * np.where(hit, 1.0, CRISIS)


def measure(world: LargeWorld, method: str, repeats: int) -> Speed:
    """One method on one world."""
    shock, best = shock_of(world), float("inf")
    for _ in range(max(repeats, 1)):
        began = time.process_time()
        found = outcome_of(world.network, shock, method)
        best = min(best, time.process_time() - began)
    failed, ties = int(found.failed.sum()), len(world.network.ties)
    return Speed(method, world.network.size, ties, failed, found.rounds, best, found.converged)


def exponent(ties: Sequence[float], seconds: Sequence[float]) -> float:
    """Slope of log time against log ties, by least squares."""
    return float(np.polyfit(np.log(ties), np.log(seconds), 1)[0])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say whether each exponent is at most 1.1: 0 if so, else 1."""
    parser = argparse.ArgumentParser(description="Time of contagion against the size of the world.")
    parser.add_argument("--repeats", type=int, default=3, help="[3]")
    parser.add_argument("--most-ties", type=int, default=SIZES[-1][1], help=f"[{SIZES[-1][1]}]")
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=METHODS)
    given = parser.parse_args(arguments)
    small = bundled()
    for method in given.methods:
        outcome_of(small.network, shock_of(small), method)  # compiles
    rows: list[Speed] = []
    for firms, ties in SIZES:
        if ties > given.most_ties:
            continue
        world = synthetic(small, firms, ties)
        for method in given.methods:
            rows.append(measure(world, method, given.repeats))
            print(f"large_worlds: {rows[-1]}", file=sys.stderr, flush=True)
    print("\n".join(provenance().lines()))
    print(report(rows, given.methods))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB
    print(f"\nPeak of the whole process: {peak:,.0f} MB")
    return 0 if all(value <= STEEPEST for value in exponents(rows).values()) else 1


def exponents(rows: Sequence[Speed]) -> dict[str, float]:
    """Of each method that was measured on two worlds or more."""
    found = {}
    for method in dict.fromkeys(row.method for row in rows):
        mine = [row for row in rows if row.method == method and row.ties >= FITTED_FROM * 0.9]
        if len(mine) > 1:
            found[method] = exponent([row.ties for row in mine], [row.seconds for row in mine])
    return found


def report(rows: Sequence[Speed], methods: Sequence[str]) -> str:
    """A line per method, a column per number of ties, and the exponent."""
    sizes = list(dict.fromkeys((row.firms, row.ties) for row in rows))
    by = {(row.firms, row.method): row for row in rows}
    slopes = exponents(rows)
    lines = [
        (
            method,
            *(time_text(by[firms, method].seconds) for firms, _ in sizes),
            f"{slopes[method]:.2f}" if method in slopes else "",
        )
        for method in methods
    ]
    stopped = [f"{row.method} at {row.ties:,} ties" for row in rows if not row.converged]
    note = f"\n\nNot converged: {', '.join(stopped)}" if stopped else ""
    told = ", ".join(f"{firms:,} with {ties:,}" for firms, ties in sizes)
    head = ("ties", *(f"{ties:,}" for _, ties in sizes), "exponent")
    return f"Firms and ties: {told}. Best processor time.\n\n{markdown(head, lines)}{note}"


if __name__ == "__main__":
    sys.exit(main())
