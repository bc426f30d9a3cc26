"""Money of a quarter as postings and as flows between groups of units."""

from __future__ import annotations

from penstock.arrays import np
from penstock.engine.layout import Layout
from penstock.engine.moment import Moment
from penstock.engine.opening.state import LAYERS, SECTORS
from penstock.money import kernels

Array = np.ndarray

SECTOR_GROUPS = {
    "households": "users",
    "enterprises": "users",
    "governments": "users",
    "workers": "workers",
    "tax_office": "state",
    "row_customers": "other_customers",
    "other_ai_buyers": "other_customers",
    "row_suppliers": "other_suppliers",
    "row_rest": "other_suppliers",
    "oem_vendors": "other_suppliers",
    "bond_market": "lenders",
    "private_credit": "lenders",
    "bank_syndicate": "lenders",
    "lessors": "lenders",
    "public_equity": "investors",
    "private_investors": "investors",
}
GROUP_NAMES = (
    *LAYERS,
    "users",
    "other_customers",
    "other_suppliers",
    "workers",
    "state",
    "lenders",
    "investors",
)

LEDGER = ("quarter", "instrument", "debit", "credit", "amount_usd_bn", "tie_id")
"""Columns of a posting."""

SMALLEST_UNPAID_USD_BN = 1e-9
"""A dollar: less is rounding."""


def group_of_units(layout: Layout) -> Array:
    """Group of each unit: its layer, or what its sector stands for; holders count as investors."""
    out = np.full(layout.unit_count, GROUP_NAMES.index("investors"))
    out[: layout.firms] = layout.layer
    for name in SECTORS:
        out[layout.sector[name]] = GROUP_NAMES.index(SECTOR_GROUPS[name])
    return out


def pair_indices(layout: Layout) -> dict[str, Array]:
    """Number of the (payer group, payee group) pair of each due, loan drawn, equity round and payout."""
    group = group_of_units(layout)
    count = len(GROUP_NAMES)
    investors = np.full(layout.firms, GROUP_NAMES.index("investors"))

    def pair(payer: Array, payee: Array) -> Array:
        return np.ascontiguousarray(payer * count + payee, dtype=np.intp)

    return {
        "pairs": pair(group[layout.payer], group[layout.payee]),
        "pairs_drawn": pair(group[layout.lender], group[layout.borrower]),
        "pairs_rounds": pair(group[layout.stake_holder], group[layout.stake_company]),
        "pairs_paid_out": pair(group[: layout.firms], investors),
    }


def add_flows(now: Moment, total: Array) -> None:
    """Add loans drawn, equity rounds and payouts of a quarter to `total` (pairs, paths); settlement added the dues."""
    cache, r = now.block.cache, now.results
    kernels.accumulate(r["drawn"], cache["pairs_drawn"], total)
    kernels.accumulate(r["stake_paid"], cache["pairs_rounds"], total)
    kernels.accumulate(r["paid_out"], cache["pairs_paid_out"], total)


def postings(now: Moment, lane: int, quarter: str) -> dict[str, Array]:
    """Every posting of a quarter on one path, as columns of the ledger; `bills.write_out` comes before it.

    A payment debits the payee's cash and credits the payer's; a bill debits the payee's receivable and credits the
    payer's payable; a write-down debits the creditor's loss and credits the debtor.
    """
    layout, scratch, r = now.block.layout, now.block.scratch, now.results
    units, ties = np.array(layout.units, dtype=object), np.array(layout.tie_id, dtype=object)
    debts, stakes = np.array(layout.debt_id, dtype=object), np.array(layout.stake_id, dtype=object)
    firms, nameless = np.arange(layout.firms), np.full(layout.firms, "", dtype=object)
    public = np.full(layout.firms, layout.sector["public_equity"])
    government = np.full(layout.firms, layout.sector["governments"])
    parts: list[tuple[Array, ...]] = []
    for instrument, debit, credit, amounts, names in (
        ("receivable", layout.payee, layout.payer, scratch.billed, ties),
        ("cash", layout.payee, layout.payer, scratch.paid, ties),
        (layout.instrument.astype(object), layout.lender, layout.borrower, r["drawn"], debts),
        ("equity", layout.stake_holder, layout.stake_company, r["stake_paid"], stakes),
        ("payout", public, firms, r["paid_out"], nameless),
        ("grant", firms, government, r["granted"], nameless),
    ):
        at = np.flatnonzero(amounts[:, lane])
        kind = np.broadcast_to(np.asarray(instrument, dtype=object), names.shape)
        parts.append((kind[at], units[debit[at]], units[credit[at]], amounts[at, lane], names[at]))
    if rows := [*write_downs(now, lane), *handed_over(now, lane)]:
        what, debits, credits, moved, of_tie = zip(*rows, strict=True)
        texts = [np.array(column, dtype=object) for column in (what, debits, credits, of_tie)]
        parts.append((*texts[:3], np.array(moved), texts[3]))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return dict(zip(LEDGER, [np.full(len(columns[0]), quarter, dtype=object), *columns], strict=True))


def handed_over(now: Moment, lane: int) -> list[tuple[str, str, str, float, str]]:
    """Money that the defaults of a quarter moved: plant sold (debit its buyer), lenders repaid, costs of default."""
    layout = now.block.layout
    names = (*layout.debt_id, "")
    rows = []
    for what, *who, lanes, amounts, tie in now.handed_over:
        receives, gives, ties = (np.broadcast_to(part, lanes.shape) for part in (*who, tie))
        mine = (lanes == lane) & (amounts > 0.0)
        for debit, credit, amount, tie in zip(receives[mine], gives[mine], amounts[mine], ties[mine], strict=True):
            rows.append((what, layout.units[debit], layout.units[credit], float(amount), names[tie]))
    return rows


def unpaid(now: Moment, lane: int, quarter: str) -> list[tuple[str, str, str, str, float, float]]:
    """Dues of a quarter that stayed unpaid on one path: (quarter, payer, payee, tie, due, paid).

    `bills.write_out` comes before it.
    """
    layout, scratch = now.block.layout, now.block.scratch
    due, paid = scratch.due[:, lane], scratch.paid[:, lane]
    short = np.flatnonzero(due - paid > SMALLEST_UNPAID_USD_BN)
    units = layout.units
    return [
        (quarter, units[layout.payer[t]], units[layout.payee[t]], layout.tie_id[t], float(due[t]), float(paid[t]))
        for t in short
    ]


def write_downs(now: Moment, lane: int) -> list[tuple[str, str, str, float, str]]:
    """Claims cut in the defaults of a quarter: debit the debtor, credit the creditor."""
    block, layout = now.block, now.block.layout
    guarantee = layout.guarantee.start
    ends = {
        "debts_of": (layout.borrower, layout.lender, layout.debt_id),
        "bills_of": (layout.payer, layout.payee, layout.tie_id),
        "called_of": (block.facts.guarantee_beneficiary, layout.payer[guarantee:], layout.tie_id[guarantee:]),
    }
    rows = []
    for name, _, lanes, ties, _, lost in now.written_down:
        debtor, creditor, ids = ends[name]
        mine = (lanes == lane) & (lost > 0.0)
        for tie, amount in zip(ties[mine], lost[mine].tolist(), strict=True):
            rows.append(("write_down", layout.units[debtor[tie]], layout.units[creditor[tie]], amount, ids[tie]))
    return rows
