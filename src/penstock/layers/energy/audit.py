"""The plan again at all 8,760 hours with PyPSA: what the clustered days got wrong.

Needs the extra `energy`. Same plants, availabilities, given capacities, caps and prices as `planning`; the store is
free to carry energy from day to day, which the days of the plan do not allow.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import ModelError, UsageError
from penstock.layers.energy.hourly import ROUND_TRIP
from penstock.layers.energy.planning import System
from penstock.layers.energy.technologies import technologies


@dataclass(frozen=True)
class Audit:
    """Outcome at every hour: cost of the year with given plants, capacities, energy of the year, what is short."""

    cost_usd_per_year: float
    usd_per_mwh: float
    capacity_mw: Mapping[str, float]
    generation_mwh: Mapping[str, float]
    battery_mw: float
    battery_mwh: float
    shed_mwh: float
    co2_t: float
    largest_imbalance_mw: float


def audit(system: System, *, hours: int | None = None) -> Audit:
    """Least-cost supply of the system at each hour by PyPSA and HiGHS; `hours` takes only the first hours (a sample).

    Raises UsageError where PyPSA is not installed, ModelError where there is no optimum.
    """
    if importlib.util.find_spec("pypsa") is None:
        raise UsageError("audit: found no PyPSA; expected the extra: pip install 'penstock[energy]'")
    import pypsa

    logging.getLogger("linopy").setLevel(logging.WARNING)
    logging.getLogger("pypsa").setLevel(logging.ERROR)
    count = hours or len(system.load_mw)
    year = count / len(system.load_mw)
    with warnings.catch_warnings():
        # PyPSA and linopy tell of changes to come in their next versions; none touches this programme
        warnings.simplefilter("ignore")
        network = pypsa.Network()
        network.set_snapshots(range(count))
        network.add("Carrier", "AC")
        network.add("Bus", "site", carrier="AC")
        network.add("Load", "load", bus="site", p_set=system.load_mw[:count])
        _add_plants(network, system, count, year)
        if system.has_battery or any(system.given_battery):
            _add_battery(network, system, year)
        status, condition = network.optimize(
            solver_name="highs",
            extra_functionality=_same_power if "charge" in network.links.index else None,
            include_objective_constant=False,
            log_to_console=False,
            solver_options={"output_flag": False, "solver": "ipm", "run_crossover": "off"},
            progress=False,
        )
    if status != "ok":
        raise ModelError(f"audit: found no optimum ({condition})")
    return _outcome(network, system, count, year)


def _add_plants(network: Any, system: System, count: int, year: float) -> None:
    annuity, marginal, carbon = system.annuity, system.marginal, system.carbon
    for place, plant in enumerate(system.plants):
        network.add("Carrier", plant.name, co2_emissions=carbon[place])
        network.add(
            "Generator",
            plant.name,
            bus="site",
            carrier=plant.name,
            p_nom_extendable=True,
            p_nom_min=system.given_mw[place],
            p_nom_max=system.given_mw[place] + system.most_new_mw[place],
            p_max_pu=system.availability[place][:count],
            marginal_cost=marginal[place],
            capital_cost=annuity[place] * year,
        )
    network.add("Carrier", "shed")
    network.add("Generator", "shed", bus="site", carrier="shed", p_nom=system.load_mw.max(), marginal_cost=system.voll)
    if np.isfinite(system.co2_cap_t_per_mwh):
        network.add(
            "GlobalConstraint",
            "carbon",
            type="primary_energy",
            carrier_attribute="co2_emissions",
            sense="<=",
            constant=system.co2_cap_t_per_mwh * system.load_mw[:count].sum(),
        )


def _add_battery(network: Any, system: System, year: float) -> None:
    power, energy = system.battery_annuity * year
    given_mw, given_mwh = system.given_battery
    most = np.inf if system.has_battery else 0.0
    one_way = float(np.sqrt(ROUND_TRIP))
    network.add("Bus", "store", carrier="AC")
    network.add(
        "Store",
        "store",
        bus="store",
        carrier="AC",
        e_nom_extendable=True,
        e_nom_min=given_mwh,
        e_nom_max=given_mwh + most,
        e_cyclic=True,
        capital_cost=energy,
    )
    extendable = {"p_nom_extendable": True, "efficiency": one_way, "carrier": "AC"}
    # power counts on the bus of the site: charging takes p, discharging gives p x efficiency
    network.add("Link", "charge", bus0="site", bus1="store", p_nom_min=given_mw, capital_cost=power, **extendable)
    variable = technologies()["battery"].variable_usd_per_mwh * one_way
    network.add("Link", "discharge", bus0="store", bus1="site", marginal_cost=variable, **extendable)


def _same_power(network: Any, _snapshots: Any) -> None:
    sizes = network.model["Link-p_nom"]
    charge, discharge = (sizes.sel(name=name, drop=True) for name in ("charge", "discharge"))
    efficiency = float(network.links.at["discharge", "efficiency"])
    network.model.add_constraints(discharge * efficiency - charge == 0, name="one battery")


def _outcome(network: Any, system: System, count: int, year: float) -> Audit:
    given = network.generators_t.p
    names = [plant.name for plant in system.plants]
    generation = {name: float(given[name].sum()) for name in names}
    battery = "charge" in network.links.index
    flows = given.sum(axis=1).to_numpy() - system.load_mw[:count]
    if battery:
        flows = flows - network.links_t.p0["charge"].to_numpy() - network.links_t.p1["discharge"].to_numpy()
    sizes = network.generators.p_nom_opt
    cost = float(network.objective) / year
    return Audit(
        cost_usd_per_year=cost,
        usd_per_mwh=cost * year / float(system.load_mw[:count].sum()),
        capacity_mw={name: float(sizes[name]) for name in names},
        generation_mwh={name: value / year for name, value in generation.items()},
        battery_mw=float(network.links.p_nom_opt["charge"]) if battery else 0.0,
        battery_mwh=float(network.stores.e_nom_opt["store"]) if battery else 0.0,
        shed_mwh=float(given["shed"].sum()) / year,
        co2_t=float(sum(generation[p.name] * c for p, c in zip(system.plants, system.carbon, strict=True))) / year,
        largest_imbalance_mw=float(np.abs(flows).max()),
    )
