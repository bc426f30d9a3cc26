"""Where a dollar ends, by kind of end and by layer."""

from __future__ import annotations

from penstock.engine.opening.state import LAYERS
from penstock.report.analyses import Analyses
from penstock.report.numbers import plain
from penstock.report.source import LAYER_NAMES, ReportData
from penstock.report.spec import Column, Facet, Figure, world_python

END_NAMES = {
    "wages": "wages",
    "suppliers_outside": "suppliers outside the model",
    "sellers_outside": "sellers of AI outside the model",
    "taxes": "taxes",
    "lenders": "lenders, as interest",
    "shareholders": "shareholders, as dividends and buybacks",
    "profit_retained": "kept as profit",
}
DOLLAR_NAMES = {"user": "of users' AI spending", "capex": "of AI capital spending"}
PYTHON = 'found = ps.follow(world, "user")\nprint(found.kinds)\nprint(found.layers)'


def dollars(data: ReportData, found: Analyses) -> Figure | None:
    """Where a dollar ends, by kind of end and by layer."""
    if not found.dollars:
        return None
    rows: list[list[object]] = []
    findings: dict[str, str] = {}
    for study in found.dollars:
        kinds = study.kinds.to_dict("records")
        for row in kinds:
            ends = (float(row[key]) for key in ("low", "usd", "high"))
            rows.append([study.dollar, "kind", END_NAMES.get(str(row["kind"]), str(row["kind"])), "", *ends, None])
        layers = [row for row in study.layers.to_dict("records") if row["layer"] in LAYERS]
        for row in layers:
            ends = (float(row[key]) for key in ("low", "ended_usd", "high"))
            name = str(row["layer"])
            rows.append([study.dollar, "layer", LAYER_NAMES[name], name, *ends, float(row["received_usd"])])
        of = DOLLAR_NAMES.get(study.dollar, f"that {study.dollar} spends")
        top = sorted((row for row in kinds if row["kind"] in END_NAMES), key=lambda row: -row["usd"])[:3]
        told = ", ".join(
            f"{plain(row['usd'], 2)} in {END_NAMES[str(row['kind'])]} ({plain(row['low'], 2)} to "
            f"{plain(row['high'], 2)})"
            for row in top
        )
        findings[f"{study.dollar}|kind"] = f"Of a dollar {of}, most ends as follows: {told}."
        passed = max(layers, key=lambda row: row["received_usd"])
        ended = max(layers, key=lambda row: row["ended_usd"])
        findings[f"{study.dollar}|layer"] = (
            f"A dollar {of} passes most through {LAYER_NAMES[passed['layer']]}, which receive "
            f"{plain(passed['received_usd'], 2)}; most of it leaves the stack at {LAYER_NAMES[ended['layer']]}, "
            f"{plain(ended['ended_usd'], 2)} ({plain(ended['low'], 2)} to {plain(ended['high'], 2)})."
        )
    return Figure(
        id="dollar",
        kind="whiskers",
        title="Where a dollar ends",
        unit="dollars per dollar, payments of the opening; range 5 to 95 % of draws by evidence grade",
        columns=(
            Column("dollar", "A dollar", "text"),
            Column("by", "By", "text"),
            Column("end", "Where it ends", "text"),
            Column("layer", "Layer id", "text", hidden=True),
            Column("low", "5th percentile"),
            Column("usd", "Ends here, $ per $"),
            Column("high", "95th percentile"),
            Column("received", "Received on the way, $ per $"),
        ),
        rows=rows,
        findings=findings,
        facets=(
            Facet("dollar", "A dollar", tuple((s.dollar, DOLLAR_NAMES.get(s.dollar, s.dollar)) for s in found.dollars)),
            Facet("by", "Show by", (("kind", "kind of end"), ("layer", "layer where it ends"))),
        ),
        options={"category": "end", "label_width": 320, "layer": "layer", "low": "low", "value": "usd", "high": "high"},
        python=world_python(
            data.directory, 'found = ps.follow(world, "user")\nprint(found.kinds)\nprint(found.layers)'
        ),
        note=(
            "Ends add up to one dollar. A dollar is received by each firm that it passes, so what is received adds "
            "up to more. `penstock follow --dollar COMPANY` follows what one company spends."
        ),
    )
