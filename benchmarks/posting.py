"""The posting work of a quarter, as Penstock's settlement does it and as one would write it in Mesa and in agentpy.

The work, per path and quarter, along each operating tie of the bundled world:

- a bill is written: `flow * activity of the payer`; it raises what is owed, lowers the payer's net worth and raises the
  payee's, and the payee's receivables with it;
- part of what is owed falls due, less what a supplier of equipment lets stand; dues add up by the payer's rank of
  creditors, and the payee expects them as income;
- each firm sees whether its cash and income cover its dues. Who falls short pays rank after rank, all creditors of a
  rank alike, and others get less for it, until nobody's payment moves (sectors always pay);
- what is paid leaves one account and enters another; the rest stays owed.

Both sides keep the same accounts and must end with the same numbers. Firms have no other behaviour and nothing is
collected as data, so that frameworks pay for nothing that the work does not need. Penstock's side calls the kernels of
the engine in the order of `engine/steps/settle.py`, on all paths of a block at once; the frameworks follow one path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

LET_STAND = 0.1
"""At most this share of an equipment bill stands over."""
AMPLE = 1_000.0
"""Quarters of its bills that a firm holds in cash where nobody is to fall short."""
SHORT = 0.5
"""The same where many are to."""


@dataclass(frozen=True)
class Ledger:
    """Ties of a world in the order of its layout, what units hold, and how busy each payer is."""

    payer: Index
    payee: Index
    rank: Index
    flow: Floats
    collection: Floats
    deferred: npt.NDArray[np.bool_]
    """whether the payee may let a bill stand"""
    let_stand: Floats
    """(units, paths) share that stands over"""
    cash: Floats
    """(units,)"""
    units: int
    firms: int
    """the first units; the others always pay"""
    flow_ties: int
    """the first ties; then there is one tie a firm of each kind"""
    activity: Floats
    """(quarters, units, paths)"""


@dataclass(frozen=True)
class Accounts:
    """What the work leaves: (units, paths), of `receivable` firms alone, and `owed` by tie, (ties, paths)."""

    cash: Floats
    worth: Floats
    receivable: Floats
    owed: Floats


def bundled(paths: int, quarters: int, seed: int = 7, cash_quarters: float = AMPLE) -> Ledger:
    """Operating ties of the opening of the default world, random activity around 1."""
    from penstock.engine.model import prepare
    from penstock.world import load_world

    model = prepare(load_world(), quarters=1)
    layout, facts = model.layout, model.facts
    ties = layout.operating.stop
    random = np.random.default_rng(seed)
    flow = np.ascontiguousarray(facts.opening_flow[:ties, 0])
    deferred = np.zeros(ties, dtype=np.bool_)
    deferred[: layout.flow.stop] = layout.equipment_payer < layout.firms
    return Ledger(
        payer=np.ascontiguousarray(layout.payer[:ties], dtype=np.intp),
        payee=np.ascontiguousarray(layout.payee[:ties], dtype=np.intp),
        rank=np.ascontiguousarray(layout.seniority[:ties], dtype=np.intp),
        flow=flow,
        collection=np.ascontiguousarray(np.clip(facts.collection[:ties, 0], 0.05, 1.0)),
        deferred=deferred,
        let_stand=LET_STAND * random.random((layout.unit_count, paths)),
        cash=cash_quarters * np.bincount(layout.payer[:ties], flow, layout.unit_count),
        units=layout.unit_count,
        firms=layout.firms,
        flow_ties=layout.flow.stop,
        activity=np.exp(0.1 * random.standard_normal((quarters, layout.unit_count, paths))),
    )


def by_penstock(work: Ledger) -> Accounts:
    """The kernels of the engine, all paths at once."""
    from penstock.money import bills, clearing, kernels

    ties, paths = len(work.payer), work.activity.shape[2]
    owed, before, billed = (np.zeros((ties, paths)) for _ in range(3))
    cash = work.cash[:, None] * np.ones((1, paths))
    worth, received, spent, sold, kept, lost, income, dues, gap = (np.zeros((work.units, paths)) for _ in range(9))
    late = np.zeros((work.firms, paths))
    by_rank, share = np.zeros((clearing.CLASSES, work.units, paths)), np.ones((clearing.CLASSES, work.units, paths))
    payer_class = work.rank * work.units + work.payer
    first, rows = clearing.by_payer(work.payer, work.units)
    unlimited, fell = np.arange(work.units) >= work.firms, np.zeros(work.units, dtype=np.bool_)
    rounds, no_other, all_paid = np.zeros(paths, dtype=np.intp), np.zeros((0, paths)), np.zeros((1, paths))
    one_group, nobody, nothing = (
        np.zeros(ties, dtype=np.intp),
        np.zeros(ties, dtype=bool),
        np.zeros((ties, 3), dtype=bool),
    )
    whole, room = np.ones(work.flow_ties), clearing.room_to_clear(work.units)
    kinds = [slice(0, work.flow_ties)]
    kinds += [slice(start, start + work.firms) for start in range(work.flow_ties, ties, work.firms)]
    columns = (work.collection, work.deferred)
    for activity in work.activity:
        kernels.spread(activity, work.payer, work.flow, 0, work.flow_ties, billed, work.payee, received)
        # bills of ties that are one a firm are a part of a row of firms
        amounts = [billed[kinds[0]], activity[work.payer[kinds[1]]], *[activity[: work.firms]] * (len(kinds) - 2)]
        parts = [whole, *[work.flow[kind] for kind in kinds[1:]]]
        terms = [
            (amount, part, *[column[kind] for column in columns], work.let_stand, work.payer[kind])
            for kind, amount, part in zip(kinds, amounts, parts, strict=True)
        ]
        by_rank[:], income[:], spent[:], sold[:] = 0.0, 0.0, 0.0, 0.0
        for kind, bill in zip(kinds, terms, strict=True):
            bills.fall_due(
                owed[kind], *bill, payer_class[kind], work.payee[kind], one_group[kind], nothing[kind], nobody[kind],
                fell, before[kind], by_rank.reshape(-1, paths), income, spent, sold, all_paid,
            )  # fmt: skip
        late += sold[: work.firms] - income[: work.firms]
        clearing.weigh_dues(cash, income, by_rank.reshape(-1, paths), dues, gap)
        short = (gap[: work.firms] < -1e-9).any(axis=0)
        clearing.clear_short(
            cash, income, gap, by_rank, no_other, owed, billed[kinds[0]], work.collection, work.deferred,
            work.let_stand, first, rows, work.payee, work.rank, unlimited, short, fell, share, rounds,
            *room,
        )  # fmt: skip
        owed, before = before, owed
        someone_fell = bool(fell.any())
        if someone_fell:
            for kind, bill in zip(kinds, terms, strict=True):
                bills.hold_back(
                    before[kind], *bill, work.payee[kind], work.rank[kind], one_group[kind], fell, share, owed[kind],
                    kept, lost, all_paid,
                )  # fmt: skip
            late += lost[: work.firms]
        bills.book(income, dues, someone_fell, no_other, no_other, sold, spent, kept, lost, cash, worth)
    return Accounts(cash, worth, late, owed)


@dataclass(slots=True)
class Bill:
    """A tie as an object of its payer."""

    payee: Any
    rank: int
    flow: float
    collection: float
    deferred: bool
    owed: float = 0.0
    due: float = 0.0


class Books:
    """Accounts of a firm or sector, and what it does in a quarter; both frameworks take their agents from it."""

    limited: bool
    cash: float
    let_stand: float

    def open_books(self, limited: bool, cash: float, let_stand: float) -> None:
        self.limited, self.cash, self.let_stand = limited, cash, let_stand
        self.worth = self.receivable = 0.0
        self.income = self.lost = 0.0
        self.activity = 1.0
        self.dues = [0.0, 0.0, 0.0]
        self.share = [1.0, 1.0, 1.0]
        self.short = False
        self.bills: list[Bill] = []

    def write_bills(self) -> None:
        for bill in self.bills:
            payee = bill.payee
            amount = bill.flow * self.activity
            bill.owed += amount
            self.worth -= amount
            payee.worth += amount
            payee.receivable += amount
            bill.due = bill.owed * bill.collection
            if bill.deferred:
                bill.due *= 1.0 - self.let_stand
            self.dues[bill.rank] += bill.due
            payee.income += bill.due

    def see_what_it_can_pay(self) -> float:
        """Share of its dues by rank; returns by how much its payments fell, relative to its dues."""
        if not self.limited:
            return 0.0
        left = max(self.cash + self.income - self.lost, 0.0)
        total = sum(self.dues)
        before = sum(due * share for due, share in zip(self.dues, self.share, strict=True))
        self.short = False
        for rank, due in enumerate(self.dues):
            if left >= due - 1e-9:
                left = max(left - due, 0.0)
            else:
                self.share[rank] = min(self.share[rank], left / due)
                left = 0.0
                self.short = True
        after = sum(due * share for due, share in zip(self.dues, self.share, strict=True))
        return (before - after) / max(total, 1e-9)

    def tell_of_shortfall(self) -> None:
        for bill in self.bills:
            bill.payee.lost += bill.due * (1.0 - self.share[bill.rank])

    def pay_bills(self) -> None:
        for bill in self.bills:
            paid = bill.due * self.share[bill.rank]
            bill.owed -= paid
            self.cash -= paid
            bill.payee.cash += paid
            bill.payee.receivable -= paid

    def close_quarter(self) -> None:
        self.income = self.lost = 0.0
        self.dues = [0.0, 0.0, 0.0]
        self.share = [1.0, 1.0, 1.0]


def clear(firms: list[Any]) -> None:
    """Pass shortfalls on to those who are owed, until nobody pays less than the round before."""
    while True:
        for firm in firms:
            firm.lost = 0.0
        for firm in firms:
            if firm.short:
                firm.tell_of_shortfall()
        if max(firm.see_what_it_can_pay() for firm in firms) <= 1e-12:
            return


def by_mesa(work: Ledger, path: int) -> Accounts:
    """One path in Mesa 3: a firm is an agent, a step activates all of them."""
    import mesa

    class Firm(Books, mesa.Agent):  # type: ignore[misc]  # Mesa tells no types
        pass

    class Economy(mesa.Model):  # type: ignore[misc]  # Mesa tells no types
        def __init__(self) -> None:
            super().__init__(seed=1)
            self.firms = [Firm(self) for _ in range(work.units)]
            self.bills = _bills(work, self.firms, path)
            self.activities = work.activity[:, :, path].tolist()

        def step(self) -> None:
            for firm, activity in zip(self.firms, self.activities[self.steps - 1], strict=True):
                firm.activity = activity
            self.agents.do("write_bills")
            self.agents.do("see_what_it_can_pay")
            if any(firm.short for firm in self.firms):
                clear(self.firms)
            self.agents.do("pay_bills")
            self.agents.do("close_quarter")

    economy = Economy()
    for _ in range(len(work.activity)):
        economy.step()
    return _accounts(work, economy.firms, economy.bills)


def by_agentpy(work: Ledger, path: int) -> Accounts:
    """The same in agentpy."""
    import agentpy

    class Firm(Books, agentpy.Agent):  # type: ignore[misc]  # nor does agentpy
        pass

    class Economy(agentpy.Model):  # type: ignore[misc]  # nor does agentpy
        def setup(self) -> None:
            self.firms = agentpy.AgentList(self, work.units, Firm)
            self.bills = _bills(work, list(self.firms), path)
            self.activities = work.activity[:, :, path].tolist()

        def step(self) -> None:
            self.firms.activity = agentpy.AttrIter(self.activities[self.t - 1])
            self.firms.write_bills()
            self.firms.see_what_it_can_pay()
            if any(self.firms.short):
                clear(list(self.firms))
            self.firms.pay_bills()
            self.firms.close_quarter()

    economy = Economy({"steps": len(work.activity), "seed": 1})
    economy.run(display=False)
    return _accounts(work, list(economy.firms), economy.bills)


def _bills(work: Ledger, firms: list[Any], path: int) -> list[Bill]:
    """Opens the books of all firms and gives each its ties."""
    for number, firm in enumerate(firms):
        firm.open_books(number < work.firms, float(work.cash[number]), float(work.let_stand[number, path]))
    bills = []
    for payer, payee, rank, flow, collection, deferred in zip(
        work.payer.tolist(),
        work.payee.tolist(),
        work.rank.tolist(),
        work.flow.tolist(),
        work.collection.tolist(),
        work.deferred.tolist(),
        strict=True,
    ):
        bill = Bill(firms[payee], rank, flow, collection, deferred)
        firms[payer].bills.append(bill)
        bills.append(bill)
    return bills


def _accounts(work: Ledger, firms: list[Any], bills: list[Bill]) -> Accounts:
    return Accounts(
        np.array([[firm.cash] for firm in firms]),
        np.array([[firm.worth] for firm in firms]),
        np.array([[firm.receivable] for firm in firms[: work.firms]]),
        np.array([[bill.owed] for bill in bills]),
    )


def largest_gap(one: Accounts, other: Accounts, path: int) -> float:
    """Between all accounts of a path and those of a run of that path alone, relative to the largest."""
    pairs = [
        (one.cash, other.cash), (one.worth, other.worth), (one.receivable, other.receivable), (one.owed, other.owed)
    ]  # fmt: skip
    return max(float(np.abs(a[:, path] - b[:, 0]).max() / np.abs(a[:, path]).max()) for a, b in pairs)
