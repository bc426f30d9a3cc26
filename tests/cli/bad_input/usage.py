"""Command lines that cannot be meant: flags, commands, numbers, names."""

from __future__ import annotations

from bad_input.case import Case
from penstock.cli.main import COMMANDS as KNOWN

COMMANDS = ", ".join(KNOWN)

USAGE = {
    "unknown flag": Case(
        "run --path 3",
        2,
        "option: found --path; expected an option of this command; nearest --paths (see `penstock run --help`)",
    ),
    "unknown flag like no other": Case(
        "run --bogus", 2, "option: found --bogus; expected an option of this command (see `penstock run --help`)"
    ),
    "unknown command": Case("rum", 2, f"command: found 'rum'; expected one of {COMMANDS}; nearest run"),
    "unknown command of a group": Case(
        "runs lst",
        2,
        "runs: found 'lst'; expected one of list, verify, repair, diff, pull, query, gc; nearest list "
        "(see `penstock runs --help`)",
    ),
    "no paths": Case(
        "run --paths 0", 2, "--paths: found 0; expected a whole number of 1 or more (see `penstock run --help`)"
    ),
    "paths in words": Case(
        "run -n many", 2, "--paths: found 'many'; expected a whole number (see `penstock run --help`)"
    ),
    "too many paths": Case(
        "run -n 9999999999", 2, "paths: found 9999999999; expected a whole number from 1 to 2147483647"
    ),
    "half a quarter": Case(
        "run --quarters 2.5", 2, "--quarters: found '2.5'; expected a whole number (see `penstock run --help`)"
    ),
    "too many quarters": Case("run --quarters 99", 2, "quarters: found 99; expected a whole number from 1 to 60"),
    "seed in words": Case(
        "run --seed seven", 2, "--seed: found 'seven'; expected a whole number of 0 or more, or `random`"
    ),
    "negative seed": Case("run --seed -1", 2, "--seed: found '-1'; expected a whole number of 0 or more, or `random`"),
    "no jobs": Case(
        "run --jobs 0", 2, "--jobs: found 0; expected a whole number of 1 or more (see `penstock run --help`)"
    ),
    "unknown format": Case(
        "world check --format jsn",
        2,
        "--format: found 'jsn'; expected table, json or csv; nearest json (see `penstock world check --help`)",
    ),
    "a flag without its value": Case("run --out", 2, "--out: found nothing behind it; expected a value"),
    "an argument too few": Case(
        "path", 2, "RUN: found nothing; expected the directory of a run (see `penstock path --help`)"
    ),
    "an argument too many": Case(
        "report a b",
        2,
        "arguments: found 'b' beside the others; expected none beside them (see `penstock report --help`)",
    ),
    "a scenario beside a run": Case(
        "run baseline --run out", 2, "--run: found a scenario beside it; expected one of the two"
    ),
    "unknown company": Case(
        "world show nvidea",
        2,
        "company: found 'nvidea'; expected an id, ticker, name or a unique part of one; nearest nvidia",
    ),
    "a name of several": Case(
        "world show core",
        2,
        "company: found 'core', which names 4; expected one of coreweave, edgecore, core_scientific, oem_vendors",
    ),
}
