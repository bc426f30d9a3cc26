"""The command of the campaigns: options of the one named, its units, its page."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from benchmarks.machine import ROOT, provenance
from tools.campaign.result import write
from tools.campaign.units import finish, unit_folder

NAMES = ("random_worlds", "default_rates", "steps", "power_audit", "sizes", "searches", "kills", "faults", "recovery")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 when every line passed, 1 when one failed, 130 when interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.campaign", description="Run a campaign, or go on with it, and write its page."
    )
    names = parser.add_subparsers(dest="name", metavar="NAME", required=True)
    modules = {name: importlib.import_module(f"tools.campaign.{name}") for name in NAMES}
    for name, module in modules.items():
        one = names.add_parser(name, help=(module.__doc__ or "").split("\n")[0])
        for field in fields(module.Options):
            one.add_argument(f"--{field.name}", type=int, default=field.default, help=f"[{field.default}]")
        one.add_argument("--jobs", type=int, default=1, help="processes [1]")
        one.add_argument("--docs", type=Path, default=ROOT / "docs", help="where the page is written")
        one.add_argument("--work", type=Path, default=ROOT / "runs" / "campaigns", help="where units are kept")
    given = parser.parse_args(arguments)
    module = modules[given.name]
    options = module.Options(**{field.name: getattr(given, field.name) for field in fields(module.Options)})
    where = provenance()
    folder = unit_folder(given.work, given.name, asdict(options))
    try:
        units = finish(folder, module.Work(options), options.units, given.jobs)
    except KeyboardInterrupt:
        print(f"campaign: finished units are kept in {folder}; the same command goes on", file=sys.stderr)
        return 130
    result = module.result(options, units)
    path = write(result, given.name, where, given.docs)
    for verdict in result.verdicts:
        print(verdict.line)
    print(f"wrote {path}")
    return 0 if result.passed else 1
