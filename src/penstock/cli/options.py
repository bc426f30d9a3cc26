"""The options of every simulating command, named once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_SCENARIO = "baseline"
DEFAULT_PATHS = 256
DEFAULT_RUN_PATHS = 1000
DEFAULT_QUARTERS = 40
DEFAULT_SEED = 7

RunOption = Annotated[Path | None, typer.Option("--run", metavar="DIR", help="Read this run instead of simulating.")]
ScenarioOption = Annotated[str, typer.Option("--scenario", metavar="S", help="A scenario's name or its file.")]
PathsOption = Annotated[int, typer.Option("--paths", "-n", min=1, help="How many paths.")]
QuartersOption = Annotated[int, typer.Option("--quarters", min=1, help="How many quarters after 2025Q4.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="The seed of the random numbers.")]
JobsOption = Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="How many processes [all cores].")]
PriorOption = Annotated[bool, typer.Option("--prior", help="Draw parameters from the wide prior ranges.")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", metavar="DIR", help="Where to write.")]
