"""A portfolio of a million rows, a tenth of them broken, over a run; and what a report costs.

`python -m benchmarks.crises` prints them with the other figures of crises.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.command import Timing, timed

COMPANIES = ("CoreWeave", "oracle", "ORCL", "NVDA", "nebius", "Microsoft", "openai", "vantage")
INSTRUMENTS = ("loan", "bond", "lease", "receivable", "supply", "equity")
CURRENCIES = ("USD", "", "EUR")
BROKEN = 0.1
BREAKS = (
    ("amount", "-5"),
    ("amount", "abc"),
    ("amount", ""),
    ("amount", "=SUM(A1:A9)"),
    ("company", "NoSuchFirm"),
    ("company", "=cmd|' /C calc'!A0"),
    ("lgd", "1.5"),
)
SEED = 1
COLUMNS = ("company", "instrument", "amount", "currency", "lgd")


def write_exposures(path: Path, rows: int) -> int:
    """Exposures of every instrument, a tenth broken in one cell; how many are broken."""
    random = np.random.default_rng(SEED)
    cells = {
        "company": np.array(COMPANIES)[random.integers(0, len(COMPANIES), rows)].astype(object),
        "instrument": np.array(INSTRUMENTS)[random.integers(0, len(INSTRUMENTS), rows)].astype(object),
        "amount": random.uniform(1e3, 1e6, rows).round(2).astype(str).astype(object),
        "currency": np.array(CURRENCIES)[random.integers(0, len(CURRENCIES), rows)].astype(object),
        "lgd": np.where(random.random(rows) < 0.3, random.random(rows).round(2).astype(str), "").astype(object),
    }
    broken, kind = random.random(rows) < BROKEN, random.integers(0, len(BREAKS), rows)
    for number, (column, text) in enumerate(BREAKS):
        cells[column][broken & (kind == number)] = text
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(COLUMNS) + "\n")
        file.writelines(",".join(row) + "\n" for row in zip(*(cells[name] for name in COLUMNS), strict=True))
    return int(broken.sum())


def measure(rows: int, paths: int, quarters: int) -> tuple[Timing, Timing, int]:
    """The command on so many rows over a run, the report of that run written again, and how many rows are broken."""
    with tempfile.TemporaryDirectory(prefix="penstock-benchmark-") as place:
        folder = Path(place)
        size = ["-n", str(paths), "--quarters", str(quarters), "-j", "1"]
        penstock = ["-m", "penstock", "--no-progress"]
        timed([*penstock, "run", *size, "-o", "run"], folder, {}, memory=False)
        broken = write_exposures(folder / "exposures.csv", rows)
        portfolio = timed([*penstock, "portfolio", "exposures.csv", "--run", "run"], folder, {})
        report = timed([*penstock, "report", "run", "-o", "again.html"], folder, {})
    return portfolio, report, broken
