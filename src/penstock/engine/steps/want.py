"""Step 1, want: what users spend on AI, what platforms use themselves, and what labs train."""

from __future__ import annotations

from penstock.arrays import np
from penstock.bounds import bounded
from penstock.engine.layout import SEGMENTS
from penstock.engine.moment import ADOPTION_NOISE, Moment
from penstock.engine.state import RESTRUCTURED
from penstock.layers import ai, data
from penstock.money.kernels import _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import boolean, kernel, void

Array = np.ndarray

REAL_GROWTH = 0.03
"""Yearly growth of the ceilings in money: prices and incomes (assumption, 0.02 to 0.04)."""

USERS = ("households", "enterprises", "enterprises")
"""Sector that spends in each segment."""


def want(now: Moment) -> None:
    """Sets spending (segments, paths), own_value, training, serving and value (usd_bn per year at full cost)."""
    e, th, first = now.state.economy, now.block.theta, now.block.opening
    growing = now.on("want") and now.on("demand_growth")
    growth = 1.0 if growing else 0.0
    e.noise = ai.demand_noise(e.noise, now.shock(ADOPTION_NOISE), th["demand_noise"])
    if growing:
        advance_context(now)
    ceiling = _ceilings(now)
    speeds = np.empty((len(SEGMENTS), now.block.width))
    for name, speed in zip(SEGMENTS, speeds, strict=True):
        speed[:] = th[f"speed_{name}"] * now.lever("demand.speed", 1.0, entity=name)
    speeds *= now.lever("demand.speed")
    e.adoption = ai.adopt(e.adoption, speeds, e.mood, ceiling, th["richards_shape"], e.noise, growth)
    years = now.years if growing else 0.0
    elasticity = _elasticity(now)
    # what users pay for is tokens: compute at its price, times what a token takes of it
    token_cost = (e.price / now.block.cache["hurdle"]) / first["price_ratio"] * _compute_per_token(now)
    dearer = token_cost ** ((1.0 - elasticity) * th["inference_share"]) if now.on("serve") else 1.0
    spending = first["ceilings"] * e.adoption * np.exp(REAL_GROWTH * years) * e.cycle * dearer
    users = now.struck("working")
    if users is not None:
        spending = spending * users[np.asarray([now.block.layout.sector[name] for name in USERS])]
    e.own_adoption = ai.own_use(e.own_adoption, th["own_use_speed"], e.mood, e.noise, growth)
    own_ratio = e.own_adoption / first["own_adoption"] * now.lever("demand.own_use")
    e.efficiency = _efficiency(now, elasticity)
    own, own_total = _own_use(now, first["own_value"] * own_ratio, growing)
    total = np.add.reduce(spending)
    if growing:
        training = ai.training_value(total, th["training_ratio"], th["training_horizon"], e.expected_growth, e.mood)
    else:
        training = first["training"]
    training = training * now.lever("ai.training_growth") * now.lever("demand.training")
    serving = th["inference_share"] * total
    now.results.update(
        spending=spending,
        spending_in_all=total,
        own_value=own,
        training=training * e.efficiency,
        serving=serving * e.efficiency,
        value=(own_total + training + serving) * e.efficiency,
        elasticity=elasticity,
    )


def _elasticity(now: Moment) -> Array:
    return bounded(now.lever("demand.price_elasticity", now.block.theta["price_elasticity"]), 0.3, 3.0)


def _efficiency(now: Moment, elasticity: Array) -> Array:
    """Value of compute wanted after efficiency shocks: gain^(elasticity - 1), Jevons' condition."""
    return bounded(_compute_per_token(now) ** (1.0 - elasticity), 0.05, 20.0)


def _compute_per_token(now: Moment) -> Array:
    """Compute that a token takes after shocks, relative to the opening (without the steady gain of algorithms)."""
    return np.asarray(now.state.economy.compute_per_token * now.lever("ai.compute_per_token"))


def advance_context(now: Moment) -> None:
    """Readiness of enterprises and quality of models, from last quarter's spending and training."""
    e, th, first = now.state.economy, now.block.theta, now.block.opening
    spent = e.spending_last / first["spending"]
    e.readiness = data.advance_readiness(e.readiness, th["readiness_speed"], spent)
    trained = now.block.cache["training"]
    trend = first["training"] * np.exp(th["growth_anchor"] * now.years)
    e.quality = ai.quality_index(e.quality, trained * now.lever("ai.talent"), trend)


def _ceilings(now: Moment) -> Array:
    """Ceiling of each segment relative to the opening, (segments, paths)."""
    e, th = now.state.economy, now.block.theta
    quality = np.exp(th["quality_elasticity"] * e.quality)
    ready = data.ceiling_factor(e.readiness, now.block.facts.layers.readiness, now.lever("data.readiness"))
    base = e.ceiling_shock * quality * now.lever("demand.ceiling")
    ceilings = np.empty((len(SEGMENTS), now.block.width))
    for name, ceiling in zip(SEGMENTS, ceilings, strict=True):
        ceiling[:] = base * now.lever("demand.ceiling", 1.0, entity=name)
        if name == "enterprise":
            ceiling *= ready
    return ceilings


def _own_use(now: Moment, value: Array, growing: bool) -> tuple[Array, Array]:
    """Own use of each owner, usd_bn a year, (owners + 1, paths), and its sum before what efficiency changes of it.

    It follows what the owner's business earns; `value` (paths): that of all whose business is as at the opening.
    """
    weights = now.block.cache["own_weights"]
    f, own, total = now.state.firms, np.empty((len(weights), now.block.width)), np.zeros(now.block.width)
    use_platforms(
        f.ebitda, f.ebitda_opening, f.franchise, f.stage, now.block.trend[now.quarter], weights, growing, value,
        now.state.economy.efficiency, own, total,
    )  # fmt: skip
    return own, total


@kernel(void(*[_MAT_IN] * 6, boolean, _VEC_IN, _VEC_IN, _MAT, _VEC))
def use_platforms(
    ebitda: Array,
    opening: Array,
    franchise: Array,
    stage: Array,
    trend: Array,
    weight: Array,
    grows: bool,
    value: Array,
    efficiency: Array,
    own: Array,
    total: Array,
) -> None:
    """Set what owners use themselves, `own` (owners + 1, paths), and add it up, without `efficiency`, to `total`.

    It is a `value` (paths) times each owner's `weight` and, where demand `grows`, its business over the opening's.
    Business is earnings and sales outside the ties, half each, where a firm had earnings at the opening; a firm that
    failed has none. The rest of the world follows the mean. `trend` (firms, 1), `weight` (owners + 1, 1).
    """
    owners, paths = own.shape[0] - 1, own.shape[1]
    own[owners] = 0.0
    for o in range(owners):
        for n in range(paths):
            index = trend[o, 0] * franchise[o, n]
            if opening[o, n] > 0.0:
                earned = min(max(ebitda[o, n] / max(opening[o, n], 1e-6), 0.2), 4.0)
                index = 0.5 * earned + 0.5 * index
            own[owners, n] += index
            own[o, n] = weight[o, 0] * index if stage[o, n] < RESTRUCTURED else 0.0
    for n in range(paths):
        own[owners, n] = weight[owners, 0] * (own[owners, n] / owners)
    for o in range(owners + 1):
        for n in range(paths):
            part = own[o, n] if grows else weight[o, 0]
            total[n] += value[n] * part
            own[o, n] = value[n] * part * efficiency[n]
