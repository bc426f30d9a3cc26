"""Circular money of the opening network: its loops, and revenue that the sellers' side financed."""

from __future__ import annotations

from penstock.report.analyses import Analyses
from penstock.report.figures_cascade import short
from penstock.report.numbers import money, money_range, percent
from penstock.report.source import ReportData
from penstock.report.spec import Column, Facet, Figure, world_python

LOOPS_SHOWN = 12
STAGE_LABELS = {"paid": "paid", "committed": "committed, not yet paid", "intended": "intended only"}


def loops(data: ReportData, found: Analyses) -> Figure | None:
    """The largest loops of money by stage, with the range of their amounts."""
    if found.circularity is None or found.circularity.loops.empty:
        return None
    study = found.circularity
    financed = study.loops[study.loops["kind"] == "financed"]
    rows: list[list[object]] = []
    findings: dict[str, str] = {}
    for stage, label in STAGE_LABELS.items():
        mine = financed[financed["stage"] == stage]
        total = study.totals[(study.totals["kind"] == "financed") & (study.totals["stage"] == stage)].iloc[0]
        for row in mine.head(LOOPS_SHOWN).to_dict("records"):
            names = [short(data.name_of(name)) for name in str(row["companies"]).split(" > ")]
            rows.append(
                [
                    stage,
                    " → ".join(names),
                    *(float(row[f"{end}usd_bn"]) for end in ("low_", "", "high_")),
                    str(row["ties"]),
                    str(row["binding"]),
                    str(row["grade"]),
                ]
            )
        findings[stage] = (
            f"Money that sellers put into their customers and that comes back to them as revenue, {label}: "
            f"{money(float(total['usd_bn']))} in {int(total['loops'])} loops "
            f"({money_range(float(total['low_usd_bn']), float(total['high_usd_bn']), 3, '')}, range by evidence grade)."
        )
    return Figure(
        id="circular-loops",
        kind="whiskers",
        title="Loops of money",
        unit="$bn, nominal, whole deals in force at the date of the world; range by evidence grade",
        columns=(
            Column("stage", "Stage", "text"),
            Column("companies", "Money goes round", "text"),
            Column("low", "Low, $bn"),
            Column("usd_bn", "Amount, $bn"),
            Column("high", "High, $bn"),
            Column("ties", "Ties", "text"),
            Column("binding", "Weakest binding", "text"),
            Column("grade", "Weakest grade", "text"),
        ),
        rows=rows,
        findings=findings,
        facets=(Facet("stage", "Stage of the money", tuple(STAGE_LABELS.items())),),
        options={
            "category": "companies",
            "label_width": 440,
            "low": "low",
            "value": "usd_bn",
            "high": "high",
            "level": "by evidence grade",
        },
        python=world_python(data.directory, "found = ps.circularity(world)\nprint(found.sentence)\nprint(found.loops)"),
        note=(
            f"At most {LOOPS_SHOWN} loops a stage; no dollar is in two. {len(study.without_amount)} ties tell no "
            "amount and are in no loop. `penstock circularity --run RUN` finds the loops of a simulated year."
        ),
    )


def financed_revenue(data: ReportData, found: Analyses) -> Figure | None:
    """Share of a year's revenue of each seller that its own side financed."""
    if found.circularity is None:
        return None
    study = found.circularity
    known = study.companies[study.companies["share"].notna() & (study.companies["high_usd_bn"] > 0.0)]
    if known.empty:
        return None
    rows: list[list[object]] = [
        [
            short(data.name_of(str(row["company_id"]))),
            str(row["layer"]),
            *(float(row[key]) for key in ("low_share", "share", "high_share", "financed_usd_bn", "revenue_usd_bn")),
            float(row["value_usd_bn"] - row["value_netted_usd_bn"]),
        ]
        for row in known.sort_values("share", ascending=False).to_dict("records")
    ]
    whole = study.whole
    top = rows[0]
    return Figure(
        id="financed-revenue",
        kind="whiskers",
        title="Revenue that the sellers' side financed",
        unit="% of the last year's revenue; range by evidence grade",
        columns=(
            Column("company", "Seller", "text"),
            Column("layer", "Layer id", "text", hidden=True),
            Column("low", "Share, low", "share"),
            Column("share", "Share of revenue", "share"),
            Column("high", "Share, high", "share"),
            Column("financed", "Financed, $bn"),
            Column("revenue", "Revenue, $bn"),
            Column("value_lost", "Value lost without it, $bn"),
        ),
        rows=rows,
        findings={
            "": (
                f"The sellers' side financed {float(whole['financed_share']):.2%} ({float(whole['low_share']):.2%} to "
                f"{float(whole['high_share']):.2%}) of the yearly revenue of {int(whole['sellers'])} sellers, "
                f"{money(float(whole['financed_usd_bn']))}; most in proportion that of {top[0]}, "
                f"{percent(float(str(top[3])))}. Without it their values would be "
                f"{money(float(whole['value_lost_usd_bn']))} lower at the multiples that they have."
            )
        },
        options={
            "category": "company",
            "layer": "layer",
            "low": "low",
            "value": "share",
            "high": "high",
            "percent": True,
            "level": "by evidence grade",
        },
        python=world_python(data.directory, "print(ps.circularity(world).companies)"),
    )
