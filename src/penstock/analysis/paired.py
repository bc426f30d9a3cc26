"""Scenarios beside a base on common random numbers: headline outputs of each path, and their differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.losses import losses_of
from penstock.analysis.steps import HEADLINES, Headline, mean_and_error
from penstock.engine.chunks import WORLD_REGION
from penstock.engine.progress import OnProgress
from penstock.errors import ModelError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from penstock.engine.run import Run
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

NORMAL_95 = 1.96
"""Half width of a 95 % interval of a mean over many paths, in standard errors."""

LOSS = Headline("losses", "usd_bn", "loss_usd_bn", "sum")
OUTPUTS: tuple[Headline, ...] = (*HEADLINES[:-1], LOSS, HEADLINES[-1])
"""What is compared. Sums over all quarters; compute and IT power at the end."""


def paired_run(
    source: Run | World,
    base: Any,
    others: Sequence[Any],
    *,
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    jobs: int = 1,
    prior: bool = False,
    out: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> Run:
    """One run of the base and the others on common random numbers; a run that is given is taken as it is.

    Raises ModelError where a check of the model fails: its differences must not be used.
    """
    import warnings

    from penstock.engine.ensemble import simulate
    from penstock.engine.run import ModelWarning, Run

    if isinstance(source, Run):
        run = source
    else:
        with warnings.catch_warnings():
            # told once, as an error, below
            warnings.simplefilter("ignore", ModelWarning)
            run = simulate(
                source,
                [base, *others],
                paths=paths,
                quarters=quarters,
                seed=seed,
                jobs=jobs,
                prior=prior,
                out=out,
                on_progress=on_progress,
            )
    if problems := run.problems():
        raise ModelError("; ".join(problems))
    return run


def scenarios_of(run: Run, base: str, others: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The base and the others of a run that was given: all its others where none is named.

    Raises UsageError for a scenario that the run does not hold.
    """
    first = base if base in run.scenarios or others else run.scenarios[0]
    chosen = tuple(others) or tuple(name for name in run.scenarios if name != first)
    for name in (first, *chosen):
        if name not in run.scenarios:
            raise UsageError(f"--run: found no scenario {name!r} in it; expected one of {', '.join(run.scenarios)}")
    if not chosen:
        raise UsageError(f"--run: found one scenario, {first}; expected a run of at least two")
    return first, chosen


def economy_grid(run: Run, scenario: str, column: str) -> np.ndarray[Any, Any]:
    """A column of `economy`, (quarters, paths)."""
    frame = run.economy
    rows = (frame["scenario"] == scenario) & (frame["region"] == WORLD_REGION)
    values = frame.loc[rows, column].to_numpy()
    return values.reshape(run.manifest["paths"], -1).T


def headlines_of(run: Run, scenario: str) -> dict[str, Array]:
    """Name in OUTPUTS -> its value on each path, (paths,), in the unit of the output."""
    paths = run.manifest["paths"]
    layers = run.layers
    failed = layers.loc[layers["scenario"] == scenario, "defaults"].to_numpy().reshape(paths, -1).sum(axis=1)
    found = {"defaults": failed, LOSS.name: losses_of(run, scenario).loss_usd_bn}
    for item in OUTPUTS:
        if item.name not in found:
            series = economy_grid(run, scenario, item.column) * item.scale
            found[item.name] = series.sum(axis=0) if item.how == "sum" else series[-1]
    return {item.name: found[item.name] for item in OUTPUTS}


def interval(values: Array) -> dict[str, float]:
    """mean, se, low95 and high95 of the mean over paths."""
    mean, error = mean_and_error(values)
    return {"mean": mean, "se": error, "low95": mean - NORMAL_95 * error, "high95": mean + NORMAL_95 * error}


def difference_row(base: Array, other: Array) -> dict[str, float]:
    """Means of both, and the mean difference path by path with its interval and its spread over paths."""
    change = other - base
    found = interval(change)
    p05, p95 = np.quantile(change, [0.05, 0.95])
    return {
        "base": float(base.mean()),
        "level": float(other.mean()),
        "difference": found["mean"],
        **{name: found[name] for name in ("se", "low95", "high95")},
        "p05": float(p05),
        "p95": float(p95),
    }


def difference_table(run: Run, base: str, others: Sequence[str]) -> pd.DataFrame:
    """scenario, output, unit, base, level, difference, se, low95, high95, p05, p95 of the headline outputs.

    low95 to high95 holds the mean difference; p05 to p95 holds 90 % of paths.
    """
    import pandas as pd

    first = headlines_of(run, base)
    rows = []
    for name in others:
        found = headlines_of(run, name)
        for item in OUTPUTS:
            rows.append(
                {
                    "scenario": name,
                    "output": item.name,
                    "unit": item.unit,
                    **difference_row(first[item.name], found[item.name]),
                }
            )
    return pd.DataFrame(rows)
