"""Many runs as one database: a view for each table, with the run in front of every row.

The files are read where they lie, by DuckDB. What asks the database can read the runs and nothing else: other files,
the network and the settings are closed to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.engine.manifest import damaged_files
from penstock.engine.run import Run
from penstock.errors import InputError, UsageError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

TABLES = ("economy", "layers", "outcomes", "events", "losses", "bands", "flows", "company")
RUNS = "runs"
"""View with a row a run"""


def views(runs: Sequence[Run]) -> duckdb.DuckDBPyConnection:
    """A database in memory: `runs`, `economy`, `layers`, `outcomes`, `events`, `losses`, `bands`, `flows` as views.

    Every row begins with `run`, the name of the run's directory, made longer where two have the same. A view holds the
    runs that have the table; columns that some lack are empty there. `runs` has run, id, directory, world, as_of,
    scenarios, seed, paths, quarters, prior, penstock, started.

    Raises InputError for a run with a damaged file, UsageError for one that lies nowhere or for none.
    """
    import duckdb

    if not runs:
        raise UsageError("runs: found none that are finished; expected at least one")
    names = dict(zip(run_names(runs), runs, strict=True))
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute("SET enable_progress_bar = false")
    connection.register("runs_told", _facts(names))
    connection.execute(f"CREATE TABLE {RUNS} AS SELECT * FROM runs_told")
    connection.unregister("runs_told")
    for name, run in names.items():
        if damage := damaged_files(_place(run), run.manifest):
            raise InputError(f"{name}/{damage[0]}: see `penstock runs repair`")
    for table in TABLES:
        parts = [_select(table, name, run) for name, run in names.items()]
        if held := [part for part in parts if part]:
            connection.execute(f"CREATE VIEW {table} AS {' UNION ALL BY NAME '.join(held)}")
    allowed = ", ".join(_text(f"{_place(run).resolve()}/") for run in names.values())
    connection.execute(f"SET allowed_directories = [{allowed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def ask(connection: duckdb.DuckDBPyConnection, query: str) -> pd.DataFrame:
    """What one SELECT gives.

    Raises UsageError for anything else, and in the database's own words for a query that it refuses.
    """
    import duckdb

    try:
        statements = connection.extract_statements(query)
        # the places of the runs are open to the database, for writing too
        if [one.type for one in statements] != [duckdb.StatementType.SELECT]:
            raise UsageError(f"SQL: found {query[:60]!r}; expected one SELECT")
        return connection.execute(statements[0]).df()
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(
            f"SQL: found {reason}; expected a query over the views {', '.join((RUNS, *TABLES))}"
        ) from error


def run_names(runs: Iterable[Run]) -> list[str]:
    """Last part of each run's directory, the whole path where two have the same."""
    places = [_place(run) for run in runs]
    short = [place.resolve().name for place in places]
    return [
        str(place) if short.count(name) > 1 or not name else name for place, name in zip(places, short, strict=True)
    ]


def _place(run: Run) -> Path:
    if run.directory is None:
        raise UsageError("runs: found one in memory; expected runs in directories")
    return run.directory


def _facts(runs: dict[str, Run]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "run": name,
                "id": run.id,
                "directory": str(run.directory),
                "world": run.manifest["world"]["name"],
                "as_of": run.manifest["world"]["as_of"],
                "scenarios": ", ".join(run.scenarios),
                "seed": run.manifest["seed"],
                "paths": run.manifest["paths"],
                "quarters": run.manifest["quarters"],
                "prior": bool(run.manifest["prior"]),
                "penstock": run.manifest["penstock"],
                "started": run.manifest["started"],
            }
            for name, run in runs.items()
        ]
    )


def _select(table: str, name: str, run: Run) -> str:
    """The rows of a table of one run; empty text where it has none."""
    files = [str(entry["path"]) for entry in run.manifest["files"] if str(entry["path"]).startswith(f"{table}/")]
    if not files:
        return ""
    place = _place(run).resolve()
    listed = ", ".join(_text(str(place / file)) for file in files)
    return f"SELECT {_text(name)} AS run, * FROM read_parquet([{listed}], union_by_name = true)"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
