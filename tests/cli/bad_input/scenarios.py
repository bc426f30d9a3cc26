"""Scenarios that are not sound: knobs, keys, quarters, ranges, names, rings, syntax."""

from __future__ import annotations

from pathlib import Path

from bad_input.case import IN_MY_WORLD, Case, Prepare, put
from penstock.scenarios import library

BY_NAME = "by id, ticker, name or a unique part of one"
SCENARIOS = ", ".join(library())
CHANGE = '[[change]]\nwhat = "demand.speed"\napply = "*0.8"\nfrom = "2027Q1"\n'
FILE = "bad.toml"


def scenario(body: str) -> Prepare:
    """Writes `bad.toml`; its body begins on line 2."""
    return lambda folder: put(folder / "bad.toml", f'name = "bad"\n{body}')


def huge_scenario(folder: Path) -> None:
    with (folder / "bad.toml").open("wb") as file:
        file.truncate(200_000_000)


def ring(folder: Path) -> None:
    put(folder / "bad.toml", 'name = "bad"\nextends = "worse"\n')
    put(folder / "worse.toml", 'name = "worse"\nextends = "bad"\n')


SCENARIO = {
    "unknown knob": Case(
        f"{IN_MY_WORLD} bad.toml",
        3,
        f"{FILE}:3: change 1 what: found 'demand.cieling'; expected a knob (see: penstock scenario knobs); "
        "nearest demand.ceiling",
        scenario(CHANGE.replace("demand.speed", "demand.cieling")),
    ),
    "unknown key": Case(
        f"{IN_MY_WORLD} bad.toml",
        3,
        f"{FILE}:6: change 1 key: found 'untill'; expected a key of [[change]]: what, apply, from, until, over, why; "
        "nearest until",
        scenario(CHANGE + 'untill = "2028Q1"\n'),
    ),
    "quarter before the baseline": Case(
        f"{IN_MY_WORLD} bad.toml",
        3,
        f"{FILE}:5: change 1 from: found '2025Q3'; expected a quarter from 2026Q1 on, the first after the baseline; "
        "nearest 2026Q1",
        scenario(CHANGE.replace("2027Q1", "2025Q3")),
    ),
    "distribution with low above high": Case(
        f"{IN_MY_WORLD} bad.toml",
        3,
        f"{FILE}:4: change 1 apply: found '0.8 to 0.4'; expected a range with low < high; nearest 0.4 to 0.8",
        scenario(CHANGE.replace("*0.8", "0.8 to 0.4")),
    ),
    "unknown company in a scenario": Case(
        f"{IN_MY_WORLD} bad.toml",
        3,
        f"{FILE}:4: event 1 target: found 'nvidea'; expected a company {BY_NAME}; nearest nvidia",
        scenario('[[event]]\nkind = "default"\ntarget = "nvidea"\nsize = 1\nfrom = "2027Q1"\nlasts = 1\n'),
    ),
    "cyclic extends": Case(
        f"{IN_MY_WORLD} bad.toml",
        3,
        "worse.toml:2: extends: found bad -> worse -> bad; expected no scenario to extend itself",
        ring,
    ),
    "syntax": Case(
        f"{IN_MY_WORLD} bad.toml",
        3,
        f"{FILE}:2: syntax: found 'title = what'; expected TOML (Invalid value)",
        scenario("title = what\n"),
    ),
    "the same through scenario check": Case(
        "scenario check bad.toml --world mine",
        3,
        f"{FILE}:2: syntax: found 'title = what'; expected TOML (Invalid value)",
        scenario("title = what\n"),
    ),
    "a scenario file of 200 MB": Case(
        f"{IN_MY_WORLD} bad.toml",
        3,
        f"{FILE}: file: found 200.0 MB; expected at most 1.0 MB",
        huge_scenario,
    ),
    "no such file": Case(f"{IN_MY_WORLD} none.toml", 3, "none.toml: file: found nothing; expected a scenario file"),
    "unknown name": Case(
        f"{IN_MY_WORLD} funding_freez",
        2,
        f"scenario: found 'funding_freez'; expected {SCENARIOS} or a file; nearest funding_freeze",
    ),
    "the same name twice": Case(
        f"{IN_MY_WORLD} baseline baseline",
        2,
        "scenario: found 'baseline' twice; expected scenarios with different names",
    ),
    "a scenario file that exists": Case(
        "scenario new bad.toml", 4, f"{FILE}: file: found one that exists; expected a new file", scenario("")
    ),
}
