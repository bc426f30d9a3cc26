"""`penstock world`: check the cited world, read it, compare it, and make one's own."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penstock.cli import world_layout as layout
from penstock.cli.context import Format, Settings, common
from penstock.cli.options import DEFAULT_PATHS, DEFAULT_SEED, OutOption, PathsOption, SeedOption, read_seed
from penstock.cli.output import GRADES, Section, emit, notice
from penstock.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.world import World

PARTS = ("figures", "ties in", "ties out", "sites", "power projects")

app = typer.Typer(help="The cited world: check it, read a company, make your own.")

CompanyArgument = Annotated[str, typer.Argument(metavar="ID", help="Id, ticker, name, or a unique part of one.")]


@app.command()
@common
def check(settings: Settings) -> None:
    """Check every row of a world and count rows by evidence grade.

    All defects are told at once, each with file, line, field, what was found and what would be right
    (exit 3). Choose another world with --world DIR.
    """
    from penstock.world.vocabulary import GRADE_MEANING

    world = settings.load_world()
    counts = world.counts()
    meaning = "; ".join(f"{grade} {words}" for grade, words in GRADE_MEANING.items() if grade != "F")
    facts = int(counts["rows"].drop(["sources", "observables"]).sum())
    note = f"No defects in {facts:,} facts and {int(counts['rows']['sources'])} sources. Grades: {meaning}."
    emit(
        [Section("counts", f"World {world.name} as of {world.as_of}, hash {world.hash[:16]}", counts, note)],
        settings,
        notice=notice(world),
    )


@app.command()
@common
def show(settings: Settings, company: CompanyArgument) -> None:
    """A company card: who it is, its figures with grade and date, ties in and out, sites, power."""
    from penstock.world.card import company_card

    world = settings.load_world()
    card = company_card(world, world.resolve(company))
    who = card.company
    people = settings.format is Format.TABLE
    figures, ties_in, ties_out = card.figures, card.ties_in, card.ties_out
    sites, power = card.sites, card.power
    if people:
        figures = layout.figures_for_people(figures)
        ties_in = layout.ties_for_people(ties_in, "from")
        ties_out = layout.ties_for_people(ties_out, "to")
        sites, power = layout.sites_for_people(sites), layout.power_for_people(power)
    title = f"{who['name']} ({who['id']}) as of {world.as_of}"
    flows = "Flows are the latest four quarters known; stocks the latest known."
    counts = "counts: whether the money counts in an opening state, or why not."
    counts += " `penstock world ties` tells ids, dates and sources."
    sections = [Section("company", title, {key: value for key, value in who.items() if value is not None})]
    for section in (
        Section("figures", f"Balance sheet and flows ({len(figures)})", figures, flows),
        Section("ties_in", f"Ties in: what it receives ({len(ties_in)})", ties_in),
        Section("ties_out", f"Ties out: what it provides ({len(ties_out)})", ties_out, counts),
        Section("sites", f"Sites ({len(sites)})", sites),
        Section("power", f"Power ({len(power)})", power),
    ):
        if people and len(section.body) == 0:
            continue
        sections.append(section)
    if people:
        empty = [
            part
            for part, frame in zip(PARTS, (figures, ties_in, ties_out, sites, power), strict=True)
            if len(frame) == 0
        ]
        if empty:
            last = sections[-1]
            told = f"This world holds no {', no '.join(empty)} of {who['id']}."
            sections[-1] = replace(last, note=f"{last.note}\n{told}".strip())
    emit(sections, settings, notice=_graded_notice(world, card.figures, card.ties_in, card.ties_out))


@app.command()
@common
def ties(settings: Settings, name: CompanyArgument) -> None:
    """All ties of a company with their sources, or one tie by its id."""
    from penstock.world.card import company_ties

    world = settings.load_world()
    contracts = world.table("contracts").set_index("id")
    if name in contracts.index:
        row = contracts.loc[name]
        card = {"id": name, **{str(key): cell for key, cell in row.items() if cell == cell}}
        emit(card, settings, title=f"Tie {name}", notice=_graded_notice(world, contracts.loc[[name]]))
        return
    company = world.resolve(name)
    table = company_ties(world, company)
    sections = [Section("ties", f"Ties of {company} as of {world.as_of}", table)]
    if settings.format is Format.TABLE:
        sides = (("in", "from", "Ties in: what it receives"), ("out", "to", "Ties out: what it provides"))
        sections = []
        for side, other, title in sides:
            part = table[table["side"] == side].drop(columns="side")
            if len(part):
                shown = layout.full_ties_for_people(part, other)
                sections.append(Section(side, f"{title} ({len(part)})", shown))
        note = "counts: whether the money counts in an opening state. --format json or csv tells all columns."
        if not sections:
            sections = [Section("ties", f"Ties of {company}", {"ties": "none in this world"})]
        sections[-1] = replace(sections[-1], note=note)
    emit(sections, settings, notice=_graded_notice(world, table))


@app.command()
@common
def concentration(settings: Settings) -> None:
    """Whether the Magnificent Seven control AI: their share of capex, compute, revenue, equity, value."""
    from penstock.world.concentration import concentration as measure

    world = settings.load_world()
    answer = measure(world)
    measures, holders = answer.measures, answer.holders
    sections = [Section("answer", "", {"answer": answer.sentence})]
    if settings.format is Format.TABLE:
        print(layout.wrapped(answer.sentence) + "\n")
        lines = {str(name): f"{row['numerator']}; of: {row['denominator']}" for name, row in measures.iterrows()}
        numbers = layout.shares_as_percent(measures, ["share", "share_on_a_to_c"])
        numbers = numbers.drop(columns=["numerator", "denominator"])
        numbers = numbers.rename(columns={"mag7": "the seven", "share_on_a_to_c": "of all on A-C"})
        sections = [
            Section("measures", f"The Magnificent Seven as of {world.as_of}", numbers),
            Section("lines", "What is counted: above the line; of: below it", lines),
            Section("holders", "Share of each", layout.shares_as_percent(holders, list(holders.columns))),
        ]
    else:
        sections += [Section("measures", "", measures), Section("holders", "", holders)]
    emit(sections, settings, notice=notice(world))


@app.command()
@common
def sources(
    settings: Settings,
    name: Annotated[
        str,
        typer.Argument(metavar="ID", help="A source, company, site, chip, tie, power project or parameter."),
    ],
) -> None:
    """The sources behind a thing; for a source, every row that rests on it."""
    from penstock.world.provenance import rows_on, sources_behind

    world = settings.load_world()
    table = world.table("sources").set_index("id")
    if name in table.index:
        row = {str(key): cell for key, cell in table.loc[name].items() if cell == cell}
        rows = rows_on(world, name)
        sections = [
            Section("source", f"Source {name}", {"id": name, **row}),
            Section("rows", f"Rows that rest on it ({len(rows)})", rows),
        ]
        emit(sections, settings, notice=notice(world))
        return
    kind, ident = _any_thing(world, name)
    behind = sources_behind(world, kind, ident)
    shown = behind
    if settings.format is Format.TABLE:
        shown = behind[["rows", "kind", "published", "title"]].assign(
            title=[layout.shortened(str(title), 70) for title in behind["title"]]
        )
    title = f"Sources behind {kind} {ident} ({len(behind)})"
    emit([Section("sources", title, shown)], settings, notice=notice(world))


@app.command()
@common
def export(settings: Settings, out: OutOption = None) -> None:
    """Write the world, overlay in, to --out: a folder of CSV files, or one file with --format json."""
    from penstock.world.exporting import export_folder, export_json

    if out is None:
        raise UsageError("--out: found nothing; expected a new folder (or a file with --format json)")
    world = settings.load_world()
    as_json = settings.format is Format.JSON or Path(out).suffix == ".json"
    written = [export_json(world, Path(out))] if as_json else export_folder(world, Path(out))
    settings.say(f"wrote {len(written)} file{'s' if len(written) > 1 else ''}: {out}")
    print(notice(world), file=sys.stderr)


@app.command()
@common
def opening(
    settings: Settings,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Hold opening totals against cited figures and the first year against its anchors;"
            " exit 1 if one is off.",
        ),
    ] = False,
) -> None:
    """The opening state: on what evidence its dollars rest, and its plugs; --check against cited totals.

    --check simulates 128 paths of the first two years as well: medians of the first year stand beside ranges
    built from backlog, guidance and growth on record, and a last line tells how far AI capital spending falls
    when demand stops growing. Exit 1 when an opening total is off or more than five medians lie outside
    their range without an explanation.
    """
    world = settings.load_world()
    if check:
        _check_opening(world, settings)
        return
    from penstock.engine.opening.summary import opening_tables

    sections = []
    for title, frame in opening_tables(world):
        grades = [name for name in GRADES if name in frame.columns]
        people = settings.format is Format.TABLE
        shown = layout.shares_as_percent(frame, grades) if people else frame
        sections.append(Section(_key(title), title, shown))
    emit(sections, settings, notice=notice(world))


def _check_opening(world: World, settings: Settings) -> None:
    from penstock.analysis.anchors import (
        EXCEPTIONS_ALLOWED,
        first_year_check,
        first_years,
        target_quarters,
        unexplained,
    )
    from penstock.engine.opening.check import check_opening

    model = first_years(world)
    opened, passed = check_opening(world, model.opening)
    year, switch = first_year_check(world, model)
    quarters = target_quarters(world)
    people = settings.format is Format.TABLE
    title = f"Model medians of {quarters[0]} to {quarters[-1]} against ranges from the tables, usd_bn"
    without = "AI capital spending when demand stops growing, medians, usd_bn per quarter"
    sections = [
        Section("check", f"Opening totals against cited figures, {world.as_of}", opened),
        Section(
            "anchors",
            title,
            layout.anchors_for_people(year) if people else year,
            layout.anchors_in_words(year),
        ),
        Section(
            "growth_switch",
            without,
            layout.switch_for_people(switch) if people else switch.to_dict(),
        ),
    ]
    emit(sections, settings, notice=notice(world))
    if not passed or unexplained(year) > EXCEPTIONS_ALLOWED:
        raise typer.Exit(1)


@app.command()
@common
def audit(settings: Settings, paths: PathsOption = DEFAULT_PATHS, seed: SeedOption = str(DEFAULT_SEED)) -> None:
    """On what evidence the world rests, by dollars and by influence on results; exit 1 for a number without a source.

    Influence is the share of the spread of a result, over paths drawn from the prior, that goes along with the
    uncertain parameters of each grade. Tables of assumptions of the model are searched for numbers without a reason
    as well.
    """
    from penstock.analysis.audit import audit as study
    from penstock.analysis.audit import grade_shares

    world = settings.load_world()
    found = study(world, paths=paths, seed=read_seed(seed))
    people = settings.format is Format.TABLE
    if settings.format is Format.JSON:
        emit(found.to_dict(), settings, notice=notice(world, grade_shares(found)))
    else:
        emit(layout.audit_sections(found, people=people), settings, notice=notice(world, grade_shares(found)))
    if not found.passed:
        raise typer.Exit(1)


@app.command()
@common
def new(
    settings: Settings,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    source: Annotated[
        str | None, typer.Option("--from", metavar="W", help="World to copy [the one of --world].")
    ] = None,
) -> None:
    """Copy a world's files to DIR, to be changed there and used with --world DIR."""
    from penstock.world.exporting import new_world

    written = new_world(folder, source or settings.world)
    settings.say(f"wrote {len(written)} files to {folder}; change them, then: penstock world check --world {folder}")


@app.command()
@common
def diff(
    settings: Settings,
    old: Annotated[str, typer.Argument(metavar="A", help="A bundled world or a folder.")],
    new: Annotated[
        str, typer.Argument(metavar="B", help="Another bundled world or folder; --overlay is laid over it.")
    ],
) -> None:
    """What B has that differs from A: rows added, removed, and every changed cell."""
    from penstock.world import load_world
    from penstock.world.comparing import compare

    before = load_world(old, as_of=settings.as_of)
    after = load_world(new, as_of=settings.as_of, overlay=settings.overlay)
    for message in (*before.messages, *after.messages):
        settings.say(message)
    difference = compare(before, after)
    rows = difference.rows
    if settings.format is Format.TABLE:
        rows = rows.assign(
            old=[layout.shortened(cell, 40) for cell in rows["old"]],
            new=[layout.shortened(c, 40) for c in rows["new"]],
        )
    summary = difference.summary
    if not len(rows):
        title = f"{before.name} and {after.name} hold the same rows"
        emit([Section("summary", title, summary)], settings, notice=notice(after))
        return
    sections = [
        Section("summary", f"From {before.name} to {after.name}", summary),
        Section("rows", f"Rows and cells that differ ({len(rows)})", rows),
    ]
    emit(sections, settings, notice=notice(after))


def _any_thing(world: World, name: str) -> tuple[str, str]:
    """Kind and id of what a name means; companies first, then the rest together."""
    for kind in ("company", "site", "chip", "tie", "power", "parameter"):
        try:
            return kind, world.resolve(name, (kind,))
        except UsageError as error:
            if kind == "company" and "which names" in str(error):
                raise
    raise UsageError(f"ID: found {name!r}; expected a source, company, site, chip, tie, power project or parameter")


def _graded_notice(world: World, *frames: pd.DataFrame) -> str:
    """The notice with the grades of the rows shown."""
    shares: dict[str, float] = {}
    for frame in frames:
        for grade, rows in frame["grade"].value_counts().items():
            shares[str(grade)] = shares.get(str(grade), 0.0) + float(rows)
    return notice(world, shares or None)


def _key(title: str) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in title.lower()).split()
    return "_".join(words[:6])
