"""What a step of a quarter can see: the model, the state, the numbers drawn for the quarter, the steps before it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from penstock import arrays
from penstock.arrays import np
from penstock.engine.events import Events
from penstock.engine.facts import Facts
from penstock.engine.layout import Layout
from penstock.engine.state import State
from penstock.scenarios.program import LeverTable, Program

if TYPE_CHECKING:
    from penstock.engine.parts import Chain
    from penstock.engine.random import Draws
    from penstock.engine.seen import Seen
    from penstock.engine.steps.cascade import Cascade

Array = np.ndarray


@dataclass
class Scratch:
    """Buffers of a block, allocated once; `flow` is the part of `billed` that the flow ties take.

    Of bills, `due`, `paid` and the rest of `billed` are written for those who ask (`engine.bills.write_out`).
    """

    due: Array
    paid: Array
    billed: Array
    flow: Array
    before: Array
    """(operating ties, paths) what was owed before the quarter's bills, from settlement on"""
    spent: Array
    """(units, paths) bills of the quarter by payer, from settlement on"""
    sold: Array
    """the same by payee"""
    income: Array
    """(units, paths) dues of the quarter by payee, as the next"""
    dues: Array
    """(units, paths) dues of the quarter by payer"""
    gap: Array
    """(firms, paths) cash and income less dues, as if everybody paid"""
    kept: Array
    """(units, paths) dues that stay unpaid, by payer; zero but within settlement"""
    lost: Array
    """the same by payee"""
    between: Array
    """(years, pairs of groups, paths) usd_bn paid in a year"""
    received: Array
    driver: Array
    owed: Array
    """(classes, units, paths) dues of the quarter"""
    paid_share: Array
    fell: Array
    """(units,) who pays less than all of its dues on some path; on a device (units, paths), on each"""
    stood: Array
    """the same of all quarters before"""
    rounds: Array


@dataclass(frozen=True)
class Part:
    """Suppliers that stand in for each other: ties, their ends, and shares of what a buyer gets, (ties, 1)."""

    ties: Array
    supplier: Array
    buyer: Array
    share: Array


@dataclass
class Block:
    """A block of paths on its way: everything that does not change from quarter to quarter."""

    layout: Layout
    facts: Facts
    theta: dict[str, Array]
    opening: dict[str, Array]
    levers: LeverTable
    program: Program
    draws: Draws
    trend: Array
    """(quarters, firms, 1) own business outside the ties relative to the opening"""
    scratch: Scratch
    first_path: int
    width: int
    cascade: Cascade
    """categories of what is built, in the order of their payments"""
    chain: Chain
    """the parts of the chain of silicon, optics first"""
    cache: dict[str, Any] = field(default_factory=dict)
    ties_of: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    """ties by firm: first and rows of a compressed index"""
    bill_terms: tuple[tuple[Any, ...], ...] = ()
    """terms and ends of bills by kind (`engine.bills.terms_of`); none where no step has asked for them"""
    parts_of: dict[str, tuple[Part, ...]] = field(default_factory=dict)
    """parts that buyers need of a category, and who delivers them"""
    seen: Seen | None = None
    """valuations that steps see in place of the market's, None where they see the market's"""
    events: Events | None = None
    """what events of the scenario leave, None without any"""

    @cached_property
    def switched_on(self) -> dict[str, bool]:
        """Which parts of the model the scenario leaves on: steps ask some seventy times a quarter."""
        return {switch: bool(on) for switch, on in asdict(self.program.switches).items()}


@dataclass
class Moment:
    """One quarter of a block. Steps read `block`, change `state` and hand results on by name."""

    block: Block
    state: State
    quarter: int
    results: dict[str, Array] = field(default_factory=dict)
    written_down: list[tuple[str, Array, Array, Array, Array, Array]] = field(default_factory=list)
    """claims cut: kind of claim, debtor, path, tie, claim before and loss, an entry a claim"""
    handed_over: list[tuple[str, Array | int, Array, Array, Array, Array | int]] = field(default_factory=list)
    """money moved by failures: what for, who receives, who gives, path, amount and debt tie (-1 none), an entry each,
    or one number for all; amounts may be zero"""
    years: float = field(init=False)
    """years since the as-of date at the end of this quarter"""

    def __post_init__(self) -> None:
        self.years = (self.quarter + 1) / 4.0

    def lever(self, knob: str, base: Array | float = 1.0, entity: str = "") -> Array | float:
        """A parameter or input after what the scenario does to it in this quarter."""
        levers = self.block.levers
        return base if knob in levers.untouched else levers.value(knob, self.quarter, base, entity=entity)

    def struck(self, name: str) -> Array | None:
        """What events leave of a quantity in this quarter (names in `engine.events`); None where none is told."""
        events = self.block.events
        return None if events is None else np.asarray(getattr(events, name)[self.quarter])

    def lit(self, amount: Array) -> Array:
        """The part of a stock or power of owners, (owners + 1, paths), that no outage takes."""
        left, dark = self.struck("lit"), self.struck("dark_gw")
        if left is None or dark is None:
            return amount
        out = np.minimum(dark / np.maximum(self.results["owner_power"], 1e-9), 1.0)
        return np.asarray(amount * left * (1.0 - out))

    def on(self, switch: str) -> bool:
        """Whether a step or loop is switched on."""
        return self.block.switched_on[switch]

    def shock(self, number: int) -> Array:
        """Standard normal number of the economy, (paths,); zero where noise is switched off."""
        noise = self.block.draws.economy_normal[self.quarter, number]
        return noise if self.on("noise") else np.zeros_like(noise)

    def chance(self, number: int) -> Array:
        """A uniform number of the economy on each path, (paths,); `number`: its row."""
        return self.block.draws.economy_uniform[self.quarter, number]

    def firm_shock(self) -> Array:
        """Standard normal numbers of the firms, (firms, paths); zero where noise is switched off."""
        noise = self.block.draws.firm_normal[self.quarter]
        return noise if self.on("noise") else np.zeros_like(noise)

    def firm_chance(self) -> Array:
        """Uniform numbers of the firms, (firms, paths)."""
        return self.block.draws.firm_uniform[self.quarter]


ADOPTION_NOISE, MOOD_NOISE, CYCLE_NOISE = 0, 1, 2
"""Rows of the economy's normal numbers."""
SWAN_ARRIVAL, SWAN_TYPE, SWAN_SIZE, RECESSION, PROJECT = 0, 1, 2, 3, 4
"""Rows of the economy's uniform numbers."""


def by_path(setting: Array | float, width: int) -> Array:
    """A setting as one number a path, to be read alone: one number is written out once a process."""
    if type(setting) is float and not arrays.width_on_device():
        return written_out(setting, width)
    if isinstance(setting, np.ndarray) and setting.shape == (width,) and setting.flags.c_contiguous:
        return setting
    if isinstance(setting, np.ndarray):
        return np.ascontiguousarray(np.broadcast_to(setting, (width,)), dtype=float)
    if arrays.width_on_device():
        return np.full(width, float(setting))
    return written_out(float(setting), width)


def alike(number: float, rows: int) -> Array:
    """The same number for each of so many rows, (rows, 1), to be read alone: written out once a process."""
    if arrays.width_on_device():
        return np.full((rows, 1), number)
    return written_out(number, rows, 1)


@lru_cache(maxsize=256)
def written_out(number: float, *shape: int) -> Array:
    found = np.full(shape, number)
    found.flags.writeable = False
    return found
