"""Build, check and time `--device gpu` on a machine that has one: one command, one page.

    python -m tools.measure_gpu [--env DIR] [--paths N] [--quarters N] [--checked N]
    python -m tools.measure_gpu --compile

Makes an environment with the extra `gpu`, compares runs with the CPU's path by path, times a large one, and writes
docs/validation/gpu.md with machine and date. `--compile` needs no GPU: it compiles every pass of a run for one. The
environment (some 1.2 GB) is kept in --env, by default build/gpu, for the next time.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from tools.measure_gpu.page import page

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "validation" / "gpu.md"


def main() -> int:
    """0 where all that was asked for holds, else 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--env", type=Path, default=ROOT / "build" / "gpu", help="the environment [build/gpu]")
    parser.add_argument("--paths", type=int, default=1_000_000, help="paths that are timed [1000000]")
    parser.add_argument("--quarters", type=int, default=40, help="quarters [40]")
    parser.add_argument("--checked", type=int, default=10_000, help="paths of each scenario that are compared [10000]")
    parser.add_argument("--compile", action="store_true", help="only compile every pass for a GPU; needs none")
    asked = parser.parse_args()
    python = environment(asked.env)
    if asked.compile:
        found = inside(python, "compile")
        print(f"{found['compiled']} of {found['kernels']} kernels of {found['passes']} passes compile for a GPU")
        for name, why in found["refused"].items():
            print(f"  {name}: {why}")
        return 1 if found["refused"] else 0
    found = inside(python, "measure", str(asked.paths), str(asked.quarters), str(asked.checked))
    PAGE.write_text(page(found, dt.date.today().isoformat()), encoding="utf-8")
    print(PAGE)
    return 0 if all(one["holds"] for one in found["compared"].values()) else 1


def environment(folder: Path) -> Path:
    """Python of an environment with the locked base and the extra `gpu` of pyproject.toml."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        _pip(python, "install", "--require-hashes", "-r", str(ROOT / "requirements.txt"))
    _pip(python, "install", f"{ROOT}[gpu]")
    return python


def _pip(python: Path, *arguments: str) -> None:
    subprocess.run([str(python), "-m", "pip", *arguments, "--quiet"], check=True)


def inside(python: Path, *arguments: str) -> dict[str, Any]:
    """What the work in the environment found; its last line is JSON."""
    # the source at hand, not what was installed of it
    surroundings = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    command = [str(python), "-m", "tools.measure_gpu.inside", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=surroundings)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


if __name__ == "__main__":
    sys.exit(main())
