"""Write `datapackage.json` of the bundled world; with `--check`, say whether it is up to date."""

from __future__ import annotations

import sys

from penstock.world.descriptor import descriptor_text
from penstock.world.loading import BUNDLED, DESCRIPTOR, folder_as_of


def main() -> int:
    """Write or check the descriptor of every bundled world."""
    stale = 0
    for name, folder in BUNDLED.items():
        text = descriptor_text(folder, f"penstock-world-{name}", folder_as_of(folder))
        path = folder / DESCRIPTOR
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
            print(f"{name}: wrote {path.name}, {len(text):,} characters")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            print(f"{name}: {path.name} is not what the files give; run python tools/make_datapackage.py")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
