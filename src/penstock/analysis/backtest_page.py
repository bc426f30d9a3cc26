"""The page of the AI backtest as Markdown: totals, every series, every point, and what fails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.backtest_ai import FITTED
from penstock.analysis.opponents import ARIMA, DAMPED_TREND, LEAST_POINTS_FITTED, RANDOM_WALK

if TYPE_CHECKING:
    import pandas as pd

    from penstock.analysis.backtest_ai import Backtest

COMMAND = "penstock backtest ai --from {start} --paths {paths} --seed {seed} --out docs/validation"
PSEUDO = (
    "**Pseudo-out-of-sample.** The forecast starts from what was known on the day, but those who built the model had"
    " seen the data of the year after. The centres of the prior, the sizes of the discrepancy, and assumptions of"
    " structure (who buys how much of what), were written with that knowledge."
)
MEANING = (
    ("fitted_data", "what is scored below: paths of `fitted` and the discrepancy of that fit on top"),
    (
        "fitted",
        "the paths alone, as scored until 2026-11-30: parameters are drawn from `penstock calibrate --world ai-2022"
        " --until 2024-12-31`, which knows no later point; what that fit does not inform, and sizes on the day itself,"
        " from the prior",
    ),
    ("prior_data, prior", "no fit, with the discrepancy as stated and without"),
    (
        "fitted_data_as_stated",
        "with the discrepancy as its table states it, without what data to 2024-12-31 made of it",
    ),
    (
        "fitted_data_same_for_all",
        "with sizes that are the same for all series and know data to 2024-12-31 alone: no judgement, so no hindsight",
    ),
    ("matched", "margins that were set with data to 2025Q4, paths alone; no test"),
)
WANTED_COVERAGE = (0.65, 0.95)
WANTED_WIDTH = 1.5
"""Share of points in the 80 % intervals, and their width over the random walk's, that were asked for beforehand."""
SHORT_HISTORY = 6
"""Points below which a random walk has no fair chance: the sentence about short series leaves these out."""


def ai_page(found: Backtest) -> str:
    """The whole page."""
    total = found.main.total()
    listed = found.listed
    unmapped = listed[listed["output"] == ""]
    parts = [
        f"# Backtest on the AI build-out from {found.start}",
        "",
        f"Written by `{COMMAND.format(start=found.start, paths=found.paths, seed=found.seed)}`; do not edit by hand.",
        "",
        PSEUDO,
        "",
        "A cited figure is what a path gives plus what the model misses and the source errs"
        " ([decision](../decisions/0034-forecasts-of-data.md)). Rows of the first table:",
        "",
        *[f"- `{name}`: {what}." for name, what in MEANING],
        "",
        f"World: {found.world.name} as of {found.world.as_of}, hash `{found.world.hash[:16]}`; {found.paths} paths,"
        f" seed {found.seed}. Scores are in logarithms. Every series counts the same. {found.remark}".rstrip(),
        "",
        "## Result",
        "",
        _totals(found),
        "",
        _wanted(total),
        "",
        _short_series(found),
        "",
        "## Series",
        "",
        "`error` is the mean log of the forecast's median over what came (minus: too low). Width and CRPS stand"
        " relative to the random walk with drift; the two fitted opponents compete on"
        f" {LEAST_POINTS_FITTED} points or more.",
        "",
        _series(found.main.by_series()),
        "",
        "## Series, paths alone",
        "",
        "What was scored until 2026-11-30 (`fitted`).",
        "",
        _series(found.evaluations[FITTED].by_series()),
        "",
        "## By horizon",
        "",
        _series(found.main.by_horizon(), first="quarters ahead"),
        "",
        "## What is not scored",
        "",
        *[f"- `{row.series}` {row.entity}: {row.note}." for row in unmapped.itertuples()],
        *[
            f"- `{key[0]}` {key[1]}: {why}."
            for key, why in found.main.not_carried.items()
            if key not in set(zip(unmapped["series"], unmapped["entity"], strict=True))
        ],
        "",
        "## Where it fails",
        "",
        *_failures(found),
        "",
        "## Points",
        "",
        _points(found),
        "",
    ]
    return "\n".join(parts)


def _totals(found: Backtest) -> str:
    rows = []
    for name, row in found.totals().iterrows():
        rows.append(
            [
                str(name),
                str(int(row["series"])),
                *(_percent(row[f"cover_{level}"]) for level in (50, 80, 95)),
                _plain(row["median_width_ratio"]),
                *(_signed(row[f"log_crps_ratio_{rival}"]) for rival in (RANDOM_WALK, DAMPED_TREND, ARIMA)),
            ]
        )
    head = ["margins", "series", "in 50 %", "in 80 %", "in 95 %", "median width over random walk's"]
    head += ["mean log CRPS ratio to random walk", "to damped trend", "to ARIMA"]
    return _table(head, rows)


def _wanted(total: dict[str, Any]) -> str:
    low, high = WANTED_COVERAGE
    cover, width = float(total["cover_80"]), float(total["median_width_ratio"])
    ratio = float(total[f"log_crps_ratio_{RANDOM_WALK}"])
    lines = [
        (f"80 % intervals cover {_percent(low)} to {_percent(high)}", low <= cover <= high, _percent(cover)),
        (f"median width at most {WANTED_WIDTH} times the random walk's", width <= WANTED_WIDTH, _plain(width)),
        ("mean log CRPS ratio to the random walk below zero", ratio < 0.0, _signed(ratio)),
    ]
    return "\n".join(f"- Wanted: {what}. Found: {value}, {'held' if ok else 'missed'}." for what, ok, value in lines)


def _short_series(found: Backtest) -> str:
    """The ratio without series so short that the random walk's spread is a guess."""
    listed = found.listed
    long = listed[(listed["points_before"] >= SHORT_HISTORY) & (listed["output"] != "")]
    names = {f"{row.series} {row.entity}" for row in long.itertuples()}
    table = found.main.by_series()
    kept = table[table.index.isin(names)]
    ratio = float(np.log(kept[f"crps_ratio_{RANDOM_WALK}"]).mean()) if len(kept) else float("nan")
    better = int((kept[f"crps_ratio_{RANDOM_WALK}"] < 1.0).sum())
    return (
        f"Read the ratio with care: of the {len(kept)} series with at least {SHORT_HISTORY} points before the day the"
        f" model beats the random walk on {better}, and the mean log ratio over them is {_signed(ratio)}."
    )


def _series(frame: pd.DataFrame, first: str = "series") -> str:
    head = [first, "points", "in 50 %", "in 80 %", "in 95 %", "error", "width ratio"]
    head += ["CRPS ratio to random walk", "to damped trend", "to ARIMA"]
    rows = [
        [
            str(name),
            str(int(row["points"])),
            *(_percent(row[f"cover_{level}"]) for level in (50, 80, 95)),
            _signed(row["median_error"]),
            _plain(row["width_ratio"]),
            *(_plain(row[f"crps_ratio_{rival}"]) for rival in (RANDOM_WALK, DAMPED_TREND, ARIMA)),
        ]
        for name, row in frame.iterrows()
    ]
    return _table(head, rows)


def _failures(found: Backtest) -> Iterable[str]:
    """Series that the 80 % interval misses more often than not, worst first."""
    table = found.main.by_series()
    missed = table[table["cover_80"] < 0.5].sort_values("median_error", key=abs, ascending=False)
    if missed.empty:
        yield "Every series is inside the 80 % interval at least half of the time."
    for name, row in missed.iterrows():
        side = "too low" if row["median_error"] < 0 else "too high"
        share = abs(float(np.expm1(row["median_error"])))
        inside = f"{_percent(row['cover_80'])} of points in the interval"
        yield f"- {name}: median {_percent(share)} {side} on average, {inside}."


def _points(found: Backtest) -> str:
    rows = [
        [
            f"{point.series} {point.entity}",
            point.day.isoformat(),
            point.unit,
            _plain(point.outcome),
            _plain(point.median),
            f"{_plain(point.low)} to {_plain(point.high)}",
            _signed(np.log(point.median / point.outcome)),
        ]
        for point in found.main.points
    ]
    return _table(["series", "date", "unit", "observed", "simulated, median", "80 % interval", "log difference"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    align = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, align, *rows))


def _percent(value: float) -> str:
    return f"{100.0 * float(value):.0f} %"


def _plain(value: float) -> str:
    if value != value:
        return ""
    return f"{float(value):,.0f}" if abs(value) >= 1000.0 else f"{float(value):.3g}"


def _signed(value: float) -> str:
    return "" if value != value else f"{float(value):+.2f}"
