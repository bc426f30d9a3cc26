"""What a run keeps of each quarter: the columns of its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from penstock import arrays
from penstock.arrays import np
from penstock.conduct import rescue
from penstock.engine import tallies, trouble
from penstock.engine.chunks import COMPANY_MEASURES, ECONOMY_MEASURES, LAYER_MEASURES
from penstock.engine.claim_outcomes import ClaimOutcomes
from penstock.engine.coded import Coded
from penstock.engine.layout import Layout
from penstock.engine.ledger_view import add_flows
from penstock.engine.losses import Losses, in_order_of_path
from penstock.engine.moment import Block, Moment
from penstock.engine.opening.state import LAYERS
from penstock.engine.state import GONE, RESTRUCTURED, State
from penstock.money import failure
from penstock.scenarios import quarters as calendar

Array = np.ndarray

STAGES = ("distress", "standstill", "restructuring", "rescue", "acquisition", "liquidation")
FATES = {
    rescue.RESTRUCTURING: "restructuring",
    rescue.ACQUISITION: "acquisition",
    rescue.LIQUIDATION: "liquidation",
}
FATE_STAGES = np.array([STAGES.index(FATES[code]) for code in range(len(FATES))], dtype=np.intp)
"""Stage of each code of a fate."""

EVENT_CODES = ("path", "quarter", "company", "stage", "cause_kind", "cause", "counterparty", "tie", "amount")
CAUSE_KINDS = ("tie", "shock", "market", "covenant", "rollover")
CAUSES = (
    "", "event", "own_cause", "freeze", "chip_cut", "power_cut", "maturity", "mood", "cash",
    "insolvent", "rating_cut", "covenant",
)  # fmt: skip

TESTS = (
    ("market", "cash"),
    ("market", "insolvent"),
    ("market", "mood"),
    ("rollover", "maturity"),
    ("rollover", "rating_cut"),
    ("covenant", "covenant"),
    ("shock", "power_cut"),
    ("shock", "chip_cut"),
    ("shock", "freeze"),
    ("market", "own_cause"),
    ("shock", "event"),
    ("tie", ""),
)
"""Kind and cause that each test of `trouble.find_causes` stands for, later ones overruling earlier."""
KINDS_OF = np.array([CAUSE_KINDS.index(kind) for kind, _ in TESTS], dtype=np.intp)
CAUSES_OF = np.array([CAUSES.index(cause) for _, cause in TESTS], dtype=np.intp)


class Events:
    """Events of a block in order of quarter, as columns of codes until the end."""

    def __init__(self) -> None:
        self._told: list[tuple[int, tuple[Array, ...], Array]] = []

    def add(self, quarter: int, codes: tuple[Array, ...], amount: Array) -> None:
        """Keep what happened in a quarter: stage, path, company, cause_kind, cause, counterparty and tie, usd_bn,
        each."""
        self._told.append((quarter, codes, amount))

    def codes(self) -> dict[str, Array]:
        """The events of the block in order of path, as codes: of units, ties, STAGES, CAUSE_KINDS and CAUSES."""
        if not self._told:
            none = np.zeros(0, dtype=np.int64)
            return dict(zip(EVENT_CODES, (*[none] * (len(EVENT_CODES) - 1), np.zeros(0)), strict=True))
        when, rows, amounts = zip(*self._told, strict=True)
        quarter = np.repeat(np.array(when), [len(codes[0]) for codes in rows])
        stage, path, company, *rest = (np.concatenate(parts) for parts in zip(*rows, strict=True))
        columns = (path, quarter, company, stage, *rest, np.concatenate(amounts))
        order = in_order_of_path(path)
        return {name: values[order] for name, values in zip(EVENT_CODES, columns, strict=True)}


def events_table(codes: dict[str, Array], layout: Layout, quarters: tuple[str, ...]) -> dict[str, Array | Coded]:
    """The table `events` from its codes, without scenario and sequence."""
    ties = layout.tie_id
    cause = np.where(codes["tie"] >= 0, codes["tie"], len(ties) + codes["cause"])
    return {
        "path": codes["path"],
        "quarter": Coded.of(codes["quarter"], quarters),
        "company_id": Coded.of(codes["company"], layout.units),
        "stage": Coded.of(codes["stage"], STAGES),
        "cause_kind": Coded.of(codes["cause_kind"], CAUSE_KINDS),
        "cause_id": Coded.of(cause, [*ties, *CAUSES]),
        "counterparty_id": Coded.of(codes["counterparty"], layout.units),
        "tie_id": Coded.of(codes["tie"], ties),
        "amount_usd_bn": codes["amount"],
    }


INSTRUMENTS = ("bond", "equity", "lease", "loan", "receivable", "supply")
"""Instruments of `outcomes` in the order of their names."""
STAGES_AT_END = ("", "distress", "restructuring", "acquisition", "liquidation")


def outcomes_of(codes: dict[str, Array], layout: Layout, quarters: tuple[str, ...]) -> dict[str, Array | Coded]:
    """The table `outcomes` from its codes, without scenario."""
    return {
        "path": codes["path"],
        "company_id": Coded.of(codes["company"], layout.units),
        "instrument": Coded.of(codes["instrument"], INSTRUMENTS),
        "first_distress": Coded.of(codes["first_distress"], quarters),
        "default_quarter": Coded.of(codes["default_quarter"], quarters),
        "stage_end": Coded.of(codes["stage_end"], STAGES_AT_END),
        "loss_fraction": codes["loss_fraction"],
        "recovery": codes["recovery"],
        "rescuer_id": Coded.of(codes["rescuer"], layout.units),
        "value_start_usd_bn": codes["value_start_usd_bn"],
        "value_min_usd_bn": codes["value_min_usd_bn"],
        "value_end_usd_bn": codes["value_end_usd_bn"],
    }


@dataclass
class Kept:
    """What stays of a finished block: all that its tables are made of, names as codes."""

    first_path: int
    quarters: tuple[str, ...]
    economy: dict[str, Array]
    """(quarters, paths) of each measure"""
    layers: dict[str, Array]
    """(quarters, layers, paths) of each measure"""
    company: dict[str, Array]
    """(quarters, firms, paths) of each measure, in single precision"""
    flows: Array
    """(years, pairs of groups, paths) usd_bn paid in a year"""
    chain: Array
    """(paths,) length of the longest chain of defaults"""
    conservation: Array
    """(paths,) largest relative error of an identity"""
    nonconverged: Array
    broken: Array
    """(paths,) numbers that are none"""
    outcomes: dict[str, Array]
    """rows in order of path, as those of the next two"""
    events: dict[str, Array]
    losses: dict[str, Array]


class _Found(NamedTuple):
    """Firms and paths to which something happened in a quarter: stage, firm, path, usd_bn and counterparty of each."""

    stage: Array
    firms: Array
    lanes: Array
    amount: Array
    other: Array

    @classmethod
    def all_of(cls, stage: str, firms: Array, lanes: Array, amount: Array, other: Array | int = -1) -> _Found:
        """The same happened to all; counterparty -1: none."""
        code, nobody = np.empty((2, len(firms)), dtype=np.intp)
        code[:] = STAGES.index(stage)
        nobody[:] = other
        return cls(code, firms, lanes, amount, nobody)


def firms_by_name(layout: Layout) -> Array:
    """Firms in the order of their names."""
    return np.asarray(np.argsort(np.array(layout.units[: layout.firms]), kind="stable"))


@dataclass
class Recorder:
    """Collects the results of a block of paths."""

    block: Block
    economy: dict[str, Array]
    economy_by_quarter: Array
    """(quarters, measures, paths) of which `economy` shows each measure"""
    layers: dict[str, Array]
    company: dict[str, Array]
    by_quarter: Array
    """(quarters, measures, firms, paths) of which `company` shows each measure, in single precision"""
    layers_by_quarter: Array
    """(quarters, measures, layers, paths) of which `layers` shows each measure"""
    layer: Array
    """(firms,) layer of each firm"""
    by_name: Array
    """firms in the order of their names"""
    strategic: Array
    """stakes that suppliers hold in their customers"""
    events: Events
    losses: Losses
    claim_outcomes: ClaimOutcomes
    first_distress: Array
    default_quarter: Array
    claims: Array
    rescuer: Array
    depth: Array
    bought: Array
    """(flow ties, paths) what firms bought in the quarter in which they failed, usd_bn; 0 before"""
    value_start: Array
    conservation: Array
    nonconverged: Array
    broken: Array
    """(paths,) numbers in the table of companies that are none"""
    quarters: tuple[str, ...]
    flows: Array
    """(years, pairs of groups, paths) usd_bn paid in a year"""

    @classmethod
    def begin(cls, block: Block, state: State, first_quarter: str) -> Recorder:
        """Room for all quarters of a block, and what is recorded of its opening."""
        quarters, width, firms = block.program.quarters, block.width, block.layout.firms
        by_quarter = np.empty((quarters, len(COMPANY_MEASURES), firms, width), dtype=np.float32)
        economy = np.empty((quarters, len(ECONOMY_MEASURES), width))
        layers = np.zeros((quarters, len(LAYER_MEASURES), len(LAYERS), width))
        origin = calendar.ordinal(first_quarter)
        return cls(
            block=block,
            economy={name: economy[:, place] for place, name in enumerate(ECONOMY_MEASURES)},
            economy_by_quarter=economy,
            layers={name: layers[:, place] for place, name in enumerate(LAYER_MEASURES)},
            company={name: by_quarter[:, place] for place, name in enumerate(COMPANY_MEASURES)},
            by_quarter=by_quarter,
            layers_by_quarter=layers,
            layer=np.ascontiguousarray(block.layout.layer, dtype=np.intp),
            by_name=block.facts.once("firms_by_name", lambda: firms_by_name(block.layout)),
            strategic=np.flatnonzero(block.facts.strategic),
            events=Events(),
            losses=Losses(block, state),
            claim_outcomes=ClaimOutcomes(block),
            first_distress=np.full((firms, width), -1),
            default_quarter=np.full((firms, width), -1),
            claims=np.zeros((firms, width)),
            rescuer=np.full((firms, width), -1),
            depth=np.zeros((firms, width), dtype=np.int64),
            bought=np.zeros((len(block.layout.flow), width)),
            value_start=state.firms.value.copy(),
            conservation=np.zeros(width),
            nonconverged=np.zeros(width, dtype=np.int64),
            broken=np.zeros(width, dtype=np.intp),
            quarters=tuple(calendar.text(origin + number) for number in range(quarters)),
            flows=block.scratch.between,
        )

    def record(self, now: Moment) -> None:
        """Keep a finished quarter."""
        self._economy(now)
        self._firms(now)
        self._failures(now)
        self.losses.note(now)
        self.claim_outcomes.note(now)
        add_flows(now, self.flows[now.quarter // 4])

    def _economy(self, now: Moment) -> None:
        """Measures of the whole economy."""
        r, theta, fleet = now.results, now.block.theta, now.state.fleet
        layers, cache = now.block.facts.layers, now.block.cache
        tallies.keep_economy(
            cache["owner_power"], cache["pue"], cache["owner_stock"], fleet.waiting, r["hall_binding"],
            r["power_binding"], r["spending"], theta["server_load"], r["served"], r["token_price"], r["price"],
            r["utilisation"], theta["utilisation_opening"], r["stock"], r["ai_capex"], r["surplus"], r["stranded"],
            r["chip_shortage"], r["hall_shortage"], r["power_shortage"], r["funded_share"],
            layers.supply.carbon_t_per_mwh, layers.water_l_per_kwh, now.block.scratch.rounds,
            self.economy_by_quarter[now.quarter], self.nonconverged,
        )  # fmt: skip

    def _firms(self, now: Moment) -> None:
        """Measures of firms and layers; a firm's last value while it was sound."""
        t, r, f, layout = now.quarter, now.results, now.state.firms, now.block.layout
        share, financed = np.empty_like(f.value), np.empty_like(f.value)
        marks = arrays.room(2, layout.firms, dtype=bool)
        tallies.finance_sales(
            r["stake_paid"], self.strategic, layout.stake_company, r["vendor_credit"], r["revenue"], r["equity_raised"],
            r["new_debt"], now.block.scratch.flow, layout.flow_payer, layout.flow_payee, share, financed, marks,
        )  # fmt: skip
        tallies.keep_firms(
            r["revenue"], r["capex"], r["profit"], now.state.books.cash, r["debt"], f.value, f.stage, financed, marks,
            r["failed_now"], self.layer, self.losses.value_before, self.by_quarter[t], self.layers_by_quarter[t],
            self.broken,
        )  # fmt: skip

    def _failures(self, now: Moment) -> None:
        """Events of the quarter: who misses, who is helped, who defaults; then what became of those."""
        r, cache, resolved = now.results, now.block.cache, "resolved" in now.results
        firms, lanes = r["distressed_firms"], r["distressed_paths"]
        unpaid = np.empty(len(firms))
        trouble.note_misses(firms, lanes, now.quarter, r["dues"], r["paid_share"], self.first_distress, unpaid)
        found = [_Found.all_of("distress", firms, lanes, unpaid)]
        if r["bailed"] is not cache["no_help"]:
            helped, lanes = failure.pairs(r["bailed"][r["helped"]] > 1e-9)
            firms = r["helped"][helped]
            government = now.block.layout.sector["governments"]
            found.append(_Found.all_of("rescue", firms, lanes, r["bailed"][firms, lanes], government))
        if resolved:
            firms, lanes, _, _ = r["resolved"]
            found.append(_Found.all_of("standstill", firms, lanes, r["resolved_claims"]))
        ties = self._tell(now, found)
        if resolved:
            # a default makes its chain one longer
            mine, deeper = ties[len(ties) - len(firms) :], np.empty(len(firms), dtype=np.intp)
            trouble.lengthen(firms, lanes, mine, now.block.layout.payer, self.depth, deeper)
        # what follows a default is told with the defaults of the quarter known
        found = [self._fates(now)] if resolved else []
        if "liquidated" in r:
            firms, lanes = r["liquidated"]
            lost = self.claim_outcomes.lost_now(now, firms, lanes)
            found.append(_Found.all_of("liquidation", firms, lanes, lost))
        self._tell(now, found)

    def _fates(self, now: Moment) -> _Found:
        """Keeps the defaults of the quarter; what became of each."""
        r = now.results
        firms, lanes, fate, buyer = r["resolved"]
        trouble.note_defaults(
            firms, lanes, *now.block.ties_of["dues_of"], r["resolved_claims"], buyer, now.quarter,
            now.block.scratch.flow, self.first_distress, self.default_quarter, self.rescuer, self.claims, self.bought,
        )  # fmt: skip
        # of a purchase the price is told, of the rest what lenders lose
        amount = np.where(fate == rescue.ACQUISITION, r["resolved_price"], r["resolved_loss"])
        order = np.argsort(fate, kind="stable")
        return _Found(np.asarray(FATE_STAGES)[fate[order]], *(part[order] for part in (firms, lanes, amount, buyer)))

    def _tell(self, now: Moment, parts: list[_Found]) -> Array:
        """Add events, each with its cause; returns the tie of each that made the trouble, -1 without.

        Where nothing else is known, a firm that still has more than it owes is told from one that does not.
        """
        parts = [part for part in parts if len(part.firms)]
        if not parts:
            return np.zeros(0, dtype=np.intp)
        r, e, f, layout = now.results, now.state.economy, now.state.firms, now.block.layout
        found = (
            parts[0] if len(parts) == 1 else _Found(*(np.concatenate(column) for column in zip(*parts, strict=True)))
        )
        kinds, causes, ties, other, path = np.empty((5, len(found.firms)), dtype=np.intp)
        trouble.find_causes(
            found.firms, found.lanes, found.other, *self.block.ties_of["sales_of"], layout.payer, self.bought,
            self.default_quarter, f.revenue, r["solvent"], r["own_cause"], r["principal"], r["unfunded"], f.fallen,
            f.covenant, e.mood, e.power_cut, e.chip_cut, e.freeze, self._struck(now), np.asarray(KINDS_OF),
            np.asarray(CAUSES_OF), now.block.first_path, kinds, causes, ties, other, path,
        )  # fmt: skip
        self.events.add(now.quarter, (found.stage, path, found.firms, kinds, causes, other, ties), found.amount)
        return ties

    def _struck(self, now: Moment) -> Array:
        """True where an event of the scenario strikes a firm's supply or borrowing, (firms, paths); no rows: none."""
        if now.block.events is None:
            return np.zeros((0, now.block.width), dtype=bool)
        found = [
            left[: now.block.layout.firms] < 1.0
            for name in ("supply", "borrowing")
            if (left := now.struck(name)) is not None
        ]
        struck = found[0] | found[-1]
        return np.ascontiguousarray(np.broadcast_to(struck, (len(struck), now.block.width)))

    @property
    def series(self) -> tuple[Array, ...]:
        """What is kept by quarter or year."""
        return self.economy_by_quarter, self.layers_by_quarter, self.by_quarter, self.flows

    def finished(self, quarter: int) -> list[tuple[int, int]]:
        """Rows of `series` that this recorded quarter was the last to change: series and row, each."""
        rows = [(0, quarter), (1, quarter), (2, quarter)]
        if quarter % 4 == 3 or quarter == self.block.program.quarters - 1:
            rows.append((3, quarter // 4))
        return rows

    def finish(self, state: State) -> Kept:
        """What stays of the block."""
        return Kept(
            first_path=self.block.first_path,
            quarters=self.quarters,
            economy=self.economy,
            layers=self.layers,
            company=self.company,
            flows=self.flows,
            chain=self.depth.max(axis=0) + (self.default_quarter >= 0).any(axis=0),
            conservation=self.conservation,
            nonconverged=self.nonconverged,
            broken=self.broken + np.isnan(self.economy_by_quarter).sum(axis=(0, 1)),
            outcomes=self._outcomes(state),
            events=self.events.codes(),
            losses=self.losses.codes(),
        )

    def _outcomes(self, state: State) -> dict[str, Array]:
        """Outcomes in long form: equity of each firm, and claims on those that failed or cut their contracts."""
        firms, width = self.first_distress.shape
        stage = (self.first_distress >= 0).astype(np.int64)
        stage[state.firms.stage >= RESTRUCTURED] = 2
        stage[self.rescuer >= 0] = 3
        stage[state.firms.stage >= GONE] = 4
        failed = self.default_quarter >= 0
        equity_loss = np.where(
            failed, 1.0 - np.minimum(state.firms.value / np.maximum(self.value_start, 1e-9), 1.0), 0.0
        )
        pieces = [
            ("equity", np.ones_like(failed), equity_loss),
            *self.claim_outcomes.pieces(state, failed, self.claims),
        ]
        named = {name: (told, lost) for name, told, lost in pieces}
        # rows in order of path, name of the company and name of the instrument
        keep = np.stack([named[name][0][self.by_name].T for name in INSTRUMENTS], axis=-1)
        lanes, places = np.divmod(np.flatnonzero(keep), firms * len(INSTRUMENTS))
        places, numbers = np.divmod(places, len(INSTRUMENTS))
        company = self.by_name[places]
        # one place in the memory of (firms, paths), and of (pieces, firms, paths)
        at = company * width + lanes
        lost = np.stack([named[name][1] for name in INSTRUMENTS]).reshape(-1)[at + numbers * (firms * width)]

        def of_row(values: Array) -> Array:
            return values.reshape(-1)[at]

        value_min = np.minimum(self.value_start.astype(np.float32), self.by_quarter[:, tallies.VALUE].min(axis=0))
        return {
            "path": self.block.first_path + lanes,
            "company": company,
            "instrument": numbers,
            "first_distress": of_row(self.first_distress),
            "default_quarter": of_row(self.default_quarter),
            "stage_end": of_row(stage),
            "loss_fraction": lost.astype(np.float32),
            "recovery": np.where(of_row(failed), 1.0 - lost, np.nan).astype(np.float32),
            "rescuer": of_row(self.rescuer),
            "value_start_usd_bn": of_row(self.value_start).astype(np.float32),
            "value_min_usd_bn": of_row(value_min),
            "value_end_usd_bn": of_row(state.firms.value).astype(np.float32),
        }
