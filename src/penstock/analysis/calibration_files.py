"""The files of a calibration: draws that runs take, and the page that tells how they came about."""

from __future__ import annotations

import io
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.analysis.calibration import Calibration

DRAWS, ABOUT, PAGE = "posterior.csv", "posterior.json", "calibration.md"


def write_draws(found: Calibration, folder: Path) -> None:
    """Write `posterior.csv` and `posterior.json`, as `engine/posterior.py` reads them.

    Raises OutputError where the folder cannot be written.
    """
    from penstock.engine.storage import write_bytes, write_json

    text = io.StringIO()
    found.shipped().to_csv(text, index=False, lineterminator="\n")
    write_bytes(folder / DRAWS, text.getvalue().encode())
    write_json(
        folder / ABOUT,
        {
            # `tools/ship_calibration.py` puts draws in force where its conditions hold
            "in_force": False,
            "known_from": found.until.isoformat(),
            "world": {"name": found.world.name, "as_of": found.world.as_of.isoformat(), "hash": found.world.hash},
            "paths": found.posterior.paths,
            "seed": found.seed,
            "effective_sample_size": round(found.posterior.effective_size, 1),
            "inflation_of_discrepancy": found.posterior.allowance.inflation,
            "widened": dict(found.posterior.allowance.widened),
            "same_for_all": {name: round(size, 4) for name, size in asdict(found.same_for_all).items()},
            "cover_80": {part: found.covered(f"{part}_cover_80") for part in ("prior", "posterior")},
            "prior": {name: list(row) for name, row in found.rows.items()},
        },
    )


def write_calibration(found: Calibration, folder: Path) -> tuple[Path, ...]:
    """Write the draws and the page into a folder; returns what was written.

    Raises OutputError where the folder cannot be written.
    """
    from penstock.analysis.calibration_page import calibration_page
    from penstock.engine.storage import write_bytes

    write_draws(found, folder)
    write_bytes(folder / PAGE, calibration_page(found).encode())
    return tuple(folder / name for name in (DRAWS, ABOUT, PAGE))
