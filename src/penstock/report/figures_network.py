"""The figures of the opening network: circular money, the systemic ranking, and where a dollar ends."""

from __future__ import annotations

from typing import Any

from penstock.engine.opening.state import LAYERS
from penstock.report.analyses import Analyses
from penstock.report.figures_cascade import short
from penstock.report.numbers import money, money_range, percent, plain
from penstock.report.source import LAYER_NAMES, ReportData
from penstock.report.spec import Column, Facet, Figure

LOOPS_SHOWN = 12
FIRMS_SHOWN = 20
TIES_SHOWN = 20
STAGE_LABELS = {"paid": "paid", "committed": "committed, not yet paid", "intended": "intended only"}
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
        python=_world_python(data, "found = ps.circularity(world)\nprint(found.sentence)\nprint(found.loops)"),
        note=(
            f"At most {LOOPS_SHOWN} loops a stage; no dollar is in two. {len(study.without_amount)} ties tell no "
            "amount and "
            "are in no loop. `penstock circularity --run RUN` finds the loops of a simulated year."
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
                f"The sellers' side financed {float(whole['financed_share']):.2%} "
                f"({float(whole['low_share']):.2%} to {float(whole['high_share']):.2%}) of the yearly "
                "revenue of "
                f"{int(whole['sellers'])} sellers, {money(float(whole['financed_usd_bn']))}; most in proportion that "
                "of "
                f"{top[0]}, {percent(float(str(top[3])))}. Without it their values would be "
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
        python=_world_python(data, "print(ps.circularity(world).companies)"),
    )


def systemic_firms(data: ReportData, found: Analyses) -> Figure | None:
    """Equity that the others lose when one firm fails, at the low, central and high loss on contracts."""
    if not found.systemic:
        return None
    rows: list[list[object]] = []
    findings: dict[str, str] = {}
    for network, study in found.systemic.items():
        for row in study.firms.head(FIRMS_SHOWN).to_dict("records"):
            company = str(row["company_id"])
            rows.append(
                [
                    network,
                    short(data.name_of(company)),
                    data.company_layers.get(company, ""),
                    *(float(row[key]) for key in ("damage_low", "damage", "damage_high", "damage_share")),
                    int(row["failures"]),
                    _named(data, row["hits_most"]),
                    float(row["suffered"]),
                    _named(data, row["suffers_most_from"]),
                    data.weak_grade_of(company) or "A to D",
                ]
            )
        findings[network] = _systemic_sentence(data, study, network)
    return Figure(
        id="systemic-firms",
        kind="whiskers",
        title="Whose failure does most damage",
        unit="$bn of equity that all other firms lose; range over the assumed loss on contracts",
        columns=(
            Column("network", "Network", "text"),
            Column("company", "Company that fails", "text"),
            Column("layer", "Layer id", "text", hidden=True),
            Column("low", "Damage, low, $bn"),
            Column("damage", "Damage, $bn"),
            Column("high", "Damage, high, $bn"),
            Column("share", "Of the others' equity", "share"),
            Column("failures", "Others that fail with it"),
            Column("hits_most", "Hits most", "text"),
            Column("suffered", "Suffers itself, mean, $bn"),
            Column("suffers_from", "Suffers most from", "text"),
            Column("grade", "Most of its sheet at grade", "text"),
        ),
        rows=rows,
        findings=findings,
        facets=(_network_facet(found),),
        options={
            "category": "company",
            "layer": "layer",
            "low": "low",
            "value": "damage",
            "high": "high",
            "level": "over the assumed loss on contracts",
        },
        python=_world_python(data, "print(ps.systemic(world).firms)"),
        note=(
            "Each firm in turn loses its whole equity; losses run along debts, bills, stakes and committed dues "
            "(linear "
            "DebtRank). Mean-case losses of a network, not probabilities: who is likely to fail stands above. "
            "`penstock contagion --remove TIE` tells what one tie does."
        ),
    )


def _systemic_sentence(data: ReportData, study: Any, network: str) -> str:
    firms = study.firms.to_dict("records")
    top = [row for row in firms[:3] if row["damage"] > 0.0]
    if not top:
        return "No firm's failure costs another firm equity."
    named = "; ".join(
        f"{short(data.name_of(str(row['company_id'])))} {money(row['damage'])} "
        + (
            "whatever is lost on contracts"
            if _same(row["damage_low"], row["damage_high"])
            else f"({money_range(row['damage_low'], row['damage_high'], 3, '')})"
        )
        for row in top
    )
    sufferer = max(firms, key=lambda row: row["suffered"])
    return (
        f"In the network of the {network}, most damage is done by the failure of {named}; "
        f"{short(data.name_of(str(sufferer['company_id'])))} suffers most, {money(sufferer['suffered'])} on the mean "
        f"failure of another, most from {_named(data, sufferer['suffers_most_from'])}."
    )


def _same(low: float, high: float) -> bool:
    """Whether the ends of a range read the same."""
    return money(low) == money(high)


def systemic_ties(data: ReportData, found: Analyses) -> Figure | None:
    """Damage that would not be done without one tie, summed over all failures."""
    if not found.systemic:
        return None
    rows: list[list[object]] = []
    findings: dict[str, str] = {}
    for network, study in found.systemic.items():
        ties = [row for row in study.ties.head(TIES_SHOWN).to_dict("records") if row["carried"] > 0.0]
        for row in ties:
            rows.append(
                [
                    network,
                    f"{_named(data, row['debtor'])} → {_named(data, row['creditor'])} ({row['kind']})",
                    str(row["tie_id"]),
                    float(row["amount"]),
                    float(row["carried_worst"]),
                    float(row["carried"]),
                    _named(data, row["worst_failure"]),
                    str(row["grade"]),
                ]
            )
        findings[network] = (
            f"Most damage passes along the {ties[0]['kind']} of {_named(data, ties[0]['creditor'])} in or on "
            f"{_named(data, ties[0]['debtor'])}: {money(ties[0]['carried'])} less would be lost over all failures "
            "without "
            f"it (grade {ties[0]['grade']}); {money(ties[0]['carried_worst'])} of it in the failure of "
            f"{_named(data, ties[0]['worst_failure'])}."
            if ties
            else "No single tie carries damage."
        )
    return Figure(
        id="systemic-ties",
        kind="whiskers",
        title="Which ties carry the damage",
        unit="$bn of equity that would not be lost without the tie: in one failure at most, and over all failures",
        columns=(
            Column("network", "Network", "text"),
            Column("tie", "Debtor → creditor", "text"),
            Column("tie_id", "Tie", "text"),
            Column("amount", "Amount, $bn"),
            Column("worst", "Carried in one failure, most, $bn"),
            Column("carried", "Carried over all failures, $bn"),
            Column("worst_failure", "Most in the failure of", "text"),
            Column("grade", "Grade", "text"),
        ),
        rows=rows,
        findings=findings,
        facets=(_network_facet(found),),
        options={
            "category": "tie",
            "label_width": 440,
            "low": "worst",
            "value": "carried",
            "high": "carried",
            "level": "largest single failure, and all",
        },
        python=_world_python(data, "print(ps.systemic(world).ties)"),
        note="At the central loss on contracts. The dot is the sum; the bar begins at the largest single failure.",
    )


def _network_facet(found: Analyses) -> Facet:
    return Facet("network", "Network", tuple((name, name) for name in found.systemic))


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
        python=_world_python(data, 'found = ps.follow(world, "user")\nprint(found.kinds)\nprint(found.layers)'),
        note=(
            "Ends add up to one dollar. A dollar is received by each firm that it passes, so what is received adds up "
            "to "
            "more. `penstock follow --dollar COMPANY` follows what one company spends."
        ),
    )


def _named(data: ReportData, company: object) -> str:
    return short(data.name_of(str(company))) if company else ""


def _world_python(data: ReportData, body: str) -> str:
    return f"import penstock as ps\n\nworld = ps.open_run({data.directory!r}).world\n{body}\n"
