"""Chips as the physics sees them: peaks, memory, links, power and price, from the world's `chips.csv`.

Peaks are dense, never the sparse figure. SI units inside: FLOP/s, bytes, bytes per second, W, USD.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import InputError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.world import World

RATINGS_FILE = Path(__file__).with_name("chip_ratings.csv")
HOURS_PER_YEAR = 8760.0
H100E_TFLOPS = 1979.0
"""Dense 8-bit TFLOP/s of one H100: the unit of H100e."""

SYSTEM_TO_CHIP_POWER = 1.6
"""Nameplate of a system per chip over the chip's; assumption, 1.4 to 2.0 among the chips where both are known."""

SYSTEM_TO_CHIP_PRICE = (1.1, 1.25, 1.6)
"""Price of a chip in its system over its own price: low, central, high; assumption."""


@dataclass(frozen=True, slots=True)
class Chip:
    """One accelerator. Prices are those of a chip in its system; None where there is no market.

    Attributes:
        peak_flop_per_s: dense peak by number format (`bf16`, `fp8`, `fp4`); a format that is missing is not there.
        scale_up_chips: chips that the fast links join.
        designer: id of the firm that designs the chip and writes its software.
        system_power_w: nameplate power of the system per chip, server and switches in the rack included.
        price_usd, rental_usd_per_hour: low, central and high.
        on_market: are systems of it sold; the price of a firm's own chip is what it pays the designer that helps it.
    """

    id: str
    name: str
    peak_flop_per_s: dict[str, float]
    memory_bytes: float
    memory_bytes_per_s: float
    scale_up_bytes_per_s: float | None = None
    scale_up_chips: int = 8
    designer: str = ""
    tdp_w: float | None = None
    system_power_w: float | None = None
    price_usd: tuple[float, float, float] | None = None
    rental_usd_per_hour: tuple[float, float, float] | None = None
    grade: str = "F"
    price_grade: str = "F"
    on_market: bool = False

    def peak(self, precision: str) -> float:
        """Dense peak in FLOP/s at a number format. Raises UsageError where the chip has no such units."""
        if precision not in self.peak_flop_per_s:
            has = ", ".join(self.peak_flop_per_s)
            raise UsageError(f"precision of {self.id}: found {precision!r}; expected one of {has}")
        return self.peak_flop_per_s[precision]

    @property
    def usual_precision(self) -> str:
        """The format that engines serve in: fp8 where the chip has it, else bf16."""
        return "fp8" if "fp8" in self.peak_flop_per_s else "bf16"

    @property
    def smallest_precision(self) -> str:
        """The smallest format that the chip computes in, which is what benchmarks of throughput are run in."""
        return next(name for name in ("fp4", "fp8", "bf16") if name in self.peak_flop_per_s)


def as_chip(chip: str | Chip, world: World | None = None) -> Chip:
    """The chip of this id or name in the world (the bundled one unless given), or the chip given.

    Raises:
        UsageError: no chip of this name, with the nearest; or one of no use here (no memory, no peak).
    """
    if isinstance(chip, Chip):
        return chip
    if world is None:
        return _bundled_chip(chip)
    return _from_world(chip, world)


@cache
def _bundled_world() -> World:
    from penstock.world import load_world

    return load_world()


@cache
def _bundled_chip(text: str) -> Chip:
    return _from_world(text, _bundled_world())


def _from_world(text: str, world: World) -> Chip:
    found = world.resolve(text, ("chip",))
    table = world.table("chips")
    row = table[table["id"] == found].iloc[0]
    peaks = {
        name: value * 1e12
        for name, column in (("bf16", "bf16_tflops"), ("fp8", "fp8_tflops"), ("fp4", "fp4_tflops"))
        if (value := _number(row, column)) is not None
    }
    memory, bandwidth = _number(row, "hbm_gb"), _number(row, "hbm_tb_s")
    if not peaks or memory is None or bandwidth is None:
        raise InputError(f"chips.csv: {found}: found no dense peak, memory or bandwidth; expected all three")
    rating = _ratings().get(found, {})
    return Chip(
        id=found,
        name=str(row["name"]),
        peak_flop_per_s=peaks,
        memory_bytes=memory * 1e9,
        memory_bytes_per_s=bandwidth * 1e12,
        scale_up_bytes_per_s=_scaled(rating.get("scale_up_gb_s"), 1e9),
        scale_up_chips=int(rating.get("scale_up_chips", 8)),
        designer=str(row["designer_id"]),
        tdp_w=_number(row, "tdp_w"),
        system_power_w=_system_power(row),
        price_usd=_range(rating, "price_low_usd", "price_usd", "price_high_usd") or _from_chip_price(row),
        on_market=bool(rating.get("price_usd")),
        rental_usd_per_hour=_range(
            rating, "rental_low_usd_per_hour", "rental_usd_per_hour", "rental_high_usd_per_hour"
        ),
        grade=str(row["grade"]),
        price_grade=rating.get("grade", "F"),
    )


def _system_power(row: pd.Series) -> float | None:
    return nameplate_w(str(row["id"]), _number(row, "server_w_per_chip"), _number(row, "tdp_w"))


def nameplate_w(chip_id: str, server_w: float | None, chip_w: float | None) -> float | None:
    """Nameplate of the system per chip: as told, else the table's, else the chip's own times a usual ratio."""
    known = server_w if server_w is not None else _scaled(_ratings().get(chip_id, {}).get("system_power_w"), 1.0)
    return known if known is not None or chip_w is None else chip_w * SYSTEM_TO_CHIP_POWER


def _from_chip_price(row: pd.Series) -> tuple[float, float, float] | None:
    """Price in a system from the world's price of the chip, which for a firm's own chips is a transfer price."""
    price = _number(row, "price_usd")
    if price is None:
        return None
    low, central, high = (price * factor for factor in SYSTEM_TO_CHIP_PRICE)
    return low, central, high


def _number(row: pd.Series, column: str) -> float | None:
    value = float(row[column])
    return None if math.isnan(value) else value


def _scaled(text: str | None, unit: float) -> float | None:
    return float(text) * unit if text else None


def _range(row: dict[str, str], *columns: str) -> tuple[float, float, float] | None:
    texts = [row.get(column, "") for column in columns]
    if not all(texts):
        return None
    low, central, high = (float(text) for text in texts)
    return low, central, high


@cache
def _ratings() -> dict[str, dict[str, str]]:
    """Links and prices that the world does not hold, by chip, from `chip_ratings.csv`."""
    with RATINGS_FILE.open(encoding="utf-8", newline="") as file:
        return {row["chip_id"]: row for row in csv.DictReader(file)}
