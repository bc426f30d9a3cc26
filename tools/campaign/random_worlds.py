"""Random worlds of 2 to 60 companies: each opens, runs, and conserves."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise

from faults import find_faults
from hypothesis import HealthCheck, Phase, given, seed, settings
from tools.campaign.result import Result, Verdict, table
from tools.campaign.units import Unit

from penstock.engine.model import prepare
from penstock.errors import InputError
from worlds import Plan, plans

WORLDS_A_UNIT = 10
SMALL, LARGE = (2, 12), (13, 60)
"""Companies of a world; every fourth unit draws large ones."""


@dataclass(frozen=True)
class Options:
    worlds: int = 1000
    seed: int = 7
    quarters: int = 8
    paths: int = 4

    @property
    def units(self) -> int:
        return -(-self.worlds // WORLDS_A_UNIT)


@dataclass(frozen=True)
class Work:
    """Draws the worlds of a unit and looks for faults in each."""

    options: Options

    def __call__(self, number: int) -> Unit:
        least, most = LARGE if number % 4 == 3 else SMALL
        count = min(WORLDS_A_UNIT, self.options.worlds - number * WORLDS_A_UNIT)
        companies: list[int] = []
        faulty: list[dict[str, object]] = []
        refused: list[str] = []

        @seed(self.options.seed * 1_000_003 + number)
        @settings(
            max_examples=count,
            phases=[Phase.generate],
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(plans(least, most))
        def look(plan: Plan) -> None:
            companies.append(len(plan.trades))
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    faults = find_faults(
                        prepare(plan.world(), quarters=self.options.quarters, seed=self.options.seed),
                        self.options.paths,
                    )
            except InputError as error:
                refused.append(f"{error} ({plan!r})")
            except Exception as error:  # a world that breaks the engine is what is looked for
                faulty.append({"plan": repr(plan), "faults": [f"{type(error).__name__}: {error}"]})
            else:
                if faults:
                    faulty.append({"plan": repr(plan), "faults": faults})

        look()
        return {"companies": companies, "faulty": faulty, "refused": refused}


def result(options: Options, units: list[Unit]) -> Result:
    """How many worlds were drawn, and every one with a fault."""
    sizes = [size for unit in units for size in unit["companies"]]
    faulty = [one for unit in units for one in unit["faulty"]]
    refused = [text for unit in units for text in unit["refused"]]
    drawn = f"{len(sizes):,} worlds of {min(sizes)} to {max(sizes)} companies"
    run = f"{options.paths} paths, {options.quarters} quarters, seed {options.seed}"
    verdicts = (
        Verdict("worlds conserve, within bounds and finite", not faulty, f"{len(faulty)} of {drawn} have a fault"),
        Verdict("no sound world is refused", not refused, f"{len(refused)} of {drawn} refused"),
    )
    borders = (2, 6, 13, 30, 61)
    rows = [
        (f"{low} to {high - 1}", f"{sum(low <= size < high for size in sizes):,}") for low, high in pairwise(borders)
    ]
    sections = [(f"Worlds by size ({run})", table(("companies", "worlds"), rows))]
    if faulty:
        told = [f"- {'; '.join(one['faults'][:5])}\n\n  ```\n  {one['plan'][:2000]}\n  ```" for one in faulty[:20]]
        sections.append(("Faults, the first twenty", "\n".join(told)))
    if refused:
        sections.append(("Refused, the first twenty", "\n".join(f"- {text[:500]}" for text in refused[:20])))
    command = f"random_worlds --worlds {options.worlds} --seed {options.seed}"
    command += f" --quarters {options.quarters} --paths {options.paths}"
    return Result("Campaign: random worlds", command, verdicts, tuple(sections))
