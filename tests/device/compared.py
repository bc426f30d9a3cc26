"""The same paths on a device of stand-ins and in the machine's memory, compared bit for bit.

Run as a program, for a device is chosen before the engine is loaded: `python compared.py '{"scenario": ...}'` prints
what differs as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from standin import Device

from penstock import arrays

COLUMNS = ("economy", "layers", "company", "outcomes", "events", "losses")


def compared(
    scenario: str = "baseline",
    world: str = "ai-2025",
    paths: int = 24,
    quarters: int = 8,
    lane_by_lane: bool = False,
    threads: bool = False,
    text: str = "",
) -> dict[str, Any]:
    """Names of what differs, and how much was compared; `text`: a scenario file in place of a name."""
    device = Device(lane_by_lane, threads)
    arrays.use(device)
    from penstock.engine.model import join_blocks, prepare, run_block, simulate_paths
    from penstock.scenarios import read_scenario
    from penstock.world import load_world

    known = load_world(world)
    model = prepare(known, read_scenario(text, world=known) if text else scenario, quarters=quarters)
    there = simulate_paths(model, 0, paths)
    here = join_blocks([(0, paths, run_block(model, 0, paths))])
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
    return {
        "differ": differ,
        "checks": [here.checks, there.checks],
        "events": len(here.events["path"]),
        "losses": len(here.losses["path"]),
        "passes": len(device.calls),
        "calls": sum(device.calls.values()),
    }


if __name__ == "__main__":
    print(json.dumps(compared(**json.loads(sys.argv[1]))))
