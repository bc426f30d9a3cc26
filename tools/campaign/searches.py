"""Do reverse stress tests and sensitivity run at their defaults, how long, and what do they find?"""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from tools.campaign.result import Result, Verdict, table
from tools.campaign.units import Unit

from penstock.analysis.likeliest import HALF
from penstock.analysis.model_sensitivity import sensitivity
from penstock.analysis.reverse import reverse
from penstock.world import World, load_world

TARGETS = ("loss_usd_bn>=500", "loss_usd_bn>=1000", "defaults>=20", "fails=oracle")
METHODS = ("morris", "sobol")
FACTORS_TOLD = 3
ERRORS = 3.0
"""half widths of its 95 % interval by which a share of variance may leave 0 to 1"""


@dataclass(frozen=True)
class Options:
    paths: int = 256
    quarters: int = 40
    seed: int = 7

    @property
    def units(self) -> int:
        return len(TARGETS) + len(METHODS)


@dataclass(frozen=True)
class Work:
    """One search, or one method, at the defaults of its command; in one process, so that times can be compared."""

    options: Options

    def __call__(self, number: int) -> Unit:
        size = {"paths": self.options.paths, "quarters": self.options.quarters, "seed": self.options.seed}
        begun, used = time.perf_counter(), time.process_time()
        if number < len(TARGETS):
            told = _reverse(TARGETS[number], size)
        else:
            told = _sensitivity(METHODS[number - len(TARGETS)], size)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
        return {
            **told,
            "wall_s": time.perf_counter() - begun,
            "cpu_s": time.process_time() - used,
            "peak_mb": peak,
        }


@cache
def _world() -> World:
    return load_world()


def _reverse(target: str, size: dict[str, Any]) -> dict[str, Any]:
    found = reverse(_world(), target, **size)
    shocks = [
        {
            "distance": item.distance,
            "low": item.distance_low,
            "high": item.distance_high,
            "share": item.check.share,
            "share_low": item.check.low,
            "share_high": item.check.high,
            "factors": [
                {name: row[name] for name in ("factor", "effect", "part", "share_without")}
                for row in item.factors.head(FACTORS_TOLD).to_dict("records")
            ],
        }
        for item in (*found.solutions, *(() if found.closest is None else (found.closest,)))
    ]
    return {
        "name": f"reverse --target {target}",
        "found": len(found.solutions),
        "needed": found.unshocked.share < HALF,
        "unshocked": vars(found.unshocked),
        "shocks": shocks,
        "paths": found.path_count,
        "settings": found.evaluations,
    }


def _sensitivity(method: str, size: dict[str, Any]) -> dict[str, Any]:
    found = sensitivity(_world(), method, **size)
    return {
        "name": f"sensitivity --method {method}",
        "indices": found.indices.table.to_dict(orient="records"),
        "outputs": list(found.indices.outputs),
        "units": found.units,
        "paths": found.path_count,
        "settings": found.indices.evaluations + found.screened,
    }


def result(options: Options, units: list[Unit]) -> Result:
    """Times, shocks and the strongest factors."""
    verdicts = [_searched(unit) if "shocks" in unit else _split(unit) for unit in units]
    head = ("command", "settings", "paths", "wall, s", "processor, s", "path-quarters a second", "peak, MB")
    rows = [
        (
            *(f"`{unit['name']}`", f"{unit['settings']:,}", f"{unit['paths']:,}", f"{unit['wall_s']:,.0f}"),
            *(f"{unit['cpu_s']:,.0f}", f"{unit['paths'] * options.quarters / unit['cpu_s']:,.0f}"),
            f"{unit['peak_mb']:,.0f}",
        )
        for unit in units
    ]
    note = "One process each; path-quarters are those simulated over processor time."
    sections = [(f"Times ({options.paths:,} paths, {options.quarters} quarters)", f"{note}\n\n{table(head, rows)}")]
    sections += [(f"`{unit['name']}`", _shocks(unit) if "shocks" in unit else _factors(unit)) for unit in units]
    command = f"searches --paths {options.paths} --quarters {options.quarters} --seed {options.seed}"
    return Result("Campaign: reverse and sensitivity at their defaults", command, tuple(verdicts), tuple(sections))


def _searched(unit: Unit) -> Verdict:
    question = f"what `{unit['name']}` finds holds on fresh random numbers"
    if not unit["needed"]:
        return Verdict(question, True, f"no shock is needed: {unit['unshocked']['share']:.0%} of paths meet it")
    found = unit["shocks"][: unit["found"]]
    if not found:
        near = unit["shocks"][0]
        return Verdict(question, True, f"none found; the closest, at {near['distance']:.2f}, on {near['share']:.0%}")
    told = "; ".join(f"distance {item['distance']:.2f}, {item['share']:.0%} of paths" for item in found)
    return Verdict(question, all(item["share"] >= HALF for item in found), told)


def _split(unit: Unit) -> Verdict:
    rows = unit["indices"]
    if "ST" not in rows[0]:
        question = f"`{unit['name']}`: an effect is no larger than its size"
        return Verdict(
            question, all(abs(row["mu"]) <= row["mu_star"] * (1.0 + 1e-9) for row in rows), f"{len(rows)} rows"
        )
    sums = {name: sum(row["S1"] for row in rows if row["output"] == name) for name in unit["outputs"]}
    within = all(
        -ERRORS * row[f"{index}_conf"] <= row[index] <= 1.0 + ERRORS * row[f"{index}_conf"]
        for row in rows
        for index in ("S1", "ST")
    )
    told = ", ".join(f"{name} {value:.2f}" for name, value in sums.items())
    return Verdict(
        f"`{unit['name']}`: shares of variance lie between 0 and 1 within their errors", within, f"S1: {told}"
    )


def _shocks(unit: Unit) -> str:
    start = unit["unshocked"]
    text = f"Without a shock {start['share']:.0%} ({start['low']:.0%} to {start['high']:.0%}) of paths meet the target."
    if not unit["shocks"]:
        return text
    rows = []
    for number, item in enumerate(unit["shocks"]):
        label = f"{number + 1}" if number < unit["found"] else "closest, does not do it"
        factors = "; ".join(
            f"{row['factor']} {row['effect']} ({row['part']:.0%}, without it {row['share_without']:.0%})"
            for row in item["factors"]
            if row["share_without"] == row["share_without"]
        )
        share = f"{item['share']:.0%} ({item['share_low']:.0%} to {item['share_high']:.0%})"
        rows.append((label, f"{item['distance']:.2f} ({item['low']:.2f} to {item['high']:.2f})", share, factors))
    head = ("shock", "distance (at the ends of all ranges)", "fresh paths that meet it (95 %)", "largest parts")
    return f"{text}\n\n{table(head, rows)}"


def _factors(unit: Unit) -> str:
    measure = "ST" if "ST" in unit["indices"][0] else "mu_star"
    rows = []
    for output in unit["outputs"]:
        mine = sorted((row for row in unit["indices"] if row["output"] == output), key=lambda row: -row[measure])
        told = "; ".join(
            f"{row['factor']} {row[measure]:,.3g} ±{row[f'{measure}_conf']:,.2g}" for row in mine[:FACTORS_TOLD]
        )
        rows.append((output, unit["units"][output] if measure == "mu_star" else "share of variance", told))
    return table(("output", "unit", f"largest {measure} (± half the 95 % interval)"), rows)
