"""What each step of the quarter does: switched off one at a time, on common random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.engine.progress import OnProgress, silent
from penstock.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.scenarios import Scenario
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

STEPS = (
    "want",
    "serve",
    "earn",
    "spend",
    "plan",
    "order",
    "fund",
    "settle",
    "close",
    "value",
    "mend",
    "payoff",
)

PATHS_AT_ONCE = 1024
"""Bounds memory, whatever the number of paths."""


@dataclass(frozen=True)
class Headline:
    """One headline output of a run."""

    name: str
    unit: str
    column: str
    how: str
    scale: float = 1.0

    @property
    def key(self) -> str:
        """Name of the column of its changes."""
        return f"{self.name}_{self.unit}"

    @property
    def error(self) -> str:
        """Name of the column of the standard errors of its changes."""
        return f"{self.name}_se"


HEADLINES = (
    Headline("spending", "usd_bn", "ai_revenue_usd_bn", "sum"),
    Headline("capex", "usd_bn", "capex_usd_bn", "sum"),
    Headline("h100e", "million", "h100e", "last", 1e-6),
    Headline("it_power", "gw", "it_mw", "last", 1e-3),
    Headline("defaults", "per_path", "defaults", "sum"),
    Headline("surplus", "usd_bn", "surplus_usd_bn", "sum"),
)


@dataclass(frozen=True)
class StepStudy:
    """What switching off each step changes."""

    levels: pd.DataFrame
    """a row a headline output: output, unit, mean, se, with all steps on"""
    changes: pd.DataFrame
    """a row a step: step, for each output the mean change and its standard error, `moves_most` (the output moved
    by most standard errors) and `standard_errors` (how many)"""

    def to_pandas(self) -> pd.DataFrame:
        """The changes."""
        return self.changes

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"levels": self.levels.to_dict(orient="records"), "changes": self.changes.to_dict(orient="records")}


def headline_outputs(
    world: World, scenario: Scenario | str, *, paths: int, quarters: int, seed: int, prior: bool = False
) -> dict[str, Array]:
    """The six headline outputs of each path, (paths,) each. Raises ModelError where a check of the model fails."""
    from penstock.engine.model import prepare, simulate_paths
    from penstock.engine.run import problems_of

    model = prepare(world, scenario, quarters=quarters, seed=seed, prior=prior)
    parts: dict[str, list[Array]] = {item.name: [] for item in HEADLINES}
    for first in range(0, paths, PATHS_AT_ONCE):
        block = simulate_paths(model, first, min(PATHS_AT_ONCE, paths - first))
        if problems := problems_of(block.checks):
            name = scenario if isinstance(scenario, str) else scenario.name
            raise ModelError(f"{name}: {'; '.join(problems)}")
        found = {**block.economy, "defaults": block.layers["defaults"].sum(axis=1)}
        for item in HEADLINES:
            series = found[item.column] * item.scale
            parts[item.name].append(series.sum(axis=0) if item.how == "sum" else series[-1])
    return {name: np.concatenate(values) for name, values in parts.items()}


def step_study(
    world: World,
    *,
    scenario: str = "baseline",
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    jobs: int = 1,
    prior: bool = False,
    on_progress: OnProgress = silent,
) -> StepStudy:
    """Mean change of each headline output when a step is switched off, with its standard error.

    Paired differences on common random numbers: a change of more than ten standard errors plainly matters. Sums
    over all quarters; h100e and it_power at the end.
    """
    import pandas as pd

    runs: list[dict[str, object]] = [{"name": "steps", "extends": scenario}]
    runs += [{"name": f"without_{step}", "extends": scenario, "switch": {step: False}} for step in STEPS]
    base, *others = _all(_Study(world, tuple(runs), paths, quarters, seed, prior), jobs, on_progress)
    levels = pd.DataFrame(
        [(item.name, item.unit, *mean_and_error(base[item.name])) for item in HEADLINES],
        columns=["output", "unit", "mean", "se"],
    )
    rows = []
    for step, other in zip(STEPS, others, strict=True):
        row: dict[str, object] = {"step": step}
        strength = {}
        for item in HEADLINES:
            change, error = mean_and_error(other[item.name] - base[item.name])
            row[item.key], row[item.error] = change, error
            strength[item.name] = abs(change) / error if error > 0 else (0.0 if change == 0 else np.inf)
        row["moves_most"] = max(strength, key=lambda name: strength[name])
        row["standard_errors"] = max(strength.values())
        rows.append(row)
    return StepStudy(levels, pd.DataFrame(rows))


def mean_and_error(values: Array) -> tuple[float, float]:
    """Mean over paths and its standard error, which one path does not give."""
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return float(values.mean()), float(error)


@dataclass(frozen=True)
class _Study:
    """Simulates one of the runs; travels once to each process."""

    world: World
    runs: tuple[dict[str, object], ...]
    paths: int
    quarters: int
    seed: int
    prior: bool

    def __call__(self, number: int) -> tuple[int, dict[str, Array]]:
        from penstock.scenarios import load_scenario

        scenario = load_scenario(self.runs[number], self.world)
        return number, headline_outputs(
            self.world,
            scenario,
            paths=self.paths,
            quarters=self.quarters,
            seed=self.seed,
            prior=self.prior,
        )


def _all(study: _Study, jobs: int, on_progress: OnProgress) -> Sequence[dict[str, Array]]:
    """Headline outputs of all runs, in processes where that is asked for."""
    from penstock.engine.executors import executor_for

    total = len(study.runs)
    found: dict[int, dict[str, Array]] = {}
    on_progress(0, total, "steps")
    for number, outputs in executor_for(jobs, total).map(study, range(total)):
        found[number] = outputs
        on_progress(len(found), total, "steps")
    return [found[number] for number in range(total)]
