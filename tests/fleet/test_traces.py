"""Loaders, generators and prefixes: published statistics, generated files in published formats, and what is refused."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock import fleet
from penstock.errors import InputError
from penstock.fleet.config import Source
from penstock.fleet.generators import DATA, draw, sources, windows
from penstock.layers.platform import pooling

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
TRACES = ("azure_llm_2023_code", "azure_llm_2023_conv", "mooncake_conversation", "mooncake_synthetic")


def full(name: str) -> Path:
    found = [p for p in SHARED.glob(f"{name}.*.gz")]
    if not found:
        pytest.skip(f"found no full {name} beside the checkout; the extract serves")
    return found[0]


def published(table: str, name: str) -> dict[str, str]:
    with (DATA / f"trace_{table}.csv").open(encoding="utf-8") as file:
        return next(row for row in csv.DictReader(file) if row["trace"] == name)


@pytest.mark.parametrize("name", TRACES)
def test_full_traces_have_the_published_statistics(name: str) -> None:
    trace, told = fleet.load_trace(full(name)), published("summary", name)
    assert len(trace) == int(told["requests"])
    assert trace.span_s == pytest.approx(float(told["span_s"]), abs=1e-3)
    assert trace.input_tokens.sum() == int(told["input_tokens"])
    assert trace.output_tokens.sum() == int(told["output_tokens"])
    counts = trace.window_counts(10.0)
    assert counts.var() / counts.mean() == pytest.approx(float(told["variance_to_mean_10s"]), rel=0.01)


@pytest.mark.parametrize("name", ["mooncake_conversation", "mooncake_synthetic"])
def test_prefix_hits_of_the_full_traces(name: str) -> None:
    hits = fleet.prefix_hits(full(name))
    with (DATA / "trace_quantiles.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["measure"] == "prefix_hit_fraction"]
    told = next(row for row in rows if row["trace"] == name)
    assert fleet.prefix_hit(full(name)) == pytest.approx(float(told["mean"]), abs=1e-6)
    assert np.percentile(hits, 50) == pytest.approx(float(told["p50"]), abs=1e-5)
    assert (hits > 0).mean() == pytest.approx(
        float(published("prefix", name)["share_of_requests_with_a_hit"]), abs=1e-5
    )


def test_prefix_hit_by_hand() -> None:
    blocks = [[1, 2, 3], [1, 2, 4, 5], [6], [1, 2, 4, 5], [9, 2]]
    assert fleet.prefix_hits(blocks) == pytest.approx([0.0, 0.5, 0.0, 1.0, 0.0])
    assert fleet.prefix_hit(blocks) == pytest.approx(0.3)
    assert fleet.prefix_hit([]) == 0.0


def test_a_trace_without_blocks_has_no_prefix_hit() -> None:
    with pytest.raises(InputError, match="hash_ids: found no blocks"):
        fleet.prefix_hit(fleet.make_trace([0.0], [1], [1]))


@pytest.mark.parametrize("name", TRACES)
def test_the_bootstrap_keeps_rate_tokens_and_bursts(name: str) -> None:
    told, trace = published("summary", name), draw(Source(kind="bootstrap", name=name, requests=30_000), 3)
    assert len(trace) == 30_000
    assert len(trace) / trace.span_s == pytest.approx(float(told["requests_per_s"]), rel=0.1)
    assert trace.input_tokens.mean() == pytest.approx(float(told["mean_input"]), rel=0.12)
    assert trace.output_tokens.mean() == pytest.approx(float(told["mean_output"]), rel=0.12)
    assert trace.dispersion(10.0) == pytest.approx(float(told["variance_to_mean_10s"]), rel=0.45)


def test_a_faster_bootstrap_lays_copies_over_each_other() -> None:
    slow, fast = (
        draw(Source(name="azure_llm_2023_conv", requests=40_000, requests_per_s=rate), 3) for rate in (5.53, 88.5)
    )
    assert len(fast) / fast.span_s == pytest.approx(88.5, rel=0.05)
    ratio = fast.dispersion(10.0) / slow.dispersion(10.0)
    assert 0.5 < ratio < 1.6, "copies that do not know each other keep variance over mean"


@pytest.mark.parametrize("dispersion", [1.0, 5.0, 40.0])
def test_generated_arrivals_have_the_dispersion_asked_for(dispersion: float) -> None:
    source = Source(kind="generated", requests=200_000, requests_per_s=5.0, dispersion_60s=dispersion)
    trace = draw(source, 4)
    assert trace.dispersion(60.0) == pytest.approx(dispersion, rel=0.2)
    assert len(trace) / trace.span_s == pytest.approx(5.0, rel=0.03)


def test_the_day_swings_and_the_weekend_sags() -> None:
    source = Source(kind="generated", requests=300_000, requests_per_s=0.25, daily_swing=0.4, weekend_factor=0.6)
    trace = draw(source, 5)
    hours = (trace.arrival_s // 3600 % 24).astype(int)
    day = (trace.arrival_s // 86400).astype(int)
    weekday = (day % 7 < 5) & (day < 7)
    by_hour = np.bincount(hours[weekday], minlength=24) / 5
    assert by_hour[15] / by_hour[3] == pytest.approx(1.4 / 0.6, rel=0.06)
    per_day = np.bincount(day, minlength=8)[:7]
    assert per_day[5:7].mean() / per_day[:5].mean() == pytest.approx(0.6, rel=0.06)


@pytest.mark.parametrize(
    ("tenants", "cv", "peak"),
    [(1, 0.225, 1.53), (4, 0.109, 1.24), (16, 0.057, 1.13), (64, 0.029, 1.06), (256, 0.014, 1.03)],
)
def test_the_pooling_law_on_windows_of_the_trace(tenants: int, cv: float, peak: float) -> None:
    """PHYSICS R19 (output tokens of windows of 10 s): tenants are the trace shifted in time, cut at its ends."""
    work = windows("azure_llm_2023_conv")[:, 2].astype(float)
    rng = np.random.default_rng(7)
    sums = np.concatenate(
        [
            np.sum([np.roll(work, int(s)) for s in rng.integers(0, len(work), tenants)], axis=0)
            for _ in range(max(400 // tenants, 40))
        ]
    )
    own = work.std() / work.mean()
    found = sums.std() / sums.mean()
    assert found == pytest.approx(own / np.sqrt(tenants), rel=0.08)
    assert own / np.sqrt(tenants) == pytest.approx(cv, rel=0.08)
    assert np.percentile(sums, 99) / sums.mean() == pytest.approx(peak, rel=0.08)
    assert float(pooling(own, 0.0, tenants, 0.99).cv) == pytest.approx(found, rel=0.08)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_azure_2024_from_its_column_description(tmp_path: Path) -> None:
    rows = [
        {"TIMESTAMP": f"2024-05-10 00:00:0{k}.12345{k}+00:00", "ContextTokens": 100 + k, "GeneratedTokens": 10 + k}
        for k in range(5)
    ]
    trace = fleet.load_trace(write(tmp_path / "a.csv", rows))
    assert trace.arrival_s == pytest.approx([k * 1.000001 for k in range(5)], abs=2e-6)
    assert trace.input_tokens.tolist() == [100, 101, 102, 103, 104]


def test_burstgpt_from_its_column_description(tmp_path: Path) -> None:
    rows = [
        {"Timestamp": t, "Model": m, "Request tokens": i, "Response tokens": o, "Total tokens": i + o, "Log Type": kind}
        for t, m, i, o, kind in [
            (5, "ChatGPT", 472, 18, "Conversation log"),
            (45, "ChatGPT", 1087, 230, "Conversation log"),
            (118, "GPT-4", 417, 276, "API log"),
            (120, "GPT-4", 300, 0, "API log"),
        ]
    ]
    path = write(tmp_path / "b.csv", rows)
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    trace = fleet.load_trace(packed)
    assert trace.arrival_s.tolist() == [0, 40, 113]
    assert trace.models == ("ChatGPT", "GPT-4")
    assert trace.tenants == ("API log", "Conversation log")
    assert trace.notes == ("1 rows without a response left out",)


def test_mooncake_and_openai_logs(tmp_path: Path) -> None:
    mooncake = tmp_path / "m.jsonl"
    mooncake.write_text(
        "".join(
            json.dumps({"timestamp": 3000 * k, "input_length": 1500, "output_length": 9, "hash_ids": [0, k % 2, 7]})
            + "\n"
            for k in range(4)
        ),
        encoding="utf-8",
    )
    trace = fleet.load_trace(mooncake)
    assert trace.arrival_s.tolist() == [0, 3, 6, 9]
    assert trace.shareable_tokens.tolist() == [0, 512, 1499, 1499]
    log = tmp_path / "o.jsonl"
    log.write_text(
        "".join(
            json.dumps(
                {
                    "created": 1.7e9 + k,
                    "model": "m",
                    "user": f"u{k}",
                    "usage": {"prompt_tokens": 5, "completion_tokens": 6},
                }
            )
            + "\n"
            for k in range(2)
        ),
        encoding="utf-8",
    )
    trace = fleet.load_trace(log)
    assert trace.tenants == ("u0", "u1")
    assert trace.output_tokens.tolist() == [6, 6]


HEAD = "arrival_s,input_tokens,output_tokens\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "0,5,5\n1,-3,5\n", "t.csv:3: input_tokens: found -3; expected a whole number of at least 1"),
        (HEAD + "0,5,5\n1,3,0\n", "t.csv:3: output_tokens: found 0; expected a whole number of at least 1"),
        (HEAD + "0,5,2.5\n", "t.csv:2: output_tokens: found 2.5; expected a whole number of at least 1"),
        (HEAD + "0,5,5\n9,3,5\n8,3,5\n", "t.csv:4: arrival_s: found 8 after 9; expected times in order"),
        (HEAD + "-1,5,5\n", "t.csv:2: arrival_s: found -1; expected a time of at least 0"),
        (HEAD + "0,many,5\n", "t.csv:2: input_tokens: found 'many'; expected a number"),
        (HEAD + "0,nan,5\n", "t.csv:2: input_tokens: found no number; expected a number"),
        (HEAD + "0,5\n", "t.csv:2: row: found 2 fields; expected 3"),
        (HEAD, "t.csv: found no requests; expected at least one"),
        ("a,b\n1,2\n", "t.csv: columns: found a, b; expected those of one format"),
        ('{"timestamp": 1}\n{oh\n', "t.csv:2: row: found .*; expected one JSON object"),
        (
            "TIMESTAMP,ContextTokens,GeneratedTokens\nsoon,1,1\n",
            "t.csv:2: TIMESTAMP: found 'soon'; expected a date and time",
        ),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        fleet.load_trace(path)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(InputError, match="found No such file or directory"):
        fleet.load_trace("nowhere.csv")


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 400), name=st.sampled_from(sources()), rate=st.floats(0.1, 300.0))
def test_any_source_gives_a_valid_trace(seed: int, n: int, name: str, rate: float) -> None:
    for kind in ("bootstrap", "generated"):
        source = Source(kind=kind, name=name, requests=n, requests_per_s=rate)
        trace = draw(source, seed)
        assert len(trace) == n
        assert (np.diff(trace.arrival_s) >= 0).all()
        assert trace.input_tokens.min() >= 1
        assert np.array_equal(draw(source, seed).arrival_s, trace.arrival_s), "the same seed gives the same trace"
