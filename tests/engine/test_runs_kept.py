"""`runs repair`, `diff` and `gc`: what is damaged comes back byte for byte, what serves nothing can go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_model import ENGINE, FakeScenario, FakeWorld, run_fake
from fake_model import table_hashes as hashes

import penstock as ps
from penstock.cli.main import main
from penstock.engine.leftovers import leftovers, remove
from penstock.engine.manifest import damaged_files
from penstock.engine.repair import repair
from penstock.engine.run import Run, open_run
from penstock.engine.run_diff import run_facts, table_differences
from penstock.errors import OutputError


def opened(place: Path) -> Run:
    return open_run(place, world=FakeWorld(), engine=ENGINE)


def test_damaged_and_missing_files_come_back_to_the_byte(tmp_path: Path) -> None:
    manifest = run_fake(tmp_path, scenario=["baseline", "a-shock"]).manifest
    before = hashes(tmp_path)
    hurt = ["bands/a-shock.parquet", "economy/baseline-000001.parquet", "flows/baseline.parquet"]
    gone = ["events/a-shock-000002.parquet", "layers/a-shock-000002.parquet"]
    for name in hurt:
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-9])
    for name in gone:
        (tmp_path / name).unlink()
    assert len(damaged_files(tmp_path, manifest)) == 5
    assert sorted(repair(opened(tmp_path))) == sorted(hurt + gone)
    assert damaged_files(tmp_path, manifest) == []
    assert hashes(tmp_path) == before
    assert not (tmp_path / ".work").exists()
    assert repair(opened(tmp_path)) == []


def test_a_file_that_comes_out_otherwise_is_left_as_it_was(tmp_path: Path) -> None:
    run_fake(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    entry = manifest["files"][0]
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "files": [{**entry, "sha256": "0" * 64}]}))
    before = hashes(tmp_path)
    with pytest.raises(OutputError, match=r"found other bytes than the run wrote.*nothing was changed") as caught:
        repair(opened(tmp_path))
    assert caught.value.exit_code == 4
    assert {name: value for name, value in hashes(tmp_path).items() if ".work" not in name} == before


def test_a_run_that_is_being_written_is_not_repaired(tmp_path: Path) -> None:
    run_fake(tmp_path / "whole")

    def call(done: int, total: int, note: str) -> None:
        with pytest.raises(OutputError, match="found a process writing this run"):
            repair(opened(tmp_path / "whole"))

    (tmp_path / "whole" / "economy" / "baseline-000000.parquet").unlink()
    assert repair(opened(tmp_path / "whole"), on_progress=call) == ["economy/baseline-000000.parquet"]


def test_equal_runs_differ_in_nothing_and_others_in_what_was_asked(tmp_path: Path) -> None:
    one, same = run_fake(tmp_path / "one"), run_fake(tmp_path / "same", jobs=1)
    assert run_facts(one, same).empty
    told = table_differences(one, same)
    assert told["equal"].all() and (told["largest_difference_relative"] == 0.0).all()
    assert list(told["table"]) == ["economy", "layers", "outcomes", "events", "losses", "bands", "flows"]
    shifted = run_fake(tmp_path / "shifted", scenario=FakeScenario("baseline", "a longer text"))
    assert list(run_facts(one, shifted)["fact"]) == ["scenarios"]
    told = table_differences(one, shifted).set_index("table")
    assert not told.loc["economy", "equal"] and told.loc["flows", "equal"]
    a, b = one.economy["capex_usd_bn"], shifted.economy["capex_usd_bn"]
    assert told.loc["economy", "largest_difference_relative"] >= ((a - b).abs() / b).max()
    fewer = table_differences(one, run_fake(tmp_path / "fewer", paths=200)).set_index("table")
    assert fewer.loc["economy", ["rows_first", "rows_second", "equal"]].tolist() == [1800, 1200, False]


def stopped(place: Path) -> None:
    def stop(done: int, total: int, note: str) -> None:
        if done >= 128:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_fake(place, on_progress=stop)


def test_what_serves_no_run_is_found_and_only_that_is_removed(tmp_path: Path) -> None:
    run_fake(tmp_path / "whole", paths=5)
    stopped(tmp_path / "half")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.parquet").write_text("mine")
    assert leftovers(tmp_path) == []
    (tmp_path / "whole" / ".work").mkdir()
    (tmp_path / "whole" / "economy" / "stray.parquet").write_text("stray")
    (tmp_path / "half" / "economy" / ".baseline-000009.parquet.77.part").write_text("half")
    found = leftovers(tmp_path)
    assert [str(one.path.relative_to(tmp_path)) for one in found] == [
        "half/economy/.baseline-000009.parquet.77.part",
        "whole/.work",
        "whole/economy/stray.parquet",
    ]
    for one in found:
        remove(one)
    assert leftovers(tmp_path) == []
    assert damaged_files(tmp_path / "whole", opened(tmp_path / "whole").manifest) == []
    assert [one.path.name for one in leftovers(tmp_path, unfinished=True)] == ["half"]
    run_fake(tmp_path / "half")
    assert leftovers(tmp_path, unfinished=True) == []
    assert (tmp_path / "notes" / "mine.parquet").exists()


def test_a_run_at_work_and_a_broken_manifest_have_no_leftovers(tmp_path: Path) -> None:
    seen = []

    def look(done: int, total: int, note: str) -> None:
        seen.append(leftovers(tmp_path, unfinished=True))

    run_fake(tmp_path / "run", paths=5, on_progress=look)
    assert seen == [[], []]
    (tmp_path / "run" / "manifest.json").write_text("{")
    assert leftovers(tmp_path, unfinished=True) == []


def test_the_commands_repair_compare_and_tidy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the real model."""
    one, other = tmp_path / "one", tmp_path / "other"
    world = ps.load_world()
    ps.simulate(world, paths=2, quarters=2, out=one)
    ps.simulate(world, paths=2, quarters=2, seed=8, out=other)
    (one / "economy" / "baseline-000000.parquet").write_bytes(b"PAR1")
    (one / "bands" / "baseline.parquet").unlink()
    (other / ".work").mkdir()
    assert main(["runs", "repair", str(one), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["repaired"] == 2
    assert main(["runs", "verify", str(one)]) == 0
    capsys.readouterr()
    assert main(["runs", "diff", str(one), str(other)]) == 0
    printed = capsys.readouterr().out
    assert "seed" in printed and "economy" in printed and max(map(len, printed.splitlines())) <= 80
    assert main(["runs", "gc", str(tmp_path)]) == 0
    assert "1 leftovers" in capsys.readouterr().out and (other / ".work").exists()
    assert main(["runs", "gc", str(tmp_path), "--yes"]) == 0
    assert not (other / ".work").exists()
    assert main(["runs", "diff", str(one), str(tmp_path / "none")]) == 2
