"""Neighbours, floods and retry storms: small samples of the studies on the validation page."""

from __future__ import annotations

import pytest
from tools.fleet_validation.isolation import KINDS, USUAL, Neighbours, isolation
from tools.fleet_validation.stress import overload


@pytest.mark.parametrize("load", USUAL)
@pytest.mark.parametrize("kind", KINDS)
def test_a_misbehaving_tenant_leaves_the_others_alone_under_fair_queueing(kind: str, load: str) -> None:
    for row in isolation(USUAL[load], (kind,), seeds=(1, 2, 3)):
        assert abs(row["change"]) < 0.05, row


@pytest.mark.parametrize("kind", KINDS)
def test_without_fair_queueing_the_others_feel_it(kind: str) -> None:
    for row in isolation(Neighbours(seconds=600.0), (kind,), queue="first come, first served"):
        assert row["change"] > 0.5, row


def test_at_three_times_capacity_the_fleet_sheds_serves_on_and_recovers() -> None:
    found = overload()
    assert found["goodput in the flood, share of capacity"] > 0.85
    assert found["recovered after, s"] <= 120.0
    assert found["good share of the last five minutes"] > 0.99
    assert found["shed"] > 0


def test_naive_retries_keep_a_storm_alive_after_the_flood_and_the_defaults_do_not() -> None:
    naive, default = (overload(naive=n, seed=3) for n in (True, False))
    assert naive["good share of the last five minutes"] < 0.3
    assert naive["retries per request"] > 1.0
    assert default["good share of the last five minutes"] > 0.99
    assert default["retries per request"] < 0.15
