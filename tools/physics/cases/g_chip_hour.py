"""Section 5.13: what a chip-hour costs, and what the quarter takes from the layers beside what was matched before."""

from __future__ import annotations

from tools.physics.case import Case, Kind, Mark

from penstock.engine.opening.layer_numbers import parameter_centres
from penstock.engine.parameters import assumptions
from penstock.layers.ai import training
from penstock.world import load_world

TITLE = "A chip-hour, and what the quarter takes from the layers"
MARKET = "owner's cost of an H100 at 28,000 USD, 10 % and 5 years, between 1.3 and 1.8 USD by hand"
MATCHED = "numbers of the first economy prototype, matched to revenue, shipments and sites without these functions"
RENT = "rent of an H100-hour at the opening (engine/assumptions.csv), matched to the series of rents"
PROTOTYPE = {"chip_cost": 23.0, "power_per_h100e": 0.62, "site_cost": 12.5}


def cases() -> list[Case]:
    """Cost of an H100-hour; chip, power and site of an H100e from what was delivered; its rent."""
    known = {"chip_usd": 28_000.0, "chip_rate": 0.10, "chip_life_years": 5.0}
    hour = float(training(8e9, 1e12, 1024, "h100", **known).usd_per_chip_hour or 0.0)
    usual = float(training(8e9, 1e12, 1024, "h100").usd_per_chip_hour or 0.0)
    quarter = {name: row.central for name, row in assumptions().items()}
    centres = parameter_centres(load_world())
    pairs = (
        ("capital of an H100e, chips of the last quarter", "thousand USD", "chip_cost"),
        ("power of an H100e, chips of the last quarter", "kW", "power_per_h100e"),
        ("cost of a site", "USD bn per GW", "site_cost"),
    )
    sold = "cost of a sold H100-hour, against the rent at the opening"
    rented, cost = quarter["price_opening"], usual / quarter["utilisation_opening"]
    return [
        Case("5.13-1", "cost of an H100-hour", "USD", 1.3, hour, 0.0, Mark.CONSISTENCY, MARKET, Kind.AT_LEAST),
        Case("5.13-1", "cost of an H100-hour", "USD", 1.8, hour, 0.0, Mark.CONSISTENCY, MARKET, Kind.AT_MOST),
        *(
            Case("5.13-2", what, unit, PROTOTYPE[name], centres[name], 0.20, Mark.CONSISTENCY, MATCHED)
            for what, unit, name in pairs
        ),
        Case("5.13-2", sold, "USD", rented, cost, 0.20, Mark.CONSISTENCY, RENT),
    ]


def text() -> str:
    """What the rows mean."""
    return """The quarter takes the centres of these numbers from the layers when a model is built
(`engine/opening/layer_numbers.py`) and keeps the spread of its table. The rows show how far that moved them.
"""
