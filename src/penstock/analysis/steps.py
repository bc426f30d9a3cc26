"""What each step of the quarter does: switched off one at a time, on common random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.engine.progress import OnProgress, silent
from penstock.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.model import Model, PathBlock
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


def headline_outputs(model: Model, paths: int) -> dict[str, Array]:
    """The six headline outputs of each path, (paths,) each. Raises ModelError where a check of the model fails."""
    from penstock.engine.model import simulate_paths

    parts: dict[str, list[Array]] = {item.name: [] for item in HEADLINES}
    for first in range(0, paths, PATHS_AT_ONCE):
        found = block_headlines(simulate_paths(model, first, min(PATHS_AT_ONCE, paths - first)))
        for name, values in found.items():
            parts[name].append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def block_headlines(block: PathBlock) -> dict[str, Array]:
    """The six headline outputs of each path of a block. Raises ModelError where a check of the model fails."""
    from penstock.engine.run import problems_of

    if problems := problems_of(block.checks):
        raise ModelError("; ".join(problems))
    found = {**block.economy, "defaults": block.layers["defaults"].sum(axis=1)}
    outputs = {}
    for item in HEADLINES:
        series = found[item.column] * item.scale
        outputs[item.name] = np.asarray(series.sum(axis=0) if item.how == "sum" else series[-1])
    return outputs


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

    models = step_models(world, scenario, quarters=quarters, seed=seed, prior=prior)
    told = ("all steps on", *(f"without {step}" for step in STEPS))
    base, *others = outputs_of_variants(Variants(models, told, paths), jobs, on_progress, "steps")
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


def step_models(world: World, scenario: str, *, quarters: int, seed: int, prior: bool) -> tuple[Model, ...]:
    """The model of a scenario, then the same without each of its steps."""
    from penstock.engine.model import prepare
    from penstock.scenarios import load_scenario

    plan = load_scenario(scenario, world)
    base = prepare(world, plan, quarters=quarters, seed=seed, prior=prior)
    return base, *(switched_off(base, plan, step, world, quarters) for step in STEPS)


def switched_off(base: Model, plan: Scenario, name: str, world: World, quarters: int) -> Model:
    """A model of a scenario with one switch off: it edits neither the world nor its opening state, made once."""
    from penstock.scenarios import compile_program, load_scenario

    tables = plan.to_dict()
    off = {**tables, "name": f"{plan.name}_without_{name}", "switch": {**tables.get("switch", {}), name: False}}
    return replace(base, program=compile_program(load_scenario(off, world), base.first_quarter, quarters))


def mean_and_error(values: Array) -> tuple[float, float]:
    """Mean over paths and its standard error, which one path does not give."""
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return float(values.mean()), float(error)


@dataclass(frozen=True)
class Variants:
    """Models whose headline outputs are compared on the same paths; travels once to each process."""

    models: tuple[Model, ...]
    told: tuple[str, ...]
    """how a message names each"""
    paths: int

    def __call__(self, number: int) -> tuple[int, dict[str, Array]]:
        try:
            return number, headline_outputs(self.models[number], self.paths)
        except ModelError as error:
            raise ModelError(f"{self.told[number]}: {error}") from error


def outputs_of_variants(
    variants: Variants, jobs: int, on_progress: OnProgress, noun: str
) -> Sequence[dict[str, Array]]:
    """Headline outputs of all models in their order, in processes where that is asked for; progress counts `noun`."""
    from penstock.engine.executors import executor_for

    total = len(variants.models)
    found: dict[int, dict[str, Array]] = {}
    on_progress(0, total, noun)
    for number, outputs in executor_for(jobs, total).map(variants, range(total)):
        found[number] = outputs
        on_progress(len(found), total, noun)
    return [found[number] for number in range(total)]
