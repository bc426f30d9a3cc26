"""Runs of the real model: equal whatever works on them, equal to their paths, equal to what the model says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_model import table_hashes as hashes

import penstock as ps
from penstock.cli.main import main
from penstock.engine.chunks import plain_text
from penstock.engine.ledger_view import GROUP_NAMES, group_of_units
from penstock.engine.model import Model, PathBlock, prepare, simulate_paths
from penstock.engine.run import Run
from penstock.report.source import read_run
from penstock.report.tables import longest_chains
from penstock.world import World

PATHS, QUARTERS = 896, 8
"""Seven chunks, two at work at a time: after the first is kept others are left, so that Ctrl-C meets a run at work."""
ECONOMY_OF_PATH_KEYS = ["scenario", "path", "region"]
FULL = 40
PAID = ("cash", "payout")
"""Instruments of the ledger that debit the one who is paid."""
LENT = ("loan", "bond", "lease", "equity")
"""Instruments that debit the one who pays, for the claim that is got."""


@pytest.fixture(scope="module")
def world() -> World:
    return ps.load_world()


@pytest.fixture(scope="module")
def run(world: World, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "one"
    return ps.simulate(world, paths=PATHS, quarters=QUARTERS, out=out)


@pytest.fixture(scope="module")
def frozen(world: World) -> tuple[Run, Model, PathBlock]:
    """A run of a scenario with many defaults, all ten years of it, and what the model gave for it."""
    model = prepare(world, "funding_freeze", quarters=FULL)
    told = ps.simulate(world, "funding_freeze", paths=64, quarters=FULL)
    return told, model, simulate_paths(model, 0, 64)


def test_files_are_the_same_bytes_whatever_the_jobs(run: Run, world: World, tmp_path: Path) -> None:
    ps.simulate(world, paths=PATHS, quarters=QUARTERS, jobs=8, out=tmp_path / "run")
    assert run.directory is not None
    assert hashes(tmp_path / "run") == hashes(run.directory)


def test_ctrl_c_leaves_a_run_that_the_same_command_finishes(run: Run, tmp_path: Path) -> None:
    """With two jobs, to the bytes of one."""
    out = tmp_path / "run"
    line = [sys.executable, "-m", "penstock", "run", "-n", str(PATHS), "--quarters", str(QUARTERS), "-j", "2"]
    # a group of its own, so that the signal reaches parent and workers as from a terminal
    process = subprocess.Popen(
        [*line, "--out", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not list(out.glob(".work/*.json")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert printed == "" and "the same command goes on" in said and "Traceback" not in said
    assert not (out / "manifest.json").exists() and not list(out.rglob("*.part"))
    assert list(out.glob(".work/*.json"))
    assert main([*line[3:], "--out", str(out)]) == 0
    assert run.directory is not None
    assert hashes(out) == hashes(run.directory)
    assert not (out / ".work").exists()


@pytest.mark.parametrize("number", [0, 200])
def test_a_path_is_what_the_run_saw(run: Run, number: int) -> None:
    detail = run.path(number)
    stored = run.economy[run.economy["path"] == number].drop(columns=ECONOMY_OF_PATH_KEYS).reset_index(drop=True)
    assert list(detail.economy["quarter"]) == list(stored["quarter"])
    for name in stored.columns.drop(["quarter"]):
        np.testing.assert_array_equal(detail.economy[name].to_numpy(), stored[name].to_numpy(), err_msg=name)
    events = run.events[run.events["path"] == number].drop(columns=["scenario", "sequence"]).reset_index(drop=True)
    found = plain_text(detail.events.replace("", None))[events.columns]
    pd.testing.assert_frame_equal(found, events, check_exact=True, check_dtype=False)
    outcomes = run.outcomes[(run.outcomes["path"] == number) & (run.outcomes["instrument"] == "equity")]
    last = detail.company[detail.company["quarter"] == run.economy["quarter"].max()].set_index("company_id")
    value = last["market_value_usd_bn"].reindex(outcomes["company_id"]).to_numpy()
    np.testing.assert_array_equal(value, outcomes["value_end_usd_bn"].to_numpy())
    defaults = set(outcomes.dropna(subset="default_quarter")["company_id"])
    assert defaults == set(detail.events[detail.events["stage"] == "standstill"]["company_id"])


def test_chains_of_the_events_are_those_of_the_model(frozen: tuple[Run, Model, PathBlock]) -> None:
    told, _, block = frozen
    lengths = longest_chains(read_run(told), "funding_freeze")
    np.testing.assert_array_equal(lengths, block.chain)
    assert block.chain.max() >= 2 > block.chain.min()


def test_flows_of_a_path_are_its_postings(frozen: tuple[Run, Model, PathBlock]) -> None:
    told, model, block = frozen
    ledger = told.path(3).ledger
    ledger = ledger[ledger["instrument"].isin(PAID + LENT)]
    payer = ledger["credit"].where(ledger["instrument"].isin(PAID), ledger["debit"])
    payee = ledger["debit"].where(ledger["instrument"].isin(PAID), ledger["credit"])
    group = dict(zip(model.layout.units, group_of_units(model.layout), strict=True))
    expected = np.zeros(block.flows.shape[:3])
    year = ledger["quarter"].str[:4].astype(int) - 2026
    np.add.at(
        expected,
        (year.to_numpy(), payer.map(group).to_numpy(), payee.map(group).to_numpy()),
        ledger["amount_usd_bn"].to_numpy(),
    )
    np.testing.assert_allclose(block.flows[..., 3], expected, rtol=1e-9, atol=1e-9)


def test_the_table_of_flows_is_that_of_the_paths(run: Run, world: World) -> None:
    flows = simulate_paths(prepare(world, quarters=QUARTERS), 0, PATHS).flows
    table = run.flows
    assert list(table.columns) == ["scenario", "year", "payer", "payee", "usd_bn_mean", "p05", "p95"]
    assert set(table["year"]) == {"2026", "2027"}
    keys = ["scenario", "year", "payer", "payee"]
    pd.testing.assert_frame_equal(table, table.sort_values(keys, ignore_index=True))
    assert (table["usd_bn_mean"] > 0.01).all() and len(table) == int((flows.mean(axis=-1) > 0.01).sum())
    row = table.set_index(["year", "payer", "payee"]).loc[("2027", "platform", "silicon")]
    paid = flows[1, GROUP_NAMES.index("platform"), GROUP_NAMES.index("silicon")]
    expected = [paid.mean(), *np.quantile(paid, [0.05, 0.95])]
    np.testing.assert_allclose(row[["usd_bn_mean", "p05", "p95"]].astype(float), expected, rtol=1e-12)


def test_paths_without_a_flow_count_as_none(run: Run) -> None:
    assert (run.flows["p05"] <= run.flows["p95"]).all()
    assert (run.flows["p05"] >= 0.0).all()


def test_commands_read_a_run(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = str(run.directory)
    assert main(["path", directory, "17", "--out", str(tmp_path / "path")]) == 0
    printed = capsys.readouterr().out
    assert "Path 17 of baseline" in printed and "payout" in printed
    assert {path.stem for path in (tmp_path / "path").iterdir()} == {"economy", "company", "events", "ledger"}
    assert main(["report", directory, "--out", str(tmp_path / "report.html")]) == 0
    assert "Where the money goes" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert main(["path", directory, str(PATHS)]) == 2
