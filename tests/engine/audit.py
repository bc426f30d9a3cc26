"""An auditor of a run: recomputes every identity from the stocks and the results, without the engine's own checks.

All errors are relative to the size of what is compared, (paths,) a quarter.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import numpy as np
from simulated import looked_into, model_of, step_wrapped

from penstock.engine.bills import write_out
from penstock.engine.model import Model, run_block
from penstock.engine.moment import Moment
from penstock.engine.steps import mend

Array = np.ndarray

STOCKS = (
    *(
        "fleet.bought",
        "fleet.opening_power",
        "fleet.lasting",
        "fleet.kept",
        "fleet.waiting",
        "fleet.backlog",
        "fleet.halls",
        "fleet.firm_power",
    ),
    *("fleet.hall_stages", "fleet.power_stages", "fleet.delivered", "fleet.retired", "fleet.failed"),
    *("fleet.own_chips", "fleet.project", "economy.chip_stages", "economy.chip_capacity", "economy.price"),
    *("economy.adoption", "economy.own_adoption", "economy.freeze", "economy.chip_cut", "economy.power_cut"),
    *("firms.compute_equipment", "firms.equipment_gross", "firms.buildings", "firms.construction"),
    *("firms.inventory", "firms.goodwill", "firms.other_assets", "firms.other_liabilities", "firms.cost"),
    *("firms.line", "firms.rate", "firms.value", "firms.activity", "firms.franchise"),
    *("ties.receivable", "ties.activity", "ties.debt", "ties.stake", "ties.guarantee", "ties.called"),
)
"""What there can be none less of than nothing."""


class Audit:
    """Largest error of each identity, (quarters, paths) by name, and what else a test asks about."""

    def __init__(self, model: Model, width: int) -> None:
        self.errors: dict[str, list[Array]] = defaultdict(list)
        self.lowest: dict[str, float] = {}
        self.highest: dict[str, float] = {}
        self.defaults = 0
        self.unusual: list[str] = []
        self._names: dict[int, Array] = {}
        with step_wrapped(mend, "mend", before=self._before_mend), looked_into(self._before, self._after):
            self.recorder, _ = run_block(model, 0, width)
        self.quarters = model.program.quarters

    # ------------------------------------------------------------------ stocks

    def claims(self, now: Moment) -> dict[str, tuple[Array, Array]]:
        """By instrument what each unit carries and what each unit owes, (units, paths) each."""
        layout, ties = now.block.layout, now.state.ties
        facts, debt = now.block.facts, now.state.ties.debt

        def by(unit: Array, amount: Array) -> Array:
            out = np.zeros((layout.unit_count, now.block.width))
            np.add.at(out, unit, amount)
            return out

        found = {}
        for kind in ("loan", "bond", "lease"):
            rows = np.flatnonzero(layout.instrument == kind)
            found[kind] = (by(layout.lender[rows], debt[rows]), by(layout.borrower[rows], debt[rows]))
        bills = slice(0, len(ties.receivable))
        found["receivable"] = (by(layout.payee[bills], ties.receivable), by(layout.payer[bills], ties.receivable))
        guarantors = layout.payer[layout.guarantee.start : layout.guarantee.stop]
        found["guarantee"] = (by(guarantors, ties.called), by(facts.guarantee_beneficiary, ties.called))
        other = now.state.firms.other_liabilities
        rest = np.full(layout.firms, layout.sector["row_rest"])
        found["other"] = (by(rest, other), by(np.arange(layout.firms), other))
        return found

    def stakes(self, now: Moment) -> Array:
        layout = now.block.layout
        out = np.zeros((layout.unit_count, now.block.width))
        np.add.at(out, layout.stake_holder, now.state.ties.stake * now.state.firms.value[layout.stake_company])
        return out

    def worth(self, now: Moment) -> Array:
        """Assets less liabilities of every unit, (units, paths)."""
        f, firms = now.state.firms, now.block.layout.firms
        total = now.state.books.cash + self.stakes(now)
        for carried, owed in self.claims(now).values():
            total = total + carried - owed
        for item in (f.compute_equipment, f.buildings, f.construction, f.inventory, f.goodwill, f.other_assets):
            total[:firms] += item
        return total

    def size(self, now: Moment) -> Array:
        """Assets and liabilities of every unit, (units, paths)."""
        f, firms = now.state.firms, now.block.layout.firms
        total = np.abs(now.state.books.cash) + self.stakes(now) + 1e-3
        for carried, owed in self.claims(now).values():
            total = total + carried + owed
        for item in (f.compute_equipment, f.buildings, f.construction, f.inventory, f.goodwill, f.other_assets):
            total[:firms] += np.abs(item)
        return total

    # ------------------------------------------------------------------ around a quarter

    def _before(self, now: Moment) -> None:
        state = now.state
        if now.quarter == 0:
            self.opening = {name: array.copy() for name, array in state.arrays().items()}
            self.opening_worth = self.worth(now)
            self.opening_size = self.size(now)
            self.sheet_equity = now.block.facts.sheet["equity"] * np.ones((1, now.block.width))
            self.grids = np.minimum(state.fleet.halls, state.fleet.firm_power) >= state.fleet.power_in_use(-1).sum(
                axis=0
            )
        self.start = state.books.net_worth.copy()
        self.start_worth = self.worth(now)
        self.start_stakes = self.stakes(now)
        self.start_debt = state.ties.debt.copy()
        self.start_cash = state.books.cash.copy()
        self.start_receivable = state.ties.receivable.copy()
        self.start_called = state.ties.called.copy()
        self.start_delivered = state.fleet.delivered.copy()

    def _before_mend(self, now: Moment) -> None:
        """All of the quarter but failures is done: income, revaluation and issuance explain each firm's change."""
        layout, r, firms, books = now.block.layout, now.results, now.block.layout.firms, now.state.books
        size = self.size(now)
        scratch = now.block.scratch
        write_out(now)
        interest_earned = np.zeros((layout.unit_count, now.block.width))
        np.add.at(interest_earned, layout.lender, r["interest_due"])
        called = scratch.paid[layout.guarantee.start : layout.guarantee.stop]
        rent, income = np.zeros_like(interest_earned), np.zeros_like(interest_earned)
        np.add.at(rent, now.block.facts.guarantee_beneficiary, called)
        np.add.at(income, layout.payee[layout.guarantee.start : layout.guarantee.stop], called)
        bought = np.zeros_like(interest_earned)
        np.add.at(bought, layout.stake_holder, r["stake_paid"])
        revaluation = (self.stakes(now) - self.start_stakes - bought)[:firms]
        issuance = r["equity_raised"] - r["paid_out"]
        grants = r["granted"]
        profit = r["profit"] + (interest_earned - rent + income)[:firms]
        expected = profit + grants + revaluation + issuance
        change = books.net_worth[:firms] - self.start[:firms]
        self.note("income, revaluation and issuance", np.abs(change - expected) / size[:firms])
        self.note("net worth by stocks", np.abs(self.worth(now) - books.net_worth) / size)
        # every instrument moved by what was drawn, billed, paid and added, and by nothing else
        paid = scratch.paid
        loans = self.start_debt + r["drawn"] + r["interest_due"]
        loans = loans - paid[layout.interest.slice] - paid[layout.principal.slice]
        self.note("debt moves by draws, interest and payments", _relative(now.state.ties.debt, loans))
        bills = self.start_receivable + scratch.billed - paid[layout.operating.slice]
        self.note("receivables move by bills and payments", _relative(now.state.ties.receivable, bills))
        self.note(
            "called guarantees move by what was paid", _relative(now.state.ties.called, self.start_called + called)
        )
        self.note("cash moves by payments", np.abs(books.cash - self._cash_expected(now)) / size)
        self.middle, self.middle_worth = books.net_worth.copy(), self.worth(now)

    def _cash_expected(self, now: Moment) -> Array:
        layout, r, paid = now.block.layout, now.results, now.block.scratch.paid
        cash = self.start_cash.copy()

        def move(payer: Array, payee: Array, amount: Array) -> None:
            np.subtract.at(cash, payer, amount)
            np.add.at(cash, payee, amount)

        firms = np.arange(layout.firms)
        move(layout.payer, layout.payee, paid)
        move(layout.lender, layout.borrower, r["drawn"])
        move(layout.stake_holder, layout.stake_company, r["stake_paid"])
        move(firms, np.full(layout.firms, layout.sector["public_equity"]), r["paid_out"])
        move(np.full(layout.firms, layout.sector["governments"]), firms, r["granted"])
        return cash

    def _after(self, now: Moment) -> None:
        layout, books, fleet, e = now.block.layout, now.state.books, now.state.fleet, now.state.economy
        size = self.size(now)
        self.defaults += int(now.results["failed_now"].sum())
        self.note("net worth by stocks", np.abs(self.worth(now) - books.net_worth) / size)
        moved = (books.net_worth - self.middle) - (self.worth(now) - self.middle_worth)
        self.note("failures are booked on both sides", np.abs(moved) / size)
        self.note("cash adds to nothing", np.abs(books.cash.sum(axis=0)) / np.abs(books.cash).sum(axis=0))
        for name, (carried, owed) in self.claims(now).items():
            gap = np.abs(carried.sum(axis=0) - owed.sum(axis=0))
            self.note(f"holders carry what issuers owe: {name}", gap / (1.0 + carried.sum(axis=0)))
        owed = sum(self.claims(now)[name][1] for name in ("loan", "bond", "lease"))
        every = np.zeros_like(owed)
        np.add.at(every, layout.borrower, now.state.ties.debt)
        self.note("all debt is loan, bond or lease", _relative(every, owed))
        # claims of all units on each other cancel: what remains is what nobody owes
        f, firms = now.state.firms, layout.firms
        real = f.compute_equipment + f.buildings + f.construction + f.inventory + f.goodwill + f.other_assets
        real = real.sum(axis=0) + self.stakes(now).sum(axis=0)
        self.note("claims net to nothing", np.abs(books.net_worth.sum(axis=0) - real) / size.sum(axis=0))
        shares = np.zeros((layout.unit_count, now.block.width))
        np.add.at(shares, layout.stake_company, now.state.ties.stake)
        held = np.isin(np.arange(firms), layout.stake_company)
        self.note("shares add to one", np.abs(shares[:firms][held] - 1.0))
        stock = fleet.in_service(now.quarter).sum(axis=0)
        parts = stock + fleet.waiting + fleet.retired + fleet.failed
        self.note("chips are somewhere", _relative(fleet.delivered, parts))
        # a sale of plant moves chips between owners, never their number
        delivered = (fleet.delivered - self.start_delivered).sum(axis=0) - now.results["accepted"].sum(axis=0)
        self.note("chips come from shipments", np.abs(delivered) / fleet.delivered.sum(axis=0))
        drawn, limit = fleet.power_in_use(now.quarter).sum(axis=0), np.minimum(fleet.halls, fleet.firm_power)
        over = np.where(self.grids, drawn - limit, 0.0) / np.maximum(limit, 1e-9)
        self.note("power within halls and firm power", np.maximum(over, 0.0))
        arrays = now.state.arrays()
        for name in STOCKS:
            self.low(name, float(arrays[name].min(initial=np.inf)))
        self.low("firms' cash", float(books.cash[:firms].min()))
        self.low("mood", float(e.mood.min()))
        self.high("mood", float(e.mood.max()))
        self.high("utilisation", float(now.results["utilisation"].max()))
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                self.unusual.append(f"{name} in quarter {now.quarter}")

    # ------------------------------------------------------------------ notes

    def note(self, name: str, error: Array) -> None:
        """Keep the largest error of each path."""
        worst = error if error.ndim == 1 else error.max(axis=0, initial=0.0)
        self.errors[name].append(worst)

    def low(self, name: str, value: float) -> None:
        self.lowest[name] = min(self.lowest.get(name, np.inf), value)

    def high(self, name: str, value: float) -> None:
        self.highest[name] = max(self.highest.get(name, -np.inf), value)

    def worst(self, name: str) -> float:
        return float(np.max(self.errors[name]))


def _relative(found: Array, expected: Array) -> Array:
    return np.abs(found - expected) / (1e-3 + np.abs(expected))


@cache
def audited(scenario: str, width: int = 4) -> Audit:
    return Audit(model_of(scenario), width)
