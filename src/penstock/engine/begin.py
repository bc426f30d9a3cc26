"""Begin a block of paths: draw its numbers, open its state, and lay out what its steps look up.

What does not hang on the path is known of all blocks (`engine.known`); it is written to all paths at once.
"""

from __future__ import annotations

from penstock import arrays
from penstock.arrays import np
from penstock.engine.events import Events, events_of
from penstock.engine.facts import Facts
from penstock.engine.known import TINY, Known, known_of
from penstock.engine.lanes import Lanes
from penstock.engine.layout import Layout
from penstock.engine.ledger_view import GROUP_NAMES
from penstock.engine.moment import Block, Scratch
from penstock.engine.opening_fleet import opening_fleet
from penstock.engine.posterior import PosteriorDraws, path_parameters
from penstock.engine.random import draw
from penstock.engine.state import (
    AGES,
    Books,
    State,
    opening_economy,
    opening_firms,
    opening_ties,
    spread,
)
from penstock.engine.steps.drivers import HALLS_IN_SITE, SETUP_SHARE
from penstock.layers import platform, silicon
from penstock.money import clearing, valuation
from penstock.scenarios.program import Program

Array = np.ndarray

LONG_RUN_GROWTH = 0.04
"""Yearly growth to which a firm's business outside the ties fades over three years (assumption, 0.03 to 0.05)."""


def trend_of(facts: Facts, quarters: int) -> Array:
    """Business outside the ties relative to the opening, (quarters, firms, 1): own growth fading to the long run."""
    growth = facts.flows["other_growth"]
    time = np.arange(1, quarters + 1)[:, None, None] / 4.0
    fade = 3.0
    extra = (growth - LONG_RUN_GROWTH) * fade * (1.0 - np.exp(-time / fade))
    return np.exp(LONG_RUN_GROWTH * time + extra)


def begin_block(
    layout: Layout,
    facts: Facts,
    program: Program,
    *,
    seed: int,
    first_path: int,
    width: int,
    prior: bool,
    trend: Array,
    lanes: Lanes | None = None,
    posterior: PosteriorDraws | None = None,
    events: Events | None = None,
) -> tuple[Block, State]:
    """The block and its state at the as-of date; `lanes` where its lanes are not simply consecutive paths.

    On a device all of it is made there, if layout, facts, trend, posterior and `events` (those of the program, which
    are looked up in the machine's memory) are there.
    """
    paths = range(first_path, first_path + width) if lanes is None else lanes.paths.tolist()
    draws = draw(seed, paths, program.quarters, layout.draw_column, len(program.changes))
    theta = path_parameters(draws.parameters, prior=prior, table=facts.parameters, posterior=posterior)
    levers = program.draw(draws.changes)
    if lanes is not None:
        theta = {**theta, **lanes.parameters}
        levers = levers.set_beside(lanes.knobs, program.quarters)
    known = known_of(layout, facts)
    fleet = opening_fleet(facts, theta, width)
    economy, first = opening_economy(facts, theta, known.opened.stock)
    economy.capex[:] = known.opened.capex
    state = State(
        economy=economy,
        fleet=fleet,
        firms=opening_firms(layout, facts, width),
        ties=opening_ties(facts, width),
        books=Books(*(spread(one, width) for one in (known.opened.cash, known.opened.net_worth, known.opened.stakes))),
    )
    block = Block(
        layout=layout,
        facts=facts,
        theta=theta,
        opening=first,
        levers=levers,
        program=program,
        draws=draws,
        trend=trend,
        scratch=_scratch(layout, width, program.quarters, known.cache["at_once"]),
        first_path=first_path,
        width=width,
        cache=dict(known.cache),
        ties_of=dict(known.ties_of),
        parts_of=known.parts_of,
        chain=known.chain,
        events=events_of(program, layout, facts) if events is None else events,
        cascade=known.cascade,
    )
    _look_up_rooms(block)
    _look_up_economy(block, state, known)
    _look_up_owners(block)
    _open_values(block, state, known)
    return block, state


def _scratch(layout: Layout, width: int, quarters: int, at_once: Array) -> Scratch:
    ties, units = layout.ties, layout.unit_count
    billed, before = (np.empty((layout.operating.stop, width)) for _ in range(2))
    billed[layout.flow.slice] = 0.0
    # what is paid at once leaves nothing owed, and nobody writes so
    before[at_once] = 0.0
    # side by side on a device, each path tells by itself who fell short
    fell, stood = arrays.room(units, dtype=bool), arrays.room(units, dtype=bool)
    fell[:], stood[:] = False, False
    return Scratch(
        due=np.empty((ties, width)),
        paid=np.empty((ties, width)),
        billed=billed,
        flow=billed[layout.flow.slice],
        before=before,
        spent=np.zeros((units, width)),
        sold=np.zeros((units, width)),
        income=np.zeros((units, width)),
        dues=np.empty((units, width)),
        gap=np.empty((layout.firms, width)),
        kept=np.zeros((units, width)),
        lost=np.zeros((units, width)),
        between=np.zeros((-(-quarters // 4), len(GROUP_NAMES) ** 2, width)),
        received=np.zeros((units, width)),
        driver=np.ones((units, width)),
        owed=np.zeros((clearing.CLASSES, units, width)),
        paid_share=np.ones((clearing.CLASSES, units, width)),
        fell=fell,
        stood=stood,
        rounds=np.zeros(width, dtype=np.intp),
    )


def _look_up_rooms(block: Block) -> None:
    """What steps of the quarter before would have left, a number each firm and path: nothing has happened yet."""
    cache, firms, width = block.cache, block.layout.firms, block.width
    for name in ("plant_revenue", "let", "slow_in", "repaid", "no_help"):
        cache[name] = np.zeros((firms, width))
    for name in ("wear", "share_paid"):
        cache[name] = np.ones((firms, width))
    cache["called"] = np.zeros((len(block.facts.guarantee_cap), width))
    cache["delivery_ratio"] = np.ones((len(block.layout.owner_unit), width))
    cache["growth_opening"], cache["default_weight"] = np.zeros((2, width))
    cache["compute_expected"] = spread(cache["compute_sold"], width)
    cache["guaranteed_rent"] = spread(cache["guaranteed_rent"], width)


def _look_up_economy(block: Block, state: State, known: Known) -> None:
    theta, cache, first, fleet, width = block.theta, block.cache, block.opening, state.fleet, block.width
    opened = known.opened
    cache["hurdle"] = first["hurdle"]
    cache["training"] = first["training"]
    cache["pay_opening"] = first["price_ratio"] ** (1.0 - theta["price_elasticity"])
    cache["owner_stock"], cache["owner_power"] = spread(opened.owner_stock, width), spread(opened.owner_power, width)
    cache["stock_opening"] = spread(np.maximum(opened.owner_stock, TINY), width)
    cache["power_opening"] = spread(np.maximum(opened.owner_power, TINY), width)
    cache["halls_opening"] = np.maximum(fleet.halls, TINY)
    cache["fab_opening"] = state.economy.chip_stages[0].copy()
    cache["survival"] = silicon.survival_factor(AGES, theta["economic_life"])
    cache["token_price_opening"] = theta["token_price"]

    halls, power = fleet.hall_stages.sum(axis=0), fleet.power_stages.sum(axis=0)
    rest = 1.0 - HALLS_IN_SITE
    done = HALLS_IN_SITE * halls / theta["hall_lead"] + rest * power / theta["power_lead"]
    # what was started in the last quarter is what trades and permits could take on
    begun = HALLS_IN_SITE * _started(halls, theta["hall_starts"], theta["hall_lead"])
    begun = begun + rest * _started(power, theta["power_starts"], theta["power_lead"])
    starts = SETUP_SHARE * begun + (1.0 - SETUP_SHARE) * done
    bought = np.maximum(cache["site_dollars"] / theta["site_cost"], 1e-6)
    cache["site_work_opening"] = np.where(starts > 1e-6, starts, bought)
    cache["power_starts_opening"] = np.maximum(fleet.power_stages.sum(axis=(0, 1)) / theta["power_lead"], TINY)
    cache["power_starts_last"] = cache["power_starts_opening"]
    cache["rate_opening"] = theta["cost_of_capital"] + 0.05 * (0.5 - theta["opening_mood"])


def _started(pipeline: Array, limit: Array, lead: Array) -> Array:
    """GW a quarter that owners started: their pipelines in steady state, as far as the limit allows."""
    steady = pipeline / lead
    return steady * np.minimum(1.0, limit / np.maximum(steady.sum(axis=0), TINY))


def _look_up_owners(block: Block) -> None:
    """What fleets earn at the opening, by owner."""
    cache, first = block.cache, block.opening
    let = cache["stock_opening"][: block.layout.owners] * cache["lettable_share"]
    rent = platform.rent_of(let, first["price"], block.theta["utilisation_opening"])
    cache["rent_opening"] = np.maximum(cache["capability_opening"], rent)
    own = first["own_value"] * cache["own_weights"]
    external = (first["serving"] + first["training"]) * cache["external_weights"]
    cache["owner_value_opening"] = np.maximum(own + external, TINY)


def _open_values(block: Block, state: State, known: Known) -> None:
    """Multiples, distances and debt at the opening, so that values start at the market's."""
    facts, cache, firms, width = block.facts, block.cache, state.firms, block.width
    opened = known.opened
    cache["debt_owed"] = spread(opened.debt_owed, width)
    firms.value_scale = opened.value_scale
    cache["growth_premium"] = valuation.growth_premium(
        firms.value_scale, facts.conduct["mature_multiple"] * block.theta["mature_multiple"]
    )
    cache["value_shift"] = opened.value_shift
    firms.distance[:], firms.distance_opening = opened.distance, opened.distance
    firms.distance_seen[:] = opened.distance_seen
