"""Many runs as one database: views that say which run a row is of, over files that are read where they lie."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_model import ENGINE, QUARTERS, FakeWorld
from fake_model import run_fake as run
from old_runs import as_version_1

from penstock.cli.main import main
from penstock.engine.run import Run, open_run
from penstock.engine.run_plot import fan_rows
from penstock.engine.run_views import ask, views
from penstock.errors import InputError, SchemaNotice, UsageError


@pytest.fixture
def two(tmp_path: Path) -> list[Run]:
    return [run(tmp_path / "one", paths=130), run(tmp_path / "other", paths=50, seed=11)]


def test_each_row_says_of_which_run_it_is(two: list[Run]) -> None:
    database = views(two)
    found = ask(database, "SELECT run, count(DISTINCT path) AS paths FROM economy GROUP BY run ORDER BY run")
    assert found.to_dict("list") == {"run": ["one", "other"], "paths": [130, 50]}
    told = ask(database, "SELECT run, seed, paths FROM runs ORDER BY run")
    assert told["seed"].tolist() == [two[0].manifest["seed"], 11]
    for name in ("layers", "outcomes", "events", "losses", "bands", "flows"):
        rows = ask(database, f"SELECT count(*) AS rows FROM {name}")["rows"][0]
        assert rows == len(two[0].table(name)) + len(two[1].table(name)), name
    one = ask(database, "SELECT * FROM bands WHERE run = 'one'").drop(columns="run")
    assert one.shape == two[0].bands.shape
    assert one["mean"].tolist() == two[0].bands["mean"].tolist()


def test_runs_of_the_same_name_keep_apart(tmp_path: Path) -> None:
    both = [run(tmp_path / place / "run", paths=20, seed=seed) for place, seed in (("a", 1), ("b", 2))]
    found = ask(views(both), "SELECT DISTINCT run FROM economy ORDER BY run")
    assert found["run"].tolist() == [str(tmp_path / "a" / "run"), str(tmp_path / "b" / "run")]


def test_older_runs_stand_beside_new_ones(two: list[Run], tmp_path: Path) -> None:
    as_version_1(tmp_path / "one", without=("losses",))
    with pytest.warns(SchemaNotice):
        older = open_run(tmp_path / "one", world=FakeWorld(), engine=ENGINE)
    database = views([older, two[1]])
    assert ask(database, "SELECT DISTINCT run FROM losses")["run"].tolist() in ([], ["other"])
    assert len(ask(database, "SELECT DISTINCT run FROM economy")) == 2


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('{outside}')",
        "COPY economy TO '{outside}'",
        "ATTACH '{outside}' AS more",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "SELECT nonsense FROM economy",
        "not sql",
        "SELECT 1; SELECT 2",
        "DROP TABLE runs",
    ],
)
def test_queries_reach_nothing_but_the_runs(query: str, two: list[Run], tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("secret")
    with pytest.raises(UsageError, match=r"^SQL: found "):
        ask(views(two), query.format(outside=outside))
    assert outside.read_text() == "secret"


def test_a_query_cannot_write_into_a_run(two: list[Run], tmp_path: Path) -> None:
    """The places of the runs are open to reading; a new file there would be damage that `runs verify` tells."""
    database = views(two)
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=r"^SQL: found "):
        ask(database, f"COPY economy TO '{tmp_path / 'one' / 'new.csv'}'")
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_a_damaged_run_is_refused(two: list[Run], tmp_path: Path) -> None:
    file = next((tmp_path / "one" / "economy").iterdir())
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"^one/economy/"):
        views(two)


def test_runs_that_lie_nowhere_are_refused() -> None:
    with pytest.raises(UsageError, match="expected at least one"):
        views([])
    with pytest.raises(UsageError, match="in memory"):
        views([run(None, paths=20)])


def test_a_manifest_of_the_present_form_is_json(two: list[Run], tmp_path: Path) -> None:
    told = json.loads((tmp_path / "one" / "manifest.json").read_text(encoding="utf-8"))
    assert told["tables"]["events"][:4] == ["scenario", "path", "quarter", "sequence"]


def test_the_command_asks_the_runs_of_a_directory(
    two: list[Run], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.cli.runs._notice_of", lambda runs: "the notice")
    query = "SELECT run, count(*) AS n FROM economy GROUP BY run ORDER BY run"
    assert main(["runs", "query", query, str(tmp_path), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["notice"] == "the notice"
    assert [row["run"] for row in told["result"]] == ["one", "other"]
    assert main(["runs", "query", query, "--run", str(tmp_path / "other"), "--format", "csv"]) == 0
    assert capsys.readouterr().out.splitlines() == ["run,n", f"other,{50 * QUARTERS}"]
    assert main(["runs", "query", "SELECT", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("penstock: SQL: found ")
    assert main(["runs", "query", query, str(tmp_path / "nowhere")]) == 2
    assert "found none that are finished" in capsys.readouterr().err


def test_bands_of_a_fan_name_what_is_not_there(two: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(world: FakeWorld, name: str) -> str:
        if name != "NVDA":
            raise UsageError(f"company: found {name!r}; expected an id")
        return "nvidia"

    monkeypatch.setattr(FakeWorld, "resolve", resolve, raising=False)
    measure = "market_value_usd_bn"
    assert set(fan_rows(two[0], measure, "NVDA", None)["company_id"]) == {"nvidia"}
    with pytest.raises(UsageError, match="company: found 'nobody'"):
        fan_rows(two[0], measure, "nobody", None)
    with pytest.raises(UsageError, match="scenario: found 'nothing'; expected one of baseline"):
        fan_rows(two[0], measure, "nvidia", "nothing")
    with pytest.raises(UsageError, match="measure: found 'weight' of 'nvidia' in 'baseline'; expected one of"):
        fan_rows(two[0], "weight", "nvidia", None)
