"""Step 4, spend on use: chips, halls and power that stand free are let to demand that nobody serves."""

from __future__ import annotations

from penstock.arrays import np
from penstock.engine.moment import Moment
from penstock.engine.state import RESTRUCTURED
from penstock.layers import facilities, platform
from penstock.money.kernels import _IDX_IN, _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import boolean, inlined, kernel, void

Array = np.ndarray

for formula in (platform.rent_of, platform.let_out):
    inlined(formula)


def let_free_plant(now: Moment, received: Array) -> None:
    """Adds what firms take in on plant that no tie fills to sales outside the ties.

    Tenants are the customers outside the ties; no contract follows. Sets `let` (firms, paths), usd_bn.
    received: what each unit takes in so far in the quarter, (units, paths).
    """
    r, cache, f, fleet, width = now.results, now.block.cache, now.state.firms, now.state.fleet, now.block.width
    let = r["let"] = cache["let"]
    if not now.on("spend"):
        let[cache["let_rows"]] = 0.0
        return
    if now.quarter == 0:
        cache["tightness_opening"] = np.empty(width)
    let_plant(
        now.lit(r["owner_stock"]), cache["lettable_share"], r["price"], r["utilisation"], r["compute_delivered"],
        r["contract_growth"], f.stage, r["compute_unserved"], r["owner_power"], fleet.waiting, r["power_per_h100e"],
        fleet.halls, fleet.firm_power, cache["landlords"], f.buildings, f.compute_equipment, cache["landlord_plant"],
        cache["landlord_yield"], cache["revenue_opening"], now.quarter == 0, cache["tightness_opening"], let,
        r["sales"], received, np.zeros((4, width)),
    )  # fmt: skip


@kernel(
    void(
        _MAT_IN, _MAT_IN, _VEC_IN, _VEC_IN, *[_MAT_IN] * 3, _VEC_IN, _MAT_IN, _MAT_IN, _VEC_IN, _MAT_IN, _MAT_IN,
        _IDX_IN, *[_MAT_IN] * 5, boolean, _VEC, *[_MAT] * 4,
    )
)  # fmt: skip
def let_plant(
    stock: Array,
    lettable: Array,
    price: Array,
    utilisation: Array,
    delivered: Array,
    contracts: Array,
    stage: Array,
    unserved: Array,
    power: Array,
    waiting: Array,
    power_per_chip: Array,
    halls: Array,
    firm_power: Array,
    landlords: Array,
    buildings: Array,
    equipment: Array,
    plant_opening: Array,
    yearly_yield: Array,
    received_opening: Array,
    opens: bool,
    tightness_opening: Array,
    let: Array,
    sales: Array,
    received: Array,
    room: Array,
) -> None:
    """Set what firms take in on plant that stands free, `let` (firms, paths), and add it to `sales` and `received`.

    Owners let the `lettable` part of their `stock` that neither what they `delivered` nor `contracts` to come fill,
    beside demand that other clouds turn away (`unserved`, paths). `landlords` let halls and power that were built since
    the opening, at a `yearly_yield`, and that their sales do not fill yet, as far as halls and power are as scarce as
    at the opening (`tightness_opening` is set in the quarter that `opens`). `stock`, `power`, `waiting`, `halls` and
    `firm_power` are (owners + 1, paths), `lettable` (owners, 1), `plant_opening` and `yearly_yield` (landlords, 1),
    `received_opening` (units, 1). `room` (4, paths): zeros to work in.
    """
    owners, paths = lettable.shape[0], let.shape[1]
    free, wanted, new, there = room[0], room[1], room[2], room[3]
    for o in range(owners):
        for n in range(paths):
            full = platform.rent_of(stock[o, n] * lettable[o, 0], price[n], utilisation[n])
            kept = delivered[o, n] + contracts[o, n]
            let[o, n] = np.maximum(full - kept, 0.0) * (stage[o, n] < RESTRUCTURED)
            free[n] += let[o, n]
    for o in range(owners):
        for n in range(paths):
            let[o, n] = platform.let_out(let[o, n], unserved[n], free[n])
    for o in range(halls.shape[0]):
        for n in range(paths):
            wanted[n] += power[o, n]
            new[n] += waiting[o, n] * power_per_chip[n]
            there[n] += min(halls[o, n], firm_power[o, n])
    for n in range(paths):
        tightness = (wanted[n] + new[n]) / max(there[n], 1e-9)
        if opens:
            tightness_opening[n] = tightness
        wanted[n] = min(tightness / tightness_opening[n], 1.0)
    for k in range(landlords.shape[0]):
        f = landlords[k]
        for n in range(paths):
            added = buildings[f, n] + equipment[f, n] - plant_opening[k, 0]
            filled = received[f, n] - received_opening[f, 0] + contracts[f, n]
            rent = facilities.rent_on_free_plant(added, filled, yearly_yield[k, 0])
            rent = rent * wanted[n] * (stage[f, n] < RESTRUCTURED)
            let[f, n] = let[f, n] + rent if f < owners else rent
        if f >= owners:
            for n in range(paths):
                sales[f, n] += let[f, n]
                received[f, n] += let[f, n]
    for o in range(owners):
        for n in range(paths):
            sales[o, n] += let[o, n]
            received[o, n] += let[o, n]
