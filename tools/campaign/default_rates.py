"""Failures of the baseline against published default rates, chains of them, and what contagion adds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from tools.campaign.result import Result, Verdict, table
from tools.campaign.units import Unit

from penstock.engine.layout import RATINGS
from penstock.engine.model import WIDTH, Model, PathBlock, prepare, simulate_paths
from penstock.engine.moment import Moment
from penstock.scenarios import load_scenario
from penstock.world import Parameter, World, load_world

Array = np.ndarray

FACTOR = 3.0
CHAIN, CHAIN_LEAST, CHAIN_MOST = 3, 0.01, 0.60
RICH_USD_BN, RICH_YEARS, RICH_MOST = 20.0, 2, 0.005
QUARTERS_A_YEAR = 4
STANDARD_ERRORS = 2.0
"""by which contagion must add failures"""


@dataclass(frozen=True)
class Options:
    paths: int = 1024
    quarters: int = 40
    seed: int = 7

    @property
    def units(self) -> int:
        return -(-self.paths // WIDTH)


@dataclass(frozen=True)
class Work:
    """Simulates a block of paths with contagion and without, and counts."""

    options: Options

    def __call__(self, number: int) -> Unit:
        first = number * WIDTH
        count = min(WIDTH, self.options.paths - first)
        model = _model(self.options, True)
        ratings = [np.repeat(model.layout.rating[:, None], count, axis=1)]

        def note(now: Moment, _: str) -> None:
            if now.quarter % QUARTERS_A_YEAR == QUARTERS_A_YEAR - 1:
                ratings.append(now.state.firms.rating[:, :count].astype(int))

        with_contagion = simulate_paths(model, first, count, on_quarter=note)
        without = simulate_paths(_model(self.options, False), first, count)
        defaults, at_risk = failures_by_rating(with_contagion.company["failed"], np.stack(ratings))
        rich = rich_firms(model)
        soon = with_contagion.company["failed"][: RICH_YEARS * QUARTERS_A_YEAR, rich].max(axis=0).sum(axis=1)
        return {
            "defaults": defaults.tolist(),
            "at_risk": at_risk.tolist(),
            "chain": with_contagion.chain.tolist(),
            "rich": {model.firms[firm]: int(failed) for firm, failed in zip(rich, soon, strict=True)},
            "later": later_defaults(with_contagion, with_contagion).tolist(),
            "later_without": later_defaults(without, with_contagion).tolist(),
        }


@cache
def _world() -> World:
    return load_world()


@cache
def _model(options: Options, contagion: bool) -> Model:
    entries: dict[str, object] = {"name": "rates", "extends": "baseline"}
    if not contagion:
        entries["switch"] = {"contagion": False}
    return prepare(_world(), load_scenario(entries, _world()), quarters=options.quarters, seed=options.seed)


def failures_by_rating(failed: Array, rating: Array) -> tuple[Array, Array]:
    """Firms that fail in each year and firms at risk at its beginning, (ratings, years, paths) each.

    `failed` (quarters, firms, paths) is 1 from the quarter of the default on; `rating` (years or more, firms, paths)
    is that at the beginning of each year. A year that is not whole is left out.
    """
    years = len(failed) // QUARTERS_A_YEAR
    ends = failed[QUARTERS_A_YEAR - 1 : years * QUARTERS_A_YEAR : QUARTERS_A_YEAR] > 0
    down = np.concatenate([np.zeros_like(ends[:1]), ends])
    new, standing = down[1:] & ~down[:-1], ~down[:-1]
    by_rating = [rating[:years] == number for number in range(len(RATINGS))]
    return (
        np.stack([(new & mine).sum(axis=1) for mine in by_rating]),
        np.stack([(standing & mine).sum(axis=1) for mine in by_rating]),
    )


def later_defaults(block: PathBlock, reference: PathBlock) -> Array:
    """Defaults after the quarter of the first default of `reference`, (paths,); none on a path without one."""
    per_quarter = block.layers["defaults"].sum(axis=1)
    some = reference.layers["defaults"].sum(axis=1) > 0
    started = np.cumsum(some, axis=0) > 0
    after = np.concatenate([np.zeros_like(started[:1]), started[:-1]])
    return np.asarray((per_quarter * after).sum(axis=0))


def rich_firms(model: Model) -> Array:
    """Firms that open with more net cash than the limit."""
    sheet = model.facts.sheet
    return np.flatnonzero((sheet["cash"] - sheet["debt"])[:, 0] > RICH_USD_BN)


def within_factor(rate: float, published: Parameter) -> bool:
    """Whether a rate (share) lies within a factor of three of a published one (percent).

    Where the published rate is zero, only its high end times three bounds it.
    """
    central = published.central / 100.0
    if central <= 0.0:
        return rate <= FACTOR * (published.high or 0.0) / 100.0
    return central / FACTOR <= rate <= FACTOR * central


def rate_and_error(defaults: Array, at_risk: Array) -> tuple[float, float]:
    """Ratio of the sums over paths and its standard error by the delta method, paths independent, (paths,) each."""
    firm_years = float(at_risk.sum())
    if firm_years == 0.0:
        return float("nan"), float("nan")
    rate = float(defaults.sum()) / firm_years
    paths = len(defaults)
    residual = defaults - rate * at_risk
    error = float(np.sqrt((residual**2).sum() * paths / max(paths - 1, 1)) / firm_years)
    return rate, error


def result(options: Options, units: list[Unit]) -> Result:
    """Answers with standard errors over paths."""
    defaults = np.concatenate([np.array(unit["defaults"]) for unit in units], axis=-1)
    at_risk = np.concatenate([np.array(unit["at_risk"]) for unit in units], axis=-1)
    published = {name: _world().parameter(f"pd_1y_{name.lower()}") for name in RATINGS}
    verdicts, rows = rating_verdicts(defaults, at_risk, published)
    verdicts += [
        chain_verdict(np.concatenate([unit["chain"] for unit in units])),
        rich_verdict(units, options.paths),
        contagion_verdict(
            np.concatenate([unit["later"] for unit in units]), np.concatenate([unit["later_without"] for unit in units])
        ),
    ]
    size = f"{options.paths:,} paths, {options.quarters} quarters, seed {options.seed}"
    head = ("rating", "firms", "firm-years", "failures", "a year", "se", "published", "first year", "se")
    note = (
        "Failures a year: firms that fail in a year over firms that had not failed at its beginning, all years "
        "together; the rating is that at the beginning of the year. Standard errors over paths."
    )
    rich = {name: sum(unit["rich"][name] for unit in units) for name in units[0]["rich"]}
    rich_rows = [(f"`{name}`", f"{failed / options.paths:.2%}") for name, failed in rich.items()]
    rich_head = ("company", f"fails within {RICH_YEARS} years")
    sections = (
        (f"Failures by rating ({size})", f"{note}\n\n{table(head, rows)}"),
        (f"Firms with net cash above {RICH_USD_BN:.0f} bn USD", table(rich_head, rich_rows)),
    )
    command = f"default_rates --paths {options.paths} --quarters {options.quarters} --seed {options.seed}"
    return Result("Campaign: default rates", command, tuple(verdicts), sections)


def rating_verdicts(
    defaults: Array, at_risk: Array, published: dict[str, Parameter]
) -> tuple[list[Verdict], list[tuple[str, ...]]]:
    """A verdict and a row per rating that some firm has, from counts (ratings, years, paths)."""
    verdicts: list[Verdict] = []
    rows: list[tuple[str, ...]] = []
    for number, name in enumerate(RATINGS):
        firms = int(at_risk[number, 0, 0]) if at_risk.shape[1] else 0
        if at_risk[number].sum() == 0:
            continue
        mine, years = defaults[number].sum(axis=0), at_risk[number].sum(axis=0)
        rate, error = rate_and_error(mine, years)
        first, first_error = rate_and_error(defaults[number, 0], at_risk[number, 0])
        told = published[name]
        verdicts.append(
            Verdict(
                f"failures a year of rating {name} within a factor of {FACTOR:.0f} of the published",
                within_factor(rate, told),
                f"{rate:.3%} (se {error:.3%}) against {told.central:g} % ({told.low:g} to {told.high:g} %)",
            )
        )
        rows.append(
            (
                *(name, str(firms), f"{int(years.sum()):,}", f"{int(mine.sum()):,}", f"{rate:.3%}", f"{error:.3%}"),
                *(f"{told.central:g} %", f"{first:.3%}", f"{first_error:.3%}"),
            )
        )
    return verdicts, rows


def chain_verdict(chain: Array) -> Verdict:
    """Chains of defaults happen, and are not the rule."""
    share = float((chain >= CHAIN).mean())
    error = float(np.sqrt(share * (1.0 - share) / len(chain)))
    question = f"share of paths with a chain of {CHAIN} or more from {CHAIN_LEAST:.0%} to {CHAIN_MOST:.0%}"
    return Verdict(question, CHAIN_LEAST <= share <= CHAIN_MOST, f"{share:.2%} (se {error:.2%})")


def rich_verdict(units: list[Unit], paths: int) -> Verdict:
    """Who has much cash does not fail soon."""
    rich = {name: sum(unit["rich"][name] for unit in units) / paths for name in units[0]["rich"]}
    worst = max(rich, key=lambda name: rich[name])
    question = f"no firm with net cash above {RICH_USD_BN:.0f} bn USD fails within {RICH_YEARS} years on more than "
    question += f"{RICH_MOST:.1%} of paths"
    return Verdict(question, rich[worst] <= RICH_MOST, f"{len(rich)} firms, most often {worst} with {rich[worst]:.2%}")


def contagion_verdict(later: Array, without: Array) -> Verdict:
    """Contagion adds failures after the first one, on the same random numbers."""
    change = np.asarray(without) - np.asarray(later)
    error = float(change.std(ddof=1) / np.sqrt(len(change)))
    mean = float(change.mean())
    return Verdict(
        "contagion off lowers the mean number of defaults after the first",
        mean < -STANDARD_ERRORS * error,
        f"{np.mean(later):.2f} with, {np.mean(without):.2f} without, change {mean:+.3f} (se {error:.3f})",
    )
