"""What becomes of a claim on a company that fails: the rows of `outcomes` beside that of its equity.

The loss of a claim is counted for who held it at the default: what is cut then, and, where the company is wound up
later, what is cut of the rest. Money that a sale or winding-up pays lenders is recovered.
"""

from __future__ import annotations

from penstock.arrays import np
from penstock.engine.layout import Layout
from penstock.engine.moment import Block, Moment
from penstock.engine.state import GONE, State
from penstock.money.kernels import _CUBE, _FLAG, _IDX_IN, _VEC_IN
from penstock.passes import boolean, kernel, void

Array = np.ndarray
Piece = tuple[str, Array, Array]
"""instrument, which (firm, path) have a row, share lost"""

DEBTS = ("bond", "loan", "lease")
RECEIVABLE = len(DEBTS)
TINY_USD_BN = 1e-12
"""A tenth of a cent: what bills owe after rounding is no claim."""


def kinds_of_debt(layout: Layout) -> Array:
    """Index into DEBTS of each debt tie."""
    return np.array([DEBTS.index(name) for name in layout.instrument], dtype=np.intp)


class ClaimOutcomes:
    """Claims on the firms of a block: bonds, loans, finance leases and unpaid bills."""

    def __init__(self, block: Block) -> None:
        layout = block.layout
        # kinds last: those of a pair (firm, path) stand together
        shape = (layout.firms, block.width, len(DEBTS) + 1)
        self._block = block
        self._kind = block.facts.once("kinds_of_debt", lambda: kinds_of_debt(layout))
        self._bill = np.full(layout.operating.stop, RECEIVABLE, dtype=np.intp)
        self._claims, self._kept = np.zeros(shape), np.ones(shape)
        """usd_bn at the default; share of it that is left or was repaid"""
        # room to add up the cuts of a quarter, zero between quarters
        self._whole, self._lost = np.zeros((2, *shape))

    def note(self, now: Moment) -> None:
        """Keep what a finished quarter cut."""
        cuts = [cut for cut in now.written_down if cut[0] != "called_of"]
        seen: set[str] = set()
        for name, debtor, path, tie, claim, lost in cuts:
            # a firm that is resolved and wound up in one quarter is cut twice: its claims are those of the first cut
            add_cut(
                debtor, path, tie, self._kind_of(name), claim, lost, name not in seen, self._whole, self._lost,
                np.empty(len(tie), dtype=bool),
            )  # fmt: skip
            seen.add(name)
        for name in ("resolved", "liquidated"):
            if name in now.results and cuts:
                firms, lanes = now.results[name][:2]
                keep_cut(firms, lanes, name == "resolved", self._whole, self._lost, self._claims, self._kept)
        for _, debtor, path, *_ in cuts:
            forget_cut(debtor, path, self._whole, self._lost)

    def _kind_of(self, name: str) -> Array:
        return self._kind if name == "debts_of" else self._bill

    def lost_now(self, now: Moment, firms: Array, lanes: Array) -> Array:
        """Debt cut in this quarter for each pair (firm, path), usd_bn."""
        cuts = [cut for name, *cut in now.written_down if name == "debts_of"]
        for debtor, path, _, _, lost in cuts:
            add_lost(debtor, path, lost, self._lost)
        found = self._lost[firms, lanes, 0]
        for debtor, path, *_ in cuts:
            forget_cut(debtor, path, self._whole, self._lost)
        return found

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
            rows.append((name, failed & (self._claims[:, :, kind] > TINY_USD_BN), 1.0 - self._kept[:, :, kind]))
        # without contagion nothing is cut, and a claim loses nothing
        untouched = failed & (debt_claims > 0.0)
        for kind in range(RECEIVABLE):
            untouched &= self._claims[:, :, kind] <= 0.0
        rows[DEBTS.index("loan")] = ("loan", rows[DEBTS.index("loan")][1] | untouched, rows[DEBTS.index("loan")][2])
        ended = self._contracts_ended(state, failed)
        return [*rows, *((name, failed | (ended > 0.0), ended) for name in ("lease", "supply"))]

    def _contracts_ended(self, state: State, failed: Array) -> Array:
        """Share of the contracts that each firm pays (compute, rent, energy) which has ended, (firms, paths)."""
        block, layout = self._block, self._block.layout
        left = np.where(state.firms.stage >= GONE, 0.0, block.cache["contract_left"][:, None])
        ended = np.where(failed & block.program.switches.contagion, 1.0 - left, 0.0)
        first, ties = block.ties_of["contracts_of"]
        has = np.flatnonzero(first[1:] > first[:-1])
        # a cut strikes all contracts of a firm alike, so any of them tells it
        ended[has] = 1.0 - state.ties.activity[ties[first[:-1][has]]]
        return np.asarray(ended[: layout.firms])


@kernel(
    void(*[_IDX_IN] * 4, _VEC_IN, _VEC_IN, boolean, _CUBE, _CUBE, _FLAG),
    pairs=("debtor", "path", "tie", "claim", "lost", "fresh"),
)
def add_cut(
    debtor: Array,
    path: Array,
    tie: Array,
    kind_of: Array,
    claim: Array,
    lost: Array,
    first_cut: bool,
    claims: Array,
    cuts: Array,
    fresh: Array,
) -> None:
    """Add what is cut of claims to `cuts`, and what they were to `claims`, by debtor, path and kind of their tie.

    Where it is not the `first_cut`, claims count of those alone of whom nothing was cut before. `fresh`, an
    entry a claim, is room to work in.
    """
    for k in range(tie.shape[0]):
        fresh[k] = True
    if not first_cut:
        for k in range(tie.shape[0]):
            fresh[k] = claims[debtor[k], path[k], kind_of[tie[k]]] <= 0.0
    for k in range(tie.shape[0]):
        kind, f, n = kind_of[tie[k]], debtor[k], path[k]
        if fresh[k]:
            claims[f, n, kind] += claim[k]
        cuts[f, n, kind] += lost[k]


@kernel(void(_IDX_IN, _IDX_IN, _VEC_IN, _CUBE), pairs=("debtor", "path", "lost"))
def add_lost(debtor: Array, path: Array, lost: Array, total: Array) -> None:
    """Add what is `lost` on claims to the `total` of their debtor and path, as of the first kind."""
    for k in range(debtor.shape[0]):
        total[debtor[k], path[k], 0] += lost[k]


@kernel(void(_IDX_IN, _IDX_IN, boolean, *[_CUBE] * 4), pairs=("firm", "path"))
def keep_cut(firm: Array, path: Array, first_time: bool, whole: Array, lost: Array, claims: Array, kept: Array) -> None:
    """Leave of each pair's claims, by kind, the share that a quarter did not cut; keep the claims the `first_time`."""
    for k in range(firm.shape[0]):
        f, n = firm[k], path[k]
        for kind in range(kept.shape[2]):
            if first_time:
                claims[f, n, kind] = whole[f, n, kind]
            kept[f, n, kind] *= 1.0 - lost[f, n, kind] / max(whole[f, n, kind], TINY_USD_BN)


@kernel(void(_IDX_IN, _IDX_IN, _CUBE, _CUBE), pairs=("debtor", "path"))
def forget_cut(debtor: Array, path: Array, whole: Array, lost: Array) -> None:
    """Set what was added up of these pairs back to zero."""
    for k in range(debtor.shape[0]):
        for kind in range(whole.shape[2]):
            whole[debtor[k], path[k], kind] = 0.0
            lost[debtor[k], path[k], kind] = 0.0
