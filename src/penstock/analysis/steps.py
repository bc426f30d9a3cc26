"""What each step of the quarter does: switched off one at a time, on common random numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from penstock.scenarios import Scenario
    from penstock.world import World

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


@dataclass(frozen=True)
class Headline:
    """One headline output of a run."""

    name: str
    unit: str
    column: str
    how: str
    scale: float = 1.0


HEADLINES = (
    Headline("spending", "usd_bn", "ai_revenue_usd_bn", "sum"),
    Headline("capex", "usd_bn", "capex_usd_bn", "sum"),
    Headline("h100e", "million", "h100e", "last", 1e-6),
    Headline("it_power", "GW", "it_mw", "last", 1e-3),
    Headline("defaults", "per path", "defaults", "sum"),
    Headline("surplus", "usd_bn", "surplus_usd_bn", "sum"),
)


def headline_outputs(
    world: World, scenario: Scenario | str, *, paths: int, quarters: int, seed: int
) -> dict[str, np.ndarray]:
    """The six headline outputs of each path, (paths,) each."""
    from penstock.engine.model import prepare, simulate_paths

    block = simulate_paths(prepare(world, scenario, quarters=quarters, seed=seed), 0, paths)
    found = {**block.economy, "defaults": block.layers["defaults"].sum(axis=1)}
    out = {}
    for item in HEADLINES:
        series = found[item.column] * item.scale
        out[item.name] = series.sum(axis=0) if item.how == "sum" else series[-1]
    return out


def step_table(
    world: World,
    *,
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    jobs: int = 1,
    scenario: str = "baseline",
) -> pd.DataFrame:
    """Mean change of each headline output when a step is switched off, with standard error and their ratio.

    Paired differences on common random numbers; a ratio above ten means that the step plainly matters.
    One row a step, columns `OUTPUT`, `OUTPUT_se`, and `largest` (the output moved by most standard errors).
    """
    import pandas as pd

    runs: list[dict[str, object]] = [{"name": "steps", "extends": scenario}] + [
        {"name": f"without_{step}", "extends": scenario, "switch": {step: False}} for step in STEPS
    ]
    results = _all(world, runs, paths=paths, quarters=quarters, seed=seed, jobs=jobs)
    base = results[0]
    rows = []
    for step, other in zip(STEPS, results[1:], strict=True):
        row: dict[str, object] = {"step": step}
        strength = {}
        for item in HEADLINES:
            change = other[item.name] - base[item.name]
            error = change.std(ddof=1) / np.sqrt(len(change))
            row[f"{item.name} ({item.unit})"] = change.mean()
            row[f"{item.name} se"] = error
            strength[item.name] = abs(change.mean()) / error if error > 0 else (0.0 if change.mean() == 0 else np.inf)
        best = max(strength, key=lambda name: strength[name])
        row["moves most"] = best
        row["standard errors"] = strength[best]
        rows.append(row)
    return pd.DataFrame(rows).set_index("step")


def _all(
    world: World, runs: list[dict[str, object]], *, paths: int, quarters: int, seed: int, jobs: int
) -> list[dict[str, np.ndarray]]:
    """Headline outputs of several scenarios, in processes where that is asked for."""
    if jobs <= 1:
        return [headline_outputs(world, load(run, world), paths=paths, quarters=quarters, seed=seed) for run in runs]
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [
            pool.submit(headline_outputs, world, load(run, world), paths=paths, quarters=quarters, seed=seed)
            for run in runs
        ]
        return [job.result() for job in waiting]


def load(run: dict[str, object], world: World) -> object:
    from penstock.scenarios import load_scenario

    return load_scenario(run, world)
