"""One quarter of the economy. Read it as the table of contents of the model: each line is one step."""

from __future__ import annotations

from penstock.arrays import np
from penstock.engine.moment import Moment
from penstock.engine.seen import hide, show
from penstock.engine.steps import (
    close,
    deliver,
    earn,
    fund,
    mend,
    order,
    payoff,
    plan,
    serve,
    settle,
    spend,
    value,
    want,
)


def quarter(now: Moment) -> None:
    """Moves a block of paths from the end of one quarter to the end of the next."""
    show(now, "demand")  # valuations as each part of the economy sees them: the market's, unless a study cuts the loop
    want.want(now)  # 1  what users spend, platforms use and labs train
    show(now, "cost_of_capital")
    serve.serve(now)  # 2  capacity, price and utilisation of compute
    show(now, "access")
    earn.earn(now)  # 3  revenue outside the ties, and whom users pay
    plan.plan(now)  # 5  what owners expect, want and order
    order.supply_chain(now)  # 6  lasers and mirrors, scanners, fabs, memory, chips
    order.ship(now)

    spend.plan_at_full_scale(now)
    spend.spend_on_use(now)  # 4  payments down the stack: services, compute, rent, energy
    spend.spend_on_build(now, affordable(now))  # 4  equipment and sites, as planned
    fund.operate(now)
    fund.fund(now)  # 7  cash, lines, debt, equity, vendors, cuts
    spend.spend_on_build(now, affordable(now), again=True)  # 4  with what can be afforded
    fund.operate(now, again=True)
    fund.bring_money_in(now)
    hide(now)

    deliver.deliver(now)  # 6  chips, halls and power into service
    settle.settle(now)  # 8  dues clear with limited liability
    close.close_books(now)  # 9  income, plant, net worth
    value.value(now)  # 10 mood, values, stakes, spreads
    mend.mend(now)  # 11 failures, rescue, black swans
    payoff.payoff(now)  # 12 surplus, stranded capital
    remember(now)


def affordable(now: Moment) -> np.ndarray:
    """Share of its orders that each owner accepts, (owners + 1, paths); the rest of the world follows the mean."""
    cache = now.block.cache
    accept = np.empty((now.block.layout.owners + 1, now.block.width))
    spend.accept_orders(now.state.firms.capex_scale, cache["external_weights"], cache["external_weight"], accept)
    return accept


def remember(now: Moment) -> None:
    """What the next quarter needs of this one."""
    r, cache, e = now.results, now.block.cache, now.state.economy
    close.use_plant(now.state.firms.buildings, cache["wear_opening"], cache["wear"])
    cache["hurdle"] = r["hurdle"]
    cache["training"] = r["training"]
    cache["delivery_ratio"] = r["delivery_ratio"]
    cache["default_weight"] = r["default_weight_next"]
    cache["power_starts_last"] = np.add.reduce(r["power_starts"])
    e.spending_last = r["spending_in_all"]
    cache["owner_stock"], cache["owner_power"] = r["stock_after"], r["power_after"]
