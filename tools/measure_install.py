"""Measure what an installation takes on disk, against its limits: the base, then the extras, and Penstock's own wheel.

    python tools/measure_install.py [--keep DIR]

Makes an environment of its own, installs from the locked versions and adds up the size of all files in it
(MB = 10^6 bytes; the installer itself is not counted). Byte-compiled files are counted as if every module
had been used, and shown apart.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import venv
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BASE_LIMIT_MB = 650
EXTRAS_LIMIT_MB = 1500
WHEEL_LIMIT_MB = 15
EXTRAS = "plot,analysis,energy,studio"
INSTALLER = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence.pth")
LARGEST = 8
MB = 1e6


@dataclass(frozen=True)
class Size:
    """What one thing takes on disk."""

    what: str
    mb: float
    limit_mb: float
    compiled_mb: float = 0.0
    """byte-compiled files in it"""
    largest: tuple[tuple[str, float], ...] = ()
    """package and MB"""

    @property
    def held(self) -> bool:
        return self.mb < self.limit_mb

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def main() -> int:
    """Print the sizes; 0 when all are within their limits, else 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the environment here and keep it")
    sizes = measure(parser.parse_args().keep)
    for size in sizes:
        compiled = f" ({size.compiled_mb:.0f} MB of it byte-compiled)" if size.compiled_mb else ""
        print(f"{size.what}: {size.mb:.0f} MB{compiled}; limit {size.limit_mb:.0f} MB")
        for package, mb in size.largest:
            print(f"  {mb:7.1f}  {package}")
    return 0 if all(size.held for size in sizes) else 1


def measure(keep: Path | None = None) -> list[Size]:
    """The base, the base with extras, and the wheel of Penstock itself."""
    folder = keep or Path(tempfile.mkdtemp(prefix="penstock-measure-"))
    try:
        venv.create(folder, with_pip=True, clear=True)
        _pip(folder, "install", "--require-hashes", "-r", str(ROOT / "requirements.txt"))
        base = _size(folder, "base installation", BASE_LIMIT_MB)
        _pip(folder, "install", "--constraint", str(_constraints(folder)), f"{ROOT}[{EXTRAS}]")
        extras = _size(folder, f"base and extras {EXTRAS}", EXTRAS_LIMIT_MB)
        _pip(folder, "wheel", "--no-deps", "--wheel-dir", str(folder / "wheel"), str(ROOT))
        (wheel,) = (folder / "wheel").glob("*.whl")
        return [base, extras, Size("wheel, data and studio in it", wheel.stat().st_size / MB, WHEEL_LIMIT_MB)]
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _pip(folder: Path, *arguments: str) -> None:
    command = [str(folder / "bin" / "python"), "-m", "pip", *arguments, "--quiet"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _constraints(folder: Path) -> Path:
    """The base versions, so that the extras add to the base instead of changing it."""
    path = folder / "constraints.txt"
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    path.write_text("\n".join(line.rstrip(" \\") for line in lines if "==" in line) + "\n")
    return path


def _size(folder: Path, what: str, limit_mb: float) -> Size:
    packages = next(folder.glob("lib/python3*/site-packages"))
    sizes: dict[str, int] = {}
    compiled = 0
    for file in packages.rglob("*"):
        top = file.relative_to(packages).parts[0]
        if not file.is_file() or top.startswith(INSTALLER):
            continue
        size = file.stat().st_size
        compiled += size if file.suffix == ".pyc" else 0
        sizes[top] = sizes.get(top, 0) + size
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:LARGEST]
    told = tuple((package, size / MB) for package, size in largest)
    return Size(what, sum(sizes.values()) / MB, limit_mb, compiled / MB, told)


if __name__ == "__main__":
    sys.exit(main())
