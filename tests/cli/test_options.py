"""Options that commands share: laid out from one data class, read into it."""

from __future__ import annotations

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from penstock.cli.context import Settings, common
from penstock.cli.options import Simulation
from penstock.errors import UsageError


def test_what_is_given_arrives_in_the_group() -> None:
    seen: list[Simulation] = []
    mine = typer.Typer()

    @mine.command()
    @common
    def probe(settings: Settings, simulation: Simulation, more: Annotated[int, typer.Option("--more")] = 1) -> None:
        seen.append(simulation)
        assert more == 5

    done = CliRunner().invoke(mine, ["-n", "3", "--quarters", "2", "--seed", "9", "-j", "1", "--prior", "--more", "5"])
    assert done.exit_code == 0, done.output
    assert seen == [Simulation(paths=3, quarters=2, seed="9", jobs=1, prior=True)]
    assert seen[0].size() == {"paths": 3, "quarters": 2, "seed": 9, "jobs": 1, "prior": True}


def test_a_seed_that_is_none_is_told() -> None:
    with pytest.raises(UsageError, match="--seed: found 'seven'; expected a whole number of 0 or more, or `random`"):
        Simulation(seed="seven").size()
