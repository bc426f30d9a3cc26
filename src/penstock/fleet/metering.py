"""Metering: what each tenant used of each model, what it pays, and what serving it cost.

Invoice lines are the only source of revenue: the platform's revenue is their sum. Tokens of attempts that failed are
neither served nor billed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from penstock.fleet.assumptions import assumptions
from penstock.fleet.config import Model, Prices, Tenant

if TYPE_CHECKING:
    import pandas as pd

MILLION = 1e6


def price_factor(plan: str) -> float:
    """Price over list price by plan."""
    known = assumptions()
    return {"pay_per_use": 1.0, "batch": known["batch_price"], "committed": known["committed_discount"]}[plan]


def usage_charges(prices: Prices, fresh: float, cached: float, output: float, factor: float = 1.0) -> dict[str, float]:
    """USD for tokens read afresh, read from the cache, and written."""
    return {
        "input": factor * fresh * prices.input_usd_per_mtok / MILLION,
        "cached_input": factor * cached * prices.cached_usd_per_mtok / MILLION,
        "output": factor * output * prices.output_usd_per_mtok / MILLION,
    }


def invoice(
    usage: Any, tenants: Sequence[Tenant], models: Sequence[Model], pool_model: Sequence[int], hours: float
) -> pd.DataFrame:
    """Invoice lines: tenant, model, item, tokens, usd_per_mtok, amount_usd.

    Args:
        usage: (tenants, pools, 4) requests, input, cached and output tokens that were delivered.
        hours: length of the period, for commitments: a tenant pays the larger of its commitment and its use.
    """
    import pandas as pd

    lines: list[dict[str, Any]] = []
    for t, tenant in enumerate(tenants):
        factor, total = price_factor(tenant.plan), 0.0
        for m, model in enumerate(models):
            own = [p for p, which in enumerate(pool_model) if which == m]
            read, cached, output = (int(usage[t, own, k].sum()) for k in (1, 2, 3))
            tokens = {"input": read - cached, "cached_input": cached, "output": output}
            charges = usage_charges(model.prices, read - cached, cached, output, factor)
            for item, count in tokens.items():
                if count:
                    lines.append(_line(tenant.name, model.name, item, count, charges[item]))
                    total += charges[item]
        missing = tenant.committed_usd_per_h * hours - total
        if tenant.plan == "committed" and missing > 0:
            lines.append(_line(tenant.name, "", "unused_commitment", 0, missing))
    columns = ["tenant", "model", "item", "tokens", "usd_per_mtok", "amount_usd"]
    return pd.DataFrame(lines, columns=columns)


def _line(tenant: str, model: str, item: str, tokens: int, amount: float) -> dict[str, Any]:
    rate = amount / tokens * MILLION if tokens else float("nan")
    return {
        "tenant": tenant,
        "model": model,
        "item": item,
        "tokens": tokens,
        "usd_per_mtok": rate,
        "amount_usd": amount,
    }


def margin(revenue_usd: float, cost_usd: float) -> float:
    """Profit over cost, as in the published day of DeepSeek (545 %)."""
    return (revenue_usd - cost_usd) / cost_usd if cost_usd else float("nan")
