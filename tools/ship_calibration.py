"""Calibrate, put draws and pages where they belong, and put the draws in force where all conditions hold.

`python -m tools.ship_calibration [options of penstock calibrate, as --jobs 2 --no-progress]`.
Banks are kept in `runs/calibration*`, so that the same command goes on where it stopped. What runs take is judged by
`tools/judge_calibration.py`: `in_force` becomes true where every line of it passes, else false. Exit code 1 where one
does not, else that of the calibration.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from penstock.cli.main import main

ROOT = Path(__file__).resolve().parents[1]
SOURCE, PAGES = ROOT / "src" / "penstock", ROOT / "docs" / "validation"
ABOUT = SOURCE / "engine" / "posterior.json"


@dataclass(frozen=True)
class Fit:
    """One calibration: its folder of work, what it is asked, and where its files go."""

    work: str
    options: tuple[str, ...]
    places: dict[str, Path]


FITS = (
    Fit(
        "calibration-until-2024",
        ("--world", "ai-2022", "--until", "2024-12-31"),
        dict.fromkeys(("posterior.csv", "posterior.json"), SOURCE / "analysis" / "fit_until_2024"),
    ),
    Fit(
        "calibration-2022",
        ("--world", "ai-2022"),
        {"calibration.md": PAGES / "calibration-2022.md"},
    ),
    Fit(
        "calibration",
        (),
        {
            "posterior.csv": SOURCE / "engine",
            "posterior.json": SOURCE / "engine",
            "calibration.md": PAGES,
        },
    ),
)


def ship() -> int:
    """Exit code: of the first calibration that fails, else whether the draws of runs are in force."""
    for fit in FITS:
        work = ROOT / "runs" / fit.work
        code = main(["calibrate", *fit.options, "--out", str(work), *sys.argv[1:]])
        if code:
            return code
        for name, place in fit.places.items():
            shutil.copyfile(work / name, place / name if place.is_dir() else place)
    put_in_force(True)
    # a process of its own: it reads the draws as a run would
    passed = subprocess.run([sys.executable, "-m", "tools.judge_calibration"], cwd=ROOT, check=False).returncode == 0
    put_in_force(passed)
    print(f"in force: {'yes' if passed else 'no'}", file=sys.stderr)
    return 0 if passed else 1


def put_in_force(taken: bool) -> None:
    """Write whether runs take the draws."""
    from penstock.engine.storage import write_json

    about = json.loads(ABOUT.read_text(encoding="utf-8"))
    write_json(ABOUT, {**about, "in_force": taken})


if __name__ == "__main__":
    sys.exit(ship())
