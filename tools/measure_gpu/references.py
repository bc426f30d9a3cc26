"""The CPU's results of the paths that are compared: made by other processes while the GPU works.

python -m tools.measure_gpu.references SCENARIO,... QUARTERS PATHS FOLDER
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

SCENARIOS = ("baseline", "perfect_storm", "export_ban")
WORLD = "ai-2025"
PIECE = 1_280
"""Paths of a piece of work: five blocks."""
PARTS = ("events", "economy", "layers")
COLUMNS = ("path", "quarter", "company_id", "stage", "cause_kind", "cause_id", "counterparty_id", "tie_id")


class References:
    """Processes that compute while this is entered; leaving it ends them."""

    def __init__(self, quarters: int, paths: int, folder: Path, scenarios: tuple[str, ...] = SCENARIOS) -> None:
        self.quarters, self.paths, self.folder, self.scenarios = quarters, paths, folder, scenarios
        self._process: subprocess.Popen[bytes] | None = None
        self._said = b""

    def __enter__(self) -> References:
        given = [",".join(self.scenarios), str(self.quarters), str(self.paths), str(self.folder)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.measure_gpu.references", *given],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        return self

    def __exit__(self, *of: object) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        # the session of its own that it and its workers are in
        os.killpg(self._process.pid, 9)
        self._process.communicate()

    def of(self, scenario: str, seconds: float) -> Any:
        """Results of a scenario, waited for so long. Raises RuntimeError where there are none."""
        if self._process is None:
            raise RuntimeError("the CPU's results were not asked for")
        if self._process.returncode is None:
            try:
                self._said = self._process.communicate(timeout=max(seconds, 1.0))[1]
            except subprocess.TimeoutExpired:
                raise RuntimeError(f"the CPU's results were not there after {seconds:.0f} s more") from None
        if self._process.returncode:
            raise RuntimeError(f"the CPU's results failed: {self._said.decode(errors='replace')[-400:]}")
        return together([read(file) for file in sorted(self.folder.glob(f"{scenario}-*.npz"))])


def read(file: Path) -> Any:
    """A piece as a result that can be compared."""
    with np.load(file) as kept:
        flat = {name: kept[name] for name in kept.files}
    found: dict[str, Any] = {part: {} for part in PARTS}
    for name, values in flat.items():
        part, _, column = name.partition(".")
        if column:
            found[part][column] = values
    return SimpleNamespace(**found, flows=flat["flows"])


def together(pieces: list[Any]) -> Any:
    """Pieces that follow on each other as one."""
    joined: dict[str, Any] = {
        part: {name: np.concatenate([getattr(one, part)[name] for one in pieces], axis=-1) for name in columns}
        for part, columns in ((part, getattr(pieces[0], part)) for part in PARTS)
    }
    return SimpleNamespace(**joined, flows=np.concatenate([one.flows for one in pieces], axis=-1))


def write(piece: tuple[Any, str, int, int, Path]) -> None:
    """Compute a piece and keep what is compared of it."""
    from penstock.engine.model import simulate_paths

    model, scenario, first, count, folder = piece
    block = simulate_paths(model, first, count)
    flat: dict[str, Any] = {f"events.{name}": np.asarray(block.events[name]) for name in COLUMNS}
    flat = {name: values.astype(str) if values.dtype == object else values for name, values in flat.items()}
    for part in ("economy", "layers"):
        flat |= {f"{part}.{name}": values for name, values in getattr(block, part).items()}
    np.savez(folder / f"{scenario}-{first:09d}.npz", **flat, flows=block.flows)


def main(scenarios: str, quarters: str, paths: str, folder: str) -> None:
    """All pieces, on all cores but one, which drives the GPU."""
    from penstock.engine.compiling import load_model
    from penstock.machine import usable_cores

    load_model()
    from penstock.engine.model import prepare
    from penstock.world import load_world

    world = load_world(WORLD)
    models = {name: prepare(world, name, quarters=int(quarters)) for name in scenarios.split(",")}
    pieces = [
        (models[name], name, first, min(PIECE, int(paths) - first), Path(folder))
        for name, first in product(models, range(0, int(paths), PIECE))
    ]
    # the children have what was compiled and looked up here
    with multiprocessing.get_context("fork").Pool(max(usable_cores() - 1, 1)) as workers:
        workers.map(write, pieces, chunksize=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
