"""Scores against history: what was committed of the back-tests, as data and as a figure."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from penstock.report.numbers import percent, plain
from penstock.report.spec import Column, Facet, Figure

SCORES = Path(__file__).parent / "backtest_scores.json"
"""Written by tools/make_model_tables.py from docs/validation, where `penstock backtest ai --out` writes."""
CARD = SCORES.with_name("model_card.md")
"""A copy of docs/model-card.md, written by the same tool."""
NOTE = (
    "Simulated from what was known on the day, with parameters fitted to data up to it; those who built the model had "
    "seen the data of the year after. Zero: what came. Bar: 8 of 10 forecasts, each a simulated path with what model "
    "and sources err by on top; disc: their median."
)


@cache
def scores_against_history() -> dict[str, Any]:
    """The scores: `ai` with totals, wanted, series, horizon, points; `telecom` with parts of facts; date and commit."""
    loaded: dict[str, Any] = json.loads(SCORES.read_text(encoding="utf-8"))
    return loaded


@cache
def model_card() -> str:
    """The model card, as Markdown."""
    return CARD.read_text(encoding="utf-8")


def simulated_over_observed() -> Figure:
    """Each point of each scored series: the 80 % interval and the median, as distance from what came."""
    ai = scores_against_history()["ai"]
    rows: list[list[object]] = []
    findings: dict[str, str] = {}
    series = [row["name"] for row in ai["series"]]
    for name in series:
        mine = [point for point in ai["points"] if point["series"] == name]
        inside = 0
        for point in mine:
            observed = float(point["observed"])
            inside += point["low"] <= observed <= point["high"]
            ends = [100.0 * (float(point[key]) / observed - 1.0) for key in ("low", "median", "high")]
            rows.append([name, point["date"], *ends, observed, point["median"], point["low"], point["high"]])
        findings[name] = (
            f"{label_of(name)}: {inside} of {len(mine)} observed points lie in the interval of 8 of 10 forecasts."
        )
    unit = "% that the simulated value lies above (+) or below (−) what was observed"
    return Figure(
        id="backtest-points",
        kind="whiskers",
        title=f"Simulated from {ai['start']}, against what came",
        unit=unit,
        columns=(
            Column("series", "Series", "text"),
            Column("date", "Date", "text"),
            Column("low", "Interval, low, % off"),
            Column("error", "Median, % off"),
            Column("high", "Interval, high, % off"),
            Column("observed", "Observed"),
            Column("median", "Simulated, median"),
            Column("p10", "Simulated, 10%"),
            Column("p90", "Simulated, 90%"),
        ),
        rows=rows,
        findings=findings,
        facets=(Facet("series", "Series", tuple((name, label_of(name)) for name in series)),),
        options={"category": "date", "low": "low", "value": "error", "high": "high", "zero": True, "level": "8 of 10"},
        python=(
            "from penstock.report.figures_scores import scores_against_history\n\n"
            'print(scores_against_history()["ai"]["points"])\n'
        ),
        note=NOTE,
    )


def label_of(name: str) -> str:
    """`capex_usd_bn alphabet` as `alphabet: capex, $bn`."""
    series, _, entity = name.partition(" ")
    unit = ", $bn" if "usd_bn" in series else ""
    words = series.replace("_usd_bn", "").replace("_", " ").strip()
    return f"{entity.replace('_', ' ')}: {words}{unit}" if entity else f"{words}{unit}"


def sentence() -> str:
    """What the scores come to."""
    found = scores_against_history()
    ai, telecom = found["ai"], found["telecom"]
    fitted = next(row for row in ai["totals"] if row["margins"] == "fitted")
    facts = {part["fact"]: part["fact_hit"] for part in telecom["parts"]}
    met = sum(part["hit"] for part in telecom["parts"])
    hit = sum(facts.values())
    parts = len(telecom["parts"])
    return (
        f"Of {len(ai['points'])} points of {int(fitted['series'])} series in the year after {ai['start']}, "
        f"{percent(fitted['in_80'])} lie in the interval that should hold 80%, which is "
        f"{plain(fitted['width'], 2)} times as wide as a random walk's; in the telecom boom and bust "
        f"{hit or 'none'} of {len(facts)} facts {'are' if hit > 1 else 'is'} hit and "
        f"{met} of {parts} parts are met."
    )
