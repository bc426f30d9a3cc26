"""A whole run into a directory, on a device of stand-ins or in the machine's memory.

Run as a program, for a device is chosen before the engine is loaded: `python whole_run.py DIRECTORY [device]` prints
the hashes of the files of tables as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def run(directory: str, on_device: bool) -> dict[str, str]:
    """Hash by file."""
    from standin_device import Device

    from penstock import arrays

    device = Device(most=512)
    if on_device:
        arrays.use(device)
    from penstock.engine.ensemble import simulate
    from penstock.world import load_world

    done = simulate(load_world("ai-2025"), "baseline", paths=300, quarters=3, jobs=1, out=directory)
    if on_device and device.widths != [304]:
        raise AssertionError(f"blocks of {device.widths} lanes; expected one of 304")
    return {entry["path"]: entry["sha256"] for entry in done.manifest["files"]}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], "device" in sys.argv[2:])))
