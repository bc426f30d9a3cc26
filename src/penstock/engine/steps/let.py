"""Step 4, spend on use: chips, halls and power that stand free are let to demand that nobody serves."""

from __future__ import annotations

from penstock.arrays import np
from penstock.engine.moment import Moment
from penstock.engine.state import RESTRUCTURED
from penstock.layers import facilities, platform

Array = np.ndarray


def let_free_plant(now: Moment, received: Array) -> None:
    """Adds what firms take in on plant that no tie fills to sales outside the ties.

    Tenants are the customers outside the ties; no contract follows. Sets `let` (firms, paths), usd_bn.
    received: what each unit takes in so far in the quarter, (units, paths).
    """
    r, layout = now.results, now.block.layout
    let, rows = now.block.cache["let"], now.block.cache["let_rows"]
    let[rows] = 0.0
    if now.on("spend"):
        let[: layout.owners] = compute_let(now)
        built = now.block.cache["landlords"]
        let[built] += plant_let(now, received[built])
    r["let"] = let
    r["sales"][rows] += let[rows]
    received[rows] += let[rows]


def compute_let(now: Moment) -> Array:
    """What owners take in for chips that stand free beside demand that other clouds turn away, (owners, paths)."""
    r, cache, f, owners = now.results, now.block.cache, now.state.firms, now.block.layout.owners
    stock = now.lit(r["owner_stock"])[:owners]
    full = platform.rent_of(stock * cache["lettable_share"], r["price"], r["utilisation"])
    kept = r["compute_delivered"] + r["contract_growth"][:owners]
    free = np.maximum(full - kept, 0.0) * (f.stage[:owners] < RESTRUCTURED)
    return platform.let_out(free, r["compute_unserved"])


def plant_let(now: Moment, received: Array) -> Array:
    """What landlords and generators take in on plant built since the opening that their sales do not fill yet."""
    r, cache, f = now.results, now.block.cache, now.state.firms
    rows = cache["landlords"]
    fleet = now.state.fleet
    wanted = r["owner_power"].sum(axis=0) + (fleet.waiting * r["power_per_h100e"]).sum(axis=0)
    tightness = wanted / np.maximum(np.minimum(fleet.halls, fleet.firm_power).sum(axis=0), 1e-9)
    if now.quarter == 0:
        cache["tightness_opening"] = tightness
    taken = np.minimum(tightness / cache["tightness_opening"], 1.0)
    added = f.buildings[rows] + f.compute_equipment[rows] - cache["landlord_plant"]
    filled = received - cache["revenue_opening"][rows] + r["contract_growth"][rows]
    return (
        facilities.rent_on_free_plant(added, filled, cache["landlord_yield"]) * taken * (f.stage[rows] < RESTRUCTURED)
    )
