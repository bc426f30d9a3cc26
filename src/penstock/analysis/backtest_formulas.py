"""Formulas on the outputs of a run that stand for facts of history: each gives one number a path.

NaN where a path says nothing (a recovery where nothing defaulted): a scorer counts it as outside any band. Years are
calendar years, `2000>2002-2003` reads: from 2000 to any of 2002 and 2003.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from penstock.analysis.backtest_outcomes import FactPart
from penstock.analysis.backtest_paths import ScoredPaths
from penstock.errors import InputError
from penstock.world.naming import nearest_name

Array = np.ndarray[Any, np.dtype[Any]]

YEARS = re.compile(r"(?:(\d{4})>)?(\d{4})(?:-(\d{4}))?")
TINY = 1e-12
CASCADE_SHARE = 0.05
"""A cascade has begun when so much of the debt of the opening has defaulted."""


def value_of(paths: ScoredPaths, part: FactPart) -> Array:
    """The formula of a part on every path, (paths,).

    Raises InputError for a formula, measure, firm or year that is not known.
    """
    if part.formula not in FORMULAS:
        near = nearest_name(part.formula, FORMULAS)
        hint = f"; nearest {near}" if near else ""
        raise InputError(
            f"facts: {part.fact}/{part.part}: formula: found {part.formula!r}; expected one of "
            f"{', '.join(FORMULAS)}{hint}"
        )
    return np.asarray(FORMULAS[part.formula](paths, part), dtype=float)


def years_of(text: str) -> tuple[int | None, list[int]]:
    """The year that a change starts from (None without one), and the years that it is looked for in."""
    match = YEARS.fullmatch(text)
    if match is None:
        raise InputError(f"years: found {text!r}; expected as 2001, 2001-2003 or 2000>2002-2003")
    first, last = int(match[2]), int(match[3] or match[2])
    if first > last:
        raise InputError(f"years: found {text!r}; expected the first year not after the last")
    return (int(match[1]) if match[1] else None), list(range(first, last + 1))


def _from_year(text: str) -> tuple[int, list[int]]:
    start, years = years_of(text)
    if start is None:
        raise InputError(f"years: found {text!r}; expected a year to start from, as 2000>2002-2003")
    return start, years


def _no_measure(name: str, known: list[str], of: str) -> InputError:
    near = nearest_name(name, known)
    hint = f"; nearest {near}" if near else ""
    return InputError(f"measure: found {name!r}; expected a measure of {of}{hint}")


def _measure(paths: ScoredPaths, name: str) -> Array:
    if name not in paths.company:
        raise _no_measure(name, list(paths.company), "companies")
    return paths.company[name].astype(float)


def _sum(paths: ScoredPaths, measure: str, firms: str) -> Array:
    """A measure added over firms, (quarters, paths)."""
    return np.asarray(_measure(paths, measure)[:, paths.chosen(firms)].sum(axis=1))


def _by_year(paths: ScoredPaths, quarterly: Array, years: list[int]) -> Array:
    """Yearly sums, (years, paths)."""
    return np.stack([quarterly[paths.in_year(year)].sum(axis=0) for year in years])


def _falls(paths: ScoredPaths, measure: str, firms: str, years: str) -> Array:
    start, later = _from_year(years)
    quarterly = _sum(paths, measure, firms)
    before = _by_year(paths, quarterly, [start])[0]
    return np.asarray(_by_year(paths, quarterly, later).min(axis=0) / np.maximum(before, TINY) - 1.0)


def fall(paths: ScoredPaths, part: FactPart) -> Array:
    """Lowest yearly sum over the starting year's, less one."""
    return _falls(paths, part.measure, part.firms, part.years)


def fall_beyond(paths: ScoredPaths, part: FactPart) -> Array:
    """Fall of one measure and its firms less the fall of another (`a|b` in measure)."""
    mine, _, others = part.measure.partition("|")
    beside = _falls(paths, others or mine, part.other, part.years)
    return np.asarray(_falls(paths, mine, part.firms, part.years) - beside)


def year_of_peak(paths: ScoredPaths, part: FactPart) -> Array:
    """Calendar year of the largest yearly sum."""
    _, years = years_of(part.years)
    sums = _by_year(paths, _sum(paths, part.measure, part.firms), years)
    return np.asarray(np.array(years)[sums.argmax(axis=0)])


def year_of_low(paths: ScoredPaths, part: FactPart) -> Array:
    """Calendar year of the smallest yearly sum."""
    _, years = years_of(part.years)
    sums = _by_year(paths, _sum(paths, part.measure, part.firms), years)
    return np.asarray(np.array(years)[sums.argmin(axis=0)])


def rebound(paths: ScoredPaths, part: FactPart) -> Array:
    """Yearly sum of the last year over the lowest of all years given."""
    _, years = years_of(part.years)
    sums = _by_year(paths, _sum(paths, part.measure, part.firms), years)
    return np.asarray(sums[-1] / np.maximum(sums.min(axis=0), TINY))


def _default_rates(paths: ScoredPaths, firms: str, years: list[int]) -> Array:
    """Debt that defaults in a year over that of the firms alive at its start, (years, paths)."""
    chosen = paths.chosen(firms)[:, None]
    when, debt = paths.default_quarter(), paths.debt_before()
    rates = []
    for year in years:
        span = paths.in_year(year)
        alive = chosen & (when >= span.start)
        failing = alive & (when < span.stop)
        start = debt[span.start]
        rates.append((start * failing).sum(axis=0) / np.maximum((start * alive).sum(axis=0), TINY))
    return np.stack(rates)


def default_rate(paths: ScoredPaths, part: FactPart) -> Array:
    """Share of debt that defaults over the years, yearly rates chained."""
    return np.asarray(1.0 - np.prod(1.0 - _default_rates(paths, part.firms, years_of(part.years)[1]), axis=0))


def default_rate_rise(paths: ScoredPaths, part: FactPart) -> Array:
    """Default rate of the last year less that of the first."""
    rates = _default_rates(paths, part.firms, years_of(part.years)[1])
    return np.asarray(rates[-1] - rates[0])


def _recoveries(paths: ScoredPaths, part: FactPart, years: list[int]) -> tuple[Array, Array]:
    """Recovery of each year weighted by debt before default (NaN without one), and the debt, (years, paths) each."""
    if part.measure not in paths.recovery:
        return np.full((len(years), paths.paths), np.nan), np.zeros((len(years), paths.paths))
    share = paths.recovery[part.measure]
    when, debt = paths.default_quarter(), paths.debt_before()
    last = len(paths.quarters) - 1
    owed = np.take_along_axis(debt, np.minimum(when, last)[None], axis=0)[0]
    mine = paths.chosen(part.firms)[:, None] & ~np.isnan(share)
    means, amounts = [], []
    for year in years:
        span = paths.in_year(year)
        weight = owed * (mine & (when >= span.start) & (when < span.stop))
        total = weight.sum(axis=0)
        mean = (weight * np.nan_to_num(share)).sum(axis=0) / np.maximum(total, TINY)
        means.append(np.where(total > 0.0, mean, np.nan))
        amounts.append(total)
    return np.stack(means), np.stack(amounts)


def recovery(paths: ScoredPaths, part: FactPart) -> Array:
    """Recovery on an instrument of firms that default in the years, weighted by their debt."""
    means, amounts = _recoveries(paths, part, years_of(part.years)[1])
    total = amounts.sum(axis=0)
    mean = (np.nan_to_num(means) * amounts).sum(axis=0) / np.maximum(total, TINY)
    return np.where(total > 0.0, mean, np.nan)


def worst_recovery(paths: ScoredPaths, part: FactPart) -> Array:
    """Lowest yearly recovery."""
    means, _ = _recoveries(paths, part, years_of(part.years)[1])
    lowest = np.where(np.isnan(means), np.inf, means).min(axis=0)
    return np.where(np.isfinite(lowest), lowest, np.nan)


def recovery_rebound(paths: ScoredPaths, part: FactPart) -> Array:
    """Recovery in the year after the one with most defaulted debt, less that year's."""
    means, amounts = _recoveries(paths, part, years_of(part.years)[1])
    worst = amounts[:-1].argmax(axis=0)
    lanes = np.arange(paths.paths)
    return np.asarray(means[worst + 1, lanes] - means[worst, lanes])


def _onset(paths: ScoredPaths, kind: str, firms: str) -> Array:
    """First quarter of a default, or of a loss of the firms together; the number of quarters where none comes."""
    never = len(paths.quarters)
    chosen = paths.chosen(firms)
    if kind == "loss":
        lost = _measure(paths, "profit_usd_bn")[:, chosen].sum(axis=1) < 0.0
        return np.where(lost.any(axis=0), lost.argmax(axis=0), never)
    if kind != "default":
        raise InputError(f"measure: found {kind!r}; expected default or loss")
    when = paths.default_quarter()
    debt = paths.debt_before()
    owed = np.take_along_axis(debt, np.minimum(when, never - 1)[None], axis=0)[0]
    counted = chosen[:, None] & (owed >= paths.least_debt(firms))
    return np.asarray(np.where(counted, when, never).min(axis=0))


def order(paths: ScoredPaths, part: FactPart) -> Array:
    """1 where onsets come in the order told (`a|b|c`), none missing, the first before the last; else 0."""
    kinds, firms = part.measure.split("|"), part.firms.split("|")
    if len(kinds) != len(firms):
        raise InputError(f"firms: found {len(firms)} groups; expected {len(kinds)}, one for each kind of onset")
    onsets = np.stack([_onset(paths, kind, who) for kind, who in zip(kinds, firms, strict=True)])
    held = (np.diff(onsets, axis=0) >= 0).all(axis=0) & (onsets[0] < onsets[-1])
    return np.asarray(held & (onsets[-1] < len(paths.quarters)), dtype=float)


def _drawdown(levels: Array) -> Array:
    """Largest fall from the highest level before, along the first axis."""
    return np.asarray((levels / np.maximum(np.maximum.accumulate(levels, axis=0), TINY) - 1.0).min(axis=0))


def _levels(paths: ScoredPaths, measure: str, years: str) -> Array:
    """A stock of each firm at the opening (values) and at the end of each quarter of the years."""
    _, span = years_of(years)
    values = _measure(paths, measure)
    inside = values[paths.in_year(span[0]).start : paths.in_year(span[-1]).stop]
    if measure != "market_value_usd_bn" or paths.in_year(span[0]).start > 0:
        return inside
    opening = np.broadcast_to(paths.value_opening[None, :, None], (1, *inside.shape[1:]))
    return np.concatenate([opening, inside])


def drawdown(paths: ScoredPaths, part: FactPart) -> Array:
    """Largest fall of the sum over the firms from its highest level before."""
    levels = _levels(paths, part.measure, part.years)
    return _drawdown(levels[:, paths.chosen(part.firms)].sum(axis=1))


def drawdown_less(paths: ScoredPaths, part: FactPart) -> Array:
    """Fall of the sum over the firms less the median fall of the others, one by one."""
    levels = _levels(paths, part.measure, part.years)
    mine = paths.chosen(part.firms)
    others = paths.chosen(part.other) & ~mine
    return np.asarray(_drawdown(levels[:, mine].sum(axis=1)) - np.median(_drawdown(levels[:, others]), axis=0))


def not_carried(paths: ScoredPaths, part: FactPart) -> Array:
    """No output of the model stands for this part."""
    return np.full(paths.paths, np.nan)


def loss_share(paths: ScoredPaths, part: FactPart) -> Array:
    """Part of the creditors' claims (`firms`) of an instrument on failed debtors (`other`) that is lost."""
    _, years = years_of(part.years)
    creditors = [name for name, keep in zip(paths.firms, paths.chosen(part.firms), strict=True) if keep]
    debtors = [name for name, keep in zip(paths.firms, paths.chosen(part.other), strict=True) if keep]
    rows = paths.losses
    keep = (
        (rows["instrument"] == part.measure)
        & np.isin(rows["creditor_id"].astype(str), creditors)
        & np.isin(rows["company_id"].astype(str), debtors)
        & np.isin([int(str(name)[:4]) for name in rows["quarter"]], years)
    )
    claim, lost = np.zeros(paths.paths), np.zeros(paths.paths)
    lane = rows["path"][keep].astype(int)
    np.add.at(claim, lane, rows["claim_usd_bn"][keep])
    np.add.at(lost, lane, rows["loss_usd_bn"][keep])
    return np.where(claim > 0.0, lost / np.maximum(claim, TINY), np.nan)


def growth_at_cascade(paths: ScoredPaths, part: FactPart) -> Array:
    """Growth of an economy measure over the year to the quarter in which a cascade has begun; NaN without one."""
    chosen = paths.chosen(part.firms)
    when = paths.default_quarter()
    debt = (paths.debt_opening * chosen)[:, None]
    quarters = np.arange(len(paths.quarters))[:, None, None]
    failed = (debt[None] * (when[None] <= quarters)).sum(axis=1) / max(float(debt.sum()), TINY)
    begun = failed >= CASCADE_SHARE
    start = np.where(begun.any(axis=0), begun.argmax(axis=0), -1)
    at = np.maximum(start, 4)
    series = _economy(paths, part.measure)
    lanes = np.arange(paths.paths)
    growth = series[np.minimum(at, len(paths.quarters) - 1), lanes] / np.maximum(series[at - 4, lanes], TINY) - 1.0
    return np.where(start >= 0, growth, np.nan)


def _economy(paths: ScoredPaths, name: str) -> Array:
    if name not in paths.economy:
        raise _no_measure(name, list(paths.economy), "the economy")
    return paths.economy[name].astype(float)


def mean_level(paths: ScoredPaths, part: FactPart) -> Array:
    """Mean of an economy measure over the years, times a factor (`name*factor`)."""
    name, _, factor = part.measure.partition("*")
    _, years = years_of(part.years)
    spans = [_economy(paths, name)[paths.in_year(year)] for year in years]
    return np.asarray(np.concatenate(spans).mean(axis=0) * float(factor or 1.0))


def growth(paths: ScoredPaths, part: FactPart) -> Array:
    """Yearly growth of an economy measure: sum of the last year over that of the starting one, per year, less one."""
    start, years = _from_year(part.years)
    sums = _by_year(paths, _economy(paths, part.measure), [start, years[-1]])
    return np.asarray((sums[1] / np.maximum(sums[0], TINY)) ** (1.0 / (years[-1] - start)) - 1.0)


def flow_drawdown(paths: ScoredPaths, part: FactPart) -> Array:
    """Largest fall of yearly payments between groups (`payers>payees` in measure) from the highest year before."""
    payers, _, payees = part.measure.partition(">")
    rows = [_group(paths, name) for name in payers.split(";")]
    columns = [_group(paths, name) for name in payees.split(";")]
    _, years = years_of(part.years)
    place = [paths.years.index(year) for year in years if year in paths.years]
    yearly = paths.flows[place][:, rows][:, :, columns].sum(axis=(1, 2))
    return _drawdown(yearly)


def _group(paths: ScoredPaths, name: str) -> int:
    if name not in paths.flow_groups:
        raise InputError(f"firms: found {name!r}; expected one of {', '.join(paths.flow_groups)}")
    return paths.flow_groups.index(name)


def count_ratio(paths: ScoredPaths, part: FactPart) -> Array:
    """Defaults of the later years over those of the starting year, taken as one where there was none."""
    start, years = _from_year(part.years)
    counts = _default_counts(paths, part.firms, [start, *years])
    return np.asarray(counts[1:].sum(axis=0) / np.maximum(counts[0], 1.0))


def default_count(paths: ScoredPaths, part: FactPart) -> Array:
    """Defaults of the years."""
    return np.asarray(_default_counts(paths, part.firms, years_of(part.years)[1]).sum(axis=0))


def _default_counts(paths: ScoredPaths, firms: str, years: list[int]) -> Array:
    when = paths.default_quarter()[paths.chosen(firms)]
    spans = [paths.in_year(year) for year in years]
    return np.stack([((when >= span.start) & (when < span.stop)).sum(axis=0) for span in spans]).astype(float)


def fewer_with_more(paths: ScoredPaths, part: FactPart) -> Array:
    """1 where some of the firms fail by the last year while their measure together rises over the starting year's."""
    _, years = _from_year(part.years)
    fewer = (paths.default_quarter()[paths.chosen(part.firms)] < paths.in_year(years[-1]).stop).any(axis=0)
    return np.asarray(fewer & (fall(paths, part) > 0.0), dtype=float)


def level(paths: ScoredPaths, part: FactPart) -> Array:
    """Sum of a measure over firms and years."""
    return np.asarray(_by_year(paths, _sum(paths, part.measure, part.firms), years_of(part.years)[1]).sum(axis=0))


FORMULAS: dict[str, Callable[[ScoredPaths, FactPart], Array]] = {
    formula.__name__: formula
    for formula in (
        fall, fall_beyond, year_of_peak, year_of_low, rebound, default_rate, default_rate_rise, recovery,
        worst_recovery, recovery_rebound, order, drawdown, drawdown_less, not_carried, loss_share, growth_at_cascade,
        mean_level, growth, flow_drawdown, count_ratio, default_count, fewer_with_more, level,
    )
}  # fmt: skip
