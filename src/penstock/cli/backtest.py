"""`backtest`: the model against booms whose end is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import DEFAULT_PATHS, DEFAULT_SEED, JobsOption, OutOption, PathsOption, PriorOption
from penstock.cli.output import Section, emit, notice
from penstock.cli.run import SeedOption, read_seed, write_tables

if TYPE_CHECKING:
    import pandas as pd

    from penstock.analysis.backtest_telecom import Backtest

TELECOM_QUARTERS = 24

app = typer.Typer(help="The model against booms whose end is known.")

FactsOption = Annotated[
    Path | None, typer.Option("--facts", metavar="FILE", help="Score these facts instead of those of the package.")
]
QuartersOption = Annotated[int, typer.Option("--quarters", min=4, help="How many quarters after 1999Q4.")]


@app.command("telecom")
@common
def telecom(
    settings: Settings,
    facts: FactsOption = None,
    paths: PathsOption = DEFAULT_PATHS,
    quarters: QuartersOption = TELECOM_QUARTERS,
    seed: SeedOption = str(DEFAULT_SEED),
    jobs: JobsOption = None,
    prior: PriorOption = False,
    out: OutOption = None,
) -> None:
    """The telecom boom and bust, from what was known on 1999-12-31, against nine facts; and with all ties cut.

    A hit needs the median of the paths in the accepted band and at least 30 % of the paths there (the order of fact 8:
    80 %), for every part of the fact. --out writes the table as Parquet. One process does it, whatever --jobs says.
    """
    from dataclasses import replace

    from penstock.analysis.backtest_telecom import WORLD, backtest_telecom
    from penstock.cli.progress_bar import progress_bar
    from penstock.errors import UsageError

    if settings.world not in ("ai-2025", WORLD, "telecom"):
        raise UsageError(f"--world: found {settings.world!r}; expected {WORLD}, which this command is about")
    number = read_seed(seed)
    world = replace(settings, world=WORLD).load_world()
    with progress_bar(settings) as on_progress:
        found = backtest_telecom(
            world, paths=paths, quarters=quarters, seed=number, prior=prior, facts=facts, on_progress=on_progress
        )
    if out is not None:
        write_tables(out, {"backtest_telecom": found.to_pandas()})
    if settings.format is Format.JSON:
        _emit_json(found, notice(world))
        return
    emit(telecom_sections(found, people=settings.format is Format.TABLE), settings, notice=notice(world))


def _emit_json(found: Backtest, told: str) -> None:
    """The list of facts as the result itself."""
    import sys

    from penstock.cli.output import json_text

    sys.stdout.write(json_text(found.to_list(), notice=told))


def telecom_sections(found: Backtest, *, people: bool) -> list[Section]:
    """Facts and their parts; for people rounded, with the accepted band in words."""
    frame = found.to_pandas()
    if not people:
        return [Section("facts", "facts", frame)]
    title = f"{found.hits} of {len(found.facts)} facts hit; {found.paths} paths"
    note = (
        "80 %: the middle 80 of 100 paths that tell the part. In band: share of all paths. A fact is hit when all its\n"
        "parts are. Ties cut: no default costs anybody else anything. What stands for what:\n"
        "docs/validation/telecom-preregistration.md."
    )
    return [Section("facts", title, _for_people(frame), note)]


def _for_people(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    rows = []
    seen: set[str] = set()
    for row in frame.to_dict("records"):
        fact = str(row["fact"])
        first = fact not in seen
        seen.add(fact)
        whole = ("hit" if row["fact_hit"] else "missed") if first else ""
        carried = row["median"] == row["median"]
        span = f"{_figure(row['low'])} to {_figure(row['high'])}" if carried else ""
        rows.append(
            (
                fact if first else "",
                str(row["part"]).replace("_", " "),
                row["accepted"],
                _figure(row["median"]) if carried else "not told",
                span,
                f"{100 * row['share_in_band']:.0f} %",
                "yes" if row["hit"] else "no",
                "yes" if row["hit_without_ties"] else "no",
                whole,
            )
        )
    header = ["fact", "part", "accepted", "median", "80 %", "in band", "met", "ties cut", "fact "]
    return pd.DataFrame(rows, columns=header)


def _figure(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}"
