"""Section 5.13: what a chip-hour costs, and what the quarter assumes of it beside what the layers give."""

from __future__ import annotations

from tools.physics.case import Case, Kind, Mark

from penstock.engine.parameters import assumptions
from penstock.layers.ai import training
from penstock.layers.ai.training import ranges
from penstock.layers.chips import as_chip

TITLE = "A chip-hour, and the quarter's assumptions beside the layers"
MARKET = "owner's cost of an H100 at 28,000 USD, 10 % and 5 years, between 1.3 and 1.8 USD by hand"
QUARTER = "central assumptions of the quarter (engine/assumptions.csv), which were set without these functions"


def cases() -> list[Case]:
    """Cost of an H100-hour; chip, power and rent of an H100e from a B200 system and an H100."""
    known = {"chip_usd": 28_000.0, "chip_rate": 0.10, "chip_life_years": 5.0}
    hour = float(training(8e9, 1e12, 1024, "h100", **known).usd_per_chip_hour or 0.0)
    central = {name: values[1] for name, values in ranges().items()}
    chip = as_chip("b200")
    h100e = chip.peak("fp8") / as_chip("h100").peak("fp8")
    price = chip.price_usd[1] if chip.price_usd else float("nan")
    capital = price * (1.0 + central["network_capital"]) / h100e / 1e3
    power = (chip.system_power_w or float("nan")) * central["real_peak"] * (1.0 + central["network"]) / h100e / 1e3
    usual = float(training(8e9, 1e12, 1024, "h100").usd_per_chip_hour or 0.0)
    quarter = {name: row.central for name, row in assumptions().items()}
    sold = usual / quarter["utilisation_opening"]
    pairs = (
        ("capital of an H100e, B200 with network", "thousand USD", "chip_cost", capital),
        ("power of an H100e at real peak, B200 with network", "kW", "power_per_h100e", power),
        ("cost of a sold H100-hour, against the rent at the opening", "USD", "price_opening", sold),
    )
    return [
        Case("5.13-1", "cost of an H100-hour", "USD", 1.3, hour, 0.0, Mark.CONSISTENCY, MARKET, Kind.AT_LEAST),
        Case("5.13-1", "cost of an H100-hour", "USD", 1.8, hour, 0.0, Mark.CONSISTENCY, MARKET, Kind.AT_MOST),
        *(
            Case("5.13-2", what, unit, quarter[name], found, 0.20, Mark.CONSISTENCY, QUARTER)
            for what, unit, name, found in pairs
        ),
    ]


def text() -> str:
    """What the rows mean."""
    return """The quarter keeps its own few numbers of an H100e, drawn on each path; it does not call the roofline.
These rows hold that the two descriptions of the same machine agree.
"""
