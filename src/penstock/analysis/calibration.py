"""Calibration: what the cited course to 2025 says about the parameters, starting from a world of the past.

One ensemble from the wide prior, each path with parameters of its own, is the bank. `calibration_inference` turns it
and the cited points into weighted draws. Everything that a reader needs to doubt them stands beside: how much each
parameter is informed and by which data, what the draws say of the same points when simulated again, what was set
aside, and which parameters the data do not inform, whose posterior is their prior.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.calibration_bank import Bank, make_bank, parameter_values
from penstock.analysis.calibration_checks import (
    data_by_parameter,
    predictive_by_family,
    predictive_by_series,
    predictive_logs,
)
from penstock.analysis.calibration_data import Targets, targets_of
from penstock.analysis.calibration_inference import Calibrator, Posterior
from penstock.analysis.calibration_sizes import Sizes, likeliest_sizes
from penstock.engine.progress import OnProgress, silent
from penstock.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.model import Model
    from penstock.world import World

Array = np.ndarray

LAST = dt.date(2025, 12, 31)
START = "ai-2024"
"""The earliest bundled world from which the model reaches the data: from ai-2022 a quarter of all points lie beyond
anything that the prior gives (docs/decisions/0021).
"""
PATHS = 40_000
LEAST_PATHS = 2_000
CHECKED = 1_024
"""Draws that are simulated again for the predictive checks."""
SHIPPED = 4_000
"""Draws that are kept for runs."""
LEVELS = (0.1, 0.5, 0.9)
SHIPPED_STREAM, CHECKED_STREAM = 78, 79


@dataclass(frozen=True)
class Calibration:
    """The outcome: weighted draws and what speaks for and against them.

    Attributes:
        values: parameters in their units, name -> (draws,), weights in `posterior`.
        parameters: a row a parameter: informed, share of variance explained, 10, 50 and 90 % quantiles of prior and
            posterior, width of the 80 % interval over the prior's, shift of the median in prior standard deviations,
            the families of data that tell most, and whether runs of later worlds take it.
        data: (parameters, families) share of variance that each family explains alone; informed parameters only.
        series, families: predictive checks before and after.
    """

    world: World
    until: dt.date
    seed: int
    targets: Targets
    posterior: Posterior
    values: Mapping[str, Array]
    parameters: pd.DataFrame
    data: pd.DataFrame
    series: pd.DataFrame
    families: pd.DataFrame
    carried: tuple[str, ...]
    """informed parameters that runs of other worlds may take: those whose prior is not of the world's own day"""
    rows: Mapping[str, tuple[float, ...]]
    """prior of each parameter that is not of the world's own day, as compared with a run's"""
    same_for_all: Sizes
    """sizes of a discrepancy without a table, by these data alone; no part of the fit"""

    @property
    def not_informed(self) -> tuple[str, ...]:
        """Parameters that the data do not inform: their posterior is their prior."""
        names = self.posterior.names
        return tuple(name for name, told in zip(names, self.posterior.informed, strict=True) if not told)

    def covered(self, column: str) -> float:
        """A column of the predictive checks over all series, each with the same weight."""
        return float(self.families[column].iloc[-1])

    def shipped(self) -> pd.DataFrame:
        """Weighted draws for runs: `weight`, then a column a parameter that is informed and carried; 4,000 rows."""
        import pandas as pd

        generator = np.random.default_rng([SHIPPED_STREAM, self.seed])
        weights = self.posterior.weights
        count = min(SHIPPED, len(weights))
        places = np.sort(generator.choice(len(weights), count, replace=False))
        share = weights[places] / weights[places].sum()
        columns = {name: [float(f"{value:.5g}") for value in self.values[name][places]] for name in self.carried}
        return pd.DataFrame({"weight": [float(f"{value:.4g}") for value in share], **columns})

    def to_pandas(self) -> pd.DataFrame:
        """A row a parameter."""
        return self.parameters

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        posterior = self.posterior
        return {
            "world": self.world.name,
            "from": self.world.as_of.isoformat(),
            "until": self.until.isoformat(),
            "paths": posterior.paths,
            "seed": self.seed,
            "points": len(self.targets.points),
            "effective_sample_size": posterior.effective_size,
            "draws": len(posterior.weights),
            "share_not_ruled_out": posterior.share_left,
            "joint_p_value": posterior.joint_p_value,
            "inflation_of_discrepancy": posterior.allowance.inflation,
            "beyond_reach": dict(posterior.allowance.beyond_reach),
            "widened": dict(posterior.allowance.widened),
            "not_informed": list(self.not_informed),
            "parameters": self.parameters.reset_index().to_dict("records"),
            "data": self.data.reset_index().to_dict("records"),
            "series": self.series.reset_index().to_dict("records"),
            "families": self.families.reset_index().to_dict("records"),
            "left_out": [
                {"series": series, "entity": entity, "reason": why}
                for (series, entity), why in self.targets.left_out.items()
            ],
        }


def calibrate(
    world: World | None = None,
    *,
    until: dt.date = LAST,
    paths: int = PATHS,
    seed: int = 7,
    jobs: int = 1,
    folder: Path | None = None,
    on_progress: OnProgress = silent,
) -> Calibration:
    """Calibrate the parameters on what is cited between the day of a world and `until`.

    Args:
        world: where the model starts; without one, `START`.
        paths: simulations in the bank, at least 2,000.
        folder: where finished pieces of the bank are kept, so that a stopped call goes on.

    Raises:
        UsageError: too few paths, or no quarter between the day of the world and `until`.
        OutputError: a folder that cannot be written.
    """
    from penstock.world import load_world

    if paths < LEAST_PATHS:
        raise UsageError(f"--paths: found {paths}; expected at least {LEAST_PATHS:,}, for less teaches nothing")
    start = world if world is not None else load_world(START)
    model, targets = prepare_calibration(start, until=until, seed=seed)
    bank = make_bank(model, start, targets, paths=paths, jobs=jobs, folder=folder, on_progress=on_progress)
    calibrator = Calibrator(bank, targets, seed)
    posterior = calibrator(targets.observed)
    return _result(start, until, model, targets, bank, calibrator, posterior)


def prepare_calibration(world: World, *, until: dt.date = LAST, seed: int = 7) -> tuple[Model, Targets]:
    """The model of a world on its prior with the quarters to a day, and the points to compare with.

    Raises UsageError where no whole quarter lies between the two days, or no series is carried.
    """
    from penstock.engine.model import prepare
    from penstock.world import load_world

    months = until.year * 12 + until.month - world.as_of.year * 12 - world.as_of.month
    if months < 3 or (until + dt.timedelta(days=1)).day != 1 or months % 3:
        raise UsageError(
            f"--until: found {until}; expected the last day of a quarter after {world.as_of}, the day of {world.name}"
        )
    model = prepare(world, "baseline", quarters=months // 3, seed=seed, prior=True)
    targets = targets_of(model, world, load_world(), until)
    if not targets.points:
        raise UsageError(f"--world: found {world.name}, which carries no cited series; expected one of the build-out")
    return model, targets


def _result(
    world: World,
    until: dt.date,
    model: Model,
    targets: Targets,
    bank: Bank,
    calibrator: Calibrator,
    posterior: Posterior,
) -> Calibration:
    from penstock.engine.parameters import assumptions
    from penstock.engine.posterior import prior_of

    values = parameter_values(model, posterior.scores, posterior.names)
    data = data_by_parameter(calibrator, posterior)
    default = assumptions()
    rows = {name: prior_of(row) for name, row in model.facts.parameters.items() if row == default.get(name)}
    again = predictive_logs(model, world, targets, posterior, values, CHECKED, [CHECKED_STREAM, model.seed])
    series = predictive_by_series(targets, bank, again, posterior, model.seed)
    carried = tuple(
        name for name, told in zip(posterior.names, posterior.informed, strict=True) if told and name in rows
    )
    return Calibration(
        world,
        until,
        model.seed,
        targets,
        posterior,
        values,
        _parameters(model, posterior, values, data, carried),
        data,
        series,
        predictive_by_family(series),
        carried,
        rows,
        likeliest_sizes(targets, bank.logs.mean(axis=1), np.atleast_2d(np.cov(bank.logs))),
    )


def _parameters(
    model: Model, posterior: Posterior, values: Mapping[str, Array], data: pd.DataFrame, carried: tuple[str, ...]
) -> pd.DataFrame:
    """A row a parameter, the most informed first."""
    import pandas as pd
    from scipy.special import ndtri

    scores = posterior.quantiles(LEVELS)
    at = np.repeat(ndtri(LEVELS)[None, :], len(posterior.names), axis=0)
    before = parameter_values(model, at, posterior.names)
    after = parameter_values(model, scores.T, posterior.names)
    width = ndtri(LEVELS[2]) - ndtri(LEVELS[0])
    found = []
    for number, name in enumerate(posterior.names):
        told = bool(posterior.informed[number])
        row: dict[str, Any] = {"parameter": name, "unit": model.facts.parameters[name].unit, "informed": told}
        row["share"] = float(posterior.shares[number])
        for label, quantiles in (("prior", before[name]), ("posterior", after[name] if told else before[name])):
            row |= {f"{label}_{round(100 * q)}": float(v) for q, v in zip(LEVELS, quantiles, strict=True)}
        row["width_ratio"] = float(scores[2, number] - scores[0, number]) / width if told else 1.0
        row["shift"] = float(scores[1, number]) if told else 0.0
        row["told_by"] = "; ".join(data.T[name].nlargest(2).index) if told else ""
        row["carried"] = name in carried
        found.append(row)
    frame = pd.DataFrame(found).sort_values("share", ascending=False, kind="stable")
    return frame.set_index("parameter")
