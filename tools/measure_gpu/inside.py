"""What runs in the environment with the packages for a GPU: checks, times, and prints what it found as JSON.

python -m tools.measure_gpu.inside compile
python -m tools.measure_gpu.inside measure PATHS QUARTERS CHECKED
"""

from __future__ import annotations

import json
import platform
import struct
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from penstock import arrays

SCENARIOS = ("baseline", "perfect_storm", "export_ban")
WORLD = "ai-2025"
CODE_FOR = (9, 0)
"""Compute capability of the H200."""


class Timed:
    """A device whose moves are timed, and what begins and ends blocks; the rest of a block is its quarters."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self.seconds = dict.fromkeys(("there", "begin", "end", "back"), 0.0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)

    def take(self, tree: Any) -> Any:
        return self.timed("there", self._device.take)(tree)

    def give_back(self, tree: Any, home: Any = None) -> Any:
        return self.timed("back", self._device.give_back)(tree, home)

    def timed(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same work; its time on the GPU is added to that of its name."""

        def run(*args: Any) -> Any:
            self._device.library.cuda.runtime.deviceSynchronize()
            started = time.perf_counter()
            done = work(*args)
            self._device.library.cuda.runtime.deviceSynchronize()
            self.seconds[name] += time.perf_counter() - started
            return done

        return run


def measure(paths: int, quarters: int, checked: int) -> dict[str, Any]:
    """Equality on `checked` paths of each scenario, then the time of `paths` paths of the first."""
    from tools.measure_gpu.comparison import compare

    from penstock.engine.gpu import load_gpu

    device = Timed(load_gpu())
    arrays.use(device)
    from penstock.engine import model as engine
    from penstock.engine.model import lanes_of, most_paths, prepare, run_block, simulate_paths
    from penstock.engine.record import Recorder
    from penstock.world import load_world

    world = load_world(WORLD)
    found: dict[str, Any] = {"machine": machine(device), "quarters": quarters, "checked": checked, "compared": {}}
    for scenario in SCENARIOS:
        model = prepare(world, scenario, quarters=quarters)
        there = simulate_paths(model, 0, checked)
        here = simulate_paths(model, 0, checked, on_quarter=lambda now, quarter: None)
        found["compared"][scenario] = compare(here, there, checked).to_dict()
        print(f"{scenario}: {found['compared'][scenario]}", file=sys.stderr)
    model = prepare(world, SCENARIOS[0], quarters=quarters)
    widest = most_paths(model, device)
    begin, end = engine.begun, Recorder.finish
    engine.begun, Recorder.finish = device.timed("begin", begin), device.timed("end", end)  # type: ignore[method-assign]
    device.seconds.update(dict.fromkeys(device.seconds, 0.0))
    begun, blocks = time.perf_counter(), []
    for first in range(0, paths, widest):
        count = min(widest, paths - first)
        started = time.perf_counter()
        # what a block leaves is let go: a million paths of every company would not fit into memory
        run_block(model, first, lanes_of(count, model, device), device=device)
        blocks.append(time.perf_counter() - started)
    seconds = time.perf_counter() - begun
    engine.begun, Recorder.finish = begin, end  # type: ignore[method-assign]
    whole = device.library.cuda.runtime.memGetInfo()[1]
    pool = device.library.get_default_memory_pool().total_bytes()
    found["timed"] = {
        "paths": paths,
        "block": widest,
        "seconds": seconds,
        "path_quarters_per_second": paths * quarters / seconds,
        "parts": device.seconds,
        "blocks": blocks,
        "memory_gb": pool / 1e9,
        "memory_of_gpu_gb": whole / 1e9,
    }
    return found


def machine(device: Any) -> dict[str, str]:
    """What it was measured on."""
    import cupy
    import numba_cuda

    found = cupy.cuda.runtime.getDeviceProperties(0)
    return {
        "gpu": found["name"].decode(),
        "driver": str(cupy.cuda.runtime.driverGetVersion()),
        "cupy": cupy.__version__,
        "numba_cuda": numba_cuda.__version__,
        "processor": platform.processor() or platform.machine(),
        "system": platform.platform(),
    }


def compile_passes() -> dict[str, Any]:
    """Compile every pass that a run calls for an H200, on any machine: it takes the packages and no GPU."""
    from numba.cuda import dispatcher

    from penstock.engine import gpu_code

    noted: dict[tuple[str, tuple[int, ...]], Any] = {}
    arrays.use(Noting(noted))
    from penstock.engine.model import prepare, run_block
    from penstock.world import load_world

    known = load_world(WORLD)
    for scenario in SCENARIOS:
        device: Any = arrays.chosen()
        run_block(prepare(known, scenario, quarters=16), 0, 40, device=device)
    # the compiler asks the GPU at hand what it can
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=CODE_FOR)
    refused: dict[str, str] = {}
    largest = (0, "")
    for (name, cuts), compiled in noted.items():
        try:
            gpu_code.assembled(gpu_code.ptx_of(compiled, cuts, CODE_FOR), CODE_FOR)
            words = struct.calcsize(gpu_code.kernel_form(compiled, cuts))
            largest = max(largest, (words, name))
        except Exception as error:  # what the compiler says is the finding
            refused[name] = str(error)[:500]
    return {
        "passes": len({name for name, _ in noted}),
        "kernels": len(noted),
        "compiled": len(noted) - len(refused),
        "refused": refused,
        "argument_bytes": largest[0],
        "most_arguments": largest[1],
    }


class Noting:
    """A device of this machine's own memory, which notes what passes are called with."""

    name = "noting"
    least_width = 0
    library = SimpleNamespace()

    def __init__(self, noted: dict[tuple[str, tuple[int, ...]], Any]) -> None:
        self.noted = noted

    def most_paths(self, bytes_there: float, bytes_here: float) -> int:
        return 256

    def take(self, tree: Any) -> Any:
        return tree

    def bring(self, series: Any) -> None:
        return None

    def give_back(self, tree: Any, home: Any = None) -> Any:
        return tree

    def narrow(self) -> bool:
        return False

    def launched(self, compiled: Any, pairs: tuple[str, ...], entries: tuple[str, ...]) -> Callable[..., Any]:
        from penstock.engine.device import ROW, cuts_of, signature_of

        names, axes, _ = signature_of(compiled)

        def call(*args: Any) -> Any:
            if not arrays.width_on_device():
                return compiled(*args)
            cuts = cuts_of(names, axes, args, pairs, entries)
            self.noted.setdefault((compiled.py_func.__qualname__, cuts), compiled)
            if ROW not in cuts:
                return compiled(*args)
            return lane_after_lane(compiled, args, cuts)

        return call


def lane_after_lane(compiled: Any, args: tuple[Any, ...], cuts: tuple[int, ...]) -> Any:
    """A pass that has room for each path, run path by path."""
    from penstock.engine.device import LANE, ROW

    answer = False
    for lane in range(arrays.width_on_device()):
        places = {LANE: (..., slice(lane, lane + 1)), ROW: (..., lane)}
        mine = [
            np.ascontiguousarray(one[places[how]]) if how in places else one
            for one, how in zip(args, cuts, strict=True)
        ]
        answer = bool(compiled(*mine)) or answer
        for one, cut, how in zip(args, mine, cuts, strict=True):
            if how in places and one.flags.writeable:
                one[places[how]] = cut
    return answer


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    print(json.dumps(compile_passes() if what == "compile" else measure(*map(int, numbers))))
