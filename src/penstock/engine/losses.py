"""What creditors and owners lose in the defaults of a block, claim by claim.

A row for each claim that is cut: who failed, who held the claim, what it was worth before, what of it is lost. A
failed company's equity is a row too: its value at the end of the last quarter before it came into distress.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock.arrays import np
from penstock.engine.coded import Coded
from penstock.engine.layout import Layout
from penstock.engine.moment import Block, Moment
from penstock.engine.state import State

Array = np.ndarray

LOSS_INSTRUMENTS = ("equity", "bond", "loan", "lease", "receivable", "guarantee")
"""Kinds of claims. `lease`: finance leases and unpaid rent; `receivable`: unpaid bills, taxes and wages; `guarantee`:
what a guarantor paid and wants back.
"""

LOSS_CODES = ("path", "quarter", "company", "creditor", "instrument", "tie", "claim", "loss")

EQUITY = "equity"
LEAST_LOSS_USD_BN = 1e-12
"""A thousandth of a dollar: less is what rounding leaves of a claim that was paid."""


@dataclass(frozen=True)
class Claims:
    """All claims of a world, kind after kind; equity, one of nobody, is first."""

    start: dict[str, int]
    """first of each kind"""
    creditor: Array
    """(claims,) unit that holds it"""
    instrument: Array
    """(claims,) index into LOSS_INSTRUMENTS"""
    name: Array
    """(claims,) place of its name among those of ties, then debts"""


def claims_of(layout: Layout) -> Claims:
    """The claims that a failure may cut."""
    guarantee = layout.guarantee.start
    receivable = np.full(layout.operating.stop, LOSS_INSTRUMENTS.index("receivable"))
    receivable[layout.category["lease"].slice] = LOSS_INSTRUMENTS.index("lease")
    debt = np.array([LOSS_INSTRUMENTS.index(name) for name in layout.instrument], dtype=np.int64)
    called = np.full(len(layout.guarantee), LOSS_INSTRUMENTS.index("guarantee"))
    # creditor, instrument and place of the name of each claim by kind
    kinds = {
        EQUITY: (np.array([-1]), np.array([LOSS_INSTRUMENTS.index("equity")]), -1),
        "debts_of": (layout.lender, debt, layout.ties),
        "bills_of": (layout.payee[: len(receivable)], receivable, 0),
        "called_of": (layout.payer[guarantee:][: len(called)], called, guarantee),
    }
    creditor, instrument = (np.concatenate([of[n] for of in kinds.values()]) for n in range(2))
    starts = np.cumsum([0, *(len(of[0]) for of in kinds.values())])
    return Claims(
        start=dict(zip(kinds, starts.tolist(), strict=False)),
        creditor=creditor,
        instrument=instrument,
        name=np.concatenate([of[2] + np.arange(len(of[0])) for of in kinds.values()]),
    )


def in_order_of_path(path: Array) -> Array:
    """Places of rows in order of path; those of a path stay in the order in which they happened."""
    if not len(path):
        return np.zeros(0, dtype=np.intp)
    lane = path - path.min()
    # short numbers are sorted by counting them
    return np.argsort(lane.astype(np.uint16) if lane.max() < 2**16 else lane, kind="stable")


class Losses:
    """Losses of a block in order of quarter, as columns of codes until the end."""

    def __init__(self, block: Block, state: State) -> None:
        self._first_path = block.first_path
        self.value_before = state.firms.value.copy()
        """equity at the end of the last quarter in which the firm was sound, (firms, paths); the recorder keeps it"""
        self._claims = block.facts.once("claims", lambda: claims_of(block.layout))
        self._cuts: list[tuple[tuple[int, int], tuple[Array, ...]]] = []

    def note(self, now: Moment) -> None:
        """Keep the losses of a finished quarter."""
        if "resolved" in now.results:
            firms, lanes = now.results["resolved"][:2]
            equity = self.value_before[firms, lanes]
            nothing = np.zeros(len(firms), dtype=np.intp)
            self._cuts.append(((now.quarter, self._claims.start[EQUITY]), (firms, lanes, nothing, equity, equity)))
        for name, *cut in now.written_down:
            self._cuts.append(((now.quarter, self._claims.start[name]), tuple(cut)))

    def codes(self) -> dict[str, Array]:
        """The losses of the block in order of path, as codes: of units, of LOSS_INSTRUMENTS, and of the names of ties
        and then debts."""
        if not self._cuts:
            none, nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
            return dict(zip(LOSS_CODES, (*[none] * 6, nothing, nothing), strict=True))
        when, cuts = zip(*self._cuts, strict=True)
        quarter, start = np.repeat(np.array(when), [len(cut[0]) for cut in cuts], axis=0).T
        firms, lanes, ties, claim, lost = (np.concatenate(parts) for parts in zip(*cuts, strict=True))
        rows = np.flatnonzero((lost > LEAST_LOSS_USD_BN) | (start == self._claims.start[EQUITY]))
        rows = rows[in_order_of_path(lanes[rows])]
        place, claims = (start + ties)[rows], self._claims
        told = (claims.creditor[place], claims.instrument[place], claims.name[place])
        codes = (self._first_path + lanes[rows], quarter[rows], firms[rows], *told)
        return dict(zip(LOSS_CODES, (*codes, claim[rows], lost[rows]), strict=True))


def losses_of(codes: dict[str, Array], layout: Layout, quarters: tuple[str, ...]) -> dict[str, Array | Coded]:
    """The table `losses` from its codes, without scenario and sequence."""
    return {
        "path": codes["path"],
        "quarter": Coded.of(codes["quarter"], quarters),
        "company_id": Coded.of(codes["company"], layout.units),
        "creditor_id": Coded.of(codes["creditor"], layout.units),
        "instrument": Coded.of(codes["instrument"], LOSS_INSTRUMENTS),
        "tie_id": Coded.of(codes["tie"], [*layout.tie_id, *layout.debt_id]),
        "claim_usd_bn": codes["claim"],
        "loss_usd_bn": codes["loss"],
    }
