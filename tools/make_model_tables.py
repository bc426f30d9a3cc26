"""Write the generated tables of the docs from the tables and constants of the model.

A page under `docs/` asks for a table by a pair of comments:

    <!-- generated: parameters want -->
    <!-- end -->

What stands between them is replaced. `python tools/make_model_tables.py` writes every page.
Two files of the package are written as well, from pages of validation and the model card, for the studio to show.
`--check` changes nothing and ends with 1 where a page is out of date. The same files give the same bytes.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.model_tables import card, checks, essay_energy, opening, parameters, scores, worlds
from tools.model_tables.markdown import DOCS, ROOT, SOURCE

BLOCK = re.compile(r"(<!-- generated: (?P<what>[^>]+?) -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL)
TABLES: dict[str, Callable[..., str]] = {
    "parameters": parameters.parameters,
    "constants": parameters.constants,
    "knob_names": parameters.knob_names,
    "knobs": parameters.knobs,
    "group_conduct": parameters.group_conduct,
    "opening_groups": opening.opening_groups,
    "opening_reasons": opening.opening_reasons,
    "network": opening.network,
    "private_sheets": opening.private_sheets,
    "overrides": opening.overrides,
    "telecom_score": scores.telecom_score,
    "rule_constants": parameters.rule_constants,
    "named_parts": opening.named_parts,
    "world_tables": worlds.world_tables,
    "world_columns": worlds.world_columns,
    "tests": checks.tests,
    "held": checks.held,
    "exceptions_of_security": checks.exceptions_of_security,
    "locked_parts": checks.locked_parts,
    "essay_energy": essay_energy.essay_energy,
    "card_counts": card.card_counts,
}


def model_card() -> str:
    """The model card, shipped with the package, without the marks of generated parts."""
    text = (DOCS / "model-card.md").read_text(encoding="utf-8")
    return re.sub(r"<!-- generated: .+? -->\n\n|\n<!-- end -->\n\n", "", text)


SCORES = SOURCE / "report" / "backtest_scores.json"
SHIPPED: dict[Path, Callable[[], str]] = {SCORES: scores.scores, SOURCE / "report" / "model_card.md": model_card}


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
