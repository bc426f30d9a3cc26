"""Does the mean loss grow with the size of the shock, for every scenario of the library, on the same random numbers?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from tools.campaign.result import Result, Verdict, table
from tools.campaign.units import Unit

from penstock.analysis.losses import PARTS, losses_by_company, losses_of, parts_of_change
from penstock.analysis.paired import NORMAL_95
from penstock.analysis.sizes import sized
from penstock.engine.model import WIDTH, PathBlock, prepare, simulate_paths
from penstock.errors import UsageError
from penstock.scenarios import Scenario, library, load_scenario
from penstock.world import World, load_world

Array = np.ndarray[Any, np.dtype[np.float64]]

BASE = "baseline"
SIZES = (0.25, 0.5, 0.75, 1.0)
COMPANIES_TOLD = 3
BASES = {"loss": "all losses", "claims": "claims alone"}


@dataclass(frozen=True)
class Options:
    paths: int = 256
    quarters: int = 40
    seed: int = 7

    @property
    def blocks(self) -> int:
        return -(-self.paths // WIDTH)

    @property
    def units(self) -> int:
        return self.blocks * len(shocks())


@cache
def shocks() -> tuple[str, ...]:
    """Scenarios of the library beside the baseline."""
    return tuple(name for name in library() if name != BASE)


@cache
def _world() -> World:
    return load_world()


def variants(name: str, world: World) -> tuple[list[tuple[float, Scenario]], str]:
    """The scenario at each size with why it has no others, '' where it has them all; always at its full size."""
    whole = load_scenario(name, world)
    try:
        return [(size, load_scenario(sized(whole, size), world)) for size in SIZES], ""
    except UsageError as error:
        return [(1.0, whole)], str(error)


@dataclass(frozen=True)
class Work:
    """Simulates one scenario at its sizes beside the baseline on one block of paths."""

    options: Options

    def __call__(self, number: int) -> Unit:
        name, block = shocks()[number // self.options.blocks], number % self.options.blocks
        first = block * WIDTH
        count = min(WIDTH, self.options.paths - first)
        found, reason = variants(name, _world())
        before = self._simulated(load_scenario(BASE, _world()), first, count)
        base = _told(before)
        steps = []
        for size, scenario in found:
            after = self._simulated(scenario, first, count)
            steps.append({"size": size, **_told(after), "change": _change(before, after)})
            before = after
        return {"scenario": name, "reason": reason, "base": base, "steps": steps}

    def _simulated(self, scenario: Scenario, first: int, count: int) -> PathBlock:
        model = prepare(_world(), scenario, quarters=self.options.quarters, seed=self.options.seed)
        return simulate_paths(model, first, count)


def _told(block: PathBlock) -> dict[str, list[float]]:
    losses = losses_of(block)
    return {
        "loss": losses.loss_usd_bn.tolist(),
        "claims": (losses.loss_usd_bn - losses.by_bearer["equity"]).tolist(),
        "rescue": losses.rescue_usd_bn.tolist(),
        "capex": block.economy["capex_usd_bn"].sum(axis=0).tolist(),
        "defaults": block.layers["defaults"].sum(axis=(0, 1)).tolist(),
    }


def _change(before: PathBlock, after: PathBlock) -> dict[str, Any]:
    """By basis: the parts of the change of each path, and of each company its parts summed over paths."""
    out: dict[str, Any] = {}
    for basis in BASES:
        pair = [losses_by_company(block, claims_only=basis == "claims") for block in (before, after)]
        whole = parts_of_change(*pair)
        firms = sorted({*pair[0][0], *pair[1][0]})
        costs = [_on(firms, *side) for side in pair]
        each = {}
        for row, firm in enumerate(firms):
            mine = [((firm,), cost[row : row + 1]) for cost in costs]
            parts = {part: float(values.sum()) for part, values in parts_of_change(*mine).items()}
            if any(parts.values()):
                each[firm] = parts
        out[basis] = {"parts": {part: whole[part].tolist() for part in PARTS}, "companies": each}
    return out


def _on(firms: list[str], known: tuple[str, ...], cost: Array) -> Array:
    out = np.zeros((len(firms), cost.shape[1]))
    out[np.searchsorted(firms, known)] = cost
    return out


@dataclass(frozen=True)
class Step:
    """From one size to the next, means over paths in usd_bn."""

    scenario: str
    size: float
    basis: str
    level: float
    difference: float
    error: float
    parts: dict[str, float]
    companies: dict[str, dict[str, float]]
    capex_percent: float
    rescue: float
    defaults: float
    claims_same: float
    """what the same failures cost more or less in claims alone"""

    @property
    def falls(self) -> bool:
        return self.difference < 0.0

    @property
    def clear(self) -> bool:
        """Whether chance alone does not make the fall, at 95 %."""
        return self.difference + NORMAL_95 * self.error < 0.0

    @property
    def mechanism(self) -> str:
        """What makes the step: the part that falls most, whose failures, and what the shock does to building."""
        part = min(self.parts, key=lambda name: self.parts[name])
        mine = sorted(self.companies.items(), key=lambda item: item[1][part])[:COMPANIES_TOLD]
        named = ", ".join(f"{firm} {_small(parts[part])}" for firm, parts in mine if parts[part] < 0.0)
        what = {
            "avoided": "failures spared",
            "same": "the same failures cost less",
            "added": "no failure added",
        }[part]
        text = f"{what} ({_small(self.parts[part])}: {named})"
        if part == "same" and self.basis == "loss":
            owners = self.claims_same > 0.5 * self.parts["same"]
            text += ", their equity was worth less before they failed" if owners else ", most of it claims"
        if abs(self.capex_percent) >= 0.05:
            text += f"; {abs(self.capex_percent):.1f} % {'less' if self.capex_percent < 0.0 else 'more'} is built"
        if self.rescue > 0.0:
            text += f"; rescues pay {self.rescue:+.2f} more"
        return text


def steps_of(options: Options, units: list[Unit]) -> list[Step]:
    """Every step of every scenario, on both bases."""
    found = []
    for start in range(0, len(units), options.blocks):
        blocks = units[start : start + options.blocks]
        before = {key: np.concatenate([unit["base"][key] for unit in blocks]) for key in blocks[0]["base"]}
        for number, step in enumerate(blocks[0]["steps"]):
            now = {key: np.concatenate([unit["steps"][number][key] for unit in blocks]) for key in before}
            for basis in BASES:
                found.append(_step(blocks, number, step["size"], basis, before, now))
            before = now
    return found


def _step(
    blocks: list[Unit], number: int, size: float, basis: str, before: dict[str, Array], now: dict[str, Array]
) -> Step:
    change = now[basis] - before[basis]
    paths = len(change)
    told = [unit["steps"][number]["change"][basis] for unit in blocks]
    companies: dict[str, dict[str, float]] = {}
    for each in told:
        for firm, parts in each["companies"].items():
            mine = companies.setdefault(firm, dict.fromkeys(PARTS, 0.0))
            for part in PARTS:
                mine[part] += parts[part] / paths
    return Step(
        scenario=str(blocks[0]["scenario"]),
        size=float(size),
        basis=basis,
        level=float(now[basis].mean()),
        difference=float(change.mean()),
        error=float(change.std(ddof=1) / np.sqrt(paths)) if paths > 1 else float("nan"),
        parts={part: float(np.concatenate([each["parts"][part] for each in told]).mean()) for part in PARTS},
        companies=companies,
        capex_percent=100.0 * float(now["capex"].mean() / before["capex"].mean() - 1.0),
        rescue=float((now["rescue"] - before["rescue"]).mean()),
        defaults=float((now["defaults"] - before["defaults"]).mean()),
        claims_same=float(
            np.concatenate([unit["steps"][number]["change"]["claims"]["parts"]["same"] for unit in blocks]).mean()
        ),
    )


def result(options: Options, units: list[Unit]) -> Result:
    """A verdict a scenario: no step of its size lets the mean of all losses, or of claims, fall beyond chance."""
    steps = steps_of(options, units)
    reasons = {str(unit["scenario"]): str(unit["reason"]) for unit in units}
    verdicts = []
    for name in shocks():
        mine = [step for step in steps if step.scenario == name]
        clear = [step for step in mine if step.clear]
        within = sum(step.falls and not step.clear for step in mine)
        told = "; ".join(
            f"{BASES[step.basis]} {_small(step.difference)} at size {step.size:g}, se {step.error:.2g}"
            for step in clear
        )
        told = told or f"{len(mine) - within} of {len(mine)} steps grow, {within} fall within chance"
        if reasons[name]:
            told += "; at full size only"
        verdicts.append(Verdict(f"mean loss grows with {name}", not clear, told))
    sections = [
        (f"Sizes ({options.paths:,} paths, {options.quarters} quarters, seed {options.seed})", _sizes(steps)),
        ("Exceptions: steps where the mean falls", _exceptions(steps)),
    ]
    whole = [(name, reason) for name, reason in reasons.items() if reason]
    if whole:
        sections.append(("Scenarios without sizes between", table(("scenario", "why"), whole)))
    command = f"sizes --paths {options.paths} --quarters {options.quarters} --seed {options.seed}"
    return Result("Campaign: losses by size of the shock", command, tuple(verdicts), tuple(sections))


def _sizes(steps: list[Step]) -> str:
    head = ("scenario", "size", "all losses", "step (se)", "claims", "step (se)", "defaults added", "capex, %")
    rows = []
    for whole, claims in zip(steps[::2], steps[1::2], strict=True):
        cells = [f"{step.difference:+.1f} ({step.error:.1f})" for step in (whole, claims)]
        rows.append(
            (
                *(whole.scenario, f"{whole.size:g}", f"{whole.level:,.0f}", cells[0], f"{claims.level:,.1f}", cells[1]),
                *(f"{whole.defaults:+.2f}", f"{whole.capex_percent:+.1f}"),
            )
        )
    note = (
        "Mean of paths, usd_bn over the run. A step is the change from the size before, from the baseline at the "
        "first, path by path on the same random numbers."
    )
    return f"{note}\n\n{table(head, rows)}"


def _small(usd_bn: float) -> str:
    """A change with two digits that matter, whatever its size."""
    return f"{usd_bn:+.1f}" if abs(usd_bn) >= 10.0 else f"{usd_bn:+.2g}"


def _exceptions(steps: list[Step]) -> str:
    falls = [step for step in steps if step.falls]
    if not falls:
        return "None."
    head = ("scenario", "size", "basis", "step (se)", "beyond chance", "added, avoided, same", "mechanism")
    rows = [
        (
            *(step.scenario, f"{step.size:g}", BASES[step.basis], f"{_small(step.difference)} ({step.error:.2g})"),
            *("yes" if step.clear else "no", ", ".join(_small(step.parts[part]) for part in PARTS), step.mechanism),
        )
        for step in falls
    ]
    note = (
        "A step is what failures that come only with it add, what failures that it spares take away, and what the same "
        "failures cost more or less. Companies with the largest part of what falls stand in brackets, usd_bn a path."
    )
    return f"{note}\n\n{table(head, rows)}"
