"""Where a studio works: its workspace, its world, and the names by which a browser may speak of files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.engine.run import Run
    from penstock.report.source import ReportData
    from penstock.world import World
    from penstock.world.entered import Entered

RUNS = "runs"
UPLOADS = "uploads"
CACHE = ".studio"
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")
UPLOAD_NAME = re.compile(r"[0-9a-f]{32}")
RUNS_HELD = 3
"""Opened runs that a process keeps; each holds its tables once they are read."""


def _from(workspace: Path, name: str) -> str:
    """A folder as it is reached from the workspace; another name as it stands."""
    return Path(os.path.relpath(name, workspace)).as_posix() if Path(name).is_dir() else name


@dataclass(frozen=True)
class Place:
    """A workspace and the world that its new runs simulate. Picklable."""

    workspace: Path
    world: str = "ai-2025"
    overlay: str | None = None
    as_of: str | None = None

    @property
    def runs(self) -> Path:
        """Where runs lie, as for `penstock run` called in the workspace."""
        return self.workspace / RUNS

    @property
    def uploads(self) -> Path:
        """Where exposures that were handed in lie."""
        return self.workspace / UPLOADS

    @property
    def cache(self) -> Path:
        """What can be made again."""
        return self.workspace / CACHE

    @property
    def python(self) -> str:
        """The call that loads this world, made in the workspace; a folder is told from there, not from the root."""
        told = [repr(_from(self.workspace, self.world))]
        if self.as_of:
            told.append(f"as_of={self.as_of!r}")
        if self.overlay:
            told.append(f"overlay={_from(self.workspace, self.overlay)!r}")
        return f"ps.load_world({', '.join(told)})"

    @property
    def bundled(self) -> bool:
        """Whether the world is one that a run finds by its name."""
        return not self.overlay and not Path(self.world).is_dir()

    def run_directory(self, name: str) -> Path:
        """The directory of a run by its name. Raises UsageError for a name that is none or leads elsewhere."""
        directory = self.runs / name
        if not RUN_NAME.fullmatch(name) or ".." in name or not directory.is_dir():
            raise UsageError(f"run: found {name[:80]!r}; expected the name of a run in {RUNS}/")
        if directory.resolve().parent != self.runs.resolve():
            raise UsageError(f"run: found {name!r}, a link that leads elsewhere; expected a run in {RUNS}/")
        return directory

    def upload(self, name: str) -> Path:
        """A file that was handed in. Raises UsageError for a name that is none."""
        file = self.uploads / f"{name}.csv"
        if not UPLOAD_NAME.fullmatch(name) or file.is_symlink() or not file.is_file():
            raise UsageError(f"exposures: found {name[:80]!r}; expected the name that the upload gave")
        return file

    def load_world(self) -> World:
        """The world, loaded once a process."""
        return _world(self)

    def entered(self) -> Entered:
        """Who entered the rows of the world, read once a process."""
        return _entered(self)

    def open_run(self, name: str) -> Run:
        """A finished run by its name, opened once a process while its manifest stays the same."""
        return self.opened(name).run

    def opened(self, name: str) -> Opened:
        """The same run with what figures need of it."""
        directory = self.run_directory(name)
        manifest = directory / "manifest.json"
        stamp = manifest.stat().st_mtime_ns if manifest.is_file() else 0
        return _opened(self, directory, stamp)


@dataclass(frozen=True)
class Opened:
    """A run that this process has open."""

    run: Run

    @cached_property
    def data(self) -> ReportData:
        """What figures read, made when first asked for."""
        from penstock.report.source import read_run

        return read_run(self.run)


@lru_cache(maxsize=1)
def _world(place: Place) -> World:
    from penstock.world import load_world

    return load_world(place.world, as_of=place.as_of, overlay=place.overlay)


@lru_cache(maxsize=1)
def _entered(place: Place) -> Entered:
    from penstock.world.entered import entered_in

    return entered_in(place.world, place.overlay)


@lru_cache(maxsize=RUNS_HELD)
def _opened(place: Place, directory: Path, stamp: int) -> Opened:
    from penstock.engine.manifest import read_json
    from penstock.engine.run import open_run

    world = None
    if stamp:
        stored = read_json(directory / "manifest.json").get("world", {})
        ours = place.load_world()
        world = ours if isinstance(stored, dict) and stored.get("hash") == ours.hash else None
    return Opened(open_run(directory, world=world))
