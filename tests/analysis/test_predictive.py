"""Forecasts of data: paths with a discrepancy on top have its covariance, cover as stated, and name their fit."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from penstock.analysis.backtest_ai import FIT
from penstock.analysis.calibration_allowance import Allowance
from penstock.analysis.calibration_data import Discrepancy, Target, Targets, discrepancies
from penstock.analysis.calibration_sizes import Sizes, likeliest_sizes
from penstock.analysis.evaluation import evaluate
from penstock.analysis.observables import Observable, ScoringMap
from penstock.analysis.observed_values import Ensemble
from penstock.analysis.predictive import Error, error_of_data, fitted_error
from penstock.errors import InputError

START = dt.date(2024, 12, 31)
ALPHABET, META, CLOUD = ("capex_usd_bn", "alphabet"), ("capex_usd_bn", "meta"), ("cloud_revenue_usd_bn", "amazon")
SCANNERS = ("asml_euv_units", "asml")
KEYS = [ALPHABET, META, CLOUD, SCANNERS]
DAYS = ("2025-12-31", "2025-06-30")


def later_points(keys: list[tuple[str, str]]) -> pd.DataFrame:
    rows = [{"series": a, "entity": b, "date": day, "value": 2.0, "unit": "usd_bn"} for a, b in keys for day in DAYS]
    return pd.DataFrame(rows)


def empty_map() -> ScoringMap:
    return ScoringMap.of_table(pd.DataFrame(columns=["series", "entity", "output", "transform", "note"]))


def drawn(error: Error, paths: int = 40_000) -> dict[tuple[str, str], np.ndarray]:
    return error.draws(empty_map(), KEYS, later_points(KEYS), START, paths, 3)


def test_draws_have_the_covariance_that_the_table_states() -> None:
    found = drawn(Error())
    row = next(row for row in discrepancies() if row.series == "capex_usd_bn")
    half, year = 181 / 365.25, 365 / 365.25
    spread = np.cov(np.concatenate([found[ALPHABET], found[META]]))
    own = row.own**2 + row.common**2
    assert spread[0, 0] == pytest.approx(half * own + row.point**2, rel=0.04)
    assert spread[1, 1] == pytest.approx(year * own + row.point**2, rel=0.04)
    assert spread[0, 1] == pytest.approx(half * own, rel=0.06)
    assert spread[1, 3] == pytest.approx(year * row.common**2, rel=0.15)
    assert np.corrcoef(found[ALPHABET][1], found[CLOUD][1])[0, 1] == pytest.approx(0.0, abs=0.02)
    assert np.abs(found[ALPHABET].mean(axis=1)).max() < 0.01


def test_factors_of_a_fit_widen_the_whole_and_one_series() -> None:
    stated, whole = drawn(Error()), drawn(Error(Allowance(inflation=2.0)))
    for key in (ALPHABET, CLOUD):
        assert whole[key] == pytest.approx(2.0 * stated[key])
    one = drawn(Error(Allowance(widened={"capex_usd_bn alphabet": 3.0})))
    assert one[ALPHABET].std() > 2.0 * stated[ALPHABET].std()
    assert one[CLOUD].std() == pytest.approx(stated[CLOUD].std(), rel=0.01)


def test_a_series_without_sizes_is_forecast_by_paths_alone_unless_sizes_are_the_same_for_all() -> None:
    assert SCANNERS not in drawn(Error())
    found = drawn(Error(sizes=Sizes(0.1, 0.2, 0.0)))
    assert set(found) == set(KEYS)
    for key in KEYS:
        assert found[key][1].std() == pytest.approx(np.hypot(0.1, 0.2), rel=0.03)


def test_no_points_no_draws() -> None:
    assert Error().draws(empty_map(), [SCANNERS], later_points([SCANNERS]), START, 8, 1) == {}


def test_data_that_are_path_and_error_are_covered_as_stated_only_with_the_error() -> None:
    rng, names = np.random.default_rng(5), [f"s{number}" for number in range(300)]
    paths = np.exp(rng.normal(0.0, 0.1, (2, 2_000)))
    ensemble = Ensemble(dt.date(2025, 12, 31), {"capex_usd_bn.a": paths})
    outcomes = np.exp(rng.normal(0.0, np.hypot(0.1, 0.4), len(names)))
    later = pd.DataFrame({"series": names, "entity": "a", "date": "2026-03-31", "value": outcomes, "unit": "usd_bn"})
    row = {"entity": "a", "output": "capex_usd_bn.a", "transform": "flow", "note": ""}
    scoring = ScoringMap.of_table(pd.DataFrame([{"series": name, **row} for name in names]))
    keys = [(name, "a") for name in names]
    errors = {key: rng.normal(0.0, 0.4, (1, 2_000)) for key in keys}
    with_error = evaluate(ensemble, scoring, later.iloc[:0], later, keys, {}, errors).by_series()
    alone = evaluate(ensemble, scoring, later.iloc[:0], later, keys, {}).by_series()
    assert with_error["cover_80"].mean() == pytest.approx(0.8, abs=4.0 * np.sqrt(0.8 * 0.2 / len(names)))
    assert alone["cover_80"].mean() < 0.4
    assert with_error["crps"].mean() < alone["crps"].mean()


def test_the_fit_tells_with_which_discrepancy_it_was_made() -> None:
    about = json.loads((FIT / "posterior.json").read_text(encoding="utf-8"))
    found = fitted_error(FIT)
    assert found.sizes is None and found.allowance.inflation == about["inflation_of_discrepancy"] >= 1.0
    assert dict(found.allowance.widened) == about["widened"]
    assert error_of_data(FIT).sizes == Sizes(**about["same_for_all"])


def test_a_fit_that_does_not_tell_its_discrepancy_is_refused(tmp_path: Path) -> None:
    expected = "posterior.json: widened: found none; expected that of the fit, as `penstock calibrate` writes it"
    (tmp_path / "posterior.json").write_text('{"inflation_of_discrepancy": 1.0}', encoding="utf-8")
    with pytest.raises(InputError, match=expected):
        fitted_error(tmp_path)


def test_the_likeliest_sizes_are_those_that_made_the_data() -> None:
    rng, true = np.random.default_rng(8), Sizes(0.2, 0.3, 0.1)
    observable = Observable("s", "x", None, 3, False, None, "")
    days = [START + dt.timedelta(days=91 * number) for number in range(1, 9)]

    def point(number: int, day: dt.date, value: float) -> Target:
        row = Discrepancy(f"s{number}", "x", f"family {number % 10}", 1.0, 1.0, 1.0, "F", "not used")
        return Target(f"s{number}", "x", day, value, "usd_bn", observable, None, row)

    row = Discrepancy("", "", "", true.common, true.own, true.point, "F", "")
    blank = Targets(tuple(point(number, day, 1.0) for number in range(40) for day in days), {}, 8, START)
    years = blank.years
    shared = np.minimum(years[:, None], years)
    family = np.array([point.discrepancy.family for point in blank.points])
    name = np.array([point.name for point in blank.points])
    spread = row.common**2 * shared * (family[:, None] == family) + row.own**2 * shared * (name[:, None] == name)
    model = 0.05**2 * np.eye(len(years))
    logs = np.linalg.cholesky(spread + row.point**2 * np.eye(len(years)) + model) @ rng.standard_normal(len(years))
    values = iter(np.exp(logs))
    made = Targets(tuple(point(n, day, float(next(values))) for n in range(40) for day in days), {}, 8, START)
    found = likeliest_sizes(made, np.zeros(len(years)), model)
    assert (found.common, found.own, found.point) == pytest.approx((true.common, true.own, true.point), rel=0.35)
