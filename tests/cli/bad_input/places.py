"""Places that cannot be written or hold no run, or another."""

from __future__ import annotations

from bad_input.case import SMALL_RUN, Case, put

PLACE = "expected a place with room that can be written"

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
