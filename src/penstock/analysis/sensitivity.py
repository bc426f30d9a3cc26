"""Which inputs drive which outputs of any function: Morris screening and Sobol indices, by SALib.

Morris (1991), Technometrics 33, 161-174, with the measure mu* of Campolongo, Cariboni and Saltelli (2007),
Environmental Modelling and Software 22, 1509-1518. Sobol (2001), Mathematics and Computers in Simulation 55,
271-280, with the design and estimators of Saltelli et al. (2010), Computer Physics Communications 181, 259-270.
Outputs of one design are evaluated together, however many there are.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.errors import ModelError, UsageError

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, np.dtype[np.float64]]
Bounds = Mapping[str, tuple[float, float]] | Sequence[tuple[float, float]]
Function = Callable[[Array], Any]

INSTALL = "pip install 'penstock[analysis]'"
METHODS = ("morris", "sobol")
LEVELS = 4
"""Levels of a Morris design; steps are two thirds of a range, as Morris advises for four levels."""

RESAMPLES = 200
"""Bootstrap samples behind each confidence interval."""

CONFIDENCE = 0.95

WORTH = 0.2
"""A factor whose effect on some output is this part of the largest, or more, is looked at in the second stage."""


@dataclass(frozen=True)
class Indices:
    """Indices of every output.

    `table`: a row an output and factor (a group counts as one factor): output, factor, then in SALib's names
    for Morris mu (mean elementary effect over the whole range), mu_star (mean of its absolute value),
    mu_star_conf, sigma (standard deviation), in stages also trajectories; for Sobol S1, S1_conf, ST, ST_conf. Each
    `_conf` is half the width of the 95 % bootstrap interval. An output that never varies has no Sobol indices (NaN).
    """

    method: str
    factors: tuple[str, ...]
    outputs: tuple[str, ...]
    table: pd.DataFrame
    samples: int
    """trajectories, or base samples"""
    evaluations: int
    """rows of the design, each evaluated once"""
    seed: int

    def __getitem__(self, measure: str) -> Array:
        """A measure as an array (factors,), or (factors, outputs) where there are several outputs."""
        values = self.table[measure].to_numpy(float).reshape(len(self.outputs), len(self.factors)).T
        return values[:, 0] if len(self.outputs) == 1 else values

    def to_pandas(self) -> pd.DataFrame:
        """The table."""
        return self.table

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "method": self.method,
            "samples": self.samples,
            "evaluations": self.evaluations,
            "seed": self.seed,
            "indices": self.table.to_dict(orient="records"),
        }


def morris(function: Function, bounds: Bounds, seed: int, n: int, *, levels: int = LEVELS) -> Indices:
    """Elementary effects of each factor on each output from `n` trajectories, n x (factors + 1) evaluations.

    function: takes the design (rows, factors) and returns (rows,), (rows, outputs) or a mapping of output names
    to (rows,); a function of one point is applied row by row. bounds: name -> (low, high), or pairs in order.

    Raises UsageError for bounds, n or a result that cannot be used, or without SALib; ModelError for values that
    are not finite.
    """
    names, problem = _problem(bounds)
    _at_least("n", n, 2)
    _salib()
    from SALib.analyze import morris as analyze
    from SALib.sample import morris as sample

    # SALib draws from a generator spawned from this one, as its own tests do
    generator = np.random.default_rng(seed)
    design = sample.sample(problem, n, num_levels=levels, seed=generator)
    outputs = evaluate(function, design)
    frames = []
    for name, values in outputs.items():
        found = analyze.analyze(
            problem,
            design,
            values,
            num_levels=levels,
            num_resamples=RESAMPLES,
            conf_level=CONFIDENCE,
            seed=np.random.default_rng(seed),
        )
        columns = {key: np.asarray(found[key], dtype=float) for key in ("mu", "mu_star", "mu_star_conf", "sigma")}
        frames.append(_frame(name, names, columns))
    return _indices("morris", names, outputs, frames, n, len(design), seed)


def morris_in_stages(
    function: Callable[[Array, Any], Any], bounds: Bounds, seed: int, n: int, *, first: int, levels: int = LEVELS
) -> Indices:
    """As `morris`, with most evaluations spent on the factors that count.

    `first` trajectories move all factors. The other `n - first` move those only whose mu_star reaches the part WORTH of
    the largest on some output; the rest stand at a level drawn anew each time, so that an effect is met as often in
    each surrounding. A factor's measures are over all of its trajectories, whose number stands in the column
    `trajectories`.

    function: takes the design and, for each row, the number of its trajectory (rows,). Else as in `morris`.
    """
    names, problem = _problem(bounds)
    _at_least("first", first, 2)
    _at_least("n", n, first + 2)
    _salib()
    from SALib.sample import morris as sample

    generator = np.random.default_rng(seed)
    whole = np.asarray(sample.sample(problem, first, num_levels=levels, seed=generator))
    trajectory = np.repeat(np.arange(first), len(names) + 1)
    values = evaluate(lambda design: function(design, trajectory), whole)
    low, high = np.array(problem["bounds"]).T
    span = high - low
    effects = {name: elementary_effects(whole / span, given, first) for name, given in values.items()}

    leading = _worth_more(effects)
    few = [names[place] for place in leading]
    inner = {"num_vars": len(few), "names": few, "bounds": [problem["bounds"][place] for place in leading]}
    trajectories, rows = n - first, len(few) + 1
    drawn = generator.integers(levels, size=(trajectories, len(names))) / (levels - 1.0)
    design = np.repeat(low + drawn * span, rows, axis=0)
    design[:, leading] = sample.sample(inner, trajectories, num_levels=levels, seed=generator)
    trajectory = first + np.repeat(np.arange(trajectories), rows)
    more = evaluate(lambda points: function(points, trajectory), design)
    frames = []
    for name, given in more.items():
        found = elementary_effects(design[:, leading] / span[leading], given, trajectories)
        every = [effects[name][:, place] for place in range(len(names))]
        for column, place in enumerate(leading):
            every[place] = np.concatenate([every[place], found[:, column]])
        frames.append(_frame(name, names, _measures(every, seed)))
    return _indices("morris", names, values, frames, n, len(whole) + len(design), seed)


def elementary_effects(design: Array, values: Array, trajectories: int) -> Array:
    """Change of a value per unit of the factor that moves, (trajectories, factors): each moves once in each."""
    points = design.reshape(trajectories, -1, design.shape[1])
    steps, changes = np.diff(points, axis=1), np.diff(values.reshape(trajectories, -1), axis=1)
    moved = np.abs(steps).argmax(axis=2)
    out = np.empty((trajectories, design.shape[1]))
    rise = changes / np.take_along_axis(steps, moved[:, :, None], axis=2)[:, :, 0]
    np.put_along_axis(out, moved, rise, axis=1)
    return out


def _worth_more(effects: Mapping[str, Array]) -> list[int]:
    """Places of the factors that count for some output; all where nothing has any effect."""
    stars = np.array([np.abs(found).mean(axis=0) for found in effects.values()])
    return np.flatnonzero((stars >= WORTH * stars.max(axis=1, keepdims=True)).any(axis=0)).tolist()


def _measures(effects: Sequence[Array], seed: int) -> dict[str, Array]:
    """mu, mu_star with half its bootstrap interval, and sigma, of each factor's elementary effects."""
    from scipy.special import ndtri

    rng = np.random.default_rng(seed)
    wide = float(ndtri(0.5 + CONFIDENCE / 2.0))
    rows = []
    for found in effects:
        again = np.abs(found)[rng.integers(len(found), size=(RESAMPLES, len(found)))].mean(axis=1)
        rows.append((found.mean(), np.abs(found).mean(), wide * again.std(ddof=1), found.std(ddof=1), len(found)))
    columns = np.array(rows).T
    return dict(zip(("mu", "mu_star", "mu_star_conf", "sigma", "trajectories"), columns, strict=True))


def sobol(function: Function, bounds: Bounds, seed: int, n: int, *, groups: Mapping[str, str] | None = None) -> Indices:
    """First-order and total shares of the variance of each output, n x (factors + 2) evaluations.

    `n` base samples, best a power of two (the sequence is balanced then). `groups`: factor -> group it moves
    with; a factor that is not named is a group of its own. Arguments, result and errors else as in `morris`.
    Factors are uniform over their bounds and independent.
    """
    names, problem = _problem(bounds)
    _at_least("n", n, 2)
    _salib()
    from SALib.analyze import sobol as analyze
    from SALib.sample import sobol as sample

    shown = names
    if groups:
        unknown = [name for name in groups if name not in names]
        if unknown:
            raise UsageError(f"groups: found {unknown[0]!r}; expected one of {', '.join(names)}")
        problem["groups"] = [groups.get(name, name) for name in names]
        shown = tuple(dict.fromkeys(problem["groups"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # n that is no power of two is the caller's to choose
        design = sample.sample(problem, n, calc_second_order=False, seed=np.random.default_rng(seed))
    outputs = evaluate(function, design)
    frames = []
    for name, values in outputs.items():
        columns = {key: np.full(len(shown), np.nan) for key in ("S1", "S1_conf", "ST", "ST_conf")}
        if np.ptp(values) > 0.0:
            found = analyze.analyze(
                problem,
                values,
                calc_second_order=False,
                num_resamples=RESAMPLES,
                conf_level=CONFIDENCE,
                seed=seed + 1,  # SALib takes 0 for no seed
            )
            columns = {key: np.asarray(found[key], dtype=float) for key in columns}
        frames.append(_frame(name, shown, columns))
    return _indices("sobol", shown, outputs, frames, n, len(design), seed)


def evaluate(function: Function, design: Array) -> dict[str, Array]:
    """Outputs of all rows of a design by name; one that has no name is called `output`."""
    rows = len(design)
    found = _all_rows(function, design)
    if isinstance(found, Mapping):
        outputs = {str(name): np.asarray(values, dtype=float) for name, values in found.items()}
    else:
        values = np.asarray(found, dtype=float)
        columns = values[:, None] if values.ndim == 1 else values
        several = columns.ndim == 2 and columns.shape[1] > 1
        names = [f"output_{number + 1}" for number in range(columns.shape[-1])] if several else ["output"]
        outputs = {name: columns[:, number] for number, name in enumerate(names)} if columns.ndim == 2 else {}
    wrong = [name for name, values in outputs.items() if values.shape != (rows,)]
    if wrong or not outputs:
        raise UsageError(f"function: found {_shape(found)}; expected a value or several of each of {rows} rows")
    for name, values in outputs.items():
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise ModelError(f"function: {name}: found {values[row]} in row {row}; expected a finite number")
    return outputs


def _all_rows(function: Function, design: Array) -> Any:
    """What the function makes of the whole design, or of one row after the other where it takes points."""
    found = function(design)
    if isinstance(found, Mapping) or np.shape(found)[:1] == (len(design),):
        return found
    points = [function(row) for row in design]
    if isinstance(points[0], Mapping):
        return {name: [point[name] for point in points] for name in points[0]}
    return points


def _shape(found: Any) -> str:
    return "nothing" if found is None else f"a result of shape {np.shape(found)}"


def _problem(bounds: Bounds) -> tuple[tuple[str, ...], dict[str, Any]]:
    pairs = dict(bounds) if isinstance(bounds, Mapping) else {f"x{k + 1}": pair for k, pair in enumerate(bounds)}
    if not pairs:
        raise UsageError("bounds: found none; expected a low and a high end for each factor")
    limits = []
    for name, pair in pairs.items():
        ends = np.asarray(pair, dtype=float)
        if ends.shape != (2,) or not np.isfinite(ends).all() or not ends[0] < ends[1]:
            raise UsageError(f"bounds: {name}: found {tuple(ends.ravel().tolist())}; expected finite low < high")
        limits.append([float(ends[0]), float(ends[1])])
    return tuple(pairs), {"num_vars": len(pairs), "names": list(pairs), "bounds": limits}


def _at_least(name: str, number: int, least: int) -> None:
    if number < least:
        raise UsageError(f"{name}: found {number}; expected {least} or more")


def _salib() -> None:
    """SALib is an extra: say how to get it where it is missing."""
    if find_spec("SALib") is None:
        raise UsageError(f"sensitivity: found no SALib; expected it installed: {INSTALL}")


def _frame(output: str, names: Sequence[str], columns: Mapping[str, Array]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"output": output, "factor": list(names), **columns})


def _indices(
    method: str,
    names: Sequence[str],
    outputs: Mapping[str, Array],
    frames: Sequence[pd.DataFrame],
    samples: int,
    evaluations: int,
    seed: int,
) -> Indices:
    import pandas as pd

    table = pd.concat(list(frames), ignore_index=True)
    return Indices(method, tuple(names), tuple(outputs), table, samples, evaluations, seed)
