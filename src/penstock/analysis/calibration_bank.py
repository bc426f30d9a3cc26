"""A bank of prior simulations: parameters of each path and what it gives for every cited point.

Each path has parameters of its own, drawn from the wide prior ranges, and luck of its own. One ensemble is therefore
the whole bank. It is made in pieces; with a folder each finished piece is kept there, so that a stopped bank goes on.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from penstock.analysis.calibration_data import Targets
from penstock.engine.parameters import Z90, Assumption
from penstock.engine.progress import OnProgress, silent

if TYPE_CHECKING:
    from penstock.engine.model import Model
    from penstock.world import World

Array = np.ndarray

PIECE = 1024
"""Paths of a piece."""


@dataclass(frozen=True)
class Bank:
    """Simulations side by side.

    Attributes:
        names: parameters, in the order of their table.
        scores: (parameters, paths) standard normal scores of the drawn parameters under the prior, within `limits`.
        limits: (parameters, 2) scores at which a parameter meets its hard bounds; beyond them nothing changes.
        logs: (points, paths) logs of the model's values, without discrepancy.
    """

    names: tuple[str, ...]
    scores: Array
    limits: Array
    logs: Array

    @property
    def paths(self) -> int:
        """Simulations in the bank."""
        return int(self.logs.shape[1])

    def part(self, first: int, last: int) -> Bank:
        """Some of the simulations."""
        return Bank(self.names, self.scores[:, first:last], self.limits, self.logs[:, first:last])


def score_limits(row: Assumption) -> tuple[float, float]:
    """Scores at which a parameter's prior meets its hard bounds: the inverse of `draw_parameters`."""
    bend = math.log if row.scale == "log" else float

    def score(value: float) -> float:
        if row.scale == "log" and value <= 0.0:
            return -math.inf
        away = bend(value) - bend(row.central)
        step = bend(row.prior_high) - bend(row.central) if away > 0.0 else bend(row.central) - bend(row.prior_low)
        return Z90 * away / step if step > 0.0 else math.copysign(math.inf, away)

    return score(row.minimum), score(row.maximum)


def prior_scores(seed: int, first: int, count: int, names: tuple[str, ...]) -> Array:
    """Scores of the parameters that a run of this seed draws for some paths, (parameters, paths)."""
    from penstock.engine.random import PARAMETERS, Streams

    streams, drawn = Streams(seed), np.empty((count, PARAMETERS))
    for lane in range(count):
        streams.at(first + lane, "parameters").random(out=drawn[lane])
    return np.asarray(ndtri(np.clip(drawn[:, : len(names)], 1e-12, 1.0 - 1e-12)).T)


@dataclass(frozen=True)
class Pieces:
    """Simulates one piece of a bank of so many paths; travels once to each process."""

    model: Model
    world: World
    targets: Targets
    paths: int

    def __call__(self, number: int) -> tuple[int, Array]:
        """The number of the piece, and logs of its points, (points, paths)."""
        from penstock.analysis.observed_outputs import known_outputs, simulate_outputs
        from penstock.analysis.observed_values import Ensemble

        first = number * PIECE
        names = set(self.targets.outputs) & known_outputs(self.model)
        outputs = simulate_outputs(self.model, names, min(PIECE, self.paths - first), first)
        return number, self.targets.logs(Ensemble(self.world.as_of, outputs))


def make_bank(
    model: Model,
    world: World,
    targets: Targets,
    *,
    paths: int,
    jobs: int = 1,
    folder: Path | None = None,
    on_progress: OnProgress = silent,
) -> Bank:
    """Simulate a bank, or go on with the one in a folder.

    model: prepared with `prior=True` and the quarters that the targets need.

    Raises OutputError where the folder cannot be written.
    """
    from penstock.engine.executors import executor_for

    place = None if folder is None else folder / f"bank-{bank_hash(model, world, targets)}"
    pieces = -(-paths // PIECE)
    found: dict[int, Array] = {}
    for number in range(pieces):
        kept = _read(place, number, min(PIECE, paths - number * PIECE), len(targets.points))
        if kept is not None:
            found[number] = kept
    missing = [number for number in range(pieces) if number not in found]
    done = paths if not missing else len(found) * PIECE
    on_progress(done, paths, "resumed" if found else "started")
    worker = Pieces(model, world, targets, paths)
    for number, logs in executor_for(jobs, len(missing)).map(worker, missing):
        found[number] = logs
        _write(place, number, logs)
        done = min(done + logs.shape[1], paths)
        on_progress(done, paths, "bank")
    return joined(model, [found[number] for number in range(pieces)])


def joined(model: Model, pieces: Sequence[Array]) -> Bank:
    """The bank of some pieces in order, with the parameters that the model draws for their paths."""
    logs = np.concatenate(pieces, axis=1)
    names = tuple(model.facts.parameters)
    limits = np.array([score_limits(row) for row in model.facts.parameters.values()])
    scores = np.clip(prior_scores(model.seed, 0, logs.shape[1], names), limits[:, :1], limits[:, 1:])
    return Bank(names, scores, limits, logs)


def bank_hash(model: Model, world: World, targets: Targets) -> str:
    """What decides a bank besides its size: world, seed, ranges, points and the source of the model."""
    facts = [
        world.hash,
        str(world.as_of),
        model.seed,
        model.program.quarters,
        [str(row) for row in model.facts.parameters.values()],
        [(point.name, str(point.day), str(point.observable), str(point.last_figure)) for point in targets.points],
        source_hash(),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:8]


def source_hash() -> str:
    """SHA-256 of the model's source without the draws, so that pieces of two versions never mix."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for package in ("world", "layers", "money", "conduct", "scenarios", "engine"):
        for path in sorted((root / package).rglob("*")):
            if path.suffix in {".py", ".csv", ".toml"} and path.stem != "posterior":
                digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def parameter_values(model: Model, scores: Array, names: tuple[str, ...]) -> Mapping[str, Array]:
    """Parameters in their units from scores under the prior, name -> (paths,)."""
    from scipy.special import ndtr

    from penstock.engine.parameters import draw_parameters

    table = model.facts.parameters
    uniforms = np.full((len(table), scores.shape[1]), 0.5)
    place = {name: row for row, name in enumerate(table)}
    for name, row in zip(names, scores, strict=True):
        uniforms[place[name]] = np.clip(ndtr(row), 1e-12, 1.0 - 1e-12)
    values = draw_parameters(uniforms, prior=True, table=table)
    return {name: values[name] for name in names}


def _file(place: Path, number: int) -> Path:
    return place / f"piece-{number:05d}.npy"


def _read(place: Path | None, number: int, count: int, points: int) -> Array | None:
    """A piece that is kept, whole and of this size; None where there is none."""
    if place is None or not (path := _file(place, number)).is_file():
        return None
    try:
        logs = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return logs[:, :count] if logs.ndim == 2 and logs.shape[0] == points and logs.shape[1] >= count else None


def _write(place: Path | None, number: int, logs: Array) -> None:
    if place is None:
        return
    from penstock.engine.storage import write_bytes

    buffer = io.BytesIO()
    np.save(buffer, logs, allow_pickle=False)
    write_bytes(_file(place, number), buffer.getvalue())
