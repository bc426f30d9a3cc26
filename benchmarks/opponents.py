"""Penstock beside the field's own tools on the same work, all in one run: `python -m benchmarks.opponents`.

Needs the extra `bench`. Ratios are of processor time of one process, the best of the repeats, compiled code warm; one
row sets the postings of two processes at once beside one of Mesa. Each tool is used as its documentation has it. Where
results must be equal they are compared, and a gap is refused.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks import contagion, fleet, posting
from benchmarks.machine import provenance

LEAST_POSTING = 300.0
"""times Mesa, on the same posting work; Penstock on both cores, while a Mesa model is one process"""
EQUAL = 1e-9
TOOLS = ("mesa", "agentpy", "boario", "pymrio", "progressbar", "simpy", "ciw")
PATHS, QUARTERS = 256, 40
CUSTOMERS = 20_000
WEEKS = 104
MRIO_SEED = 7


@dataclass(frozen=True)
class Row:
    """One comparison; `seconds` are for one unit of work."""

    work: str
    unit: str
    other: str
    penstock_s: float
    other_s: float
    compared: str
    """what was held equal, or what is not the same"""

    @property
    def ratio(self) -> float:
        return self.other_s / self.penstock_s

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": round(self.ratio, 1)}


def measure(repeats: int) -> list[Row]:
    """All comparisons. Raises RuntimeError where a tool is not installed."""
    if missing := [name for name in TOOLS if find_spec(name) is None]:
        raise RuntimeError(
            f"opponents: found no {', '.join(missing)}; expected the extra: pip install 'penstock[bench]'"
        )
    return [*postings(repeats), *shocks(repeats), *queues(repeats), *networks(repeats)]


def postings(repeats: int, paths: int = PATHS, quarters: int = QUARTERS) -> list[Row]:
    """The posting work of a quarter against Mesa and agentpy; the first row is the one that is held.

    Penstock posts in processes of its own with the environment that the engine gives its workers.
    """
    each, rows = paths * quarters, []
    for cash, name, run, much in (
        (posting.AMPLE, "Mesa", posting.by_mesa, ""),
        (posting.AMPLE, "agentpy", posting.by_agentpy, ""),
        (posting.SHORT, "Mesa", posting.by_mesa, ", many firms short of cash"),
    ):
        work = posting.bundled(paths, quarters, cash_quarters=cash)
        ours = posting.by_penstock(work)
        (own,) = side_by_side(paths, quarters, cash, repeats, processes=1)
        theirs, other_s = best(partial(run, work, 1), repeats)
        gap = posting.largest_gap(ours, theirs, 1)
        if not gap <= EQUAL:
            raise RuntimeError(f"{name}: found a gap of {gap:.1e}; expected {EQUAL:.0e}")
        told = f"all accounts equal to {gap:.0e}"
        size = f"postings of {len(work.payer):,} ties{much}"
        rows.append(Row(size, "path-quarter", label(name), own.work_s / each, other_s / quarters, told))
    rate = sum(each / one.wall_s for one in side_by_side(paths, quarters, posting.AMPLE, repeats, processes=2))
    one = rows[0]
    both = "two processes of Penstock at once, wall time; one process of Mesa"
    return [Row(f"{one.work}, both cores", one.unit, one.other, 1.0 / rate, one.other_s, both), *rows]


@dataclass(frozen=True)
class Posted:
    """Best of the repeats of one process, for all paths and quarters."""

    wall_s: float
    work_s: float


def side_by_side(paths: int, quarters: int, cash: float, repeats: int, *, processes: int) -> list[Posted]:
    """Some processes of Penstock that post at the same time."""
    import multiprocessing

    from penstock.engine.executors import worker_environment

    start = multiprocessing.get_context("spawn")
    together, found = start.Barrier(processes), start.SimpleQueue()
    given = (paths, quarters, cash, repeats, together, found)
    with worker_environment():
        workers = [start.Process(target=_post, args=given) for _ in range(processes)]
        for worker in workers:
            worker.start()
    posted = [found.get() for _ in workers]
    for worker in workers:
        worker.join()
    return posted


def _post(paths: int, quarters: int, cash: float, repeats: int, together: Any, found: Any) -> None:
    """Post once all are ready; each repeat starts with the others', and the best counts."""
    work = posting.bundled(paths, quarters, cash_quarters=cash)
    posting.by_penstock(work)
    wall_s = work_s = float("inf")
    for _ in range(max(repeats, 1)):
        together.wait()
        began, worked = time.perf_counter(), time.process_time()
        posting.by_penstock(work)
        wall_s = min(wall_s, time.perf_counter() - began)
        work_s = min(work_s, time.process_time() - worked)
    found.put(Posted(wall_s, work_s))


def shocks(repeats: int, weeks: int = WEEKS) -> list[Row]:
    """A cut followed through a chain of suppliers by the week, against BoARIO with as many industries."""
    from penstock.analysis.chain_cuts import read_cut, weekly_factors
    from penstock.analysis.chain_economy import observe
    from penstock.analysis.chain_links import BY_KEY, chain_ties, cycle_weeks, whole_weeks
    from penstock.analysis.chain_travel import travel
    from penstock.analysis.supply_chain import course_of
    from penstock.engine.model import prepare
    from penstock.scenarios import first_quarter
    from penstock.world import load_world

    world = load_world()
    flows = prepare(world, quarters=1).opening.flow_ties
    ties, first, quarters = chain_ties(world, flows), first_quarter(world.as_of), weeks // 13
    cycles = {key: whole_weeks(cycle_weeks(world, key)[0].central) for key in (*BY_KEY, "install")}
    course = course_of(ties, observe(world, (), quarters + 8, 8, 7))
    factors = weekly_factors((read_cut("tsmc=0.5:2q", world, ties, first),), ties, first, quarters)
    size = len(ties.units)
    _, own_s = best(lambda: travel(ties, cycles, factors, course), 20 * repeats)
    theirs, other_s = boario(size, weeks)
    steady = float(theirs[0])
    told = f"not the same equations: stocks and orders there (production falls to {theirs.min() / steady:.1%})"
    work = f"a cut of one of {size} units for half a year, {weeks} weeks"
    return [Row(work, "week", label("boario"), own_s / weeks, other_s / weeks, told)]


def boario(industries: int, weeks: int) -> tuple[Any, float]:
    """Production by week where one of so many industries loses half of its capacity for half a year."""
    import logging

    import pandas as pd

    logging.disable(logging.INFO)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pymrio
        from boario.event import from_scalar_industries
        from boario.extended_models import ARIOPsiModel
        from boario.simulation import Simulation

        random = np.random.default_rng(MRIO_SEED)
        names = pd.MultiIndex.from_product(
            [["reg1"], [f"s{number:03d}" for number in range(industries)]], names=["region", "sector"]
        )
        uses = random.gamma(1.0, 1.0, (industries, industries))
        uses *= random.random((industries, industries)) < min(1.0, 7.0 / industries)
        final = pd.MultiIndex.from_product([["reg1"], ["final demand"]], names=["region", "category"])
        tables = pymrio.IOSystem(
            Z=pd.DataFrame(uses, index=names, columns=names),
            Y=pd.DataFrame(uses.sum(axis=1)[:, None] + 5.0, index=names, columns=final),
        )
        tables.calc_all()
        simulation = Simulation(ARIOPsiModel(tables, temporal_units_by_step=7), n_temporal_units_to_sim=7 * weeks)
        simulation.add_event(
            from_scalar_industries(
                impact=0.5, event_type="arbitrary", affected_industries=[("reg1", "s003")], impact_distrib="equal",
                occurrence=7, duration=26 * 7, recovery_tau=7,
            )
        )  # fmt: skip
        began = time.process_time()
        simulation.loop()
        spent = time.process_time() - began
        produced = simulation.production_realised.sum(axis=1).to_numpy()[::7]
    logging.disable(logging.NOTSET)
    return produced, spent


def queues(repeats: int, customers: int = CUSTOMERS) -> list[Row]:
    """A queue of 16 servers at load 0.9 against SimPy and ciw."""
    gaps, services = fleet.queue_times(customers)
    fleet.by_penstock(gaps[:1000], services[:1000])
    wait, own_s = best(lambda: fleet.by_penstock(gaps, services), repeats)
    rows = []
    for name, solve in (("simpy", fleet.by_simpy), ("ciw", fleet.by_ciw)):
        found, other_s = best(partial(solve, gaps, services), 1)
        told = f"mean wait {wait:.4f} and {found:.4f}"
        each = float(customers)
        rows.append(Row(f"M/M/{fleet.SERVERS} queue", "customer", label(name), own_s / each, other_s / each, told))
    return rows


def networks(repeats: int, nodes: int = 1_000, ties: int = 10_000) -> list[Row]:
    """Clearing and DebtRank against the published equations in SciPy."""
    return [
        Row(
            f"{one.method}, {nodes:,} nodes, {ties:,} ties", "call", label("scipy"), one.penstock_s, one.published_s,
            f"results equal to {one.largest_gap:.0e}",
        )
        for one in contagion.measure_here(nodes, ties, max(repeats, 3))
    ]  # fmt: skip


def label(name: str) -> str:
    """A tool with its version."""
    return f"{name} {version(name.lower())}"


def best(call: Callable[[], Any], repeats: int) -> tuple[Any, float]:
    """Result and least processor time."""
    result, least = None, float("inf")
    for _ in range(max(repeats, 1)):
        began = time.process_time()
        result = call()
        least = min(least, time.process_time() - began)
    return result, least


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = ["| work | for one | Penstock | other tool | | times as fast | compared |"]
    lines.append("| --- | --- | ---: | --- | ---: | ---: | --- |")
    for row in rows:
        lines.append(
            f"| {row.work} | {row.unit} | {_time(row.penstock_s)} | {row.other} | {_time(row.other_s)} | "
            f"{row.ratio:,.3g} | {row.compared} |"
        )
    return "\n".join(lines)


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where the posting work is not as much faster as asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.opponents", description=(__doc__ or "").split(":")[0])
    parser.add_argument("--repeats", type=int, default=3, help="of which the best counts [3]")
    rows = measure(parser.parse_args(arguments).repeats)
    print("\n".join([*provenance().lines(), "", table(rows)]))
    mesa = next(row for row in rows if row.other.startswith("Mesa"))  # on both cores
    return 0 if mesa.ratio >= LEAST_POSTING else 1


if __name__ == "__main__":
    sys.exit(main())
