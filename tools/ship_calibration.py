"""Calibrate and put the draws and the page where they belong.

`python tools/ship_calibration.py [options of penstock calibrate]`.
The bank is kept in `runs/calibration`, so that the same command goes on where it stopped.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from penstock.cli.main import main

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "runs" / "calibration"
PLACES = {
    "posterior.csv": ROOT / "src" / "penstock" / "engine",
    "posterior.json": ROOT / "src" / "penstock" / "engine",
    "calibration.md": ROOT / "docs" / "validation",
}


def ship() -> int:
    """Exit code of the calibration; the files are copied when it is 0."""
    code = main(["calibrate", "--out", str(WORK), *sys.argv[1:]])
    if code == 0:
        for name, place in PLACES.items():
            shutil.copyfile(WORK / name, place / name)
    return code


if __name__ == "__main__":
    sys.exit(ship())
