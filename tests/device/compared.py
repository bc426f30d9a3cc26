"""The same paths on a device of stand-ins and in the machine's memory, compared bit for bit.

Run as a program, for a device is chosen before the engine is loaded: `python compared.py '{"scenario": ...}'` prints
what differs as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from standin import StandIn
from standin_cupy import StandInCupy, stand_in_gpu
from standin_device import Device
from standin_streams import NULL

from penstock import arrays
from penstock.engine.moved import Mover, owner_of

COLUMNS = ("economy", "layers", "company", "outcomes", "events", "losses")


def compared(
    scenario: str = "baseline",
    world: str = "ai-2025",
    paths: int = 24,
    quarters: int = 8,
    lane_by_lane: bool = False,
    threads: bool = False,
    text: str = "",
    gpu: bool = False,
    refuses: float = float("inf"),
) -> dict[str, Any]:
    """Names of what differs, and how much was compared; `text`: a scenario file in place of a name.

    `gpu`: what drives a GPU drives a library that stands for CuPy, which `refuses` pieces of memory of more bytes.
    """
    device: Any = noted(StandInCupy(threads, refuses=refuses)) if gpu else Device(lane_by_lane, threads)
    arrays.use(device)
    from penstock.engine.model import join_blocks, prepare, run_block, simulate_paths
    from penstock.scenarios import read_scenario
    from penstock.world import load_world

    known = load_world(world)
    model = prepare(known, read_scenario(text, world=known) if text else scenario, quarters=quarters)
    there = simulate_paths(model, 0, paths)
    moves, back = device.moves, device.bytes_back / sum(device.widths)
    here = join_blocks(model.layout, [(0, paths, run_block(model, 0, paths)[1])])
    differ = []
    for part in COLUMNS:
        for name, values in getattr(here, part).items():
            other = np.asarray(getattr(there, part)[name])
            values = np.asarray(values)
            same = values.shape == other.shape and np.array_equal(values, other, equal_nan=values.dtype.kind == "f")
            if not same:
                differ.append(f"{part}.{name}")
    if not np.array_equal(here.flows, there.flows):
        differ.append("flows")
    if NULL.pending:
        differ.append("copies that nobody waited for")
    return {
        "differ": differ,
        "checks": [here.checks, there.checks],
        "events": len(here.events["path"]),
        "losses": len(here.losses["path"]),
        "passes": len(device.calls),
        "calls": sum(device.calls.values()),
        "notes": getattr(device, "notes", []),
        "moves": moves,
        "bytes_back": back,
        **begun_there(model, device),
    }


def noted(library: StandInCupy) -> Any:
    """The GPU of a library, with the notes that a device of stand-ins keeps."""
    device: Any = stand_in_gpu(library)
    take, give_back = device.take, device.give_back
    device.moves, device.bytes_back, device.widths, device.calls = 0, 0, [], library.launches
    device.most_paths = lambda *of: 64

    def counted_take(tree: Any) -> Any:
        device.moves += 1
        return take(tree)

    def counted_give_back(tree: Any, home: Any) -> Any:
        def note(array: StandIn) -> StandIn:
            device.bytes_back += array.nbytes
            return array

        device.widths.append(len(tree.chain))
        Mover(lambda thing: isinstance(thing, StandIn), note).moved(tree)
        return give_back(tree, home)

    device.take, device.give_back = counted_take, counted_give_back
    return device


def begun_there(model: Any, device: Device) -> dict[str, Any]:
    """What a block that begins on the device holds: arrays of numbers of the machine's memory, bytes a path there."""
    from penstock.engine.model import begun, looked_up

    there, here, sizes = looked_up(model, device), [], {}

    def note(array: Any) -> Any:
        if isinstance(array, StandIn):
            owner = owner_of(array.within)
            sizes[id(owner)] = owner.nbytes
        elif array.dtype.kind in "fiub":
            here.append(f"{array.dtype} {array.shape}")
        return array

    def bytes_of(width: int) -> int:
        sizes.clear()
        with arrays.on_device(width):
            block = begun(there, 0, width)
        Mover(lambda thing: isinstance(thing, (np.ndarray, StandIn)), note).moved(block)
        return sum(sizes.values())

    more, fewer = bytes_of(48), bytes_of(24)
    return {"here": here, "bytes_there": (more - fewer) / 24}


def compared_apart(asked: dict[str, Any]) -> dict[str, Any]:
    """What `compared` finds in a process of its own."""
    command = [sys.executable, __file__, json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    print(json.dumps(compared(**json.loads(sys.argv[1]))))
