"""The surface: within its error of fleets simulated afresh, in the right direction, and written by its command."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.cli.options import DEFAULT_SEED as SEED
from penstock.fleet.fit import Place, carried, design, fit_rows, full_cost_usd_per_mtok
from penstock.fleet.surface import FILE, POINTS, QUANTITIES, RANGES, TERMS, bundled, evaluate, features, read_surface

inside = {name: st.floats(low, high) for name, (low, high) in RANGES.items()}


def test_the_bundled_error_is_small() -> None:
    assert bundled().errors["utilisation"] < 0.05
    assert bundled().errors["unavailability"] < 0.05


@pytest.fixture(scope="module")
def points() -> pd.DataFrame:
    return pd.read_csv(POINTS)


def test_the_shipped_file_is_what_fit_writes(points: pd.DataFrame) -> None:
    again = list(csv.DictReader(io.StringIO(fit_rows(points).surface_csv())))
    shipped = list(csv.DictReader(io.StringIO(FILE.read_text(encoding="utf-8"))))
    assert [(r["quantity"], r["term"]) for r in again] == [(r["quantity"], r["term"]) for r in shipped]
    assert [float(r["value"]) for r in again] == pytest.approx([float(r["value"]) for r in shipped], rel=1e-5)
    names = ["replicas", "dispersion", "token_s"]
    assert points[names].to_numpy() == pytest.approx(design(len(points), SEED)[:, :3], rel=1e-9)


def test_a_point_simulated_again_is_that_of_the_file(points: pd.DataFrame) -> None:
    """The one that is quickest to simulate, without its failures; all by `penstock fleet fit`."""
    k = int(np.argmin(points["full_requests_per_s"].to_numpy()))
    told = points.iloc[k]
    place = Place(int(told.replicas), told.dispersion, told.token_s, told.small_share, SEED + k)
    assert place.full == pytest.approx(told.full_requests_per_s, rel=1e-9)
    assert carried(place) == told.utilisation
    assert full_cost_usd_per_mtok(place) == pytest.approx(told.full_cost_usd_per_mtok, rel=1e-9)


def test_a_fresh_fleet_lies_within_the_error() -> None:
    place = Place(6, 3.0, 0.1, 0.0, 991)
    told = evaluate(6.0, 3.0, 0.1, 0.0)
    found = carried(place)
    assert abs(found - told.utilisation) <= 1.5 * told.utilisation_error
    assert told.cost_usd_per_mtok == pytest.approx(full_cost_usd_per_mtok(place) / found, rel=0.35)


def test_larger_pools_are_used_better_and_bursts_worse() -> None:
    small, large = evaluate(4.0), evaluate(64.0)
    assert large.utilisation > small.utilisation
    calm, wild = evaluate(16.0, 1.0), evaluate(16.0, 20.0)
    assert calm.utilisation >= wild.utilisation
    strict, loose = evaluate(16.0, token_s=0.06), evaluate(16.0, token_s=0.2)
    assert loose.utilisation > strict.utilisation


@settings(max_examples=50, deadline=None)
@given(**inside)
def test_shares_stay_shares(replicas: float, dispersion: float, token_s: float, small_share: float) -> None:
    told = evaluate(replicas, dispersion, token_s, small_share)
    assert 0.0 < told.utilisation < 1.0
    assert 0.0 < told.availability <= 1.0
    assert told.cost_usd_per_mtok > 0.0


def test_arguments_outside_are_cut_to_the_ranges() -> None:
    assert evaluate(1e6, 1e3, 9.0, 1.0).utilisation == evaluate(64.0, 20.0, 0.2, 0.5).utilisation


def test_arrays_broadcast() -> None:
    told = evaluate(np.array([4.0, 8.0, 64.0]), 5.0, 0.1, 0.0)
    assert told.utilisation.shape == (3,)
    assert features(np.ones((4, 1)), np.ones(3), 0.1, 0.0).shape == (4, 3, len(TERMS))


def test_a_known_surface_is_found_again() -> None:
    """Points made from given coefficients give these back, and no error."""
    rng = np.random.default_rng(1)
    truth = {q: 0.2 * rng.standard_normal(len(TERMS)) for q in QUANTITIES}
    points = pd.DataFrame(design(200, 1), columns=list(RANGES))
    terms = features(*(points[name].to_numpy() for name in RANGES))
    for q in QUANTITIES:
        points[q] = 1.0 / (1.0 + np.exp(-terms @ truth[q]))
    points["full_cost_usd_per_mtok"] = 2.0 - 1.5 * points["small_share"]
    fitted = fit_rows(points)
    assert fitted.surface.coefficients["utilisation"] == pytest.approx(truth["utilisation"], abs=0.02)
    assert fitted.errors["utilisation, largest"] < 0.01
    assert fitted.errors["unavailability, largest"] < 0.05, "held flat on purpose, near all the same"
    assert fitted.surface.full_cost == pytest.approx([2.0, -1.5])
    again = read_surface(list(csv.DictReader(io.StringIO(fitted.surface_csv()))))
    for q in QUANTITIES:
        assert again.coefficients[q] == pytest.approx(fitted.surface.coefficients[q], rel=1e-8)


def test_a_design_fills_the_ranges() -> None:
    points = design(100, 3)
    for column, (low, high) in zip(points.T, RANGES.values(), strict=True):
        assert low <= column.min() <= column.max() <= high
        assert column.max() > 0.9 * high


def test_the_economy_plans_no_more_than_the_surface_allows() -> None:
    from penstock.engine.parameters import assumptions
    from penstock.engine.steps.serve import PLATFORM, most_planned

    told = evaluate(*PLATFORM)
    assert most_planned() == pytest.approx(told.utilisation * told.availability)
    assert assumptions()["utilisation_target"].high < most_planned() < 0.99, "no draw of the posterior is cut"
