"""Numbers are written as the conventions of the product say."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.report import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.2, "$1.20bn"),
        (0.34, "$340m"),
        (1234.0, "$1.23tn"),
        (999.6, "$1.00tn"),
        (-5.5, "\u2212$5.50bn"),
        (0.0, "$0bn"),
        (math.nan, "n/a"),
    ],
)
def test_money_has_three_digits_a_unit_and_a_true_minus(value: float, text: str) -> None:
    assert numbers.money(value) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.8, 1.9, "$800m to $1.9bn (90%)"),
        (1.8, 3.9, "$1.8\u20133.9bn (90%)"),
        (0.0, 1.9, "$0\u20131.9bn (90%)"),
        (-2.0, 3.0, "\u2212$2.0bn to $3.0bn (90%)"),
        (410.0, 2400.0, "$410bn to $2.4tn (90%)"),
    ],
)
def test_a_range_of_money_names_its_units_and_level(low: float, high: float, text: str) -> None:
    assert numbers.money_range(low, high, 2) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(9.996, "10.0"), (0.0123456, "0.0123"), (1234567.0, "1,230,000"), (-3.0, "\u22123.00"), (0.0, "0")],
)
def test_plain_numbers_keep_three_digits(value: float, text: str) -> None:
    assert numbers.plain(value) == text


@pytest.mark.parametrize(
    ("value", "se", "digits"),
    [(100.0, 60.0, 2), (100.0, 9.0, 3), (100.0, 0.5, 3), (133.0, 15.6, 2), (42.0, 70.0, 1), (5.0, 60.0, 1)],
)
def test_no_more_digits_than_the_error_supports(value: float, se: float, digits: int) -> None:
    assert numbers.digits_supported(value, se) == digits


@given(st.floats(1e-3, 1e6), st.floats(1e-4, 1e6))
def test_rounding_to_the_supported_digits_moves_a_number_by_half_its_error_at_most(value: float, se: float) -> None:
    digits = numbers.digits_supported(value, se)
    rounded = float(numbers.plain(value, digits).replace(",", ""))
    # three digits are the most that is shown; one is the least
    if 1 < digits < 3:
        assert abs(rounded - value) <= 0.5 * se * (1.0 + 1e-9)


def test_a_supported_share_is_one_number_with_its_error() -> None:
    assert numbers.probability_text(340, 1000) == "34% (se 1.5)"


def test_a_small_share_is_a_range_with_its_error() -> None:
    low, high = numbers.wilson_interval(50, 1000)
    expected = f"{100 * low:.1f}\u2013{100 * high:.1f}% (se 0.69)"
    assert numbers.probability_text(50, 1000) == expected


def test_a_share_below_twice_its_error_is_a_range() -> None:
    text = numbers.probability_text(2, 12)
    assert "\u2013" in text
    assert not text.startswith("17%")


def test_a_weak_sheet_makes_a_range_that_names_the_grade() -> None:
    text = numbers.probability_text(340, 1000, "F")
    assert "grade F" in text
    assert "\u2013" in text
    assert "34%" not in text


def test_none_of_the_paths_is_an_upper_bound_and_not_zero() -> None:
    assert numbers.probability_text(0, 1000).startswith("under 0.3%")


def test_all_of_the_paths_is_a_lower_bound_and_not_certainty() -> None:
    assert numbers.probability_text(1000, 1000).startswith("over 99")


@pytest.mark.parametrize(("count", "total"), [(0, 10), (3, 10), (10, 10), (1, 1)])
def test_wilson_interval_holds_the_share_inside_zero_and_one(count: int, total: int) -> None:
    low, high = numbers.wilson_interval(count, total)
    assert 0.0 <= low <= count / total + 1e-12
    assert count / total - 1e-12 <= high <= 1.0
    assert high > low


def test_wilson_interval_needs_a_path() -> None:
    with pytest.raises(ValueError, match="at least one path"):
        numbers.wilson_interval(0, 0)


@pytest.mark.parametrize(
    ("share", "word"),
    [(0.005, "exceptionally"), (0.18, "unlikely"), (0.5, "as likely as not"), (0.95, "very likely")],
)
def test_number_first_frequency_second_word_last(share: float, word: str) -> None:
    text = numbers.in_hundred(round(share * 10000), 10000)
    assert text.index("%") < text.index("in 1") < text.index(word)
