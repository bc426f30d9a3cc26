"""What users pay for AI services: households and enterprises to labs, platforms, data firms and others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from penstock.engine.opening.cells import number

if TYPE_CHECKING:
    from penstock.engine.opening.figures import SheetInputs
    from penstock.engine.opening.universe import Universe

SEGMENTS = ("consumer", "enterprise", "agents")
SEGMENT_PAYER = {"consumer": "households", "enterprise": "enterprises", "agents": "enterprises"}
UNNAMED = "row_rest"
"""Sellers of AI services outside this world."""

SELLER_SHARE_LIMIT = 0.9
"""Named firms take at most this part of a segment (assumption; the rest is unnamed)."""


def user_ties(universe: Universe, inputs: SheetInputs) -> pd.DataFrame:
    """Rows payer, payee, segment, base (usd_bn per quarter): the run rate of user spending, split.

    A firm sells the assumed part of its revenue; where named sales exceed 90 % of a segment
    all firms keep their sales and the segment grows, since sales are better known than the split.
    """
    assumed, find = universe.rules.assumed, universe.rules.find
    total = assumed("user_spending_usd_bn_year") / 4.0
    rows: list[tuple[str, str, str, float]] = []
    sold = dict.fromkeys(SEGMENTS, 0.0)
    for firm in universe.firms:
        group, revenue = str(universe.group[firm]), number(inputs.flows, firm, "revenue")
        if find("models_revenue_share", firm, group) is None:
            continue
        sales = revenue * assumed("models_revenue_share", firm, group)
        consumer = assumed("segment_split_consumer", firm, group)
        agents = assumed("segment_split_agents", firm, group)
        split = {"consumer": consumer, "agents": agents, "enterprise": max(0.0, 1.0 - consumer - agents)}
        for segment in SEGMENTS:
            if sales * split[segment] > 0:
                rows.append((SEGMENT_PAYER[segment], firm, segment, sales * split[segment]))
                sold[segment] += sales * split[segment]
    for segment in SEGMENTS:
        spent = total * assumed("segment_share", segment)
        rest = max(spent - sold[segment], sold[segment] * (1.0 / SELLER_SHARE_LIMIT - 1.0))
        rows.append((SEGMENT_PAYER[segment], UNNAMED, segment, rest))
    return pd.DataFrame(rows, columns=["payer", "payee", "segment", "base"])
