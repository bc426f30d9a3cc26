"""`path`: one path of a run in full, simulated again."""

from __future__ import annotations

from typing import Annotated

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.options import OutOption, RunArgument
from penstock.cli.output import Section, emit, write_tables

PATH_COLUMNS = (
    "quarter",
    "binding",
    "ai_revenue_usd_bn",
    "capex_usd_bn",
    "h100e",
    "it_mw",
    "utilisation",
    "price_usd_per_h100e_hour",
    "surplus_usd_bn",
    "stranded_usd_bn",
)
"""Columns of `economy` that fit beside each other in a terminal."""


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("path")(path)


@common
def path(
    settings: Settings,
    run: RunArgument,
    number: Annotated[int, typer.Argument(metavar="N", help="The path, from 0.")],
    scenario: Annotated[
        str | None, typer.Option("--scenario", metavar="S", help="One of the run's scenarios [its first].")
    ] = None,
    out: OutOption = None,
) -> None:
    """One path of a run in full, ledger postings included.

    Simulated again from the manifest, bit for bit what the run saw. JSON and CSV hold every posting; --out
    writes each table as Parquet.
    """
    from penstock.engine.run import open_run
    from penstock.report.notice import notice_of_run

    result = open_run(run, world=settings.given_world())
    detail = result.path(number, scenario)
    tables = {name: getattr(detail, name) for name in ("economy", "company", "events", "ledger")}
    name = scenario or result.scenarios[0]
    if out is not None:
        write_tables(out, tables)
    economy, events = tables["economy"], tables["events"]
    if settings.format is Format.TABLE:
        economy = economy[[column for column in PATH_COLUMNS if column in economy]]
        events = events.drop(columns="path")
    sections = [
        Section("economy", f"Path {number} of {name}", economy),
        Section("events", "Events", events),
    ]
    if settings.format is Format.TABLE:
        postings = tables["ledger"].groupby(["quarter", "instrument"], as_index=False)["amount_usd_bn"]
        flows = postings.sum().pivot(index="quarter", columns="instrument", values="amount_usd_bn").reset_index()
        note = f"{len(tables['ledger']):,} postings; --format json or --out DIR gives each."
        sections.append(Section("ledger", "Posted by instrument, USD bn", flows, note))
    else:
        sections += [Section(key, key, tables[key]) for key in ("company", "ledger")]
    emit(sections, settings, notice=notice_of_run(result))
