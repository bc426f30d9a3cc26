"""The interface of a running studio: what pages read, work and its progress, one store with the command line."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from running import SCRIPT_NAME, Studio, started

from penstock.analysis.breaking import TROUBLE
from penstock.analysis.site import site
from penstock.analysis.token_price import token_price
from penstock.cli.main import main
from penstock.engine.ensemble import simulate
from penstock.engine.manifest import read_json
from penstock.engine.run import open_run
from penstock.world import load_world

EXPOSURES = """company,instrument,amount,currency,lgd
Oracle,bond,200000000,USD,0.6
CoreWeave,loan,1e8,USD,
Nvdia,bond,5,USD,
"""


def test_what_needs_no_run(studio: Studio) -> None:
    status = studio.get("/api/status")
    assert "not a forecast" in status["notice"]
    assert str(studio.workspace) not in json.dumps(status), "no path of this machine is told"
    network = studio.get("/api/world/network")
    assert {tie["provider_id"] for tie in network["ties"]} <= {company["id"] for company in network["companies"]}
    card = studio.get("/api/world/companies/Oracle")
    assert card["company"]["id"] == "oracle"
    assert all(row["grade"] in "ABCDEF" and row["source_id"] for row in card["figures"])
    assert studio.get("/api/world/ties/d_co_orcl_openai")["sources"]
    assert studio.get("/api/world/facts")["concentration"]["sentence"].startswith("The Magnificent Seven")
    assert studio.get("/api/world/circularity")["loops"]
    assert {row["name"] for row in studio.get("/api/scenarios")["scenarios"]} >= {"baseline", "perfect_storm"}
    assert studio.get("/api/knobs")["knobs"]


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/api/world/companies/nobody_at_all", 400, "found 'nobody_at_all'"),
        ("/api/world/ties/none", 400, "expected the id of a contract"),
        ("/api/runs/none", 400, "expected the name of a run in runs/"),
        ("/api/runs/..%2F..%2Fetc", 404, "found no"),
        ("/api/runs/%2e%2e", 400, "expected the name of a run"),
        ("/api/jobs/none", 404, "expected the id of a job"),
        ("/../pyproject.toml", 404, "found no"),
        ("/assets/..%2f..%2fapp.py", 404, "found no"),
        ("/assets/%2e%2e/%2e%2e/app.py", 404, "found no"),
    ],
)
def test_what_is_not_there_is_told(studio: Studio, path: str, status: int, told: str) -> None:
    code, body = studio.call("GET", path, token=False)
    assert code == status
    assert told in body["detail"]


def test_writing_needs_the_token(studio: Studio) -> None:
    for method, path in (("POST", "/api/jobs"), ("POST", "/api/exposures"), ("DELETE", "/api/jobs/x")):
        code, body = studio.call(method, path, {}, token=False)
        assert code == 403
        assert "expected that of the opened address" in body["detail"]


@pytest.mark.parametrize(
    "request_",
    [
        {"task": "nonsense"},
        {"task": "simulate", "scenarios": []},
        {"task": "simulate", "scenarios": [{"name": "baseline"}], "paths": 0},
        {"task": "simulate", "scenarios": [{"name": "baseline"}], "paths": 10**9},
        {"task": "simulate", "scenarios": [{"name": "baseline"}], "out": "/tmp/x"},
        {"task": "portfolio", "run": "../x", "exposures": "0" * 32},
        [],
        "text",
    ],
)
def test_work_that_nobody_can_do_is_refused(studio: Studio, request_: Any) -> None:
    code, body = studio.call("POST", "/api/jobs", request_)
    assert code == 422, body


@pytest.mark.parametrize("raw", [b"{", b"[" * 100_000, b"\xff\xfe", b'{"task": 1e999}', b"NaN"])
def test_json_that_is_none_is_refused(studio: Studio, raw: bytes) -> None:
    assert studio.call("POST", "/api/jobs", raw=raw)[0] in (400, 422)


def test_a_scenario_of_the_library_or_a_text_and_no_file(studio: Studio) -> None:
    job = studio.start({"task": "simulate", "scenarios": [{"name": "../../etc/passwd"}], "paths": 1, "quarters": 1})
    last = [event for _, event in studio.events(job)][-1]
    assert last["state"] == "failed"
    assert "expected one of baseline" in last["error"]
    text = 'name = "mine"\nextends = "/etc/passwd"\n'
    job = studio.start({"task": "simulate", "scenarios": [{"text": text}], "paths": 1, "quarters": 1})
    last = [event for _, event in studio.events(job)][-1]
    assert last["state"] == "failed"
    assert "expected a bundled scenario" in last["error"]


def test_a_tray_becomes_a_file_that_the_command_line_checks(
    studio: Studio, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edits = {
        "name": "edited_world",
        "extends": "funding_freeze",
        "remove": [{"tie": "d_co_orcl_openai"}],
        "tie": [
            {"id": "new_tie", "kind": "equity", "provider_id": "nvidia", "receiver_id": "openai", "amount_usd_bn": 5}
        ],
        "change": [{"what": "demand.ceiling", "apply": "*0.5", "from": "2027Q1"}],
        "switch": {"contagion": False},
    }
    code, found = studio.call("POST", "/api/scenarios/text", edits)
    assert code == 200, found
    file = tmp_path / "edited_world.toml"
    file.write_text(found["text"], encoding="utf-8")
    assert main(["scenario", "check", str(file)]) == 0
    capsys.readouterr()
    assert 'tie = "d_co_orcl_openai"' in found["text"]
    code, found = studio.call("POST", "/api/scenarios/text", {"remove": [{"tie": "d_co_orcl_openia"}]})
    assert code == 422
    assert "nearest d_co_orcl_openai" in found["detail"]


def test_the_file_of_a_tray_gives_the_same_run_on_the_command_line(studio: Studio, tmp_path: Path) -> None:
    edits = {"name": "edited_world", "remove": [{"tie": "d_co_orcl_openai"}], "switch": {"contagion": False}}
    code, found = studio.call("POST", "/api/scenarios/text", edits)
    assert code == 200
    scenarios = [{"name": "baseline"}, {"text": found["text"]}]
    ours = studio.do({"task": "simulate", "scenarios": scenarios, "paths": 6, "quarters": 4})["run"]
    file = tmp_path / "edited_world.toml"
    file.write_text(found["text"], encoding="utf-8")
    theirs, overlay = tmp_path / "run", str(studio.workspace / "overlay")
    size = ["--paths", "6", "--quarters", "4", "--overlay", overlay, "--quiet"]
    assert main(["run", "baseline", str(file), *size, "--out", str(theirs)]) == 0
    files = [read_json(run / "manifest.json")["files"] for run in (studio.workspace / "runs" / ours, theirs)]
    assert files[0] == files[1], "to the bit"


def test_a_path_at_the_worst_twentieth_has_its_rank(studio: Studio, small_run: str) -> None:
    told = studio.get(f"/api/runs/{small_run}/cascade?scenario=lab_cannot_pay&path=worst5")
    assert told["rank"] == 1, "one in twenty of sixteen paths is the worst"


def test_a_site_its_power_and_a_token_are_what_the_functions_say(studio: Studio) -> None:
    world = load_world(overlay=studio.workspace / "overlay")
    campus = studio.get("/api/sites/colossus_2")
    found = site(world, "xai_colossus_2")
    assert campus["summary"]["contracted_mw"] == pytest.approx(found.summary["contracted_mw"])
    assert len(campus["dots"]) == min(len(found.blocks[found.blocks["block"] > 0]), 6)
    assert all(len(row["days"]) == 20 and sorted(row["days"]) == row["days"] for row in campus["dots"])
    power = studio.get("/api/sites/xai_colossus_2/power?load_mw=900")
    assert {row["case"] for row in power["mix"]} == {"planned", "full"}
    assert power["notice"]
    asked = "model=dense_8b&chip=h100&power=50&vs=moe_47b&integrated=true&set=utilisation%3D0.6"
    token = studio.get(f"/api/token?{asked}")
    same = token_price(
        world, "dense_8b", chip="h100", power="50", versus="moe_47b", integrated=True, inputs={"utilisation": 0.6}
    )
    assert token["price"]["usd_per_mtok"] == pytest.approx(same.price["usd_per_mtok"], rel=1e-12)
    assert sum(row["usd_per_mtok"] for row in token["parts"]) == pytest.approx(token["price"]["usd_per_mtok"])
    choices = studio.get("/api/token/choices")
    assert "h200" in choices["chips"]
    assert {"dense_70b", "moe_671b"} <= set(choices["presets"])


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("sites/nowhere", "found 'nowhere'"),
        ("sites/examples%2Fsites%2Fprairie.toml", "found no"),
        ("sites/prairie.toml", "expected an id"),
        ("sites/nowhere/power", "found 'nowhere'"),
        ("token?model=gpt_5", "whose layout is not public"),
        ("token?set=utilisation", "expected INPUT=NUMBER"),
        ("token?set=utilisation%3Dnan", "expected INPUT=NUMBER"),
        ("token?set=packages_per_wafer%3D0", "no price can be computed"),
        ("token?power=plan", "plan without a site"),
    ],
)
def test_what_cannot_be_priced_or_built_is_told(studio: Studio, query: str, told: str) -> None:
    code, body = studio.call("GET", f"/api/{query}", token=False)
    assert code in (400, 404)
    assert told in body["detail"]


@pytest.mark.parametrize("path", ["/api/jobs", "/api/scenarios/text"])
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"a":' * 40_000,
        b'{"task":"simulate","paths":' + b"9" * 100_000 + b"}",
        b'{"task":"simulate","paths":NaN,"scenarios":[{"name":"baseline"}]}',
        b'{"task":"\xff"}',
        b'{"name":"a","title":"\\ud800","task":"\\ud800"}',
        b"",
        b" " * 262_145,
    ],
    ids=["lists", "tables", "digits", "nan", "bytes", "surrogate", "empty", "large"],
)
def test_a_body_made_to_hurt_is_refused(studio: Studio, path: str, body: bytes) -> None:
    assert studio.call("POST", path, raw=body)[0] in (400, 413, 422)


def test_the_run_is_the_one_of_the_command_line_bit_for_bit(studio: Studio, small_run: str, tmp_path: Path) -> None:
    ours = studio.workspace / "runs" / small_run
    world = load_world(overlay=studio.workspace / "overlay")
    run = simulate(world, ["baseline", "lab_cannot_pay"], paths=16, quarters=12, out=tmp_path / "same")
    assert read_json(ours / "manifest.json")["files"] == run.manifest["files"]
    assert small_run.endswith(run.id)
    assert (ours / "report.html").is_file()
    listed = {row["run"]: row for row in studio.get("/api/runs")["runs"]}
    assert listed[small_run]["state"] == "finished"


def test_a_run_that_the_command_line_made_is_opened(studio: Studio) -> None:
    world = load_world(overlay=studio.workspace / "overlay")
    simulate(world, "soft_landing", paths=8, quarters=4, out=studio.workspace / "runs" / "by-hand")
    found = studio.get("/api/runs/by-hand")
    assert found["scenarios"] == ["soft_landing"]
    assert found["figures"]
    assert "not a forecast" in found["notice"]


def test_a_run_tells_what_pages_show(studio: Studio, small_run: str) -> None:
    found = studio.get(f"/api/runs/{small_run}")
    assert len(found["sentences"]) == 5
    assert {"fan", "sankey", "heat", "whiskers", "bars"} <= {figure["kind"] for figure in found["figures"]}
    card = studio.get(f"/api/runs/{small_run}/card")
    assert card["manifest"]["command"].startswith("penstock run baseline lab_cannot_pay --paths 16")
    assert card["changes"]
    assert card["evidence"]
    path = studio.get(f"/api/runs/{small_run}/cascade?scenario=lab_cannot_pay&path=worst")
    assert path["rank"] == 1
    assert [event["company_id"] for event in path["events"]]
    assert set(path["names"]) >= {event["company_id"] for event in path["events"]}
    company = studio.get(f"/api/runs/{small_run}/companies/openai")
    assert [row["scenario"] for row in company["scenarios"]] == ["baseline", "lab_cannot_pay"]
    again = studio.get(f"/api/runs/{small_run}/cascade?scenario=lab_cannot_pay&path=company:openai")
    assert any(event["company_id"] == "openai" for event in again["events"])
    code, body = studio.call("GET", f"/api/runs/{small_run}/cascade?path=company:evil_corp")
    assert code == 400
    assert "expected worst, median or a number" in body["detail"]


def test_runs_are_compared_path_by_path(studio: Studio, small_run: str) -> None:
    other = studio.do({"task": "simulate", "scenarios": [{"name": "funding_freeze"}], "paths": 16, "quarters": 12})[
        "run"
    ]
    found = studio.get(f"/api/compare?runs={small_run}&runs={other}")
    measures = {row["measure"]: row for row in found["others"][0]["measures"]}
    ours = measures["capex_usd_bn"]
    assert all(low <= mean <= high for low, mean, high in zip(ours["low95"], ours["mean"], ours["high95"], strict=True))
    assert found["others"][0]["unpaired"] == []
    assert len(ours["dots"]) == 20 and ours["dots"] == sorted(ours["dots"])
    unlike = studio.get(f"/api/compare?runs={small_run}&runs=by-hand")
    assert set(unlike["others"][0]["unpaired"]) >= {"paths", "quarters"}


def test_a_run_tells_its_progress_and_is_cancelled_in_the_middle(studio: Studio) -> None:
    request = {"task": "simulate", "scenarios": [{"name": "perfect_storm"}], "paths": 1000, "quarters": 40}
    job = studio.start(request)
    told: list[dict[str, Any]] = []
    for _, event in studio.events(job):
        if event["done"] > 0 and not any(before["done"] for before in told):
            assert studio.call("DELETE", f"/api/jobs/{job}")[0] == 202
        told.append(event)
    assert told[-1]["state"] == "cancelled"
    assert told[-1]["done"] < told[-1]["total"] == 1000
    assert any(event["note"] == "paths" for event in told)
    run = next(row for row in studio.get("/api/runs")["runs"] if row["scenarios"] == "perfect_storm")
    assert run["state"] == "unfinished"
    code, body = studio.call("GET", f"/api/runs/{run['run']}")
    assert code == 422
    assert "simulate it again to go on" in body["detail"]
    assert studio.get(f"/api/runs/{run['run']}/partial")["paths"] <= 1000


def test_a_run_waits_for_the_process_that_writes_it(studio: Studio) -> None:
    request = {"task": "simulate", "scenarios": [{"name": "gas_spike"}], "paths": 8, "quarters": 4}
    world = load_world(overlay=studio.workspace / "overlay")
    from penstock.engine.ensemble import load_scenarios
    from penstock.engine.manifest import default_directory, identity

    plans = load_scenarios(["gas_spike"], world)
    name = default_directory(identity(world, plans, paths=8, quarters=4, seed=7, prior=False, keep="summary")).name
    work = studio.workspace / "runs" / name / ".work"
    work.mkdir(parents=True)
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        job = studio.start(request)
        for _, event in studio.events(job):
            if "another process writes this run" in event["note"]:
                fcntl.flock(lock, fcntl.LOCK_UN)
            last = event
    assert last["state"] == "done", last
    assert studio.get(f"/api/jobs/{job}/result")["run"] == name


def test_exposures_are_valued_and_what_cannot_be_placed_is_told(studio: Studio, small_run: str) -> None:
    code, handed = studio.call("POST", "/api/exposures", raw=EXPOSURES.encode(), headers={"content-type": "text/csv"})
    assert code == 201, handed
    request = {"task": "portfolio", "run": small_run, "exposures": handed["exposures"], "filename": "book.csv"}
    found = studio.do(request)
    assert found["matching"]["placed"] == 2
    assert found["matching"]["unplaced"][0]["rows"] == 1
    assert str(studio.workspace) not in json.dumps(found)
    assert sum(row["paths"] for row in found["histogram"] if row["scenario"] == "baseline") == 16


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"company,amount\nOracle,1\n", "book.csv:1: header: found 'company,amount'; expected company,instrument"),
        (b"company,instrument,amount\nOracle,bond,\xff\n", "book.csv:2: encoding: found byte 0xff"),
        (b"PK\x03\x04" + bytes(100), "found a ZIP archive or a workbook"),
        (b"", "found an empty file"),
    ],
)
def test_a_bad_file_is_told_by_row(studio: Studio, small_run: str, content: bytes, told: str) -> None:
    code, handed = studio.call("POST", "/api/exposures", raw=content, headers={"content-type": "text/csv"})
    if code != 201:
        assert told in handed["detail"]
        return
    request = {"task": "portfolio", "run": small_run, "exposures": handed["exposures"], "filename": "book.csv"}
    job = studio.start(request)
    last = [event for _, event in studio.events(job)][-1]
    assert last["state"] == "failed"
    assert told in last["error"]


def test_the_scenario_of_a_run_is_a_file(studio: Studio, small_run: str) -> None:
    code, text = studio.call("GET", f"/api/runs/{small_run}/scenario/lab_cannot_pay")
    assert code == 200
    assert b'name = "lab_cannot_pay"' in text
    code, html = studio.call("GET", f"/api/runs/{small_run}/report")
    assert code == 200
    assert SCRIPT_NAME.encode() not in html


def test_a_server_that_is_killed_leaves_a_run_to_go_on_with(tmp_path: Path) -> None:
    request = {"task": "simulate", "scenarios": [{"name": "baseline"}], "paths": 600, "quarters": 6}
    with started(tmp_path) as first:
        job = first.start(request)
        for _, event in first.events(job):
            if event["done"] > 257:  # beyond two chunks of 128, which may be one piece of work
                os.kill(first.process.pid, signal.SIGKILL)
                break
        first.process.wait(timeout=20)
    run = next((tmp_path / "runs").iterdir())
    kept = len(list((run / ".work").glob("*.json")))
    assert not (run / "manifest.json").exists()
    assert kept >= 1
    # the command line takes it up: one store
    assert main(["run", "baseline", "--paths", "600", "--quarters", "6", "--out", str(run), "--quiet"]) == 0
    assert read_json(run / "manifest.json")["checks"]["nan"] == 0
    whole = simulate(load_world(), "baseline", paths=600, quarters=6, out=tmp_path / "whole")
    assert read_json(run / "manifest.json")["files"] == whole.manifest["files"]


def test_the_path_to_watch_is_one_of_the_usual_first_cause(studio: Studio, small_run: str) -> None:
    """The path that is opened for a company shows the cause that its table of shocks would count most often."""
    run = open_run(studio.workspace / "runs" / small_run)
    events = run.events[(run.events["scenario"] == "lab_cannot_pay") & run.events["stage"].isin(TROUBLE)]
    for company in list(dict.fromkeys(events["company_id"].astype(str)))[:3]:
        first = events[events["company_id"] == company].drop_duplicates("path")
        keys = first[["cause_kind", "cause_id", "tie_id"]].astype("object").fillna("").apply(tuple, axis=1)
        path = studio.get(f"/api/runs/{small_run}/cascade?scenario=lab_cannot_pay&path=company:{company}")["path"]
        shown = keys[first["path"] == path].iloc[0]
        assert (keys == shown).sum() == keys.value_counts().max()
