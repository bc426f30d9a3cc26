"""What speaks for and against a calibration: the data behind each parameter, and the data simulated again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from penstock.analysis.calibration_bank import Bank
from penstock.analysis.calibration_data import Targets
from penstock.analysis.calibration_inference import Calibrator, Posterior
from penstock.analysis.calibration_learning import learn_guess

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.model import Model
    from penstock.world import World

Array = np.ndarray

LIMITS = (0.1, 0.9)
NOISE_STREAM = 80


def data_by_parameter(calibrator: Calibrator, posterior: Posterior) -> pd.DataFrame:
    """Share of variance that each family of data explains alone; a row an informed parameter, a column a family.

    Families overlap: shares of a row need not add to the share of all data together.
    """
    import pandas as pd

    targets, scores = calibrator.targets, calibrator.bank.scores[posterior.informed]
    names = [name for name, told in zip(posterior.names, posterior.informed, strict=True) if told]
    lessons = calibrator.lessons(posterior.allowance)
    used, seen = lessons.used, calibrator.seen(posterior.allowance)
    found = {}
    for family in targets.families:
        rows = [row for row in targets.rows_of(family=family) if used[row]]
        if rows and names:
            found[family] = learn_guess(scores, seen[rows]).shares
    return pd.DataFrame(found, index=pd.Index(names, name="parameter"))


def predictive_logs(
    model: Model,
    world: World,
    targets: Targets,
    posterior: Posterior,
    values: Mapping[str, Array],
    paths: int,
    seed: list[int],
) -> Array:
    """Logs of the points simulated again with draws of the posterior and fresh luck, (points, paths)."""
    from penstock.analysis.observed_outputs import known_outputs, simulate_outputs
    from penstock.analysis.observed_values import Ensemble

    places = posterior.equal_draws(np.random.default_rng(seed), paths)
    drawn = {name: column[places] for name, column in values.items()}
    names = set(targets.outputs) & known_outputs(model)
    outputs = simulate_outputs(model, names, paths, posterior.paths, drawn)
    return targets.logs(Ensemble(world.as_of, outputs))


def predictive_by_series(targets: Targets, bank: Bank, again: Array, posterior: Posterior, seed: int) -> pd.DataFrame:
    """A row a series: how far the median is from the data and how many points lie in the 80 % interval.

    `prior` and `posterior` are the model alone; `with_discrepancy` adds the allowance of the cited data to the paths of
    either. `p_value`: two-sided place of the data's mean among means of the posterior with discrepancy.
    """
    import pandas as pd

    observed = targets.observed
    generator, root = np.random.default_rng([NOISE_STREAM, seed]), posterior.allowance.root(targets)
    noisy, before = (
        logs + root @ generator.standard_normal((len(observed), logs.shape[1]))
        for logs in (again, bank.logs[:, : again.shape[1]])
    )
    found = []
    for name in targets.series:
        rows = targets.rows_of(series=name)
        point = targets.points[int(rows[0])]
        data = observed[rows]
        place = float((noisy[rows].mean(axis=0) < data.mean()).mean())
        found.append(
            {
                "series": name,
                "family": point.discrepancy.family,
                "points": len(rows),
                "used": name not in posterior.allowance.beyond_reach,
                "prior_error": _error(bank.logs[rows], data),
                "posterior_error": _error(again[rows], data),
                "prior_cover_80": _covered(bank.logs[rows], data),
                "posterior_cover_80": _covered(again[rows], data),
                "prior_with_discrepancy_cover_80": _covered(before[rows], data),
                "with_discrepancy_cover_80": _covered(noisy[rows], data),
                "p_value": 2.0 * min(place, 1.0 - place),
            }
        )
    return pd.DataFrame(found).set_index("series")


def predictive_by_family(series: pd.DataFrame) -> pd.DataFrame:
    """Means over the series of each family, then over all series, each with the same weight."""
    import pandas as pd

    numbers = [name for name in series.columns if name.endswith(("error", "80"))]
    frame = series.groupby("family", sort=False)[numbers].mean()
    frame.insert(0, "points", series.groupby("family", sort=False)["points"].sum())
    whole = pd.DataFrame([{"points": series["points"].sum(), **series[numbers].mean()}], index=["all"])
    return pd.concat([frame, whole]).rename_axis("family")


def _error(logs: Array, data: Array) -> float:
    """Mean log of the median over the data."""
    return float((np.median(logs, axis=1) - data).mean())


def _covered(logs: Array, data: Array) -> float:
    low, high = np.quantile(logs, LIMITS, axis=1)
    return float(((low <= data) & (data <= high)).mean())
