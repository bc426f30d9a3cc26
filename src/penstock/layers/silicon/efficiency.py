"""How much of its paper figures a chip and its software reach: four numbers of the roofline, and their ranges."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from penstock.errors import UsageError
from penstock.layers.chips import Chip
from penstock.layers.refusing import not_negative, positive, share

EFFICIENCY_FILE = Path(__file__).with_name("efficiency.csv")
LATENCY_OF_A_HOP_S = 15e-6
"""Latency of a collective among the chips of a replica; assumption, 8 to 30 microseconds by library."""


@dataclass(frozen=True, slots=True)
class Efficiency:
    """The four fitted numbers of a chip with its software, and the latency of its links.

    Attributes:
        compute: share of dense peak that large matrix products reach.
        bandwidth: share of memory bandwidth that reading weights and keys reaches.
        overhead_s: time of a step that no work explains (launches, sampling, scheduling).
        half_tokens: tokens in a step at which products reach half of `compute`: `eta(m) = compute m / (m + half)`.
        hop_s: latency of a collective.
    """

    compute: float
    bandwidth: float
    overhead_s: float = 0.0
    half_tokens: float = 0.0
    hop_s: float = LATENCY_OF_A_HOP_S

    def __post_init__(self) -> None:
        share("compute", self.compute)
        share("bandwidth", self.bandwidth)
        positive("compute", self.compute)
        positive("bandwidth", self.bandwidth)
        not_negative("overhead_s", self.overhead_s)
        not_negative("half_tokens", self.half_tokens)
        not_negative("hop_s", self.hop_s)


MATRIX_PRODUCT = Efficiency(compute=0.81, bandwidth=0.896, half_tokens=128.0)
"""A single large product, as measured on one H200: bf16 8192^3 reaches 0.80 of peak, a copy 0.896 of bandwidth."""


@cache
def _rows() -> dict[tuple[str, str], dict[str, str]]:
    with EFFICIENCY_FILE.open(encoding="utf-8", newline="") as file:
        return {(row["chip_id"], row["precision"]): row for row in csv.DictReader(file)}


def efficiency_of(chip: Chip, precision: str, case: str = "central") -> Efficiency:
    """The fitted numbers of the chip at a number format, else of its designer's chips, else of any chip.

    Args:
        case: `low` (slow: P5 of each share, P95 of the overhead), `central` or `high`.

    Raises:
        UsageError: an unknown format or case.
    """
    ends = {"low": ("_low", "_high"), "central": ("", ""), "high": ("_high", "_low")}
    if case not in ends:
        raise UsageError(f"case: found {case!r}; expected low, central or high")
    rows = _rows()
    row = next((rows[name, precision] for name in (chip.id, chip.designer, "any") if (name, precision) in rows), None)
    if row is None:
        raise UsageError(f"precision: found {precision!r}; expected bf16, fp8 or fp4")
    end, other = ends[case]
    return Efficiency(
        compute=float(row[f"compute{end}"]),
        bandwidth=float(row[f"bandwidth{end}"]),
        overhead_s=float(row[f"overhead{other}_s"]),
        half_tokens=float(row["half_tokens"]),
    )
