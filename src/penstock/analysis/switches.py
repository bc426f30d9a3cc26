"""What an assumption of structure does: each switched off in turn, on the same random numbers.

Sampling error shrinks with paths and uncertainty of parameters is the fan; which loops the model has is in neither. A
switch that is off leaves a loop standing still in its opening form (docs/decisions/0008-steps-and-switches.md), so a
difference is what the loop moves, not what a world without it would have been built to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.paired import difference_row
from penstock.analysis.steps import HEADLINES, Variants, outputs_of_variants, switched_off
from penstock.engine.progress import OnProgress, silent
from penstock.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.run import Run
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

LOOPS: dict[str, str] = {
    "contagion": "a failure cuts the claims and orders of others",
    "sentiment": "moods of investors move",
    "valuation_loop": "values feed what firms can raise and what is wanted",
    "black_swans": "rare shocks strike",
    "vendor_financing": "suppliers let bills for equipment stand",
    "integration": "owners begin to make their own chips",
    "noise": "quarters, firms and failures have luck",
    "demand_growth": "demand grows by itself",
}
"""Loops between the steps -> what is true while they are on."""

ALREADY_OFF = "off already in this scenario"
NOTHING_MOVES = "no path differs: nothing of it happens here"


@dataclass(frozen=True)
class SwitchStudy:
    """What each switch does to the headline outputs of a scenario.

    `table`: switch, meaning, note (why a switch changes nothing, else ""), output, unit, base, level, difference, se,
    low95, high95, p05, p95: means over paths and their paired difference with its 95 % interval; p05 to p95 holds 90 %
    of the paths. A switch that the scenario has off already has one row, without an output.
    """

    scenario: str
    paths: int
    table: pd.DataFrame

    def to_pandas(self) -> pd.DataFrame:
        """The table."""
        return self.table

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"scenario": self.scenario, "paths": self.paths, "table": self.table.to_dict(orient="records")}


def switch_study(
    run_or_world: Run | World,
    scenario: Any = None,
    *,
    switches: Sequence[str] = tuple(LOOPS),
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    prior: bool = False,
    jobs: int = 1,
    on_progress: OnProgress = silent,
) -> SwitchStudy:
    """Paired differences of the headline outputs when each of `switches` is off, on common random numbers.

    Of a run the first `paths` of its own paths are simulated, under its scenario (the first unless named), with and
    without each switch. Raises UsageError for an unknown scenario or switch, InputError for a bad scenario, ModelError
    where a check of the model fails.
    """
    import pandas as pd

    from penstock.engine.model import prepare
    from penstock.engine.run import Run
    from penstock.scenarios import load_scenario, read_scenario

    if paths < 1:
        raise UsageError(f"paths: found {paths}; expected 1 or more")
    for name in switches:
        if name not in LOOPS:
            raise UsageError(f"switch: found {name!r}; expected one of {', '.join(LOOPS)}")
    if isinstance(run_or_world, Run):
        told = run_or_world.manifest
        chosen = str(scenario or run_or_world.scenarios[0])
        if chosen not in run_or_world.scenarios:
            raise UsageError(f"--run: found no scenario {chosen!r} in it; expected one of its own")
        world = run_or_world.world
        plan = read_scenario(told["scenarios"][run_or_world.scenarios.index(chosen)]["text"], world=world)
        paths, quarters, seed, prior = min(paths, told["paths"]), told["quarters"], told["seed"], told["prior"]
    else:
        world = run_or_world
        plan = load_scenario(scenario or "baseline", world)
    base = prepare(world, plan, quarters=quarters, seed=seed, prior=prior)
    wanted = [name for name in switches if getattr(plan.switch, name)]
    models = (base, *(switched_off(base, plan, name, world, quarters) for name in wanted))
    told_of = ("as it is", *(f"without {name}" for name in wanted))
    outputs = outputs_of_variants(Variants(models, told_of, paths), jobs, on_progress, "variants")
    found = dict(zip(wanted, outputs[1:], strict=True))
    rows = [row for name in switches for row in switch_rows(name, outputs[0], found.get(name))]
    return SwitchStudy(plan.name, paths, pd.DataFrame(rows))


def switch_rows(name: str, base: dict[str, Array], off: dict[str, Array] | None) -> list[dict[str, Any]]:
    """The rows of a switch: paired differences of each output, or one row that says that it was off already."""
    told = {"switch": name, "meaning": LOOPS[name]}
    if off is None:
        return [{**told, "note": ALREADY_OFF, "output": "", "unit": ""}]
    still = all(np.array_equal(base[item.name], off[item.name]) for item in HEADLINES)
    note = NOTHING_MOVES if still else ""
    return [
        {
            **told,
            "note": note,
            "output": item.name,
            "unit": item.unit,
            **difference_row(base[item.name], off[item.name]),
        }
        for item in HEADLINES
    ]
