"""What an analysis simulates: the world, scenario and size of a run, or those that the caller names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.errors import InputError, UsageError

if TYPE_CHECKING:
    from penstock.engine.model import Model
    from penstock.engine.run import Run
    from penstock.scenarios import Scenario
    from penstock.world import World


OTHER_VERSION = "expected the same, bit for bit: another version made the run, simulate it again"
"""How a message ends where a run's own paths are simulated again and are not what they were."""


@dataclass(frozen=True)
class Subject:
    """A scenario of a world and the random numbers that it is simulated on."""

    world: World
    scenario: Scenario
    paths: int
    quarters: int
    seed: int
    prior: bool

    def prepare(self) -> Model:
        """The model, ready to run."""
        from penstock.engine.model import prepare

        return prepare(self.world, self.scenario, quarters=self.quarters, seed=self.seed, prior=self.prior)

    @property
    def size(self) -> str:
        """The size in words, for titles."""
        return f"{self.scenario.name}: {self.paths:,} paths, {self.quarters} quarters, seed {self.seed}"


def subject_of(
    run_or_world: Run | World,
    *,
    scenario: str | Path | Scenario,
    paths: int,
    quarters: int,
    seed: int,
    prior: bool,
) -> Subject:
    """What to simulate: of a run its first scenario with its size and random numbers, else what is named."""
    from penstock.engine.run import Run
    from penstock.scenarios import load_scenario, read_scenario

    if isinstance(run_or_world, Run):
        m: dict[str, Any] = run_or_world.manifest
        world = run_or_world.world
        stored = m["scenarios"][0]
        found = read_scenario(stored["text"], world=world)
        if found.hash != stored["hash"]:
            raise InputError(
                f"{stored['name']}: found a text with hash {found.hash[:12]}… in the manifest; "
                f"expected {stored['hash'][:12]}…"
            )
        return Subject(world, found, m["paths"], m["quarters"], m["seed"], m["prior"])
    for name, value, least in (("paths", paths, 1), ("quarters", quarters, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise UsageError(f"{name}: found {value!r}; expected a whole number of {least} or more")
    return Subject(run_or_world, load_scenario(scenario, run_or_world), paths, quarters, seed, prior)
