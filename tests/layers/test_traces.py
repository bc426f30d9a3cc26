"""Classes of requests and the pooling law against public traces: their extracts here, the full files where at hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from penstock.layers.ai import request_class
from penstock.layers.platform import pooling

DATA = Path(__file__).parents[1] / "data"
SHARED = Path(__file__).parents[3] / "shared" / "data"
TRACES = {"chat": "azure_llm_2023_conv", "code": "azure_llm_2023_code", "long_chat": "mooncake_conversation"}


def full_trace(name: str) -> pd.DataFrame:
    """Seconds, input and output tokens of each request; the test is skipped where the file is not at hand."""
    table, lines = SHARED / f"{name}.csv.gz", SHARED / f"{name}.jsonl.gz"
    if table.is_file():
        frame = pd.read_csv(table)
        seconds = pd.to_datetime(frame["TIMESTAMP"]).astype("datetime64[ns]").astype("int64") / 1e9
        return pd.DataFrame(
            {"s": seconds - seconds.min(), "in": frame["ContextTokens"], "out": frame["GeneratedTokens"]}
        )
    if lines.is_file():
        with gzip.open(lines, "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        return pd.DataFrame(
            {
                "s": [row["timestamp"] / 1e3 for row in rows],
                "in": [row["input_length"] for row in rows],
                "out": [row["output_length"] for row in rows],
            }
        )
    pytest.skip(f"found no {name} in ../shared/data; its extract is tested without it")


@pytest.mark.parametrize("kind", TRACES)
def test_a_class_has_the_means_and_spread_of_its_trace(kind: str) -> None:
    table = pd.read_csv(DATA / "trace_quantiles.csv").set_index(["trace", "measure"])
    known = request_class(kind)
    read, written = (table.loc[(TRACES[kind], name)] for name in ("input_tokens", "output_tokens"))
    assert known.input_tokens == pytest.approx(read["mean"], rel=0.01)
    assert known.output_tokens[1] == pytest.approx(written["mean"], rel=0.01)
    assert known.input_cv == pytest.approx(read["sd"] / read["mean"], abs=0.06)
    assert known.output_cv == pytest.approx(written["sd"] / written["mean"], abs=0.06)


@pytest.mark.parametrize("kind", TRACES)
def test_the_extract_is_what_the_full_file_says(kind: str) -> None:
    name = TRACES[kind]
    trace = full_trace(name)
    summary = pd.read_csv(DATA / "trace_summary.csv").set_index("trace").loc[name]
    assert len(trace) == summary["requests"]
    assert trace["in"].sum() == summary["input_tokens"]
    assert trace["out"].sum() == summary["output_tokens"]
    windows = pd.read_csv(DATA / "trace_windows_10s.csv").query("trace == @name")
    at = (trace["s"] // 10).astype(int) * 10
    counted = trace.groupby(at)[["in", "out"]].sum().reindex(windows["start_s"], fill_value=0)
    assert counted["in"].tolist() == windows["input_tokens"].tolist()
    assert counted["out"].tolist() == windows["output_tokens"].tolist()


@pytest.mark.parametrize("window_s", [10.0, 30.0])
@pytest.mark.parametrize("tenants", [4, 32])
def test_the_pooling_law_holds_on_the_full_trace(window_s: float, tenants: int) -> None:
    """Copies of the conversation trace at random shifts of requests, not of windows (seed 11)."""
    trace = full_trace("azure_llm_2023_conv")
    windows = int(trace["s"].max() // window_s)
    span = windows * window_s
    work = trace["out"].to_numpy(dtype=float)
    own = counts(trace["s"].to_numpy(), work, span, windows)
    random = np.random.default_rng(11)
    seen = []
    for _ in range(20):
        shifts = random.uniform(0.0, span, tenants)
        pool = sum(counts((trace["s"].to_numpy() + shift) % span, work, span, windows) for shift in shifts)
        seen.append([pool.std() / pool.mean(), np.quantile(pool, 0.99) / pool.mean()])
    law = pooling(own.std() / own.mean(), 0.0, tenants, 0.99)
    cv, peak = np.mean(seen, axis=0)
    assert law.cv == pytest.approx(cv, rel=0.15)
    assert law.peak_ratio == pytest.approx(peak, rel=0.08)


def counts(seconds: np.ndarray, work: np.ndarray, span: float, windows: int) -> np.ndarray:
    return np.histogram(seconds, bins=windows, range=(0.0, span), weights=work)[0]
