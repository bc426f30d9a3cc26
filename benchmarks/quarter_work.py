"""Work of a quarter by step, counted on a small block: `python -m benchmarks.quarter_work` writes `quarter_work.csv`.

Operations and bytes, not seconds: the same on every machine, so that a test can hold them.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from benchmarks.counting import Work, count_block
from penstock.engine.model import prepare
from penstock.world import load_world

LEDGER = Path(__file__).with_name("quarter_work.csv")
MEASURED = ("operations", "moved", "needed")
TOLERANCE = 1.05
PATHS, QUARTERS = 64, 6


def counted_work() -> dict[str, Work]:
    """Work by step of the first quarters of the baseline."""
    counter, _ = count_block(prepare(load_world(), quarters=QUARTERS), PATHS)
    return counter.work


def main() -> int:
    found = counted_work()
    with LEDGER.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["step", *MEASURED])
        rows.writerows([step, *(getattr(work, name) for name in MEASURED)] for step, work in found.items())
    print(f"wrote {LEDGER.name}: {sum(work.operations for work in found.values()):,} operations")
    return 0


if __name__ == "__main__":
    sys.exit(main())
