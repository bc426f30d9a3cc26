"""Order books of turbine makers: a full book stretches the time from order to power.

GW and years; arrays may hold makers, paths last.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.errors import UsageError

Array = np.ndarray

BASE_LEAD_YEARS = 3.5
"""From order to power before the shortage (specification 5.9: plans of combined cycle took 3.5 years in 2023)."""
CONGESTION = 0.5
"""Lengthening per year of book beyond the base lead time (specification 5.9: 0.5 to 1)."""


def advance_order_book(backlog_gw: Any, orders_gw: Any, output_gw: Any) -> tuple[Array, Array]:
    """The book after a period, and what is delivered: all that is made, as far as the book goes.

    output_gw: what can be made in the period. Nothing is lost: old book + orders = deliveries + new book.
    Raises UsageError for a negative quantity.
    """
    book, orders, output = (np.asarray(v, dtype=float) for v in (backlog_gw, orders_gw, output_gw))
    for name, value in (("backlog_gw", book), ("orders_gw", orders), ("output_gw", output)):
        if not np.all(value >= 0):
            raise UsageError(f"{name}: found {float(np.min(value)):g}; expected 0 or more GW")
    delivered = np.minimum(output, book + orders)
    return book + orders - delivered, delivered


def lead_time_years(
    backlog_gw: Any,
    output_gw_per_year: Any,
    *,
    base_years: Any = BASE_LEAD_YEARS,
    congestion: Any = CONGESTION,
) -> Array:
    """Years from order to power: base x (1 + congestion x years of book beyond the base).

    Raises UsageError for a negative book or output that is not positive.
    """
    book, output = np.asarray(backlog_gw, dtype=float), np.asarray(output_gw_per_year, dtype=float)
    if not np.all(book >= 0):
        raise UsageError(f"backlog_gw: found {float(np.min(book)):g}; expected 0 or more GW")
    if not np.all(output > 0):
        raise UsageError(f"output_gw_per_year: found {float(np.min(output)):g}; expected more than 0 GW")
    return np.asarray(base_years) * (1.0 + np.asarray(congestion) * np.maximum(book / output - base_years, 0.0))
