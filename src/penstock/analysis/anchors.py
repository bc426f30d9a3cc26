"""Is the first simulated year where the tables say it should be? (docs/decisions/0005)

For the companies that matter most, a range for revenue and capital spending of the year ahead is built from
the tables alone; the medians of a simulation are held against it. And: does spending fall when demand stops
growing, or does it run on a rate of its own?
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from penstock.analysis.anchor_rule import Rule
from penstock.analysis.records import Records
from penstock.errors import InputError
from penstock.scenarios import compile_program, first_quarter, load_scenario
from penstock.scenarios.quarters import ordinal, text

if TYPE_CHECKING:
    from penstock.engine.model import Model, PathBlock
    from penstock.world import World

COMPANIES = 25
"""How many of the largest companies have a range, as decided before looking (docs/decisions/0005)."""
METRICS = ("revenue", "capex")
MEASURE = {"revenue": "revenue_usd_bn", "capex": "capex_usd_bn"}
YEAR_QUARTERS = 4
SWITCH_QUARTERS = 8
PATHS = 128
EXCEPTIONS_ALLOWED = 5
"""Medians that may lie outside their range, each with its reason (docs/decisions/0005)."""
FALL_EXPECTED = 0.40
"""Least fall of AI capital spending below its opening when demand stops growing (docs/decisions/0005)."""
EXCEPTIONS = Path(__file__).parent / "anchor_exceptions.csv"
RANGE_COLUMNS = (
    "company", "metric", "base_usd_bn", "low_usd_bn", "high_usd_bn", "rule", "inputs", "grade", "source",
)  # fmt: skip
COMPARE_COLUMNS = (
    "company", "metric", "base_usd_bn", "low_usd_bn", "high_usd_bn", "model_usd_bn", "inside", "beyond",
    "reason", "rule", "inputs", "grade", "source",
)  # fmt: skip


def anchored_companies(world: World, count: int = COMPANIES) -> list[str]:
    """Companies with the largest capex + AI (else data-centre, else cloud) revenue, largest first."""
    records = Records(world)
    size: dict[str, float] = {}
    for company in world.table("companies")["id"]:
        capex, ai = records.base(company, "capex"), records.ai_base(company)
        size[company] = (capex.value if capex else 0.0) + (ai[1].value if ai else 0.0)
    largest = sorted(size, key=lambda company: (-size[company], company))
    return [company for company in largest[:count] if size[company] > 0.0]


def anchor_ranges(world: World) -> pd.DataFrame:
    """RANGE_COLUMNS, two rows a company: the range of revenue and capex for the four quarters ahead.

    usd_bn; `low_usd_bn` and `high_usd_bn` are missing where the tables tell too little, `rule` says why.
    """
    first = ordinal(first_quarter(world.as_of))
    eve = dt.date(first // 4, 3 * (first % 4) + 1, 1) - dt.timedelta(days=1)
    rule = Rule(world, eve, first // 4)
    rows = []
    for company in anchored_companies(world):
        for metric in METRICS:
            r = rule.range_of(company, metric)
            rows.append((company, metric, r.base, r.low, r.high, r.rule, r.inputs, r.grade, r.source))
    table = pd.DataFrame(rows, columns=list(RANGE_COLUMNS))
    numbers = ["base_usd_bn", "low_usd_bn", "high_usd_bn"]
    return table.astype(dict.fromkeys(numbers, float))


@dataclass(frozen=True)
class GrowthSwitch:
    """AI capital spending of the economy when demand stops growing: medians, usd_bn per quarter."""

    quarters: tuple[str, ...]
    opening: float
    baseline: tuple[float, ...]
    without_growth: tuple[float, ...]
    expected_fall: float = FALL_EXPECTED

    @property
    def lowest(self) -> int:
        """Position of the quarter in which spending without growth is lowest."""
        return int(np.argmin(self.without_growth))

    @property
    def fall_from_opening(self) -> float:
        """Largest fall below the opening within the quarters, as a fraction; negative when it never fell."""
        return 1.0 - self.without_growth[self.lowest] / self.opening

    @property
    def fall_from_baseline(self) -> float:
        """Fall below the baseline in the same quarter, as a fraction."""
        return 1.0 - self.without_growth[self.lowest] / self.baseline[self.lowest]

    @property
    def holds(self) -> bool:
        """Whether spending falls by at least the expected fall from its opening."""
        return self.fall_from_opening >= self.expected_fall

    def to_pandas(self) -> pd.DataFrame:
        """One row a quarter."""
        values = {"quarter": self.quarters, "baseline": self.baseline, "without_growth": self.without_growth}
        return pd.DataFrame(values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "opening_usd_bn": self.opening,
            "lowest_usd_bn": self.without_growth[self.lowest],
            "lowest_quarter": self.quarters[self.lowest],
            "baseline_then_usd_bn": self.baseline[self.lowest],
            "fall_from_opening": self.fall_from_opening,
            "fall_from_baseline": self.fall_from_baseline,
            "expected_fall": self.expected_fall,
            "holds": self.holds,
        }


def first_years(world: World) -> Model:
    """The baseline made ready for the quarters that the checks look at."""
    return _model(world, SWITCH_QUARTERS)


def first_year_check(world: World, model: Model, paths: int = PATHS) -> tuple[pd.DataFrame, GrowthSwitch]:
    """The first year against its ranges, and what happens when all demands stop growing from the first quarter.

    `judged`, and the median AI capital spending over eight quarters beside that of the baseline, on common random
    numbers: both from one simulation of the baseline, made ready by `first_years`.
    """
    block = _block(model, paths)
    table = judged(world, _medians_of_block(model.firms, block))
    return table, _switched(world, model, block, paths)


def exceptions(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a comparison that lie outside their range."""
    return table[[inside is False for inside in table["inside"]]]


def unexplained(table: pd.DataFrame) -> int:
    """How many exceptions carry no reason."""
    return int((exceptions(table)["reason"] == "").sum())


def target_quarters(world: World) -> tuple[str, ...]:
    """The four quarters of the ranges: the first four of a run."""
    first = ordinal(first_quarter(world.as_of))
    return tuple(text(first + number) for number in range(YEAR_QUARTERS))


def _model(world: World, quarters: int) -> Model:
    from penstock.engine.model import prepare

    return prepare(world, "baseline", quarters=quarters)


def _block(model: Model, paths: int) -> PathBlock:
    from penstock.engine.model import simulate_paths

    return simulate_paths(model, 0, paths)


def _switched(world: World, model: Model, baseline: PathBlock, paths: int) -> GrowthSwitch:
    from penstock.engine.begin import begin_block

    plan = load_scenario({"name": "no_demand_growth", "extends": "baseline", "switch": {"demand_growth": False}}, world)
    program = compile_program(plan, model.first_quarter, model.program.quarters)
    # the scenario edits no company and no tie: opening and facts stand
    still = replace(model, program=program)
    _, state = begin_block(
        model.layout, model.facts, model.program, seed=model.seed, first_path=0, width=1, prior=model.prior,
        trend=model.trend,
    )  # fmt: skip
    first = ordinal(model.first_quarter)
    count = min(SWITCH_QUARTERS, model.program.quarters)
    return GrowthSwitch(
        quarters=tuple(text(first + number) for number in range(count)),
        opening=float(state.economy.capex[0]),
        baseline=_median_capex(baseline, count),
        without_growth=_median_capex(_block(still, paths), count),
    )


def _median_capex(block: PathBlock, count: int) -> tuple[float, ...]:
    return tuple(float(value) for value in np.median(block.economy["capex_usd_bn"][:count], axis=-1))


def _medians_of_block(firms: tuple[str, ...], block: PathBlock) -> dict[tuple[str, str], float]:
    medians: dict[tuple[str, str], float] = {}
    for metric, measure in MEASURE.items():
        year = block.company[measure][:YEAR_QUARTERS].astype(np.float64).sum(axis=0)
        for firm, value in zip(firms, np.median(year, axis=-1), strict=True):
            medians[firm, metric] = float(value)
    return medians


def judged(world: World, medians: Mapping[tuple[str, str], float]) -> pd.DataFrame:
    """COMPARE_COLUMNS: the ranges of the world with the model's medians of the same four quarters beside them.

    medians: usd_bn of the year by company and metric. `inside` is None where there is no range or the model has no
    such company; `beyond` is how far the median lies above the high end (positive) or below the low end (negative),
    as a fraction of that end; `reason` is the explanation of an exception.
    """
    table = anchor_ranges(world)
    reasons = explained()
    keys = list(zip(table["company"], table["metric"], strict=True))
    model = [medians.get(key, float("nan")) for key in keys]
    beyond = [
        _beyond(value, low, high)
        for value, low, high in zip(model, table["low_usd_bn"], table["high_usd_bn"], strict=True)
    ]
    table["model_usd_bn"] = model
    table["beyond"] = pd.Series(beyond, index=table.index, dtype=float)
    inside = [None if value != value else value == 0.0 for value in beyond]
    table["inside"] = pd.Series(inside, index=table.index, dtype=object)
    told = [reasons.get(key, "") if within is False else "" for key, within in zip(keys, inside, strict=True)]
    table["reason"] = pd.Series(told, index=table.index, dtype=object)
    return table[list(COMPARE_COLUMNS)]


def _beyond(value: float, low: float, high: float) -> float:
    """0 inside; else how far outside, as a fraction of the nearer end; NaN where one of them is not known."""
    if value != value or low != low or high != high:
        return float("nan")
    if value > high:
        return value / high - 1.0
    return value / low - 1.0 if value < low else 0.0


@lru_cache(maxsize=1)
def explained() -> dict[tuple[str, str], str]:
    """Reason of each explained exception by (company, metric), from anchor_exceptions.csv.

    Raises:
        InputError: a metric that has no range, an empty reason, or a pair named twice.
    """
    return read_exceptions(EXCEPTIONS)


def read_exceptions(path: Path) -> dict[tuple[str, str], str]:
    """As `explained`, from any file of the columns company, metric, reason."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    if list(frame.columns) != ["company", "metric", "reason"]:
        raise InputError(f"{path.name}:1: found {', '.join(frame.columns)}; expected company, metric, reason")
    found: dict[tuple[str, str], str] = {}
    for line, (company, metric, reason) in enumerate(frame.itertuples(index=False, name=None), start=2):
        where = f"{path.name}:{line}"
        if metric not in METRICS:
            raise InputError(f"{where}: metric: found {metric!r}; expected {' or '.join(METRICS)}")
        if not reason.strip():
            raise InputError(f"{where}: reason: found nothing; expected why the model is right to differ")
        if (company, metric) in found:
            raise InputError(f"{where}: company: found {company!r} with {metric!r} again; expected each pair once")
        found[company, metric] = reason
    return found
