"""What runs where the packages for a GPU are: checks, times, and keeps what it found as JSON, stage by stage.

python -m tools.measure_gpu.inside compile
python -m tools.measure_gpu.inside measure PATHS QUARTERS CHECKED MINUTES REPORT
"""

from __future__ import annotations

import json
import platform
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from tools.measure_gpu.comparison import compare
from tools.measure_gpu.references import SCENARIOS, WORLD, References

from penstock import arrays
from penstock.machine import usable_cores

CODE_FOR = (9, 0)
"""Compute capability of the H200."""
FIRST_PATHS, FIRST_QUARTERS = 4_096, 6
"""The first block: each launch of it is waited for, so that what fails has a name."""
COPIED = 1 << 31
"""Bytes with which memory and bus are timed."""


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

    def waits_for_each(self, wait: bool) -> None:
        """Whether each launch is waited for."""
        self._device.waits = wait

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


class Report:
    """What was found so far, in a file after each stage: what runs out of time or fails leaves what was before it."""

    def __init__(self, file: Path, minutes: float) -> None:
        self.file, self.began, self.ends = file, time.perf_counter(), time.perf_counter() + 60.0 * minutes
        self.found: dict[str, Any] = {"compared": {}, "failed": {}, "notes": []}

    def left(self) -> float:
        """Seconds that are left."""
        return self.ends - time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A part of the work; its failure is noted under its name and goes no further."""
        print(f"[{time.perf_counter() - self.began:6.1f} s] {name}", file=sys.stderr, flush=True)
        try:
            yield
        except Exception as error:  # whatever a machine nobody has seen does is the finding
            self.found["failed"][name] = f"{type(error).__name__}: " + " ".join(str(error).split())[:500]
            print(f"  failed: {self.found['failed'][name]}", file=sys.stderr, flush=True)
        self.file.write_text(json.dumps(self.found), encoding="utf-8")


def measure(paths: int, quarters: int, checked: int, minutes: float, file: Path) -> None:
    """Runs a first block, times `paths` paths of the baseline, and compares `checked` paths of each scenario."""
    report = Report(file, minutes)
    found = report.found | {"quarters": quarters, "checked": checked}
    report.found = found
    device: Any = None
    with report.stage("GPU, driver and packages"):
        from penstock.engine.gpu import load_gpu

        device = Timed(load_gpu())
        found["notes"] = device.notes
        arrays.use(device)
        found["machine"] = machine(device)
    if found["failed"]:
        return
    with report.stage("copies"):
        found["speeds"] = speeds(device.library)
    with tempfile.TemporaryDirectory() as folder, References(quarters, checked, Path(folder)) as references:
        first = "first block: every pass made, launched and waited for"
        with report.stage(first):
            first_block(device)
        if first in found["failed"]:
            return
        with report.stage(f"{paths:,} paths"):
            found["timed"] = timed(device, paths, quarters, report)
        for scenario in SCENARIOS:
            with report.stage(f"{scenario}: {checked:,} paths on GPU and CPU"):
                there = checked_there(scenario, checked, quarters)
                here = references.of(scenario, report.left())
                found["compared"][scenario] = compare(here, there, checked).to_dict()


def first_block(device: Any) -> None:
    """A short block of the scenario in which most happens."""
    from penstock.engine.model import lanes_of, prepare, run_block
    from penstock.world import load_world

    model = prepare(load_world(WORLD), "perfect_storm", quarters=FIRST_QUARTERS)
    device.waits_for_each(True)
    try:
        run_block(model, 0, lanes_of(FIRST_PATHS, model, device), device=device)
    finally:
        device.waits_for_each(False)


def checked_there(scenario: str, checked: int, quarters: int) -> Any:
    """Results of the GPU."""
    from penstock.engine.model import prepare, simulate_paths
    from penstock.world import load_world

    return simulate_paths(prepare(load_world(WORLD), scenario, quarters=quarters), 0, checked)


def timed(device: Any, paths: int, quarters: int, report: Report) -> dict[str, Any]:
    """Seconds of so many paths of the first scenario, or of as many as time allows."""
    from penstock.engine import model as engine
    from penstock.engine.record import Recorder
    from penstock.world import load_world

    model = engine.prepare(load_world(WORLD), SCENARIOS[0], quarters=quarters)
    begin, end = engine.begun, Recorder.finish
    # paths of a block are asked before anything is timed: two small blocks tell what a path takes
    engine.looked_up(model, device)
    engine.most_paths(model, device)
    widest = 0
    engine.begun, Recorder.finish = device.timed("begin", begin), device.timed("end", end)  # type: ignore[method-assign]
    device.seconds.update(dict.fromkeys(device.seconds, 0.0))
    begun, blocks, first = time.perf_counter(), [], 0
    try:
        while first < paths and (not blocks or report.left() > 2.0 * blocks[-1]):
            count = min(engine.most_paths(model, device), paths - first)
            started = time.perf_counter()
            # what a block leaves is let go: a million paths of every company would not fit into memory
            if engine.kept_of(model, first, count, device=device) is not None:
                first, widest = first + count, max(widest, count)
                blocks.append(time.perf_counter() - started)
    finally:
        engine.begun, Recorder.finish = begin, end  # type: ignore[method-assign]
    seconds = time.perf_counter() - begun
    return {
        "paths": first,
        "asked": paths,
        "block": widest,
        "seconds": seconds,
        "path_quarters_per_second": first * quarters / seconds,
        "parts": device.seconds,
        "blocks": blocks,
        "memory_gb": device.library.get_default_memory_pool().total_bytes() / 1e9,
        "memory_of_gpu_gb": device.library.cuda.runtime.memGetInfo()[1] / 1e9,
    }


def speeds(cupy: Any) -> dict[str, float]:
    """GB/s of a copy within the GPU's memory, read and written, and of one to this machine's, which bound all else."""
    from penstock.engine.series_copy import HostMemory

    one = cupy.zeros(COPIED, dtype=np.uint8)
    other, here = cupy.empty_like(one), HostMemory(cupy).taken((COPIED // 8,), np.uint8)

    def fastest(work: Callable[[], Any]) -> float:
        seconds = []
        for _ in range(4):
            cupy.cuda.runtime.deviceSynchronize()
            started = time.perf_counter()
            work()
            cupy.cuda.runtime.deviceSynchronize()
            seconds.append(time.perf_counter() - started)
        return min(seconds)

    within = 2.0 * COPIED / fastest(lambda: cupy.copyto(other, one)) / 1e9
    home = here if here is not None else np.empty(COPIED // 8, dtype=np.uint8)
    back = home.nbytes / fastest(lambda: one[: len(home)].get(out=home)) / 1e9
    return {"within": within, "back": back}


def machine(device: Any) -> dict[str, str]:
    """What it was measured on."""
    cupy = device.library
    found = cupy.cuda.runtime.getDeviceProperties(0)
    return {
        "gpu": found["name"].decode(),
        "capability": "{}.{}".format(*device.capability),
        "driver": str(cupy.cuda.runtime.driverGetVersion()),
        "runtime": str(cupy.cuda.runtime.runtimeGetVersion()),
        "cupy": cupy.__version__,
        "numba_cuda": version("numba-cuda"),
        "python": platform.python_version(),
        "processor": f"{platform.processor() or platform.machine()}, {usable_cores()} cores",
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
    what, *given = sys.argv[1:]
    if what == "compile":
        print(json.dumps(compile_passes()))
    else:
        measure(*map(int, given[:3]), float(given[3]), Path(given[4]))
