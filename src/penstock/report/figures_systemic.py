"""Whose failure does most damage in a network, and which ties carry it."""

from __future__ import annotations

from typing import Any

from penstock.report.analyses import Analyses
from penstock.report.figures_cascade import short
from penstock.report.numbers import money, money_range
from penstock.report.source import ReportData
from penstock.report.spec import Column, Facet, Figure, world_python

FIRMS_SHOWN = 20
TIES_SHOWN = 20


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
        python=world_python(data.directory, "print(ps.systemic(world).firms)"),
        note=(
            "Each firm in turn loses its whole equity; losses run along debts, bills, stakes and committed dues "
            "(linear DebtRank). Mean-case losses of a network, not probabilities: who is likely to fail stands "
            "above. `penstock contagion --remove TIE` tells what one tie does."
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
            f"without it (grade {ties[0]['grade']}); {money(ties[0]['carried_worst'])} of it in the failure of "
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
        python=world_python(data.directory, "print(ps.systemic(world).ties)"),
        note="At the central loss on contracts. The dot is the sum; the bar begins at the largest single failure.",
    )


def _network_facet(found: Analyses) -> Facet:
    return Facet("network", "Network", tuple((name, name) for name in found.systemic))


def _named(data: ReportData, company: object) -> str:
    return short(data.name_of(str(company))) if company else ""
