"""Is anything lost or wrong after kills, full disks, flipped bytes, dead workers, spoiled files? The log of faults."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as Xml
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tools.campaign import kills
from tools.campaign.result import Result, Verdict, table
from tools.campaign.units import ROOT, Unit
from tools.gate import NOT_OURS

FILES = {
    "tests/engine/test_full_disks.py": "full and read-only disks",
    "tests/engine/test_damaged_files.py": "damaged files",
    "tests/engine/test_two_processes.py": "clocks, two processes",
    "tests/engine/test_lost_workers.py": "lost workers",
    "tests/engine/test_runs_on_disk.py": "interrupted runs, places that cannot be used",
    "tests/engine/test_executors.py": "pools that are stopped",
    "tests/engine/test_object_store.py": "object stores, a lost head",
    "tests/engine/test_cluster.py": "clusters, lost workers and machines",
    "tests/fuzz/test_book_files.py": "spoiled books and networks",
    "tests/fuzz/test_fleet_files.py": "spoiled traces, fleets, sites and weather",
    "tests/fuzz/test_run_files.py": "spoiled manifests and tables",
    "tests/fuzz/test_unpacking.py": "packed files that are too large or break off",
    "tests/fuzz/test_world_files.py": "spoiled worlds and scenarios",
}
"""Files of tests that inject faults, and which."""
PASSED, SKIPPED, FAILED = "passed", "skipped", "FAILED"


@dataclass(frozen=True)
class Options:
    kills: int = 50
    examples: int = 0
    """of spoiled input to each reader; 0 for those of the gate"""
    seed: int = 7

    @property
    def units(self) -> int:
        return self.kills + len(FILES)

    @property
    def of_kills(self) -> kills.Options:
        return kills.Options(kills=self.kills, seed=self.seed)


@dataclass(frozen=True)
class Work:
    """A kill, or one file of tests in a process of its own."""

    options: Options

    def __call__(self, number: int) -> Unit:
        if number < self.options.kills:
            return kills.Work(self.options.of_kills)(number)
        file = list(FILES)[number - self.options.kills]
        return {"file": file, "cases": outcomes(file, self.options.examples)}


def outcomes(file: str, examples: int) -> list[list[str]]:
    """Name and outcome of every case of a file of tests; `examples` of each kind of spoiled input."""
    environment = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    environment["PENSTOCK_FUZZ"] = str(examples)
    with tempfile.TemporaryDirectory(prefix="penstock-faults-") as place:
        report = Path(place) / "report.xml"
        call = [sys.executable, "-m", "pytest", file, "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        done = subprocess.run(call, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if not report.exists():
            raise RuntimeError(f"{file}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        found = []
        for case in Xml.parse(report).getroot().iter("testcase"):
            bad = case.find("failure") is not None or case.find("error") is not None
            skipped = case.find("skipped") is not None
            found.append([case.get("name", ""), FAILED if bad else SKIPPED if skipped else PASSED])
        return found


def fault(name: str) -> str:
    """What a test says in words, without its parameters."""
    words = name.partition("[")[0].removeprefix("test_").replace("_", " ")
    return words[:1].upper() + words[1:]


def result(options: Options, units: list[Unit]) -> Result:
    """Kills, and for each file of faults how many cases ended well."""
    killed = kills.result(options.of_kills, units[: options.kills])
    verdicts, sections = list(killed.verdicts), list(killed.sections)
    for unit in units[options.kills :]:
        cases = [outcome for _, outcome in unit["cases"]]
        passed, skipped = cases.count(PASSED), cases.count(SKIPPED)
        told = f"{passed} of {len(cases)} cases" + (f", {skipped} not tried on this machine" if skipped else "")
        good = bool(passed) and passed + skipped == len(cases)
        verdicts.append(Verdict(f"{FILES[unit['file']]} (`{unit['file']}`)", good, told))
        by_fault: dict[str, list[str]] = defaultdict(list)
        for name, outcome in unit["cases"]:
            by_fault[fault(name)].append(outcome)
        rows = [(name, str(len(each)), _told(each)) for name, each in by_fault.items()]
        heading = FILES[unit["file"]]
        sections.append(
            (heading[:1].upper() + heading[1:], table(("what is done, and what must hold", "cases", ""), rows))
        )
    command = " ".join(["faults", *(f"--{name} {value}" for name, value in vars(options).items())])
    return Result("Campaign: the log of faults", command, tuple(verdicts), tuple(sections))


def _told(outcomes_of: list[str]) -> str:
    """The worst of the outcomes of a fault."""
    return next(outcome for outcome in (FAILED, SKIPPED, PASSED) if outcome in outcomes_of)
