"""How many units carry a load, and hours short: published cases, distributions and orderings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import UsageError
from penstock.layers.energy import (
    UnitGroup,
    adequacy,
    outage_table,
    units_for_reliability,
)

FEW = settings(max_examples=60, deadline=None)


@FEW
@given(st.integers(1, 40), st.floats(0.7, 0.999), st.floats(0.5, 0.99999))
def test_the_number_of_units_is_the_smallest_that_does(needed: int, availability: float, target: float) -> None:
    from scipy.stats import binom

    count = units_for_reliability(50.0 * needed, 50.0, availability, target)
    assert count >= needed
    assert binom.sf(needed - 1, count, availability) >= target - 1e-12
    if count > needed:
        assert binom.sf(needed - 1, count - 1, availability) < target


@FEW
@given(st.floats(0.8, 0.99), st.floats(0.9, 0.999))
def test_more_outages_or_a_stricter_target_never_need_fewer_units(availability: float, target: float) -> None:
    usual = units_for_reliability(1000, 50, availability, target)
    assert units_for_reliability(1000, 50, availability - 0.05, target) >= usual
    assert units_for_reliability(1000, 50, availability, target + 0.0005) >= usual


def test_common_causes_bound_what_units_can_do() -> None:
    assert units_for_reliability(1000, 50, 0.95, 0.99, common_cause=0.1) >= units_for_reliability(1000, 50, 0.95, 0.99)
    with pytest.raises(UsageError, match=r"target: found 0\.999; expected at most 0\.995, which common causes leave"):
        units_for_reliability(1000, 50, 0.95, 0.999, common_cause=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 50, 0.95, 0.99), "load_mw: found -1; expected 0 or more MW"),
        ((100, 0, 0.95, 0.99), "unit_mw: found 0; expected more than 0 MW"),
        ((100, 50, 0.0, 0.99), "availability: found 0"),
        ((100, 50, 0.9, 1.2), "target: found 1.2; expected a share from 0 to 1"),
        ((100, 50, 0.9, 1.0), "target: found 1; expected at most 1"),
    ],
)
def test_what_reliability_refuses(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        units_for_reliability(*arguments)


GROUPS = st.lists(
    st.builds(
        UnitGroup,
        st.just("units"),
        st.integers(0, 8),
        st.floats(1, 60),
        st.floats(0, 0.3),
        st.floats(0, 0.5),
    ),
    min_size=1,
    max_size=4,
)


@FEW
@given(GROUPS)
def test_the_outage_table_is_a_distribution_with_the_right_mean(groups: list[UnitGroup]) -> None:
    table = outage_table(groups)
    assert table.sum() == pytest.approx(1.0, abs=1e-12)
    assert table.min() >= -1e-15
    mean = sum(g.count * g.unit_mw * (1 - g.forced_outage) for g in groups)
    assert table @ np.arange(len(table)) == pytest.approx(mean, abs=1e-8)


def test_the_outage_table_of_two_units() -> None:
    table = outage_table([UnitGroup("a", 2, 50.0, 0.1)], step_mw=50.0)
    assert table[:3] == pytest.approx([0.01, 0.18, 0.81])
    found = adequacy([UnitGroup("a", 2, 50.0, 0.1)], [80.0, 40.0, 0.0, -10.0], step_mw=50.0)
    assert found.lolp == pytest.approx([0.19, 0.01, 0.0, 0.0])
    assert found.lole_h == pytest.approx(0.20)
    assert found.eue_mwh == pytest.approx(0.18 * 30 + 0.01 * 80 + 0.01 * 40)


@FEW
@given(st.floats(0.01, 0.2), st.floats(0.01, 0.1), st.integers(20, 24))
def test_more_outages_never_lessen_shortage_and_another_unit_never_adds_to_it(
    outage: float, more: float, count: int
) -> None:
    load = np.linspace(500, 1000, 200)
    usual = adequacy([UnitGroup("a", count, 50.0, outage)], load)
    assert adequacy([UnitGroup("a", count, 50.0, outage + more)], load).eue_mwh >= usual.eue_mwh
    assert adequacy([UnitGroup("a", count + 1, 50.0, outage)], load).eue_mwh <= usual.eue_mwh + 1e-9
