"""Step 4, spend down the stack: payments in topological order of categories, from users to fuel and lasers.

Each payer's spending in a category follows its driver, one at the opening: flow = opening flow x driver. What a
payee receives in one category drives what it spends in the next.
"""

from __future__ import annotations

import numpy as np

from penstock.engine.layout import IT_CATEGORIES, SITE_CATEGORIES
from penstock.engine.moment import Moment
from penstock.money import kernels

Array = np.ndarray

SETUP_SHARE = 0.5
"""Share of a site paid at its start; the rest is paid when it is finished (DESIGN 4.6)."""


OPENING_BURN = 1.0
"""Loss over revenue that investors allowed labs in 2025 (assumption, 0.7 to 1.5; OpenAI's plan 2025 about 0.7)."""
BURN_HALF_LIFE = 1.5
"""Years in which that share halves (assumption, 1 to 3: labs' published plans reach profit in 2028-30)."""
LEAST_TRAINING = 0.15
"""Share of wanted training that a lab keeps up in any case (assumption, 0.1 to 0.3)."""
LARGEST_RATIO = 200.0
"""Growth of a payer's revenue over the opening beyond which its purchases no longer follow."""


def spend_down(now: Moment, accept: Array) -> None:
    """Sets flow (flow ties, paths), received, and capex by firm, with orders accepted in part (owners + 1, paths)."""
    layout, scratch, r = now.block.layout, now.block.scratch, now.results
    scratch.received[:] = 0.0
    scratch.received[: layout.firms] = r["sales"]
    r["accept"] = accept
    drivers = Drivers(now, accept)
    pay_for_models(now)
    for category, driver in drivers.in_order():
        block = layout.category[category]
        drivers.category = category
        # contracts change what is received in these two, so their sums wait for take_or_pay
        contracted = category in ("compute", "lease")
        if len(block):
            kernels.spread(
                driver(),
                layout.payer[: layout.flow.stop],
                now.block.cache["tie_base"],
                block.start,
                block.stop,
                scratch.flow,
                layout.payee[: layout.flow.stop],
                scratch.unused if contracted else scratch.received,
            )
        if contracted:
            take_or_pay(now, category)
    r["revenue"] = scratch.received[: layout.firms]
    drivers.capital_outside()


def pay_for_models(now: Moment) -> None:
    """Users pay labs, platforms and data firms: spending of a segment times the seller's share, as far as served."""
    layout, scratch, r = now.block.layout, now.block.scratch, now.results
    block = layout.category["models"]
    spending = r["spending"][layout.segment] * (0.25 * r["served"])
    flow = spending * r["seller_share"]
    scratch.flow[block.slice] = flow
    kernels.accumulate(flow, layout.payee[block.slice], scratch.received)


def take_or_pay(now: Moment, category: str) -> None:
    """Contracted dues are minima: the larger of schedule and use, as far as the contract lives and is delivered."""
    layout, scratch, facts = now.block.layout, now.block.scratch, now.block.facts
    block = layout.category[category]
    flow = scratch.flow[block.slice]
    activity = now.state.ties.activity[block.slice]
    flow *= activity
    rows = now.block.cache[f"schedule_rows_{category}"]
    if len(rows):
        ties = facts.schedule_tie[rows]
        quarter = min(now.quarter, facts.schedule_due.shape[1] - 1)
        due = facts.schedule_due[rows, quarter][:, None] * now.state.ties.activity[ties]
        use = scratch.flow[ties]
        scratch.flow[ties] = np.where(facts.schedule_additive[rows][:, None], use + due, np.maximum(use, due))
    if category == "compute":
        deliver_compute(now, flow)
    kernels.accumulate(flow, layout.payee[block.slice], scratch.received)


def deliver_compute(now: Moment, flow: Array) -> None:
    """A cloud delivers, and is paid for, what its fleet can carry."""
    layout, r, cache = now.block.layout, now.results, now.block.cache
    block = layout.category["compute"]
    asked = np.zeros((layout.unit_count, now.block.width))
    kernels.accumulate(flow, layout.payee[block.slice], asked)
    r["compute_asked"] = asked[: layout.owners]
    carry = np.ones((layout.unit_count, now.block.width))
    carry[: layout.owners] = np.minimum(1.0, r["capability"] / np.maximum(asked[: layout.owners], 1e-12))
    carry[: layout.owners] *= now.state.firms.stage[: layout.owners] < 3.0
    if now.on("serve"):
        flow *= carry[layout.payee[block.slice]]
    cache["compute_expected"] = r["compute_asked"]


class Drivers:
    """Spending of each unit in a category relative to the opening, (units, paths)."""

    def __init__(self, now: Moment, accept: Array) -> None:
        self.now, self.accept = now, accept
        self.out = now.block.scratch.driver
        self.frozen = not now.on("spend")
        self.category = "model_access"

    def in_order(self) -> list[tuple[str, object]]:
        """Categories after `models`, in the order in which payments depend on each other."""
        revenue, physical = self.revenue_ratio, self
        return [
            ("model_access", revenue),
            ("compute", physical.compute),
            *[(name, physical.equipment) for name in IT_CATEGORIES],
            *[(name, physical.sites) for name in SITE_CATEGORIES],
            ("wafers", revenue),
            ("memory", revenue),
            ("eda", revenue),
            ("tools", physical.fabs),
            ("optics", revenue),
            ("lease", physical.leased),
            ("energy", physical.power),
            ("fuel", physical.fuel),
            ("generation", physical.generation),
        ]

    def revenue_ratio(self) -> Array:
        """Revenue so far over the opening's: what a payer sells drives what it buys."""
        if self.frozen:
            self.out[:] = 1.0
            return self.out
        base = self.now.block.cache[f"revenue_before_{self.category}"]
        np.divide(self.now.block.scratch.received, base, out=self.out)
        np.minimum(self.out, LARGEST_RATIO, out=self.out)
        self.out[self.now.block.layout.firms :] = 1.0
        return self.out

    def compute(self) -> Array:
        """Labs buy for serving and training, enterprises with their spending, others with their own revenue."""
        now, r, cache = self.now, self.now.results, self.now.block.cache
        out = self.revenue_ratio()
        labs, first = cache["labs"], now.block.opening
        sold = now.block.scratch.received[labs] / cache["lab_revenue_opening"]
        training = r["training"] / first["training"]
        share = cache["lab_training_share"]
        wanted = (1.0 - share) * sold + share * np.sqrt(training * sold)
        e = now.state.economy
        index = self.bounded_by_money(sold, wanted, share) * r["pay_ratio"] * r["served"] * e.efficiency
        now.state.firms.training_index[labs] = np.log(np.maximum(wanted, 1e-6))
        if self.frozen:
            return out
        out[labs] = index * (1.0 - 0.3 * (now.state.firms.stage[labs] == 1.0))
        enterprise = r["spending"][1:].sum(axis=0) / now.block.facts.opening_spending[1:].sum()
        for sector in ("enterprises", "governments", "row_customers", "other_ai_buyers"):
            out[now.block.layout.sector[sector]] = enterprise * r["pay_ratio"] * r["served"]
        rented = np.maximum(r["owner_value"] / cache["owner_value_opening"], 0.05) * r["pay_ratio"]
        renters = cache["renters"]
        out[renters] = rented[renters]
        out *= now.lever("platform.margin")
        return out

    def bounded_by_money(self, sold: Array, wanted: Array, share: Array) -> Array:
        """Compute that labs buy: training is cut to what their plan to profit allows (losses over revenue that shrink).

        Investors let a lab lose a share of its revenue that falls by a half every `BURN_HALF_LIFE` years.
        """
        now, cache, r = self.now, self.now.block.cache, self.now.results
        labs = cache["labs"]
        e, f = now.state.economy, now.state.firms
        bill = cache["lab_compute_opening"] * r["pay_ratio"]
        burn = OPENING_BURN * 0.5 ** (now.years / BURN_HALF_LIFE) * 2.0 * e.mood
        revenue = now.block.scratch.received[labs]
        serving = (1.0 - share) * sold
        training = wanted - serving
        left = revenue * (1.0 + burn) - f.cost[labs] - serving * bill
        afford = np.clip(left / np.maximum(training * bill, 1e-9), LEAST_TRAINING, 1.0)
        if not now.on("fund"):
            afford = 1.0
        return serving + training * afford

    def equipment(self) -> Array:
        """Deliveries accepted at today's price; own designs save the supplier's margin."""
        now, r, fleet = self.now, self.now.results, self.now.state.fleet
        cache, layout = now.block.cache, now.block.layout
        ratio = r["shipped"] * self.accept / cache["deliveries_opening"]
        r["delivery_ratio"] = ratio
        self.out[:] = 1.0 if self.frozen else 0.0
        if self.frozen:
            return self.out
        saving = 1.0 - now.block.theta["integration_margin"] * fleet.own_chips
        self.out[layout.owner_unit] = ratio * r["chip_index"] * saving
        return self.out

    def sites(self) -> Array:
        """Halls and power: half at the start, half when finished; developers build what owners lease."""
        now, r, cache, layout = self.now, self.now.results, self.now.block.cache, self.now.block.layout
        self.out[:] = 1.0
        if self.frozen:
            return self.out
        starts = 0.75 * r["hall_wanted"] + 0.25 * r["power_wanted"]
        done = 0.75 * r["hall_expected"] + 0.25 * r["power_expected"]
        work = (SETUP_SHARE * starts * self.accept + (1.0 - SETUP_SHARE) * done) / cache["site_work_opening"]
        work *= r["site_cost"] / now.block.theta["site_cost"]
        self.out[layout.owner_unit] = work
        leased = (work * cache["leased_weight"]).sum(axis=0)
        r["leased_work"] = leased
        developers = cache["builders"]
        self.out[developers] = leased * now.state.firms.capex_scale[developers]
        others = cache["other_builders"]
        self.out[others] = now.block.trend[now.quarter, others]
        return self.out

    def fabs(self) -> Array:
        """Fabs and memory makers buy tools with the capacity that the chain starts, and with their sales."""
        now, r = self.now, self.now.results
        out = self.revenue_ratio()
        if self.frozen:
            return out
        e = now.state.economy
        begun = e.chip_stages[0] / np.maximum(now.block.cache["fab_opening"], 1e-9)
        index = np.clip(0.35 + 0.65 * begun, 0.2, 4.0)
        firms = now.block.layout.firms
        out[:firms] = np.minimum(out[:firms], 6.0) ** 0.5 * index * now.state.firms.capex_scale
        r["fab_index"] = index
        return out

    def leased(self) -> Array:
        """Rent follows the halls that an owner has."""
        now, fleet, layout = self.now, self.now.state.fleet, self.now.block.layout
        self.out[:] = 1.0
        if not self.frozen:
            self.out[layout.owner_unit] = fleet.halls / now.block.cache["halls_opening"]
        return self.out

    def power(self) -> Array:
        """Energy bought follows the power drawn and its price."""
        now, r, layout = self.now, self.now.results, self.now.block.layout
        self.out[:] = 1.0
        if self.frozen:
            return self.out
        busy = (0.4 + 0.6 * r["utilisation"]) / (0.4 + 0.6 * now.block.theta["utilisation_opening"])
        price = r["power_price_index"] * busy
        self.out[layout.owner_unit] = r["owner_power"] / now.block.cache["power_opening"] * price
        self.out[now.block.cache["builders"]] = r["leased_halls"] * price
        return self.out

    def fuel(self) -> Array:
        """Fuel follows sales of power and the price of gas."""
        out = self.revenue_ratio()
        if not self.frozen:
            out *= self.now.results["gas_index"]
        return out

    def generation(self) -> Array:
        """Generation equipment follows the firm power that is started."""
        now, r = self.now, self.now.results
        self.out[:] = 1.0
        if self.frozen:
            return self.out
        begun = r["power_wanted"].sum(axis=0) / now.block.cache["power_starts_opening"]
        index = 0.4 + 0.6 * np.minimum(begun, 6.0)
        self.out[: now.block.layout.firms] = index * now.state.firms.capex_scale
        r["generation_index"] = index
        return self.out

    def capital_outside(self) -> None:
        """Capital spending outside the ties and in all, (firms, paths): the ties' share moves the rest along."""
        now, r, cache, layout, facts = (
            self.now,
            self.now.results,
            self.now.block.cache,
            self.now.block.layout,
            self.now.block.facts,
        )
        owners, f = layout.owners, now.state.firms
        bought = np.zeros((2, layout.unit_count + 1, now.block.width))
        kernels.accumulate(now.block.scratch.flow, layout.capital_payer, bought[0])
        kernels.accumulate(now.block.scratch.flow, layout.equipment_payer, bought[1])
        tied = bought[0, : layout.firms]
        r["tied_equipment"] = bought[1, : layout.firms]
        elsewhere = bought[0, layout.owner_unit[-1]]
        core = facts.core_capex * now.block.trend[now.quarter] * np.minimum(f.activity, 1.0) * f.capex_scale
        rest = np.empty_like(tied)
        if self.frozen:
            rest[:] = cache["capital_rest_opening"]
            r["equipment_ratio"] = np.ones((owners, now.block.width))
        else:
            work = self.sites()[: layout.firms].copy()
            equipment = self.equipment()[:owners].copy()
            r["equipment_ratio"] = equipment
            rest[:] = core
            rest[:owners] += cache["it_rest"] * equipment + cache["site_rest"][:owners] * work[:owners]
            index = self.capital_index(work)
            rest[owners:] += cache["site_rest"][owners:] * index[owners:] * f.capex_scale[owners:]
        r["capital_rest"] = rest
        r["tied_capital"] = tied
        r["capex"] = rest + tied
        ai = np.maximum(r["capex"] - core, 0.0)
        r["ai_capex_share"] = ai / np.maximum(r["capex"], 1e-9)
        r["ai_capex"] = ai[:owners].sum(axis=0) + ai[cache["builders"]].sum(axis=0) + elsewhere

    def capital_index(self, work: Array) -> Array:
        """AI capital spending of firms without fleets: fabs by starts, power by generation, builders by leases."""
        r, cache = self.now.results, self.now.block.cache
        index = work
        index[cache["fab_firms"]] = r["fab_index"]
        index[cache["power_firms"]] = r["generation_index"]
        index[cache["builders"]] = r["leased_work"]
        return index
