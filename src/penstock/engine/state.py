"""State of a block of paths between two quarters. The last axis of every array is the path."""

from __future__ import annotations

from dataclasses import dataclass, fields

from penstock.arrays import np
from penstock.engine.facts import Facts
from penstock.engine.layout import Layout
from penstock.layers import ai, platform

Array = np.ndarray

AGES = 34
"""Age classes of a fleet in quarters; the last one retires."""
OLD = 11
"""Age in quarters from which chips make room where new ones wait (assumption, 8 to 16)."""

EQUIPMENT_LIFE = 24
"""Book life of compute equipment in quarters: parameters depreciation_life_servers_* centre on six years."""

SOUND, DISTRESS, RESTRUCTURED, GONE = 0.0, 1.0, 2.0, 3.0


@dataclass
class Economy:
    """State of the whole economy, (paths,) unless said."""

    adoption: Array
    """(segments, paths) share of the ceiling reached"""
    own_adoption: Array
    noise: Array
    ceiling_shock: Array
    readiness: Array
    quality: Array
    cycle: Array
    """index of the business cycle, 1 in normal times"""
    mood: Array
    expected_growth: Array
    capex_growth: Array
    log_value: Array
    price: Array
    capex: Array
    """AI capital spending of the last quarter, usd_bn"""
    chip_capacity: Array
    chip_stages: Array
    """(3, paths)"""
    hall_limit: Array
    power_limit: Array
    efficiency: Array
    """value of compute wanted relative to no efficiency shock"""
    compute_per_token: Array
    rate_shock: Array
    freeze: Array
    chip_cut: Array
    power_cut: Array
    fragility: Array
    surprise: Array
    lender_losses: Array
    rescue_spent: Array
    spending_last: Array
    contract_price: Array
    """rent in contracts: the spot price, smoothed over two years"""


@dataclass
class Fleet:
    """State of compute owners, (owners + 1, paths); the last row is the rest of the world. GW are IT power."""

    bought: Array
    """(cohorts, owners + 1, paths) million H100e by quarter of purchase, those that failed or wore out included; rows
    as `steps.fleets.cohort` has them"""
    opening_power: Array
    """(cohorts, owners + 1, paths) IT power that cohorts of the opening drew then, zero for later ones"""
    lasting: Array
    """(cohorts, paths) what is left of a cohort"""
    drawn: Array
    """(cohorts, paths) IT power of a million H100e of a cohort that was bought later, zero for those of the opening"""
    kept: Array
    """what is left of an owner's old cohorts (`OLD` quarters and more) where some made room for new chips;
    what was `bought` of them is told over it"""
    waiting: Array
    backlog: Array
    halls: Array
    firm_power: Array
    hall_stages: Array
    power_stages: Array
    delivered: Array
    """million H100e delivered since the opening, opening stock included"""
    retired: Array
    failed: Array
    own_chips: Array
    """share of accelerators from own designs"""
    project: Array
    """quarters to the end of an own-chip project, 0 none"""
    external: Array
    """smoothed expected compute sales relative to the opening"""

    def in_service(self, quarter: int) -> Array:
        """Million H100e in service at the end of a quarter by cohort, (cohorts, owners + 1, paths)."""
        return self.bought * self._left(quarter)

    def power_in_use(self, quarter: int) -> Array:
        """IT power that each cohort draws at the end of a quarter, (cohorts, owners + 1, paths)."""
        return (self.opening_power + self.bought * self.drawn[:, None]) * self._left(quarter)

    def _left(self, quarter: int) -> Array:
        old = (np.arange(AGES) + quarter + 1) % AGES >= OLD
        return self.lasting[:, None] * np.where(old[:, None, None], self.kept, 1.0)


@dataclass
class Firms:
    """State of firms, (firms, paths), usd_bn."""

    compute_equipment: Array
    equipment_gross: Array
    equipment_entries: Array
    """(EQUIPMENT_LIFE, firms, paths) gross additions by quarter"""
    buildings: Array
    construction: Array
    inventory: Array
    goodwill: Array
    other_assets: Array
    other_liabilities: Array
    cost: Array
    """other operating cost of a quarter, follows revenue with a lag (jobs)"""
    franchise: Array
    """own business outside the ties relative to trend"""
    activity: Array
    """1 sound; lower after default"""
    stage: Array
    missed: Array
    revenue: Array
    ebitda: Array
    """smoothed"""
    ebitda_opening: Array
    line: Array
    rate: Array
    spread: Array
    distance: Array
    distance_opening: Array
    """(firms, 1)"""
    value: Array
    value_scale: Array
    """(firms, 1) value of operations over earnings power at the opening"""
    value_peak: Array
    no_access: Array
    rating: Array
    """class that agencies give, index into RATINGS"""
    distance_seen: Array
    """distance to default that agencies look at, averaged over about a year"""
    fallen: Array
    """quarters left in which the loss of investment grade counts as a cause"""
    covenant: Array
    """quarters left in which a breach of covenants counts as a cause"""
    attraction: Array
    training_index: Array
    supply: Array
    """share of normal capacity that a supplier can deliver"""
    expected_revenue: Array
    capex_scale: Array
    capex: Array
    bought: Array
    """operating purchases of the last quarter"""


@dataclass
class Ties:
    """State of ties, (ties, paths), usd_bn."""

    receivable: Array
    """operating ties: billed and not yet paid"""
    activity: Array
    """flow ties: share of the contract still in force"""
    debt: Array
    stake: Array
    """share of the company held"""
    guarantee: Array
    """cap left"""
    called: Array
    """claim of the guarantor on the firm whose rent it paid"""


@dataclass
class Books:
    """Accounts of all units, (units, paths), usd_bn: cash, net worth as income, revaluation and issuance make it."""

    cash: Array
    net_worth: Array
    stakes: Array
    """stakes at market of the last quarter"""


@dataclass
class State:
    """All that a quarter changes, by what it belongs to; arrays end in (paths,)."""

    economy: Economy
    fleet: Fleet
    firms: Firms
    ties: Ties
    books: Books

    def arrays(self) -> dict[str, Array]:
        """Every array by dotted name."""
        found: dict[str, Array] = {}
        for part in fields(self):
            group = getattr(self, part.name)
            for item in fields(group):
                found[f"{part.name}.{item.name}"] = getattr(group, item.name)
        return found


def spread(column: Array, count: int) -> Array:
    """A number a row, last axis 1, written to so many paths."""
    out = np.empty((*column.shape[:-1], count))
    out[...] = column
    return out


def opening_economy(facts: Facts, theta: dict[str, Array], installed: float) -> tuple[Economy, dict[str, Array]]:
    """Economy at the as-of date, and the opening constants that later steps compare with.

    installed: million H100e in service.
    """
    count = len(theta["chip_cost"])
    ones = np.ones(count)
    spending = facts.opening_spending * ones
    ceilings = np.stack([theta["ceiling_consumer"], theta["ceiling_enterprise"], theta["ceiling_agents"]])
    ceilings = np.maximum(ceilings, 1.6 * spending)
    cost = theta["chip_cost"] + theta["site_cost"] * theta["power_per_h100e"]
    rate = theta["cost_of_capital"] + 0.05 * (0.5 - theta["opening_mood"])
    running = platform.running_cost(theta["power_per_h100e"], facts.layers.supply.usd_per_mwh, facts.layers.pue)
    hurdle = platform.hurdle_price(
        cost,
        rate,
        theta["perceived_decline"] * theta["chip_cost_decline"],
        theta["economic_life"],
        theta["utilisation_target"],
        running,
    )
    stock = np.full(count, installed)
    price = theta["price_opening"]
    value = 8.76 * hurdle * theta["utilisation_opening"] * stock * (price / hurdle) ** theta["price_elasticity"]
    total = spending.sum(axis=0)
    serving = theta["inference_share"] * total
    training = ai.training_value(
        total,
        theta["training_ratio"],
        theta["training_horizon"],
        theta["opening_growth"],
        theta["opening_mood"],
    )
    own = np.maximum(value - serving - training, 0.2 * value)
    own_adoption = np.minimum(
        own / np.maximum(theta["own_use_ceiling"] * facts.constants["opening_cash_flow"], 1e-9), 0.9
    )
    capacity = theta["chip_capacity"]
    growth = theta["chip_capacity_growth"]
    economy = Economy(
        adoption=spending / ceilings,
        own_adoption=own_adoption,
        noise=0.0 * ones,
        ceiling_shock=ones.copy(),
        readiness=facts.layers.readiness * ones,
        quality=0.0 * ones,
        cycle=ones.copy(),
        mood=theta["opening_mood"].copy(),
        expected_growth=theta["opening_growth"].copy(),
        capex_growth=theta["opening_capex_growth"].copy(),
        log_value=np.log(serving + training + own),
        price=price.copy(),
        capex=ones.copy(),
        chip_capacity=capacity.copy(),
        chip_stages=np.repeat((capacity * growth * 0.25 * theta["fab_lead"] / 3.0)[None], 3, axis=0),
        hall_limit=theta["hall_starts"].copy(),
        power_limit=theta["power_starts"].copy(),
        efficiency=ones.copy(),
        compute_per_token=ones.copy(),
        rate_shock=0.0 * ones,
        freeze=0.0 * ones,
        chip_cut=0.0 * ones,
        power_cut=0.0 * ones,
        fragility=0.0 * ones,
        surprise=0.0 * ones,
        lender_losses=0.0 * ones,
        rescue_spent=0.0 * ones,
        spending_last=total.copy(),
        contract_price=price.copy(),
    )
    opening = {
        "ceilings": ceilings,
        "own_value": own,
        "own_adoption": own_adoption,
        "training": training,
        "serving": serving,
        "hurdle": hurdle,
        "stock": stock,
        "spending": total,
        "price": price,
        "price_ratio": price / hurdle,
    }
    return economy, opening


def opening_firms(layout: Layout, facts: Facts, count: int) -> Firms:
    """Firms at the as-of date: sheets, conduct and the age of their equipment; room for distances and value scale."""
    shape = (layout.firms, count)
    flows, sheet = facts.flows, facts.sheet
    # the slot of the first quarter holds the oldest entry, which has one quarter of depreciation left
    age = np.arange(EQUIPMENT_LIFE)[::-1][:, None, None]
    weight = np.exp(-0.12 * age)
    left = 1.0 - age / EQUIPMENT_LIFE
    entries = weight * (sheet["compute_equipment"][None] / (weight * left).sum(axis=0))
    revenue = flows["revenue"]
    ebitda = revenue - flows["tie_cost"] - flows["other_cost"]
    return Firms(
        compute_equipment=spread(sheet["compute_equipment"], count),
        equipment_gross=spread(entries.sum(axis=0), count),
        equipment_entries=spread(entries, count),
        buildings=spread(sheet["buildings"], count),
        construction=spread(sheet["construction"], count),
        inventory=spread(sheet["inventory"], count),
        goodwill=spread(sheet["goodwill"], count),
        other_assets=spread(sheet["other_assets"], count),
        other_liabilities=spread(sheet["other_liabilities"], count),
        cost=spread(flows["other_cost"], count),
        franchise=np.ones(shape),
        activity=np.ones(shape),
        stage=np.zeros(shape),
        missed=np.zeros(shape),
        revenue=spread(revenue, count),
        ebitda=spread(ebitda, count),
        ebitda_opening=spread(ebitda, count),
        line=spread(facts.credit_line, count),
        rate=spread(facts.interest_rate, count),
        spread=spread(facts.rating_spread, count),
        distance=np.empty(shape),
        distance_opening=np.empty((shape[0], 1)),
        value=spread(facts.market_value, count),
        value_scale=np.empty((shape[0], 1)),
        value_peak=spread(facts.market_value, count),
        no_access=np.zeros(shape),
        rating=spread(layout.rating[:, None], count),
        distance_seen=np.empty(shape),
        fallen=np.zeros(shape),
        covenant=np.zeros(shape),
        attraction=np.zeros(shape),
        training_index=np.zeros(shape),
        supply=np.ones(shape),
        expected_revenue=spread(revenue, count),
        capex_scale=np.ones(shape),
        capex=spread(flows["capex"], count),
        bought=spread(flows["tie_cost"] + flows["other_cost"], count),
    )


def opening_ties(facts: Facts, count: int) -> Ties:
    """Ties at the as-of date: what is owed, held and backed."""
    return Ties(
        receivable=spread(facts.receivable, count),
        activity=np.ones((len(facts.tie_base), count)),
        debt=spread(facts.debt_balance, count),
        stake=spread(facts.stake_share, count),
        guarantee=spread(facts.guarantee_cap, count),
        called=np.zeros((len(facts.guarantee_cap), count)),
    )
