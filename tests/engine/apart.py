"""Which arguments of compiled passes share memory while one of them is written, in a run.

Run as a program, for what stands for passes is chosen before the engine is loaded: `python apart.py '["baseline"]'`
prints overlaps, and how many passes and calls were looked at, as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from penstock import arrays


class Watch:
    """A device that holds nothing: it looks at the arguments of each pass and runs the pass here."""

    name = "watch"
    library = np
    least_width = 0

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}
        self.overlaps: set[str] = set()

    def launched(self, compiled: Any, pairs: tuple[str, ...], entries: tuple[str, ...]) -> Callable[..., Any]:
        names = compiled.py_func.__code__.co_varnames
        written = [bool(getattr(kind, "mutable", False)) for kind in compiled.nopython_signatures[0].args]

        def run(*args: Any) -> Any:
            self.calls[compiled.py_func.__name__] = self.calls.get(compiled.py_func.__name__, 0) + 1
            held = [(k, one) for k, one in enumerate(args) if isinstance(one, np.ndarray) and one.size]
            for k, one in held:
                for other_k, other in held:
                    # arguments of passes lie in one piece, so that bounds tell all
                    if written[k] and k != other_k and np.may_share_memory(one, other):
                        self.overlaps.add(f"{compiled.py_func.__name__}: {names[k]} and {names[other_k]}")
            return compiled(*args)

        return run


def watched(scenarios: list[str], world: str = "ai-2025", paths: int = 16, quarters: int = 10) -> dict[str, Any]:
    """Overlaps met while these scenarios run on the machine's memory."""
    watch = Watch()
    arrays.use(watch)
    from penstock.engine.model import prepare, run_block
    from penstock.world import load_world

    for scenario in scenarios:
        run_block(prepare(load_world(world), scenario, quarters=quarters), 0, paths)
    return {"overlaps": sorted(watch.overlaps), "passes": len(watch.calls), "calls": sum(watch.calls.values())}


if __name__ == "__main__":
    print(json.dumps(watched(json.loads(sys.argv[1]))))
