"""Passes over a finished quarter: what the tables keep of each firm and layer, and why firms are in trouble."""

from __future__ import annotations

import numpy as np

from penstock.engine.state import RESTRUCTURED, SOUND
from penstock.layers.energy.quarter import energy_mwh
from penstock.money.kernels import _CUBE, _FLAG_MAT, _FLAG_MAT_IN, _IDX, _IDX_IN, _MAT, _MAT_IN, _VEC_IN
from penstock.passes import array, float32, float64, kernel, void

Array = np.ndarray

_SINGLES = array(float32, 3)

REVENUE, CAPEX, PROFIT, CASH, DEBT, VALUE, FAILED = range(7)
"""Measures of a firm, in the order of `COMPANY_MEASURES`."""
LAYER_REVENUE, LAYER_PROFIT, LAYER_CAPEX, LAYER_DEBT, LAYER_VALUE, LAYER_FINANCED, LAYER_DEFAULTS = range(7)
"""Measures of a layer, in the order of `LAYER_MEASURES`."""


(
    TOKENS_DEMANDED, TOKENS_SERVED, USD_PER_MTOK, USD_PER_HOUR, CHIPS, IT_MW, FACILITY_MW, ENERGY_MWH, CO2_T, WATER_M3,
    UTILISATION, BINDING, AI_CAPEX, AI_REVENUE, SURPLUS, STRANDED,
) = range(16)  # fmt: skip
"""Measures of the economy, in the order of `ECONOMY_MEASURES`."""
BINDS = 0.05
"""A limit binds where it takes more than this share of what was wanted."""
STUCK = 0.1
"""Share of the fleet that has to wait for halls or power for the wait to count in full (assumption, 0.05 to 0.2; it
names what binds and moves nothing)."""
IN_PLANS = 0.5
"""Weight of what trades or permits hold back in plans beside chips that wait (assumption, 0.25 to 1; it
names what binds and moves nothing)."""


@kernel(void(*[_MAT_IN] * 4, _FLAG_MAT_IN, _FLAG_MAT_IN, _MAT_IN, *[_VEC_IN] * 14, *[float64] * 2, _IDX_IN, _MAT, _IDX))
def keep_economy(
    power: Array,
    pue: Array,
    stock: Array,
    waiting: Array,
    by_halls: Array,
    by_power: Array,
    spending: Array,
    server_load: Array,
    served: Array,
    token_price: Array,
    price: Array,
    utilisation: Array,
    utilisation_opening: Array,
    fleet: Array,
    ai_capex: Array,
    surplus: Array,
    stranded: Array,
    chip_shortage: Array,
    hall_shortage: Array,
    power_shortage: Array,
    funded: Array,
    carbon_t_per_mwh: float,
    water_l_per_kwh: float,
    rounds: Array,
    kept: Array,
    unsettled: Array,
) -> None:
    """Keep the measures of the economy, `kept[measure]` (paths). Fleets (owners + 1, paths), `spending` (segments,
    paths). Servers draw `server_load` of their power at the opening's utilisation, 35 % of it when idle.

    Paths whose settlement did not converge (`rounds` below zero) are counted in `unsettled`.

    The limit that binds is the one that takes most of what was wanted: chips, halls, power, money; none of them where
    it is little (demand).
    """
    for n in range(kept.shape[1]):
        paid, chips, it_gw, total, halls, grid, facility_gw = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(spending.shape[0]):
            paid += spending[k, n]
        for o in range(stock.shape[0]):
            chips += stock[o, n]
            it_gw += power[o, n]
            facility_gw += power[o, n] * pue[o, 0]
            total += waiting[o, n]
            halls += waiting[o, n] if by_halls[o, n] else 0.0
            grid += waiting[o, n] if by_power[o, n] else 0.0
        paid = paid * 0.25
        tokens = paid / token_price[n] * 1e15
        kept[TOKENS_DEMANDED, n] = tokens
        kept[TOKENS_SERVED, n] = tokens * served[n]
        kept[USD_PER_MTOK, n] = token_price[n]
        kept[USD_PER_HOUR, n] = price[n]
        kept[CHIPS, n] = chips * 1e6
        kept[IT_MW, n] = it_gw * 1e3
        load = server_load[n] * (0.35 + 0.65 * utilisation[n] / utilisation_opening[n])
        used_mwh = energy_mwh(facility_gw, 1.0) * min(load, 1.0)
        kept[FACILITY_MW, n] = facility_gw * 1e3
        kept[ENERGY_MWH, n] = used_mwh
        kept[CO2_T, n] = used_mwh * carbon_t_per_mwh
        kept[WATER_M3, n] = used_mwh * it_gw / max(facility_gw, 1e-9) * water_l_per_kwh
        kept[UTILISATION, n] = utilisation[n]
        kept[AI_CAPEX, n] = ai_capex[n]
        kept[AI_REVENUE, n] = paid * served[n]
        kept[SURPLUS, n] = surplus[n]
        kept[STRANDED, n] = stranded[n]
        total = max(total, 1e-9)
        stuck = min(max(total / max(fleet[n], 1e-9) / STUCK, 0.0), 1.0)
        most, binds = min(max(chip_shortage[n], 0.0), 1.0), 0
        score = max(min(max(hall_shortage[n], 0.0), 1.0) * IN_PLANS, halls / total * stuck)
        if score > most:
            most, binds = score, 1
        score = max(min(max(power_shortage[n], 0.0), 1.0) * IN_PLANS, grid / total * stuck)
        if score > most:
            most, binds = score, 2
        score = min(max(1.0 - funded[n], 0.0), 1.0)
        if score > most:
            most, binds = score, 3
        kept[BINDING, n] = 4 if most < BINDS else binds
        unsettled[n] += rounds[n] < 0


@kernel(void(_MAT_IN, _IDX_IN, _IDX_IN, *[_MAT_IN] * 5, _IDX_IN, _IDX_IN, _MAT, _MAT, _FLAG_MAT))
def finance_sales(
    stake_paid: Array,
    strategic: Array,
    company: Array,
    vendor: Array,
    revenue: Array,
    equity: Array,
    debt: Array,
    flow: Array,
    payer: Array,
    payee: Array,
    share: Array,
    financed: Array,
    marks: Array,
) -> None:
    """Set `financed` to the revenue of each firm that is paid out of money from the sellers' side; (firms, paths).

    That money is what suppliers paid for stakes (`strategic` of them, paid for this quarter) and `vendor` credit. Its
    `share` in all money of a firm in the quarter (revenue, equity, debt) goes with each dollar that the firm pays.
    Sets `marks` (2, firms): who brings such money, and who gets any; rows of others are left as they were.
    """
    firms, paths = revenue.shape[0], revenue.shape[1]
    brings, gets = marks[0], marks[1]
    marks[:] = False
    for k in range(strategic.shape[0]):
        t = strategic[k]
        c = company[t]
        if not brings[c]:
            brings[c] = True
            share[c] = 0.0
        for n in range(paths):
            share[c, n] += stake_paid[t, n]
    for f in range(firms):
        if not brings[f]:
            some = False
            for n in range(paths):
                some |= vendor[f, n] != 0.0
            if not some:
                continue
            share[f] = 0.0
        some = False
        for n in range(paths):
            money = max(revenue[f, n] + equity[f, n] + debt[f, n], 1e-9)
            share[f, n] = min((share[f, n] + vendor[f, n]) / money, 1.0)
            some |= share[f, n] != 0.0
        brings[f] = some
    for t in range(flow.shape[0]):
        p, q = payer[t], payee[t]
        if p < firms and q < firms and brings[p]:
            if not gets[q]:
                gets[q] = True
                financed[q] = 0.0
            for n in range(paths):
                financed[q, n] += flow[t, n] * share[p, n]


OF_BOTH = (REVENUE, CAPEX, PROFIT, DEBT, VALUE)
LAYERS_OF = (LAYER_REVENUE, LAYER_CAPEX, LAYER_PROFIT, LAYER_DEBT, LAYER_VALUE)
"""Measures of firms that are measures of their layers, too, and of which."""


@kernel(void(*[_MAT_IN] * 8, _FLAG_MAT_IN, _FLAG_MAT_IN, _IDX_IN, _MAT, _SINGLES, _CUBE, _IDX))
def keep_firms(
    revenue: Array,
    capex: Array,
    profit: Array,
    cash: Array,
    debt: Array,
    value: Array,
    stage: Array,
    financed: Array,
    marks: Array,
    failed_now: Array,
    layer: Array,
    value_before: Array,
    firms: Array,
    layers: Array,
    broken: Array,
) -> None:
    """Keep the measures of each firm, `firms[measure]` (firms, paths), and add them to `layers[measure]`, by `layer`.

    Also kept is the value of the last quarter in which a firm was sound; what is not a number is counted in `broken`
    (paths). `cash` may have more rows. Only who gets some by the `marks` of `finance_sales` has sales that are
    `financed`.
    """
    measures = (revenue, capex, profit, debt, value)
    for f in range(revenue.shape[0]):
        k = layer[f]
        # few arrays a loop, so that it takes wide registers
        for m in range(len(OF_BOTH)):
            values, mine, theirs = measures[m], OF_BOTH[m], LAYERS_OF[m]
            for n in range(revenue.shape[1]):
                firms[mine, f, n] = values[f, n]
                layers[theirs, k, n] += values[f, n]
        for n in range(revenue.shape[1]):
            firms[CASH, f, n] = cash[f, n]
        for n in range(revenue.shape[1]):
            firms[FAILED, f, n] = stage[f, n] >= RESTRUCTURED
        if marks[1, f]:
            for n in range(revenue.shape[1]):
                layers[LAYER_FINANCED, k, n] += financed[f, n]
        some = False
        for n in range(revenue.shape[1]):
            some |= failed_now[f, n]
        if some:
            for n in range(revenue.shape[1]):
                layers[LAYER_DEFAULTS, k, n] += failed_now[f, n]
        some = False
        for measure in range(FAILED):
            for n in range(revenue.shape[1]):
                some |= firms[measure, f, n] != firms[measure, f, n]
        if some:
            for measure in range(FAILED):
                for n in range(revenue.shape[1]):
                    broken[n] += firms[measure, f, n] != firms[measure, f, n]
        for n in range(revenue.shape[1]):
            value_before[f, n] = value[f, n] if stage[f, n] == SOUND else value_before[f, n]
