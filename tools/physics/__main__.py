"""`python -m tools.physics`: write the page; with --check only say whether it is out of date."""

from __future__ import annotations

import argparse
import sys

from tools.physics.page import PAGE, ROOT, page_text


def main(arguments: list[str]) -> int:
    """Write the page, or compare it; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.physics", description=str(__doc__))
    parser.add_argument("--check", action="store_true", help="change nothing; 1 where the page is out of date")
    text = page_text()
    if parser.parse_args(arguments).check:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
            return 0
        print(f"{PAGE.relative_to(ROOT)}: out of date; run python -m tools.physics", file=sys.stderr)
        return 1
    PAGE.write_text(text, encoding="utf-8")
    print(PAGE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
