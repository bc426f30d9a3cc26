"""What a simulation of a fleet gives: requests, windows, pools, tenants, invoices, and one page of figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.errors import ModelError
from penstock.fleet.build import Built
from penstock.fleet.compiled import columns as c
from penstock.fleet.metering import invoice, margin
from penstock.fleet.trace import Floats, Integers
from penstock.fleet.watching import energy_by_pool, pool_table, tenant_table, window_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Requests:
    """What became of each request of the trace, (requests,).

    Attributes:
        status: code, see `penstock.fleet.compiled.columns.STATUS_NAMES`.
        first_token_s: from arrival to the first token that the customer sees, network included; NaN if not served.
        token_s: mean time of a token after the first; NaN with one token or if not served.
        total_s: from arrival to the end, however it ended; NaN if it has not.
        good: served within both objectives.
        pool, replica: where the answer came from, -1 if none.
    """

    arrival_s: Floats
    input_tokens: Integers
    output_tokens: Integers
    cached_tokens: Integers
    tenant: Integers
    status: Integers
    first_token_s: Floats
    token_s: Floats
    total_s: Floats
    finish_s: Floats
    good: np.ndarray
    pool: Integers
    replica: Integers
    attempts: Integers
    escalated: np.ndarray


@dataclass(frozen=True)
class FleetResult:
    """A simulated fleet.

    `summary` holds the figures, `requests` the outcome of each, the tables are data frames made when asked for.
    """

    built: Built
    requests: Requests
    summary: dict[str, Any]
    seed: int
    end_s: float

    @cached_property
    def windows(self) -> pd.DataFrame:
        """One row per window of `window_s`."""
        return window_table(self)

    @cached_property
    def pools(self) -> pd.DataFrame:
        """One row per pool."""
        return pool_table(self)

    @cached_property
    def tenants(self) -> pd.DataFrame:
        """One row per tenant."""
        return tenant_table(self)

    @cached_property
    def invoice(self) -> pd.DataFrame:
        """Lines that sum to the platform's revenue."""
        b = self.built
        return invoice(b.state.usage, b.tenants, b.models, [int(m) for m in b.pool_model], self.end_s / 3600.0)

    def percentile(self, measure: str, percent: float) -> float:
        """A percentile of `first_token_s`, `token_s` or `total_s` over served requests; NaN where there are none."""
        values = getattr(self.requests, measure)[self.requests.status == c.SERVED]
        values = values[~np.isnan(values)]
        return float(np.percentile(values, percent)) if len(values) else float("nan")

    def to_pandas(self) -> pd.DataFrame:
        """The windows."""
        return self.windows

    def to_dict(self) -> dict[str, Any]:
        """Everything but the single requests, in plain values; the figures stand at the top."""
        return {
            **self.summary,
            "pools": self.pools.to_dict(orient="records"),
            "tenants": self.tenants.to_dict(orient="records"),
            "invoice": self.invoice.to_dict(orient="records"),
            "windows": self.windows.to_dict(orient="records"),
        }

    def _repr_html_(self) -> str:
        import pandas as pd

        return pd.DataFrame({"value": self.summary}).to_html()

    def __repr__(self) -> str:
        s = self.summary
        return f"FleetResult({s['fleet']}: {s['served']:,} of {s['requests']:,} requests served, seed {self.seed})"


def gather(built: Built, *, seed: int, wall_s: float) -> FleetResult:
    """The result of a run that is over. Raises ModelError where tokens billed are not tokens served."""
    requests = outcomes(built)
    end = max(float(built.state.scalars[c.S_LAST]), 1e-9)
    result = FleetResult(built, requests, {}, seed, end)
    result.summary.update(figures(result, wall_s))
    served, billed = result.summary["tokens_served"], result.summary["tokens_billed"]
    if served != billed:
        raise ModelError(f"fleet: found {billed:,} tokens billed and {served:,} served; expected the same number")
    return result


def outcomes(built: Built) -> Requests:
    """The outcome of each request of the trace; of repeated calls of one request the first answer counts."""
    state, n = built.state, built.requests
    rows = int(state.counters[c.C_ROWS])
    qi, qf = state.qi[:rows], state.qf[:rows]
    answer = np.arange(n)
    if rows > n:
        extra = np.arange(n, rows)[qi[n:, c.STATUS] == c.SERVED]
        order = extra[np.argsort(-qf[extra, c.FINISH], kind="stable")]  # the earliest is written last
        first = np.full(n, -1)
        first[qi[order, c.ROOT]] = order
        better = (first >= 0) & (qi[:n, c.STATUS] != c.SERVED)
        answer = np.where(better, first, answer)
    # copying whole rows of a million requests takes longer than serving them
    whole, real = (qi[:n], qf[:n]) if rows == n else (qi[answer], qf[answer])
    got = {k: whole[:, k].copy() for k in (c.STATUS, c.POOL, c.REPLICA, c.N_OUT, c.CACHED, c.ATTEMPT, c.STAGE)}
    status = got[c.STATUS]
    served = status == c.SERVED
    arrival, first_s, finish = qf[:n, c.ARRIVAL].copy(), real[:, c.FIRST].copy(), real[:, c.FINISH].copy()
    latency = np.array([built.region_of(p).latency_s for p in built.pools])
    network = np.where(got[c.POOL] >= 0, latency[np.maximum(got[c.POOL], 0)], 0.0)
    first_token = np.where(served, first_s - arrival + network, np.nan)
    more = served & (got[c.N_OUT] > 1)
    token = np.full(n, np.nan)
    token[more] = (finish - first_s)[more] / (got[c.N_OUT][more] - 1)
    promise = built.config.objectives
    good = served & (first_token <= promise.first_token_s) & ~(token > promise.token_s)
    return Requests(
        arrival_s=arrival,
        input_tokens=qi[:n, c.N_IN],
        output_tokens=got[c.N_OUT],
        cached_tokens=got[c.CACHED],
        tenant=qi[:n, c.TENANT],
        status=status,
        first_token_s=first_token,
        token_s=token,
        total_s=finish - arrival + network,
        finish_s=finish,
        good=good,
        pool=np.where(served, got[c.POOL], -1),
        replica=np.where(served, got[c.REPLICA], -1),
        attempts=got[c.ATTEMPT] + 1,
        escalated=got[c.STAGE] > 0,
    )


def unfinished_work(state: c.State) -> tuple[int, int]:
    """Answer tokens made and prompt tokens processed of attempts that have not ended."""
    rows = int(state.counters[c.C_ROWS])
    qi = state.qi[:rows]
    running = np.flatnonzero(qi[:, c.STATUS] == c.RUNNING)
    decoding = running[(qi[running, c.LIST] < 0)]
    made = qi[decoding, c.N_OUT] - (qi[decoding, c.ENDS] - state.ri[qi[decoding, c.REPLICA], c.R_COUNTER])
    moving = np.flatnonzero((qi[:, c.STATUS] == c.TRANSFER) | ((qi[:, c.STATUS] == c.WAITING) & (qi[:, c.EMITTED] > 0)))
    inside = np.concatenate([running, moving])
    prompts = int((qi[inside, c.DONE] - qi[inside, c.CACHED]).sum())
    return int(made.sum() + qi[moving, c.EMITTED].sum()), prompts


def figures(result: FleetResult, wall_s: float) -> dict[str, Any]:
    """The figures of a run, by name with units."""
    b, q = result.built, result.requests
    k, n, usage = b.state.counters, b.requests, b.state.usage
    ends = {name: int((q.status == code).sum()) for code, name in enumerate(c.STATUS_NAMES)}
    made, prompts = unfinished_work(b.state)
    output_served = int(k[c.C_MADE] - k[c.C_LOST]) - made
    input_served = int(k[c.C_PREFILLED] - k[c.C_PREFILL_LOST]) - prompts + int(usage[:, :, c.U_CACHED].sum())
    energy, cost = energy_by_pool(result), float(result.pools["cost_usd"].sum())
    revenue = float(result.invoice["amount_usd"].sum())
    area, span = float(b.state.scalars[c.S_AREA]), result.end_s
    ended = q.status >= c.SERVED
    good = int(q.good.sum())
    promise = b.config.objectives
    bad_share = 1.0 - good / max(int(ended.sum()), 1)
    up = float(b.state.windows[:, :, c.W_UP_S].sum())
    busy = float(b.state.windows[:, :, c.W_PREFILL_S].sum() + b.state.windows[:, :, c.W_DECODE_S].sum())
    seats = sum(float(b.state.windows[:, p, c.W_UP_S].sum()) * pool.slots for p, pool in enumerate(b.pools))
    return {
        "fleet": b.config.name,
        "trace": b.trace.name,
        "policy": ", ".join(dict.fromkeys(_policy(p) for p in b.pools)),
        "seed": result.seed,
        "requests": n,
        "served": ends["served"],
        "rejected": ends["rejected"],
        "failed": ends["failed"],
        "cancelled": ends["cancelled"],
        "timed_out": ends["timed_out"],
        "unfinished": int((~ended).sum()),
        "retries": int(k[c.C_RETRIES]),
        "escalated": int(k[c.C_ESCALATED]),
        "good_share": good / n,
        "error_budget_burn": bad_share / (1.0 - promise.availability),
        "first_token_p50_s": result.percentile("first_token_s", 50),
        "first_token_p90_s": result.percentile("first_token_s", 90),
        "first_token_p99_s": result.percentile("first_token_s", 99),
        "token_p50_s": result.percentile("token_s", 50),
        "token_p90_s": result.percentile("token_s", 90),
        "token_p99_s": result.percentile("token_s", 99),
        "utilisation": busy / up if up else 0.0,
        "slot_utilisation": float(b.state.windows[:, :, c.W_BATCH_S].sum()) / seats if seats else 0.0,
        "mean_in_system": area / span,
        "littles_law_gap": _littles_gap(b, area, span),
        "tokens_served": input_served + output_served,
        "tokens_billed": int(usage[:, :, c.U_IN].sum() + usage[:, :, c.U_OUT].sum()),
        "input_tokens_served": input_served,
        "cached_tokens_served": int(usage[:, :, c.U_CACHED].sum()),
        "output_tokens_served": output_served,
        "tokens_lost": int(k[c.C_LOST] + k[c.C_PREFILL_LOST]),
        "simulated_s": span,
        "energy_mwh": float(energy["facility_mwh"].sum()),
        "co2_kg": float(energy["co2_kg"].sum()),
        "water_m3": float(energy["water_m3"].sum()),
        "revenue_usd": revenue,
        "cost_usd": cost,
        "cost_usd_per_mtok": cost / max(input_served + output_served, 1) * 1e6,
        "margin_on_cost": margin(revenue, cost),
        "wall_s": wall_s,
        "requests_per_s": n / wall_s if wall_s > 0 else float("inf"),
        "iterations_per_request": int(k[c.C_ITERATIONS]) / n,
        "plans_per_request": int(k[c.C_PLANS]) / n,
        "tokens_per_request": b.trace.tokens / n,
    }


def _policy(pool: Any) -> str:
    queue = "weighted fair queue" if pool.fair else f"{pool.queue} queue"
    return f"{pool.router}, {queue}, chunk {pool.chunk_tokens}"


def _littles_gap(b: Built, area: float, span: float) -> float:
    """Mean number inside against rate times mean time inside, relative; the two are counted apart."""
    rows = int(b.state.counters[c.C_ROWS])
    qf = b.state.qf[:rows]
    entered = b.state.qi[:rows, c.STATUS] != c.TO_COME
    left = np.where(np.isnan(qf[:, c.FINISH]), span, qf[:, c.FINISH])
    stayed = float((left - qf[:, c.ARRIVAL])[entered].sum())
    return abs(area - stayed) / max(stayed, 1e-12)
