"""Compiling the engine before it is asked for: its kernels take most of a minute, once after each change.

What was compiled stays on disk with the modules (numba's cache). A file in the workspace says for which source, Python
and numba that was done, so that a later start does not ask again.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.studio.place import Place
    from penstock.studio.workers import Tell

MARK = "compiled"


def mark_of(place: Place) -> Path:
    """The file that is there when the kernels of this source were compiled by this Python on this machine."""
    from penstock.studio.kept import package_hash

    told = [package_hash(), str(Path(__file__).parent), sys.version, version("numba"), platform.processor()]
    return place.cache / f"{MARK}-{hashlib.sha256(repr(told).encode()).hexdigest()[:16]}"


def compile_engine(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """Import the engine, which compiles what is not compiled yet, and simulate a path once. Tells kernels compiled."""
    from numba.core import event

    from penstock.engine.compiling import load_model

    class Count(event.Listener):
        done = 0

        def on_start(self, event: Any) -> None:
            """Nothing: a kernel counts when it is compiled."""

        def on_end(self, event: Any) -> None:
            self.done += 1
            tell(self.done, 0, "kernels compiled")

    count = Count()
    tell(0, 0, "reading the world")
    world = place.load_world()
    with event.install_listener("numba:compile", count):
        load_model()
        from penstock.engine.model import prepare, simulate_paths

        simulate_paths(prepare(world, quarters=1), 0, 1)
    mark = mark_of(place)
    mark.parent.mkdir(exist_ok=True)
    for old in mark.parent.glob(f"{MARK}-*"):
        old.unlink(missing_ok=True)
    mark.touch()
    return {"kernels": count.done}
