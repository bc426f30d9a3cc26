"""The posting work of a quarter, as Penstock's kernels do it and as one would write it in Mesa and in agentpy.

The work: along each operating tie of the bundled world a bill is written, part of what is owed falls due and is paid,
and each dollar leaves one account and enters another. Per path and quarter: `billed = flow * activity of the payer`;
`paid = (owed + billed) * collection`; `owed += billed - paid`; cash and net worth of both sides move. Nothing defaults,
nothing is collected as data, and firms have no other behaviour, so that frameworks pay for nothing that the work does
not need. All three must end with the same accounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ledger:
    """Ties of a world, and how busy each payer is: activity (quarters, units, paths)."""

    payer: npt.NDArray[np.intp]
    payee: npt.NDArray[np.intp]
    flow: Floats
    collection: Floats
    units: int
    activity: Floats


@dataclass(frozen=True)
class Accounts:
    """What the work leaves, (units, paths) and (ties, paths)."""

    cash: Floats
    worth: Floats
    owed: Floats


def bundled(paths: int, quarters: int, seed: int = 7) -> Ledger:
    """Operating ties of the opening of the default world, random activity around 1."""
    from penstock.engine.model import prepare
    from penstock.world import load_world

    model = prepare(load_world(), quarters=1)
    layout, facts = model.layout, model.facts
    ties = layout.operating.stop
    random = np.random.default_rng(seed)
    return Ledger(
        payer=np.ascontiguousarray(layout.payer[:ties], dtype=np.intp),
        payee=np.ascontiguousarray(layout.payee[:ties], dtype=np.intp),
        flow=np.ascontiguousarray(facts.opening_flow[:ties, 0]),
        collection=np.ascontiguousarray(np.clip(facts.collection[:ties, 0], 0.05, 1.0)),
        units=layout.unit_count,
        activity=np.exp(0.1 * random.standard_normal((quarters, layout.unit_count, paths))),
    )


def by_penstock(work: Ledger) -> Accounts:
    """The kernels of the engine, all paths at once."""
    from penstock.money import clearing, kernels

    ties, paths = len(work.payer), work.activity.shape[2]
    owed, due, paid = (np.zeros((ties, paths)) for _ in range(3))
    billed = np.zeros((ties, paths))
    cash, worth, rise, income, received = (np.zeros((work.units, paths)) for _ in range(5))
    dues = np.zeros((work.units, paths))
    let_stand = np.zeros((work.units, paths))
    share = np.ones((1, work.units, paths))
    rank, deferred = np.zeros(ties, dtype=np.intp), np.zeros(ties, dtype=np.bool_)
    for activity in work.activity:
        kernels.spread(np.ascontiguousarray(activity), work.payer, work.flow, 0, ties, billed, work.payee, received)
        clearing.fall_due(
            owed, billed, work.collection, deferred, let_stand, work.payer, work.payer, work.payee, due, dues, income
        )
        clearing.settle_bills(due, share, work.payer, work.payee, rank, billed, owed, paid, cash, worth, rise)
    return Accounts(cash, worth, owed)


@dataclass(slots=True)
class Bill:
    """A tie as an object of its payer."""

    payee: Any
    flow: float
    collection: float
    owed: float = 0.0


def by_mesa(work: Ledger, path: int) -> Accounts:
    """One path in Mesa 3: a firm is an agent, a step activates all of them."""
    import mesa

    class Firm(mesa.Agent):  # type: ignore[misc]
        def __init__(self, model: Any) -> None:
            super().__init__(model)
            self.cash = self.worth = 0.0
            self.activity = 1.0
            self.bills: list[Bill] = []

        def write_bills(self) -> None:
            for bill in self.bills:
                amount = bill.flow * self.activity
                bill.owed += amount
                self.worth -= amount
                bill.payee.worth += amount

        def pay_bills(self) -> None:
            for bill in self.bills:
                amount = bill.owed * bill.collection
                bill.owed -= amount
                self.cash -= amount
                bill.payee.cash += amount

    class Economy(mesa.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(seed=1)
            self.firms = [Firm(self) for _ in range(work.units)]
            self.bills = _bills(work, self.firms)
            self.activities = work.activity[:, :, path].tolist()

        def step(self) -> None:
            for firm, activity in zip(self.firms, self.activities[self.steps - 1], strict=True):
                firm.activity = activity
            self.agents.do("write_bills")
            self.agents.do("pay_bills")

    economy = Economy()
    for _ in range(len(work.activity)):
        economy.step()
    return _accounts(economy.firms, economy.bills)


def by_agentpy(work: Ledger, path: int) -> Accounts:
    """The same in agentpy."""
    import agentpy

    class Firm(agentpy.Agent):  # type: ignore[misc]
        def setup(self) -> None:
            self.cash = self.worth = 0.0
            self.activity = 1.0
            self.bills: list[Bill] = []

        def write_bills(self) -> None:
            for bill in self.bills:
                amount = bill.flow * self.activity
                bill.owed += amount
                self.worth -= amount
                bill.payee.worth += amount

        def pay_bills(self) -> None:
            for bill in self.bills:
                amount = bill.owed * bill.collection
                bill.owed -= amount
                self.cash -= amount
                bill.payee.cash += amount

    class Economy(agentpy.Model):  # type: ignore[misc]
        def setup(self) -> None:
            self.firms = agentpy.AgentList(self, work.units, Firm)
            self.bills = _bills(work, list(self.firms))
            self.activities = work.activity[:, :, path].tolist()

        def step(self) -> None:
            self.firms.activity = agentpy.AttrIter(self.activities[self.t - 1])
            self.firms.write_bills()
            self.firms.pay_bills()

    economy = Economy({"steps": len(work.activity), "seed": 1})
    economy.run(display=False)
    return _accounts(list(economy.firms), economy.bills)


def _bills(work: Ledger, firms: list[Any]) -> list[Bill]:
    bills = []
    for payer, payee, flow, collection in zip(
        work.payer.tolist(), work.payee.tolist(), work.flow.tolist(), work.collection.tolist(), strict=True
    ):
        bill = Bill(firms[payee], flow, collection)
        firms[payer].bills.append(bill)
        bills.append(bill)
    return bills


def _accounts(firms: list[Any], bills: list[Bill]) -> Accounts:
    return Accounts(
        np.array([[firm.cash] for firm in firms]),
        np.array([[firm.worth] for firm in firms]),
        np.array([[bill.owed] for bill in bills]),
    )


def largest_gap(one: Accounts, other: Accounts, path: int) -> float:
    """Between all accounts of a path and those of a run of that path alone, relative to the largest."""
    pairs = [(one.cash, other.cash), (one.worth, other.worth), (one.owed, other.owed)]
    return max(float(np.abs(a[:, path] - b[:, 0]).max() / np.abs(a[:, path]).max()) for a, b in pairs)
