"""Each kind of bad input, through the command line: one clear message, its exit code, nothing changed on disk.

Every case stands in a folder of its own with a small world `mine` and says the exact text on standard error.
What a message must say of each field of a world or scenario is held in `tests/world` and `tests/scenarios`.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from penstock.cli.main import COMMANDS as KNOWN
from penstock.cli.main import main
from penstock.scenarios import library
from penstock.world.schema import MAX_FILE_BYTES
from small_world import write_small_world

Prepare = Callable[[Path], None]
Picture = dict[str, tuple[int, int]]

SMALL_RUN = "run -n 1 --quarters 1 -j 1"
IN_MY_WORLD = "run --world mine -n 1 --quarters 1 -o out"
"""A run that would write a folder `out` if the world or scenario were sound."""

BY_NAME = "by id, ticker, name or a unique part of one"
SCENARIOS = ", ".join(library())
COMMANDS = ", ".join(KNOWN)
PLACE = "expected a place with room that can be written"


@dataclass(frozen=True)
class Case:
    """What is done to the folder first, the command line, and what it must end with."""

    line: str
    code: int
    told: str
    prepare: Prepare | None = None


def spoil(file: str, old: str, new: str) -> Prepare:
    """Replaces the first `old` in a file of the small world."""

    def change(folder: Path) -> None:
        text = (folder / "mine" / file).read_text(encoding="utf-8")
        assert old in text
        (folder / "mine" / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def scenario(body: str) -> Prepare:
    """Writes `bad.toml`; its body begins on line 2."""
    return lambda folder: put(folder / "bad.toml", f'name = "bad"\n{body}')


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def latin_1(folder: Path) -> None:
    path = folder / "mine" / "sources.csv"
    path.write_bytes(path.read_bytes().replace(b"News page", b"News p\xe9ge"))


def huge(folder: Path) -> None:
    with (folder / "mine" / "series.csv").open("ab") as file:
        file.truncate(200_000_000)  # sparse: costs neither disk nor time


def without_kind(folder: Path) -> None:
    rows = "".join(f"{source},T,P,2025,\n" for source in ("s_filing", "s_press", "s_news"))
    put(folder / "mine" / "sources.csv", f"id,title,publisher,published,url\n{rows}")


def huge_scenario(folder: Path) -> None:
    with (folder / "bad.toml").open("wb") as file:
        file.truncate(200_000_000)


def twice_spoilt(folder: Path) -> None:
    spoil("companies.csv", "GB,,false,false", "GB,,false,no")(folder)
    spoil("parameters.csv", "1.1,1.2,1.4", "1.1,1.2,inf")(folder)


def ring(folder: Path) -> None:
    put(folder / "bad.toml", 'name = "bad"\nextends = "worse"\n')
    put(folder / "worse.toml", 'name = "worse"\nextends = "bad"\n')


CHANGE = '[[change]]\nwhat = "demand.speed"\napply = "*0.8"\nfrom = "2027Q1"\n'
FILE = "bad.toml"

WORLD = {
    "unknown column": Case(
        IN_MY_WORLD,
        3,
        "contracts.csv:1: header: found 'recipient_id'; expected a column of the schema; nearest receiver_id\n"
        "contracts.csv:1: header: found no column 'receiver_id'; expected buyer, customer, tenant, company "
        "invested in, borrower or beneficiary",
        spoil("contracts.csv", "receiver_id", "recipient_id"),
    ),
    "missing required column": Case(
        IN_MY_WORLD,
        3,
        "sources.csv:1: header: found no column 'kind'; expected kind of source; it sets the grade",
        without_kind,
    ),
    "missing file": Case(
        IN_MY_WORLD,
        3,
        "companies.csv: file: found no such file; expected a file where one row is a company or sector",
        lambda folder: (folder / "mine" / "companies.csv").unlink(),
    ),
    "wrong enum": Case(
        IN_MY_WORLD,
        3,
        "contracts.csv:2: status: found 'activ'; expected one of the 17 words; nearest active",
        spoil("contracts.csv", "firm,active", "firm,activ"),
    ),
    "negative stock": Case(
        IN_MY_WORLD,
        3,
        "financials.csv:3: value: found '-8.5'; expected 0 or more for total_debt",
        spoil("financials.csv", "total_debt,8.5", "total_debt,-8.5"),
    ),
    "unknown company": Case(
        IN_MY_WORLD,
        3,
        "contracts.csv:2: provider_id: found 'nvidea'; expected an id of companies.csv; nearest nvidia",
        spoil("contracts.csv", "gpus,supply,nvidia", "gpus,supply,nvidea"),
    ),
    "duplicate id": Case(
        IN_MY_WORLD,
        3,
        "contracts.csv:4: id: found 'gpus' again; expected a key not used before (line 2)",
        spoil("contracts.csv", "rent,compute", "gpus,compute"),
    ),
    "unsourced number": Case(
        IN_MY_WORLD,
        3,
        "parameters.csv:2: source_id: found nothing; expected an id of sources.csv, so that the row can be traced",
        spoil("parameters.csv", "page,s_press", "page,"),
    ),
    "not UTF-8": Case(
        IN_MY_WORLD,
        3,
        "sources.csv:4: encoding: found byte 0xe9 at position {position}; expected UTF-8 text",
        latin_1,
    ),
    "a CSV of 200 MB": Case(
        IN_MY_WORLD,
        3,
        f"series.csv: size: found 200,000,000 bytes; expected at most {MAX_FILE_BYTES:,} bytes",
        huge,
    ),
    "NaN": Case(
        IN_MY_WORLD,
        3,
        "financials.csv:2: value: found 'nan'; expected a finite number (empty = unknown)",
        spoil("financials.csv", "revenue,187.1", "revenue,nan"),
    ),
    "low above high": Case(
        IN_MY_WORLD,
        3,
        "parameters.csv:2: low: found '1.5'; expected at most high = 1.4",
        spoil("parameters.csv", "1.1,1.2,1.4", "1.5,1.2,1.4"),
    ),
    "a defect of an overlay": Case(
        f"{IN_MY_WORLD} --overlay over",
        3,
        "over/series.csv:2: value: found 'x'; expected a number with '.' as decimal point and no thousands separator",
        lambda folder: put(
            folder / "over" / "series.csv",
            "series,entity,date,value,unit,evidence,source_id,note\n"
            "azure_growth_yoy,cloudy,2025-12-31,x,fraction,page,s_news,\n",
        ),
    ),
    "two defects in two files": Case(
        IN_MY_WORLD,
        3,
        "companies.csv:4: mag7: found 'no'; expected true or false\n"
        "parameters.csv:2: high: found 'inf'; expected a finite number (empty = unknown)",
        twice_spoilt,
    ),
    "unknown world": Case(
        f"{SMALL_RUN} --world ai-2052",
        2,
        "--world: found 'ai-2052'; expected ai-2025, ai-2024, ai-2022, telecom-1999 or a folder of CSV files; "
        "nearest ai-2025",
    ),
    "overlay that is not there": Case(
        f"{SMALL_RUN} --overlay none", 2, "--overlay: found 'none'; expected a folder of CSV files"
    ),
    "no date": Case(
        f"{SMALL_RUN} --as-of 2025-13-01", 2, "--as-of: found '2025-13-01'; expected a date such as 2025-12-31"
    ),
}

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

PLACES = {
    "below a file": Case(
        f"{SMALL_RUN} -o note/run",
        4,
        f"note/run: found not a directory; {PLACE}",
        lambda folder: put(folder / "note", "kept"),
    ),
    "a file": Case(
        f"{SMALL_RUN} -o note",
        4,
        "note: found a file; expected a directory for the run",
        lambda folder: put(folder / "note", "kept"),
    ),
    "a folder with other things": Case(
        f"{SMALL_RUN} -o mine", 4, "mine: found other files; expected an empty directory or this run"
    ),
    "another run": Case(
        "run -n 2 --quarters 1 -j 1 -o whole",
        4,
        "whole: found another run (baseline, 1 paths, 1 quarters, seed 7); "
        "expected baseline, 2 paths, 1 quarters, seed 7: give another --out",
    ),
    "another scenario's run": Case(
        "run funding_freeze -n 1 --quarters 1 -j 1 -o whole",
        4,
        "whole: found another run (baseline, 1 paths, 1 quarters, seed 7); "
        "expected funding_freeze, 1 paths, 1 quarters, seed 7: give another --out",
    ),
    "a world into a folder that holds one": Case(
        "world new mine", 4, "mine: found a folder that holds 'booms.csv'; expected a new or empty one"
    ),
    "no run for path": Case("path none 3", 2, "run: found 'none'; expected the directory of a run"),
    "no run for report": Case("report none", 2, "run: found 'none'; expected the directory of a run"),
    "no run for verify": Case("runs verify none", 2, "run: found 'none'; expected the directory of a run"),
    "no run to read": Case("run --run none", 2, "run: found 'none'; expected the directory of a run"),
    "a folder without a run": Case("report mine", 3, "mine: found no run; expected a directory with manifest.json"),
    "an unfinished run": Case(
        "path begun 0",
        3,
        "begun: found an unfinished run: call `penstock run` as before to go on; "
        "expected a directory with manifest.json",
        lambda folder: put(folder / "begun" / "run.json", "{}"),
    ),
    "a path that the run lacks": Case("path whole 1", 2, "path: found 1; expected a number from 0 to 0"),
    "a scenario that the run lacks": Case(
        "path whole 0 --scenario power_delay", 2, "scenario: found 'power_delay'; expected one of baseline"
    ),
    "a damaged run": Case(
        "runs verify whole",
        1,
        "whole/bands/baseline.parquet: found no file; expected one with {rows} rows",
        lambda folder: (folder / "whole" / "bands" / "baseline.parquet").unlink(),
    ),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest run there is, written by the command."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert main([*SMALL_RUN.split(), "-q", "-o", str(folder)]) == 0
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a person stands: a folder with a sound small world in it."""
    write_small_world(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def picture(folder: Path) -> Picture:
    """Every file and folder below, with its size and time of change."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
    }


def hold(case: Case, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The command line of the case ends as it says and leaves the folder as it was."""
    if case.prepare is not None:
        case.prepare(folder)
    before = picture(folder)
    capfd.readouterr()
    code = main(case.line.split())
    out, err = capfd.readouterr()
    assert (code, out, err) == (case.code, "", f"penstock: {told(case, folder)}\n")
    assert picture(folder) == before


def told(case: Case, folder: Path) -> str:
    """The message with what only the folder knows."""
    rows = 0
    if (manifest := folder / "whole" / "manifest.json").is_file():
        files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
        rows = next(entry["rows"] for entry in files if entry["path"].startswith("bands/"))
    position = (folder / "mine" / "sources.csv").read_bytes().find(b"\xe9")
    return case.told.format(rows=rows, position=position)


@pytest.mark.parametrize("name", WORLD)
def test_a_world_that_is_not_sound(name: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    hold(WORLD[name], folder, capfd)


@pytest.mark.parametrize("name", SCENARIO)
def test_a_scenario_that_is_not_sound(name: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    hold(SCENARIO[name], folder, capfd)


@pytest.mark.parametrize("name", USAGE)
def test_a_mistake_of_usage(name: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    hold(USAGE[name], folder, capfd)


@pytest.mark.parametrize("name", PLACES)
def test_a_place_that_cannot_be_used(
    name: str, folder: Path, finished: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished, folder / "whole")
    hold(PLACES[name], folder, capfd)


# ------------------------------------------------------------------ accepted, with a remark


@pytest.mark.parametrize(
    ("change", "remark"),
    [
        (lambda text: text.replace(",", ";").encode(), "columns are split by ';' instead of ','; accepted"),
        (lambda text: b"\xef\xbb\xbf" + text.encode(), "starts with a byte order mark; accepted"),
    ],
    ids=["semicolons", "byte order mark"],
)
@pytest.mark.parametrize("line", ["world check --world mine", "scenario show baseline --world mine"])
def test_another_form_of_file_is_taken_with_a_remark(
    change: Callable[[str], bytes], remark: str, line: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = folder / "mine" / "parameters.csv"
    path.write_bytes(change(path.read_text(encoding="utf-8")))
    assert main(line.split()) == 0
    assert capfd.readouterr().err == f"penstock: parameters.csv: {remark}\n"
    assert main([*line.split(), "--quiet"]) == 0
    assert capfd.readouterr().err == ""


# ------------------------------------------------------------------ as a process of its own


@pytest.mark.parametrize("case", [WORLD["NaN"], SCENARIO["unknown knob"], USAGE["unknown flag"], PLACES["a file"]])
def test_the_command_itself_ends_the_same_way(case: Case, folder: Path) -> None:
    if case.prepare is not None:
        case.prepare(folder)
    before = picture(folder)
    done = command(case.line, folder)
    assert (done.returncode, done.stdout, done.stderr) == (case.code, "", f"penstock: {case.told}\n")
    assert picture(folder) == before


def test_a_place_that_fills_up_leaves_nothing_half_written(folder: Path, finished: Path) -> None:
    """A limit on the size of files stands for a full disk: the largest file of the run no longer fits."""
    sizes = sorted(path.stat().st_size for path in finished.rglob("*.parquet"))
    done = command(f"{SMALL_RUN} -o out", folder, file_limit=(sizes[-2] + sizes[-1]) // 2)
    assert done.returncode == 4
    assert done.stdout == ""
    assert done.stderr.startswith("penstock: out/")
    assert done.stderr.count("\n") == 1
    assert not (folder / "out" / "manifest.json").exists()
    assert [path.name for path in (folder / "out").rglob("*.part")] == []


def command(line: str, folder: Path, *, file_limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """The command line as a process of its own, with no file above the limit (bytes)."""

    def limit() -> None:
        if file_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

    return subprocess.run(
        [sys.executable, "-m", "penstock", *line.split()],
        cwd=folder,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
