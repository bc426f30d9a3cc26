"""The world: the cited facts at a date, immutable and typed."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import pandas as pd

from penstock.errors import InputError, UsageError
from penstock.world.naming import Named, nearest_name, resolve_name
from penstock.world.opening_rule import opening_figures
from penstock.world.ties import known_by, ties_in_force

DATED = {"financials": "period_end", "series": "date", "parameters": "known_from"}
"""Tables of which a world hands out only the rows of its as-of date, and the column that dates a row."""


@dataclass(frozen=True)
class Parameter:
    """One cited parameter: `low` to `high` is its 5 to 95 % range (None where only a centre is known)."""

    name: str
    low: float | None
    central: float
    high: float | None
    unit: str
    grade: str
    source_id: str
    known_from: dt.date | None


class World:
    """Cited facts as of a date.

    Nothing in it changes: every table handed out is a copy, attributes cannot be set, and a changed world
    is a new one. It pickles, so that it can travel to worker processes.

    Attributes:
        name: name of the bundled world or of the folder, with `+overlay` where one lies over it.
        as_of: date of the facts: what was announced or known later is not in force.
        hash: SHA-256 of the facts, overlay in, and the date; the same facts give the same hash.
        messages: what the loader accepted with a remark (another separator, a byte order mark).
        rules: rule tables of the world's own, as text by name; empty where the model's defaults hold.
    """

    name: str
    as_of: dt.date
    hash: str
    messages: tuple[str, ...]
    rules: Mapping[str, pd.DataFrame]

    def __init__(
        self,
        name: str,
        as_of: dt.date,
        hash: str,
        tables: Mapping[str, pd.DataFrame],
        messages: Sequence[str] = (),
        rules: Mapping[str, pd.DataFrame] | None = None,
    ) -> None:
        own = {key: frame.copy() for key, frame in tables.items()}
        self.__dict__.update(
            name=name, as_of=as_of, hash=hash, messages=tuple(messages), rules=dict(rules or {}), _tables=own
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a world does not change: {name} cannot be set; load another world instead")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a world does not change: {name} cannot be deleted")

    def __reduce__(self) -> tuple[Any, ...]:
        return (World, (self.name, self.as_of, self.hash, self._all, self.messages, self.rules))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, World) and self.hash == other.hash and self.name == other.name

    def __hash__(self) -> int:
        return hash((self.name, self.hash))

    @property
    def _all(self) -> dict[str, pd.DataFrame]:
        frames: dict[str, pd.DataFrame] = self.__dict__["_tables"]
        return frames

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Copies of all tables by name."""
        return {name: self.table(name) for name in self._all}

    def table(self, name: str) -> pd.DataFrame:
        """A copy of one table with its `grade` (A to E) beside `evidence`.

        Contracts and power carry `active`: known by the as-of date. Figures, series, parameters and booms hold
        only rows known by then; all other tables hold every row. Dates are ISO text, which sorts and compares as
        dates do.

        Raises:
            UsageError: no such table.
        """
        if name not in self._all:
            near = nearest_name(name, self._all)
            hint = f"; nearest {near}" if near else ""
            raise UsageError(f"table: found {name!r}; expected one of {', '.join(self._all)}{hint}")
        frame = self._all[name]
        if name in DATED and DATED[name] in frame:
            return frame[known_by(frame[DATED[name]], self.as_of)].reset_index(drop=True)
        if name == "booms":
            return self._booms(frame)
        if name == "contracts":
            return frame.assign(active=known_by(frame["announced"], self.as_of))
        if name == "power":
            return frame.assign(active=known_by(frame["signed"], self.as_of))
        return frame.copy()

    def every_row(self, name: str) -> pd.DataFrame:
        """A copy of one table with every row, those not known by the as-of date too, and its `grade`."""
        return self._all[name].copy()

    def _booms(self, frame: pd.DataFrame) -> pd.DataFrame:
        known = frame[known_by(frame["known_from"], self.as_of)].reset_index(drop=True)
        # what came of a boom is known once it has recovered
        over = pd.to_datetime(known["known_from"].fillna("1800-01-01"))
        recovered = over + pd.to_timedelta(known["recovery_years"].fillna(0.0) * 365.25, unit="D")
        late = recovered > pd.Timestamp(self.as_of)
        known.loc[late, ["recovery_years", "long_run_payoff"]] = None
        return known

    def resolve(self, text: str, kinds: Sequence[str] = ("company",)) -> str:
        """The id named by an id, a ticker, an exact name, or a unique part of one.

        Args:
            text: what a person typed.
            kinds: what may be meant: `company`, `site`, `chip`, `tie`, `power`, `source`, `parameter`.

        Raises:
            UsageError: no match (with the nearest name) or several (with the list).
        """
        return resolve_name(text, self._named, kinds)

    @cached_property
    def _named(self) -> tuple[Named, ...]:
        found: list[Named] = []
        companies = self._all["companies"].astype("object").fillna("")
        for row in companies.itertuples(index=False):
            found.append(Named("company", str(row.id), str(row.name), str(row.ticker)))
        for kind, table, key, label in (
            ("site", "sites", "id", "name"),
            ("chip", "chips", "id", "name"),
            ("tie", "contracts", "id", ""),
            ("power", "power", "id", ""),
            ("source", "sources", "id", "title"),
            ("parameter", "parameters", "name", ""),
        ):
            frame = self._all[table]
            labels = frame[label] if label else frame[key]
            pairs = zip(frame[key], labels, strict=True)
            found.extend(Named(kind, str(ident), str(name)) for ident, name in pairs)
        return tuple(found)

    def figures(self) -> pd.DataFrame:
        """Figures that stand at the as-of date, indexed (company_id, metric), by the opening-state rule.

        Flows are the latest four quarters known, per year; stocks the latest known. Unit usd_bn, employees
        a count.
        Columns: value, period_end, grade, source_id, basis, note.
        """
        return self._figures.copy()

    @cached_property
    def _figures(self) -> pd.DataFrame:
        return opening_figures(self._all["financials"], self._all["series"], self.as_of)

    def active_contracts(self) -> pd.DataFrame:
        """Ties in force at the as-of date, each sum of money once; flags `undrawn` and `ended` are added."""
        return ties_in_force(self._all["contracts"], self.as_of)

    def parameter(self, name: str) -> Parameter:
        """One parameter with its range and grade.

        Raises:
            UsageError: no parameter of this name.
            InputError: it was known only after the as-of date.
        """
        frame = self._all["parameters"]
        rows = frame[frame["name"] == name]
        if rows.empty:
            near = nearest_name(name, frame["name"])
            hint = f"; nearest {near}" if near else ""
            raise UsageError(f"parameter: found {name!r}; expected a name of parameters.csv{hint}")
        row = rows.iloc[0]
        known = None if pd.isna(row["known_from"]) else dt.date.fromisoformat(row["known_from"])
        if known and known > self.as_of:
            raise InputError(
                f"parameters.csv: {name}: found known_from {known}; "
                f"expected a day not after the as-of date {self.as_of}"
            )
        return Parameter(
            name=name,
            low=_optional(row["low"]),
            central=float(row["central"]),
            high=_optional(row["high"]),
            unit=str(row["unit"]),
            grade=str(row["grade"]),
            source_id=str(row["source_id"]),
            known_from=known,
        )

    @property
    def _grades(self) -> str:
        assumed = any("grade" in frame and (frame["grade"] == "F").any() for frame in self._all.values())
        return "ABCDEF" if assumed else "ABCDE"

    def counts(self) -> pd.DataFrame:
        """Rows of each table in all, and by evidence grade (empty where a table carries none).

        Grades A to E; F stands beside them where the world has assumed rows.
        """
        records = []
        for name, frame in self._all.items():
            record: dict[str, object] = {"table": name, "rows": len(frame)}
            if "grade" in frame:
                record.update({grade: int((frame["grade"] == grade).sum()) for grade in self._grades})
            records.append(record)
        columns = ["table", "rows", *self._grades]
        frame = pd.DataFrame(records, columns=columns, dtype="object").set_index("table")
        return frame.where(frame.notna(), None)

    def __repr__(self) -> str:
        sizes = f"{len(self._all['companies'])} companies, {len(self._all['contracts'])} ties"
        return f"World({self.name!r}, as of {self.as_of}, {sizes}, hash {self.hash[:8]})"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{column}</th>" for column in ("table", "rows", *self._grades))
        body = ""
        for name, row in self.counts().iterrows():
            cells = "".join(f"<td>{'' if pd.isna(value) else value}</td>" for value in row)
            body += f"<tr><th>{html.escape(str(name))}</th>{cells}</tr>"
        caption = f"World {html.escape(self.name)} as of {self.as_of}, hash {self.hash[:8]}"
        return (
            f"<table><caption>{caption}; rows by evidence grade</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def _optional(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
