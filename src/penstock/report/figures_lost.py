"""The figure of tokens lost by cause: from what chips could have served down to what was served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.analysis.tokens_lost import COULD, SERVED
from penstock.report.numbers import percent, plain
from penstock.report.spec import Column, Facet, Figure

if TYPE_CHECKING:
    from penstock.analysis.tokens_lost import TokensLost

STEPS = {
    COULD: ("Could be served", ""),
    "money": ("Orders without money", "finance"),
    "chips": ("Ordered, chips late", "silicon"),
    "halls": ("Chips wait for halls", "facilities"),
    "power": ("Chips wait for power", "energy"),
    "outages": ("Dark by outages", "energy"),
    "upkeep": ("Maintenance and failures", "platform"),
    "latency": ("Free to answer in time", "platform"),
    "demand": ("Free, not wanted", "ai"),
    SERVED: ("Served", ""),
}
"""Step -> words, layer that it is a matter of."""
LIMITS = ("money", "chips", "halls", "power", "outages")
NOTE = (
    "Chips that were ordered without money, came late, wait, stand dark or stay free, each counted in the paid tokens "
    "that a chip in use served in its quarter. Means over paths, so that bars add up; 9 of 10 paths lie in the range. "
    "Free to answer in time: the utilisation that owners plan for. Water is counted by the model and does not limit it."
)


def lost_figure(found: TokensLost, directory: str) -> Figure:
    """A waterfall a year; the sentence names the limit that takes most."""
    rows: list[list[object]] = []
    findings: dict[str, str] = {}
    years = list(dict.fromkeys(found.table["year"]))
    for year in years:
        mine = found.table[found.table["year"] == year].set_index("step").to_dict("index")
        for step, (label, layer) in STEPS.items():
            row = mine[step]
            ends = [row[key] for key in ("mean", "p05", "p95", "se", "share")]
            rows.append([str(year), label, layer, "no" if layer else "yes", *ends])
        wanted = found.wanted.set_index("year").loc[year].to_dict()
        findings[str(year)] = sentence(str(year), mine, wanted)
    return Figure(
        id="tokens-lost",
        kind="waterfall",
        title="Tokens lost by cause",
        unit="quadrillion paid tokens a year, mean over paths",
        columns=(
            Column("year", "Year", "text"),
            Column("step", "Step", "text"),
            Column("layer", "Layer", "text", hidden=True),
            Column("total", "Total", "text", hidden=True),
            Column("mean", "Mean, quadrillion"),
            Column("p05", "5% of paths"),
            Column("p95", "95% of paths"),
            Column("se", "Standard error"),
            Column("share", "Of what could be served", "share"),
        ),
        rows=rows,
        findings=findings,
        facets=(Facet("year", "Year", tuple((str(year), str(year)) for year in years)),),
        options={
            "category": "step",
            "value": "mean",
            "low": "p05",
            "high": "p95",
            "layer": "layer",
            "total": "total",
            "share": "share",
            "level": "9 of 10 paths",
        },
        python=(
            "import penstock as ps\nfrom penstock.analysis.tokens_lost import tokens_lost\n\n"
            f"run = ps.open_run({directory!r})\n"
            f"print(tokens_lost(run, {found.scenario!r}, paths={found.paths}).table)\n"
        ),
        note=f"Scenario {found.scenario.replace('_', ' ')}, the first {found.paths} paths of the run again. {NOTE}",
    )


def sentence(year: str, steps: dict[str, dict[str, float]], wanted: dict[str, float]) -> str:
    """What was served of what could be, and which limit took most."""
    could, served = steps[COULD], steps[SERVED]
    top = max(LIMITS, key=lambda cause: steps[cause]["mean"])
    limit = steps[top]
    text = (
        f"In {year} {plain(served['mean'])} quadrillion tokens are served on average ({plain(served['p05'], 2)} to "
        f"{plain(served['p95'], 2)} on 9 of 10 paths), {percent(served['share'])} of what all chips could serve: "
        "those made, those ordered and late, and those that money could not buy."
    )
    if limit["mean"] > 0.0 and could["mean"] > 0.0:
        text += (
            f" Of the limits most is lost to {WORDS[top]}: {plain(limit['mean'])} ({plain(limit['p05'], 2)} to "
            f"{plain(limit['p95'], 2)}), {percent(limit['share'])}."
        )
    unmet = 1.0 - served["mean"] / wanted["mean"] if wanted["mean"] > 0.0 else 0.0
    return f"{text} Of what users want at the price {percent(max(unmet, 0.0))} goes unserved."


WORDS = {
    "money": "orders that could not be paid",
    "chips": "chips that come late",
    "halls": "waiting for halls",
    "power": "waiting for power",
    "outages": "outages",
}
