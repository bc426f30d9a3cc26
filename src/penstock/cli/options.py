"""The options of every simulating command, named once.

A command that takes a `Simulation` has all of its options: `context.common` lays them out.
"""

from __future__ import annotations

import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from penstock.errors import UsageError
from penstock.machine import usable_cores

DEFAULT_SCENARIO = "baseline"
DEFAULT_PATHS = 256
DEFAULT_RUN_PATHS = 1000
DEFAULT_QUARTERS = 40
DEFAULT_SEED = 7
SEED_BITS = 31
"""Of a random seed."""

RunOption = Annotated[Path | None, typer.Option("--run", metavar="DIR", help="Read this run instead of simulating.")]
ScenarioOption = Annotated[str, typer.Option("--scenario", metavar="S", help="A scenario's name or its file.")]
PathsOption = Annotated[int, typer.Option("--paths", "-n", min=1, help="How many paths.")]
QuartersOption = Annotated[int, typer.Option("--quarters", min=1, help="How many quarters after 2025Q4.")]
SeedOption = Annotated[
    str, typer.Option("--seed", metavar="N|random", help="The seed of the random numbers, or a random one.")
]
JobsOption = Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="How many processes [all cores].")]
PriorOption = Annotated[bool, typer.Option("--prior", help="Draw parameters from the wide prior ranges.")]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The directory of a run.")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", metavar="DIR", help="Where to write.")]


@dataclass(frozen=True)
class Simulation:
    """Which run a study reads, or how much it simulates, and where it writes."""

    run: RunOption = None
    paths: PathsOption = DEFAULT_PATHS
    quarters: QuartersOption = DEFAULT_QUARTERS
    seed: SeedOption = str(DEFAULT_SEED)
    jobs: JobsOption = None
    prior: PriorOption = False
    out: OutOption = None

    def size(self) -> dict[str, Any]:
        """paths, quarters, seed, jobs and prior as the functions of `analysis` take them.

        Raises UsageError for a seed that is none.
        """
        return {
            "paths": self.paths,
            "quarters": self.quarters,
            "seed": read_seed(self.seed),
            "jobs": self.jobs or usable_cores(),
            "prior": self.prior,
        }


def read_seed(text: str) -> int:
    """A seed from the command line; `random` draws one and prints it, so that the run can be repeated."""
    if text == "random":
        seed = secrets.randbits(SEED_BITS)
        print(f"penstock: seed {seed}", file=sys.stderr)
        return seed
    if not text.isdecimal():
        raise UsageError(f"--seed: found {text!r}; expected a whole number of 0 or more, or `random`")
    return int(text)
