"""Which assumptions of the model drive which result: Morris and Sobol indices of its headline outputs.

Morris screens every uncertain parameter, and the knobs whose quantity no parameter draws, over their ranges: each
trajectory runs on paths of its own, the same for all its points (common random numbers), so that an effect is the
change of a mean over paths. After a third of the trajectories only factors that may count are moved.

Sobol splits the variance that a run's paths show: parameters are drawn as a run draws them, each setting runs on one
path, and luck (which path's random numbers) is a factor like the others, as proposed for stochastic models by Iooss
and Ribatet (2009), Reliability Engineering and System Safety 94, 1194-1204. A short Morris screening comes first;
parameters outside its leading ones move together as one factor.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.inputs import study_inputs
from penstock.analysis.sensitivity import METHODS, Indices, morris, morris_in_stages, sobol
from penstock.analysis.steps import HEADLINES, block_headlines
from penstock.engine.parameters import Assumption, draw_parameters
from penstock.engine.progress import OnProgress, silent
from penstock.errors import UsageError
from penstock.scenarios import knobs
from penstock.world.naming import nearest_name

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.model import Model
    from penstock.engine.run import Run
    from penstock.scenarios import Scenario
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

KNOB_FACTORS = (
    "ai.compute_per_token",
    "ai.talent",
    "data.readiness",
    "platform.margin",
    "energy.gas_price_usd_per_mmbtu",
    "energy.power_price",
    "finance.sentiment",
    "finance.risk_free_rate",
    "finance.debt_access",
    "finance.equity_access",
    "shock.severity",
    "policy.rescue_budget_usd_bn",
    "policy.bailout_share",
    "policy.vendor_finance_cap",
)
"""Knobs whose quantity no parameter draws."""

LUCK, REST = "luck", "all_others"
LOSS = "loss_usd_bn"
UNITS = {**{item.name: item.unit for item in HEADLINES}, "loss": "usd_bn"}
OUTPUTS = tuple(UNITS)

SAMPLES = {"morris": 16, "sobol": 512}
FIRST = 6
"""Trajectories that move all factors, before those that move only what may count."""

SCREENING, SCREENING_PATHS = 6, 8
"""Trajectories, and paths of each, of the screening before Sobol."""

LEADING = 12
"""Parameters that keep an index of their own in Sobol."""


LEAST_LANES = 32
"""Lanes below which a piece of work is not worth a process."""


@dataclass(frozen=True)
class FactorRow:
    """A factor of the model with its range in the study."""

    name: str
    kind: str
    low: float
    high: float
    unit: str
    scale: str
    grade: str

    def at(self, share: Array) -> Array:
        """Values at shares 0..1 of the range, in logs where its scale is log."""
        if self.scale == "log":
            return np.asarray(self.low * (self.high / self.low) ** share)
        return np.asarray(self.low + share * (self.high - self.low))


@dataclass(frozen=True)
class Sensitivity:
    """Indices of the model: `indices.table` with the columns of the method, a row an output and factor.

    `factors`: a row a factor: factor, kind, low, high, unit, grade. `ranking`: a row a factor, the strongest first:
    factor, then for each output its part of all effects (Morris: of the sum of mu_star; Sobol: ST), and `mean`.
    """

    method: str
    indices: Indices
    factors: pd.DataFrame
    ranking: pd.DataFrame
    units: dict[str, str]
    screened: int
    """settings simulated in the screening before Sobol"""
    paths_each: int
    """paths of each setting"""
    path_count: int
    """paths simulated in all"""

    def to_pandas(self) -> pd.DataFrame:
        """The table of indices."""
        return self.indices.table

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **self.indices.to_dict(),
            "units": self.units,
            "factors": self.factors.to_dict(orient="records"),
            "ranking": self.ranking.to_dict(orient="records"),
            "settings_screened": self.screened,
            "paths_each": self.paths_each,
            "paths_simulated": self.path_count,
        }


def sensitivity(
    run_or_world: Run | World,
    method: str = "morris",
    *,
    scenario: str | Scenario = "baseline",
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    jobs: int = 1,
    prior: bool = False,
    samples: int | None = None,
    factors: Sequence[str] = (),
    leading: int = LEADING,
    on_progress: OnProgress = silent,
) -> Sensitivity:
    """Indices of the headline outputs, defaults and loss_usd_bn to the model's assumptions.

    paths: different paths in use. Morris shares them out among its trajectories; Sobol draws luck from them.
    samples: trajectories (16) or base samples (512, best a power of two). factors: names of parameters and knobs;
    unless given all, in Sobol the parameters. leading: how many keep an index of their own in Sobol. prior: wide
    ranges instead of the matched ones. A run gives its world, first scenario, quarters, seed and prior.

    Raises UsageError for an unknown method or factor, or where SALib is missing.
    """
    if method not in METHODS:
        near = nearest_name(method, METHODS)
        hint = f"; nearest {near}" if near else ""
        raise UsageError(f"method: found {method!r}; expected {' or '.join(METHODS)}{hint}")
    from penstock.engine.executors import standing

    given = study_inputs(run_or_world, scenario, quarters=quarters, seed=seed, prior=prior)
    model = given.model()
    wide = model.posterior.wide if model.posterior else frozenset()
    rows = _factors(factors, model.facts.parameters, given.prior, wide, with_knobs=method == "morris")
    count = samples or SAMPLES[method]
    with standing(Settings(model), jobs) as simulate:
        study = _Study(model, simulate, jobs, on_progress)
        if method == "morris":
            each = max(paths // count, 1)
            study.total = count * (len(rows) + 1) * each  # at most: the second stage moves fewer factors
            found = study.morris(rows, count, each)
            return _result(found, rows, 0, each, study.done)
        screened: tuple[FactorRow, ...] = rows
        before = 0
        if len(rows) > leading:
            study.total = SCREENING * SCREENING_PATHS * (len(rows) + 1) + count * (leading + 4)
            screening = study.morris(rows, SCREENING, SCREENING_PATHS)
            parts = _ranking(screening).set_index("factor")[list(screening.outputs)]
            # by the output that a parameter moves most, so that none loses its own driver
            names = set(parts.max(axis=1).nlargest(leading).index)
            screened = tuple(row for row in rows if row.name in names)
            before = screening.evaluations
        study.total = study.done + count * (len(screened) + 3 + (len(screened) < len(rows)))
        found = study.sobol(rows, screened, count, paths)
        return _result(found, rows, before, 1, study.done)


def _factors(
    names: Sequence[str], table: Mapping[str, Assumption], prior: bool, wide: Collection[str], *, with_knobs: bool
) -> tuple[FactorRow, ...]:
    """All factors, or those of these names."""
    known = {row.name: row for row in (*_parameters(table, prior, wide), *_knobs())}
    if not names:
        return tuple(row for row in known.values() if with_knobs or row.kind == "parameter")
    for name in names:
        if name not in known:
            near = nearest_name(name, known)
            hint = f"; nearest {near}" if near else ""
            raise UsageError(f"factor: found {name!r}; expected a parameter or knob of the study{hint}")
    return tuple(known[name] for name in dict.fromkeys(names))


def _parameters(table: Mapping[str, Assumption], prior: bool, wide: Collection[str]) -> list[FactorRow]:
    rows = []
    for item in table.values():
        low, high = (item.prior_low, item.prior_high) if prior or item.name in wide else (item.low, item.high)
        scale = "log" if item.scale == "log" and low > 0.0 else "linear"
        rows.append(FactorRow(item.name, "parameter", low, high, item.unit, scale, item.grade))
    return rows


def _knobs() -> list[FactorRow]:
    found = [knobs()[name] for name in KNOB_FACTORS]
    return [
        FactorRow(
            knob.name,
            "knob",
            knob.low,
            knob.high,
            knob.unit or "ratio",
            "log" if knob.multiplies and knob.low > 0.0 else "linear",
            knob.grade,
        )
        for knob in found
    ]


Task = tuple[Any, dict[str, Any], dict[str, Any]]
"""Paths, parameters and knobs of some lanes."""


@dataclass(frozen=True)
class Settings:
    """Simulates settings side by side; travels once to each process."""

    model: Model

    def __call__(self, task: Task) -> dict[str, Array]:
        """Outputs of each lane."""
        from penstock.analysis.losses import losses_of
        from penstock.engine.lanes import Lanes, simulate_lanes

        block = simulate_lanes(self.model, Lanes(*task))
        return {**block_headlines(block), "loss": losses_of(block).loss_usd_bn}


class _Study:
    """Runs designs and counts the paths."""

    def __init__(self, model: Model, simulate: Any, jobs: int, on_progress: OnProgress) -> None:
        self.model, self._simulate, self._jobs, self._on_progress = model, simulate, jobs, on_progress
        self.done, self.total = 0, 1

    def morris(self, rows: Sequence[FactorRow], trajectories: int, each: int) -> Indices:
        """Each trajectory on `each` paths of its own."""

        def outputs(design: Array, trajectory: np.ndarray[Any, Any]) -> dict[str, Array]:
            paths = trajectory[:, None] * each + np.arange(each)
            values = {row.name: np.repeat(row.at(design[:, k]), each) for k, row in enumerate(rows)}
            found = self._lanes(paths.ravel(), rows, values, "Morris")
            return {name: lanes.reshape(len(design), each).mean(axis=1) for name, lanes in found.items()}

        bounds = {row.name: (0.0, 1.0) for row in rows}
        if trajectories >= FIRST + 2:
            return morris_in_stages(outputs, bounds, self.model.seed, trajectories, first=FIRST)
        numbers = np.repeat(np.arange(trajectories), len(rows) + 1)
        return morris(lambda design: outputs(design, numbers), bounds, self.model.seed, trajectories)

    def sobol(self, rows: Sequence[FactorRow], own: Sequence[FactorRow], samples: int, paths: int) -> Indices:
        """`own` with an index each, the other rows together, luck drawn from `paths` paths."""
        bounds = {row.name: (0.0, 1.0) for row in rows} | {LUCK: (0.0, 1.0)}
        kept = {row.name for row in own}
        groups = {row.name: REST for row in rows if row.name not in kept}

        def outputs(design: Array) -> dict[str, Array]:
            luck = np.minimum((design[:, -1] * paths).astype(np.int64), paths - 1)
            drawn = self._drawn(rows, design)
            found = self._lanes(luck, rows, drawn, "Sobol")
            # a few paths lose most of all that is lost: the variance of plain losses is that of these paths
            return {**found, "loss": np.log1p(found["loss"])}

        return sobol(outputs, bounds, self.model.seed, samples, groups=groups)

    def _drawn(self, rows: Sequence[FactorRow], design: Array) -> dict[str, Array]:
        """Parameters as a run draws them from uniform numbers; knobs over their range."""
        place = {name: number for number, name in enumerate(self.model.facts.parameters)}
        uniforms = np.full((len(place), len(design)), 0.5)
        for column, row in enumerate(rows):
            if row.kind == "parameter":
                uniforms[place[row.name]] = np.clip(design[:, column], 1e-9, 1.0 - 1e-9)
        wide = self.model.posterior.wide if self.model.posterior else ()
        table = self.model.facts.parameters
        parameters = draw_parameters(uniforms, prior=self.model.prior, table=table, wide=wide)
        return {
            row.name: parameters[row.name] if row.kind == "parameter" else row.at(design[:, column])
            for column, row in enumerate(rows)
        }

    def _lanes(
        self, paths: np.ndarray[Any, Any], rows: Sequence[FactorRow], values: Mapping[str, Array], note: str
    ) -> dict[str, Array]:
        """Outputs of each lane; parameters that are no factor stand at their central value."""
        from penstock.engine.model import WIDTH

        central = {name: item.central for name, item in self.model.facts.parameters.items() if name not in values}
        tasks: list[Task] = []
        lanes_each = min(WIDTH, max(-(-len(paths) // self._jobs), LEAST_LANES))
        for begin in range(0, len(paths), lanes_each):
            lanes = slice(begin, begin + lanes_each)
            width = len(paths[lanes])
            parameters = {name: np.full(width, value) for name, value in central.items()}
            parameters |= {row.name: values[row.name][lanes] for row in rows if row.kind == "parameter"}
            settings = {row.name: values[row.name][lanes] for row in rows if row.kind == "knob"}
            tasks.append((paths[lanes], parameters, settings))
        found: list[dict[str, Array]] = []
        at_once = 2 * self._jobs  # progress is told in between
        for begin in range(0, len(tasks), at_once):
            some = tasks[begin : begin + at_once]
            found += self._simulate(some)
            self.done += sum(len(task[0]) for task in some)
            self._on_progress(self.done, max(self.total, self.done), note)
        return {name: np.concatenate([part[name] for part in found]) for name in OUTPUTS}


def _result(indices: Indices, rows: Sequence[FactorRow], screened: int, each: int, path_count: int) -> Sensitivity:
    import pandas as pd

    columns = ["factor", "kind", "low", "high", "unit", "grade"]
    factors = pd.DataFrame(
        [(row.name, row.kind, row.low, row.high, row.unit, row.grade) for row in rows], columns=columns
    )
    units = UNITS | ({"loss": "ln(1 + usd_bn)"} if indices.method == "sobol" else {})
    return Sensitivity(indices.method, indices, factors, _ranking(indices), units, screened, each, path_count)


def _ranking(indices: Indices) -> pd.DataFrame:
    """Factors by their mean part over the outputs."""
    import pandas as pd

    measure = "mu_star" if indices.method == "morris" else "ST"
    values = indices[measure]
    if indices.method == "morris":
        values = values / np.maximum(values.sum(axis=0, keepdims=True), 1e-300)
    frame = pd.DataFrame(values, columns=list(indices.outputs))
    frame.insert(0, "factor", list(indices.factors))
    frame["mean"] = np.nanmean(np.where(np.isfinite(values), values, 0.0), axis=1)
    return frame.sort_values("mean", ascending=False, ignore_index=True)
