"""From outputs at quarter ends to the value of a cited series at any date, path by path.

A stock is interpolated in logs between quarter ends. A flow of three or twelve months takes each calendar quarter's
flow by the months that overlap; months up to the as-of date stand at the opening flow. A date in the first week of a
month belongs to the month before it, for fiscal quarters end on a weekday near the end of a month.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from penstock.analysis.observables import Observable, Output

Array = np.ndarray

FIRST_WEEK = 7
FLOOR = 1e-3
"""Least value of an output relative to its opening: the logarithm of a failed firm's revenue has to end somewhere."""
TINY = 1e-12


@dataclass(frozen=True)
class Ensemble:
    """Outputs of an ensemble: (quarters + 1, paths) each, the opening first, and the day of the opening."""

    as_of: dt.date
    outputs: Mapping[str, Array]

    @property
    def quarters(self) -> int:
        """Quarters that were simulated."""
        return next((len(values) - 1 for values in self.outputs.values()), 0)

    @property
    def last_day(self) -> dt.date:
        """Last day that the ensemble reaches."""
        return month_end(month_of(self.as_of) + 3 * self.quarters)

    def combined(self, output: Output) -> Array:
        """A sum of outputs, (quarters + 1, paths), kept above a small part of its opening.

        Companies that the world does not simulate are left out of a sum.

        Raises ValueError where it simulates none of them.
        """
        names = {f"{output.measure}.{who}": sign for sign, who in output.parts}
        if not any(name in self.outputs and sign > 0 for name, sign in names.items()):
            raise ValueError(f"no such output in this world: {', '.join(names)}")
        shape = next(iter(self.outputs.values())).shape
        total = np.zeros(shape)
        for name, sign in names.items():
            total = total + sign * self.outputs.get(name, 0.0)
        return np.maximum(total, FLOOR * max(float(np.median(total[0])), TINY))


def month_of(day: dt.date) -> int:
    """Months since year 0 of the month that a period ending on this day ends with."""
    month = day.year * 12 + day.month - 1
    return month - 1 if day.day <= FIRST_WEEK else month


def month_end(month: int) -> dt.date:
    """Last day of a month counted as in `month_of`."""
    return dt.date((month + 1) // 12, (month + 1) % 12 + 1, 1) - dt.timedelta(days=1)


def stock_at(values: Array, as_of: dt.date, day: dt.date) -> Array:
    """Stock on a day, (paths,), from the opening and quarter ends, (quarters + 1, paths); in logs between them."""
    if day <= as_of:
        return np.asarray(values[0])
    opening = month_of(as_of)
    ends = [as_of] + [month_end(opening + 3 * number) for number in range(1, len(values))]
    later = next((number for number, end in enumerate(ends) if end >= day), None)
    if later is None:
        raise ValueError(f"{day} lies beyond the last quarter")
    before, after = ends[later - 1], ends[later]
    weight = (day - before).days / (after - before).days
    return np.asarray(np.exp((1.0 - weight) * np.log(values[later - 1]) + weight * np.log(values[later])))


def flow_until(values: Array, as_of: dt.date, day: dt.date, months: int) -> Array:
    """Flow of the months that end with the month of a day, (paths,), from quarterly flows, the opening's first."""
    opening, last = month_of(as_of), month_of(day)
    total = np.zeros(values.shape[1])
    for month in range(last - months + 1, last + 1):
        quarter = 0 if month <= opening else (month - opening + 2) // 3
        if quarter >= len(values):
            raise ValueError(f"{day} lies beyond the last quarter")
        total += values[quarter] / 3.0
    return total


def value_at(
    ensemble: Ensemble, observable: Observable, day: dt.date, last_figure: tuple[dt.date, float] | None
) -> Array:
    """What the ensemble says of a series on a day, (paths,), in the unit of the series.

    last_figure: day and value of the last cited figure by the as-of date, which sets the level where the row says so.

    Raises ValueError where the level needs a figure and none is known, or the day lies beyond the last quarter.
    """
    if observable.output is None:
        raise ValueError(observable.note)
    own = _measured(ensemble, observable, observable.output, day)
    if not observable.needs_figure:
        return own
    if last_figure is None:
        raise ValueError("no cited figure by the as-of date sets its level")
    then, figure = last_figure
    before = _measured(ensemble, observable, observable.output, then)
    if observable.rest is None:
        return np.asarray(own * (figure / before))
    course = _measured(ensemble, observable, observable.rest, day) / _measured(
        ensemble, observable, observable.rest, then
    )
    return np.asarray(own + np.maximum(figure - before, 0.0) * course)


def _measured(ensemble: Ensemble, observable: Observable, output: Output, day: dt.date) -> Array:
    values = ensemble.combined(output)
    if observable.months == 0:
        return stock_at(values, ensemble.as_of, day)
    return flow_until(values, ensemble.as_of, day, observable.months)
