"""What a study simulates: a world with a scenario, or the world and scenario of a finished run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.engine.model import Model
    from penstock.engine.run import Run
    from penstock.scenarios import Scenario
    from penstock.world import World


@dataclass(frozen=True)
class StudyInputs:
    """World, scenario and settings of the model of a study."""

    world: World
    scenario: Scenario
    quarters: int
    seed: int
    prior: bool

    def model(self) -> Model:
        """The model ready to run."""
        from penstock.engine.model import prepare

        return prepare(self.world, self.scenario, quarters=self.quarters, seed=self.seed, prior=self.prior)


def study_inputs(
    run_or_world: Run | World, scenario: Scenario | str, *, quarters: int, seed: int, prior: bool
) -> StudyInputs:
    """Of a run its world, first scenario, quarters, seed and prior; of a world what is given.

    Raises UsageError or InputError for a scenario that does not exist or fit the world.
    """
    from penstock.engine.run import Run
    from penstock.scenarios import load_scenario, read_scenario

    if not isinstance(run_or_world, Run):
        return StudyInputs(run_or_world, load_scenario(scenario, run_or_world), quarters, seed, prior)
    manifest: dict[str, Any] = run_or_world.manifest
    world: World = run_or_world.world
    stored = read_scenario(manifest["scenarios"][0]["text"], world=world)
    return StudyInputs(world, stored, manifest["quarters"], manifest["seed"], manifest["prior"])
