"""A run: an ensemble that is finished, its tables, and any of its paths in full."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from penstock.engine.chunks import plain_text
from penstock.engine.interface import Engine, penstock_engine
from penstock.engine.manifest import MANIFEST, identity_hash, read_json
from penstock.engine.posterior import posterior_digest
from penstock.engine.schema import at_present, notice_of
from penstock.engine.storage import read_tables, sha256_of
from penstock.errors import InputError, PenstockError, SchemaNotice, UsageError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from penstock.engine.run_plot import RunPlot

CONSERVATION_LIMIT = 1e-9
"""Largest relative gap between two sides of an identity that rounding can explain."""


class ModelWarning(RuntimeWarning):
    """A check of the model failed on some path; its numbers must not be used."""


def problems_of(checks: Mapping[str, Any]) -> list[str]:
    """One sentence per check of the model that failed; empty when all hold."""
    found = []
    # turned round so that a number that is not finite is a problem too
    if not checks["conservation_max_rel"] <= CONSERVATION_LIMIT:
        found.append(
            f"conservation: found a largest relative error of {checks['conservation_max_rel']:.1e}; "
            f"expected at most {CONSERVATION_LIMIT:.0e}"
        )
    if checks["nonconverged"]:
        found.append(f"convergence: found {checks['nonconverged']} fixed points not reached; expected none")
    if checks["nan"]:
        found.append(f"numbers: found {checks['nan']} that are not finite; expected none")
    return found


class Tables(Protocol):
    """Where the tables of a run lie."""

    def read(self, name: str) -> pd.DataFrame:
        """One table, scenarios in the order of the manifest, paths in order."""


@dataclass(frozen=True)
class MemoryTables:
    """Tables of a run that was not written."""

    tables: Mapping[str, pd.DataFrame]

    @classmethod
    def of(
        cls, chunks: Sequence[Mapping[str, pd.DataFrame]], overall: Sequence[Mapping[str, pd.DataFrame]]
    ) -> MemoryTables:
        """From the tables of all chunks and those over all paths of each scenario, in order."""
        import pandas as pd

        tables = {
            name: pd.concat([plain_text(chunk[name]) for chunk in chunks], ignore_index=True) for name in chunks[0]
        }
        joined = {name: pd.concat([part[name] for part in overall], ignore_index=True) for name in overall[0]}
        return cls({**tables, **joined})

    def read(self, name: str) -> pd.DataFrame:
        """The table of this name."""
        return self.tables[name]


@dataclass(frozen=True)
class DirectoryTables:
    """Tables of a run in its directory."""

    directory: Path
    files: Mapping[str, str]
    """SHA-256 of each file, by its path inside the directory"""

    def read(self, name: str) -> pd.DataFrame:
        """The table of this name. Raises InputError where files are missing, changed or broken."""
        files = {file: digest for file, digest in self.files.items() if file.startswith(f"{name}/")}
        if not files:
            raise InputError(f"{self.directory}: {name}: found no such table in the manifest; expected one")
        # bytes that changed on disk can still be a table, with other numbers
        for file, digest in files.items():
            if (found := sha256_of(self.directory / file)) != digest:
                raise InputError(
                    f"{self.directory / file}: found {f'SHA-256 {found[:12]}…' if found else 'no file'}; "
                    f"expected SHA-256 {digest[:12]}…: see `penstock runs repair`"
                )
        try:
            return plain_text(read_tables([self.directory / file for file in files]))
        except OSError as error:
            raise InputError(f"{self.directory}: {name}: found {error}; see `penstock runs verify`") from error


@dataclass(frozen=True)
class CompanyResult:
    """What a run says of one company: `bands` over paths by quarter and measure, `outcomes` by path."""

    company_id: str
    bands: pd.DataFrame
    outcomes: pd.DataFrame

    def to_pandas(self) -> pd.DataFrame:
        """The bands."""
        return self.bands

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "company_id": self.company_id,
            "bands": self.bands.to_dict(orient="records"),
            "outcomes": self.outcomes.to_dict(orient="records"),
        }


class Run:
    """A finished ensemble. Tables are pandas data frames with the columns of the run directory, read once."""

    def __init__(
        self,
        manifest: dict[str, Any],
        tables: Tables,
        *,
        directory: Path | None = None,
        world: Any = None,
        engine: Engine | None = None,
        models: Mapping[str, Any] | None = None,
    ) -> None:
        self.manifest = manifest
        self.directory = directory
        self._tables = tables
        self._world = world
        self._engine = engine
        self._models = dict(models or {})

    @property
    def scenarios(self) -> tuple[str, ...]:
        """Names of the scenarios, in the order asked for."""
        return tuple(scenario["name"] for scenario in self.manifest["scenarios"])

    @cached_property
    def economy(self) -> pd.DataFrame:
        """scenario, path, quarter, region: physical and money totals of the whole economy."""
        return self._frame("economy")

    @cached_property
    def layers(self) -> pd.DataFrame:
        """scenario, path, quarter, layer: money and defaults of each layer."""
        return self._frame("layers")

    @cached_property
    def outcomes(self) -> pd.DataFrame:
        """scenario, path, company_id, instrument: how each company and its claims ended."""
        return self._frame("outcomes")

    @cached_property
    def events(self) -> pd.DataFrame:
        """scenario, path, quarter, sequence: what happened to whom, and what caused it."""
        return self._frame("events")

    @cached_property
    def losses(self) -> pd.DataFrame:
        """scenario, path, quarter, sequence: each claim that a default cut, who held it and what of it is lost."""
        return self._frame("losses")

    @cached_property
    def bands(self) -> pd.DataFrame:
        """scenario, quarter, company_id, measure: mean, quantiles and standard error over paths."""
        return self._frame("bands")

    @cached_property
    def flows(self) -> pd.DataFrame:
        """scenario, year, payer, payee: money between layers and sectors, mean and 90 % range over paths."""
        return self._frame("flows")

    @cached_property
    def companies(self) -> pd.DataFrame:
        """scenario, path, quarter, company_id: every company on every path; kept by keep="full" only."""
        if self.manifest["keep"] != "full":
            raise UsageError('companies: found a run with keep="summary"; expected one with keep="full"')
        return self._frame("company")

    def table(self, name: str) -> pd.DataFrame:
        """A table by its name. Raises InputError where the run has none of that name, or a damaged one."""
        return self._frame(name)

    def _frame(self, name: str) -> pd.DataFrame:
        return self._tables.read(name)

    @property
    def world(self) -> Any:
        """The world that was simulated, loaded again where needed. Raises InputError when it differs."""
        stored = self.manifest["world"]
        if self._world is None:
            self._world = _load_world(stored)
        if self._world.hash != stored["hash"]:
            raise InputError(
                f"{stored['name']}: found a world with hash {self._world.hash[:12]}…; "
                f"expected that of the run, {stored['hash'][:12]}…"
            )
        return self._world

    @property
    def opening(self) -> Any:
        """The opening state of the first scenario."""
        return self._model(self.scenarios[0]).opening

    def company(self, company: str) -> CompanyResult:
        """Bands and outcomes of one company, named by id, ticker, name or a unique part of one."""
        bands = self.bands
        company_id = company
        if company not in set(bands["company_id"]):
            company_id = self.world.resolve(company)
        mine = bands[bands["company_id"] == company_id]
        if mine.empty:
            raise UsageError(f"company: found {company!r}; expected a company that this run simulates")
        outcomes = self.outcomes[self.outcomes["company_id"] == company_id]
        return CompanyResult(company_id, mine.reset_index(drop=True), outcomes.reset_index(drop=True))

    def path(self, n: int, scenario: str | None = None) -> Any:
        """One path in full, simulated again from the manifest, equal to what the run saw bit for bit.

        Returns the engine's PathDetail: economy, company, events and ledger postings (quarter, instrument,
        debit, credit, amount_usd_bn, tie_id). `scenario` is the run's first unless given.
        """
        paths = self.manifest["paths"]
        if isinstance(n, bool) or not 0 <= n < paths:
            raise UsageError(f"path: found {n}; expected a number from 0 to {paths - 1}")
        return self.engine.replay(self._model(scenario or self.scenarios[0]), n)

    @property
    def engine(self) -> Engine:
        """The functions that made its numbers."""
        self._engine = self._engine or penstock_engine()
        return self._engine

    def model(self, scenario: str | None = None) -> Any:
        """The prepared model of a scenario, the run's first unless given."""
        return self._model(scenario or self.scenarios[0])

    def _model(self, scenario: str) -> Any:
        """The prepared model of a scenario, made again from the manifest where needed."""
        if scenario not in self.scenarios:
            raise UsageError(f"scenario: found {scenario!r}; expected one of {', '.join(self.scenarios)}")
        if scenario not in self._models:
            engine = self.engine
            stored = self.manifest["scenarios"][self.scenarios.index(scenario)]
            parsed = engine.read_scenario(stored["text"], self.world)
            if parsed.hash != stored["hash"]:
                raise InputError(
                    f"{scenario}: found a text with hash {parsed.hash[:12]}… in the manifest; "
                    f"expected {stored['hash'][:12]}…"
                )
            self._same_draws()
            self._models[scenario] = engine.prepare(
                self.world,
                parsed,
                quarters=self.manifest["quarters"],
                seed=self.manifest["seed"],
                prior=self.manifest["prior"],
            )
        return self._models[scenario]

    def _same_draws(self) -> None:
        """Refuses to simulate again what took draws of a calibration that this version does not come with."""
        told = self.manifest.get("posterior", "")
        here = "" if self.manifest["prior"] else posterior_digest(self.world.as_of)
        if told != here:
            names = [f"with hash {text[:12]}…" if text else "none" for text in (here, told)]
            raise InputError(f"{MANIFEST}: posterior: found draws {names[0]} in this version; expected {names[1]}")

    def problems(self) -> list[str]:
        """One sentence per check of the model that failed; empty when all hold."""
        return problems_of(self.manifest["checks"])

    def to_xarray(self) -> xr.Dataset:
        """All numbers as labelled arrays.

        `economy_*` (scenario, path, quarter), `layer_*` (scenario, path, quarter, layer), `band`
        (scenario, quarter, company_id, measure, statistic; empty where a company lacks a measure) and, with
        keep="full", `company_*` (scenario, path, quarter, company_id).
        """
        from penstock.engine.run_arrays import run_dataset

        return run_dataset(self)

    @property
    def plot(self) -> RunPlot:
        """Figures; `run.plot.fan(measure)` needs matplotlib (`pip install penstock[plot]`)."""
        from penstock.engine.run_plot import RunPlot

        return RunPlot(self)

    def __repr__(self) -> str:
        m = self.manifest
        where = str(self.directory) if self.directory else "in memory"
        return (
            f"<Run {', '.join(self.scenarios)} of {m['world']['name']} as of {m['world']['as_of']}: "
            f"{m['paths']} paths, {m['quarters']} quarters, seed {m['seed']}, {self.id}, {where}>"
        )

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that name what was run."""
        return identity_hash(self.manifest)

    def _repr_html_(self) -> str:
        from penstock.engine.run_html import run_html

        return run_html(self)


def open_run(
    dir: str | Path,
    *,
    world: Any = None,
    engine: Engine | None = None,
    models: Mapping[str, Any] | None = None,
) -> Run:
    """Open a finished run from its directory. `world` is needed to simulate its paths again where it was given by an
    overlay.

    Raises UsageError when there is no such directory, InputError when it holds no finished run.
    """
    path = Path(dir)
    if not path.is_dir():
        raise UsageError(f"run: found {str(dir)!r}; expected the directory of a run")
    if not (path / MANIFEST).is_file():
        unfinished = (path / "run.json").is_file()
        found = "an unfinished run: call `penstock run` as before to go on" if unfinished else "no run"
        raise InputError(f"{path}: found {found}; expected a directory with {MANIFEST}")
    manifest = at_present(read_json(path / MANIFEST), path / MANIFEST)
    if notice := notice_of(manifest, path):
        warnings.warn(notice, SchemaNotice, stacklevel=2)
    try:
        files = {str(entry["path"]): str(entry["sha256"]) for entry in manifest["files"]}
    except (KeyError, TypeError) as error:
        raise InputError(f"{path / MANIFEST}: files: found no list of files; expected what a run writes") from error
    return Run(manifest, DirectoryTables(path, files), directory=path, world=world, engine=engine, models=models)


def _load_world(stored: Mapping[str, Any]) -> Any:
    from penstock.world import load_world

    try:
        return load_world(stored["name"], as_of=stored["as_of"])
    except PenstockError as error:
        raise InputError(
            f"{stored['name']}: found no such world here; expected the one that was run: name it with "
            f"--world and --overlay, or open_run(…, world=…) ({error})"
        ) from error
