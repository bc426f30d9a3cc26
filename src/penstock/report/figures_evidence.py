"""The figure of the evidence that a result rests on, and its sentence."""

from __future__ import annotations

from penstock.report.numbers import percent
from penstock.report.source import GRADE_NAMES, GRADES, ReportData
from penstock.report.spec import Column, Figure


def evidence_bars(data: ReportData) -> Figure | None:
    """Dollars by evidence grade; None when the run knows neither its opening state nor its world."""
    frame = data.evidence
    if frame.empty:
        return None
    bases = list(dict.fromkeys(frame["basis"].astype(str)))
    known = {
        (str(basis), str(grade)): (float(share), float(dollars))
        for basis, grade, share, dollars in zip(
            frame["basis"], frame["grade"], frame["share"], frame["usd_bn"], strict=True
        )
    }
    rows: list[list[object]] = [
        [basis, grade, GRADE_NAMES[grade], *known.get((basis, grade), (0.0, 0.0))]
        for basis in bases
        for grade in GRADES
    ]
    return Figure(
        id="evidence",
        kind="bars",
        title="What the result rests on",
        unit="% of dollars by evidence grade",
        columns=(
            Column("basis", "Dollars of", "text"),
            Column("grade", "Grade", "text"),
            Column("grade_name", "Meaning", "text"),
            Column("share", "Share of dollars", "share"),
            Column("usd_bn", "Amount, $bn"),
        ),
        rows=rows,
        findings={"": evidence_sentence(data)},
        options={
            "category": "basis",
            "stack": "grade",
            "value": "share",
            "stack_order": list(GRADES),
            "stack_names": GRADE_NAMES,
            "categories": bases,
        },
        python=(
            "import penstock as ps\nfrom penstock.report.source import evidence_of\n\n"
            f"run = ps.open_run({data.directory!r})\nprint(evidence_of(run))\n"
        ),
    )


def evidence_sentence(data: ReportData) -> str:
    """Shares of dollars by pairs of grades on the first basis, and the basis that rests most on E and F."""
    frame = data.evidence
    if frame.empty:
        return "The run does not carry the evidence grades of its inputs."
    table = frame.pivot_table(index="basis", columns="grade", values="share", aggfunc="sum", fill_value=0.0)
    table = table.reindex(index=list(dict.fromkeys(frame["basis"])), columns=list(GRADES), fill_value=0.0)
    shares = table.to_numpy(dtype=float)
    strong, middle, weak = (shares[:, k : k + 2].sum(axis=1) for k in (0, 2, 4))
    bases = [str(basis) for basis in table.index]
    weakest = int(weak.argmax())
    text = (
        f"{bases[0]}: {percent(strong[0])} of the dollars rest on filings and parties' statements "
        f"(grades A and B), {percent(middle[0])} on datasets, press and derivation (C and D), "
        f"{percent(weak[0])} on memory and estimates (E and F)"
    )
    if weakest == 0:
        return f"{text}."
    lowest = bases[weakest][0].lower() + bases[weakest][1:]
    return f"{text}; weakest are {lowest}, {percent(weak[weakest])} at E and F."
