"""Dies, yields and what a chip costs to make; a published fleet's chips for its tokens."""

from __future__ import annotations

from tools.physics.case import Case, Kind, Mark

import penstock as ps
from penstock.analysis.token_inputs import gather
from penstock.analysis.token_waterfall import BELOW_PLATFORM, Made, fleet, fleet_parts
from penstock.layers.silicon_chain import gross_dies, negative_binomial_yield
from penstock.layers.token_parts import chip_bill

from . import c_serving_chain as worked

TITLE = "Dies, chips and the price of a token"
DIES = "arithmetic on a 300 mm wafer (de Vries 2005) and the negative binomial yield (Stapper 1973)"
COST = "estimates of manufacturing cost that the world's parameters cite: unit_cost_b200_usd, unit_cost_h100_usd"
MARGIN = "price 12,247 usd and gross margin 0.647 of the world (chips.csv, gross_margin_mi300x_chip)"
DAY = "DeepSeek, open-source week, day 6 (March 2025): 226.75 nodes of 8 chips on 608 bn input and 168 bn output tokens"
BUSY = 226.75 * 8 * 86_400.0 / 168_000.0


def bill_cost(chip: str) -> float:
    """What the bill of materials of a chip adds up to, usd."""
    values = gather(ps.load_world(), "dense_8b", chip=chip).central()
    names = (
        "wafer_usd", "dies_per_wafer", "dies", "memory_gb", "memory_usd_per_gb", "packaging_usd_per_wafer",
        "packages_per_wafer",
    )  # fmt: skip
    return chip_bill(
        **{name: values[name] for name in names},
        saleable=values["saleable_share"],
        good_packages=values["packaging_good_share"],
        other_share=values["other_parts_share"],
    ).cost


def published_day() -> Made:
    """Chips that the published day takes by the roofline, at the day's own tokens, cache and speed."""
    given = {
        "input_per_output": 608 / 168,
        "cached_share": 342 / 608,
        "speed_tokens_per_s": 21.0,
        "context_tokens": 4989.0,
    }
    held = gather(ps.load_world(), "moe_671b", chip="h100", given=given)
    return fleet(held, held.central())


def worked_cost() -> float:
    """The worked chain of R21 through the waterfall: a cloud's full cost of a million output tokens, usd."""
    serving, power, _, _ = worked.chain()
    given = {
        "system_usd": 38_000.0, "chip_life_years": 5.0, "chip_rate": 0.10, "building_usd_per_w": 12.0,
        "building_life_years": 20.0, "building_rate": 0.08, "upkeep": 0.03, "power_usd_per_mwh": 60.0,
        "staff_usd_per_chip_hour": 0.0, "water_usd_per_m3": 0.0,
    }  # fmt: skip
    held = gather(ps.load_world(), "dense_70b", chip="h200", given=given)
    made = fleet(held, held.central())
    parts = fleet_parts(held, held.central(), Made(serving, power, worked.DEMAND, made.bill, 2))
    return sum(parts[name] for name in BELOW_PLATFORM)


def cases() -> list[Case]:
    """Arithmetic, two costs of chips, one day of a fleet, and the worked chain."""
    made = published_day().serving
    seconds = made.busy_chips * 86_400.0 / 1e6
    return [
        Case("5.12-1", "dies of 814 mm2 on a wafer", "dies", 63.5, float(gross_dies(814.0)), 1e-3, Mark.EXACT, DIES),
        Case(
            "5.12-2",
            "dies of 814 mm2 without a defect, 0.1 per cm2, clustering 3",
            "",
            0.487,
            float(negative_binomial_yield(8.14, 0.1, 3.0)),
            1e-3,
            Mark.EXACT,
            DIES,
        ),
        Case("5.12-3", "cost of making a B200", "USD", 6400, bill_cost("b200"), 0.1, Mark.CONSISTENCY, COST),
        Case("5.12-4", "cost of making an H100", "USD", 3320, bill_cost("h100"), 0.2, Mark.PREDICTION, COST),
        Case(
            "5.12-5",
            "cost of making an MI300X",
            "USD",
            4323,
            bill_cost("mi300x"),
            0,
            Mark.PREDICTION,
            MARGIN,
            Kind.SHOWN,
        ),
        Case("R12", "chip time of a million output tokens", "chip-s", BUSY, seconds, 0.25, Mark.PREDICTION, DAY),
        Case("R21", "a cloud's cost, by the waterfall", "USD", 0.408, worked_cost(), 0.01, Mark.EXACT, worked.SOURCE),
    ]


def text() -> str:
    """What the figures say."""
    return (
        "The share of other parts is set so that the B200 meets its estimate; the H100 was not used. The MI300X comes "
        "out dearer than its price and margin say: its memory is of an older and cheaper kind than that of the B200, "
        "whose price per GB is used. The published day ran on H800, whose peaks are those of the H100; its mean "
        "context of 4,989 tokens and 20 to 22 tokens a second for a user are from memory. Its chips were not all "
        "busy, so that its figure is the larger one."
    )
