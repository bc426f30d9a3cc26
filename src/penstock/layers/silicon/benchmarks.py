"""Published rows of a serving benchmark beside the roofline: which are fitted, which are held out, and the error.

Rows as in `tests/data/mlperf_v5.1_llm.csv`. What the roofline gives is a model's figure, not an MLPerf result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from penstock.errors import UsageError
from penstock.layers.chips import as_chip
from penstock.layers.silicon.efficiency import Efficiency
from penstock.layers.silicon.serving import OUTPUT_TOKENS, PROMPT_TOKENS, throughput

if TYPE_CHECKING:
    import pandas as pd

CHIPS = {
    "NVIDIA H100-SXM-80GB": "h100",
    "NVIDIA H200-SXM-141GB": "h200",
    "Virtualized NVIDIA H200-SXM-141GB": "h200",
    "AMD Instinct MI300X 192GB HBM3": "mi300x",
    "AMD Instinct MI325X 256GB HBM3e": "mi325x",
}
"""Accelerators of the rows that the world holds; rows of others, and of mixed systems, are left out."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a benchmark serves: a model and its mean prompt and answer in tokens."""

    model: str
    prompt_tokens: float
    output_tokens: float


LOADS = {
    "llama2-70b": Load("dense_70b", PROMPT_TOKENS, OUTPUT_TOKENS),
    "mixtral-8x7b": Load("moe_47b", 700.0, 145.9),
}
"""Loads by the start of the benchmark's name. Answers: `TOKENS_PER_SAMPLE` of the submission checker of MLPerf.

The mean prompt of Mixtral is not in the rows: 700 is the multiple of 50 that fits the fitted half best (a mix of
chat, sums with worked examples, and code); assumption, 450 to 800.
"""


def usable_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of chips that the world holds, with `chip`, `load`, `per_chip` (output tokens/s) and `fitted`.

    Submitters of the closed division in alphabetical order: every second one is fitted, the others and the open
    division are held out, so that no submitter is on both sides.
    """
    closed = sorted(set(rows.loc[rows["category"] == "closed", "submitter"]))
    fitted = set(closed[::2])
    kept = rows[rows["accelerator"].isin(list(CHIPS))].copy()
    kept["chip"] = kept["accelerator"].map(CHIPS)
    kept["load"] = kept["model"].map(load_name)
    kept["scenario"] = kept["scenario"].str.lower()
    kept["per_chip"] = kept["result"] / (kept["accelerators"] * kept["nodes"])
    kept["fitted"] = kept["submitter"].isin(list(fitted)) & (kept["category"] == "closed")
    return kept.reset_index(drop=True)


def load_name(benchmark: str) -> str:
    """The load of a benchmark's name. Raises UsageError for one that is not known."""
    for name in LOADS:
        if benchmark.startswith(name):
            return name
    raise UsageError(f"benchmark: found {benchmark!r}; expected a name that starts with {' or '.join(LOADS)}")


def predicted(
    chip: str, load: str, scenario: str, *, efficiency: Efficiency | None = None, prompt_tokens: float | None = None
) -> float:
    """Output tokens per second and chip that the roofline gives for a load in a scenario, weights in fp8."""
    asked = LOADS[load]
    return throughput(
        asked.model,
        as_chip(chip),
        scenario,
        prompt_tokens=asked.prompt_tokens if prompt_tokens is None else prompt_tokens,
        output_tokens=asked.output_tokens,
        precision="fp8",
        efficiency=efficiency,
    ).output_tokens_per_s_per_chip


def mean_numbers(found: Sequence[Efficiency]) -> Efficiency:
    """Mean in logs of the four numbers of some chips."""
    columns = zip(*((n.compute, n.bandwidth, n.overhead_s, n.half_tokens) for n in found), strict=True)
    compute, bandwidth, overhead, half = (math.exp(fmean(math.log(max(v, 1e-9)) for v in c)) for c in columns)
    return Efficiency(round(compute, 3), round(bandwidth, 3), round(overhead, 5), round(half, 0))


def compare(rows: pd.DataFrame, efficiencies: Mapping[str, Efficiency] | None = None) -> pd.DataFrame:
    """Usable rows with `predicted` and `error` (predicted over observed, less one)."""
    table = usable_rows(rows)
    given = efficiencies or {}
    keys = table[["chip", "load", "scenario"]].drop_duplicates().itertuples(index=False, name=None)
    rates = {key: predicted(*key, efficiency=given.get(key[0])) for key in keys}
    triples = table[["chip", "load", "scenario"]].itertuples(index=False, name=None)
    table["predicted"] = [rates[key] for key in triples]
    table["error"] = table["predicted"] / table["per_chip"] - 1.0
    return table
