"""Which output of the model stands for which cited series: the rows of `observables.csv`, read and checked.

`output` is `MEASURE.WHO`: a measure of a company, owner, market or the world; several of WHO are added with `+` and
taken off with `-`, and `*` is the entity of the series. `none` says that the model does not carry the series, and the
note says why. `transform` is one of `stock`, `flow` (of the three months that end with the month of the date) and
`flow_year` (of twelve), with `anchored` where the model gives the course and the last cited figure the level, or with
`rest=OUTPUT` where the part of the last cited figure that the output leaves open follows another output.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.errors import InputError
from penstock.world.naming import nearest_name

if TYPE_CHECKING:
    import pandas as pd

    from penstock.world import World

NONE = "none"
ANY = "*"
MONTHS = {"stock": 0, "flow": 3, "flow_year": 12}
"""Kinds of series, each with the months that a point covers."""
NOT_LISTED = "observables.csv has no row for it"
PART = re.compile(r"([+-]?)([a-z0-9_*]+)")


@dataclass(frozen=True)
class Output:
    """A sum of outputs of one measure: `(sign, who)` each."""

    measure: str
    parts: tuple[tuple[int, str], ...]

    @property
    def text(self) -> str:
        """The output as `observables.csv` writes it."""
        rest = "".join(("-" if sign < 0 else "+") + who for sign, who in self.parts)
        return f"{self.measure}.{rest.removeprefix('+')}"

    @property
    def names(self) -> tuple[str, ...]:
        """The outputs that are added up."""
        return tuple(f"{self.measure}.{who}" for _, who in self.parts)


@dataclass(frozen=True)
class Observable:
    """One series of one entity and what stands for it.

    Attributes:
        output: None where the model does not carry the series; `note` then says why.
        months: months that a point covers, 0 for a stock.
        anchored: whether only the course comes from the model.
        rest: output that the open part of the last cited figure follows.
    """

    series: str
    entity: str
    output: Output | None
    months: int
    anchored: bool
    rest: Output | None
    note: str

    @property
    def needs_figure(self) -> bool:
        """Whether a cited figure is needed to set the level."""
        return self.anchored or self.rest is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Every output that is read."""
        return tuple(name for part in (self.output, self.rest) if part is not None for name in part.names)


class ScoringMap:
    """The rows of a world's `observables.csv`."""

    def __init__(self, world: World) -> None:
        self._read(world.every_row("observables"))

    @classmethod
    def of_table(cls, table: pd.DataFrame) -> ScoringMap:
        """The same from the rows themselves."""
        found = cls.__new__(cls)
        found._read(table)
        return found

    @property
    def table(self) -> pd.DataFrame:
        """The rows as they stand in the file."""
        return self._table.copy()

    @property
    def rows(self) -> tuple[Observable, ...]:
        """Every row, those of series that are not carried too."""
        return tuple(self._rows.values())

    def _read(self, table: pd.DataFrame) -> None:
        self._table = table.copy()
        self._rows: dict[tuple[str, str], Observable] = {}
        for line, row in enumerate(table.to_dict("records"), start=2):
            cells = {str(key): "" if cell != cell or cell is None else str(cell) for key, cell in row.items()}
            found = _observable(cells, line)
            self._rows[found.series, found.entity] = found

    def find(self, series: str, entity: str) -> Observable:
        """What stands for a series of an entity: its own row, else the row of any entity."""
        if (series, entity) in self._rows:
            return self._rows[series, entity]
        general = self._rows.get((series, ANY))
        if general is None:
            return Observable(series, entity, None, 0, False, None, NOT_LISTED)
        return Observable(
            series,
            entity,
            _of(general.output, entity),
            general.months,
            general.anchored,
            _of(general.rest, entity),
            general.note,
        )


def _of(output: Output | None, entity: str) -> Output | None:
    if output is None:
        return None
    return Output(output.measure, tuple((sign, entity if who == ANY else who) for sign, who in output.parts))


def _observable(cells: dict[str, str], line: int) -> Observable:
    where = f"observables.csv:{line}"
    words = cells["transform"].split()
    if cells["output"] == NONE:
        if not cells["note"]:
            raise InputError(f"{where}: note: found nothing; expected the reason why the series is not carried")
        return Observable(cells["series"], cells["entity"], None, 0, False, None, cells["note"])
    kinds = [word for word in words if word in MONTHS]
    if len(kinds) != 1:
        raise InputError(f"{where}: transform: found {cells['transform']!r}; expected one of {', '.join(MONTHS)}")
    anchored, rest = False, None
    for word in words:
        if word == "anchored":
            anchored = True
        elif word.startswith("rest="):
            rest = parse_output(word.removeprefix("rest="), f"{where}: transform")
        elif word not in MONTHS:
            near = nearest_name(word, [*MONTHS, "anchored"])
            hint = f"; nearest {near}" if near else ""
            raise InputError(f"{where}: transform: found {word!r}; expected a kind, anchored or rest=OUTPUT{hint}")
    if anchored and rest is not None:
        raise InputError(f"{where}: transform: found {cells['transform']!r}; expected anchored or rest, not both")
    output = parse_output(cells["output"], f"{where}: output")
    return Observable(cells["series"], cells["entity"], output, MONTHS[kinds[0]], anchored, rest, cells["note"])


def parse_output(text: str, where: str, measures: Sequence[str] = ()) -> Output:
    """An output as text.

    Raises InputError where it is not of the form `MEASURE.WHO`, or its measure is unknown.
    """
    from penstock.analysis.observed_outputs import MEASURES

    measure, dot, who = text.partition(".")
    parts = PART.findall(who)
    if not dot or "".join(sign + name for sign, name in parts) != who or not parts or parts[0][0]:
        raise InputError(f"{where}: found {text!r}; expected MEASURE.WHO, as capex_usd_bn.microsoft")
    known = measures or MEASURES
    if measure not in known:
        near = nearest_name(measure, known)
        hint = f"; nearest {near}" if near else ""
        raise InputError(f"{where}: found {measure!r}; expected one of {', '.join(known)}{hint}")
    return Output(measure, tuple((-1 if sign == "-" else 1, name) for sign, name in parts))
