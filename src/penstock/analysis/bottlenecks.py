"""Bottlenecks: what holds the build-out back and when, what comes next, and what relief is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.paired import Array, difference_row, economy_grid, headlines_of, paired_run
from penstock.engine.chunks import BINDING
from penstock.engine.progress import OnProgress
from penstock.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from penstock.engine.run import Run
    from penstock.scenarios import Scenario
    from penstock.world import World

END = "end of run"
"""What comes next where a limit binds to the last quarter."""


@dataclass(frozen=True)
class Relief:
    """A limit loosened by one knob, a little, from the first quarter on."""

    name: str
    limit: str
    """name in BINDING, or what a limit of its own would be"""
    knob: str
    apply: str
    meaning: str


RELIEFS = (
    Relief("chips", "chips", "silicon.capacity", "*1.1", "chip supply can reach 10 % more"),
    Relief("chip lead time", "chips", "silicon.lead_time_quarters", "*0.9", "chips come 10 % sooner after an order"),
    Relief("halls", "halls", "facilities.build_time_quarters", "*0.9", "halls are built in 10 % less time"),
    Relief("power", "power", "energy.power_delay_quarters", "-1", "new firm power comes a quarter sooner"),
    Relief("debt", "funding", "finance.debt_access", "*1.1", "lenders extend 10 % more"),
    Relief("equity", "funding", "finance.equity_access", "*1.1", "investors put in 10 % more"),
    Relief("demand", "demand", "demand.ceiling", "*1.1", "users' spending can reach 10 % more"),
)
"""Small loosenings of each limit. They are not alike in cost, so that values may be compared within a row only."""

WORTH = {
    "tokens": ("tokens_served", "quadrillion", 1e-15),
    "spending": ("ai_revenue_usd_bn", "usd_bn", 1.0),
    "surplus": ("surplus_usd_bn", "usd_bn", 1.0),
    "capex": ("capex_usd_bn", "usd_bn", 1.0),
}
"""What relief is worth: output -> column of `economy`, unit, scale; sums over the quarters of a horizon."""


@dataclass(frozen=True)
class Bottlenecks:
    """What binds in one scenario, and what relief is worth against it on common random numbers."""

    scenario: str
    shares: pd.DataFrame
    """quarter, binding, share of paths, se: sums to one by quarter"""
    transitions: pd.DataFrame
    """binding, next, share of its spells (with se), median_quarters of those spells, spells, now (opening spells)"""
    relief: pd.DataFrame
    """relief, limit, knob, apply, output, unit, quarters, base, level, difference, se, low95, high95, p05, p95,
    percent_of_base; and for outputs in dollars the price of a unit of what limits: per (its unit), offered (what the
    relief offers more of it, mean), price_usd with price_se, price_low95, price_high95 (`shadow_prices`)"""
    run: Run = field(repr=False, compare=False)

    def to_pandas(self) -> pd.DataFrame:
        """Shares of paths by quarter."""
        return self.shares

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        frames = {name: getattr(self, name).to_dict(orient="records") for name in ("shares", "transitions", "relief")}
        return {"scenario": self.scenario, **frames}


def bottlenecks(
    run_or_world: Run | World,
    scenario: Any = None,
    *,
    reliefs: Sequence[Relief] = RELIEFS,
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    jobs: int = 1,
    prior: bool = False,
    out: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> Bottlenecks:
    """Shares of paths by what binds, transitions between limits, and the value of relieving each.

    Relief is measured by finite difference: the scenario again with one knob loosened from the first quarter, on the
    same random numbers. A run is read for what binds, with its scenario (the first unless named); its world, paths
    and seed are simulated again with the knobs. `scenario` of a world is `baseline` unless given. Raises UsageError
    for an unknown scenario, InputError for a bad one.
    """
    from penstock.analysis.shadow_prices import offered_by
    from penstock.engine.model import prepare
    from penstock.engine.run import Run
    from penstock.scenarios import load_scenario, read_scenario

    if isinstance(run_or_world, Run):
        base = run_or_world
        name = str(scenario or base.scenarios[0])
        if name not in base.scenarios:
            raise UsageError(f"--run: found no scenario {name!r} in it; expected one of {', '.join(base.scenarios)}")
        world = base.world
        text = base.manifest["scenarios"][base.scenarios.index(name)]["text"]
        plan = read_scenario(text, world=world)
        size = {key: base.manifest[key] for key in ("paths", "quarters", "seed", "prior")}
        held: Run | None = paired_run(base, None, ())
    else:
        world, held = run_or_world, None
        plan = load_scenario(scenario or "baseline", world)
        size = {"paths": paths, "quarters": quarters, "seed": seed, "prior": prior}
    variants = [load_scenario(relieved(plan, each, world), world) for each in reliefs]
    wanted = variants if held is not None else [plan, *variants]
    run = (
        paired_run(world, wanted[0], wanted[1:], **size, jobs=jobs, out=out, on_progress=on_progress)
        if wanted
        else held
    )
    assert run is not None
    first = held if held is not None else run
    offers = {each.name: (each.knob, each.apply) for each in reliefs}
    offered = offered_by(prepare(world, plan, **{k: v for k, v in size.items() if k != "paths"}), offers, size["paths"])
    codes = binding_codes(first, plan.name)
    return Bottlenecks(
        plan.name,
        binding_shares(codes, quarter_names_of(first)),
        transitions(codes),
        relief_table(first, plan.name, run, reliefs, [each.name for each in variants], offered),
        first,
    )


def relieved(plan: Scenario, relief: Relief, world: World) -> dict[str, Any]:
    """The tables of a scenario with one knob loosened from the world's first quarter on."""
    from penstock.scenarios import first_quarter

    tables = plan.to_dict()
    change = {"what": relief.knob, "apply": relief.apply, "from": first_quarter(world.as_of), "why": relief.meaning}
    name = f"{plan.name}_relief_{relief.name}".replace(" ", "_").replace(".", "_")
    return {**tables, "name": name, "change": [*tables.get("change", []), change]}


def quarter_names_of(run: Run) -> tuple[str, ...]:
    """Quarters of a run in order."""
    return tuple(sorted(run.economy["quarter"].unique()))


def binding_codes(run: Run, scenario: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Index into BINDING of what binds, (quarters, paths)."""
    words = economy_grid(run, scenario, "binding").astype(str)
    out = np.full(words.shape, -1, dtype=np.int64)
    for code, name in enumerate(BINDING):
        out[words == name] = code
    return out


def binding_shares(codes: np.ndarray[Any, Any], quarters: Sequence[str]) -> pd.DataFrame:
    """quarter, binding, share of paths and its standard error; codes (quarters, paths)."""
    import pandas as pd

    paths = codes.shape[1]
    share = np.stack([(codes == code).mean(axis=1) for code in range(len(BINDING))], axis=1)
    error = np.sqrt(share * (1.0 - share) / paths)
    return pd.DataFrame(
        {
            "quarter": np.repeat(np.array(quarters, dtype=object), len(BINDING)),
            "binding": list(BINDING) * len(quarters),
            "share": share.ravel(),
            "se": error.ravel(),
        }
    )


def transitions(codes: np.ndarray[Any, Any]) -> pd.DataFrame:
    """Spells of each limit: what comes next and after how many quarters, over all paths and for the opening spell.

    codes (quarters, paths). A row a pair: binding, next (END where it binds to the last quarter), spells, share of
    the spells of this limit with its standard error by path (ratio estimator: paths are independent, the spells of
    one path are not), median_quarters, and `of`: `all` spells, or `now`, those that hold at the first quarter.
    """
    import pandas as pd

    spells = _spells(codes)
    rows = []
    for of, chosen in (("now", spells[spells["start"] == 0]), ("all", spells)):
        for code, name in enumerate(BINDING):
            mine = chosen[chosen["code"] == code]
            if mine.empty:
                continue
            total = np.bincount(mine["path"], minlength=codes.shape[1]).astype(float)
            for following in sorted(mine["next"].unique(), key=lambda value: (value < 0, value)):
                rows_next = mine[mine["next"] == following]
                count = np.bincount(rows_next["path"], minlength=codes.shape[1]).astype(float)
                share, error = ratio(count, total)
                rows.append(
                    {
                        "of": of,
                        "binding": name,
                        "next": BINDING[following] if following >= 0 else END,
                        "share": share,
                        "se": error,
                        "median_quarters": float(rows_next["length"].median()),
                        "spells": len(rows_next),
                    }
                )
    columns = ["of", "binding", "next", "share", "se", "median_quarters", "spells"]
    return pd.DataFrame(rows, columns=columns)


def ratio(part: Array, whole: Array) -> tuple[float, float]:
    """Sum of parts over sum of wholes, and its standard error over independent paths (Cochran 1977, ch. 6)."""
    total = whole.sum()
    share = part.sum() / total
    paths = len(whole)
    if paths < 2:
        return float(share), float("nan")
    residual = part - share * whole
    return float(share), float(np.sqrt((residual**2).sum() * paths / (paths - 1)) / total)


def _spells(codes: np.ndarray[Any, Any]) -> pd.DataFrame:
    """path, start, length, code and next code (-1 at the end) of each run of equal codes."""
    import pandas as pd

    quarters = codes.shape[0]
    flat = codes.T.ravel()
    begins = np.flatnonzero(np.r_[True, (flat[1:] != flat[:-1]) | (np.arange(1, len(flat)) % quarters == 0)])
    ends = np.r_[begins[1:], len(flat)]
    last = ends % quarters == 0
    following = np.where(last, -1, flat[np.minimum(ends, len(flat) - 1)])
    return pd.DataFrame(
        {
            "path": begins // quarters,
            "start": begins % quarters,
            "length": ends - begins,
            "code": flat[begins],
            "next": following,
        }
    )


HORIZON_QUARTERS = 12
"""The near horizon: the contracted build-out; the whole run is the other."""


def relief_table(
    base: Run,
    scenario: str,
    run: Run,
    reliefs: Sequence[Relief],
    names: Sequence[str],
    offered: Mapping[str, Array],
) -> pd.DataFrame:
    """What each relief adds, path by path: sums over the first quarters and over the whole run.

    offered: relief -> what it offers more of the limiting thing, (quarters, paths).
    """
    import pandas as pd

    from penstock.analysis.shadow_prices import price_row

    before = {name: economy_grid(base, scenario, column) * scale for name, (column, _, scale) in WORTH.items()}
    horizons = sorted({min(HORIZON_QUARTERS, len(before["tokens"])), len(before["tokens"])})
    defaults = headlines_of(base, scenario)["defaults"]
    rows = []
    for relief, name in zip(reliefs, names, strict=True):
        told = {"relief": relief.name, "limit": relief.limit, "knob": relief.knob, "apply": relief.apply}
        more = offered.get(relief.name)
        for output, (column, unit, scale) in WORTH.items():
            after = economy_grid(run, name, column) * scale
            for horizon in horizons:
                first, then = before[output][:horizon].sum(axis=0), after[:horizon].sum(axis=0)
                priced = more[:horizon].sum(axis=0) if more is not None and unit == "usd_bn" else None
                found = difference_row(first, then) | price_row(relief.knob, then - first, priced)
                rows.append({**told, "output": output, "unit": unit, "quarters": horizon, **found})
        found = difference_row(defaults, headlines_of(run, name)["defaults"])
        rows.append({**told, "output": "defaults", "unit": "per_path", "quarters": horizons[-1], **found, "per": ""})
    frame = pd.DataFrame(rows)
    if len(frame):
        frame["percent_of_base"] = 100.0 * frame["difference"] / frame["base"].where(frame["base"] != 0.0)
    return frame
