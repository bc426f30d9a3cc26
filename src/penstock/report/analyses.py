"""The analyses of crises that a report shows: what the stored run and its opening state tell at once, and studies.

Circular money, the systemic ranking and where dollars end are those of the opening state; who breaks, who follows and
what is lost are counted over the stored paths; two paths of each scenario are simulated again to be told. Studies that
need the whole ensemble again are made only where their names are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from penstock.engine.progress import OnProgress, silent
from penstock.errors import InputError, ModelError, UsageError

if TYPE_CHECKING:
    from penstock.analysis.bottlenecks import Bottlenecks
    from penstock.analysis.breaks import Breaks
    from penstock.analysis.circularity import Circularity
    from penstock.analysis.dollar import DollarFollowed
    from penstock.analysis.explain import Explanation
    from penstock.analysis.loop import LoopStudy
    from penstock.analysis.losses import PathLosses
    from penstock.analysis.payoff import Payoff
    from penstock.analysis.stress import Stress
    from penstock.analysis.systemic import Systemic
    from penstock.engine.run import Run

DOLLARS = ("user", "capex")
"""Dollars that are followed: of users' AI spending, of AI capital spending."""
TOLD_PATHS = ("worst", "median")
TOLD_SCENARIOS = 2
"""Scenarios whose paths are told: each path is simulated again, which takes about half a second."""

STUDIES = ("bottlenecks", "loop", "payoff", "systemic")
"""What can be asked for beyond what a report shows at once."""


@dataclass(frozen=True)
class Analyses:
    """Results for the pages on crises; what is None or empty stands in the report as the command that gives it."""

    circularity: Circularity | None = None
    systemic: dict[str, Systemic] = field(default_factory=dict)
    """by network in words: the opening state, and the end of the run where asked for"""
    dollars: tuple[DollarFollowed, ...] = ()
    stories: tuple[Explanation, ...] = ()
    """the worst and the median path of the first scenarios"""
    losses: dict[str, PathLosses] = field(default_factory=dict)
    """by scenario"""
    breaks: dict[str, Breaks] = field(default_factory=dict)
    """by scenario"""
    stress: Stress | None = None
    """the scenarios of the run against its first"""
    relief: Bottlenecks | None = None
    loop: LoopStudy | None = None
    payoff: Payoff | None = None


def check_studies(names: Sequence[str]) -> tuple[str, ...]:
    """The names of studies as asked for. Raises UsageError for one that there is not."""
    from penstock.world.naming import nearest_name

    for name in names:
        if name not in STUDIES:
            near = nearest_name(name, STUDIES)
            hint = f"; nearest {near}" if near else ""
            raise UsageError(f"--with: found {name!r}; expected some of {', '.join(STUDIES)}{hint}")
    return tuple(name for name in STUDIES if name in names)


def analyses_of(
    run: Run,
    studies: Sequence[str] = (),
    *,
    jobs: int = 1,
    on_progress: OnProgress = silent,
) -> Analyses:
    """What a report shows of crises: `studies` (names in STUDIES) are simulated, all else is read from the run.

    A world that holds too little for an analysis leaves its part empty. Raises UsageError for an unknown study,
    ModelError where a check of a simulated study fails.
    """
    from penstock.analysis.breaks import breaks_of
    from penstock.analysis.explain import explain
    from penstock.analysis.losses import losses_of
    from penstock.analysis.stress import stress_of

    asked = check_studies(studies)
    several = len(run.scenarios) > 1
    losses = {name: losses_of(run, name) for name in run.scenarios}
    return Analyses(
        **_of_opening(run, jobs if "systemic" in asked else 0),
        stories=tuple(
            explain(run, path, scenario=name, losses=losses[name])
            for name in run.scenarios[:TOLD_SCENARIOS]
            for path in TOLD_PATHS
        ),
        losses=losses,
        breaks={name: breaks_of(run, name) for name in run.scenarios},
        stress=stress_of(run, run.scenarios[0], run.scenarios[1:]) if several else None,
        **{_FIELDS[name]: _STUDIES[name](run, jobs, on_progress) for name in asked if name in _STUDIES},
    )


def _of_opening(run: Run, at_end: int) -> dict[str, Any]:
    """Circular money, systemic ranking and dollars of the opening state; the ranking at the end too where asked."""
    from penstock.analysis.circularity import world_circularity
    from penstock.analysis.dollar import follow
    from penstock.analysis.systemic import systemic

    world, opening = run.world, run.opening
    found: dict[str, Any] = {
        "circularity": _if_held(lambda: world_circularity(world, opening)),
        "dollars": tuple(item for name in DOLLARS if (item := _if_held(partial(follow, world, name)))),
    }
    ranked = _if_held(lambda: systemic(world))
    found["systemic"] = {"opening": ranked} if ranked is not None else {}
    if at_end:
        found["systemic"]["end of the run"] = systemic(run)
    return found


def _if_held(make: Callable[[], Any]) -> Any:
    """What `make` gives; None where the world holds too little for it."""
    try:
        return make()
    except (InputError, ModelError, UsageError):
        return None


def _relief(run: Run, jobs: int, on_progress: OnProgress) -> Bottlenecks:
    from penstock.analysis.bottlenecks import bottlenecks

    return bottlenecks(run, jobs=jobs, on_progress=on_progress)


def _loop(run: Run, jobs: int, on_progress: OnProgress) -> LoopStudy:
    from penstock.analysis.loop import loop

    return loop(run, jobs=jobs, on_progress=on_progress)


def _payoff(run: Run, jobs: int, on_progress: OnProgress) -> Payoff:
    from penstock.analysis.payoff import payoff

    return payoff(run, jobs=jobs, on_progress=on_progress)


_FIELDS = {"bottlenecks": "relief", "loop": "loop", "payoff": "payoff"}
_STUDIES: dict[str, Callable[[Run, int, OnProgress], Any]] = {
    "bottlenecks": _relief,
    "loop": _loop,
    "payoff": _payoff,
}
