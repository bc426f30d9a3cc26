"""`backtest`: the model against booms whose end is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli.backtest_ai import ai
from penstock.cli.context import Format, Settings, common
from penstock.cli.options import (
    DEFAULT_PATHS,
    DEFAULT_SEED,
    JobsOption,
    OutOption,
    PathsOption,
    PriorOption,
    SeedOption,
    read_seed,
)
from penstock.cli.output import Section, emit, notice, write_tables

if TYPE_CHECKING:
    import pandas as pd

    from penstock.analysis.backtest_telecom import Backtest, FactScore

TELECOM_QUARTERS = 24
WIDE = 100.0
"""A bound of a band this far out bounds nothing (years are not: their bands are narrow)."""

app = typer.Typer(help="The model against booms whose end is known.")
app.command("ai")(ai)

FactsOption = Annotated[
    Path | None, typer.Option("--facts", metavar="FILE", help="Score these facts instead of those of the package.")
]
ByOption = Annotated[
    list[str] | None,
    typer.Option("--by", metavar="PARAMETER", help="How much hangs on this parameter; may be given again."),
]
QuartersOption = Annotated[int, typer.Option("--quarters", min=4, help="How many quarters after 1999Q4.")]


@app.command("telecom")
@common
def telecom(
    settings: Settings,
    facts: FactsOption = None,
    by: ByOption = None,
    paths: PathsOption = DEFAULT_PATHS,
    quarters: QuartersOption = TELECOM_QUARTERS,
    seed: SeedOption = str(DEFAULT_SEED),
    jobs: JobsOption = None,
    prior: PriorOption = False,
    out: OutOption = None,
) -> None:
    """The telecom boom and bust, from what was known on 1999-12-31, against nine facts; and with all ties cut.

    A hit needs the median of the paths in the accepted band and at least 30 % of the paths there (the order of fact 8:
    80 %), for every part of the fact. --by adds medians where a parameter is low and where it is high. --out writes the
    table as Parquet. One process does it, whatever --jobs says.
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
            world,
            paths=paths,
            quarters=quarters,
            seed=number,
            prior=prior,
            facts=facts,
            by=by or [],
            on_progress=on_progress,
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
    import pandas as pd

    frame = found.to_pandas()
    hangs = pd.DataFrame(list(found.dependence))
    if not people:
        return [Section("facts", "facts", frame), *([Section("dependence", "", hangs)] if len(hangs) else [])]
    hit = ", ".join(fact.fact for fact in found.facts if fact.hit)
    title = f"{found.hits} of {len(found.facts)} facts hit{': ' if hit else ''}{hit}; {found.paths} paths"
    note = (
        "80 %: the middle 80 of 100 paths that tell the part. In band: share of all paths.\n"
        "A fact is hit when all its parts are met. Cut: met with all ties cut, so that no\n"
        "default costs anybody else anything. none: no output of the model tells it.\n"
        "What stands for what: docs/validation/telecom-preregistration.md."
    )
    sections = [Section("facts", title, _for_people(found.facts, found.without_ties), note)]
    if len(hangs):
        sections.append(Section("dependence", "Medians where a parameter is in its lowest and highest third", hangs))
    return sections


def _for_people(facts: Sequence[FactScore], cut: Sequence[FactScore]) -> pd.DataFrame:
    """A row a part; the number of the fact stands at its first."""
    import pandas as pd

    rows = []
    for fact, other in zip(facts, cut, strict=True):
        for number, (score, without) in enumerate(zip(fact.parts, other.parts, strict=True)):
            carried = score.share_told > 0.0
            rows.append(
                (
                    fact.fact if not number else "",
                    score.part.part.replace("_", " "),
                    _band(score.part.low, score.part.high),
                    _figure(score.median) if carried else "none",
                    _band(score.low, score.high) if carried else "",
                    f"{100 * score.share_in_band:.0f} %",
                    "yes" if score.hit else "no",
                    "yes" if without.hit else "no",
                )
            )
    return pd.DataFrame(rows, columns=["fact", "part", "accepted", "median", "80 %", "in band", "met", "cut"])


def _band(low: float, high: float) -> str:
    """A band in two figures; a bound that binds nothing is left out."""
    if high >= WIDE > low:
        return f"{_figure(low)} or more"
    return _figure(low) if low == high else f"{_figure(low)} to {_figure(high)}"


def _figure(value: float) -> str:
    """Years whole, else two places without the zero before the point."""
    if abs(value) >= WIDE:
        return f"{value:.0f}"
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if abs(value) < 0.995 else text
