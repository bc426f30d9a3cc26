"""What the opening assumes: by group, for the network, for companies that publish nothing."""

from __future__ import annotations

from tools.model_tables.markdown import OPENING, Row, range_text, rows_of, table


def opening_groups(*names: str) -> str:
    """Assumptions of the opening state by group: `central (low to high)`, a column a name."""
    rows = rows_of(OPENING / "group_assumptions.csv")
    chosen = {name: {row["group"]: row for row in rows if row["name"] == name} for name in names}
    groups = list(dict.fromkeys(row["group"] for row in rows))
    body = [
        [f"`{group}`", *(range_text(chosen[name][group]) if group in chosen[name] else "" for name in names)]
        for group in groups
    ]
    return table(["group", *names], body)


def opening_reasons() -> str:
    """Why each assumption by group is what it is."""
    seen: dict[str, Row] = {}
    for row in rows_of(OPENING / "group_assumptions.csv"):
        seen.setdefault(row["name"], row)
    body = [(f"`{row['name']}`", row["unit"], row["grade"], row["why"]) for row in seen.values()]
    return table(("assumption", "unit", "grade", "why"), body)


def network() -> str:
    """Assumptions of the network of ties."""
    body = [
        (f"`{row['name']}`", row["key"] or "all others", range_text(row), row["unit"], row["grade"], row["why"])
        for row in rows_of(OPENING / "network_assumptions.csv")
    ]
    return table(("assumption", "for", "central (low to high)", "unit", "grade", "why"), body)


def private_sheets() -> str:
    """Hand-made figures of companies that publish none, a row a company and reason."""
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in rows_of(OPENING / "private_sheets.csv"):
        grouped.setdefault((row["company"], row["why"]), []).append(row)
    body = [
        (
            f"`{company}`",
            "; ".join(f"{row['metric']} {range_text(row)}" for row in rows),
            "/".join(sorted({row["grade"] for row in rows})),
            "yes" if any(row["replace"] == "true" for row in rows) else "",
            why,
        )
        for (company, why), rows in grouped.items()
    ]
    header = ("company", "figures, usd_bn (flows per year): central (low to high)", "grade", "replaces", "why")
    return table(header, body)


def named_parts() -> str:
    """Companies, ties and chips that the default world treats apart."""
    body = [
        (f"`{row['part']}`", f"`{row['id']}`", row["value"], row["why"]) for row in rows_of(OPENING / "named_parts.csv")
    ]
    return table(("part", "who", "value", "why"), body)


def overrides() -> str:
    """Companies treated against the general rule."""
    body = [
        (f"`{row['company']}`", row["treat_as"], row["layer"], row["group"], row["why"])
        for row in rows_of(OPENING / "universe_overrides.csv")
    ]
    return table(("company", "treated as", "layer", "group", "why"), body)
