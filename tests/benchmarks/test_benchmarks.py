"""The benchmarks measure what they say and the page says what was measured. No test asserts a time."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from benchmarks.__main__ import main
from benchmarks.engine import Throughput, times_as_fast
from benchmarks.machine import provenance
from tools.measure_install import Size

from benchmarks import cluster, command, contagion, crises, large_economies, long_run, page, portfolio, step_profile
from penstock.engine import quarter
from penstock.engine.record import Recorder
from penstock.engine.steps import want


def run_of(paths: int = 1000, quarters: int = 40, seconds: float = 10.0, mb: float = 30.0) -> command.EndToEnd:
    timing = command.Timing(seconds, seconds, 500.0, "sum")
    return command.EndToEnd(paths, quarters, 2, timing, (timing,), mb, 2.0)


def held(rows: list[tuple[str, str, str, str]]) -> list[str]:
    return [row[-1] for row in rows]


def test_the_profile_names_every_call_of_the_quarter_and_adds_up() -> None:
    before = (want.want, quarter.affordable, Recorder.record)
    profile = step_profile.measure(quarters=1, repeats=1)
    assert (want.want, quarter.affordable, Recorder.record) == before
    names = [f"{module}.{name}" if module else name for module, name in step_profile.calls()]
    steps = [names.index(name) for name in ("want.want", "serve.serve", "fund.fund", "payoff.payoff")]
    assert steps == sorted(steps)
    assert {"spend.spend_on_build", "affordable", "settle.settle", "payoff.payoff", "remember"} <= set(names)
    assert list(profile.ms) == [*names, step_profile.RECORD, step_profile.CHECK]
    assert all(ms > 0.0 for ms in profile.ms.values())
    shares = [share for _, _, share in profile.rows()]
    assert sum(shares) == pytest.approx(1.0)


def test_a_call_within_a_call_counts_once() -> None:
    clock = step_profile.Clock()
    inner = clock.wrap("inner", lambda: sum(range(20_000)))
    outer = clock.wrap("outer", lambda: [inner() for _ in range(5)])
    outer()
    assert clock.seconds["inner"] > clock.seconds["outer"] > 0.0


def test_the_page_says_what_did_not_hold() -> None:
    slow, fast = (Throughput(2, 1000, 40, (seconds, 99.0)) for seconds in (4.0, 1.0))
    assert held(page.limits(page.Measured(engine=[slow]))) == ["**no**"]
    assert held(page.limits(page.Measured(engine=[fast]))) == ["yes"]
    assert held(page.limits(page.Measured(run=run_of(seconds=30.0, mb=70.0)))) == ["yes", "**no**", "yes", "**no**"]
    assert held(page.limits(page.Measured(run=run_of(paths=128)))) == ["a smaller run"] * 4
    assert held(page.limits(page.Measured(starts={"penstock --help": 0.5}))) == ["**no**"]


def test_a_part_alone_writes_a_page_that_says_what_is_missing(tmp_path: Path) -> None:
    assert main(["steps", "--quarters", "1", "--repeats", "1", "--docs", str(tmp_path)]) == 0
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert "`settle.settle`" in text
    assert text.count(page.NOT_MEASURED) == 11
    assert "$" not in text
    (figures,) = (tmp_path / "validation" / "benchmarks").glob("*.json")
    raw = json.loads(figures.read_text(encoding="utf-8"))
    assert raw["command"] is None
    assert raw["profile"]["quarters"] == 1
    assert raw["measured"]["commit"] == provenance().commit


def test_networks_are_measured_beside_the_published_equations() -> None:
    found = contagion.measure_here(200, 2_000, 1)
    assert [one.method for one in found] == ["clearing", "linear DebtRank"]
    for one in found:
        assert one.largest_gap <= contagion.EQUAL
        assert one.failed > 0
        assert one.rounds > 3
        assert min(one.penstock_s, one.published_s, one.peak_mb) > 0.0
    slow = contagion.NetworkSpeed("clearing", 1_000, 10_000, 1, 9, 0.02, 0.1, 0.0, 5_000.0)
    assert held(page.limits(page.Measured(networks=[slow]))) == ["**no**", "**no**"]


def test_large_economies_the_cluster_and_sizes_stand_on_the_page() -> None:
    small = large_economies.Speed(10_001, 160_000, 0.05, 0.1, 1e-13, 0, 1, 400.0)
    large = large_economies.Speed(100_010, 1_600_000, 0.6, 0.1, 1e-13, 0, 1, 1_500.0)
    pool, ray = (cluster.Pace(name, 10_000, speed, 9.0, "") for name, speed in (("processes", 100.0), ("ray", 84.0)))
    sizes = [Size("base", 600.0, 650.0, 50.0, (("llvmlite", 170.0),)), Size("wheel", 16.0, 15.0)]
    wide = page.Measured(
        starts={"import penstock": 0.6}, economies=[small, large], paces=[pool, ray], sizes=sizes,
        long=long_run.LongRun(10_000, 40, 2, 16.0, 14.0, command.Timing(30.0, 55.0, 3_100.0, "sum")),
    )  # fmt: skip
    rows = page.limits(wide)
    told = {what: (found, holds) for what, _, found, holds in rows}
    assert told["`import penstock`"] == ("0.60 s", "**no**")
    assert told["a quarter of 100,010 firms, 1,600,000 ties"] == ("0.60 s", "yes")
    assert told["peak memory of 100,010 firms, 1,600,000 ties"] == ("1,500 MB", "yes")
    assert told["simulating 10,000 paths, 40 quarters, files included"] == ("16.0 s", "yes")
    assert told["peak memory of all processes, 10,000 paths, 40 quarters"] == ("3,100 MB", "**no**")
    assert told["exponent of time against ties"] == ("1.08", "yes")
    assert told["Ray on this machine over the pool, 10,000 paths"] == ("0.84", "**no**")
    assert (told["base"][1], told["wheel"][1]) == ("yes", "**no**")
    text = page.page(provenance(), wide)
    assert "| base | 600.0 | 50.0 | llvmlite 170 |" in text
    assert "| ray | 10,000 | 84 | 9.0 |" in text
    assert "(25,000 path-quarters a second, their start and every file included; 14.0 s after the first chunk)" in text
    assert "| 100,010 | 1,600,000 | 0.600 s |" in text


def test_a_long_run_tells_when_its_chunks_were_there() -> None:
    found = long_run.measure(paths=512, quarters=2)
    assert 0.0 < found.simulating_warm_s < found.simulating_s < found.whole.seconds
    assert [holds for *_, holds in found.rows()] == [None, None]


def test_no_name_of_host_or_person_is_written() -> None:
    written = json.dumps(provenance().to_dict())
    assert str(Path.home()) not in written
    assert os.getcwd() not in written
    assert socket.gethostname() not in written


def test_an_unknown_part_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["engin", "--docs", str(tmp_path)])
    assert caught.value.code == 2
    assert "found 'engin'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_memory_counts_the_processes_that_a_process_starts(tmp_path: Path) -> None:
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("this system does not tell the memory of single processes")
    size = 50_000_000
    hold = f"import time; block = bytearray(b'x' * {size}); time.sleep(0.5)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}], check=True)"
    alone = command.timed(["-c", "pass"], tmp_path, {})
    both = command.timed(["-c", child], tmp_path, {})
    assert both.peak_mb - alone.peak_mb > 0.9 * size / command.MB


def test_a_call_that_ends_badly_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="exit code 3"):
        command.timed(["-c", "raise SystemExit(3)"], tmp_path, {})


def test_hard_cases_of_crises_are_measured_beside_their_limits() -> None:
    from penstock.engine.steps import settle

    before = settle.clear
    rows = [crises.ensemble_clearing(8, 4), *crises.dense_input(60, 400, 1), *crises.creeping_distress(300, 3_000)]
    assert settle.clear is before
    assert [row.what.split(",")[0] for row in rows[:3]] == [
        "clearing in the ensemble",
        "clearing",
        "linear DebtRank",
    ]
    assert all(row.seconds >= 0.0 for row in rows)
    assert sum("fixed point to" in row.told for row in rows) == len(crises.LEVERAGES)
    slow = crises.Row("clearing", 0.02, 0.01, "")
    assert "| clearing | 10.0 ms | 20.0 ms | **no** |  |" in crises.table([slow])


def test_a_portfolio_with_broken_rows_is_measured(tmp_path: Path) -> None:
    broken = portfolio.write_exposures(tmp_path / "exposures.csv", 500)
    lines = (tmp_path / "exposures.csv").read_text().splitlines()
    assert len(lines) == 501 and lines[0] == ",".join(portfolio.COLUMNS)
    assert 25 <= broken <= 75
    rows = crises.commands(500, 8, 2)
    assert [row.what.split(",")[0] for row in rows] == ["`penstock portfolio`", "`penstock report`"]
    assert f"{broken} rows broken" in rows[0].told
    assert all(row.seconds > 0.0 for row in rows)


def test_two_processes_are_set_beside_one_turn_by_turn() -> None:
    """A machine that is slow for one turn is slow for both; figures of different turns are not compared."""
    one, two = Throughput(1, 1000, 40, (4.0, 2.0, 9.0)), Throughput(2, 1000, 40, (2.0, 1.25, 5.0))
    assert times_as_fast(two, one) == 1.8
    said = [row for row in page.limits(page.Measured(engine=[one, two])) if row[0] == "two processes over one"]
    assert said == [("two processes over one", "at least 1.7", "1.80", "yes")]


def test_a_long_simulation_is_held_to_its_limit_at_its_size() -> None:
    long, slow, small = (
        Throughput(2, 10_000, 40, (13.0,)),
        Throughput(2, 10_000, 40, (21.0,)),
        Throughput(2, 80, 1, (1.0,)),
    )
    assert [held(page.limits(page.Measured(whole=one))) for one in (long, slow, small)] == [
        ["yes"], ["**no**"], ["a smaller run"],
    ]  # fmt: skip
