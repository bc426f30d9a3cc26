"""Write the generated tables of the docs from the tables and constants of the model.

A page under `docs/` asks for a table by a pair of comments:

    <!-- generated: parameters want -->
    <!-- end -->

What stands between them is replaced. `python tools/make_model_tables.py` writes every page,
Two files of the package are written as well, from pages of validation and the model card, for the studio to show.
`--check` changes nothing and ends with 1 where a page is out of date. The same files give the same bytes.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import re
import runpy
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "penstock"
ENGINE = SOURCE / "engine"
OPENING = ENGINE / "opening"

BLOCK = re.compile(r"(<!-- generated: (?P<what>[^>]+?) -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL)
LONGEST_VALUE = 110
"""Characters of a constant that still fit a table; longer ones are lists, not parameters."""

TOLERANCES_BELOW = 1e-6
"""A constant this small that says nothing of itself guards a division."""

Row = dict[str, str]


def rows_of(path: Path) -> list[Row]:
    """Rows of a CSV file as text."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cell(text: str) -> str:
    """Text that stays inside one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A Markdown table; columns of `right` hold numbers."""
    line = ["---:" if place in right else "---" for place in range(len(header))]
    out = [header, line, *rows]
    return "".join(f"| {' | '.join(cell(text) if row is not line else text for text in row)} |\n" for row in out)


def empty(what: str) -> str:
    return f"*None: {what}.*\n"


def range_text(row: Row) -> str:
    """`central (low to high)`, short where all are equal."""
    if row["low"] == row["central"] == row["high"]:
        return row["central"]
    return f"{row['central']} ({row['low']} to {row['high']})"


# --- the tables -----------------------------------------------------------------------------------------


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


def telecom_score() -> str:
    """The last score of the telecom back-test, as `penstock backtest telecom --format csv` wrote it."""
    body, seen = [], ""
    for row in rows_of(DOCS / "validation" / "telecom_score.csv"):
        told = row["median"] != ""
        numbers = [f"{float(row[name]):.4g}" if told else "" for name in ("median", "low", "high")]
        share = f"{100 * float(row['share_in_band']):.0f} %"
        met = ["yes" if row[name] == "True" else "no" for name in ("hit", "hit_without_ties")]
        first = row["fact"] if row["fact"] != seen else ""
        seen = row["fact"]
        part = row["part"].replace("_", " ")
        body.append((first, part, row["accepted"], numbers[0], " to ".join(numbers[1:]) if told else "", share, *met))
    header = ("fact", "part", "accepted", "median", "80 % of paths", "in band", "met", "with ties cut")
    return table(header, body, right=(3,))


def rule_constants() -> str:
    """Constants of the default world that another may replace."""
    body = [
        (f"`{row['name']}`", range_text(row), row["unit"], row["grade"], row["why"])
        for row in rows_of(ENGINE / "constants.csv")
    ]
    return table(("constant", "central (low to high)", "unit", "grade", "why"), body)


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


def world_tables() -> str:
    """Files of a world: what a row is, key and columns."""
    body = []
    for item in package():
        key = item["schema"].get("primaryKey", [])
        names = ", ".join(f"`{field['name']}`" for field in item["schema"]["fields"])
        key_text = ", ".join(f"`{name}`" for name in ([key] if isinstance(key, str) else key))
        body.append((f"`{item['path']}`", item["description"].removeprefix("One row is "), key_text, names))
    return table(("file", "one row is", "key", "columns"), body)


def world_columns(name: str) -> str:
    """Columns of one file of a world."""
    found = next(item for item in package() if item["name"] == name)
    body = []
    for field in found["schema"]["fields"]:
        limits = field.get("constraints", {})
        words = ", ".join(f"`{word}`" for word in limits.get("enum", []))
        must = "yes" if limits.get("required") else ""
        unit = field.get("unit", "")
        body.append((f"`{field['name']}`", field["type"], unit, must, field.get("description", ""), words))
    return table(("column", "type", "unit", "required", "meaning", "words allowed"), body)


def tests(folder: str) -> str:
    """Test files of a folder and what each holds."""
    body = []
    for path in sorted((ROOT / "tests" / folder).glob("test_*.py")):
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        body.append((f"`{path.relative_to(ROOT).as_posix()}`", said.split("\n\n")[0]))
    return table(("file", "what must hold"), body) if body else empty("no test here yet")


def held(*files: str) -> str:
    """What each test of some files says, in words."""
    body = []
    for name in files:
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        for one in tree.body:
            if isinstance(one, ast.FunctionDef) and one.name.startswith("test_"):
                words = one.name.removeprefix("test_").replace("_", " ")
                body.append((words[:1].upper() + words[1:], f"`{name}`"))
    return table(("what must hold", "where"), body)


def exceptions_of_security() -> str:
    """Source files that may do what the check of the source forbids, from that check itself."""
    tree = ast.parse((ROOT / "tests/house/test_security.py").read_text(encoding="utf-8"))
    found: dict[str, set[str]] = next(
        ast.literal_eval(one.value)
        for one in tree.body
        if isinstance(one, ast.Assign) and getattr(one.targets[0], "id", "") == "EXCEPTIONS"
    )
    return table(("file", "what it may do"), [(f"`{name}`", ", ".join(sorted(what))) for name, what in found.items()])


def locked_parts() -> str:
    """How many packages and files are locked, and under which licences packages may be."""
    supply = runpy.run_path(str(ROOT / "tools" / "supply_chain.py"))
    parts = supply["bill_of_materials"]()["components"]
    body = []
    for what, some in (
        ("a base installation", [part for part in parts if part["scope"] == "required"]),
        ("all extras, development and benchmarks", parts),
    ):
        files = [file for part in some for file in part["externalReferences"]]
        hashed = sum(any(one["alg"] == "SHA-256" for one in file["hashes"]) for file in files)
        body.append((what, f"{len(some):,}", f"{len(files):,}", f"{hashed:,}"))
    allowed = ", ".join(sorted(supply["ALLOWED"]))
    head = ("locked for", "packages", "files", "of them with a SHA-256 hash")
    return table(head, body, right=(1, 2, 3)) + f"\nLicences that may be installed: {allowed}.\n"


def package() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((SOURCE / "world/data/datapackage.json").read_text("utf-8"))["resources"]
    return loaded


TABLES: dict[str, Callable[..., str]] = {
    "parameters": parameters,
    "constants": constants,
    "knob_names": knob_names,
    "knobs": knobs,
    "group_conduct": group_conduct,
    "opening_groups": opening_groups,
    "opening_reasons": opening_reasons,
    "network": network,
    "private_sheets": private_sheets,
    "overrides": overrides,
    "telecom_score": telecom_score,
    "rule_constants": rule_constants,
    "named_parts": named_parts,
    "world_tables": world_tables,
    "world_columns": world_columns,
    "tests": tests,
    "held": held,
    "exceptions_of_security": exceptions_of_security,
    "locked_parts": locked_parts,
}


# --- what the studio shows of these pages ------------------------------------------------------------------


SCORES = SOURCE / "report" / "backtest_scores.json"
VALIDATION = DOCS / "validation"
AI_COLUMNS = ("in_50", "in_80", "in_95")
TOTALS = ("margins", "series", *AI_COLUMNS, "width", "random_walk", "damped_trend", "arima")
SERIES = ("name", "points", *AI_COLUMNS, "error", "width", "random_walk", "damped_trend", "arima")
POINTS = ("series", "date", "unit", "observed", "median", "interval", "log_difference")
FACTS = ("fact", "part", "accepted", "median", "low", "high", "share_in_band", "hit", "hit_without_ties", "fact_hit")


def scores() -> str:
    """Scores against history as the validation pages tell them, with date and commit of their rows of the log."""
    page = (VALIDATION / "backtest-ai.md").read_text(encoding="utf-8")
    start = re.search(r"# Backtest on the AI build-out from (\S+)", page)
    if start is None:
        raise ValueError("backtest-ai.md: found no heading; expected that of `penstock backtest ai --out`")
    log = rows_of(VALIDATION / "score_log.csv")
    ai = [row for row in log if row["reason"].startswith(f"backtest ai --from {start[1]}, fitted")][-1]
    telecom = [row for row in log if "facts hit" in row["figures"] and "--prior" not in row["reason"]][-1]
    wanted = re.findall(r"- Wanted: (.+)\. Found: (\S+(?: %)?), (held|missed)\.", page)
    points = table_of(page, "Points", POINTS)
    for point in points:
        point["low"], point["high"] = (number(text) for text in str(point.pop("interval")).split(" to "))
    told = {
        "ai": {
            "start": start[1],
            "date": ai["date"],
            "commit": ai["commit"],
            "totals": table_of(page, "Result", TOTALS),
            "wanted": [{"what": what, "found": found, "held": held == "held"} for what, found, held in wanted],
            "series": table_of(page, "Series", SERIES),
            "horizon": table_of(page, "By horizon", SERIES),
            "points": points,
        },
        "telecom": {"date": telecom["date"], "commit": telecom["commit"], "parts": telecom_parts()},
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def model_card() -> str:
    """The model card, shipped with the package."""
    return (DOCS / "model-card.md").read_text(encoding="utf-8")


SHIPPED: dict[Path, Callable[[], str]] = {SCORES: scores, SOURCE / "report" / "model_card.md": model_card}


def telecom_parts() -> list[dict[str, Any]]:
    """A row a part of a fact, with what it measures."""
    notes = {
        (row["fact"], row["part"]): row["note"] for row in rows_of(SOURCE / "analysis/outcomes/telecom_1999/facts.csv")
    }
    out = []
    for row in rows_of(VALIDATION / "telecom_score.csv"):
        kept: dict[str, Any] = {name: row[name] for name in FACTS}
        for name in ("median", "low", "high", "share_in_band"):
            kept[name] = number(row[name])
        for name in ("hit", "hit_without_ties", "fact_hit"):
            kept[name] = row[name] == "True"
        out.append({**kept, "note": notes[row["fact"], row["part"]]})
    return out


def table_of(page: str, heading: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the first table under a heading of a page, their cells by these names."""
    part = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [{name: number(text) for name, text in zip(names, row, strict=True)} for row in cells]


def number(text: str) -> Any:
    """A number where the text is one, a share where it is per cent, None where it is empty, else the text."""
    bare = text.replace(",", "")
    try:
        return round(float(bare.removesuffix(" %")) / 100.0, 6) if bare.endswith(" %") else float(bare)
    except ValueError:
        return text or None


# --- the pages ------------------------------------------------------------------------------------------


def filled(text: str, page: str) -> str:
    """The page with every generated table made anew. Raises ValueError for an unknown table."""

    def make(block: re.Match[str]) -> str:
        name, *arguments = block["what"].split()
        if name not in TABLES:
            raise ValueError(f"{page}: found generated table {name!r}; expected one of {', '.join(TABLES)}")
        return f"{block[1]}\n{TABLES[name](*arguments)}\n{block[4]}"

    return BLOCK.sub(make, text)


def pages() -> Iterator[Path]:
    """Pages that hold generated tables."""
    for path in sorted(DOCS.rglob("*.md")):
        if BLOCK.search(path.read_text(encoding="utf-8")):
            yield path


def out_of_date() -> list[Path]:
    """Pages whose generated tables are not what the model says now."""
    found = []
    for path in pages():
        text = path.read_text(encoding="utf-8")
        if filled(text, str(path.relative_to(ROOT))) != text:
            found.append(path)
    for path, make in SHIPPED.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != make():
            found.append(path)
    return found


def main(arguments: Sequence[str]) -> int:
    """Write all pages, or with --check only say which are out of date; the exit code."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; 1 where a page is out of date")
    stale = out_of_date()
    if parser.parse_args(arguments).check:
        for path in stale:
            print(f"{path.relative_to(ROOT)}: out of date; run python tools/make_model_tables.py", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        name = str(path.relative_to(ROOT))
        text = SHIPPED[path]() if path in SHIPPED else filled(path.read_text(encoding="utf-8"), name)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
