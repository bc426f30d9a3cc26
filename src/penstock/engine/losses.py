"""What creditors and owners lose in the defaults of a block, claim by claim.

A row for each claim that is cut: who failed, who held the claim, what it was worth before, what of it is lost. A
failed company's equity is a row too: its value at the end of the last quarter before it came into distress.
"""

from __future__ import annotations

import numpy as np

from penstock.engine.layout import Layout
from penstock.engine.moment import Block, Moment
from penstock.engine.state import State

Array = np.ndarray

LOSS_INSTRUMENTS = ("equity", "bond", "loan", "lease", "receivable", "guarantee")
"""Kinds of claims. `lease`: finance leases and unpaid rent; `receivable`: unpaid bills, taxes and wages; `guarantee`:
what a guarantor paid and wants back.
"""


class Losses:
    """Losses of a block in order of quarter, as columns of codes until the end."""

    def __init__(self, block: Block, state: State) -> None:
        layout = block.layout
        self.value_before = state.firms.value.copy()
        """equity at the end of the last quarter in which the firm was sound, (firms, paths); the recorder keeps it"""
        guarantee = layout.guarantee.start
        receivable = np.full(layout.operating.stop, LOSS_INSTRUMENTS.index("receivable"))
        receivable[layout.category["lease"].slice] = LOSS_INSTRUMENTS.index("lease")
        debt = np.array([LOSS_INSTRUMENTS.index(name) for name in layout.instrument], dtype=np.int64)
        called = np.full(len(layout.guarantee), LOSS_INSTRUMENTS.index("guarantee"))
        self._kinds = {
            # creditor, instrument and place of the name of each claim
            "debts_of": (layout.lender, debt, layout.ties),
            "bills_of": (layout.payee, receivable, 0),
            "called_of": (layout.payer[guarantee:], called, guarantee),
        }
        self._codes: list[tuple[Array, ...]] = []
        self._amounts: list[tuple[Array, Array]] = []

    def note(self, now: Moment) -> None:
        """Keep the losses of a finished quarter."""
        if "resolved" in now.results:
            firms, lanes = now.results["resolved"][:2]
            equity = self.value_before[firms, lanes]
            nobody, shares = np.full(len(firms), -1), np.full(len(firms), LOSS_INSTRUMENTS.index("equity"))
            self._add(now, firms, lanes, nobody, shares, nobody, equity, equity)
        for name, firms, lanes, ties, claim, lost in now.written_down:
            rows = lost > 0.0
            creditor, instrument, start = self._kinds[name]
            tie = ties[rows]
            self._add(
                now, firms[rows], lanes[rows], creditor[tie], instrument[tie], start + tie, claim[rows], lost[rows]
            )  # fmt: skip

    def _add(
        self,
        now: Moment,
        firms: Array,
        lanes: Array,
        creditors: Array,
        instruments: Array,
        ties: Array,
        claim: Array,
        lost: Array,
    ) -> None:
        quarter = np.full(len(firms), now.quarter)
        self._codes.append((now.block.first_path + lanes, quarter, firms, creditors, instruments, ties))
        self._amounts.append((claim, lost))

    def columns(self, layout: Layout, quarters: tuple[str, ...]) -> dict[str, Array]:
        """The table `losses` of the block, without scenario and sequence."""
        names = ("path", "quarter", "company", "creditor", "instrument", "tie")
        empty = tuple(np.zeros(0, dtype=np.int64) for _ in names)
        codes: list[tuple[Array, ...]] = self._codes or [empty]
        stacked = [np.concatenate(parts) for parts in zip(*codes, strict=True)]
        code = dict(zip(names, stacked, strict=True))
        units = np.array([*layout.units, ""], dtype=object)
        ties = np.array([*layout.tie_id, *layout.debt_id, ""], dtype=object)
        rows: list[tuple[Array, ...]] = [*self._amounts] or [empty[:2]]
        amounts = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
        return {
            "path": code["path"],
            "quarter": np.array(quarters, dtype=object)[code["quarter"]],
            "company_id": units[code["company"]],
            "creditor_id": units[code["creditor"]],
            "instrument": np.array(LOSS_INSTRUMENTS, dtype=object)[code["instrument"]],
            "tie_id": ties[code["tie"]],
            "claim_usd_bn": amounts[0].astype(float),
            "loss_usd_bn": amounts[1].astype(float),
        }
