"""What every block of a model knows before its paths are drawn: indices, shares and openings of layout and facts alone.

It is looked up once for all blocks, which hold it beside what they draw. Nobody writes to it: a step that changes a
number of the cache puts a new array in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.engine.checks import net_worth_by_balance
from penstock.engine.facts import Facts, capital_ties
from penstock.engine.layout import RATINGS, USE_CATEGORIES, Layout
from penstock.engine.ledger_view import pair_indices
from penstock.engine.moment import Part
from penstock.engine.opening.state import GROUPS
from penstock.engine.opening_fleet import fleet_at_opening
from penstock.engine.parts import Chain, chain_of, parts_of
from penstock.engine.state import Books, opening_firms, opening_ties, spread
from penstock.engine.steps.cascade import Cascade, cascade_of, revenue_before
from penstock.engine.steps.order import FELT_AT_ONCE
from penstock.engine.steps.spend import FOLLOWS_FABS, FOLLOWS_LEASES, FOLLOWS_POWER, FOLLOWS_SALES
from penstock.layers import energy, facilities
from penstock.money import clearing, kernels, rating, valuation
from penstock.money.failure import by_firm

Array = np.ndarray

TINY = 1e-9
HEADROOM = 1.25
"""Compute that a cloud's fleet can carry at the opening over what it sells (assumption, 1.1 to 1.5)."""
LAB_TRAINING_SHARE = 0.55
"""Share of a lab's compute bill that is training and research: openai_compute_share_rd_2024 and _final_training, less
free research; 0.45 to 0.75.
"""
FRANCHISE_MEMORY = 0.95
"""Share of a gap between a firm's own business and its trend that is left after a quarter (assumption, 0.9 to 0.98)."""

LEAST_PRICE = 0.6
"""Lowest price of an owner's chips over the world's: TPUs and volume discounts (assumption, 0.5 to 0.7)."""

RATING_APPETITE = {"AAA": 0.5, "AA": 0.75}
"""Part of the debt limit of its group that a firm of top rating uses, to keep the rating (assumption, 0.3 to 0.9)."""

BUILDERS = ("developer",)
FAB_GROUPS = ("foundry", "memory", "packaging", "lithography", "lithography_supplier", "equipment")
POWER_GROUPS = ("utility", "generator", "turbine_maker")

LANES = 8
"""Paths that are opened to see what is the same on all of them: an axis of one would be added up in another order."""


@dataclass(frozen=True)
class Opened:
    """What is the same on all paths at the opening, a number each: (units, 1), (firms, 1) or (owners + 1, 1)."""

    cash: Array
    net_worth: Array
    stakes: Array
    debt_owed: Array
    value_scale: Array
    value_shift: Array
    distance: Array
    distance_seen: Array
    owner_stock: Array
    owner_power: Array
    stock: float
    """million H100e in service"""
    capex: float
    """AI capital spending of the last quarter, usd_bn"""


@dataclass(frozen=True)
class Known:
    """What blocks of the same layout and facts share; cache, ties_of, parts_of, chain and cascade as in `Block`."""

    opened: Opened
    cache: dict[str, Any]
    ties_of: dict[str, tuple[Array, Array]]
    parts_of: dict[str, tuple[Part, ...]]
    chain: Chain
    cascade: Cascade


def known_of(layout: Layout, facts: Facts) -> Known:
    """What layout and facts tell, looked up by the first block that asks."""
    return facts.once("known", lambda: look_up(layout, facts))


def look_up(layout: Layout, facts: Facts) -> Known:
    """All of it anew."""
    cache: dict[str, Any] = {}
    ties_of: dict[str, tuple[Array, Array]] = {}
    opened = _opened(layout, facts)
    _economy(layout, facts, opened, cache)
    _ties(layout, facts, cache, ties_of)
    _plant(layout, facts, cache)
    _failures(layout, facts, cache, ties_of)
    silicon = (*(name for name, _ in FELT_AT_ONCE), "servers", "network")
    parts = {name: parts_of(layout, facts.tie_base, name) for name in silicon}
    cache["felt_at_once"] = np.array([felt for _, felt in FELT_AT_ONCE])
    return Known(
        opened=opened,
        cache=cache,
        ties_of=ties_of,
        parts_of=parts,
        chain=chain_of([parts[name] for name, _ in FELT_AT_ONCE]),
        cascade=cascade_of(layout, facts.flows["other_revenue"], facts.tie_base, layout.members(*BUILDERS)),
    )


def _opened(layout: Layout, facts: Facts) -> Opened:
    """Books, values and fleets: the bank sector owes all deposits; net worth is assets less liabilities.

    Multiples, distances and debt are such that values start at the market's.
    """
    firms, ties, fleet = opening_firms(layout, facts, LANES), opening_ties(facts, LANES), fleet_at_opening(facts)
    books = Books(*(np.zeros((layout.unit_count, LANES)) for _ in range(3)))
    books.cash[: layout.firms] = facts.sheet["cash"]
    books.cash[layout.sector["bank_syndicate"]] -= books.cash[: layout.firms].sum(axis=0)
    kernels.mark_to_market(ties.stake, firms.value, layout.stake_holder, layout.stake_company, books.stakes)
    worth = net_worth_by_balance(layout, facts, firms, ties, books)
    debt = np.zeros((layout.unit_count, LANES))
    kernels.accumulate(ties.debt, layout.borrower, debt)
    owed = debt[: layout.firms]
    net = books.cash[: layout.firms] + books.stakes[: layout.firms] - owed
    operations = np.maximum(firms.value - net, 0.5 * firms.value)
    plant = firms.compute_equipment + firms.buildings + firms.construction
    power = valuation.earnings_power(4.0 * firms.ebitda, 4.0 * firms.revenue, plant)
    distance = valuation.distance_to_default(firms.value, owed, facts.equity_volatility)
    bought, drawn = (spread(one, LANES) for one in (fleet.bought, fleet.power))

    def column(values: Array) -> Array:
        return np.ascontiguousarray(values[:, :1])

    return Opened(
        cash=column(books.cash),
        net_worth=column(worth),
        stakes=column(books.stakes),
        debt_owed=column(owed),
        value_scale=column(operations / np.maximum(power, 1e-6)),
        value_shift=column(operations + net - firms.value),
        distance=column(distance),
        distance_seen=column(np.minimum(distance, rating.SAFE)),
        owner_stock=column(bought.sum(axis=0)),
        owner_power=column(drawn.sum(axis=0)),
        stock=float(bought.sum(axis=(0, 1))[0]),
        capex=opening_capex(layout, facts),
    )


def opening_capex(layout: Layout, facts: Facts) -> float:
    """AI capital spending of the last quarter: fleet owners, developers and the rest of the world, usd_bn."""
    spent = facts.it_capex + facts.site_capex
    builders = layout.members(*BUILDERS)
    capital, _ = capital_ties(layout, facts.tie_base)
    return float(spent[: layout.owners].sum() + spent[builders].sum() + capital[layout.owner_unit[-1]].sum())


def _economy(layout: Layout, facts: Facts, opened: Opened, cache: dict[str, Any]) -> None:
    owned, owner, installed = facts.owned, layout.owner_unit, opened.owner_stock
    own_share = owned["own_use_share"]
    cache["lettable_share"] = 1.0 - own_share[: layout.owners]
    cache["own_weights"] = installed * own_share / np.maximum((installed * own_share).sum(), TINY)
    # every owner keeps a trace, so that shares stand where all chips are for own use or without an owner
    outside = np.maximum(installed * (1.0 - own_share), TINY)
    cache["external_weights"] = outside / outside.sum()
    # a number of this machine: no step asks a device for it
    cache["external_weight"] = float(cache["external_weights"][:-1].sum())

    capital, equipment = capital_ties(layout, facts.tie_base)
    dollars = equipment[owner]
    dollars[:-1] = facts.it_capex[: layout.owners]
    chip_price = facts.constants["equipment_price"]
    deliveries = owned["h100e_per_quarter"]
    # an owner whose deliveries are not known gets those that its spending buys
    deliveries = np.where((deliveries < 1e-6) & (dollars > 0), dollars / chip_price, np.maximum(deliveries, 1e-6))
    # chips that cost an owner less than this were paid by others: leases, vendors, parents
    paid = np.minimum(deliveries, dollars / (LEAST_PRICE * chip_price))
    deliveries = np.where(dollars > 0, paid, deliveries)
    cache["deliveries_opening"] = deliveries
    cache["chip_dollar"] = np.where(dollars > 0, dollars / deliveries, chip_price)
    cache["outside_weights"] = dollars / np.maximum(dollars.sum(), TINY)
    cache["accelerator_base"] = facts.category_base["accelerators"][owner]
    cache["pue"] = owned["pue"]
    cache["owner_phase"] = (np.arange(len(owner)) * 0.6180339887498949 % 1.0)[:, None]
    site_dollars = (capital - equipment)[owner]
    site_dollars[:-1] = facts.site_capex[: layout.owners]
    cache["site_dollars"] = site_dollars
    leased = owned["leased_share"] * owned["halls_gw"]
    cache["leased_weight"] = leased / np.maximum(leased.sum(), TINY)
    table = facts.group_conduct.reindex(GROUPS)
    cache["group_elasticity"] = np.array(table["value_elasticity"], dtype=float)[:, None]
    cache["group_exposure"] = np.array(table["ai_exposure"], dtype=float)[:, None]


def _ties(layout: Layout, facts: Facts, cache: dict[str, Array], ties_of: dict[str, tuple[Array, Array]]) -> None:
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
    np.add.at(sold, payee[named], cache["order_share"] * fleet_at_opening(facts).backlog[cache["order_owner"]])
    cache["capacity_share"] = sold / np.maximum(sold.sum(), TINY)
    unnamed = np.ones((len(layout.owner_unit), 1))
    unnamed[cache["order_owner"]] = 0.0
    cache["unnamed_orders"] = unnamed

    ties_of["dues_of"] = clearing.by_payer(layout.payer, layout.unit_count)
    ties_of["stakes_of"] = clearing.by_payer(layout.stake_holder, layout.unit_count)
    ties_of["purchases_of"] = by_firm(layout.flow_payer, layout.firms)
    ties_of["sales_of"] = by_firm(layout.payee[layout.flow.slice], layout.firms)
    ties_of["plant_of"] = by_firm(layout.capital_payer, layout.firms)
    cache["collection"] = np.ascontiguousarray(facts.collection[:, 0])
    # of what a kind of tie bills: the other operating cost is half wages and half suppliers
    cache["part"] = np.ones(layout.operating.stop)
    for kind in (layout.wages, layout.suppliers):
        cache["part"][kind.slice] = 0.5
    cache["deferrable"] = np.zeros(layout.operating.stop, dtype=bool)
    cache["deferrable"][: layout.flow.stop] = layout.equipment_payer < layout.firms
    operating = layout.operating.slice
    nothing_owed = facts.receivable[:, 0] == 0.0
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
        ties_of[of_payee] = by_firm(seller, layout.firms)
    compute = layout.category["compute"].slice
    asked = np.zeros((layout.unit_count, 1))
    np.add.at(asked, payee[compute], base[compute])
    sold_compute = asked[: layout.owners]
    cache["sells_compute"] = sold_compute > 1e-4
    cache["compute_opening"] = np.maximum(sold_compute, 1e-4)
    cache["compute_sold"] = sold_compute
    cache["capability_opening"] = np.where(sold_compute > 1e-4, HEADROOM * sold_compute, 1e9)
    labs = layout.members("lab")
    cache["labs"] = labs
    # the row of a lab among the labs, -1 for all others
    cache["lab_row"] = np.full(layout.unit_count, -1)
    cache["lab_row"][labs] = np.arange(len(labs))
    cache["lab_revenue_opening"] = before["compute"][labs]
    sectors = ("enterprises", "governments", "row_customers", "other_ai_buyers")
    cache["compute_sectors"] = np.array([layout.sector[name] for name in sectors], dtype=np.intp)
    cache["lab_training_share"] = np.full((len(labs), 1), LAB_TRAINING_SHARE)
    cache["lab_compute_opening"] = facts.category_base["compute"][labs]
    renters = np.unique(payer[compute])
    cache["renters"] = np.setdiff1d(renters[renters < layout.owners], labs)


def _plant(layout: Layout, facts: Facts, cache: dict[str, Array]) -> None:
    base = facts.tie_base
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


def _failures(layout: Layout, facts: Facts, cache: dict[str, Array], ties_of: dict[str, tuple[Array, Array]]) -> None:
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
    ties_of["debts_of"] = by_firm(layout.borrower, layout.firms)
    ties_of["bills_of"] = by_firm(layout.payer[layout.operating.slice], layout.firms)
    ties_of["called_of"] = by_firm(facts.guarantee_beneficiary, layout.firms)
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
    ties_of["contracts_of"] = by_firm(payer, layout.firms)
    lab = np.isin(np.arange(layout.firms), cache["labs"])
    cache["is_lab"], cache["no_grade_told"] = lab, np.zeros((0, 1))
    cache["contract_left"] = np.where(lab, 0.3, 0.5)
    sound = facts.market_value[:, 0] > facts.constants["systemic_value"]
    cache["is_systemic"], cache["systemic"] = sound, sound[:, None].astype(float)
    hyperscalers = layout.members("hyperscaler")
    cache["buyers"] = hyperscalers
    cache["quarters_to_income"] = quarters_to_income(layout, facts)
    cache["for_sale"] = np.isin(np.arange(layout.firms), layout.members("lab", "neocloud", "developer"))
    core = np.isin(np.arange(layout.firms), np.concatenate([cache["labs"], hyperscalers]))
    cache["default_weights"] = np.where(core, 1.0, 1.0 / 6.0)
    rent = np.zeros((layout.unit_count, 1))
    lease = layout.category["lease"]
    schedule = np.zeros(len(facts.tie_base))
    schedule[facts.contract_tie] = facts.contract_due.max(axis=1, initial=0.0)
    rows = slice(lease.start, lease.stop)
    np.add.at(rent, layout.payer[rows], np.maximum(schedule[rows], facts.tie_base[rows, 0])[:, None])
    backers = np.bincount(facts.guarantee_beneficiary, minlength=layout.unit_count)[:, None]
    share = rent / np.maximum(backers, 1)
    cache["guaranteed_rent"] = share[facts.guarantee_beneficiary]


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
