"""`penstock scenario`: list, read, write, check and compare scenarios; list the knobs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.context import Settings, common
from penstock.cli.output import Section, emit, notice
from penstock.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.scenarios import Scenario

app = typer.Typer(help="Scenarios and knobs: list, read, write and check them.")

ScenarioArgument = Annotated[str, typer.Argument(metavar="S", help="A bundled scenario, or a file.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A scenario file.")]


@app.command("list")
@common
def list_scenarios(settings: Settings) -> None:
    """The bundled scenarios."""
    import pandas as pd

    from penstock.errors import InputError
    from penstock.scenarios import library, load_scenario

    world = settings.load_world()
    rows = []
    for name in library():
        try:
            scenario = load_scenario(name, world)
        except InputError:
            # its companies or quarters are not those of the world asked for
            rows.append({"name": name, "title": "", "touches": "does not fit this world", "hash": ""})
            continue
        rows.append({"name": name, "title": scenario.title, "touches": scenario.summary(), "hash": scenario.hash8})
    emit(pd.DataFrame(rows), settings, title="Scenarios", notice=notice(world))


@app.command()
@common
def show(settings: Settings, scenario: ScenarioArgument) -> None:
    """What a scenario changes, with its story and evidence."""
    from penstock.scenarios import load_scenario

    world = settings.load_world()
    emit(_sections(load_scenario(scenario, world)), settings, notice=notice(world))


@app.command()
@common
def knobs(
    settings: Settings,
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="Only knobs with this in name, meaning or step.")] = "",
) -> None:
    """The knobs that a scenario may change."""
    import pandas as pd

    from penstock.scenarios import find_knobs
    from penstock.scenarios import knobs as registry
    from penstock.world.naming import nearest_name

    found = find_knobs(text)
    if not found:
        nearest = nearest_name(text, registry())
        hint = f"; nearest {nearest}" if nearest else ""
        raise UsageError(f"TEXT: found {text!r}; expected a part of a knob's name, meaning or step{hint}")
    rows = [
        {
            "name": knob.name + ENTITY_MARKS.get(knob.entity, ""),
            "meaning": knob.meaning,
            "unit": knob.unit or "ratio",
            "default": knob.default,
            "low": knob.low,
            "high": knob.high,
            "grade": knob.grade,
            "parameter": knob.parameter,
            "step": knob.step,
            # why the range is what it is: long, so only when asked for
            **({"basis": knob.basis} if settings.verbose else {}),
        }
        for knob in found
    ]
    emit(pd.DataFrame(rows), settings, title="Knobs")


ENTITY_MARKS = {"segment": "[.SEGMENT]", "silicon_company": "[.COMPANY]", "builder_company": "[.COMPANY]"}


@app.command()
@common
def new(
    settings: Settings,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; must not exist.")],
    extends: Annotated[
        str, typer.Option("--extends", metavar="NAME", help="A bundled scenario to build on.")
    ] = "baseline",
) -> None:
    """Write a scenario file to start from."""
    from penstock.scenarios import write_new

    path = write_new(file, extends)
    emit({"written": str(path), "next": f"penstock scenario check {path}"}, settings)


@app.command()
@common
def check(settings: Settings, file: FileArgument) -> None:
    """Check a scenario file: all its defects at once."""
    from penstock.scenarios import load_scenario

    world = settings.load_world()
    scenario = load_scenario(file, world)
    card = {
        "file": str(file),
        "defects": 0,
        "name": scenario.name,
        "touches": scenario.summary(),
        "hash": scenario.hash8,
    }
    emit(card, settings, notice=notice(world))


@app.command()
@common
def diff(
    settings: Settings,
    a: Annotated[str, typer.Argument(metavar="A", help="A bundled scenario, or a file.")],
    b: Annotated[str, typer.Argument(metavar="B", help="A bundled scenario, or a file.")],
) -> None:
    """Every key in which two scenarios differ."""
    import pandas as pd

    from penstock.scenarios import compare, load_scenario

    world = settings.load_world()
    first, second = load_scenario(a, world), load_scenario(b, world)
    # two files may carry one name; columns may not
    names = [first.name, second.name] if first.name != second.name else [a, b]
    if names[0] == names[1]:
        names = ["first", "second"]
    rows = [(d.table, d.entry, d.key, d.first, d.second) for d in compare(first, second)]
    frame = pd.DataFrame(rows, columns=["table", "entry", "key", *names])
    emit(frame, settings, title=f"{a} against {b}", notice=notice(world))


def _sections(scenario: Scenario) -> list[Section]:
    card = {
        "name": scenario.name,
        "title": scenario.title,
        "story": scenario.story,
        "evidence": scenario.evidence,
        "date": scenario.date,
        "extends": ", ".join(scenario.lineage),
        "hash": scenario.hash8,
    }
    sections = [Section("scenario", "Scenario", {key: text for key, text in card.items() if text})]
    titles = {
        "change": "Changes",
        "event": "Events",
        "remove": "Removed",
        "company": "New companies",
        "tie": "New ties",
        "policy": "Policy",
        "switch": "Switched off",
    }
    tables = scenario.tables()
    for key, title in titles.items():
        if key in tables:
            sections.append(Section(key, title, _body(tables[key])))
    return sections


def _body(table: Any) -> pd.DataFrame | dict[str, Any]:
    import pandas as pd

    if isinstance(table, dict):
        return table
    return pd.DataFrame([{key: _cell(value) for key, value in row.items()} for row in table])


def _cell(value: Any) -> Any:
    return ", ".join(f"{key} = {item:g}" for key, item in value.items()) if isinstance(value, dict) else value
