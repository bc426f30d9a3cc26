"""Making traces: drawn from windows of a published one, or from its statistics; with daily and weekly swings.

The committed extracts of the four published traces (`data/trace_*.csv`, sources in `data/README.md`) hold windows of
ten seconds, and quantiles and histograms of tokens.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import InputError
from penstock.fleet.config import Source
from penstock.fleet.loaders import AZURE, MOONCAKE
from penstock.fleet.trace import Floats, Integers, Trace, make_trace
from penstock.world.naming import nearest_name

CITED = {"azure": AZURE, "mooncake": MOONCAKE}
DATA = Path(__file__).with_name("data")
WINDOW_S = 10.0
DAY_S = 86_400.0
PEAK_HOUR = 15.0
"""Hour of the day at which arrivals peak; assumption, 10 to 20."""
FAR_QUANTILES = ("min", "p01", "p05", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "max")
LEVELS = np.array([0.0, 0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99, 1.0])


@cache
def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / f"trace_{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sources() -> list[str]:
    """Names of the published traces whose extracts come with the package."""
    return [row["trace"] for row in _rows("summary")]


def _known(name: str) -> dict[str, float]:
    for row in _rows("summary"):
        if row["trace"] == name:
            return {k: float(v) for k, v in row.items() if k != "trace"}
    near = nearest_name(name, sources())
    hint = f"; nearest {near}" if near else ""
    raise InputError(f"trace.name: found {name!r}; expected one of {', '.join(sources())}{hint}")


def windows(name: str) -> Integers:
    """(windows, 3) requests, input and output tokens in each full window of ten seconds of a published trace."""
    _known(name)
    rows = [r for r in _rows("windows_10s") if r["trace"] == name]
    return np.array([[int(r[k]) for k in ("requests", "input_tokens", "output_tokens")] for r in rows[:-1]])


def quantile_draws(name: str, measure: str, u: Floats) -> Integers:
    """Tokens at levels u of the published distribution: quantiles, refined by the histogram in powers of two."""
    levels, values = _inverse(name, measure)
    return np.maximum(np.rint(np.exp(np.interp(u, levels, values))), 1).astype(np.int64)


@cache
def _inverse(name: str, measure: str) -> tuple[Floats, Floats]:
    """Levels and log tokens of the inverse distribution function."""
    row = next(r for r in _rows("quantiles") if r["trace"] == name and r["measure"] == measure)
    points = {float(level): float(row[q]) for level, q in zip(LEVELS, FAR_QUANTILES, strict=True)}
    bins = [r for r in _rows("histograms") if r["trace"] == name and r["measure"] == measure]
    total, below = sum(int(r["requests"]) for r in bins), 0
    for r in bins:
        below += int(r["requests"])
        if 0 < below < total:
            points[below / total] = float(r["to"]) + 0.5
    levels = np.array(sorted(points))
    tokens = np.maximum.accumulate(np.array([points[level] for level in levels]))
    return levels, np.log(np.maximum(tokens, 0.5))


def draw(source: Source, seed: int) -> Trace:
    """The trace that a [trace] table describes.

    Raises InputError: an unknown published trace, or a file that is not valid.
    """
    if source.kind == "file":
        from penstock.fleet.loaders import load_trace

        if source.file is None:
            raise InputError("trace.file: found nothing; expected a file, since kind is 'file'")
        return load_trace(source.file)
    rng = np.random.default_rng([seed, 3])
    if source.kind == "bootstrap" and source.file is not None:
        from penstock.fleet.loaders import load_trace

        return resample(load_trace(source.file), source, rng)
    rate = source.requests_per_s or _known(source.name)["requests_per_s"]
    if source.kind == "bootstrap":
        return bootstrap(source, rate, rng)
    return generated(source, rate, rng)


def bootstrap(source: Source, rate: float, rng: np.random.Generator) -> Trace:
    """Blocks of consecutive windows of a published trace, drawn with replacement, so that bursts stay bursts.

    A rate above the trace's own lays copies over each other (as several such regions served by one fleet would), up
    to the whole number of copies nearest to the ratio, and then stretches time. Tokens are drawn from the published
    distributions and scaled so that each window's tokens are on average those of the trace's window.
    """
    found = windows(source.name)
    length = max(round(source.block_s / WINDOW_S), 1)
    own_rate = float(found[:, 0].sum()) / (len(found) * WINDOW_S)
    copies = max(round(rate / own_rate), 1)
    stretch = copies * own_rate / rate
    blocks = int(np.ceil(source.requests / (copies * own_rate * length * WINDOW_S) * 1.05)) + 2
    starts = rng.integers(0, len(found) - length + 1, (copies, blocks))
    index = (starts[:, :, None] + np.arange(length)).reshape(copies, -1)
    counts = found[index, 0]
    begins = np.arange(index.shape[1]) * WINDOW_S
    copy, window = np.nonzero(counts >= 0)
    times = np.repeat(begins[window], counts[copy, window])
    which = np.repeat(index[copy, window], counts[copy, window])
    times = (times + WINDOW_S * rng.random(len(times))) * stretch
    order = np.argsort(times, kind="stable")[: source.requests]
    times, which = times[order], which[order]
    times = swing(times, source)
    n = len(times)
    tokens = [_window_tokens(source.name, k, found, which, rng.random(n)) for k in (1, 2)]
    return make_trace(
        times,
        tokens[0],
        tokens[1],
        name=f"{source.name} (bootstrap of {source.block_s:g} s blocks, {rate:g} requests/s)",
        source=CITED[source.name.split("_")[0]],
    )


def resample(trace: Trace, source: Source, rng: np.random.Generator) -> Trace:
    """Blocks of a full trace, drawn with replacement: real arrivals and real tokens, each request whole.

    Rates are met as in `bootstrap`: whole copies over each other, then time is stretched.
    """
    full = int(trace.span_s / source.block_s)
    if full < 1:
        raise InputError(f"{trace.name}: block_s: found {source.block_s:g}; expected less than its {trace.span_s:g} s")
    edges = np.searchsorted(trace.arrival_s, np.arange(full + 1) * source.block_s)
    own_rate = len(trace) / trace.span_s
    rate = source.requests_per_s or own_rate
    copies = max(round(rate / own_rate), 1)
    blocks = int(np.ceil(source.requests / (copies * own_rate * source.block_s) * 1.05)) + 2
    drawn = rng.integers(0, full, (copies, blocks))
    counts = (edges[1:] - edges[:-1])[drawn]
    total = int(counts.sum())
    first = np.repeat(edges[drawn].ravel(), counts.ravel())
    ends = np.cumsum(counts.ravel())
    which = first + np.arange(total) - np.repeat(ends - counts.ravel(), counts.ravel())
    begin = np.repeat(np.tile(np.arange(blocks) * source.block_s, copies), counts.ravel())
    times = begin + trace.arrival_s[which] - np.repeat((drawn * source.block_s).ravel(), counts.ravel())
    times = times * (copies * own_rate / rate)
    order = np.argsort(times, kind="stable")[: source.requests]
    which = which[order]
    return make_trace(
        swing(times[order], source),
        trace.input_tokens[which],
        trace.output_tokens[which],
        name=f"{trace.name} (bootstrap of {source.block_s:g} s blocks, {rate:g} requests/s)",
        source=trace.source,
    )


def _window_tokens(name: str, column: int, found: Integers, which: Integers, u: Floats) -> Integers:
    """Tokens of requests of windows: drawn from the whole distribution, moved half-way to the window's own mean.

    The other half is the scatter that a mean of some fifty draws has anyway.
    """
    measure = "input_tokens" if column == 1 else "output_tokens"
    tokens = quantile_draws(name, measure, u)
    mean = found[:, column].sum() / found[:, 0].sum()
    own = np.where(found[:, 0] > 0, found[:, column] / np.maximum(found[:, 0], 1), mean) / mean
    moved: Integers = np.maximum(np.rint(tokens * np.sqrt(own[which])), 1).astype(np.int64)
    return moved


def generated(source: Source, rate: float, rng: np.random.Generator) -> Trace:
    """Gamma-modulated Poisson arrivals with the variance over mean asked for per minute; tokens of a published trace.

    The rate of each minute is gamma with mean r and variance r (I - 1) / 60, so that counts of minutes have mean
    60 r and index of dispersion I (negative binomial).
    """
    minutes = int(np.ceil(source.requests / (rate * 60.0) * 1.1)) + 5
    excess = source.dispersion_60s - 1.0
    mean = 60.0 * rate
    means = rng.gamma(mean / excess, excess, minutes) if excess > 0 else np.full(minutes, mean)
    counts = rng.poisson(means)
    while counts.sum() < source.requests:
        counts = np.concatenate(
            [counts, rng.poisson(rng.gamma(mean / excess, excess, minutes) if excess > 0 else means)]
        )
    times = np.repeat(np.arange(len(counts)) * 60.0, counts) + 60.0 * rng.random(int(counts.sum()))
    times = swing(np.sort(times)[: source.requests], source)
    n = len(times)
    return make_trace(
        times,
        quantile_draws(source.name, "input_tokens", rng.random(n)),
        quantile_draws(source.name, "output_tokens", rng.random(n)),
        name=f"generated ({rate:g} requests/s, dispersion {source.dispersion_60s:g}, tokens of {source.name})",
        source=CITED[source.name.split("_")[0]],
    )


def swing(times: Floats, source: Source) -> Floats:
    """Arrivals moved in time so that their rate swings over the day and sags at weekends; the mean rate stays.

    `rate(t) = 1 + A cos(2 pi (h - h0) / 24)`, times the weekend factor on the sixth and seventh day (PHYSICS 5.1). Time
    is mapped through the inverse of the integral of this rate.
    """
    if source.daily_swing == 0.0 and source.weekend_factor == 1.0:
        return times
    step = 60.0
    end = float(times[-1]) * max(2.0, 2.0 / source.weekend_factor) + 2 * DAY_S
    grid = np.arange(0.0, end, step)
    hours = grid / 3600.0
    rates = 1.0 + source.daily_swing * np.cos(2 * np.pi * (hours - PEAK_HOUR) / 24.0)
    weekend = (grid // DAY_S) % 7 >= 5
    week = (5.0 + 2.0 * source.weekend_factor) / 7.0
    rates = rates * np.where(weekend, source.weekend_factor, 1.0) / (week if end > 7 * DAY_S else 1.0)
    work = np.concatenate([[0.0], np.cumsum(rates * step)])
    moved: Any = np.interp(times, work, np.append(grid, end))
    return np.asarray(moved, dtype=np.float64)
