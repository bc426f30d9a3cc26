"""The whole engine on economies larger than the bundled one: conservation, time, memory, and how time grows with ties.

`python -m benchmarks.large_economies` prints a table and the exponent of time against ties.

A large economy has each firm of the small one many times, each copy as large as the original over their number, so that
layers, groups, ratings and the shape of sizes are the same and the totals too: the same demand, prices and chips stand
against more firms. Each tie is there once for each copy of its ends, joined at random: every copy has as many ties as
its original, and its sheet adds up as the original's does. Sectors and holders stay single. For timing and for
conservation on many firms, not for results: rings of ties are thinner than in a small world.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.large_worlds import exponent
from benchmarks.machine import ROOT, provenance
from penstock.engine.checks import conservation_error
from penstock.engine.executors import WORKER_VARIABLES
from penstock.engine.facts import build_facts
from penstock.engine.layout import build_layout
from penstock.engine.model import Model, Moment, cited_parameters, prepare, run_block
from penstock.engine.opening.layer_numbers import layer_numbers
from penstock.engine.opening.state import Opening
from penstock.world import World, load_world

COPIES = (23, 73, 230, 730)
"""of 137 firms: 3,151 to 100,010"""
LANES = 2
"""Paths of a block: as few as the engine takes, for what is asked is the time of one quarter."""
QUARTERS = 8
STEEPEST = 1.1
MOST_CONSERVATION = 1e-9
MOST_QUARTER_S, MOST_MEMORY_MB, MOST_FIRMS = 1.0, 4000.0, 100_000
"""what a quarter of so many firms may take"""
NOT_MONEY = {
    "flows": ("ai_capex_share", "ebit_margin", "other_growth", "recession_beta"),
    "physical": ("leased_share", "own_use_share", "pue"),
}
"""Columns that are ratios: the same for each copy."""
MONEY = {
    "flow_ties": ("base",),
    "debt_ties": ("balance",),
    "guarantees": ("cap",),
    "stakes": (),
}
ENDS = {
    "flow_ties": ("payer", "payee"),
    "debt_ties": ("borrower", "lender"),
    "stakes": ("company", "holder"),
    "guarantees": ("guarantor", "beneficiary", "landlord"),
}
"""Columns that name units; the first stands for the copy that the tie belongs to, unless it is no firm."""
MB = 1024.0


@dataclass(frozen=True)
class Speed:
    """One economy; seconds of processor time per quarter of a block of LANES paths."""

    firms: int
    ties: int
    seconds: float
    begin_s: float
    conservation: float
    nonconverged: int
    failures: int
    peak_mb: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def enlarged(opening: Opening, copies: int, seed: int = 7) -> Opening:
    """The opening of an economy with each firm so many times.

    Raises ValueError below one copy.
    """
    if copies < 1:
        raise ValueError(f"copies: found {copies}; expected at least 1")
    random = np.random.default_rng([seed, copies])
    firms = {firm: [name_of(firm, number) for number in range(copies)] for firm in opening.firms}
    names = [name for copies_of in firms.values() for name in copies_of]

    def by_firm(frame: Any, ratios: Sequence[str] = ()) -> Any:
        """Each row of a table by firm so many times, its numbers divided; rows of sectors once."""
        told = [(name, row) for row, label in enumerate(frame.index) for name in firms.get(label, [label])]
        out = frame.iloc[[row for _, row in told]].set_axis([name for name, _ in told]).rename_axis(frame.index.name)
        divisor = np.array([copies if label in firms else 1 for label in (frame.index[row] for _, row in told)])
        if isinstance(out, pd.Series):
            return out / divisor if out.dtype.kind == "f" else out
        for column in out.columns:
            if out[column].dtype.kind == "f" and column not in ratios:
                out = out.assign(**{column: out[column].to_numpy() / divisor})
        return out

    def by_tie(name: str) -> pd.DataFrame:
        frame = getattr(opening, name)
        out = frame.loc[frame.index.repeat(copies)].reset_index(drop=True)
        for end in ENDS[name]:
            joined = [
                copied
                for label in frame[end]
                for copied in (
                    [firms[label][n] for n in random.permutation(copies)] if label in firms else [label] * copies
                )
            ]
            out[end] = pd.array(joined, dtype=frame[end].dtype)
        for column in MONEY[name]:
            out[column] = out[column] / copies
        identity = "contract_id" if name == "guarantees" else "tie_id"
        out[identity] = [name_of(text, number) for text in frame[identity] for number in range(copies)]
        return out

    profile = by_firm(opening.profile, ("equity_volatility", "evidence_share_ef"))
    schedules = opening.schedules.loc[opening.schedules.index.repeat(copies)].reset_index(drop=True)
    schedules["tie_id"] = [name_of(text, number) for text in opening.schedules["tie_id"] for number in range(copies)]
    due = [column for column in schedules.columns if column.startswith("q") and column[1:].isdigit()]
    schedules[due] = schedules[due] / copies
    return replace(
        opening,
        firms=tuple(names),
        profile=profile,
        sheet=by_firm(opening.sheet),
        sheet_grades=by_firm(opening.sheet_grades),
        flows=by_firm(opening.flows, NOT_MONEY["flows"]),
        flow_grades=by_firm(opening.flow_grades),
        assets_grade=by_firm(opening.assets_grade),
        physical=by_firm(opening.physical, NOT_MONEY["physical"]),
        flow_ties=by_tie("flow_ties"),
        schedules=schedules,
        debt_ties=by_tie("debt_ties"),
        credit_lines=by_firm(opening.credit_lines),
        stakes=by_tie("stakes"),
        guarantees=by_tie("guarantees"),
    )


def name_of(original: str, number: int) -> str:
    """The first copy keeps the name, so that an event that names it still strikes someone."""
    return original if number == 0 else f"{original}~{number}"


def model_of(world: World, scenario: str, copies: int, quarters: int) -> Model:
    """A model of the enlarged economy under a scenario that edits no tie."""
    small = prepare(world, scenario, quarters=quarters)
    opening = enlarged(small.opening, copies)
    layout = build_layout(opening)
    # what the layers work out by owner is of the world's companies: the same for their copies
    layers = layer_numbers(world, small.opening.physical)
    facts = build_facts(opening, layout, cited_parameters(world), world.table("sites"), layers)
    from penstock.engine.begin import trend_of

    return replace(small, opening=opening, layout=layout, facts=facts, trend=trend_of(facts, quarters))


def measure(world: World, copies: int, quarters: int, scenario: str = "baseline") -> Speed:
    """Some quarters of one economy: time, conservation in each quarter, failures."""
    model = model_of(world, scenario, copies, quarters)
    worst, marks = [0.0], [time.process_time()]

    def look(now: Moment, name: str) -> None:
        worst.append(float(conservation_error(now)[0].max()))
        marks.append(time.process_time())

    recorder, _ = run_block(model, 0, LANES, on_quarter=look)
    return Speed(
        firms=model.layout.firms,
        ties=model.layout.ties,
        # the first quarter opens caches of its own
        seconds=float(np.median(np.diff(marks)[1:])) if quarters > 2 else marks[-1] - marks[-2],
        begin_s=marks[1] - marks[0],
        conservation=max(worst),
        nonconverged=int(recorder.nonconverged.sum()),
        failures=int((recorder.default_quarter >= 0).sum()),
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB,
    )


def measure_apart(copies: Sequence[int] = COPIES, quarters: int = QUARTERS, scenario: str = "baseline") -> list[Speed]:
    """Each size in a process of its own, so that its peak of memory is its own, in the environment of a worker.

    Workers keep memory that an operation gives back. Without that each operation on 100,000 firms waits for the system
    to hand out pages anew, and time rises with the 1.14th to 1.20th power of ties.
    """
    found = []
    for number in copies:
        command = [sys.executable, "-m", "benchmarks.large_economies", "--here", str(number)]
        command += ["--quarters", str(quarters), "--scenario", scenario]
        told = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | WORKER_VARIABLES
        )
        if told.returncode:
            raise RuntimeError(f"large_economies: found exit code {told.returncode}; expected 0\n{told.stderr}")
        found.append(Speed(**json.loads(told.stdout)))
        print(f"large_economies: {found[-1]}", file=sys.stderr, flush=True)
    return found


def table(rows: Sequence[Speed]) -> str:
    """Markdown, with the exponent below."""
    lines = [
        "| firms | ties | a quarter | a path-quarter | begin and first quarter | conservation | defaults | peak, MB |"
    ]
    lines.append("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        lines.append(
            f"| {row.firms:,} | {row.ties:,} | {row.seconds:.3f} s | {1e3 * row.seconds / LANES:.1f} ms | "
            f"{row.begin_s:.1f} s | {row.conservation:.0e} | {row.failures:,} | {row.peak_mb:,.0f} |"
        )
    text = "\n".join(lines)
    if len(rows) > 1:
        found = exponent([row.ties for row in rows], [row.seconds for row in rows])
        text += f"\n\nExponent of time against ties: {found:.2f} (asked for: at most {STEEPEST})."
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where conservation or the exponent does not hold."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.large_economies", description=(__doc__ or "").split(":")[0]
    )
    parser.add_argument("--copies", type=int, nargs="+", default=list(COPIES), help="of each firm [23 73 230 730]")
    parser.add_argument("--quarters", type=int, default=QUARTERS)
    parser.add_argument("--scenario", default="baseline")
    parser.add_argument("--here", type=int, metavar="COPIES", help="one size in this process, told as JSON")
    given = parser.parse_args(arguments)
    if given.here is not None:
        print(json.dumps(measure(load_world(), given.here, given.quarters, given.scenario).to_dict()))
        return 0
    rows = measure_apart(given.copies, given.quarters, given.scenario)
    size = f"Blocks of {LANES} paths, {given.quarters} quarters of {given.scenario}; processor time of one process."
    print("\n".join([*provenance().lines(), "", size, "", table(rows)]))
    largest = max(rows, key=lambda row: row.firms)
    if largest.firms >= MOST_FIRMS:
        held = largest.seconds <= MOST_QUARTER_S and largest.peak_mb <= MOST_MEMORY_MB
        print(f"One quarter under {MOST_QUARTER_S:.0f} s and {MOST_MEMORY_MB:,.0f} MB: {'yes' if held else 'no'}")
    holds = all(row.conservation <= MOST_CONSERVATION and not row.nonconverged for row in rows)
    if len(rows) > 1:
        holds = holds and exponent([row.ties for row in rows], [row.seconds for row in rows]) <= STEEPEST
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
