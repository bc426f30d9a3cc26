"""Whatever fails, scales or is called off: each request has one end, memory is given back, tokens billed are served."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from penstock.fleet.build import build
from penstock.fleet.compiled import columns as c
from penstock.fleet.compiled import loop
from penstock.fleet.config_file import load_config
from penstock.fleet.result import gather, unfinished_work
from penstock.fleet.trace import make_trace

N = 60
INSIDE = (c.WAITING, c.RUNNING, c.BACKOFF, c.TRANSFER, c.HANDED_ON)


class AnyFleet(RuleBasedStateMachine):
    """A fleet to which anything may happen."""

    @initialize(
        seed=st.integers(0, 1000),
        central=st.booleans(),
        fair=st.booleans(),
        kind=st.sampled_from(["plain", "cascade", "split"]),
        timeout=st.sampled_from([None, 1.0, 4.0]),
        orphans=st.booleans(),
        errors=st.sampled_from([0.0, 0.2]),
    )
    def begin(
        self, seed: int, central: bool, fair: bool, kind: str, timeout: float | None, orphans: bool, errors: float
    ) -> None:
        rng = np.random.default_rng(seed)
        pool: dict[str, Any] = {
            "name": "a",
            "model": "small",
            "replicas": 3,
            "max_replicas": 5,
            "slots": 4,
            "chunk_tokens": 200,
            "queue": "central" if central else "replica",
            "fair": fair,
            "error_share": errors,
            "cold_start_s": 0.3,
            "breaker_failures": 2,
            "breaker_open_s": 1.0,
            "timing": {
                "overhead_s": 0.01,
                "context_s": 1e-6,
                "prompt_s": 1e-3,
                "memory_tokens": 1500,
            },
        }
        tables: dict[str, Any] = {"pool": [pool], "model": [{"name": "small", "quality": 0.6}, {"name": "large"}]}
        if kind == "cascade":
            tables["pool"].append(pool | {"name": "b", "model": "large"})
            tables["route"] = [{"model": "small", "pools": ["a", "b"], "policy": "cascade"}]
        elif kind == "split":
            tables["pool"][0] = pool | {"role": "prefill", "decode_pool": "b"}
            tables["pool"].append(pool | {"name": "b", "role": "decode"})
        patience = {} if timeout is None else {"timeout_s": timeout}
        tables["tenant"] = [
            {"name": "x", "retries": 2, "retry_budget": 9.0, "backoff_s": 0.2, **patience},
            {"name": "y", "orphans": orphans, "retry_rejected": True, "plan": "batch", **patience},
        ]
        trace = make_trace(np.cumsum(rng.exponential(0.1, N)), rng.integers(1, 900, N), rng.integers(1, 60, N))
        self.built = build(load_config(tables), trace, seed)
        self.state, self.now, self.cancelled = self.built.state, 0.0, set()
        self.replicas = len(self.state.ri)

    @rule(step=st.floats(0.01, 2.0))
    def time_passes(self, step: float) -> None:
        self.now += step
        loop.advance(self.state, self.now, N, 10**9)

    @rule(r=st.integers(0, 9))
    def replica_falls(self, r: int) -> None:
        loop.fall(self.state, r % self.replicas, self.now)

    @rule(r=st.integers(0, 9))
    def replica_rises(self, r: int) -> None:
        loop.rise(self.state, r % self.replicas, self.now)

    @rule(p=st.integers(0, 1), wanted=st.integers(0, 5))
    def pool_scales(self, p: int, wanted: int) -> None:
        loop.scale(self.state, p % len(self.built.pools), wanted, self.now)

    @rule(q=st.integers(0, N - 1))
    def request_is_cancelled(self, q: int) -> None:
        self.cancelled.add(q)
        loop.cancel(self.state, q, self.now)

    @rule(factor=st.floats(1.0, 3.0))
    def power_is_capped(self, factor: float) -> None:
        loop.slow_down(self.state, 0, factor, factor, self.now)

    @invariant()
    def books_close(self) -> None:
        if not hasattr(self, "state"):
            return
        s = self.state
        rows = int(s.counters[c.C_ROWS])
        status = s.qi[:rows, c.STATUS]
        assert int(np.isin(status, INSIDE).sum()) == s.counters[c.C_IN_SYSTEM]
        assert int((status >= c.SERVED).sum()) == s.counters[c.C_FINAL]
        running = np.flatnonzero(status == c.RUNNING)
        size = s.qi[:rows, c.N_IN] + s.qi[:rows, c.N_OUT]
        for r in range(self.replicas):
            own = running[s.qi[running, c.REPLICA] == r]
            assert s.ri[r, c.R_RESERVED] == size[own].sum() <= s.pi[s.ri[r, c.R_POOL], c.P_MEMORY]
            assert len(own) == s.ri[r, c.R_BATCH] + s.ri[r, c.R_PREFILLING] <= s.pi[s.ri[r, c.R_POOL], c.P_SLOTS]
            if s.ri[r, c.R_STATE] in (c.OFF, c.DOWN, c.STARTING):
                assert len(own) == 0 and s.lists[r, 2] == 0
        waiting = np.flatnonzero(status == c.WAITING)
        assert len(waiting) == s.lists[: self.replicas, 2].sum() + s.pi[:, c.P_QUEUED].sum()
        for p in np.flatnonzero(s.pi[:, c.P_FAIR] == 1):
            own = self.built.replicas_of(int(p))
            held = s.held[own.start : own.stop]
            placed = s.ri[own.start : own.stop, c.R_RESERVED] + s.ri[own.start : own.stop, c.R_PROMISED]
            assert np.array_equal(held[:, :, c.H_TOKENS].sum(axis=1), placed)
            assert np.array_equal(held[:, :, c.H_REQUESTS].sum(axis=0), s.standing[p, :, c.V_RUNNING])
            assert s.standing[p, :, c.V_REQUESTS].sum() == s.pi[p, c.P_LOAD]
        made, prompts = unfinished_work(s)
        assert s.counters[c.C_MADE] - s.counters[c.C_LOST] - made == s.usage[:, :, c.U_OUT].sum()
        fresh = s.usage[:, :, c.U_IN] - s.usage[:, :, c.U_CACHED]
        assert s.counters[c.C_PREFILLED] - s.counters[c.C_PREFILL_LOST] - prompts == fresh.sum()

    def teardown(self) -> None:
        """Everything is mended and the fleet runs dry: no request is left over."""
        if not hasattr(self, "state"):
            return
        for r in range(self.replicas):
            while self.state.ri[r, c.R_DOWN]:
                loop.rise(self.state, r, self.now)
        for p in range(len(self.built.pools)):
            loop.scale(self.state, p, 5, self.now)
        loop.advance(self.state, 1e9, N, 10**9)
        loop.close(self.state, float(self.state.scalars[c.S_NOW]))
        self.books_close()
        rows = int(self.state.counters[c.C_ROWS])
        assert (self.state.qi[:rows, c.STATUS] >= c.SERVED).all()
        assert self.state.counters[c.C_IN_SYSTEM] == 0
        result = gather(self.built, seed=1, wall_s=1.0)
        assert result.summary["tokens_served"] == result.summary["tokens_billed"]
        assert result.summary["littles_law_gap"] < 0.01
        called_off = np.flatnonzero(result.requests.status == c.CANCELLED)
        assert set(called_off.tolist()) <= self.cancelled


TestAnyFleet = AnyFleet.TestCase
TestAnyFleet.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
