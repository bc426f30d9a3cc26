"""Build, check and time `--device gpu` on a machine that has one: one command, one page.

    python -m tools.measure_gpu [--env DIR | --here] [--minutes N] [--paths N] [--quarters N] [--checked N]
    python -m tools.measure_gpu --compile

Makes an environment with the extra `gpu`, runs a first block of which each launch is waited for, times a large run,
compares runs with the CPU's path by path, and writes docs/validation/gpu.md with machine and date. What fails is told
by stage; what was found before it stands on the page. `--here` takes the Python that runs this, with its packages
(CuPy for CUDA 12 or 13, numba-cuda, NumPy, pandas, pydantic), and needs no network. `--compile` needs no GPU: it makes
the code of every pass of a run. The environment (some 1.2 GB) is kept in --env, by default build/gpu.
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
from tools.measure_gpu.references import SCENARIOS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "validation" / "gpu.md"


def main() -> int:
    """0 where all that was asked for holds, else 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--env", type=Path, default=ROOT / "build" / "gpu", help="the environment [build/gpu]")
    parser.add_argument("--here", action="store_true", help="no environment: the packages of this Python")
    parser.add_argument("--minutes", type=float, default=10.0, help="time on the GPU at the most, about [10]")
    parser.add_argument("--paths", type=int, default=1_000_000, help="paths that are timed [1000000]")
    parser.add_argument("--quarters", type=int, default=40, help="quarters [40]")
    parser.add_argument("--checked", type=int, default=10_000, help="paths of each scenario that are compared [10000]")
    parser.add_argument("--compile", action="store_true", help="only make the code of every pass; needs no GPU")
    asked = parser.parse_args()
    try:
        python = Path(sys.executable) if asked.here else environment(asked.env)
        return compiled(python) if asked.compile else measured(python, asked)
    except NotDone as error:
        print(f"measure_gpu: {error}", file=sys.stderr)
        return 1


class NotDone(Exception):  # noqa: N818 - it says what was not done
    """Something that this command cannot go on without, in a sentence."""


def compiled(python: Path) -> int:
    """Makes the code of every pass; 0 where all of it was made."""
    done = inside(python, "compile")
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise NotDone("found no end of the compiling; expected it: what Python said stands above")
    found: dict[str, Any] = json.loads(lines[-1])
    print(f"{found['compiled']} of {found['kernels']} kernels of {found['passes']} passes compile for a GPU,")
    print(f"with at most {found['argument_bytes']:,} bytes of arguments ({found['most_arguments']})")
    for name, why in found["refused"].items():
        print(f"  {name}: {why}")
    return 1 if found["refused"] else 0


def measured(python: Path, asked: argparse.Namespace) -> int:
    """Measures, tells what failed, and writes the page; 0 where nothing failed and everything holds."""
    report = ROOT / "build" / "gpu.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    numbers = (asked.paths, asked.quarters, asked.checked, asked.minutes)
    done = inside(python, "measure", *map(str, numbers), str(report))
    if not report.is_file():
        raise NotDone(f"found no stage that ended (exit code {done.returncode}); expected {report}")
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    if done.returncode:
        found["failed"]["the process"] = f"ended with code {done.returncode}, after the stages above"
    for stage, why in found["failed"].items():
        print(f"{stage}: {why}", file=sys.stderr)
    for note in found["notes"]:
        print(f"note: {note}", file=sys.stderr)
    if "machine" not in found:
        raise NotDone("found no GPU that can be used; the page stays as it is")
    PAGE.write_text(page(found, dt.date.today().isoformat()), encoding="utf-8")
    print(PAGE)
    return 0 if all_holds(found) else 1


def all_holds(found: dict[str, Any]) -> bool:
    """Whether nothing failed and all scenarios were compared and agree."""
    compared = found["compared"]
    return not found["failed"] and len(compared) == len(SCENARIOS) and all(one["holds"] for one in compared.values())


def environment(folder: Path) -> Path:
    """Python of an environment with the locked base and the extra `gpu` of pyproject.toml."""
    python = folder / "bin" / "python"
    if not python.exists():
        try:
            venv.create(folder, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise NotDone(
                f"found no way to make an environment ({error}); expected Python's venv, or --here"
            ) from error
        _pip(python, "install", "--require-hashes", "-r", str(ROOT / "requirements.txt"))
    _pip(python, "install", f"{ROOT}[gpu]")
    return python


def _pip(python: Path, *arguments: str) -> None:
    done = subprocess.run([str(python), "-m", "pip", *arguments, "--quiet"], check=False)
    if done.returncode:
        raise NotDone(f"found pip unable to do its part ({' '.join(arguments)}); expected a network, or --here")


def inside(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The work in the environment."""
    # the source at hand, not what was installed of it
    surroundings = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    if before := os.environ.get("PYTHONPATH"):
        surroundings["PYTHONPATH"] += os.pathsep + before
    command = [str(python), "-m", "tools.measure_gpu.inside", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, cwd=ROOT, env=surroundings)


if __name__ == "__main__":
    sys.exit(main())
