"""Run directories of older versions are read as the present one, with a word about it; later ones are refused."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from fake_model import ENGINE, FakeWorld
from fake_model import run_fake as run
from old_runs import as_version_1

from penstock.cli.main import main
from penstock.engine.chunks import COLUMNS
from penstock.engine.run import open_run
from penstock.engine.run_list import list_runs
from penstock.engine.schema import SCHEMA_VERSION, at_present
from penstock.errors import InputError, OutputError, SchemaNotice


def test_a_run_of_now_names_the_columns_of_its_tables(tmp_path: Path) -> None:
    made = run(tmp_path / "run", paths=130)
    assert made.manifest["schema_version"] == SCHEMA_VERSION
    for name, columns in made.manifest["tables"].items():
        assert list(made.table(name).columns) == columns, name
    assert set(made.manifest["tables"]) == set(COLUMNS) - {"company"} | {"bands", "flows"}


def test_an_older_run_is_read_with_a_word_about_it(tmp_path: Path) -> None:
    made = run(tmp_path / "run", paths=130)
    written = as_version_1(tmp_path / "run", without=("losses", "flows"))
    with pytest.warns(SchemaNotice, match=r"run of schema 1, read as schema 2; it holds no losses and no flows"):
        opened = open_run(tmp_path / "run", world=FakeWorld(), engine=ENGINE)
    assert opened.manifest["schema_version"] == SCHEMA_VERSION
    assert opened.economy.equals(made.economy)
    assert opened.id == made.id
    with pytest.raises(InputError, match="losses: found no such table"):
        _ = opened.losses
    assert (tmp_path / "run" / "manifest.json").read_bytes() == written, "reading changes nothing"
    assert [found.state for found in list_runs(tmp_path)] == ["finished"]


def test_the_same_call_goes_on_with_an_older_run(tmp_path: Path) -> None:
    run(tmp_path / "run", paths=130)
    as_version_1(tmp_path / "run")
    with pytest.warns(SchemaNotice):
        again = run(tmp_path / "run", paths=130)
    assert again.manifest["written_as"] == 1
    with pytest.raises(OutputError, match="another run"):
        run(tmp_path / "run", paths=131)


def test_manifests_of_later_versions_and_of_none_are_refused(tmp_path: Path) -> None:
    where = tmp_path / "manifest.json"
    with pytest.raises(InputError, match=r"manifest\.json: schema_version: found 9, of a later penstock \(7\.0\)"):
        at_present({"schema_version": 9, "penstock": "7.0"}, where)
    for bad in (None, "1", 0, True, 1.0):
        with pytest.raises(InputError, match="expected a number from 1 to 2"):
            at_present({"schema_version": bad}, where)
    present = {"schema_version": SCHEMA_VERSION, "tables": {}}
    assert at_present(present, where) == present


def test_the_command_line_tells_it_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "run", paths=130)
    as_version_1(tmp_path / "run")
    before = warnings.showwarning
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            assert main(["runs", "verify", str(tmp_path / "run")]) == 0
    finally:
        warnings.showwarning = before
    told = capsys.readouterr().err.splitlines()
    assert told == [f"penstock: {tmp_path / 'run'}: found a run of schema 1, read as schema 2"]
