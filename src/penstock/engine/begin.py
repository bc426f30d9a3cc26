"""Begin a block of paths: draw its numbers, open its state, and lay out what its steps look up."""

from __future__ import annotations

import numpy as np

from penstock.engine.events import events_of
from penstock.engine.facts import Facts, capital_ties
from penstock.engine.lanes import Lanes
from penstock.engine.layout import RATINGS, USE_CATEGORIES, Layout
from penstock.engine.ledger_view import GROUP_NAMES, pair_indices
from penstock.engine.moment import Block, Scratch
from penstock.engine.opening.state import GROUPS
from penstock.engine.parts import look_up_parts
from penstock.engine.posterior import PosteriorDraws, path_parameters
from penstock.engine.random import draw
from penstock.engine.state import (
    AGES,
    Books,
    State,
    opening_economy,
    opening_firms,
    opening_fleet,
    opening_ties,
)
from penstock.engine.steps.cascade import cascade_of, revenue_before
from penstock.engine.steps.drivers import HALLS_IN_SITE, SETUP_SHARE
from penstock.engine.steps.order import FELT_AT_ONCE
from penstock.engine.steps.spend import FOLLOWS_FABS, FOLLOWS_LEASES, FOLLOWS_POWER, FOLLOWS_SALES
from penstock.layers import energy, facilities, platform, silicon
from penstock.money import clearing, failure, kernels, rating, valuation
from penstock.scenarios.program import Program

Array = np.ndarray

TINY = 1e-9
HEADROOM = 1.25
"""Compute that a cloud's fleet can carry at the opening over what it sells (assumption, 1.1 to 1.5)."""
LAB_TRAINING_SHARE = 0.55
"""Share of a lab's compute bill that is training and research: openai_compute_share_rd_2024 and _final_training, less
free research; 0.45 to 0.75.
"""
LONG_RUN_GROWTH = 0.04
"""Yearly growth to which a firm's business outside the ties fades over three years (assumption, 0.03 to 0.05)."""

FRANCHISE_MEMORY = 0.95
"""Share of a gap between a firm's own business and its trend that is left after a quarter (assumption, 0.9 to 0.98)."""

LEAST_PRICE = 0.6
"""Lowest price of an owner's chips over the world's: TPUs and volume discounts (assumption, 0.5 to 0.7)."""

RATING_APPETITE = {"AAA": 0.5, "AA": 0.75}
"""Part of the debt limit of its group that a firm of top rating uses, to keep the rating (assumption, 0.3 to 0.9)."""

BUILDERS = ("developer",)
FAB_GROUPS = ("foundry", "memory", "packaging", "lithography", "lithography_supplier", "equipment")
POWER_GROUPS = ("utility", "generator", "turbine_maker")


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
) -> tuple[Block, State]:
    """The block and its state at the as-of date; `lanes` where its lanes are not simply consecutive paths."""
    paths = range(first_path, first_path + width) if lanes is None else lanes.paths.tolist()
    draws = draw(seed, paths, program.quarters, layout.draw_column)
    theta = path_parameters(draws.parameters, prior=prior, table=facts.parameters, posterior=posterior)
    levers = program.draw(draws.changes[: len(program.changes)])
    if lanes is not None:
        theta = {**theta, **lanes.parameters}
        levers = levers.set_beside(lanes.knobs, program.quarters)
    fleet = opening_fleet(facts, theta, width)
    economy, first = opening_economy(facts, theta, fleet)
    state = State(
        economy=economy,
        fleet=fleet,
        firms=opening_firms(layout, facts, width),
        ties=opening_ties(facts, width),
        books=Books(*(np.zeros((layout.unit_count, width)) for _ in range(3))),
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
        scratch=_scratch(layout, width, program.quarters),
        first_path=first_path,
        width=width,
        events=events_of(program, layout, facts),
        cascade=cascade_of(layout, facts.flows["other_revenue"], facts.tie_base, layout.members(*BUILDERS)),
    )
    _open_books(block, state)
    _look_up_economy(block, state)
    _look_up_ties(block, state)
    _look_up_failures(block, state)
    _open_values(block, state)
    return block, state


def _scratch(layout: Layout, width: int, quarters: int) -> Scratch:
    ties, units = layout.ties, layout.unit_count
    billed = np.zeros((layout.operating.stop, width))
    return Scratch(
        due=np.empty((ties, width)),
        paid=np.empty((ties, width)),
        billed=billed,
        flow=billed[layout.flow.slice],
        before=np.zeros_like(billed),
        spent=np.zeros((units, width)),
        sold=np.zeros((units, width)),
        income=np.zeros((units, width)),
        kept=np.zeros((units, width)),
        lost=np.zeros((units, width)),
        between=np.zeros((-(-quarters // 4), len(GROUP_NAMES) ** 2, width)),
        received=np.zeros((units, width)),
        driver=np.ones((units, width)),
        owed=np.zeros((clearing.CLASSES, units, width)),
        paid_share=np.ones((clearing.CLASSES, units, width)),
        fell=np.zeros(units, dtype=bool),
        stood=np.zeros(units, dtype=bool),
        rounds=np.zeros(width, dtype=np.intp),
    )


def _open_books(block: Block, state: State) -> None:
    """Cash of firms; the bank sector owes all deposits; net worth is assets less liabilities."""
    from penstock.engine.checks import net_worth_by_balance

    layout, books = block.layout, state.books
    books.cash[: layout.firms] = block.facts.sheet["cash"]
    books.cash[layout.sector["bank_syndicate"]] -= books.cash[: layout.firms].sum(axis=0)
    kernels.mark_to_market(state.ties.stake, state.firms.value, layout.stake_holder, layout.stake_company, books.stakes)
    books.net_worth[:] = net_worth_by_balance(block, state)


def _look_up_economy(block: Block, state: State) -> None:
    layout, facts, theta, cache, first = block.layout, block.facts, block.theta, block.cache, block.opening
    physical, fleet, economy = facts.physical, state.fleet, state.economy
    owner = layout.owner_unit
    installed = fleet.bought.sum(axis=0)[:, :1]
    own_share = physical["own_use_share"].to_numpy(float)[:, None]
    cache["lettable_share"] = 1.0 - own_share[: layout.owners]
    cache["own_weights"] = installed * own_share / np.maximum((installed * own_share).sum(), TINY)
    # every owner keeps a trace, so that shares stand where all chips are for own use or without an owner
    outside = np.maximum(installed * (1.0 - own_share), TINY)
    cache["external_weights"] = outside / outside.sum()
    cache["hurdle"] = first["hurdle"]
    cache["training"] = first["training"]
    cache["pay_opening"] = first["price_ratio"] ** (1.0 - theta["price_elasticity"])
    cache["owner_stock"], cache["owner_power"] = fleet.bought.sum(axis=0), fleet.opening_power.sum(axis=0)
    cache["stock_opening"] = np.maximum(fleet.bought.sum(axis=0), TINY)
    cache["power_opening"] = np.maximum(fleet.opening_power.sum(axis=0), TINY)
    cache["halls_opening"] = np.maximum(fleet.halls, TINY)
    cache["fab_opening"] = economy.chip_stages[0].copy()
    cache["survival"] = silicon.survival_factor(AGES, theta["economic_life"])
    cache["token_price_opening"] = theta["token_price"]

    capital, equipment = capital_ties(layout, facts.tie_base)
    dollars = equipment[owner]
    dollars[:-1] = facts.it_capex[: layout.owners]
    chip_price = facts.constants["equipment_price"]
    deliveries = physical["h100e_per_quarter"].to_numpy(float)[:, None]
    # an owner whose deliveries are not known gets those that its spending buys
    deliveries = np.where((deliveries < 1e-6) & (dollars > 0), dollars / chip_price, np.maximum(deliveries, 1e-6))
    # chips that cost an owner less than this were paid by others: leases, vendors, parents
    paid = np.minimum(deliveries, dollars / (LEAST_PRICE * chip_price))
    deliveries = np.where(dollars > 0, paid, deliveries)
    cache["deliveries_opening"] = deliveries
    cache["delivery_ratio"] = np.ones((len(owner), block.width))
    cache["chip_dollar"] = np.where(dollars > 0, dollars / deliveries, chip_price)
    cache["outside_weights"] = dollars / np.maximum(dollars.sum(), TINY)
    cache["accelerator_base"] = facts.category_base["accelerators"][owner]
    cache["pue"] = physical["pue"].to_numpy(float)[:, None]
    cache["owner_phase"] = (np.arange(len(owner)) * 0.6180339887498949 % 1.0)[:, None]

    halls, power = fleet.hall_stages.sum(axis=0), fleet.power_stages.sum(axis=0)
    rest = 1.0 - HALLS_IN_SITE
    done = HALLS_IN_SITE * halls / theta["hall_lead"] + rest * power / theta["power_lead"]
    # what was started in the last quarter is what trades and permits could take on
    begun = HALLS_IN_SITE * _started(halls, theta["hall_starts"], theta["hall_lead"])
    begun = begun + rest * _started(power, theta["power_starts"], theta["power_lead"])
    starts = SETUP_SHARE * begun + (1.0 - SETUP_SHARE) * done
    site_dollars = (capital - equipment)[owner]
    site_dollars[:-1] = facts.site_capex[: layout.owners]
    known = starts > 1e-6
    cache["site_work_opening"] = np.where(known, starts, np.maximum(site_dollars / theta["site_cost"], 1e-6))
    leased = physical["leased_share"].to_numpy(float)[:, None] * physical["halls_gw"].to_numpy(float)[:, None]
    cache["leased_weight"] = leased / np.maximum(leased.sum(), TINY)
    cache["power_starts_opening"] = np.maximum(fleet.power_stages.sum(axis=(0, 1)) / theta["power_lead"], TINY)
    cache["power_starts_last"] = cache["power_starts_opening"]
    economy.capex = opening_capex(block) * np.ones(block.width)
    table = facts.group_conduct.reindex(GROUPS)
    cache["group_elasticity"] = table["value_elasticity"].to_numpy(float)[:, None]
    cache["group_exposure"] = table["ai_exposure"].to_numpy(float)[:, None]
    cache["growth_opening"] = np.zeros(block.width)
    cache["rate_opening"] = theta["cost_of_capital"] + 0.05 * (0.5 - theta["opening_mood"])
    cache["default_weight"] = np.zeros(block.width)


def _started(pipeline: Array, limit: Array, lead: Array) -> Array:
    """GW a quarter that owners started: their pipelines in steady state, as far as the limit allows."""
    steady = pipeline / lead
    return steady * np.minimum(1.0, limit / np.maximum(steady.sum(axis=0), TINY))


def opening_capex(block: Block) -> float:
    """AI capital spending of the last quarter: fleet owners, developers and the rest of the world, usd_bn."""
    layout, facts = block.layout, block.facts
    spent = facts.it_capex + facts.site_capex
    builders = layout.members(*BUILDERS)
    capital, _ = capital_ties(layout, facts.tie_base)
    return float(spent[: layout.owners].sum() + spent[builders].sum() + capital[layout.owner_unit[-1]].sum())


def _look_up_ties(block: Block, state: State) -> None:
    layout, facts, cache = block.layout, block.facts, block.cache
    width = block.width
    base = facts.tie_base
    payer, payee = layout.payer[layout.flow.slice], layout.payee[layout.flow.slice]
    cache.update(pair_indices(layout))
    cache["tie_base"] = np.ascontiguousarray(base[:, 0])
    before = revenue_before(layout, facts.flows["other_revenue"], base)
    for name in USE_CATEGORIES:
        payers = np.unique(payer[layout.category[name].slice])
        cache[f"payers_{name}"] = payers[payers < layout.firms]
        cache[f"revenue_before_{name}"] = before[name][cache[f"payers_{name}"]]
    cache["revenue_opening"] = before["all"]
    look_up_parts(block, FELT_AT_ONCE)
    tools = facts.category_base["tools"][: layout.firms]
    cache["foundry_share"] = tools / np.maximum(tools.sum(), TINY)

    row_of = np.full(layout.unit_count, -1, dtype=np.int64)
    row_of[layout.owner_unit] = np.arange(len(layout.owner_unit))
    block_rows = np.arange(layout.category["accelerators"].start, layout.category["accelerators"].stop)
    named = block_rows[row_of[payer[block_rows]] >= 0]
    spent = np.maximum(facts.category_base["accelerators"][payer[named]], TINY)
    cache["order_share"] = base[named] / spent
    cache["order_tie"] = named
    cache["order_owner"] = np.ascontiguousarray(row_of[payer[named]], dtype=np.intp)
    cache["designers"], place = np.unique(payee[named], return_inverse=True)
    cache["order_designer"] = np.ascontiguousarray(place, dtype=np.intp)
    sold = np.zeros((layout.unit_count, 1))
    np.add.at(sold, payee[named], cache["order_share"] * state.fleet.backlog[cache["order_owner"], :1])
    cache["capacity_share"] = sold / np.maximum(sold.sum(), TINY)
    unnamed = np.ones((len(layout.owner_unit), 1))
    unnamed[cache["order_owner"]] = 0.0
    cache["unnamed_orders"] = unnamed

    block.ties_of["dues_of"] = clearing.by_payer(layout.payer, layout.unit_count)
    block.ties_of["purchases_of"] = failure.by_firm(layout.flow_payer, layout.firms)
    block.ties_of["plant_of"] = failure.by_firm(layout.capital_payer, layout.firms)
    cache["collection"] = np.ascontiguousarray(facts.collection[:, 0])
    # of what a kind of tie bills: the other operating cost is half wages and half suppliers
    cache["whole"], cache["half"] = np.ones(layout.operating.stop), np.full(layout.firms, 0.5)
    cache["deferrable"] = np.zeros(layout.operating.stop, dtype=bool)
    cache["deferrable"][: layout.flow.stop] = layout.equipment_payer < layout.firms
    operating = layout.operating.slice
    nothing_owed = (state.ties.receivable == 0.0).all(axis=1)
    cache["at_once"] = (cache["collection"][operating] == 1.0) & ~cache["deferrable"] & nothing_owed
    # a tie opens a sum where it is the first of it
    cache["opens"] = np.zeros((layout.ties, 3), dtype=bool)
    for column, sums in enumerate((layout.payer_class, layout.payee, layout.payer[operating])):
        cache["opens"][np.unique(sums, return_index=True)[1], column] = True
    for name, of_payee in (("compute", "compute_sold_of"), ("lease", "leases_of")):
        ties = layout.category[name]
        inside = (facts.contract_tie >= ties.start) & (facts.contract_tie < ties.stop)
        cache[f"contract_rows_{name}"] = np.flatnonzero(inside)
        # contracts of other ties belong to nobody here
        seller = np.where(inside, layout.payee[facts.contract_tie], layout.unit_count)
        block.ties_of[of_payee] = failure.by_firm(seller, layout.firms)
    compute = layout.category["compute"].slice
    asked = np.zeros((layout.unit_count, 1))
    np.add.at(asked, payee[compute], base[compute])
    sold_compute = asked[: layout.owners]
    cache["sells_compute"] = sold_compute > 1e-4
    cache["compute_opening"] = np.maximum(sold_compute, 1e-4)
    cache["compute_expected"] = sold_compute * np.ones((1, width))
    cache["capability_opening"] = np.where(sold_compute > 1e-4, HEADROOM * sold_compute, 1e9)
    let = cache["stock_opening"][: layout.owners] * cache["lettable_share"]
    rent = platform.rent_of(let, block.opening["price"], block.theta["utilisation_opening"])
    cache["rent_opening"] = np.maximum(cache["capability_opening"], rent)
    labs = layout.members("lab")
    cache["labs"] = labs
    cache["lab_revenue_opening"] = before["compute"][labs]
    sectors = ("enterprises", "governments", "row_customers", "other_ai_buyers")
    cache["compute_sectors"] = np.array([layout.sector[name] for name in sectors], dtype=np.intp)
    cache["lab_training_share"] = np.full((len(labs), 1), LAB_TRAINING_SHARE)
    cache["lab_compute_opening"] = facts.category_base["compute"][labs]
    renters = np.unique(payer[compute])
    cache["renters"] = np.setdiff1d(renters[renters < layout.owners], labs)
    own = block.opening["own_value"] * cache["own_weights"]
    external = (block.opening["serving"] + block.opening["training"]) * cache["external_weights"]
    cache["owner_value_opening"] = np.maximum(own + external, TINY)

    builders = layout.members(*BUILDERS)
    cache["builders"] = builders
    landlords = np.sort(np.concatenate([builders, layout.members("generator")]))
    cache["landlords"] = landlords
    cache["let_rows"] = np.union1d(np.arange(layout.owners), landlords)
    cache["landlord_plant"] = facts.sheet["buildings"][landlords] + facts.sheet["compute_equipment"][landlords]
    cache["landlord_yield"] = np.where(np.isin(landlords, builders), facilities.HALL_YIELD, facilities.POWER_YIELD)[
        :, None
    ]
    cache["builder_mask"] = np.isin(np.arange(layout.firms), np.concatenate([builders, layout.members("neocloud")]))[
        :, None
    ]
    sold = facts.tie_in[: layout.firms] / np.maximum(facts.flows["revenue"], 1e-9)
    # a fab whose sales hang on AI by a half builds for AI with all of its AI spending
    cache["ai_sales_share"] = np.clip(2.0 * sold, 0.0, 1.0)
    cache["regulated"] = layout.members("utility")
    cache["franchise_memory"] = np.full((layout.firms, 1), FRANCHISE_MEMORY)
    cache["franchise_memory"][cache["regulated"]] = energy.RATE_CASE_MEMORY
    cache["plant_revenue"], cache["let"] = np.zeros((2, layout.firms, width))
    cache["burners"] = np.flatnonzero(facts.category_base["fuel"][: layout.firms, 0] > 0.0)
    cache["capital_follows"] = np.full(layout.firms, FOLLOWS_SALES, dtype=np.intp)
    for follows, firms in (
        (FOLLOWS_FABS, layout.members(*FAB_GROUPS)),
        (FOLLOWS_POWER, layout.members(*POWER_GROUPS)),
        (FOLLOWS_LEASES, builders),
    ):
        cache["capital_follows"][firms] = follows
    cache["world_plant"] = np.flatnonzero(layout.capital_payer == layout.owner_unit[-1]).astype(np.intp)
    cache["is_equipment"] = layout.equipment_payer < layout.unit_count
    capital, equipment = capital_ties(layout, base)
    it_tied, all_tied = equipment[: layout.firms], capital[: layout.firms]
    cache["it_rest"] = np.maximum(facts.it_capex - it_tied, 0.0)[: layout.owners]
    site_tied = np.where(np.arange(layout.firms)[:, None] < layout.owners, all_tied - it_tied, all_tied)
    cache["site_rest"] = np.maximum(facts.site_capex - site_tied, 0.0)
    rest = facts.core_capex + cache["site_rest"]
    rest[: layout.owners] += cache["it_rest"]
    cache["capital_rest_opening"] = rest
    cache["wear"] = np.ones((layout.firms, width))
    cache["wear_opening"] = np.maximum(facts.sheet["buildings"], 1e-9)
    billed = facts.opening_flow
    collected = facts.collection * billed
    sums = np.zeros((4, layout.unit_count, 1))
    for number, (amount, index) in enumerate(
        ((billed, layout.payee), (collected, layout.payee), (billed, layout.payer), (collected, layout.payer))
    ):
        np.add.at(sums[number], index[layout.operating.slice], amount)
    of_firms = sums[:, : layout.firms]
    cache["collect_in"] = np.where(of_firms[0] > TINY, of_firms[1] / np.maximum(of_firms[0], TINY), 1.0)
    paid_of = np.where(of_firms[2] > TINY, of_firms[3] / np.maximum(of_firms[2], TINY), 1.0)
    capital, _ = capital_ties(layout, facts.tie_base)
    paid, _ = capital_ties(layout, facts.collection[layout.flow.slice] * facts.tie_base)
    tied = capital[: layout.firms]
    paid_of_plant = np.where(tied > TINY, paid[: layout.firms] / np.maximum(tied, TINY), 1.0)
    # shares of purchases, and of purchases for plant, that are paid within the quarter
    cache["paid_of"] = np.concatenate([paid_of, paid_of_plant], axis=1)
    cache["slow_in"] = np.zeros((layout.firms, width))


def _look_up_failures(block: Block, state: State) -> None:
    layout, facts, cache = block.layout, block.facts, block.cache
    per_firm = np.zeros((layout.firms, 1))
    np.add.at(per_firm, layout.borrower, facts.draw_share)
    cache["draw_share"] = facts.draw_share / np.maximum(per_firm[layout.borrower], TINY)
    cache["can_borrow"] = (per_firm > TINY).astype(float)
    cache["held"] = np.isin(np.arange(layout.firms), layout.stake_company)
    cache["rating_appetite"] = np.array([RATING_APPETITE.get(name, 1.0) for name in RATINGS])
    cache["holding"] = np.isin(np.arange(layout.firms), layout.members("holding"))[:, None].astype(float)
    rounds = np.zeros((layout.unit_count, 1))
    np.add.at(rounds, layout.stake_company, facts.round_share)
    cache["round_share"] = facts.round_share / np.maximum(rounds[layout.stake_company], TINY)
    cache["can_issue"] = (rounds[: layout.firms] > TINY).astype(float)
    cache["called"] = np.zeros_like(state.ties.guarantee)
    block.ties_of["debts_of"] = failure.by_firm(layout.borrower, layout.firms)
    block.ties_of["bills_of"] = failure.by_firm(layout.payer[layout.operating.slice], layout.firms)
    block.ties_of["called_of"] = failure.by_firm(facts.guarantee_beneficiary, layout.firms)
    # loans to firms below investment grade are senior to their bonds (leveraged loans are secured as a rule)
    leveraged = (layout.instrument == "loan") & (layout.rating[layout.borrower] > RATINGS.index("BBB"))
    cache["ranks_first"] = facts.secured | leveraged
    cache["no_security"] = np.zeros(layout.ties, dtype=bool)
    contracts = np.concatenate(
        [np.arange(layout.category[name].start, layout.category[name].stop) for name in ("compute", "lease", "energy")]
    )
    # ties other than these belong to no firm here
    payer = np.full(len(facts.tie_base), layout.unit_count)
    payer[contracts] = layout.payer[contracts]
    block.ties_of["contracts_of"] = failure.by_firm(payer, layout.firms)
    lab = np.isin(np.arange(layout.firms), cache["labs"])
    cache["contract_left"] = np.where(lab, 0.3, 0.5)
    sound = facts.market_value[:, 0] > facts.constants["systemic_value"]
    cache["systemic"] = sound[:, None].astype(float)
    hyperscalers = layout.members("hyperscaler")
    cache["buyers"] = hyperscalers
    cache["quarters_to_income"] = quarters_to_income(layout, facts)
    cache["for_sale"] = np.isin(np.arange(layout.firms), layout.members("lab", "neocloud", "developer"))
    core = np.isin(np.arange(layout.firms), np.concatenate([cache["labs"], hyperscalers]))
    cache["default_weights"] = np.where(core, 1.0, 1.0 / 6.0)
    cache["repaid"], cache["no_help"] = np.zeros((2, layout.firms, block.width))
    cache["share_paid"], cache["no_grade_told"] = np.ones((layout.firms, block.width)), np.zeros((0, 1))
    cache["is_lab"] = lab
    rent = np.zeros((layout.unit_count, 1))
    lease = layout.category["lease"]
    schedule = np.zeros(len(facts.tie_base))
    schedule[facts.contract_tie] = facts.contract_due.max(axis=1, initial=0.0)
    rows = slice(lease.start, lease.stop)
    np.add.at(rent, layout.payer[rows], np.maximum(schedule[rows], facts.tie_base[rows, 0])[:, None])
    backers = np.bincount(facts.guarantee_beneficiary, minlength=layout.unit_count)[:, None]
    share = rent / np.maximum(backers, 1)
    cache["guaranteed_rent"] = share[facts.guarantee_beneficiary] * np.ones((1, block.width))


def quarters_to_income(layout: Layout, facts: Facts) -> Array:
    """Quarters until the contracts of a firm without business of its own begin to pay, (firms, 1); 0 for all others.

    A vehicle under construction keeps the interest of these quarters back.
    """
    due = np.zeros((layout.firms, facts.contract_due.shape[1]))
    payee = layout.payee[facts.contract_tie]
    inside = payee < layout.firms
    np.add.at(due, payee[inside], facts.contract_due[inside])
    interest = (facts.sheet["debt"] * facts.interest_rate / 4.0)[:, 0]
    young = facts.flows["revenue"][:, 0] < interest
    enough = due > 1.2 * interest[:, None]
    first = np.where(enough.any(axis=1), enough.argmax(axis=1), 0)
    return np.where(young, np.minimum(first + 1.0, 16.0), 0.0)[:, None]


def _open_values(block: Block, state: State) -> None:
    """Multiples, distances and debt at the opening, so that values start at the market's."""
    layout, facts, cache, firms = block.layout, block.facts, block.cache, state.firms
    debt = np.zeros((layout.unit_count, block.width))
    kernels.accumulate(state.ties.debt, layout.borrower, debt)
    cache["debt_owed"] = debt[: layout.firms]
    net = state.books.cash[: layout.firms] + state.books.stakes[: layout.firms] - cache["debt_owed"]
    operations = np.maximum(firms.value - net, 0.5 * firms.value)
    plant = firms.compute_equipment + firms.buildings + firms.construction
    power = valuation.earnings_power(4.0 * firms.ebitda, 4.0 * firms.revenue, plant)
    firms.value_scale = operations / np.maximum(power, 1e-6)
    cache["growth_premium"] = valuation.growth_premium(
        firms.value_scale, facts.conduct["mature_multiple"] * block.theta["mature_multiple"]
    )
    cache["value_shift"] = operations + net - firms.value
    firms.distance = valuation.distance_to_default(firms.value, cache["debt_owed"], facts.equity_volatility)
    firms.distance_opening = firms.distance.copy()
    firms.distance_seen = np.minimum(firms.distance, rating.SAFE)
