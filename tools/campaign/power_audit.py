"""The power plan on clustered days against PyPSA at every hour of the year: cost, capacities, time, memory."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from tools.campaign.result import Result, Verdict, table
from tools.campaign.units import Unit

from penstock.analysis.site_inputs import world_site
from penstock.analysis.site_power import hourly_load_mw
from penstock.layers.climates import climate
from penstock.layers.energy.audit import audit
from penstock.layers.energy.planning import Planner, System, Terms, system_of
from penstock.world import load_world

PLANTS = ("ccgt", "ocgt", "solar", "wind", "battery", "grid")
COST_WITHIN = 0.02
MOST_SECONDS, MOST_GB = 300.0, 2.0
CASES = ("flat load, Dallas", "flat load, Dallas, 0.15 tCO2/MWh", "Hyperion, 5,000 MW with its plants")


@dataclass(frozen=True)
class Options:
    hours: int = 8760

    @property
    def units(self) -> int:
        return len(CASES)


def system(number: int) -> System:
    """The system of a case."""
    if number < 2:
        cap = {"co2_cap_t_per_mwh": 0.15} if number else {}
        return system_of(1000.0, PLANTS, climate("dallas"), Terms(200.0, **cap))
    inputs = world_site(load_world(), "meta_hyperion")
    drawn, _ = hourly_load_mw(inputs, 5000.0)
    given: dict[str, float] = {"grid": inputs.grid_cap_mw}
    for supply in inputs.supplies:
        given[supply.technology] = given.get(supply.technology, 0.0) + supply.mw
    return system_of(drawn, PLANTS, inputs.weather, Terms(inputs.grid_cap_mw, given_mw=given))


@dataclass(frozen=True)
class Work:
    """Plan and audit of a case, with time and memory of each."""

    options: Options

    def __call__(self, number: int) -> Unit:
        found = system(number)
        began = time.perf_counter()
        plan = Planner(found).solve()
        planned = time.perf_counter()
        spent = time.process_time()
        all_hours = audit(found, hours=self.options.hours)
        return {
            "plan_s": planned - began,
            "audit_s": time.perf_counter() - planned,
            "audit_cpu_s": time.process_time() - spent,
            "memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
            "plan_usd_per_mwh": plan.usd_per_mwh,
            "audit_usd_per_mwh": all_hours.usd_per_mwh,
            "peak_mw": float(np.max(found.load_mw)),
            "plan_mw": dict(plan.capacity_mw) | {"battery": plan.battery_mw},
            "audit_mw": dict(all_hours.capacity_mw) | {"battery": all_hours.battery_mw},
            "audit_shed_mwh": all_hours.shed_mwh,
            "imbalance_mw": all_hours.largest_imbalance_mw,
        }


def result(options: Options, units: list[Unit]) -> Result:
    """Cost within 2 %, time and memory within their limits, and the capacities of both."""
    verdicts, sizes, costs = [], [], []
    for name, unit in zip(CASES, units, strict=True):
        gap = unit["plan_usd_per_mwh"] / unit["audit_usd_per_mwh"] - 1.0
        told = f"{unit['plan_usd_per_mwh']:.2f} against {unit['audit_usd_per_mwh']:.2f} USD/MWh, {100 * gap:+.2f} %"
        verdicts.append(Verdict(f"{name}: cost within {100 * COST_WITHIN:.0f} %", abs(gap) <= COST_WITHIN, told))
        costs.append(_speed(name, unit))
        sizes += [_sizes(name, plant, unit) for plant in unit["plan_mw"]]
    cpu, memory = (max(unit[key] for unit in units) for key in ("audit_cpu_s", "memory_gb"))
    verdicts.append(Verdict(f"audit under {MOST_SECONDS:.0f} s of a core", cpu < MOST_SECONDS, f"{cpu:.0f} s"))
    verdicts.append(Verdict(f"audit under {MOST_GB:.0f} GB", memory < MOST_GB, f"{memory:.2f} GB"))
    head = ("case", "plan, s", "audit, s by the clock", "audit, s of a core", "memory, GB", "largest imbalance, MW")
    return Result(
        title="The power plan against every hour",
        command=f"power_audit --hours {options.hours}",
        verdicts=tuple(verdicts),
        sections=(
            ("Time and memory", table(head, costs)),
            ("Capacities, MW", table(("case", "source", "plan", "audit", "difference over peak load"), sizes)),
        ),
    )


def _speed(name: str, unit: dict[str, Any]) -> tuple[str, ...]:
    seconds = [f"{unit[key]:.1f}" for key in ("plan_s", "audit_s", "audit_cpu_s")]
    return (name, *seconds, f"{unit['memory_gb']:.2f}", f"{unit['imbalance_mw']:.1e}")


def _sizes(name: str, plant: str, unit: dict[str, Any]) -> tuple[str, ...]:
    planned, audited = unit["plan_mw"][plant], unit["audit_mw"][plant]
    share = (planned - audited) / unit["peak_mw"]
    return (name, plant, f"{planned:,.0f}", f"{audited:,.0f}", f"{100 * share:+.1f} %")
