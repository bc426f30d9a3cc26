"""R3, R4, R10, R11, R17: one product, one chip, and published serving rates."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from tools.physics.case import Case, Kind, Mark
from tools.physics.page import ROOT

from penstock.layers.ai import kv_bytes_per_token
from penstock.layers.architecture import prefill_flop
from penstock.layers.chips import as_chip
from penstock.layers.silicon import gemm_time
from penstock.layers.silicon.benchmarks import CHIPS, compare, mean_numbers, predicted
from penstock.layers.silicon.efficiency import MATRIX_PRODUCT, Efficiency, efficiency_of
from penstock.layers.silicon.roofline import (
    communication_seconds,
    compute_seconds,
    memory_seconds,
    replica,
    step,
)

TITLE = "Roofline and serving rates"
ROWS = ROOT / "tests" / "data" / "mlperf_v5.1_llm.csv"
MEASURED = "measured on one H200: bf16 product of 8192^3, and a copy"
MLPERF = "MLPerf Inference v5.1, rows of MLCommons (Apache-2.0); the simulated figure is not an MLPerf result"
ENGINE = "Splitwise, ISCA 2024 (MIT): Llama 2 70B in bf16 on 2, 4 and 8 chips, batches 1 to 64; medians by setting"
ENGINE_ROWS = ROOT / "tests" / "data" / "splitwise_llama2_70b.csv"
LAYOUT = "layouts as published: arXiv:2307.09288, 2407.21783, 2412.19437"
ORDER = sorted(set(CHIPS.values()))


@cache
def table() -> pd.DataFrame:
    """The rows beside the roofline."""
    return compare(pd.read_csv(ROWS))


def cases() -> list[Case]:
    """Products, memory of keys and values, and benchmark rows."""
    return _products() + _keys() + _published() + _held_out() + _engine()


def _products() -> list[Case]:
    seconds = float(gemm_time(8192, 8192, 8192, "h200", 2))
    work = 2.0 * 8192.0**3
    chip = as_chip("h200")
    ridge = MATRIX_PRODUCT.compute * 8192 / (8192 + MATRIX_PRODUCT.half_tokens) * chip.peak("bf16")
    ridge /= MATRIX_PRODUCT.bandwidth * chip.memory_bytes_per_s
    found = [
        Case(
            "R3",
            "bf16 product of 8192^3 on H200",
            "TFLOP/s",
            790,
            work / seconds / 1e12,
            0.05,
            Mark.CONSISTENCY,
            MEASURED,
        ),
        Case("R3", "time of that product", "ms", 1.39, seconds * 1e3, 0.05, Mark.CONSISTENCY, MEASURED),
        Case("R3", "ridge of H200", "FLOP/byte", 184, ridge, 0.05, Mark.CONSISTENCY, MEASURED),
    ]
    moved = 8192.0**2 * 2 / 4.3e12
    for rows in (1, 2, 4, 8):
        time = float(gemm_time(rows, 8192, 8192, "h200", 2))
        what = f"bf16 product of {rows} x 8192 x 8192 on H200"
        found.append(Case("R4", what, "us", moved * 1e6, time * 1e6, 0.10, Mark.CONSISTENCY, MEASURED))
    return found


def _keys() -> list[Case]:
    known = {"dense_70b": 327_680, "dense_8b": 131_072, "dense_405b": 516_096, "moe_671b": 70_272}
    return [
        Case(
            "R17",
            f"keys and values of a token, {name}, bf16",
            "bytes",
            told,
            kv_bytes_per_token(name),
            0.0,
            Mark.EXACT,
            LAYOUT,
        )
        for name, told in known.items()
    ]


def _published() -> list[Case]:
    """Rates by chip over all rows of the closed division; half of them were fitted."""
    offline = {"h100": 3900, "h200": 4371, "mi300x": 3460, "mi325x": 4234}
    found = [
        Case(
            "R10",
            f"Llama 2 70B offline, {chip}",
            "tokens/s/chip",
            told,
            predicted(chip, "llama2-70b", "offline"),
            0.20,
            Mark.CONSISTENCY,
            MLPERF,
        )
        for chip, told in offline.items()
    ]
    whole = predicted("h200", "llama2-70b", "offline")
    for scenario, told in (("server", 0.95), ("interactive", 0.58)):
        ratio = predicted("h200", "llama2-70b", scenario) / whole
        found.append(
            Case("R11", f"{scenario} over offline, h200", "", told, ratio, 0.1, Mark.CONSISTENCY, MLPERF, Kind.ABSOLUTE)
        )
    return found


def _held_out() -> list[Case]:
    """Medians of rows that were not fitted; the open division runs other software and is only shown."""
    held = table()[~table()["fitted"]]
    found = []
    for (chip, load, scenario), rows in held.groupby(["chip", "load", "scenario"]):
        closed = rows[rows["category"] == "closed"]
        used, kind, note = (closed, Kind.RELATIVE, "") if len(closed) else (rows, Kind.SHOWN, ", open division")
        found.append(
            Case(
                "R10" if scenario == "offline" else "R11",
                f"held out: {load} {scenario}, {chip}, median of {len(used)}{note}",
                "tokens/s/chip",
                float(used["per_chip"].median()),
                float(rows["predicted"].iloc[0]),
                0.25,
                Mark.PREDICTION,
                MLPERF,
                kind,
            )
        )
    size = float(held["error"].abs().median())
    found.append(
        Case(
            "R10",
            "median absolute error of all held-out rows",
            "",
            0.25,
            size,
            0.0,
            Mark.PREDICTION,
            MLPERF,
            Kind.AT_MOST,
        )
    )
    return found + _other_chips()


def _other_chips() -> list[Case]:
    """Each chip with the numbers of its designer's other chip, and with those of all others."""
    own = {chip: efficiency_of(as_chip(chip), "fp8") for chip in ORDER}
    found = []
    for chip in ORDER:
        others = [name for name in ORDER if name != chip]
        kin = [name for name in others if as_chip(name).designer == as_chip(chip).designer]
        rows = table().query("chip == @chip and load == 'llama2-70b' and scenario == 'offline'")
        seen = float(rows["per_chip"].median())
        for who, names, kind in ((" and ".join(kin), kin, Kind.RELATIVE), ("all others", others, Kind.SHOWN)):
            mean = mean_numbers([own[name] for name in names])
            rate = predicted(chip, "llama2-70b", "offline", efficiency=mean)
            what = f"{chip} offline with the numbers of {who}"
            found.append(Case("R10", what, "tokens/s/chip", seen, rate, 0.25, Mark.PREDICTION, MLPERF, kind))
    return found


@cache
def engine_rows() -> pd.DataFrame:
    """Times of an engine of 2023 by setting."""
    return pd.read_csv(ENGINE_ROWS)


def engine_errors(rows: pd.DataFrame, compute: float, overhead_s: float) -> tuple[float, float]:
    """Median absolute error of the time of an output token and of a prompt, bf16, links and memory as for any chip."""
    numbers = Efficiency(compute, 0.8, overhead_s, 128.0)
    token, prompt = [], []
    for row in rows.itertuples():
        size = {"precision": "bf16", "efficiency": numbers, "memory_fraction": 1.0, "activation_bytes": 0.0}
        made = replica("dense_70b", row.hardware, row.chips, **size)
        decoding = step(made, row.batch, row.prompt_tokens + row.output_tokens / 2.0)
        token.append(float(decoding.seconds) * 1e3 / row.token_ms - 1.0)
        count = row.batch * row.prompt_tokens
        work = compute_seconds(made, count, row.batch * prefill_flop(made.model, row.prompt_tokens))
        reading = np.maximum(work, memory_seconds(made, count, 0.0, 0.0)) + communication_seconds(made, count)
        prompt.append((float(reading) + overhead_s) * 1e3 / row.prompt_ms - 1.0)
    return float(np.median(np.abs(token))), float(np.median(np.abs(prompt)))


def _best(rows: pd.DataFrame) -> tuple[float, float]:
    """Share of peak and overhead with the least errors, on a grid."""
    grid = [(compute / 100.0, ms / 1e3) for compute in range(40, 81, 5) for ms in range(5, 30, 2)]
    return min(grid, key=lambda point: sum(engine_errors(rows, *point)))


def _engine() -> list[Case]:
    """Two numbers from the rows of four chips, and the error on two and eight; then one chip from the other."""
    found = []
    for chip in ("a100", "h100"):
        mine = engine_rows().query("hardware == @chip")
        best = _best(mine.query("chips == 4"))
        other = mine.query("chips != 4")
        what = f"engine of 2023, {chip}: error on 2 and 8 chips, fitted on 4"
        found += _errors(what, engine_errors(other, *best), Kind.AT_MOST)
    best = _best(engine_rows().query("hardware == 'a100'"))
    crossed = engine_errors(engine_rows().query("hardware == 'h100'"), *best)
    return found + _errors("engine of 2023, h100 with the numbers of a100: error", crossed, Kind.SHOWN)


def _errors(what: str, errors: tuple[float, float], kind: Kind) -> list[Case]:
    return [
        Case("R10", f"{what}, {name}", "", 0.25, error, 0.0, Mark.PREDICTION, ENGINE, kind)
        for name, error in zip(("tokens", "prompts"), errors, strict=True)
    ]


WORDS = """Four numbers of each chip (share of peak, share of bandwidth, overhead of a step, tokens at which products
reach half their rate) and the mean prompt of the Mixtral load are fitted to half of the rows, split by submitter
(`tools/fit_roofline.py`). Submitters of the closed division run much the same software, so the held-out half tests the
scatter among them more than the law. The rows of a chip *with the numbers of* other chips show what is known of a chip
that nobody measured: a fifth with those of a chip of the same designer, whose software it shares, more with those of
all. Rows of chips that the world does not hold, and of mixed systems, are left out.

Rows of an engine of 2023: the median absolute error, to be below 0.25. Its steps wait on the host, so that the overhead
is 13 to 21 ms. On two chips some of it hides behind the work, on eight there is more of it; the law has one number for
all, which is why these errors are close to the bound.
"""


def text() -> str:
    """Errors on both halves, and what the split can tell."""
    halves = {
        name: table()[table()["fitted"] == flag]["error"].abs()
        for name, flag in (("fitted", True), ("held out", False))
    }
    lines = ["| rows | count | median absolute error | 90 % below |", "| --- | ---: | ---: | ---: |"]
    lines += [
        f"| {name} | {len(size)} | {size.median():.1%} | {size.quantile(0.9):.1%} |" for name, size in halves.items()
    ]
    return "\n".join(lines) + "\n\n" + WORDS
