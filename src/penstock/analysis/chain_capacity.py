"""What each link of the chain could carry, in H100e a quarter: a bill of materials over the mix that ships today."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from penstock.analysis.chain_links import assumed, cited
from penstock.analysis.ranges import Range, product, total
from penstock.errors import InputError
from penstock.layers import silicon_chain as chain
from penstock.world.grading import weakest

if TYPE_CHECKING:
    import pandas as pd

    from penstock.world import World

BILL = Path(__file__).with_name("chip_bill.csv")
DRAWS = 4096
"""Draws behind the chance that a link binds; fixed, so that the same world gives the same chance."""
RACK_GPUS = 72
"""GPUs in the rack that the world's rack counts speak of (parameters gb200_racks_2025_foxconn, gb200_rack_power_kw)."""


@dataclass(frozen=True)
class Capacity:
    """What a link can carry, million H100e a quarter; None where nothing is known."""

    value: Range | None
    grade: str
    basis: str
    when: str = "now"
    """`now`, or `in a year`: the level that shipping reaches with a year of what this link delivers"""


@cache
def bill_rows() -> dict[str, dict[str, str]]:
    """Rows of `chip_bill.csv` by chip."""
    with BILL.open(encoding="utf-8", newline="") as file:
        return {row["chip"]: row for row in csv.DictReader(file)}


@dataclass(frozen=True)
class Mix:
    """The chips of the last quarter on record: per million H100e, what they take."""

    chips: pd.DataFrame
    """chip: units, h100e each, packages per interposer wafer, dies, memory"""
    interposer_wafers: Range
    """thousand wafers per million H100e, all packages good"""
    logic_wafers: Range
    """thousand wafers per million H100e, good dies counted"""
    memory_gb: float
    """million GB per million H100e"""
    stacks: float
    """million stacks per million H100e"""
    growth: float
    """shipped in the last quarter over the quarter before"""
    exit_rate: float
    """shipped in the last quarter over the mean of the last four"""
    grade: str


def shipping_mix(world: World) -> Mix:
    """What ships now, from unit series and the bill of each chip.

    Raises InputError where the world has no chips, or none whose bill is known.
    """
    from penstock.engine.opening.physical import chip_power

    chips = world.table("chips") if "chips" in world.tables else None
    series = world.table("series")
    units = series[(series["series"] == "accelerator_units_shipped") & (series["date"] <= world.as_of.isoformat())]
    if chips is None or chips.empty or units.empty:
        raise InputError(
            f"world {world.name}: chips.csv: found no chips with units shipped; "
            "expected rows of accelerator_units_shipped in series.csv: the chain of silicon counts in them"
        )
    table = chips.set_index("id")
    equivalent = _h100e(chip_power(world), table)
    quarters = sorted(units["date"].unique())[-4:]
    shipped = units[units["date"].isin(quarters)].pivot_table(
        index="entity", columns="date", values="value", aggfunc="last"
    )
    shipped = shipped[shipped.index.isin(bill_rows()) & shipped.index.isin(equivalent.index)].fillna(0.0) / 1e6
    if shipped.empty or shipped[quarters[-1]].sum() <= 0.0:
        known = ", ".join(sorted(bill_rows()))
        raise InputError(
            f"world {world.name}: series.csv: accelerator_units_shipped: found no chip whose bill is known; "
            f"expected one of {known}"
        )
    in_h100e = shipped.mul(equivalent.reindex(shipped.index), axis=0)
    by_quarter = in_h100e.sum()
    last = shipped[quarters[-1]]
    frame = _mix_frame(last[last > 0.0], equivalent, table)
    million = float((frame["units_million"] * frame["h100e"]).sum())
    before = float(by_quarter.iloc[-2]) if len(by_quarter) > 1 else million
    return Mix(
        chips=frame,
        interposer_wafers=_per_h100e(frame, "packages", million),
        logic_wafers=_logic_wafers(frame, million),
        memory_gb=float((frame["units_million"] * frame["hbm_gb"]).sum()) / million,
        stacks=float((frame["units_million"] * frame["hbm_stacks"]).sum()) / million,
        growth=million / before if before > 0.0 else 1.0,
        exit_rate=million / float(by_quarter.mean()),
        grade=weakest(frame["grade"]),
    )


def _h100e(power: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """8-bit H100 equivalents of a chip, as the opening counts them; China's versions by their own numbers."""
    from penstock.layers.chips import H100E_TFLOPS

    eight_bit = table["fp8_tflops"].fillna(table["bf16_tflops"]) / H100E_TFLOPS
    return power["h100e"].combine_first(eight_bit.dropna())


def _mix_frame(last: pd.Series, equivalent: pd.Series, table: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for chip, units in last.items():
        bill = bill_rows()[str(chip)]
        rows.append(
            {
                "chip": str(chip),
                "units_million": float(units),
                "h100e": float(equivalent[str(chip)]),
                "dies": float(bill["dies_per_package"]),
                "die_area_mm2": float(bill["die_area_mm2"]),
                "hbm_stacks": float(bill["hbm_stacks"]),
                "hbm_gb": float(table["hbm_gb"].get(chip, np.nan)),
                "packages_low": float(bill["packages_low"]),
                "packages": float(bill["packages_central"]),
                "packages_high": float(bill["packages_high"]),
                "grade": bill["grade"],
            }
        )
    frame = pd.DataFrame(rows)
    frame["hbm_gb"] = frame["hbm_gb"].fillna(0.0)
    return frame


def _per_h100e(frame: pd.DataFrame, name: str, million: float) -> Range:
    """Thousand interposer wafers per million H100e."""

    def wafers(column: str) -> float:
        return 1e3 * float((frame["units_million"] / frame[column]).sum()) / million

    return Range(wafers(f"{name}_high"), wafers(name), wafers(f"{name}_low"))


def _logic_wafers(frame: pd.DataFrame, million: float) -> Range:
    """Thousand logic wafers per million H100e."""
    gross = np.asarray(chain.gross_dies(frame["die_area_mm2"].to_numpy(float)))
    needed = 1e3 * float((frame["units_million"] * frame["dies"] / gross).sum()) / million
    return needed / assumed("saleable_share").value


def link_capacities(world: World, flow_ties: pd.DataFrame, mix: Mix) -> dict[str, Capacity]:
    """Capacity of each link that is known, by the bill of materials.

    Raises InputError where the world lacks a parameter that a link rests on.
    """
    return {
        **_capital_capacity(world),
        "fab": _fab(world, flow_ties, mix),
        "memory": _memory(world, mix),
        "substrate": Capacity(None, "F", "not known; taken as enough"),
        "packaging": _packaging(world, mix),
        "chip": Capacity(None, "F", "no works of its own: what the links before it allow"),
        "server": _server(world, mix),
        "network": Capacity(None, "F", "not known; taken as enough"),
        "rack": _rack(world, mix),
    }


def shipped_now(mix: Mix) -> float:
    """Million H100e shipped in the last quarter on record, of the chips in the mix."""
    return float((mix.chips["units_million"] * mix.chips["h100e"]).sum())


def shipping_capacity() -> Range:
    """Shipping capacity of the quarter's engine at the opening, million H100e a quarter."""
    from penstock.engine.parameters import assumptions

    row = assumptions()["chip_capacity"]
    return Range(row.low, row.central, row.high)


def _packaging(world: World, mix: Mix) -> Capacity:
    name = _latest(world, "cowos_wafers_per_month_end_", world.as_of.year)
    wafers, grade = cited(world, name)
    good = assumed("packaging_good_share")
    value = wafers * 3.0e-3 / mix.interposer_wafers * good.value
    basis = f"{name} x 3 months / {mix.interposer_wafers.central:.1f} thousand wafers per million H100e x good packages"
    return Capacity(value, weakest([grade, good.grade, mix.grade]), basis)


def _latest(world: World, prefix: str, year: int) -> str:
    """The newest yearly parameter not after a year."""
    names = [str(name) for name in world.table("parameters")["name"] if str(name).startswith(prefix)]
    held = sorted(name for name in names if int(name.removeprefix(prefix)) <= year)
    if not held:
        raise InputError(
            f"world {world.name}: parameters.csv: found no row {prefix}YEAR up to {year}; "
            "expected one: packaging rests on it"
        )
    return held[-1]


def _memory(world: World, mix: Mix) -> Capacity:
    """Memory sold by money: the market's pace at the year's end over the price of a GB."""
    market, grade = cited(world, "hbm_market_usd_bn_2025")
    following, _ = cited(world, "hbm_market_usd_bn_2026_forecast")
    pace = Range(*(math.sqrt(a * b) for a, b in zip(_three(market), _three(following), strict=True)))
    cost, _ = cited(world, "unit_cost_b200_usd")
    share, _ = cited(world, "hbm_cost_share_of_b200_bom")
    table = world.table("chips").set_index("id")
    price = cost * share / float(table["hbm_gb"]["gb200" if "gb200" in table.index else "b200"])
    value = pace * (1e3 / 4.0) / price / mix.memory_gb
    basis = (
        f"{pace.central:.0f} usd_bn a year at the year's end / {price.central:.0f} usd a GB / "
        f"{mix.memory_gb:.0f} GB per H100e"
    )
    return Capacity(value, weakest([grade, "D"]), basis)


def _three(value: Range) -> tuple[float, float, float]:
    return value.low, value.central, value.high


def _fab(world: World, flow_ties: pd.DataFrame, mix: Mix) -> Capacity:
    # who pays more for wafers than it sells in accelerators makes other things of them
    sold = flow_ties[flow_ties["category"] == "accelerators"].groupby("payee")["base"].sum()
    paid = flow_ties[flow_ties["category"] == "wafers"].groupby("payer")["base"].sum()
    designers = set(sold[sold > paid.reindex(sold.index).fillna(0.0)].index)
    roles = {str(r.id): str(r.roles) for r in world.table("companies").itertuples()}
    foundry = flow_ties["payee"].map(lambda name: "foundry" in roles.get(str(name), "").split(";"))
    rows = flow_ties[(flow_ties["category"] == "wafers") & flow_ties["payer"].isin(designers) & foundry]
    price, grade = cited(world, "wafer_price_n4_usd")
    part = assumed("accelerator_share_of_wafer_spending")
    value = (float(rows["base"].sum()) * 1e9) / price * part.value / mix.logic_wafers * 1e-3
    basis = (
        f"{rows['base'].sum():.1f} usd_bn a quarter of wafers to designers x {part.value.central:g} / "
        f"{price.central:,.0f} usd / {mix.logic_wafers.central:.1f} thousand wafers per million H100e"
    )
    return Capacity(value, weakest([grade, part.grade]), basis)


def _server(world: World, mix: Mix) -> Capacity:
    market, grade = cited(world, "server_market_usd_bn_2025q3")
    gpu, network, room = (
        assumed(name) for name in ("gpu_share_of_server_market", "network_share_of_system", "assembly_headroom")
    )
    value = market * gpu.value / (_system_cost() * network.value.complement()) * mix.growth * room.value
    basis = (
        f"{market.central:.0f} usd_bn servers in 2025Q3 x {gpu.value.central:g} with GPUs / cost per H100e x growth of "
        f"a quarter {mix.growth:.2f} x headroom {room.value.central:g}"
    )
    return Capacity(value, weakest([grade, room.grade]), basis)


def _system_cost() -> Range:
    """Thousand usd per H100e: accelerator, server and network (the engine's own row)."""
    from penstock.engine.parameters import assumptions

    row = assumptions()["chip_cost"]
    return Range(row.low, row.central, row.high)


def _rack(world: World, mix: Mix) -> Capacity:
    racks, grade = cited(world, "gb200_racks_2025_foxconn")
    share, _ = cited(world, "gb200_assembly_share_foxconn")
    scale, room = assumed("rack_scale_share"), assumed("assembly_headroom")
    table = world.table("chips").set_index("id")
    each = RACK_GPUS * float(_h100e_of(table, "gb200"))
    # racks of a year, at the pace of its last quarter
    made = racks / share * (each * mix.exit_rate / 4.0 * 1e-6)
    value = made / scale.value * room.value
    basis = (
        f"{racks.central:,.0f} racks of Foxconn in 2025 / its share {share.central:g} x {each:.0f} H100e / "
        f"{scale.value.central:g} in such racks x pace at the year's end x headroom"
    )
    return Capacity(value, weakest([grade, room.grade]), basis)


def _h100e_of(table: pd.DataFrame, chip: str) -> float:
    from penstock.layers.chips import H100E_TFLOPS

    return float(table["fp8_tflops"][chip]) / H100E_TFLOPS


def _capital_capacity(world: World) -> dict[str, Capacity]:
    """The level that shipping reaches in a year with a year of scanners for logic, all that are free going to AI."""
    from penstock.engine.parameters import assumptions

    tools, grade = cited(world, "euv_capacity_tools_per_year_2026")
    per_gw, other = cited(world, "euv_tools_per_gw_ai")
    logic = assumed("logic_share_of_scanners")
    row = assumptions()["power_per_h100e"]
    kw = Range(row.low, row.central, row.high)
    # tools / (tools per GW a year) = GW a year = million H100e a year x kW each
    added = product([tools, logic.value]) / per_gw / kw / 4.0
    value = total([shipping_capacity(), added])
    basis = (
        f"{tools.central:.0f} scanners a year x {logic.value.central:g} for logic / {per_gw.central:g} a GW of chips a "
        f"year / {kw.central:g} kW per H100e, on top of what ships"
    )
    held = Capacity(value, weakest([grade, other, logic.grade]), basis, "in a year")
    return {
        "optics": Capacity(value, held.grade, "one set of mirrors and one laser a scanner: as scanners", "in a year"),
        "scanner": held,
        "tools": Capacity(None, "F", "not known; taken as enough", "in a year"),
    }


def binding_order(capacities: dict[str, Capacity]) -> tuple[list[str], dict[str, float]]:
    """Links that carry chips now, the smallest first by its central value, and the chance that each is the smallest.

    Chances come from independent log-normal draws through low, central and high.
    """
    known = {k: c.value for k, c in capacities.items() if c.value is not None and c.when == "now"}
    order = sorted(known, key=lambda key: known[key].central)
    draws = np.stack([_draws(known[key], number) for number, key in enumerate(order)])
    first = chain.smallest(draws)[0]
    return order, {key: float((first == number).mean()) for number, key in enumerate(order)}


def _draws(value: Range, number: int) -> npt.NDArray[np.float64]:
    z = np.random.default_rng([20251231, number]).standard_normal(DRAWS)
    z_95 = 1.6448536269514722
    up, down = math.log(value.high / value.central), math.log(value.central / value.low)
    return np.asarray(value.central * np.exp(np.where(z > 0.0, up, down) * z / z_95))


def capacity_fields(capacity: Capacity) -> dict[str, Any]:
    """A capacity as columns; None where nothing is known."""
    value = capacity.value
    name = "capacity_h100e_per_quarter"
    if value is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {key: 1e6 * number for key, number in value.to_dict(name).items()}
