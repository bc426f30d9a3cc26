"""What becomes of a claim on a company that fails: the rows of `outcomes` beside that of its equity.

The loss of a claim is counted for who held it at the default: what is cut then, and, where the company is wound up
later, what is cut of the rest. Money that a sale or winding-up pays lenders is recovered.
"""

from __future__ import annotations

import numpy as np

from penstock.engine.moment import Block, Moment
from penstock.engine.state import GONE, State

Array = np.ndarray
Piece = tuple[str, Array, Array]
"""instrument, which (firm, path) have a row, share lost"""

DEBTS = ("bond", "loan", "lease")
RECEIVABLE = len(DEBTS)
TINY_USD_BN = 1e-12
"""A tenth of a cent: what bills owe after rounding is no claim."""


class ClaimOutcomes:
    """Claims on the firms of a block: bonds, loans, finance leases and unpaid bills."""

    def __init__(self, block: Block) -> None:
        layout = block.layout
        shape = (len(DEBTS) + 1, layout.firms, block.width)
        self._block = block
        self._kind = np.array([DEBTS.index(name) for name in layout.instrument], dtype=np.intp)
        self._claims, self._kept = np.zeros(shape), np.ones(shape)
        """usd_bn at the default; share of it that is left or was repaid"""

    def note(self, now: Moment) -> None:
        """Keep what a finished quarter cut."""
        if not now.written_down:
            return
        cuts = [cut for cut in now.written_down if cut[0] != "called_of"]
        ends = {name: now.results[name][:2] for name in ("resolved", "liquidated") if name in now.results}
        numbers = [self._number(firms, lanes) for _, firms, lanes, _, _, _ in cuts]
        pairs = np.unique(np.concatenate([*numbers, *(self._number(*pair) for pair in ends.values())]))
        claims, lost = np.zeros((2, len(self._claims), len(pairs)))
        seen: set[str] = set()
        for (name, _, _, ties, claim, cut), number in zip(cuts, numbers, strict=True):
            place = np.searchsorted(pairs, number)
            kind = self._kind[ties] if name == "debts_of" else np.full(len(ties), RECEIVABLE)
            # a firm that is resolved and wound up in one quarter is cut twice: its claims are those of the first cut
            fresh = np.ones(len(ties)) if name not in seen else (claims[kind, place] <= 0.0).astype(float)
            np.add.at(claims, (kind, place), claim * fresh)
            np.add.at(lost, (kind, place), cut)
            seen.add(name)
        for name, (firms, lanes) in ends.items():
            place = np.searchsorted(pairs, self._number(firms, lanes))
            self._settle(firms, lanes, claims[:, place], lost[:, place], first_time=name == "resolved")

    def _number(self, firms: Array, lanes: Array) -> Array:
        """One number for each pair (firm, path)."""
        return firms * self._block.width + lanes

    def _settle(self, firms: Array, lanes: Array, claims: Array, lost: Array, first_time: bool) -> None:
        if first_time:
            self._claims[:, firms, lanes] = claims
        self._kept[:, firms, lanes] *= 1.0 - lost / np.maximum(claims, TINY_USD_BN)

    def lost_now(self, now: Moment, firms: Array, lanes: Array) -> Array:
        """Debt cut in this quarter for each pair (firm, path), usd_bn."""
        total = np.zeros(self._claims.shape[1:])
        for name, debtors, paths, _, _, cut in now.written_down:
            if name == "debts_of":
                np.add.at(total, (debtors, paths), cut)
        return total[firms, lanes]

    def pieces(self, state: State, failed: Array, debt_claims: Array) -> list[Piece]:
        """Rows of every instrument but equity; `failed` and `debt_claims` (usd_bn at the default) are (firms, paths).

        Debts and receivables have a row where such a claim stood at the default. A lease (rent to come) and a supply
        contract have one where the company failed or cut its contracts: the share of them that ends.
        """
        rows: list[Piece] = []
        for kind, name in enumerate((*DEBTS, "receivable")):
            # finance leases are debts: a row `lease` tells the rent, which all tenants owe
            if name == "lease":
                continue
            rows.append((name, failed & (self._claims[kind] > TINY_USD_BN), 1.0 - self._kept[kind]))
        # without contagion nothing is cut, and a claim loses nothing
        untouched = failed & (debt_claims > 0.0) & (self._claims[:RECEIVABLE].sum(axis=0) <= 0.0)
        rows[DEBTS.index("loan")] = ("loan", rows[DEBTS.index("loan")][1] | untouched, rows[DEBTS.index("loan")][2])
        ended = self._contracts_ended(state, failed)
        return [*rows, *((name, failed | (ended > 0.0), ended) for name in ("lease", "supply"))]

    def _contracts_ended(self, state: State, failed: Array) -> Array:
        """Share of the contracts that each firm pays (compute, rent, energy) which has ended, (firms, paths)."""
        block, layout = self._block, self._block.layout
        left = np.where(state.firms.stage >= GONE, 0.0, block.cache["contract_left"][:, None])
        ended = np.where(failed & block.program.switches.contagion, 1.0 - left, 0.0)
        first, ties = block.ties_of["contracts_of"]
        has = first[1:] > first[:-1]
        # a cut strikes all contracts of a firm alike, so any of them tells it
        ended[has] = 1.0 - state.ties.activity[ties[first[:-1][has]]]
        return np.asarray(ended[: layout.firms])
