"""`loop`: how strongly valuations feed themselves, link by link and firm by firm, and the boom with the loop cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.loop_gain import LINKS, Gain, amplification, loop_gain
from penstock.analysis.outcome import Outcome
from penstock.analysis.ratios import interval, ratio
from penstock.analysis.steps import PATHS_AT_ONCE, mean_and_error
from penstock.analysis.subject import Subject, subject_of
from penstock.engine.progress import OnProgress, silent
from penstock.errors import ModelError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.analysis.loop_runs import Turned
    from penstock.engine.model import Model
    from penstock.engine.run import Run
    from penstock.scenarios import Scenario
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

SIZE = 0.05
"""Relative push to valuations: small against what they move in a quarter, large against rounding."""
TURN_QUARTERS = 8
"""Quarters of a turn: chips come within a year of their order, halls and their chips within two."""
FIRST_QUARTER = 4
"""Quarter of the push, counted from 0: a year after the start, so that opening orders have been delivered."""

CUTS = ("valuation_loop", "sentiment")
DEBT = (
    ("debt limits halved", 0.5, 1.0),
    ("debt limits doubled", 2.0, 1.0),
    ("maturities halved", 1.0, 0.5),
    ("maturities doubled", 1.0, 2.0),
    ("both: doubled, halved", 2.0, 0.5),
)
"""Variants of debt: name, multiple of the limits, multiple of the terms."""


OUTCOMES = (
    Outcome("capex", "usd_bn"),
    Outcome("spending", "usd_bn"),
    Outcome("value_peak", "usd_bn"),
    Outcome("value_end", "usd_bn"),
    Outcome("deepest_capex_fall", "share"),
    Outcome("defaults", "per_path"),
)
"""AI capital spending and users' AI spending summed over the run, largest and last sum of market values, deepest fall
of AI capital spending of four quarters from its peak, defaults."""


@dataclass(frozen=True)
class LoopStudy:
    """What the loop does."""

    gain: dict[str, float]
    """gain, se, low90, high90, amplification, push, and the quarters"""
    links: pd.DataFrame
    """link, value, se, unit: multiplied they are the gain"""
    curve: pd.DataFrame
    """quarter, gain, se: by quarters since the push"""
    channels: pd.DataFrame
    """channel, gain, se: where valuations act; one channel at a time sees the push"""
    firms: pd.DataFrame
    """company_id, layer, gain, se, part, and what one percent of all valuations does to its cost of capital, capital
    spending and revenue; the parts add up to the gain"""
    debt: pd.DataFrame
    """variant, gain, se, change of the gain, and of each outcome of the whole run with its standard error"""
    levels: pd.DataFrame
    """output, unit, mean, se: the whole run as it is"""
    cuts: pd.DataFrame
    """the same boom without the loop: without, gain, and the change of each outcome with its standard error"""

    def to_pandas(self) -> pd.DataFrame:
        """The firms."""
        return self.firms

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        tables = {name: getattr(self, name) for name in ("links", "curve", "channels", "firms", "debt", "levels")}
        tables["cuts"] = self.cuts
        return {"gain": self.gain, **{name: table.to_dict(orient="records") for name, table in tables.items()}}


def loop(
    run_or_world: Run | World,
    *,
    scenario: str | Path | Scenario = "baseline",
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    jobs: int = 1,
    prior: bool = False,
    size: float = SIZE,
    first: int = FIRST_QUARTER,
    turn: int = TURN_QUARTERS,
    on_progress: OnProgress = silent,
) -> LoopStudy:
    """Gain of valuation -> cost of capital -> investment -> revenue -> valuation, in total, by link and by firm.

    Paths are run twice more with the valuations of the first run seen `size` higher and lower in the `turn` quarters
    from quarter `first` on (counted from 0), by everything that looks at valuations; the relative change of valuations
    at the end over the relative push is the gain (`penstock.analysis.loop_gain`). `cuts` are whole runs with a loop
    switched off, `debt` with other limits and terms of debt, all on the same random numbers.

    Raises UsageError for a size, quarter or turn that does not fit, ModelError where a check of the model fails.
    """
    import pandas as pd

    from penstock.engine.seen import CHANNELS

    subject = subject_of(run_or_world, scenario=scenario, paths=paths, quarters=quarters, seed=seed, prior=prior)
    _check(subject, size, first, turn)
    study = _Study(subject.prepare(), subject.paths, size, first, turn)
    done = study.all(jobs, on_progress)

    def gained(name: str) -> tuple[Gain, Turned, Turned, Turned]:
        up, base, down = done["turn", name]
        return loop_gain(up.turn, base.turn, down.turn, study.weight), up, base, down

    whole, up, base, down = gained("")
    levels = done["run", ""]

    def changed(name: str) -> dict[str, float]:
        return {**_gain_row(gained(name)[0], whole), **_changes(done["run", name], levels)}

    return LoopStudy(
        gain={**_total(whole), "push": size, "first_quarter": float(first), "turn_quarters": float(turn)},
        links=pd.DataFrame(
            [(name, *found, unit) for (name, unit), found in zip(LINKS, whole.links, strict=True)],
            columns=["link", "value", "se", "unit"],
        ),
        curve=pd.DataFrame(_curve(up, base, down), columns=["quarter", "gain", "se"]),
        channels=pd.DataFrame(
            [(name, gained(name)[0].total, gained(name)[0].error) for name in CHANNELS],
            columns=["channel", "gain", "se"],
        ),
        firms=_firms_table(study, whole),
        debt=pd.DataFrame([{"variant": name, **changed(name)} for name, _, _ in DEBT]),
        levels=pd.DataFrame(
            [(item.name, item.unit, *mean_and_error(levels[item.name])) for item in OUTCOMES],
            columns=["output", "unit", "mean", "se"],
        ),
        cuts=pd.DataFrame([{"without": name, **changed(name)} for name in CUTS]),
    )


def _total(whole: Gain) -> dict[str, float]:
    """The gain with its 90 % interval, and what it makes of a push that is kept up."""
    low, high = interval(whole.total, whole.error)
    return {
        "gain": whole.total,
        "se": whole.error,
        "low90": low,
        "high90": high,
        "amplification": amplification(whole.total),
        "amplification_low90": amplification(low),
        "amplification_high90": amplification(high),
    }


def _firms_table(study: _Study, whole: Gain) -> pd.DataFrame:
    """A row a firm, the largest part of the gain first."""
    import pandas as pd

    firms = study.model.opening.firms
    table = {
        "company_id": list(firms),
        "layer": [str(study.layer(firm)) for firm in range(len(firms))],
        "gain": whole.firm,
        "se": whole.firm_error,
        "part": whole.part,
        "cost_of_capital_points": whole.cost_points,
        "capex_percent": whole.investment_percent,
        "revenue_percent": whole.revenue_percent,
    }
    return pd.DataFrame(table).sort_values("part", ascending=False, ignore_index=True)


def _check(subject: Subject, size: float, first: int, turn: int) -> None:
    if not 0.0 < size <= 0.5:
        raise UsageError(f"size: found {size:g}; expected a push above 0 and at most 0.5")
    if first < 1:
        raise UsageError(f"first: found {first}; expected a quarter after the first one: 1 or more")
    if turn < 1 or first + turn > subject.quarters:
        raise UsageError(
            f"turn: found {turn} quarters from quarter {first} on; expected at least 1 and an end within the "
            f"{subject.quarters} quarters of the run"
        )


def _curve(up: Turned, base: Turned, down: Turned) -> list[tuple[int, float, float]]:
    pushed = 0.5 * (up.turn.seen - down.turn.seen).sum(axis=0)
    level = base.turn.seen.sum(axis=0)
    halves = 0.5 * (up.value - down.value)
    return [
        (number + 1, *ratio([half, level], [value, pushed]))
        for number, (half, value) in enumerate(zip(halves, base.value, strict=True))
    ]


def _gain_row(found: Gain, whole: Gain) -> dict[str, float]:
    return {"gain": found.total, "se": found.error, "gain_change": found.total - whole.total}


def _changes(found: dict[str, Array], levels: dict[str, Array]) -> dict[str, float]:
    row: dict[str, float] = {}
    for item in OUTCOMES:
        row[item.key], row[f"{item.name}_se"] = mean_and_error(found[item.name] - levels[item.name])
    return row


def run_outcomes(model: Model, paths: int) -> dict[str, Array]:
    """The outcomes of each path of a whole run, (paths,) each. Raises ModelError where a check fails."""
    from penstock.engine.model import simulate_paths
    from penstock.engine.run import problems_of

    parts: dict[str, list[Array]] = {item.name: [] for item in OUTCOMES}
    for start in range(0, paths, PATHS_AT_ONCE):
        block = simulate_paths(model, start, min(PATHS_AT_ONCE, paths - start))
        if problems := problems_of(block.checks):
            raise ModelError("; ".join(problems))
        value = block.company["market_value_usd_bn"].sum(axis=1, dtype=float)
        capex = block.economy["capex_usd_bn"]
        found = {
            "capex": capex.sum(axis=0),
            "spending": block.economy["ai_revenue_usd_bn"].sum(axis=0),
            "value_peak": value.max(axis=0),
            "value_end": value[-1],
            "deepest_capex_fall": deepest_fall(capex),
            "defaults": block.layers["defaults"].sum(axis=(0, 1)),
        }
        for name, values in found.items():
            parts[name].append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def deepest_fall(series: Array) -> Array:
    """Largest fall of the sum of four quarters from its running peak, a share, (paths,); zero in a shorter series."""
    if len(series) <= 4:
        return np.zeros(series.shape[1])
    summed = np.cumsum(np.concatenate([np.zeros((1, series.shape[1])), series]), axis=0)
    year = summed[4:] - summed[:-4]
    peak = np.maximum.accumulate(year, axis=0)
    return np.asarray((1.0 - year / np.maximum(peak, 1e-12)).max(axis=0))


Task = tuple[str, str]
"""What to run, `turn` or `run`, and under which name: empty as it is, a channel, a switch, or a variant of debt."""


@dataclass(frozen=True)
class _Study:
    """All that the study runs; travels once to each process."""

    model: Model
    paths: int
    size: float
    first: int
    turn: int

    @property
    def weight(self) -> Array:
        """Shares of the firms in opening debt and equity, (firms,)."""
        facts, layout = self.model.facts, self.model.layout
        owed = np.zeros(layout.unit_count)
        np.add.at(owed, layout.borrower, facts.debt_balance[:, 0])
        capital = owed[: layout.firms] + facts.market_value[:, 0]
        return np.asarray(capital / capital.sum())

    def layer(self, firm: int) -> str:
        from penstock.engine.opening.state import LAYERS

        return str(LAYERS[int(self.model.layout.layer[firm])])

    def variant(self, name: str) -> Model:
        from penstock.analysis.loop_runs import switched_off, with_debt

        if name in CUTS:
            return switched_off(self.model, name)
        for label, multiple, maturity in DEBT:
            if label == name:
                return with_debt(self.model, multiple=multiple, maturity=maturity)
        return self.model

    def __call__(self, task: Task) -> tuple[Task, Any]:
        from penstock.analysis.loop_runs import Quarters, shortened, turned
        from penstock.engine.seen import CHANNELS

        kind, name = task
        model = self.variant(name)
        try:
            if kind == "run":
                return task, run_outcomes(model, self.paths)
            quarters = Quarters(self.first, self.turn)
            channels = frozenset([name] if name in CHANNELS else CHANNELS)
            return task, turned(shortened(model, quarters.all), quarters, self.paths, self.size, channels)
        except ModelError as error:
            raise ModelError(f"{name or 'as it is'}: {error}") from error

    def all(self, jobs: int, on_progress: OnProgress) -> dict[Task, Any]:
        from penstock.engine.executors import executor_for
        from penstock.engine.seen import CHANNELS

        variants = ["", *CUTS, *(name for name, _, _ in DEBT)]
        tasks: Sequence[Task] = [*(("run", n) for n in variants), *(("turn", n) for n in [*variants, *CHANNELS])]
        found: dict[Task, Any] = {}
        run: Callable[[Task], tuple[Task, Any]] = self
        on_progress(0, len(tasks), "loop")
        for task, result in executor_for(jobs, len(tasks)).map(run, tasks):
            found[task] = result
            on_progress(len(found), len(tasks), "loop")
        return found
