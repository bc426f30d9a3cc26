"""Events of a scenario as arrays by quarter: what each company, tie, owner and lender can still do.

Outage: the company delivers so much less of what it sells; its chips, halls or power are missing where they are
used. Delay: what would be finished comes after the event. Ban: business along a tie is forbidden. Withdrawal: money
stops, from and to the company or along the tie. Rating cut: new debt costs what the next letter pays. Default: see
`steps.mend`. `size` is the share that is struck. Everything is one where nothing happens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penstock.engine.facts import Facts
from penstock.engine.layout import RATINGS, Layout
from penstock.engine.opening.state import LAYERS
from penstock.engine.reach import Reach, reach_of
from penstock.errors import InputError
from penstock.scenarios.program import EventSpec, Program

Array = np.ndarray

CHAIN_INPUTS = ("wafers", "memory", "eda", "tools", "optics")
"""Categories whose loss travels down the chain of silicon by itself; a ban on a buyer does not count it twice."""
LOWEST_INVESTMENT_GRADE = RATINGS.index("BBB")
USERS = ("households", "enterprises", "governments")
BESIDE = {
    "outage": "; it has to sell or run something then",
    "delay": "; some of what it builds or makes has to be due then",
    "withdrawal": "; new money has to come along it (what is drawn already brings none: strike who lends or borrows)",
}
"""What else an event of a kind needs of its target to change anything."""


@dataclass(frozen=True)
class Events:
    """What events leave, first axis the quarter; each later axis as said. Shares of the normal, one where untouched."""

    working: Array
    """(quarters, units, 1) of what a company sells outside the ties and to users; of users, of what they spend"""
    supply: Array
    """(quarters, units, 1) of what a company delivers along the chain of silicon, outages and delays"""
    allowed: Array
    """(quarters, flow ties, 1) of the business along a tie"""
    lending: Array
    """(quarters, debt ties, 1) of new loans"""
    investing: Array
    """(quarters, stakes, 1) of new rounds"""
    borrowing: Array
    """(quarters, firms, 1) of a firm's room for debt: its lenders by their share of new loans"""
    backing: Array
    """(quarters, guarantees, 1) of what a guarantor pays when called"""
    raising: Array
    """(quarters, firms, 1) of a firm's room for equity: its holders by their share of rounds"""
    lit: Array
    """(quarters, owners + 1, 1) of an owner's fleet that has halls and power"""
    dark_gw: Array
    """(quarters, owners + 1, 1) IT power of sites that are out"""
    building: Array
    """(quarters, owners + 1, 1) of halls that are finished when due"""
    connecting: Array
    """(quarters, owners + 1, 1) of firm power that is connected when due"""
    late_gw: Array
    """(quarters, owners + 1, 1) halls and power of delayed sites that were due by now"""
    spread: Array
    """(quarters, firms, 1) added to the rate on new debt"""
    investment_grade: Array
    """(quarters, firms, 1) 1 where a firm is investment grade after cuts"""


def events_of(program: Program, layout: Layout, facts: Facts) -> Events | None:
    """The events of a program as arrays; None without any.

    Raises InputError where an event strikes nothing that the model carries.
    """
    if not program.events:
        return None
    striking = _Striking(program, layout, facts)
    for event in program.events:
        striking.strike(event)
    return striking.result()


class _Striking:
    """Collects what each event does."""

    def __init__(self, program: Program, layout: Layout, facts: Facts) -> None:
        self.program, self.layout, self.facts = program, layout, facts
        self.reach: Reach = reach_of(layout, facts)
        quarters, units, owners = program.quarters, layout.unit_count, layout.owners + 1

        def ones(rows: int) -> Array:
            return np.ones((quarters, rows, 1))

        self.working, self.supply = ones(units), ones(units)
        self.allowed = ones(layout.flow.stop)
        self.lending, self.investing = ones(len(layout.borrower)), ones(len(layout.stake_holder))
        self.backing = ones(len(layout.guarantee))
        self.downgrade = np.zeros((quarters, layout.firms, 1))
        self.lit, self.building, self.connecting = ones(owners), ones(owners), ones(owners)
        self.dark_gw, self.late_gw = np.zeros((quarters, owners, 1)), np.zeros((quarters, owners, 1))

    def strike(self, event: EventSpec) -> None:
        """Applies one event."""
        when = slice(event.first, min(event.last, self.program.quarters - 1) + 1)
        if event.target_kind == "site":
            struck = self._site(event, when)
        elif event.target_kind == "tie":
            struck = self._tie(event, when)
        else:
            struck = self._units(event, when)
        if not struck:
            raise InputError(
                f"scenario {self.program.name}: event {event.kind} target: found {event.target!r}; "
                f"expected a target that carries money or machines in the model{BESIDE.get(event.kind, '')}"
            )

    def _units(self, event: EventSpec, when: slice) -> bool:
        whole = event.target_kind == "layer"
        rows = self._members(event)
        if event.kind == "default":
            return len(rows) > 0 and bool((rows < self.layout.firms).all())
        if event.kind == "outage":
            return self._out(event, when, rows, whole)
        if event.kind == "delay":
            return self._late(event, when, rows, whole)
        if event.kind == "ban":
            return self._ban(event, when, rows, whole)
        if event.kind == "withdrawal":
            borrower, holder = self.layout.borrower, self.layout.stake_holder
            loans = np.isin(borrower, rows) | np.isin(self.layout.lender, rows)
            rounds = np.isin(self.layout.stake_company, rows) | np.isin(holder, rows)
            return self._withdraw(event, when, loans, rounds)
        firms = rows[rows < self.layout.firms]
        self.downgrade[when, firms] += event.size
        return len(firms) > 0

    def _members(self, event: EventSpec) -> Array:
        """Units that the target names."""
        layout = self.layout
        if event.target_kind != "layer":
            return np.array([layout.units.index(event.target)] if event.target in layout.units else [], dtype=np.intp)
        if event.target == "demand":
            return np.array([layout.sector[name] for name in USERS], dtype=np.intp)
        return np.flatnonzero(layout.layer == LAYERS.index(event.target))

    def _out(self, event: EventSpec, when: slice, rows: Array, whole: bool) -> bool:
        self.working[when, rows] *= 1.0 - event.size
        self._deliver_less(event, when, rows)
        reach = self.reach
        dark = self._hang(rows, whole, event, reach.rented, reach.fed)
        self.lit[when] *= 1.0 - event.size * dark
        late = self._finish_less(event, when, rows, whole)
        return late or bool(dark.any()) or bool(np.isin(rows, self._sellers()).any())

    def _sellers(self) -> Array:
        """Units whose outage is felt: firms, who sells along a tie, and users, who spend."""
        layout = self.layout
        users = [layout.sector[name] for name in USERS]
        return np.unique(np.concatenate([np.arange(layout.firms), layout.payee[layout.flow.slice], users]))

    def _late(self, event: EventSpec, when: slice, rows: Array, whole: bool) -> bool:
        self._deliver_less(event, when, rows)
        sites = self._finish_less(event, when, rows, whole)
        return sites or bool(np.isin(rows, self._chain_units()).any())

    def _deliver_less(self, event: EventSpec, when: slice, rows: Array) -> None:
        self.supply[when, rows] *= 1.0 - event.size
        if event.target == "silicon":
            self.supply[when, self.layout.sector["row_suppliers"]] *= 1.0 - event.size

    def _finish_less(self, event: EventSpec, when: slice, rows: Array, whole: bool) -> bool:
        """Halls and power that the target does not finish in time."""
        reach, none = self.reach, np.zeros_like(self.reach.built)
        halls = self._hang(rows, whole and event.target == "facilities", event, reach.built, none)
        power = self._hang(rows, whole and event.target == "energy", event, none, reach.connected)
        self.building[when] *= 1.0 - event.size * halls
        self.connecting[when] *= 1.0 - event.size * power
        return bool(halls.any() or power.any())

    def _hang(self, rows: Array, whole: bool, event: EventSpec, halls: Array, power: Array) -> Array:
        """Share of each owner's fleet that hangs on the target, (owners + 1, 1).

        A whole layer of facilities or energy carries every owner, named suppliers or not.
        """
        if whole and event.target in ("facilities", "energy"):
            return np.ones((self.layout.owners + 1, 1))
        hang = np.maximum(halls[:, rows].sum(axis=1), power[:, rows].sum(axis=1))
        return np.asarray(np.minimum(hang, 1.0))[:, None]

    def _chain_units(self) -> Array:
        layout = self.layout
        names = (*CHAIN_INPUTS, "accelerators", "servers", "network")
        return np.unique(np.concatenate([layout.payee[layout.category[name].slice] for name in names]))

    def _ban(self, event: EventSpec, when: slice, rows: Array, whole: bool) -> bool:
        layout = self.layout
        hit = np.isin(layout.payee[layout.flow.slice], rows)
        if not whole:
            bought = np.isin(layout.payer[layout.flow.slice], rows)
            for name in CHAIN_INPUTS:
                bought[layout.category[name].slice] = False
            hit |= bought
        self.allowed[when, hit] *= 1.0 - event.size
        return bool(hit.any())

    def _withdraw(self, event: EventSpec, when: slice, loans: Array, rounds: Array) -> bool:
        self.lending[when, loans] *= 1.0 - event.size
        self.investing[when, rounds] *= 1.0 - event.size
        return bool(loans.any() or rounds.any())

    def _tie(self, event: EventSpec, when: slice) -> bool:
        layout, facts, target = self.layout, self.facts, event.target
        struck = False
        for row, text in enumerate(layout.contract_id[: layout.flow.stop]):
            among = text.split(";") if text else []
            if target in among:
                # a tie that several contracts fill loses one of them
                self.allowed[when, row] *= 1.0 - event.size / len(among)
                struck = True
        if event.kind == "ban" and struck:
            return True
        loans, rounds = (
            np.array([target in text.split(";") for text in contracts], dtype=bool)
            for contracts in (facts.debt_contract, facts.stake_contract)
        )
        guarantees = np.array([text == target for text in layout.tie_id[layout.guarantee.slice]], dtype=bool)
        self.backing[when, guarantees] *= 1.0 - event.size
        self._withdraw(event, when, loans, rounds)
        coming = (facts.draw_share[loans] > 0.0).any() or (facts.round_share[rounds] > 0.0).any()
        return struck or bool(coming or guarantees.any())

    def _site(self, event: EventSpec, when: slice) -> bool:
        site = self.facts.sites.get(event.target)
        if site is None or site.gw_planned <= 0.0:
            return False
        struck = site.gw(np.arange(self.program.quarters))
        if event.kind == "delay":
            struck = np.maximum(struck - site.gw(np.array([event.first - 1.0])), 0.0)
        gone = self.dark_gw if event.kind == "outage" else self.late_gw
        gone[when, site.owner, 0] += event.size * struck[when]
        return bool((struck[when] > 0.0).any())

    def result(self) -> Events:
        layout, facts = self.layout, self.facts
        # the spread of each letter, read off the firms that carry it
        letters, first = np.unique(layout.rating, return_index=True)
        spreads = facts.rating_spread[first, 0]
        cut = np.minimum(layout.rating[:, None] + self.downgrade, len(RATINGS) - 1.0)
        added = np.interp(cut, letters, spreads) - facts.rating_spread
        return Events(
            working=self.working,
            supply=self.supply,
            allowed=self.allowed,
            lending=self.lending,
            investing=self.investing,
            backing=self.backing,
            borrowing=_left(self.lending, facts.draw_share, layout.borrower, layout.unit_count)[:, : layout.firms],
            raising=_left(self.investing, facts.round_share, layout.stake_company, layout.unit_count)[
                :, : layout.firms
            ],
            lit=self.lit,
            dark_gw=self.dark_gw,
            building=self.building,
            connecting=self.connecting,
            late_gw=self.late_gw,
            spread=np.maximum(added, 0.0),
            investment_grade=(np.round(cut) <= LOWEST_INVESTMENT_GRADE).astype(float),
        )


def _left(share: Array, weight: Array, unit: Array, units: int) -> Array:
    """Share of the money of each unit that is left, (quarters, units, 1): its givers by their weights."""
    total = np.zeros((units, 1))
    np.add.at(total, unit, weight)
    given = np.zeros((units, share.shape[0], 1))
    np.add.at(given, unit, np.moveaxis(share * weight, 0, 1))
    given = np.moveaxis(given, 0, 1)
    return np.where(total > 1e-12, given / np.maximum(total, 1e-12), 1.0)


def shares_left(share: Array, given: Array, unit: Array, left: Array) -> Array:
    """Shares of lenders or holders in new money when some give less: they add up to one again.

    share (ties, paths) adds up to one by unit; given (ties, 1) of the normal; left (units, 1) of all givers.
    """
    part = left[unit]
    return np.where(part > 1e-9, share * given / np.maximum(part, 1e-9), share)
