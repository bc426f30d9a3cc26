"""Reverse stress test: the likeliest shock that brings a target about (for banks: EBA/GL/2018/04, section 4.6.5).

The target holds where at least half of the paths meet it. The shock is the one of smallest Mahalanobis distance in a
stated space (`shock_space`), found by `likeliest` on common random numbers, then made as small as more paths allow and
confirmed on random numbers that the search never saw. Further shocks are sought with the leading factors of those
found before standing still, so that they tell other stories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.likeliest import HALF
from penstock.analysis.reverse_search import RADIUS, SEARCH_PATHS, Check, ReverseSearch, Solution, Trial
from penstock.analysis.shock_space import ShockSpace, shocked_program, space_of
from penstock.analysis.targets import Target, check_simulated, read_target
from penstock.engine.progress import OnProgress, silent
from penstock.errors import UsageError
from penstock.scenarios import quarters as calendar

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.model import Model
    from penstock.engine.run import Run
    from penstock.scenarios import Scenario
    from penstock.world import World


@dataclass(frozen=True)
class Reverse:
    """Answer of a reverse stress test.

    `unshocked`: the target without a shock; where it holds there is nothing to search, `solutions` is empty and
    `since` the quarter from which half of the paths meet it. `closest`: where no shock within `radius` was found, the
    one that came nearest.
    """

    target: Target
    scenario: str
    start: str
    """quarter in which shocks begin"""
    last: str
    """quarter by whose end the target must be met"""
    unshocked: Check
    since: str
    solutions: tuple[Solution, ...]
    closest: Solution | None
    space: ShockSpace
    radius: float
    sought: int
    """solutions that were looked for; where there are fewer, the next was not found"""
    evaluations: int
    path_count: int
    """paths simulated in all"""

    def to_pandas(self) -> pd.DataFrame:
        """A row a solution and factor."""
        import pandas as pd

        frames = [
            item.factors.assign(solution=number + 1, distance=item.distance, share=item.check.share)
            for number, item in enumerate(self.solutions)
        ]
        columns = ["solution", "distance", "share", "factor", "meaning", "effect", "z", "part"]
        return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "target": self.target.text,
            "scenario": self.scenario,
            "shock_from": self.start,
            "by_end_of": self.last,
            "unshocked": vars(self.unshocked),
            "holds_since": self.since,
            "solutions": [item.to_dict() for item in self.solutions],
            "closest": None if self.closest is None else self.closest.to_dict(),
            "radius": self.radius,
            "solutions_sought": self.sought,
            "evaluations": self.evaluations,
            "paths_simulated": self.path_count,
            "space": self.space.to_pandas().to_dict(orient="records"),
        }


def reverse(
    run_or_world: Run | World,
    target: str,
    *,
    scenario: str | Scenario = "baseline",
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    jobs: int = 1,
    prior: bool = False,
    solutions: int = 3,
    start: str | None = None,
    space: ShockSpace | None = None,
    radius: float = RADIUS,
    on_progress: OnProgress = silent,
) -> Reverse:
    """The likeliest shocks that bring `target` about in at least half of the paths, by the end of the run.

    target: `defaults>=5`, `loss_usd_bn>=1000`, `fails=oracle`. paths: of the last checks; the search takes up to 64.
    A run gives its world, first scenario, quarters, seed and prior; else these arguments do. start: quarter in
    which shocks begin; unless given a quarter of the run after its beginning, a year at most. space: unless given,
    the bundled one.

    Raises UsageError for a target, a company or a quarter that does not exist.
    """
    from penstock.analysis.inputs import study_inputs
    from penstock.engine.executors import standing

    given = study_inputs(run_or_world, scenario, quarters=quarters, seed=seed, prior=prior)
    wanted = read_target(target, given.world)
    model = given.model()
    check_simulated(wanted, model)
    first, last = _quarters(model, start)
    chosen = space_of(given.world, model) if space is None else space
    program = shocked_program(given.world, model, chosen, first)
    with standing(Trial(model, program, wanted), jobs) as simulate:
        search = ReverseSearch(chosen, simulate, model.seed, paths, radius, solutions, on_progress)
        unshocked = search.check([np.zeros(len(chosen.factors))], model.seed)[0]
        found: tuple[Solution, ...] = ()
        closest = None
        if unshocked.share < HALF:
            found, closest = search.solve(given.scenario, first)
    return Reverse(
        target=wanted,
        scenario=given.scenario.name,
        start=first,
        last=last,
        unshocked=unshocked,
        since=_since(wanted, model, min(paths, SEARCH_PATHS)) if unshocked.share >= HALF else "",
        solutions=found,
        closest=closest,
        space=chosen,
        radius=radius,
        sought=solutions,
        evaluations=search.done,
        path_count=search.path_count,
    )


def _quarters(model: Model, start: str | None) -> tuple[str, str]:
    """Quarter in which shocks begin, and the last of the run."""
    origin, count = calendar.ordinal(model.first_quarter), model.program.quarters
    last = calendar.text(origin + count - 1)
    if start is None:
        return calendar.text(origin + min(4, count // 4)), last
    try:
        number = calendar.ordinal(start) - origin
    except ValueError:
        number = -1
    if not 0 <= number < count:
        raise UsageError(f"from: found {start!r}; expected a quarter from {model.first_quarter} to {last}")
    return start, last


def _since(target: Target, model: Model, paths: int) -> str:
    """First quarter from which half of the paths meet the target, without a shock."""
    from penstock.engine.lanes import Lanes, simulate_lanes

    amounts = target.by_quarter(model, simulate_lanes(model, Lanes(np.arange(paths))))
    if amounts is None:
        return ""
    holding = np.flatnonzero(target.met(amounts).mean(axis=1) >= HALF)
    return calendar.text(calendar.ordinal(model.first_quarter) + int(holding[0])) if len(holding) else ""
