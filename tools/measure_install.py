"""Measure what an installation takes on disk: the base, then the extras, against their limits.

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
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASE_LIMIT_MB = 650
EXTRAS_LIMIT_MB = 1500
EXTRAS = "plot,analysis,energy,studio"
INSTALLER = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence.pth")
LARGEST = 8


def main() -> int:
    """Print the table; 0 when both are within their limits, else 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the environment here and keep it")
    keep = parser.parse_args().keep
    folder = keep or Path(tempfile.mkdtemp(prefix="penstock-measure-"))
    try:
        venv.create(folder, with_pip=True, clear=True)
        _pip(folder, "--require-hashes", "-r", str(ROOT / "requirements.txt"))
        base = _report(folder, "base", BASE_LIMIT_MB)
        _pip(folder, "--constraint", str(_constraints(folder)), f"{ROOT}[{EXTRAS}]")
        extras = _report(folder, f"base and extras {EXTRAS}", EXTRAS_LIMIT_MB)
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if base and extras else 1


def _pip(folder: Path, *arguments: str) -> None:
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _constraints(folder: Path) -> Path:
    """The base versions, so that the extras add to the base instead of changing it."""
    path = folder / "constraints.txt"
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    path.write_text("\n".join(line.rstrip(" \\") for line in lines if "==" in line) + "\n")
    return path


def _report(folder: Path, what: str, limit_mb: int) -> bool:
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
    total = sum(sizes.values()) / 1e6
    print(f"{what}: {total:.0f} MB ({compiled / 1e6:.0f} MB of it byte-compiled); limit {limit_mb} MB")
    for top, size in sorted(sizes.items(), key=lambda item: -item[1])[:LARGEST]:
        print(f"  {size / 1e6:7.1f}  {top}")
    return total < limit_mb


if __name__ == "__main__":
    sys.exit(main())
