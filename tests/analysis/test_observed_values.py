"""From quarter ends to dates: stocks in logs, fiscal quarters by months of overlap, levels from the last figure."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.analysis.observables import Observable, parse_output
from penstock.analysis.observed_values import Ensemble, flow_until, month_end, month_of, stock_at, value_at

AS_OF = dt.date(2025, 12, 31)
FLOWS = np.array([[3.0, 30.0], [6.0, 60.0], [9.0, 90.0]])
"""opening, 2026Q1, 2026Q2; two paths"""


def test_a_stock_is_interpolated_in_logs() -> None:
    stock = np.array([[1.0], [4.0], [4.0]])
    assert stock_at(stock, AS_OF, AS_OF)[0] == 1.0
    assert stock_at(stock, AS_OF, dt.date(2025, 6, 30))[0] == 1.0
    half = dt.date(2026, 2, 14)
    assert stock_at(stock, AS_OF, half)[0] == pytest.approx(4.0 ** (45 / 90))
    assert stock_at(stock, AS_OF, dt.date(2026, 3, 31))[0] == pytest.approx(4.0)
    assert stock_at(stock, AS_OF, dt.date(2026, 5, 5))[0] == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (dt.date(2026, 3, 31), 3, 6.0),
        (dt.date(2026, 1, 25), 3, 1.0 + 1.0 + 2.0),  # November and December at the opening flow, January of 2026Q1
        (dt.date(2026, 4, 26), 3, 2.0 + 2.0 + 3.0),
        (dt.date(2026, 5, 3), 3, 2.0 + 2.0 + 3.0),  # ends in the first week of May: February to April
        (dt.date(2026, 5, 31), 3, 2.0 + 3.0 + 3.0),
        (dt.date(2025, 11, 30), 3, 3.0),
        (dt.date(2026, 6, 30), 12, 6.0 + 6.0 + 9.0),
    ],
)
def test_a_fiscal_quarter_takes_calendar_quarters_by_months(day: dt.date, months: int, expected: float) -> None:
    np.testing.assert_allclose(flow_until(FLOWS, AS_OF, day, months), [expected, 10.0 * expected])


def test_a_day_beyond_the_last_quarter_is_refused() -> None:
    with pytest.raises(ValueError, match="lies beyond the last quarter"):
        flow_until(FLOWS, AS_OF, dt.date(2026, 7, 31), 3)
    with pytest.raises(ValueError, match="lies beyond the last quarter"):
        stock_at(FLOWS, AS_OF, dt.date(2026, 7, 31))


@given(st.integers(24_000, 24_400))
def test_months_and_their_ends_agree(month: int) -> None:
    assert month_of(month_end(month)) == month
    assert month_of(month_end(month) + dt.timedelta(days=3)) == month


def ensemble(**outputs: np.ndarray) -> Ensemble:
    return Ensemble(AS_OF, {name.replace("__", "."): values for name, values in outputs.items()})


def observable(output: str, months: int = 3, *, anchored: bool = False, rest: str = "") -> Observable:
    other = parse_output(rest, "test") if rest else None
    return Observable("s", "e", parse_output(output, "test"), months, anchored, other, "")


def test_an_anchored_series_takes_its_level_from_the_last_figure() -> None:
    found = value_at(
        ensemble(capex_usd_bn__a=FLOWS),
        observable("capex_usd_bn.a", anchored=True),
        dt.date(2026, 3, 31),
        (dt.date(2025, 12, 31), 5.0),
    )
    np.testing.assert_allclose(found, [10.0, 10.0])


def test_the_open_part_of_a_figure_follows_another_output() -> None:
    own = np.array([[1.0], [2.0]])
    rest = np.array([[10.0], [11.0]])
    found = value_at(
        ensemble(received_compute_usd_bn__a=own, own_sales_usd_bn__a=rest),
        observable("received_compute_usd_bn.a", rest="own_sales_usd_bn.a"),
        dt.date(2026, 3, 31),
        (dt.date(2025, 12, 31), 5.0),
    )
    np.testing.assert_allclose(found, [2.0 + 4.0 * 1.1])


def test_outputs_add_up_and_take_off_and_unknown_companies_are_left_out() -> None:
    given_outputs = ensemble(
        delivered_h100e__world=np.array([[10.0], [20.0]]), delivered_h100e__a=np.array([[4.0], [5.0]])
    )
    rest = observable("delivered_h100e.world-a-b", months=0)
    assert value_at(given_outputs, rest, dt.date(2026, 3, 31), None)[0] == pytest.approx(15.0)
    nobody = observable("delivered_h100e.b", months=0)
    with pytest.raises(ValueError, match=r"no such output in this world: delivered_h100e\.b"):
        value_at(given_outputs, nobody, dt.date(2026, 3, 31), None)


def test_a_series_without_a_figure_has_no_level() -> None:
    with pytest.raises(ValueError, match="no cited figure by the as-of date sets its level"):
        value_at(
            ensemble(capex_usd_bn__a=FLOWS), observable("capex_usd_bn.a", anchored=True), dt.date(2026, 3, 31), None
        )
