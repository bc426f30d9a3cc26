"""R12, R13: what one fleet earned in a day, and what one prompt took."""

from __future__ import annotations

from tools.physics.case import Case, Mark

from penstock.layers.platform.metering import bill, gross_margin

TITLE = "A published day and a published prompt"
DAY = "DeepSeek, open-source week, day 6 (March 2025): tokens of 24 hours, prices of R1, nodes at 2 USD a chip-hour"
PROMPT = "Google (August 2025), environmental impact of a median text prompt of Gemini Apps"
PARTS = {"accelerators": 0.58, "host": 0.25, "idle": 0.10, "overhead": 0.08}
FLEET_PUE = 1.09
MARKET_CARBON_G_PER_WH = 0.125
PROMPT_WH = 0.24


def cases() -> list[Case]:
    """Revenue, cost and margin; overhead, carbon and water."""
    hit, read, out = 342e9, (608e9 - 342e9), 168e9
    day = bill(read, hit, out, input_usd_per_mtok=0.55, cached_usd_per_mtok=0.14, output_usd_per_mtok=2.19)
    revenue = float(day.total_usd)
    cost = 226.75 * 8 * 2.0 * 24.0
    found = [
        Case("R12", "revenue at list price, by hand", "USD/day", 562_100, revenue, 1e-3, Mark.EXACT, DAY),
        Case("R12", "revenue at list price, published", "USD/day", 562_027, revenue, 1e-3, Mark.CONSISTENCY, DAY),
        Case("R12", "cost", "USD/day", 87_072, cost, 1e-3, Mark.EXACT, DAY),
        Case("R12", "profit over cost", "", 5.455, float(gross_margin(revenue, cost)), 1e-3, Mark.CONSISTENCY, DAY),
        Case("R12", "peak over mean nodes", "", 1.226, 278.0 / 226.75, 1e-3, Mark.EXACT, DAY),
    ]
    rest = sum(part for name, part in PARTS.items() if name != "overhead")
    overhead = PARTS["overhead"] / (1.0 - PARTS["overhead"])
    machine_wh = PROMPT_WH * rest / sum(PARTS.values())
    carbon = PROMPT_WH * MARKET_CARBON_G_PER_WH
    return [
        *found,
        Case(
            "R13",
            "overhead over the rest, against fleet PUE",
            "",
            FLEET_PUE - 1.0,
            overhead,
            0.05,
            Mark.CONSISTENCY,
            PROMPT,
        ),
        Case(
            "R13", "machines times fleet PUE", "Wh", PROMPT_WH, machine_wh * FLEET_PUE, 0.05, Mark.CONSISTENCY, PROMPT
        ),
        Case("R13", "parts as told add up", "", 1.0, sum(PARTS.values()), 0.05, Mark.CONSISTENCY, PROMPT),
        Case("R13", "carbon at the market-based rate", "g", 0.03, carbon, 0.05, Mark.CONSISTENCY, PROMPT),
    ]
