"""What the model assumes: uncertain parameters, named constants, knobs, conduct of groups."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tools.model_tables.markdown import ENGINE, SOURCE, empty, range_text, rows_of, table

LONGEST_VALUE = 110
"""Characters of a constant that still fit a table; longer ones are lists, not parameters."""
TOLERANCES_BELOW = 1e-6
"""A constant this small that says nothing of itself guards a division."""


def parameters(step: str) -> str:
    """Uncertain parameters that a step uses: quantiles, prior range, grade, basis."""
    found = [row for row in rows_of(ENGINE / "assumptions.csv") if row["step"] == step]
    if not found:
        return empty("no parameter of this step is drawn")
    header = ("parameter", "unit", "10 %", "50 %", "90 %", "prior 10 to 90 %", "grade", "basis")
    body = [
        (
            f"`{row['name']}`",
            row["unit"],
            row["low"],
            row["central"],
            row["high"],
            f"{row['prior_low']} to {row['prior_high']}",
            row["grade"],
            row["note"] + (f" [{row['source']}]" if row["source"] else ""),
        )
        for row in found
    ]
    return table(header, body, right=(2, 3, 4))


def constants(*files: str) -> str:
    """Named constants of modules: name, value and what the code says of them."""
    body = [
        (f"`{name}`", f"`{value}`", said, f"`{file}`")
        for file in files
        for name, value, said in constants_of(SOURCE / file)
    ]
    if not body:
        return empty("these modules hold no constant")
    return table(("constant", "value", "meaning and range", "file"), body)


def constants_of(path: Path) -> Iterator[tuple[str, str, str]]:
    """Documented constants of a module that hold numbers, in the order of the file."""
    statements = ast.parse(path.read_text(encoding="utf-8")).body
    for number, statement in enumerate(statements):
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target = statement.targets[0]
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        if not all(isinstance(name, ast.Name) and name.id[0].isalpha() and name.id.isupper() for name in names):
            continue
        parts = statement.value.elts if isinstance(statement.value, ast.Tuple) else [statement.value]
        value = ", ".join(ast.unparse(part) for part in parts)
        numeric = any(
            isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)
            for node in ast.walk(statement.value)
        )
        if not numeric or len(value) > LONGEST_VALUE:
            continue
        after = statements[number + 1 : number + 2]
        said = ""
        if after and isinstance(after[0], ast.Expr) and isinstance(after[0].value, ast.Constant):
            said = str(after[0].value.value)
        number_alone = statement.value.value if isinstance(statement.value, ast.Constant) else 0.0
        plain = isinstance(number_alone, int | float) and number_alone >= TOLERANCES_BELOW
        if not said and not plain:
            continue
        yield ", ".join(ast.unparse(name) for name in names), value, said


def rule_constants() -> str:
    """Constants of the default world that another may replace."""
    body = [
        (f"`{row['name']}`", range_text(row), row["unit"], row["grade"], row["why"])
        for row in rows_of(ENGINE / "constants.csv")
    ]
    return table(("constant", "central (low to high)", "unit", "grade", "why"), body)


def knob_names(step: str) -> str:
    """Knobs that a step reads, on one line."""
    names = [f"`{row['name']}`" for row in rows_of(SOURCE / "scenarios" / "knobs.csv") if row["step"] == step]
    return (f"Knobs: {', '.join(names)}.\n") if names else empty("no knob acts on this step")


def knobs() -> str:
    """All knobs of scenarios."""
    body = []
    for row in rows_of(SOURCE / "scenarios" / "knobs.csv"):
        kind = "factor" if row["kind"] == "multiplier" else row["unit"] or "ratio"
        name = f"`{row['name']}`" + (f" (`.{row['entity'].upper()}`)" if row["entity"] else "")
        basis = row["basis"] if row["parameter"] == "assumption" else f"{row['basis']} [{row['parameter']}]"
        span = f"{row['low']} to {row['high']}"
        body.append((name, row["meaning"], kind, row["default"], span, row["grade"], row["step"], basis))
    header = ("knob", "meaning", "unit", "default", "plausible range", "grade", "step", "basis")
    return table(header, body, right=(3,))


def group_conduct() -> str:
    """Conduct of each group of firms."""
    rows = rows_of(ENGINE / "group_conduct.csv")
    header = list(rows[0])
    body = [[f"`{row['group']}`", *(row[name] for name in header[1:])] for row in rows]
    return table(header, body, right=range(1, len(header) - 1))
