"""Where and with what something was measured: date, commit, machine and versions, without names of hosts or people."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from penstock.version import __version__

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("numpy", "numba", "pandas", "duckdb")
GIB = 2**30


@dataclass(frozen=True)
class Provenance:
    """What a result rests on."""

    date: str
    commit: str
    """short hash; `+` behind it where files of the source differ from it"""
    cpu: str
    cores: int
    """that this process may use"""
    memory_gib: float
    system: str
    python: str
    packages: str
    penstock: str

    @property
    def stem(self) -> str:
        """Beginning of the name of a file that holds the result."""
        return f"{self.date}-{self.commit.replace('+', '-changed')}"

    def lines(self) -> list[str]:
        """For the head of a page."""
        return [
            f"Measured on {self.date} at commit `{self.commit}` (penstock {self.penstock}).",
            f"Machine: {self.cpu}, {self.cores} cores, {self.memory_gib:.0f} GiB; {self.system}; "
            f"Python {self.python}; {self.packages}.",
        ]

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


def provenance() -> Provenance:
    """Of this process, now."""
    return Provenance(
        date=dt.date.today().isoformat(),
        commit=commit(),
        cpu=cpu_model(),
        cores=usable_cores(),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 1),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        packages=", ".join(f"{name} {version(name)}" for name in PACKAGES),
        penstock=__version__,
    )


def commit() -> str:
    """Short hash of the commit, with `+` where the source was changed since; `unknown` outside a repository."""
    found = _git("rev-parse", "--short=10", "HEAD")
    changed = _git("status", "--porcelain", "--", "src", "benchmarks", "tools", "pyproject.toml")
    return f"{found}+" if found and changed else found or "unknown"


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_model() -> str:
    """The maker's name of the processor."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    told = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or platform.processor() or platform.machine()


def _git(*arguments: str) -> str:
    try:
        told = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""
