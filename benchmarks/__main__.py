"""`python -m benchmarks`: measure, and write the page `docs/benchmarks.md`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import ROOT, provenance

PARTS = (
    "engine",
    "steps",
    "command",
    "long",
    "contagion",
    "opponents",
    "limit",
    "start",
    "economies",
    "cluster",
    "sizes",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts asked for and write the page; 0 when done, whatever was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split(": ", 1)[1])
    parser.add_argument("part", nargs="*", metavar="PART", help=f"some of {', '.join(PARTS)} [all]")
    parser.add_argument("--paths", type=int, default=1024, help="paths of the engine and of the command")
    parser.add_argument("--quarters", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=5, help="of which the best counts")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2], help="numbers of processes of the engine")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where the page is written")
    given = parser.parse_args(arguments)
    parts = given.part or list(PARTS)
    if unknown := sorted(set(parts) - set(PARTS)):
        parser.error(f"PART: found {unknown[0]!r}; expected some of {', '.join(PARTS)}")

    # loaded here, so that --help and a mistake answer at once
    from tools import measure_install

    from benchmarks import (
        cluster,
        command,
        contagion,
        engine,
        large_economies,
        limit,
        long_run,
        opponents,
        step_profile,
    )
    from benchmarks.page import ASKED_PATHS, Measured, limits, write

    where, found = provenance(), Measured()
    paths = given.paths
    if "start" in parts:
        _say("start-up")
        found.starts = command.measure_starts(given.repeats)
    if "command" in parts:
        _say("penstock run, cold and warm")
        found.run = command.measure_run(min(paths, ASKED_PATHS), given.quarters, max(1, given.repeats // 2))
    if "long" in parts:
        _say("a long run")
        found.long = long_run.measure()
    if "engine" in parts:
        _say("engine")
        found.engine = engine.measure(paths, given.quarters, given.repeats, tuple(given.jobs))
        found.whole = engine.measure_long(min(10 * paths, long_run.ASKED_PATHS), given.quarters, max(given.jobs))
    if "steps" in parts:
        _say("steps of a quarter")
        found.profile = step_profile.measure(given.quarters, given.repeats)
    if "contagion" in parts:
        _say("clearing and DebtRank on random networks")
        found.networks = contagion.measure(given.repeats)
    if "opponents" in parts:
        _say("the same work in other tools")
        found.others = opponents.measure(given.repeats)
    if "limit" in parts:
        _say("bytes and bandwidth")
        found.limit = limit.measure(given.quarters, given.repeats)
    if "economies" in parts:
        _say("large economies")
        found.economies = large_economies.measure_apart()
    if "cluster" in parts:
        _say("Ray beside the pool of processes")
        found.paces = cluster.measure()
    if "sizes" in parts:
        _say("what an installation takes on disk")
        found.sizes = measure_install.measure()
    for what, asked, value, held in limits(found):
        print(f"{what}: {value} ({asked}): {held.strip('*')}")
    for path in write(given.docs, where, found):
        print(f"wrote {path}")
    return 0


def _say(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
