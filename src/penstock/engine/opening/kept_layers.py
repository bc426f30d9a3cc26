"""The layers' numbers of an opening, kept beside its opening state and by the same rules (`kept`)."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.engine.opening import kept
from penstock.engine.opening.layer_numbers import LayerNumbers, layer_numbers
from penstock.engine.opening.state import Opening
from penstock.engine.storage import write_atomically
from penstock.errors import OutputError
from penstock.kept_files import drop_oldest
from penstock.layers.energy import Supply

if TYPE_CHECKING:
    from penstock.world.model import World

ENDING = ".layers.npz"
NUMBERS = "numbers"


def layers_of(world: World, opening: Opening, removed_pairs: Iterable[tuple[str, str, str]] = ()) -> LayerNumbers:
    """The layers' numbers of the world's opening state without the removed pairs, kept from before where they were."""
    if not kept.FACTS_HASH.fullmatch(world.hash):
        return layer_numbers(world, opening.physical)
    file = kept.folder() / f"{kept.key_of(world, tuple(removed_pairs))}{ENDING}"
    if (found := read(file)) is not None:
        return found
    numbers = layer_numbers(world, opening.physical)
    if not sys.dont_write_bytecode:
        keep(file, numbers)
    return numbers


def keep(file: Path, numbers: LayerNumbers) -> None:
    """Write the numbers; nothing where the place cannot be written.

    As text in an archive, whose checksum tells a file that was damaged from a number that is other.
    """
    text = json.dumps(asdict(numbers)).encode()
    with suppress(OutputError, OSError):
        write_atomically(file, partial(kept.save, {NUMBERS: np.frombuffer(text, np.uint8)}))
        drop_oldest(file.parent, f"*{ENDING}", kept.MOST_KEPT)


def read(file: Path) -> LayerNumbers | None:
    """The numbers in a file; None where there is none or it is broken."""
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            told: dict[str, Any] = json.loads(stored[NUMBERS].tobytes())
        found = LayerNumbers(**{**told, "supply": Supply(**told["supply"])})
    except (OSError, EOFError, KeyError, IndexError, TypeError, ValueError, zipfile.BadZipFile):
        return None
    with suppress(OSError):
        file.touch()
    return found
