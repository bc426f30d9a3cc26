"""The runs in a directory: what each is, whether it is finished, how much room it takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from penstock.engine.checkpoints import STARTED
from penstock.engine.manifest import MANIFEST, identity_hash, read_json
from penstock.engine.schema import at_present
from penstock.errors import InputError

FINISHED, UNFINISHED = "finished", "unfinished"


@dataclass(frozen=True)
class ListedRun:
    """One run. A manifest that nobody can read leaves all but `run` and `state` empty."""

    run: str
    state: str
    """finished, unfinished, or `broken: FILE`"""
    id: str = ""
    started: str = ""
    scenarios: str = ""
    world: str = ""
    paths: int = 0
    quarters: int = 0
    seed: int = 0
    megabytes: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def list_runs(directory: Path) -> list[ListedRun]:
    """The runs in a directory, the latest first; none where it does not exist. A broken one hides no other."""
    found = []
    for entry in sorted(directory.iterdir()) if directory.is_dir() else []:
        note = next((entry / name for name in (MANIFEST, STARTED) if (entry / name).is_file()), None)
        if note is not None:
            found.append(_listed(entry, note))
    return sorted(found, key=lambda run: run.started, reverse=True)


def _listed(entry: Path, note: Path) -> ListedRun:
    try:
        stored = at_present(read_json(note), note)
        return ListedRun(
            run=str(entry),
            state=FINISHED if note.name == MANIFEST else UNFINISHED,
            id=identity_hash(stored),
            started=stored["started"],
            scenarios=", ".join(scenario["name"] for scenario in stored["scenarios"]),
            world=stored["world"]["name"],
            paths=stored["paths"],
            quarters=stored["quarters"],
            seed=stored["seed"],
            megabytes=_megabytes(entry),
        )
    except (InputError, KeyError, TypeError):
        return ListedRun(str(entry), f"broken: {note.name}")


def _megabytes(entry: Path) -> float:
    """Size of the files of a run; one that another process takes away meanwhile counts nothing."""
    total = 0
    for file in entry.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:
            continue
    return round(total / 1e6, 1)
