"""The model: a world and a scenario made ready to run, and the paths of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from penstock import arrays
from penstock.arrays import Device
from penstock.engine.begin import begin_block, trend_of
from penstock.engine.bills import write_out
from penstock.engine.checks import conservation_error
from penstock.engine.chunks import BINDING
from penstock.engine.coded import Coded, one_below_the_other, text_of
from penstock.engine.device import wide_enough
from penstock.engine.events import Events, events_of
from penstock.engine.facts import Facts, build_facts
from penstock.engine.lanes import Lanes
from penstock.engine.layout import RATINGS, Layout, build_layout
from penstock.engine.ledger_view import GROUP_NAMES, LEDGER, postings, unpaid
from penstock.engine.losses import losses_of
from penstock.engine.moment import Block, Moment
from penstock.engine.moved import bytes_held
from penstock.engine.opening.kept import opening_of
from penstock.engine.opening.kept_layers import layers_of
from penstock.engine.opening.state import Opening
from penstock.engine.posterior import PosteriorDraws, posterior_for
from penstock.engine.quarter import quarter
from penstock.engine.random import lengths_of
from penstock.engine.record import Kept, Recorder, events_table, outcomes_of
from penstock.engine.seen import Seen
from penstock.engine.state import State
from penstock.machine import without_collector
from penstock.scenarios import Program, Scenario, compile_program, edit_world, first_quarter, load_scenario
from penstock.world import World

Array = np.ndarray

WIDTH = 256
"""Most paths in a block: wide enough that the cost of each call is small beside its work (measured)."""
LANES = 8
"""Blocks are as many paths as asked for, rounded up to this: a path has the same bits in a block of any such width.

Not in a block of one: NumPy adds the numbers of an axis in another order where the paths are no axis of their own.
"""


@dataclass(frozen=True)
class Model:
    """Everything that all paths of a run share. Picklable."""

    world_name: str
    opening: Opening
    layout: Layout
    facts: Facts
    program: Program
    first_quarter: str
    seed: int
    prior: bool
    trend: Array
    posterior: PosteriorDraws | None = None
    """draws of the calibration that stand in place of the margins; None with `prior` and for earlier days"""
    events: Events | None = None
    """what events of the program leave, where that was looked up before; None: blocks look it up"""
    moved: list[Model] = field(default_factory=list, init=False, repr=False, compare=False)
    """this model on the device of the process, once a block asked for it"""

    @property
    def firms(self) -> tuple[str, ...]:
        """Ids of the firms, in the order of their rows."""
        return self.opening.firms


@dataclass(frozen=True)
class PathBlock:
    """Results of consecutive paths."""

    economy: dict[str, Array]
    layers: dict[str, Array]
    company: dict[str, Array]
    outcomes: dict[str, Array]
    events: dict[str, Array]
    losses: dict[str, Array]
    """a row a claim that is cut, in order of path: columns of the table `losses`"""
    checks: dict[str, float]
    chain: Array
    """(paths,) length of the longest chain of defaults"""
    flows: Array
    """(years, groups, groups, paths) usd_bn paid by the first group to the second, groups as in `GROUP_NAMES`"""


def prepare(
    world: World,
    scenario: Scenario | str = "baseline",
    *,
    quarters: int = 40,
    seed: int = 7,
    prior: bool = False,
) -> Model:
    """A model ready to run: the scenario's edits made, the opening state built, the program compiled.

    Raises InputError for a scenario that does not fit the world.
    """
    plan = scenario if isinstance(scenario, Scenario) else load_scenario(scenario, world)
    opening, layout, facts = _opened(world, plan) if plan.edits_world else _unedited(world)
    first = first_quarter(world.as_of)
    program = compile_program(plan, first, quarters)
    # an event that strikes nothing is told before a run begins
    events_of(program, layout, facts)
    return Model(
        world_name=world.name,
        opening=opening,
        layout=layout,
        facts=facts,
        program=program,
        first_quarter=first,
        seed=seed,
        prior=prior,
        trend=trend_of(facts, quarters),
        posterior=None if prior else posterior_for(world.as_of, facts.parameters),
    )


def _opened(world: World, plan: Scenario) -> tuple[Opening, Layout, Facts]:
    """The opening state of a world after a scenario's edits."""
    edited, removed = edit_world(world, plan)
    opening = opening_of(edited, removed_pairs=removed)
    layout = build_layout(opening, companies_in_order(world, edited))
    layers = layers_of(edited, opening, removed)
    return opening, layout, build_facts(opening, layout, cited_parameters(edited), edited.table("sites"), layers)


@lru_cache(maxsize=2)
def _unedited(world: World) -> tuple[Opening, Layout, Facts]:
    """The same for scenarios that edit nothing: worlds do not change, and a study prepares many scenarios of one."""
    return _opened(world, load_scenario("baseline", world))


def companies_in_order(world: World, edited: World) -> list[str]:
    """Companies of the world before the scenario's edits, then those that it adds."""
    before = [str(name) for name in world.every_row("companies")["id"]]
    known = set(before)
    return before + [str(name) for name in edited.every_row("companies")["id"] if str(name) not in known]


def cited_parameters(world: World) -> dict[str, float]:
    """Central values of the spreads (basis points) and default rates (percent) by rating."""
    names = [f"spread_{rating.lower()}" for rating in RATINGS] + [f"pd_1y_{rating.lower()}" for rating in RATINGS]
    return {name: float(world.parameter(name).central) for name in names}


def simulate_paths(
    model: Model, first_path: int, count: int, *, on_quarter: Callable[[Moment, str], None] | None = None
) -> PathBlock:
    """Results of `count` paths from `first_path` on; those of a path do not depend on what it is asked with.

    `on_quarter` sees each finished quarter, one block of at most WIDTH paths after the other; the last lanes of a block
    may be paths beyond those asked for.
    """
    device = arrays.chosen() if on_quarter is None else None
    last, start = first_path + count, first_path
    blocks = []
    while start < last:
        stop = min(start + most_paths(model, device), last)
        if (kept := kept_of(model, start, stop - start, on_quarter=on_quarter, device=device)) is not None:
            blocks.append((start, stop, kept))
            start = stop
    return join_blocks(model.layout, blocks)


def kept_of(
    model: Model,
    first_path: int,
    paths: int,
    *,
    on_quarter: Callable[[Moment, str], None] | None = None,
    device: Device | None = None,
) -> Kept | None:
    """What stays of a block of these paths; None where the device had no room for so many and will be asked for fewer.

    Raises MemoryError where the machine has none, or the device not even for its narrowest block.
    """
    try:
        width = lanes_of(paths, model, device)
        return run_block(model, first_path, width, on_quarter=on_quarter, device=device)[1]
    except MemoryError:
        if device is None:
            raise
    # not within `except`: what failed is held as long as its error is
    if not device.narrow():
        raise MemoryError(f"device: found no room for a block of {paths:,} paths; expected a device with more memory")
    return None


def simulate_spans(model: Model, spans: Sequence[tuple[int, int]]) -> list[PathBlock]:
    """Results of each span (first_path, count); spans that follow on each other are computed together."""
    if any(first != before + count for (before, count), (first, _) in pairwise(spans)):
        return [simulate_paths(model, first, count) for first, count in spans]
    start, paths, device = spans[0][0], sum(count for _, count in spans), arrays.chosen()
    if paths > most_paths(model, device):
        return [simulate_paths(model, first, count) for first, count in spans]
    kept = kept_of(model, start, paths, device=device)
    if kept is None:
        return [simulate_paths(model, first, count) for first, count in spans]
    return [join_blocks(model.layout, [(first, first + count, kept)], coded=True) for first, count in spans]


def most_paths(model: Model, device: Device | None) -> int:
    """Most paths in a block: on a device as many as its memory holds."""
    return WIDTH if device is None else device.most_paths(*bytes_a_path(model))


def lanes_of(paths: int, model: Model, device: Device | None) -> int:
    """Lanes of a block that holds so many paths."""
    if device is None:
        return block_width(paths)
    lists = lengths_of(model.layout.draw_column, len(model.program.changes))
    return wide_enough(paths, model, LANES, device.least_width, lists)


def block_width(paths: int) -> int:
    """Lanes of a block in the machine's memory that holds so many paths."""
    return -(-paths // LANES) * LANES


def bytes_a_path(model: Model) -> tuple[float, float]:
    """Memory of a block that grows with its paths, for each, and what of it stays at the end, rows of tables apart."""
    narrow, wide = (begun(model, 0, lanes * LANES) for lanes in (1, 2))
    series = bytes_held(wide[2].series) - bytes_held(narrow[2].series)
    return (bytes_held(wide) - bytes_held(narrow)) / LANES, series / LANES


def run_block(
    model: Model,
    first_path: int,
    width: int,
    *,
    on_quarter: Callable[[Moment, str], None] | None = None,
    seen: Seen | None = None,
    lanes: Lanes | None = None,
    device: Device | None = None,
) -> tuple[Recorder, Kept]:
    """One block of paths through all quarters, and what stays of it; `on_quarter` sees each finished quarter.

    seen: valuations that steps see in place of the market's.
    lanes: what each lane simulates where that is not simply the next path.
    device: where the block lives from its first number on; what stays of it comes into the machine's memory.
    """
    there = None if device is None else looked_up(model, device)
    with without_collector(), arrays.on_device(0 if device is None else width):
        block, state, recorder = begun(model if there is None else there, first_path, width, lanes)
        block.seen = seen
        home = None if device is None else device.bring(recorder.series)
        try:
            for number in range(model.program.quarters):
                now = Moment(block, state, number)
                quarter(now)
                recorder.record(now)
                if on_quarter is not None:
                    on_quarter(now, recorder.quarters[number])
                worst, _ = conservation_error(now)
                recorder.conservation = np.maximum(recorder.conservation, worst)
                if home is not None:
                    home.send(recorder.finished(number))
            kept = recorder.finish(state)
        finally:
            if home is not None:
                # its memory is given away with the block, here and there
                home.wait()
    return recorder, kept if device is None else device.give_back(kept, home)


def looked_up(model: Model, device: Device) -> Model:
    """The model with all that blocks share on the device: looked up in the machine's memory, and moved once."""
    if not model.moved:
        # a first block, of a few paths, looks up what hangs on layout and facts alone
        block, _, _ = begun(model, 0, LANES)
        model.moved.append(device.take(replace(model, events=block.events)))
    return model.moved[0]


def begun(model: Model, first_path: int, width: int, lanes: Lanes | None = None) -> tuple[Block, State, Recorder]:
    """A block of paths at the as-of date, and the recorder of its results."""
    block, state = begin_block(
        model.layout,
        model.facts,
        model.program,
        seed=model.seed,
        first_path=first_path,
        width=width,
        prior=model.prior,
        trend=model.trend,
        lanes=lanes,
        posterior=model.posterior,
        events=model.events,
    )
    return block, state, Recorder.begin(block, state, model.first_quarter)


def join_blocks(layout: Layout, blocks: list[tuple[int, int, Kept]], *, coded: bool = False) -> PathBlock:
    """Cut the asked paths out of whole blocks and put them side by side, with names for codes.

    `coded` leaves names as codes with their words (`engine/coded.py`), of which tables are made faster.
    """
    economy: dict[str, list[Array]] = {}
    layers: dict[str, list[Array]] = {}
    company: dict[str, list[Array]] = {}
    outcomes: dict[str, list[Array | Coded]] = {}
    events: dict[str, list[Array | Coded]] = {}
    losses: dict[str, list[Array | Coded]] = {}
    chain, worst, lost, broken = [], 0.0, 0, 0
    flows = []
    for first, last, kept in blocks:
        lanes = slice(first - kept.first_path, last - kept.first_path)
        for target, source in ((economy, kept.economy), (layers, kept.layers), (company, kept.company)):
            for name, values in source.items():
                target.setdefault(name, []).append(values[..., lanes])
        for rows, codes, named in (
            (outcomes, kept.outcomes, outcomes_of),
            (events, kept.events, events_table),
            (losses, kept.losses, losses_of),
        ):
            # rows stand in order of path
            inside = slice(*np.searchsorted(codes["path"], (first, last)))
            mine = {name: code[inside] for name, code in codes.items()}
            for name, column in named(mine, layout, kept.quarters).items():
                rows.setdefault(name, []).append(column)
        flows.append(kept.flows[..., lanes])
        chain.append(kept.chain[lanes])
        worst = max(worst, float(kept.conservation[lanes].max()))
        lost += int(kept.nonconverged[lanes].sum())
        broken += int(kept.broken[lanes].sum())

    def joined(rows: dict[str, list[Array | Coded]]) -> dict[str, Any]:
        whole = {name: one_below_the_other(parts) for name, parts in rows.items()}
        return whole if coded else {name: text_of(column) for name, column in whole.items()}

    return PathBlock(
        economy={name: _side_by_side(parts) for name, parts in economy.items()},
        layers={name: _side_by_side(parts) for name, parts in layers.items()},
        company={name: _side_by_side(parts) for name, parts in company.items()},
        outcomes=joined(outcomes),
        events=joined(events),
        losses=joined(losses),
        checks={"conservation_max_rel": worst, "nonconverged": lost, "nan": broken},
        chain=np.concatenate(chain),
        flows=_square(_side_by_side(flows)),
    )


def _side_by_side(parts: list[Array]) -> Array:
    """Paths of all blocks along the last axis; those of one block are not copied."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)


def _square(flows: Array) -> Array:
    """Pairs of groups as two axes."""
    groups = len(GROUP_NAMES)
    return flows.reshape(flows.shape[0], groups, groups, flows.shape[-1])


@dataclass(frozen=True)
class PathDetail:
    """One path in full."""

    economy: pd.DataFrame
    """a row a quarter, columns of the table `economy`"""
    company: pd.DataFrame
    """company_id, quarter and the measures of `bands`"""
    events: pd.DataFrame
    ledger: pd.DataFrame
    """every posting: quarter, instrument, debit, credit, amount_usd_bn, tie_id"""
    unpaid: pd.DataFrame
    """dues that stayed unpaid: quarter, payer, payee, tie_id, due_usd_bn, paid_usd_bn"""
    checks: dict[str, float]


def replay(model: Model, path: int) -> PathDetail:
    """One path again, bit for bit as the run saw it, with every posting of its ledger."""
    lane = 0
    posted: list[dict[str, np.ndarray]] = []
    short: list[tuple[str, str, str, str, float, float]] = []

    def note(now: Moment, quarter_name: str) -> None:
        write_out(now)
        posted.append(postings(now, lane, quarter_name))
        short.extend(unpaid(now, lane, quarter_name))

    recorder, kept = run_block(model, path, LANES, on_quarter=note)
    economy = pd.DataFrame({name: values[:, lane] for name, values in recorder.economy.items()})
    economy["binding"] = [BINDING[int(code)] for code in economy["binding"]]
    economy.insert(0, "quarter", list(recorder.quarters))
    pieces = {name: values[:, :, lane].ravel() for name, values in recorder.company.items()}
    quarters = np.repeat(np.array(recorder.quarters, dtype=object), len(model.firms))
    company = pd.DataFrame({"company_id": list(model.firms) * len(recorder.quarters), "quarter": quarters, **pieces})
    told = events_table(kept.events, model.layout, recorder.quarters)
    events = pd.DataFrame({name: text_of(column) for name, column in told.items()})
    events = events[events["path"] == path].reset_index(drop=True)
    ledger = pd.DataFrame({name: np.concatenate([part[name] for part in posted]) for name in LEDGER})
    checks = {"conservation_max_rel": float(recorder.conservation[lane])}
    left = pd.DataFrame(short, columns=["quarter", "payer", "payee", "tie_id", "due_usd_bn", "paid_usd_bn"])
    return PathDetail(economy, company, events, ledger, left, checks)


__all__ = [
    "Block",
    "Model",
    "PathBlock",
    "PathDetail",
    "State",
    "prepare",
    "replay",
    "simulate_paths",
    "simulate_spans",
]
