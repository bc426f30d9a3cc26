"""Back-test on a boom that the model was not built for: facts of history against an ensemble that knew none of them.

The world is the telecom build-out as it stood on 1999-12-31. Each fact is a formula on outputs with an accepted band,
fixed before the first score (docs/validation/telecom-preregistration.md). A part of a fact is met when the median of
the paths lies in the band and enough of the paths do; a fact is a hit when all its parts are met.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.backtest_formulas import value_of
from penstock.analysis.backtest_outcomes import FactPart, facts_of
from penstock.engine.progress import OnProgress, silent
from penstock.errors import ModelError, UsageError
from penstock.world.naming import nearest_name

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.model import Model
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[Any]]

WORLD = "telecom-1999"
QUARTERS = 24
LOW, HIGH = 0.1, 0.9
"""Quantiles of the interval shown: 80 % of the paths."""


@dataclass(frozen=True)
class PartScore:
    """How the paths stand to one part of a fact."""

    part: FactPart
    median: float
    low: float
    high: float
    share_in_band: float
    share_told: float
    """share of paths on which the formula says anything"""

    @property
    def hit(self) -> bool:
        """Whether the median lies in the band, and the share of paths that the fact asks for lies there too."""
        inside = self.part.low <= self.median <= self.part.high
        return bool(inside and self.share_in_band >= self.part.share_needed)

    def row(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "part": self.part.part,
            "accepted": self.part.accepted,
            "median": self.median,
            "low": self.low,
            "high": self.high,
            "share_in_band": self.share_in_band,
            "hit": self.hit,
        }


@dataclass(frozen=True)
class FactScore:
    """How the paths stand to one fact."""

    fact: str
    parts: tuple[PartScore, ...]

    @property
    def headline(self) -> PartScore:
        """The part whose figures stand for the fact: the one marked so, else the first."""
        return next((score for score in self.parts if score.part.headline), self.parts[0])

    @property
    def hit(self) -> bool:
        """Whether every part of the fact is hit."""
        return all(score.hit for score in self.parts)

    def row(self) -> dict[str, Any]:
        """fact, median, low and high of its headline, the smallest share of its parts, hit."""
        shown = self.headline
        return {
            "fact": int(self.fact) if self.fact.isdigit() else self.fact,
            "median": shown.median,
            "low": shown.low,
            "high": shown.high,
            "share_in_band": min(score.share_in_band for score in self.parts),
            "hit": self.hit,
        }


@dataclass(frozen=True)
class Backtest:
    """Facts scored with all ties in force, and with none of them passing on a loss."""

    facts: tuple[FactScore, ...]
    without_ties: tuple[FactScore, ...]
    paths: int
    checks: Mapping[str, float]
    dependence: tuple[dict[str, Any], ...] = ()
    """a row a parameter asked for and part: median where the parameter is in its lowest third, in its highest third"""

    @property
    def hits(self) -> int:
        """How many facts are hit."""
        return sum(score.hit for score in self.facts)

    def to_list(self) -> list[dict[str, Any]]:
        """A row a fact, its parts and the same without ties in it."""
        pairs = zip(self.facts, self.without_ties, strict=True)
        return [
            {**score.row(), "parts": [part.row() for part in score.parts], "without_ties": cut.row()}
            for score, cut in pairs
        ]

    def to_pandas(self) -> pd.DataFrame:
        """A row a part of a fact: figures with and without ties."""
        import pandas as pd

        rows = []
        for score, cut in zip(self.facts, self.without_ties, strict=True):
            for mine, other in zip(score.parts, cut.parts, strict=True):
                without = {f"{key}_without_ties": other.row()[key] for key in ("median", "share_in_band", "hit")}
                rows.append({"fact": score.fact, **mine.row(), **without, "fact_hit": score.hit})
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"facts": self.to_list(), "hits": self.hits, "paths": self.paths}


def backtest_telecom(
    world: World | None = None,
    *,
    paths: int = 256,
    quarters: int = QUARTERS,
    seed: int = 7,
    prior: bool = False,
    facts: str | Path | None = None,
    by: Sequence[str] = (),
    on_progress: OnProgress = silent,
) -> Backtest:
    """Simulate the telecom world and score it against the facts of 2000 to 2005.

    facts: a file of other facts with the same columns; without one, those that come with the package.
    by: parameters whose lowest and highest third of paths are told apart.

    Raises UsageError or InputError for facts that cannot be read, ModelError where a check of the model fails.
    """
    from penstock.engine.model import prepare
    from penstock.scenarios import compile_program, load_scenario
    from penstock.world import load_world

    known = facts_of(WORLD, facts)
    world = world or load_world(WORLD)
    plan = load_scenario("baseline", world)
    model = prepare(world, plan, quarters=quarters, seed=seed, prior=prior)
    tables = plan.to_dict()
    cut = {**tables, "name": f"{plan.name}_cut", "switch": {**tables.get("switch", {}), "contagion": False}}
    program = compile_program(load_scenario(cut, world), model.first_quarter, quarters)
    drawn = _drawn(model, paths, by)
    scores, checks = [], {}
    hangs: tuple[dict[str, Any], ...] = ()
    for number, (name, one) in enumerate((("ties", model), ("no ties", replace(model, program=program)))):
        on_progress(number * paths, 2 * paths, name)
        values, held = _values(world, one, paths, known)
        scores.append(_facts(known, values))
        if not number:
            hangs = _dependence(known, values, drawn)
        checks.update({f"{key} {name}": value for key, value in held.items()})
    on_progress(2 * paths, 2 * paths, "scored")
    return Backtest(scores[0], scores[1], paths, checks, hangs)


def _values(world: World, model: Model, paths: int, facts: Sequence[FactPart]) -> tuple[list[Array], dict[str, float]]:
    """Values of each part on every path, and the checks of the run."""
    from penstock.analysis.backtest_paths import scored_paths
    from penstock.engine.model import simulate_paths
    from penstock.engine.run import problems_of

    block = simulate_paths(model, 0, paths)
    if problems := problems_of(block.checks):
        raise ModelError("; ".join(problems))
    outputs = scored_paths(world, model, block)
    return [value_of(outputs, part) for part in facts], block.checks


def _facts(facts: Sequence[FactPart], values: Sequence[Array]) -> tuple[FactScore, ...]:
    parts = [score(part, found) for part, found in zip(facts, values, strict=True)]
    names = dict.fromkeys(part.fact for part in facts)
    return tuple(FactScore(name, tuple(s for s in parts if s.part.fact == name)) for name in names)


def _drawn(model: Model, paths: int, names: Sequence[str]) -> dict[str, Array]:
    """Draws of parameters on each path. Raises UsageError for an unknown one."""
    from penstock.engine.posterior import path_parameters
    from penstock.engine.random import draw

    table = model.facts.parameters
    for name in names:
        if name not in table:
            near = nearest_name(name, table)
            hint = f"; nearest {near}" if near else ""
            raise UsageError(f"--by: found {name!r}; expected an uncertain parameter of the world{hint}")
    if not names:
        return {}
    draws = draw(model.seed, range(paths), model.program.quarters, model.layout.draw_column)
    drawn = path_parameters(draws.parameters, prior=model.prior, table=table, posterior=model.posterior)
    return {name: drawn[name] for name in names}


def _dependence(
    facts: Sequence[FactPart], values: Sequence[Array], drawn: Mapping[str, Array]
) -> tuple[dict[str, Any], ...]:
    """Medians of each part over the paths on which a parameter is in its lowest and in its highest third."""
    rows = []
    for name, draws in drawn.items():
        low, high = np.quantile(draws, [1.0 / 3.0, 2.0 / 3.0])
        for part, found in zip(facts, values, strict=True):
            if np.isnan(found).all():
                continue
            thirds = (found[draws <= low], found[draws >= high])
            lowest, highest = (float(np.nanmedian(v)) if not np.isnan(v).all() else float("nan") for v in thirds)
            rows.append(
                {
                    "parameter": name,
                    "fact": part.fact,
                    "part": part.part,
                    "lowest_third": lowest,
                    "highest_third": highest,
                }
            )
    return tuple(rows)


def score(part: FactPart, values: Array) -> PartScore:
    """Median, 80 % interval and share in the band of the values of a part; NaN counts as outside."""
    told = ~np.isnan(values)
    inside = told & (values >= part.low) & (values <= part.high)
    if not told.any():
        return PartScore(part, float("nan"), float("nan"), float("nan"), 0.0, 0.0)
    low, median, high = np.quantile(values[told], [LOW, 0.5, HIGH])
    return PartScore(part, float(median), float(low), float(high), float(inside.mean()), float(told.mean()))
