"""Watching: the fleet by window, by pool and by tenant, with energy, carbon, water and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.fleet.assumptions import assumptions
from penstock.fleet.compiled import columns as c

if TYPE_CHECKING:
    import pandas as pd

    from penstock.fleet.result import FleetResult

PERCENTILES = (50, 90, 99)


def it_power_share(prompt_share: Any, decode_share: Any) -> Any:
    """Power of a system over its nameplate while it spends these shares of its time on prompts and on answers.

    `k (i + (1 - i) u)` (PHYSICS 5.7) with u = time on prompts + `power_decode` x time on answers.
    """
    a = assumptions()
    busy = prompt_share + a["power_decode"] * decode_share
    return a["power_of_peak"] * (a["power_idle"] + (1.0 - a["power_idle"]) * busy)


def _energy_mwh(result: FleetResult, sums: Any) -> Any:
    """IT energy of pools from sums of windows (..., pools, columns): power while on, by what it does."""
    nameplate = np.array([s.system_w for s in result.built.speeds])
    up = sums[..., c.W_UP_S]
    safe = np.maximum(up, 1e-12)
    share = it_power_share(sums[..., c.W_PREFILL_S] / safe, sums[..., c.W_DECODE_S] / safe)
    return np.where(up > 0, share * nameplate * up / 3.6e9, 0.0)


def energy_by_pool(result: FleetResult) -> pd.DataFrame:
    """IT and facility energy, carbon and water of each pool."""
    import pandas as pd

    b = result.built
    regions = [b.region_of(p) for p in b.pools]
    it = _energy_mwh(result, b.state.windows.sum(axis=0))
    facility = it * np.array([r.pue for r in regions])
    return pd.DataFrame(
        {
            "pool": [p.name for p in b.pools],
            "it_mwh": it,
            "facility_mwh": facility,
            "co2_kg": facility * np.array([r.carbon_kg_per_mwh for r in regions]),
            "water_m3": it * np.array([r.water_l_per_kwh for r in regions]),
            "power_usd": facility * np.array([r.power_usd_per_mwh for r in regions]),
        }
    )


def _hourly_usd(result: FleetResult) -> Any:
    """USD per hour that a replica of each pool is on: rent of its chips, power and hall included."""
    return np.array([s.chip_usd_per_h * p.chips for s, p in zip(result.built.speeds, result.built.pools, strict=True)])


def pool_table(result: FleetResult) -> pd.DataFrame:
    """One row per pool: replicas, use, requests, energy, cost."""
    b = result.built
    sums = b.state.windows.sum(axis=0)
    up = sums[:, c.W_UP_S]
    table = energy_by_pool(result)
    table.insert(1, "model", [p.model for p in b.pools])
    table.insert(2, "region", [p.region for p in b.pools])
    table.insert(3, "mean_replicas", up / result.end_s)
    table.insert(4, "requests", b.state.usage[:, :, c.U_REQUESTS].sum(axis=0))
    busy = sums[:, c.W_PREFILL_S] + sums[:, c.W_DECODE_S]
    table.insert(5, "utilisation", busy / np.maximum(up, 1e-12))
    table.insert(6, "mean_batch", sums[:, c.W_BATCH_S] / np.maximum(busy, 1e-12))
    table["cost_usd"] = up / 3600.0 * _hourly_usd(result)
    return table


def tenant_table(result: FleetResult) -> pd.DataFrame:
    """One row per tenant: outcomes, latency, tokens, and its part of energy, carbon, water and cost.

    Shared energy and cost are split by revenue at list prices, which weighs tokens by what they take to make.
    """
    import pandas as pd

    b, q = result.built, result.requests
    totals = {k: float(result.pools[k].sum()) for k in ("facility_mwh", "co2_kg", "water_m3", "cost_usd")}
    prices = [b.models[m].prices for m in b.pool_model]
    weigh = np.array(
        [[p.input_usd_per_mtok, p.cached_usd_per_mtok, p.output_usd_per_mtok] for p in prices], dtype=float
    )
    usage = b.state.usage.astype(float)
    fresh = usage[:, :, c.U_IN] - usage[:, :, c.U_CACHED]
    value = (fresh * weigh[:, 0] + usage[:, :, c.U_CACHED] * weigh[:, 1] + usage[:, :, c.U_OUT] * weigh[:, 2]).sum(
        axis=1
    )
    part = value / value.sum() if value.sum() else np.zeros(len(b.tenants))
    paid = result.invoice.groupby("tenant")["amount_usd"].sum()
    rows = []
    for t, tenant in enumerate(b.tenants):
        own = q.tenant == t
        served = own & (q.status == c.SERVED)
        rows.append(
            {
                "tenant": tenant.name,
                "plan": tenant.plan,
                "requests": int(own.sum()),
                "served": int(served.sum()),
                "good_share": float(q.good[own].mean()) if own.any() else float("nan"),
                **{f"first_token_p{p}_s": _percentile(q.first_token_s[served], p) for p in (50, 99)},
                "token_p99_s": _percentile(q.token_s[served], 99),
                "total_p99_s": _percentile(q.total_s[served], 99),
                "input_tokens": int(usage[t, :, c.U_IN].sum()),
                "cached_tokens": int(usage[t, :, c.U_CACHED].sum()),
                "output_tokens": int(usage[t, :, c.U_OUT].sum()),
                **{name: part[t] * total for name, total in totals.items()},
                "revenue_usd": float(paid.get(tenant.name, 0.0)),
            }
        )
    return pd.DataFrame(rows)


def _percentile(values: Any, percent: float) -> float:
    values = values[~np.isnan(values)]
    return float(np.percentile(values, percent)) if len(values) else float("nan")


def window_table(result: FleetResult) -> pd.DataFrame:
    """One row per window up to the end: arrivals, ends, latency, goodput, budget burn, use, queue, cost.

    Requests count in the window in which they came (arrivals) or ended (everything else).
    """
    import pandas as pd

    b, q = result.built, result.requests
    width = b.config.window_s
    count = min(int(np.ceil(result.end_s / width)), len(b.state.windows))
    ended = q.status >= c.SERVED
    at = np.minimum((np.where(ended, q.finish_s, 0.0) / width).astype(int), count - 1)
    came = np.bincount(np.minimum((q.arrival_s / width).astype(int), count - 1), minlength=count)[:count]

    def ends(which: Any) -> Any:
        return np.bincount(at[which], minlength=count)[:count]

    served = q.status == c.SERVED
    sums = b.state.windows[:count]
    lengths = np.full(count, width)
    lengths[-1] = max(result.end_s - (count - 1) * width, 1e-9)
    up = sums[:, :, c.W_UP_S].sum(axis=1)
    busy = (sums[:, :, c.W_PREFILL_S] + sums[:, :, c.W_DECODE_S]).sum(axis=1)
    good, all_ends = ends(q.good), ends(ended)
    allowed = 1.0 - b.config.objectives.availability
    facility = _energy_mwh(result, sums) * np.array([b.region_of(p).pue for p in b.pools])
    table = pd.DataFrame(
        {
            "start_s": np.arange(count) * width,
            "arrivals": came,
            "arrivals_per_s": came / lengths,
            "served": ends(served),
            "rejected": ends(q.status == c.REJECTED),
            "failed": ends(ended & (q.status >= c.FAILED)),
            "output_tokens_per_s": np.bincount(at[served], weights=q.output_tokens[served], minlength=count)[:count]
            / lengths,
            "good_share": good / np.maximum(all_ends, 1),
            "error_budget_burn": (all_ends - good) / np.maximum(all_ends, 1) / allowed,
            "replicas": up / lengths,
            "utilisation": np.where(up > 0, busy / np.maximum(up, 1e-12), 0.0),
            "running": sums[:, :, c.W_BATCH_S].sum(axis=1) / lengths,
            "waiting": np.maximum(_inside(q, count, width, lengths) - sums[:, :, c.W_BATCH_S].sum(axis=1) / lengths, 0),
            "cost_usd": (sums[:, :, c.W_UP_S] * _hourly_usd(result)).sum(axis=1) / 3600.0,
            "facility_mwh": facility.sum(axis=1),
        }
    )
    for measure in ("first_token_s", "token_s"):
        values = pd.Series(getattr(q, measure)[served]).groupby(at[served])
        for p in PERCENTILES:
            table[f"{measure.removesuffix('_s')}_p{p}_s"] = values.quantile(p / 100).reindex(range(count)).to_numpy()
    return table


def _inside(q: Any, count: int, width: float, lengths: Any) -> Any:
    """Mean number of requests in the system in each window: the integral of arrivals less ends."""
    edges = np.concatenate([np.arange(count) * width, [(count - 1) * width + lengths[-1]]])

    def integral(times: Any) -> Any:
        """Sum over times of max(edge - time, 0) at each edge."""
        ordered = np.sort(times)
        before = np.searchsorted(ordered, edges, side="right")
        sums = np.concatenate([[0.0], np.cumsum(ordered)])
        return before * edges - sums[before]

    entered = q.arrival_s[q.status != c.TO_COME]
    left = q.finish_s[q.status >= c.SERVED]
    return np.diff(integral(entered) - integral(left)) / lengths
