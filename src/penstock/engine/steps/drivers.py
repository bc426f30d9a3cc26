"""What drives each payer's spending in a category: one at the opening, (units, paths).

Only the rows of a category's payers are set; the others hold what an earlier category left.
"""

from __future__ import annotations

from penstock.arrays import np
from penstock.engine.moment import Moment, by_path
from penstock.engine.state import DISTRESS
from penstock.layers import energy
from penstock.money import kernels
from penstock.money.kernels import _IDX_IN, _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import float64, kernel, void

Array = np.ndarray

SETUP_SHARE = 0.5
"""Share of a site paid at its start; the rest is paid when it is finished (assumption; docs/decisions/0003)."""
HALLS_IN_SITE = 0.75
"""Share of halls in the cost of a site; the rest is power (assumption, 0.65 to 0.85; docs/decisions/0003)."""
LARGEST_RATIO = 200.0
"""Growth of a payer's revenue over the opening beyond which its purchases no longer follow (assumption, 50 to 1,000: a
guard where next to nothing was taken in at the opening)."""
OPENING_BURN = 1.0
"""Loss over revenue that investors allowed labs in 2025 (assumption, 0.7 to 1.5; OpenAI's plan 2025 about 0.7)."""
BURN_HALF_LIFE = 1.5
"""Years in which that share halves (assumption, 1 to 3: labs' published plans reach profit in 2028-30)."""
MATURE_MARGIN = 0.25
"""Margin before depreciation over revenue that investors ask of a lab once its losses are to end (assumption, 0.15 to
0.35: large software and internet firms earn 0.3 to 0.5, a lab buys more compute)."""
LEAST_TRAINING = 0.15
"""Share of wanted training that a lab keeps up in any case (assumption, 0.1 to 0.3)."""


def frozen(now: Moment, category: str) -> Array | None:
    """Spending as at the opening, where the step is switched off."""
    if now.on("spend"):
        return None
    out = now.block.scratch.driver
    out[:] = 1.0
    return out


def revenue(now: Moment, category: str) -> Array:
    """Revenue so far over the opening's: what a payer sells drives what it buys."""
    out, cache = now.block.scratch.driver, now.block.cache
    rows = cache[f"payers_{category}"]
    kernels.follow(now.results["received_for_use"], rows, cache[f"revenue_before_{category}"], LARGEST_RATIO, out)
    out[now.block.layout.firms :] = 1.0
    return out


def compute(now: Moment, category: str) -> Array:
    """Labs buy for serving and training, enterprises with their spending, others with their own revenue."""
    r, cache, block, e, f = now.results, now.block.cache, now.block, now.state.economy, now.state.firms
    out, labs, spent = revenue(now, category), cache["labs"], block.facts.opening_spending[1:]
    still = 0.5 ** (now.years / BURN_HALF_LIFE)
    burn = OPENING_BURN * still * 2.0 * e.mood - MATURE_MARGIN * (1.0 - still)
    wanted = np.empty((len(labs), block.width))
    buy_compute(
        cache["payers_compute"], labs, cache["renters"], cache["compute_sectors"], r["received_for_use"],
        cache["lab_revenue_opening"],
        cache["lab_training_share"], cache["lab_compute_opening"], r["training"] / block.opening["training"], burn,
        f.cost, f.stage, r["pay_ratio"], r["served"], e.efficiency, np.add.reduce(r["spending"][1:]) / spent.sum(),
        r["owner_value"], cache["owner_value_opening"], by_path(now.lever("platform.margin"), block.width),
        float(now.on("fund")), wanted, out,
    )  # fmt: skip
    f.training_index[labs] = np.log(np.maximum(wanted, 1e-6))
    return out


DISTRESSED_COMPUTE = 0.3
"""Part of its compute that a lab in distress goes without (assumption, 0.2 to 0.5)."""
LEAST_RENTED = 0.05
"""Smallest compute that an owner rents, over the opening's (assumption, 0.02 to 0.1)."""


@kernel(
    void(
        *[_IDX_IN] * 4, *[_MAT_IN] * 4, *[_VEC_IN] * 2, *[_MAT_IN] * 2, *[_VEC_IN] * 4, _MAT_IN, _MAT_IN, _VEC_IN,
        float64, _MAT, _MAT,
    )
)  # fmt: skip
def buy_compute(
    payers: Array,
    labs: Array,
    renters: Array,
    sectors: Array,
    received: Array,
    revenue_opening: Array,
    training_share: Array,
    bill_opening: Array,
    training: Array,
    burn: Array,
    cost: Array,
    stage: Array,
    pay_ratio: Array,
    served: Array,
    efficiency: Array,
    enterprises: Array,
    owner_value: Array,
    owner_value_opening: Array,
    margin: Array,
    limits: float,
    wanted: Array,
    out: Array,
) -> None:
    """Set `out` (units, paths), what is paid for compute over the opening's, where it does not follow own sales.

    `labs` buy for serving what they sold and for training, which the world's `training` (paths) over the opening's
    draws along; `wanted` (labs, paths) is what they would buy. Training is cut to what a plan to profit allows (nothing
    is where `limits` is 0): investors let a lab lose `burn` (paths) of its revenue, and in the end ask for a margin.
    `renters` among fleet owners follow the value of their compute, `sectors` the spending of enterprises. All `payers`
    among the firms, and all units outside them, pay the clouds' `margin` (paths).
    """
    for k in range(labs.shape[0]):
        lab, share = labs[k], training_share[k, 0]
        for n in range(out.shape[1]):
            income = received[lab, n]
            sold = income / revenue_opening[k, 0]
            both = (1.0 - share) * sold + share * np.sqrt(training[n] * sold)
            wanted[k, n] = both
            if limits > 0.0:
                serving = (1.0 - share) * sold
                trained, bill = both - serving, bill_opening[k, 0] * pay_ratio[n]
                left = income * (1.0 + burn[n]) - cost[lab, n] - serving * bill
                both = serving + trained * min(max(left / max(trained * bill, 1e-9), LEAST_TRAINING), 1.0)
            without = DISTRESSED_COMPUTE if stage[lab, n] == DISTRESS else 0.0
            out[lab, n] = both * pay_ratio[n] * served[n] * efficiency[n] * (1.0 - without)
    for u in sectors:
        for n in range(out.shape[1]):
            out[u, n] = enterprises[n] * pay_ratio[n] * served[n] * efficiency[n]
    for o in renters:
        for n in range(out.shape[1]):
            out[o, n] = max(owner_value[o, n] / owner_value_opening[o, n], LEAST_RENTED) * pay_ratio[n]
    for u in payers:
        for n in range(out.shape[1]):
            out[u, n] *= margin[n]
    for u in range(stage.shape[0], out.shape[0]):
        for n in range(out.shape[1]):
            out[u, n] *= margin[n]


def leased(now: Moment, category: str) -> Array:
    """Rent follows the halls that an owner has."""
    out, alike = revenue(now, category), by_path(1.0, now.block.width)
    follow_plant(now.block.layout.owner_unit, now.state.fleet.halls, now.block.cache["halls_opening"], alike, out)
    return out


@kernel(void(_IDX_IN, _MAT_IN, _MAT_IN, _VEC_IN, _MAT))
def follow_plant(units: Array, plant: Array, opening: Array, price: Array, out: Array) -> None:
    """Set `out[units]` to owners' plant over the opening's, (owners + 1, paths), times its `price` (paths)."""
    for o in range(plant.shape[0]):
        u = units[o]
        for n in range(plant.shape[1]):
            out[u, n] = plant[o, n] / opening[o, n] * price[n]


def power(now: Moment, category: str) -> Array:
    """Energy bought follows the power drawn and its price."""
    r, layout, cache = now.results, now.block.layout, now.block.cache
    out = revenue(now, category)
    busy = (0.4 + 0.6 * r["utilisation"]) / (0.4 + 0.6 * now.block.theta["utilisation_opening"])
    price = r["power_price_index"] * busy
    follow_plant(layout.owner_unit, now.lit(r["owner_power"]), cache["power_opening"], price, out)
    out[cache["builders"]] = r["leased_halls"] * price
    return out


def fuel(now: Moment, category: str) -> Array:
    """Fuel follows sales of power and the price of gas."""
    out = revenue(now, category)
    rows = now.block.cache[f"payers_{category}"]
    # what is burnt follows the power sold, not the part of its price that gas moves
    gas = now.results["gas_index"]
    out[rows] *= gas / energy.fuel_factor(gas, now.block.facts.layers.supply.gas_share_of_price)
    return out


def building(now: Moment, accept: Array) -> None:
    """Sets what drives capital spending: deliveries, work on sites, fab and power starts, one at the opening."""
    r, cache, e, th = now.results, now.block.cache, now.state.economy, now.block.theta
    ratio, equipment, site = (np.empty(accept.shape) for _ in range(3))
    r["leased_work"], r["fab_index"], r["generation_index"] = np.empty((3, now.block.width))
    build_on(
        r["shipped"], accept, cache["deliveries_opening"], now.state.fleet.own_chips, th["integration_margin"],
        by_path(r["chip_index"], now.block.width), r["hall_planned"], r["power_planned"], r["hall_expected"],
        r["power_expected"], cache["site_work_opening"], by_path(r["site_cost"] / th["site_cost"], now.block.width),
        cache["leased_weight"], e.chip_stages[0], cache["fab_opening"], cache["power_starts_last"],
        cache["power_starts_opening"], ratio, equipment, site, r["leased_work"], r["fab_index"], r["generation_index"],
    )  # fmt: skip
    r["delivery_ratio"], r["equipment_ratio"], r["site_ratio"] = ratio, equipment, site
    if not now.on("spend"):
        for name in ("equipment_ratio", "site_ratio"):
            r[name] = np.ones_like(ratio)
        for name in ("leased_work", "fab_index", "generation_index"):
            r[name] = np.ones(now.block.width)


@kernel(
    void(*[_MAT_IN] * 4, _VEC_IN, _VEC_IN, *[_MAT_IN] * 5, _VEC_IN, _MAT_IN, *[_VEC_IN] * 4, *[_MAT] * 3, *[_VEC] * 3),
)
def build_on(
    shipped: Array,
    accept: Array,
    deliveries_opening: Array,
    own_chips: Array,
    margin: Array,
    chip_index: Array,
    halls: Array,
    power: Array,
    halls_done: Array,
    power_done: Array,
    work_opening: Array,
    cost: Array,
    leased_weight: Array,
    fab_starts: Array,
    fab_opening: Array,
    power_starts: Array,
    power_opening: Array,
    delivered: Array,
    equipment: Array,
    sites: Array,
    leased: Array,
    fab_index: Array,
    power_index: Array,
) -> None:
    """Set deliveries, spending on equipment and spending on sites of fleet owners over those of the opening.

    And, (paths,), work on sites that owners lease (`leased_weight`, (owners + 1, 1)), spending on fabs by their starts,
    and on generation, which is paid as permits and trades let it start.

    All (owners + 1, paths) but `deliveries_opening`, (owners + 1, 1), and `margin` (what own designs save),
    `chip_index` and `cost` (prices of chips and of sites over the opening's), (paths,). `halls` and `power` are planned
    starts, GW.
    """
    for n in range(accept.shape[1]):
        leased[n] = 0.0
        begun = fab_starts[n] / max(fab_opening[n], 1e-9)
        fab_index[n] = min(max(0.5 + 0.5 * begun, 0.2), 3.0)
        power_index[n] = 0.4 + 0.6 * min(power_starts[n] / power_opening[n], 6.0)
    for o in range(accept.shape[0]):
        for n in range(accept.shape[1]):
            ratio = shipped[o, n] * accept[o, n] / deliveries_opening[o, 0]
            delivered[o, n] = ratio
            equipment[o, n] = ratio * chip_index[n] * (1.0 - margin[n] * own_chips[o, n])
            starts = HALLS_IN_SITE * halls[o, n] + (1.0 - HALLS_IN_SITE) * power[o, n]
            done = HALLS_IN_SITE * halls_done[o, n] + (1.0 - HALLS_IN_SITE) * power_done[o, n]
            work = SETUP_SHARE * starts * accept[o, n] + (1.0 - SETUP_SHARE) * done
            sites[o, n] = work / work_opening[o, n] * cost[n]
            leased[n] += sites[o, n] * leased_weight[o, 0]
