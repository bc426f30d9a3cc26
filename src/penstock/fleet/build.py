"""From a fleet and a trace to the arrays that the compiled loop works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penstock.errors import InputError
from penstock.fleet.compiled import columns as c
from penstock.fleet.config import FleetConfig, Model, Pool, Region, Route, Tenant
from penstock.fleet.performance import Speed, speed_of
from penstock.fleet.trace import Integers, Trace
from penstock.world.naming import nearest_name

ORPHAN_ROWS = 6
"""Rows kept per request of a tenant whose calls run on after it has stopped waiting, at most."""


@dataclass(frozen=True)
class Built:
    """A fleet ready to run: state, and what its numbers stand for."""

    state: c.State
    config: FleetConfig
    trace: Trace
    tenants: tuple[Tenant, ...]
    routes: tuple[Route, ...]
    models: tuple[Model, ...]
    pool_model: Integers
    speeds: tuple[Speed, ...]
    zones: Integers
    """(replicas,) zone of each within its region"""
    requests: int

    @property
    def pools(self) -> tuple[Pool, ...]:
        """The pools, in the order of the file."""
        return self.config.pool

    def region_of(self, pool: Pool) -> Region:
        """The region in which a pool stands."""
        return next(r for r in self.config.region if r.name == pool.region)

    def replicas_of(self, p: int) -> range:
        """Numbers of the replicas of a pool."""
        first = int(self.state.pi[p, c.P_FIRST])
        return range(first, first + int(self.state.pi[p, c.P_COUNT]))


def build(config: FleetConfig, trace: Trace, seed: int) -> Built:
    """The arrays of a run.

    Raises InputError: what fits into no replica, names of the trace that the fleet does not know.
    """
    models = _models(config)
    routes, group = _routes(config, trace)
    tenants, tenant = _tenants(config, trace, seed)
    speeds = tuple(speed_of(p, _model_of(p, models)) for p in config.pool)
    counts = np.array([max(p.max_replicas or 0, p.replicas) for p in config.pool])
    state = _allocate(config, trace, len(tenants), len(routes), counts, _spare_rows(tenants, tenant))
    _requests(state, trace, tenant, group)
    model_at = {m.name: k for k, m in enumerate(models)}
    pool_model = np.array([model_at[p.model] for p in config.pool], dtype=np.int64)
    for p, pool in enumerate(config.pool):
        _pool(state, p, pool, config, speeds[p], int(counts[:p].sum()), int(counts[p]))
        state.pi[p, c.P_MODEL] = pool_model[p]
        model = models[pool_model[p]]
        state.pf[p, c.F_QUALITY] = model.quality
        state.pf[p, c.F_PRICE] = 0.5 * (model.prices.input_usd_per_mtok + model.prices.output_usd_per_mtok)
    for t, who in enumerate(tenants):
        _tenant(state, t, who)
    place_of = {p.name: k for k, p in enumerate(config.pool)}
    for g, route in enumerate(routes):
        state.groups[g, c.G_POLICY] = c.MODEL_POLICIES.index(route.policy)
        state.groups[g, c.G_COUNT] = len(route.pools)
        state.groups[g, c.G_FIRST : c.G_FIRST + len(route.pools)] = [place_of[name] for name in route.pools]
    state.scalars[c.S_SEED] = seed % 2**31
    state.scalars[c.S_WINDOW] = config.window_s
    state.scalars[c.S_W_LATENCY] = config.score.latency_usd_per_s
    state.scalars[c.S_W_QUALITY] = config.score.quality_usd
    state.scalars[c.S_JITTER] = 1.0
    zones = np.concatenate(
        [
            np.arange(n) % next(r.zones for r in config.region if r.name == p.region)
            for p, n in zip(config.pool, counts, strict=True)
        ]
    )
    _plausible(config, trace, speeds)
    return Built(state, config, trace, tenants, routes, models, pool_model, speeds, zones, len(trace))


def _models(config: FleetConfig) -> tuple[Model, ...]:
    """The models of the file; one per name that pools use where it has none."""
    named = config.model or tuple(Model(name=n) for n in dict.fromkeys(p.model for p in config.pool))
    return named


def _model_of(pool: Pool, models: tuple[Model, ...]) -> Model:
    return next(m for m in models if m.name == pool.model)


def _routes(config: FleetConfig, trace: Trace) -> tuple[tuple[Route, ...], Integers]:
    """Routes, and the number of its route for each request."""
    routes = config.route
    if not routes:
        front = [p for p in config.pool if p.role != "decode"]
        if not front:
            raise InputError(f"{config.name}: pool: found only role decode; expected one that takes requests")
        names = dict.fromkeys(p.model for p in front)
        routes = tuple(Route(model=m, pools=tuple(p.name for p in front if p.model == m)) for m in names)
    at = {r.model: g for g, r in enumerate(routes)}
    known = [m for m in trace.models if m in at]
    if not known:  # the trace names no model of this fleet: all ask for the first
        return routes, np.zeros(len(trace), np.int64)
    for name in trace.models:
        if name not in at:
            near = nearest_name(name, at)
            hint = f"; nearest {near}" if near else ""
            raise InputError(f"{trace.name}: model: found {name!r}; expected one of {', '.join(at)}{hint}")
    return routes, np.array([at[m] for m in trace.models], dtype=np.int64)[trace.model]


def _tenants(config: FleetConfig, trace: Trace, seed: int) -> tuple[tuple[Tenant, ...], Integers]:
    """Tenants, and the number of its tenant for each request; drawn by share where the trace names none."""
    if trace.tenants == ("all",):
        shares = np.array([t.share for t in config.tenant])
        edges = np.cumsum(shares / shares.sum())
        draws = np.random.default_rng([seed, 17]).random(len(trace))
        return config.tenant, np.minimum(np.searchsorted(edges, draws, side="right"), len(shares) - 1).astype(np.int64)
    named = {t.name: t for t in config.tenant}
    template = config.tenant[0] if len(config.tenant) == 1 and config.tenant[0].name == "all" else None
    found = []
    for name in trace.tenants:
        if name in named:
            found.append(named[name])
        elif template is not None:
            found.append(template.model_copy(update={"name": name}))
        else:
            near = nearest_name(name, named)
            hint = f"; nearest {near}" if near else ""
            raise InputError(f"{trace.name}: tenant: found {name!r}; expected one of {', '.join(named)}{hint}")
    return tuple(found), trace.tenant


def _spare_rows(tenants: tuple[Tenant, ...], tenant: Integers) -> int:
    counts = np.bincount(tenant, minlength=len(tenants))
    return int(sum(n * min(t.retries, ORPHAN_ROWS) for t, n in zip(tenants, counts, strict=True) if t.orphans))


def _allocate(config: FleetConfig, trace: Trace, tenants: int, routes: int, counts: Integers, spare: int) -> c.State:
    rows, replicas, pools = len(trace) + spare, int(counts.sum()), len(config.pool)
    slots = max(p.slots for p in config.pool)
    size = 1
    while size < replicas:
        size *= 2
    winners = np.full(2 * size, replicas, np.int64)
    winners[size : size + replicas] = np.arange(replicas)
    for node in range(size - 1, 0, -1):
        winners[node] = winners[2 * node]
    windows = int((trace.span_s + config.drain_s) / config.window_s) + 2
    return c.State(
        qi=np.zeros((rows, c.REQUEST_INTS), np.int64),
        qf=np.full((rows, c.REQUEST_FLOATS), np.nan),
        ri=np.zeros((replicas, c.REPLICA_INTS), np.int64),
        rf=np.zeros((replicas, c.REPLICA_FLOATS)),
        pi=np.zeros((pools, c.POOL_INTS), np.int64),
        pf=np.zeros((pools, c.POOL_FLOATS)),
        steps=np.zeros((pools, slots + 1, 4)),
        knots=np.zeros((pools, max(max((len(p.timing.prompt_tokens) if p.timing else 0) for p in config.pool), 1), 2)),
        heap_ends=np.zeros((replicas, slots + 1), np.int64),
        heap_who=np.zeros((replicas, slots + 1), np.int64),
        lists=np.tile(np.array([-1, -1, 0], np.int64), (2 * replicas + pools * tenants, 1)),
        winners=winners,
        timer_who=np.zeros(rows + replicas, np.int32),
        timer_at=np.full(rows + replicas, -1, np.int32),
        timer_when=np.zeros(rows + replicas),
        tf=np.zeros((tenants, c.TENANT_FLOATS)),
        ti=np.zeros((tenants, c.TENANT_INTS), np.int64),
        last_tag=np.zeros((pools, tenants)),
        standing=np.zeros((pools, tenants, c.STANDINGS)),
        held=np.zeros((replicas, tenants, c.HOLDINGS), np.int64),
        groups=np.zeros((routes, c.G_FIRST + pools), np.int64),
        cache=np.full((replicas, max(max(p.cache_prefixes for p in config.pool), 1)), -1, np.int64),
        windows=np.zeros((windows, pools, c.WINDOW_SUMS)),
        usage=np.zeros((tenants, pools, c.USAGE_SUMS), np.int64),
        counters=np.zeros(c.COUNTERS, np.int64),
        scalars=np.zeros(c.SCALARS),
    )


def _requests(state: c.State, trace: Trace, tenant: Integers, group: Integers) -> None:
    n = len(trace)
    qi, qf = state.qi, state.qf
    qi[:n, c.N_IN], qi[:n, c.N_OUT] = trace.input_tokens, trace.output_tokens
    qi[:n, c.TENANT], qi[:n, c.GROUP] = tenant, group
    qi[:n, c.PREFIX], qi[:n, c.SHAREABLE] = trace.prefix, trace.shareable_tokens
    qi[:, c.POOL], qi[:, c.REPLICA], qi[:, c.LIST] = -1, -1, -1
    qi[:n, c.ROOT] = np.arange(n)
    qf[:n, c.ARRIVAL] = trace.arrival_s
    state.standing[:, :, c.V_LAST] = -np.inf
    state.counters[c.C_ROWS] = n
    state.counters[c.C_CAPACITY] = len(qi)
    state.counters[c.C_REPLICAS], state.counters[c.C_TENANTS] = len(state.ri), len(state.ti)
    state.counters[c.C_POOLS] = len(state.pi)
    state.counters[c.C_WINDOWS], state.counters[c.C_LEAVES] = len(state.windows), len(state.winners) // 2


def _pool(state: c.State, p: int, pool: Pool, config: FleetConfig, speed: Speed, first: int, count: int) -> None:
    pi, pf, last = state.pi[p], state.pf[p], first + count
    pi[c.P_FIRST], pi[c.P_COUNT] = first, count
    pi[c.P_SLOTS], pi[c.P_MEMORY], pi[c.P_CHUNK] = pool.slots, speed.memory_tokens, pool.chunk_tokens
    pi[c.P_MIXED], pi[c.P_SKIP], pi[c.P_FAIR] = pool.mixed, pool.skip_ahead, pool.fair
    pi[c.P_ROLE] = ("both", "prefill", "decode").index(pool.role)
    pi[c.P_CENTRAL] = pool.queue == "central" or pool.fair
    pi[c.P_ROUTER] = c.ROUTERS.index(pool.router)
    pi[c.P_QUEUE_LIMIT] = -1 if pool.queue_limit is None else pool.queue_limit
    pi[c.P_WANTED], pi[c.P_UP] = pool.replicas, pool.replicas
    pi[c.P_BREAKER], pi[c.P_CACHE] = pool.breaker_failures, pool.cache_prefixes
    pi[c.P_BACKFILL_SLOTS] = pool.slots // 2 if pool.backfill_slots is None else pool.backfill_slots
    pi[c.P_KNOTS] = len(speed.knots)
    names = [other.name for other in config.pool]
    pi[c.P_NEXT_POOL] = names.index(pool.decode_pool) if pool.decode_pool else -1
    pf[c.F_MEM_K], pf[c.F_PF_TOKEN] = speed.context_s, speed.prompt_s
    pf[c.F_PF_ATTENTION] = speed.prompt_squared_s
    pf[c.F_WORK], pf[c.F_WORK_K] = speed.work_s, speed.work_context_s
    pf[c.F_HALF], pf[c.F_TRAFFIC] = speed.half_tokens, speed.traffic_s
    pf[c.F_SLOW_DECODE] = pf[c.F_SLOW_PREFILL] = 1.0
    pf[c.F_MAX_WAIT] = np.inf if pool.max_wait_s is None else pool.max_wait_s
    pf[c.F_COLD_START], pf[c.F_ERROR], pf[c.F_OPEN_S] = pool.cold_start_s, pool.error_share, pool.breaker_open_s
    pf[c.F_TRANSFER] = speed.token_bytes / (1e9 * pool.transfer_gb_per_s)
    pf[c.F_LATENCY] = next(r.latency_s for r in config.region if r.name == pool.region)
    pf[c.F_STRETCH] = pool.fair_stretch
    pf[c.F_SLACK], pf[c.F_PER_REQUEST], pf[c.F_PER_TOKEN] = _felt(speed, pool.fair_stretch)
    state.steps[p, : len(speed.steps)] = speed.steps
    state.knots[p, : len(speed.knots)] = speed.knots
    state.ri[first:last, c.R_POOL] = p
    state.ri[first : first + pool.replicas, c.R_STATE] = c.UP
    state.rf[first:last, c.X_NEXT] = np.inf
    state.rf[first:last, c.X_SLOW] = 1.0


def _felt(speed: Speed, stretch: float) -> tuple[float, float, float]:
    """Seconds that answers of tenants over their share may add to the shortest iteration, half of the stretch; and the
    most that one answer, and one token of context, add."""
    alone = speed.steps[1:, 0] + np.maximum(speed.steps[1:, 1], speed.steps[1:, 2])
    more = (alone[1:] - alone[0]) / np.arange(1, len(alone))
    per_token = max(speed.context_s, float(speed.steps[1:, 3].max()))
    return 0.5 * stretch * float(alone[0]), max(float(more.max(initial=0.0)), 0.0), per_token


def _tenant(state: c.State, t: int, who: Tenant) -> None:
    tf, ti = state.tf[t], state.ti[t]
    rate = np.inf if who.tokens_per_s is None else who.tokens_per_s
    tf[c.N_WEIGHT], tf[c.N_RATE] = who.weight, rate
    tf[c.N_BURST] = tf[c.N_LEVEL] = np.inf if who.tokens_per_s is None else who.burst_tokens or 60.0 * rate
    tf[c.N_TIMEOUT] = np.inf if who.timeout_s is None else who.timeout_s
    tf[c.N_BACKOFF] = who.backoff_s
    limitless = who.retry_budget is None or who.retry_budget >= max(who.retries, 1)
    tf[c.N_BUDGET] = np.inf if limitless else float(who.retry_budget or 0.0)
    tf[c.N_BUDGET_LEVEL] = 10.0
    ti[c.M_PRIORITY], ti[c.M_RETRIES] = who.priority, who.retries
    ti[c.M_ORPHANS], ti[c.M_RETRY_REJECTED] = who.orphans, who.retry_rejected
    ti[c.M_BACKFILL] = who.plan == "batch"


def _plausible(config: FleetConfig, trace: Trace, speeds: tuple[Speed, ...]) -> None:
    largest = int((trace.input_tokens + trace.output_tokens).min())
    room = max(s.memory_tokens for s in speeds)
    if largest > room:
        raise InputError(
            f"{config.name}: memory: found room for {room:,} tokens beside the weights; "
            f"expected at least {largest:,}, the smallest request of {trace.name}"
        )
