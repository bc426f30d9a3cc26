"""The figures of who breaks: one path told company by company, who is first, and who follows whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.engine.opening.state import LAYERS
from penstock.report.analyses import Analyses
from penstock.report.numbers import digits_supported, money, percent, plain, probability_text, wilson_interval
from penstock.report.source import LAYER_NAMES, ReportData
from penstock.report.spec import Column, Facet, Figure, Rows, run_python, scenario_facet, told_by

if TYPE_CHECKING:
    from penstock.analysis.explain import Explanation

FIRST_SHOWN = 15
PAIRS_SHOWN = 15
STAGE_NAMES = {
    "distress": "distress",
    "standstill": "default",
    "restructuring": "restructured",
    "rescue": "rescued",
    "acquisition": "plant bought",
    "liquidation": "wound up",
}
CAUSE_NAMES = {
    "tie": "a customer had failed",
    "shock": "a shock or an event",
    "market": "lost access, mood, cash or own causes",
    "covenant": "a covenant",
    "rollover": "debt that nobody refinanced",
}


def short(name: str) -> str:
    """A display name without what stands in brackets behind it."""
    return name.split(" (", 1)[0]


def cascade(data: ReportData, found: Analyses) -> Figure | None:
    """Events of the worst and the median path by quarter and company, with the customer that pulled each down."""
    if not found.stories:
        return None
    rows: list[list[object]] = []
    findings: dict[str, str] = {}
    for story in found.stories:
        rows += _events(data, story)
        findings[f"{story.scenario}|{story.chosen}"] = _story_sentence(story, rows)
    scenarios = tuple(dict.fromkeys(story.scenario for story in found.stories))
    chosen = tuple(dict.fromkeys(story.chosen for story in found.stories))
    return Figure(
        id="cascade",
        kind="cascade",
        title="Who breaks first, and who follows, on one path",
        unit="events of one simulated path by quarter; curves run from a failed customer to whom it pulled down",
        columns=(
            Column("scenario", "Scenario", "text"),
            Column("which", "Path", "text"),
            Column("quarter", "Quarter", "text"),
            Column("company", "Company", "text"),
            Column("layer", "Layer id", "text", hidden=True),
            Column("stage", "Stage id", "text", hidden=True),
            Column("stage_name", "Stage", "text"),
            Column("cause", "Cause", "text"),
            Column("pulled_by", "Pulled down by", "text"),
            Column("usd_bn", "Amount, $bn"),
            Column("told", "What happened", "text"),
        ),
        rows=rows,
        findings=findings,
        facets=(
            scenario_facet(scenarios),
            Facet("which", "Path", tuple((name, f"{name} by losses") for name in chosen)),
        ),
        options={
            "quarters": sorted({str(q) for q in data.economy["quarter"].unique()}),
            "layers": [[layer, LAYER_NAMES[layer]] for layer in LAYERS],
        },
        python=run_python(
            data.directory,
            'told = ps.explain(run, "worst")\nprint("\\n".join(sentence.text for sentence in told.story))\n',
        ),
        note=(
            "One path is one future, not a forecast: it shows how the parts act on each other. Worst and median are "
            "by losses. `penstock explain RUN` tells any path with the ledger entries behind each sentence."
        ),
    )


def _events(data: ReportData, story: Explanation) -> list[list[object]]:
    """A row an event; the events of a path stand in the order of the sentences."""
    mine = (data.events["scenario"].astype(str) == story.scenario) & (data.events["path"] == story.path)
    events = data.events[mine].to_dict("records")
    rows: list[list[object]] = []
    for sentence, event in zip(story.story, events, strict=True):
        customer = pulled_by(event)
        rows.append(
            [
                story.scenario,
                story.chosen,
                sentence.quarter,
                short(data.name_of(sentence.company_id)),
                data.company_layers.get(sentence.company_id, ""),
                sentence.stage,
                STAGE_NAMES.get(sentence.stage, sentence.stage),
                CAUSE_NAMES.get(str(event["cause_kind"]), ""),
                short(data.name_of(customer)) if customer else "",
                sentence.amount_usd_bn,
                sentence.text,
            ]
        )
    return rows


def pulled_by(event: dict[Any, Any]) -> str:
    """The failed customer behind an event of cause `tie`, else ''."""
    return str(event["counterparty_id"] or "") if event["cause_kind"] == "tie" else ""


def _story_sentence(story: Explanation, rows: list[list[object]]) -> str:
    mine = [row for row in rows if row[0] == story.scenario and row[1] == story.chosen]
    defaults = [row for row in mine if row[5] == "standstill"]
    told = (
        f"On path {story.path}, number {story.rank:,} of {story.paths:,} by losses, {money(story.loss_usd_bn)} is lost "
        f"(mean of all paths {money(story.mean_usd_bn, digits_supported(story.mean_usd_bn, story.se_usd_bn))}, "
        f"se {money(story.se_usd_bn, 2)})"
    )
    if not defaults:
        return f"{told}; no company defaults."
    first = defaults[0]
    largest = max(defaults, key=lambda row: float(str(row[9])))
    pulled = sum(bool(row[8]) for row in defaults)
    links = f"{pulled} after the default of a customer" if pulled else "none after the default of a customer"
    owners = story.by_bearer["equity"] / story.loss_usd_bn if story.loss_usd_bn > 0.0 else 0.0
    return (
        f"{told}, {percent(owners)} of it by owners of failed companies; {_companies(len(defaults))}, {links}, "
        f"{first[3]} first ({first[2]}: {first[7]}), {largest[3]} with the largest debt ({largest[2]}, "
        f"{money(float(str(largest[9])))})."
    )


def _companies(count: int) -> str:
    return "one company defaults" if count == 1 else f"{count} companies default"


def first_to_break(data: ReportData, found: Analyses) -> Figure | None:
    """Share of paths on which a company is among the first to default."""
    if not found.breaks:
        return None

    def tell(scenario: str) -> tuple[Rows, str]:
        rows: Rows = []
        breaks = found.breaks[scenario]
        counts = breaks.first.sum(axis=1)
        order = [int(row) for row in np.argsort(-counts, kind="stable")[:FIRST_SHOWN] if counts[row]]
        total = data.paths
        for row in order:
            company, count = breaks.firms[row], int(counts[row])
            weak = data.weak_grade_of(company)
            low, high = wilson_interval(count, total)
            layer = data.company_layers.get(company, "")
            rows.append(
                [
                    short(data.name_of(company)),
                    layer,
                    LAYER_NAMES.get(layer, layer),
                    probability_text(count, total, weak),
                    low,
                    None if weak else count / total,
                    high,
                ]
            )
        named = [
            f"{short(data.name_of(breaks.firms[row]))} "
            f"{probability_text(int(counts[row]), total, data.weak_grade_of(breaks.firms[row]))}"
            for row in order[:3]
        ]
        return rows, (
            f"The first default of a path is most often that of {'; '.join(named)} of {total:,} paths; firms that "
            "default in the same first quarter all count."
            if named
            else f"No company defaults on any of the {total:,} paths."
        )

    rows, findings = told_by(found.breaks, tell)
    return Figure(
        id="first-to-break",
        kind="whiskers",
        title="Who breaks first",
        unit="% of paths on which the company is among the first to default",
        columns=(
            Column("scenario", "Scenario", "text"),
            Column("company", "Company", "text"),
            Column("layer", "Layer id", "text", hidden=True),
            Column("layer_name", "Layer", "text"),
            Column("share_text", "Paths on which it is first", "text"),
            Column("low", "90% interval, low", "share", hidden=True),
            Column("share", "Share of paths", "share", hidden=True),
            Column("high", "90% interval, high", "share", hidden=True),
        ),
        rows=rows,
        findings=findings,
        facets=(scenario_facet(tuple(found.breaks)),),
        options={
            "category": "company",
            "layer": "layer",
            "low": "low",
            "value": "share",
            "high": "high",
            "percent": True,
        },
        python=run_python(
            data.directory,
            "defaults = run.events.query(\"stage == 'standstill'\")\n"
            'first = defaults.groupby(["scenario", "path"])["quarter"].transform("min")\n'
            'print(defaults[defaults["quarter"] == first].groupby("scenario")["company_id"].value_counts())\n',
        ),
    )


def who_follows(data: ReportData, found: Analyses) -> Figure | None:
    """Share of the paths with one company's default on which another defaults later, beside the share otherwise."""
    from penstock.analysis.breaks import order_table

    if not found.breaks:
        return None

    def tell(scenario: str) -> tuple[Rows, str]:
        rows: Rows = []
        table = order_table(found.breaks[scenario]).head(PAIRS_SHOWN).to_dict("records")
        for row in table:
            leader, follower = (short(data.name_of(str(row[key]))) for key in ("leader_id", "follower_id"))
            low, high = wilson_interval(round(row["follows"] * row["leader_paths"]), int(row["leader_paths"]))
            rows.append(
                [
                    f"{leader} → {follower}",
                    data.company_layers.get(str(row["follower_id"]), ""),
                    int(row["leader_paths"]),
                    low,
                    row["follows"],
                    high,
                    row["otherwise"],
                    row["by_tie"],
                    row["median_lag_quarters"],
                ]
            )
        return rows, _follow_sentence(data, table)

    rows, findings = told_by(found.breaks, tell)
    return Figure(
        id="who-follows",
        kind="whiskers",
        title="Who follows whom",
        unit="% of the paths with the first one's default on which the second defaults in a later quarter",
        columns=(
            Column("scenario", "Scenario", "text"),
            Column("pair", "First → follower", "text"),
            Column("layer", "Layer id", "text", hidden=True),
            Column("leader_paths", "Paths with the first's default"),
            Column("low", "Follows, 90% low", "share"),
            Column("follows", "Follows", "share"),
            Column("high", "Follows, 90% high", "share"),
            Column("otherwise", "Defaults otherwise", "share"),
            Column("by_tie", "By the tie", "share"),
            Column("lag", "Median quarters later"),
        ),
        rows=rows,
        findings=findings,
        facets=(scenario_facet(tuple(found.breaks)),),
        options={
            "category": "pair",
            "label_width": 440,
            "layer": "layer",
            "low": "low",
            "value": "follows",
            "high": "high",
            "percent": True,
        },
        python=(
            "import penstock as ps\nfrom penstock.analysis.breaks import breaks_of, order_table\n\n"
            f"run = ps.open_run({data.directory!r})\nprint(order_table(breaks_of(run, run.scenarios[0])))\n"
        ),
        note=(
            "Told are pairs with a tie between them on some path, or with a clear excess. Otherwise: the follower's "
            "defaults on all other paths; where it is as high, following is no effect of the first one's failure. By "
            "the tie: the first one's default is the named cause."
        ),
    )


def _follow_sentence(data: ReportData, table: list[dict[Any, Any]]) -> str:
    tied = [row for row in table if row["by_tie"] > 0.0]
    if not tied:
        return "No default is named as the cause of another on enough paths to tell."
    # the first that follows more often than it fails anyway, else the strongest tie
    row = next((row for row in tied if row["follows"] > row["otherwise"]), tied[0])
    leader, follower = (short(data.name_of(str(row[key]))) for key in ("leader_id", "follower_id"))
    more = sum(row["follows"] > row["otherwise"] + 2.0 * row["se"] for row in tied)
    return (
        f"After the default of {leader} ({int(row['leader_paths'])} paths), {follower} defaults later on "
        f"{percent(row['follows'])} (se {plain(100.0 * row['se'], 2)}) against {percent(row['otherwise'])} of the "
        f"other paths, on {percent(row['by_tie'])} by the tie between them; of {len(tied)} pairs with a tie here, the "
        f"follower fails clearly more often after the first in {more}."
    )
