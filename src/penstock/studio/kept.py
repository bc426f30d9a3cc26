"""Answers of studies kept in the workspace, so that a page that is reloaded or sent shows them again at once.

A study is a function of the world, of what was asked and of the model. A file is named by all three: changed facts or
changed source have another name. What is kept can be made again: a file that is broken is, and old ones are removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.studio.place import Place

MOST_KEPT = 60
"""Files kept; of more, those that were used longest ago go."""


def kept(place: Place, name: str, facts: Sequence[Any], make: Callable[[], Any]) -> Any:
    """The answer to a question with these facts (plain values): read where it was kept, else made and kept."""
    from penstock.engine.storage import write_json

    told = [package_hash(), place.load_world().hash, name, *facts]
    key = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
    file = place.cache / f"{name}-{key}.json"
    try:
        answer = json.loads(file.read_text(encoding="utf-8"))
        file.touch()
        return answer
    except (OSError, ValueError):
        file.unlink(missing_ok=True)
    answer = make()
    write_json(file, answer)
    _forget_old(place.cache)
    return answer


@cache
def package_hash() -> str:
    """SHA-256 of the package's modules and tables."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*")):
        if file.suffix in (".py", ".csv", ".toml", ".json") and file.is_file():
            digest.update(str(file.relative_to(root)).encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _forget_old(folder: Path) -> None:
    files = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    for file in files[MOST_KEPT:]:
        file.unlink(missing_ok=True)
