"""What a router written in Python sees, and how its choice is carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from penstock.errors import UsageError
from penstock.fleet.build import Built
from penstock.fleet.compiled import columns as c
from penstock.fleet.trace import Integers


@dataclass(frozen=True)
class Request:
    """A request at the moment of its arrival. The length of its answer is not known to a router."""

    number: int
    arrival_s: float
    input_tokens: int
    tenant: str
    model: str
    prefix: int


class FleetView:
    """The fleet as a router may see it: numbers per replica, read when asked for."""

    def __init__(self, built: Built) -> None:
        self._built = built

    def replicas(self, pool: str) -> range:
        """Numbers of a pool's replicas."""
        names = [p.name for p in self._built.pools]
        return self._built.replicas_of(names.index(pool))

    @property
    def ready(self) -> np.ndarray:
        """(replicas,) whether each may be chosen."""
        return np.asarray(self._built.state.ri[:, c.R_STATE] == c.UP)

    @property
    def load(self) -> Integers:
        """(replicas,) requests on each and waiting at it."""
        ri, lists = self._built.state.ri, self._built.state.lists
        return np.asarray(ri[:, c.R_BATCH] + ri[:, c.R_PREFILLING] + lists[: len(ri), 2], dtype=np.int64)

    @property
    def memory_tokens(self) -> Integers:
        """(replicas,) tokens of memory promised to running requests."""
        return np.asarray(self._built.state.ri[:, c.R_RESERVED], dtype=np.int64)

    def request(self, q: int) -> Request:
        """A request by its row."""
        row, built = self._built.state.qi[q], self._built
        return Request(
            number=q,
            arrival_s=float(built.state.qf[q, c.ARRIVAL]),
            input_tokens=int(row[c.N_IN]),
            tenant=built.tenants[row[c.TENANT]].name,
            model=built.routes[row[c.GROUP]].model,
            prefix=int(row[c.PREFIX]),
        )

    def place(self, q: int, router: Router) -> None:
        """Let the router choose for the next arrival; None leaves the choice to the compiled policy."""
        from penstock.fleet.compiled import loop

        chosen = router(self, self.request(q))
        replicas = len(self._built.state.ri)
        if chosen is not None and not 0 <= int(chosen) < replicas:
            raise UsageError(f"router: found replica {chosen}; expected a number from 0 to {replicas - 1} or None")
        loop.arrive_at(self._built.state, q, -1 if chosen is None else int(chosen))


Router = Callable[[FleetView, Request], "int | None"]
