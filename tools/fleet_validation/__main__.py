"""`python -m tools.fleet_validation`: run every check of the fleet simulator and write `docs/validation/fleet.md`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "fleet")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the studies and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tools.fleet_validation", description=__doc__)
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where the page is written")
    parser.add_argument("--only", nargs="+", metavar="SECTION", help="measure these again, keep the rest of the page")
    given = parser.parse_args(arguments)

    from benchmarks.machine import provenance
    from tools.fleet_validation.page import render, renewed

    target = given.docs / "validation" / "fleet.md"
    lines = provenance().lines()
    text = renewed(target.read_text(encoding="utf-8"), given.only, lines[0], say) if given.only else render(lines, say)
    target.write_text(text, encoding="utf-8")
    print(f"wrote {target}")
    return 0


def say(what: Any) -> None:
    """What is being worked on, for who waits."""
    print(f"working on: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
