"""Calibration: closed forms are met, idle parameters keep their prior, and known parameters are found again."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_bank import (
    LOADS,
    LUCK,
    NAMES,
    ROW,
    YEARS,
    covariance_of_error,
    exact,
    made_up_bank,
    made_up_targets,
)

from penstock.analysis import calibration_bank
from penstock.analysis.calibration import START, Calibration, calibrate, prepare_calibration
from penstock.analysis.calibration_allowance import ODD, Allowance, PriorPredictive, oddness
from penstock.analysis.calibration_bank import Bank, make_bank, parameter_values, prior_scores, score_limits
from penstock.analysis.calibration_data import NOT_COMPARED, Targets, discrepancies, targets_of
from penstock.analysis.calibration_files import write_calibration
from penstock.analysis.calibration_inference import Calibrator
from penstock.analysis.observables import ScoringMap
from penstock.analysis.recovery import holm, recover, uniformity
from penstock.engine.model import Model
from penstock.engine.parameters import assumptions, draw_parameters
from penstock.engine.posterior import path_parameters
from penstock.engine.random import draw
from penstock.errors import UsageError
from penstock.world import World, load_world

Array = np.ndarray
Prepared = tuple[World, Model, Targets]


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    world = load_world(START)
    return (world, *prepare_calibration(world, until=dt.date(2025, 12, 31), seed=3))


@pytest.fixture(scope="module")
def calibrator() -> Calibrator:
    return Calibrator(made_up_bank(20_000), made_up_targets(), 1)


# ------------------------------------------------------------------ inference


@pytest.mark.parametrize("observed", [(0.0, 0.0, 0.0, 0.0), (1.0, 0.8, -0.6, 0.7), (-0.5, -1.0, 1.2, -1.1)])
def test_draws_have_the_mean_and_spread_of_the_closed_form(calibrator: Calibrator, observed: tuple[float, ...]) -> None:
    data = np.array(observed)
    found = calibrator(data)
    mean, spread = exact(data)
    assert found.allowance == Allowance()
    assert found.weights.sum() == pytest.approx(1.0)
    middle = found.scores @ found.weights
    away = found.scores - middle[:, None]
    assert middle[:2] == pytest.approx(mean[:2], abs=0.05)
    assert (away * found.weights) @ away.T == pytest.approx(spread, abs=0.05)
    low, centre, high = found.quantiles((0.1, 0.5, 0.9))
    assert centre[:2] == pytest.approx(mean[:2], abs=0.07)
    assert (high - low)[:2] == pytest.approx(2.563 * np.sqrt(np.diag(spread))[:2], rel=0.05)
    assert 1.0 <= found.effective_size <= len(found.weights)


def test_a_parameter_that_the_data_do_not_inform_keeps_its_prior(calibrator: Calibrator) -> None:
    found = calibrator(np.array([1.0, 0.8, -0.6, 0.7]))
    assert found.informed.tolist() == [True, True, False]
    assert found.shares[2] < 0.01
    low, centre, high = found.quantiles((0.1, 0.5, 0.9))[:, 2]
    assert (low, centre, high) == pytest.approx((-1.2816, 0.0, 1.2816), abs=0.08)
    joint = np.corrcoef(found.scores)
    assert joint[2, :2] == pytest.approx([0.0, 0.0], abs=0.05)


def test_the_share_told_is_that_of_the_closed_form(calibrator: Calibrator) -> None:
    _, spread = exact(np.zeros(4))
    assert calibrator.lessons().guess.shares == pytest.approx(1.0 - np.diag(spread), abs=0.02)


def test_a_series_beyond_reach_is_set_aside_and_the_rest_decides(calibrator: Calibrator) -> None:
    data = np.array([0.4, 0.4, 9.0, 0.0])
    found = calibrator(data)
    assert list(found.allowance.beyond_reach) == ["b x"]
    kept = np.array([True, True, False, True])
    inverse = np.linalg.inv(covariance_of_error()[np.ix_(kept, kept)])
    loads = LOADS[kept]
    spread = np.linalg.inv(loads.T @ inverse @ loads + np.eye(3))
    assert (found.scores @ found.weights)[0] == pytest.approx((spread @ loads.T @ inverse @ data[kept])[0], abs=0.07)


def test_a_series_that_is_odd_by_itself_is_widened_and_says_less(calibrator: Calibrator) -> None:
    """Two points of one series that differ by more than luck and discrepancy allow: within reach by their mean."""
    usual, odd = calibrator(np.zeros(4)), calibrator(np.array([1.6, -1.6, 0.0, 0.0]))
    assert usual.allowance == Allowance() and usual.joint_p_value > 0.9
    assert list(odd.allowance.widened) == ["a x"] and not odd.allowance.beyond_reach
    widths = [(found.quantiles((0.9,)) - found.quantiles((0.1,)))[0] for found in (usual, odd)]
    assert widths[1][0] > widths[0][0]
    assert widths[1][1] == pytest.approx(widths[0][1], rel=0.06), "what the other series tell stays"


def test_data_that_are_odd_together_widen_the_whole(calibrator: Calibrator) -> None:
    """No series by itself, but all of them at once."""
    data = np.array([2.2, 2.2, -2.2, 2.5])
    found = calibrator(data)
    assert found.joint_p_value < ODD and found.allowance.inflation > 1.0 and not found.allowance.beyond_reach
    assert calibrator(-data).allowance.inflation == found.allowance.inflation


def test_guesses_beyond_the_cloud_are_odd() -> None:
    own = np.random.default_rng(4).standard_normal((2, 20_000))
    assert oddness(own, np.zeros(2)) == pytest.approx(1.0, abs=0.001)
    assert oddness(own, np.array([2.0, 0.0])) == pytest.approx(np.exp(-2.0), abs=0.01)
    assert oddness(own, np.array([3.0, 3.0])) < 0.001


def test_widening_needs_more_than_chance() -> None:
    """Of data that the prior predictive gives, one series in a hundred is widened at most."""
    targets, generator = made_up_targets(), np.random.default_rng(8)
    predictive = PriorPredictive(np.zeros(4), LOADS @ LOADS.T + LUCK**2 * np.eye(4))
    root = np.linalg.cholesky(predictive.covariance + targets.covariance())
    sets = (root @ generator.standard_normal((4, 400))).T
    share = np.mean([len(predictive.widened(targets, data, ())) for data in sets]) / len(targets.series)
    assert share < 0.02


def test_discrepancy_has_the_covariance_of_its_table() -> None:
    targets = made_up_targets()
    found = covariance_of_error() - LUCK**2 * np.eye(len(LOADS))
    assert targets.covariance() == pytest.approx(found, abs=1e-12)
    wide = Allowance({}, {"b x": 2.0}, 1.5)
    assert wide.root(targets) @ wide.root(targets).T == pytest.approx(wide.covariance(targets))
    change = wide.covariance(targets) / 1.5**2 - found
    _, own, point = (ROW[name] ** 2 for name in ("common", "own", "point"))
    assert change[2, 2] == pytest.approx(3.0 * (own * YEARS[2] + point)) and (np.delete(change, 2, 0) == 0.0).all()


def test_discrepancy_gathers_as_a_random_walk(prepared: Prepared) -> None:
    """Nothing on the day of the world; its variance grows with time; steps after a point do not know those before."""
    _, _, targets = prepared
    rows = targets.rows_of(series="capex_usd_bn amazon")
    spread, years = targets.covariance()[np.ix_(rows, rows)], targets.years[rows]
    row = targets.points[int(rows[0])].discrepancy
    assert np.diag(spread) == pytest.approx((row.common**2 + row.own**2) * years + row.point**2)
    steps = np.diff(np.eye(len(rows)), axis=0)
    walk = steps @ (spread - row.point**2 * np.eye(len(rows))) @ steps.T
    assert walk == pytest.approx(np.diag((row.common**2 + row.own**2) * np.diff(years)), abs=1e-12)


# ------------------------------------------------------------------ recovery


def test_known_parameters_of_the_closed_form_are_found() -> None:
    found = recover(made_up_bank(4_100), made_up_targets(), sets=100, seed=2)
    assert found.passed, (found.coverage, found.rejected)
    assert found.names == NAMES[:2] + NAMES[2:] or set(found.names) == set(NAMES)
    assert found.widths[found.names.index("idle")] == pytest.approx(1.0, abs=0.1)


def test_a_calibration_that_is_too_sure_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Calibrator.__call__

    def too_sure(self: Calibrator, observed: Array) -> object:
        found = usual(self, observed)
        middle = (found.scores @ found.weights)[:, None]
        return replace(found, scores=middle + 0.4 * (found.scores - middle))

    monkeypatch.setattr(Calibrator, "__call__", too_sure)
    found = recover(made_up_bank(4_100), made_up_targets(), sets=100, seed=2)
    assert found.rejected and found.coverage < 0.7 and not found.passed


def test_known_parameters_of_the_model_are_found_in_a_sample(prepared: Prepared) -> None:
    """Ten made-up data sets on a small bank; the campaign `recovery` does a hundred on 20,000."""
    world, model, targets = prepared
    bank = make_bank(model, world, targets, paths=2_058)
    found = recover(bank, targets, sets=10, seed=1)
    assert len(found.names) >= 10
    assert not found.rejected
    assert 0.7 <= found.coverage <= 1.0
    assert found.shares[0] > 0.3 and found.widths[0] < 0.8


def test_holm_and_chi_square_by_hand() -> None:
    assert holm(np.array([0.004, 0.2, 0.006, 0.001]), 0.01).tolist() == [False, False, False, True]
    assert holm(np.array([0.0033, 0.2, 0.006, 0.001]), 0.01).tolist() == [True, False, False, True]
    even = np.repeat(np.arange(5, 100, 10), 10)
    piled = np.zeros(100)
    p = uniformity(np.stack([even, piled], axis=1))
    assert p[0] == pytest.approx(1.0) and p[1] < 1e-12


# ------------------------------------------------------------------ the bank


@pytest.mark.parametrize("name", sorted(assumptions()))
def test_limits_are_where_a_draw_meets_its_bounds(name: str) -> None:
    from scipy.special import ndtr

    row = assumptions()[name]
    for score, bound in zip(score_limits(row), (row.minimum, row.maximum), strict=True):
        if abs(score) > 6.0:
            continue
        inside = score - 0.01 * np.sign(score)
        drawn = draw_parameters(ndtr([[score, inside]]), prior=True, table={name: row})[name]
        assert drawn[0] == pytest.approx(bound, rel=1e-9)
        assert drawn[1] != drawn[0]


def test_scores_are_those_of_the_parameters_that_paths_draw(prepared: Prepared) -> None:
    _, model, _ = prepared
    table = model.facts.parameters
    names = tuple(table)
    numbers = draw(model.seed, range(8), 1, model.layout.draw_column).parameters
    drawn = path_parameters(numbers, prior=True, table=table, posterior=None)
    again = parameter_values(model, prior_scores(model.seed, 0, 8, names), names)
    for name in names:
        assert again[name] == pytest.approx(drawn[name], rel=1e-9), name


def test_a_stopped_bank_goes_on_to_the_same_numbers(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, model, targets = prepared
    monkeypatch.setattr(calibration_bank, "PIECE", 8)
    whole = make_bank(model, world, targets, paths=20, folder=tmp_path)
    pieces = sorted(tmp_path.rglob("piece-*.npy"))
    assert len(pieces) == 3
    pieces[1].unlink()
    pieces[2].write_bytes(pieces[2].read_bytes()[:100])
    told: list[tuple[int, int]] = []
    again = make_bank(
        model, world, targets, paths=20, folder=tmp_path, on_progress=lambda done, total, _: told.append((done, total))
    )
    assert told[0] == (8, 20) and told[-1] == (20, 20)
    assert (again.logs == whole.logs).all() and (again.scores == whole.scores).all()


# ------------------------------------------------------------------ the data


def test_what_is_compared_is_carried_later_than_the_day_and_listed(prepared: Prepared) -> None:
    world, model, targets = prepared
    scoring = ScoringMap(load_world())
    assert all(world.as_of < point.day <= dt.date(2025, 12, 31) for point in targets.points)
    assert all(point.last_figure is None or point.last_figure[0] <= world.as_of for point in targets.points)
    assert all(scoring.find(point.series, point.entity).output is not None for point in targets.points)
    later = load_world().every_row("series")
    later = later[(later["date"] > world.as_of.isoformat()) & (later["date"] <= "2025-12-31")]
    listed = {(point.series, point.entity) for point in targets.points} | set(targets.left_out)
    assert set(zip(later["series"], later["entity"], strict=True)) <= listed
    assert all(targets.left_out.values())
    fewer = targets_of(model, world, load_world(), dt.date(2025, 6, 30))
    assert {point.day for point in fewer.points} < {point.day for point in targets.points}


def test_every_discrepancy_is_an_assumption_with_a_reason() -> None:
    for row in discrepancies():
        assert row.grade == "F" and row.why, row.series
        parts = (row.common, row.own, row.point)
        assert parts == (0.0, 0.0, 0.0) if row.family == NOT_COMPARED else (min(parts) > 0.0 and max(parts) <= 1.0)


# ------------------------------------------------------------------ the whole


@pytest.fixture(scope="module")
def found() -> Calibration:
    return calibrate(paths=2_000, seed=3)


def test_the_report_tells_every_parameter_once(found: Calibration) -> None:
    table = found.parameters
    assert sorted(table.index) == sorted(assumptions())
    idle = table.loc[list(found.not_informed)]
    assert (idle["width_ratio"] == 1.0).all() and (idle["shift"] == 0.0).all()
    for level in (10, 50, 90):
        assert (idle[f"prior_{level}"] == idle[f"posterior_{level}"]).all()
    told = table[table["informed"]]
    assert len(told) >= 10 and told["told_by"].str.len().min() > 0
    assert set(found.carried) <= set(told.index)
    assert not set(found.carried) & set(found.world.rules["assumptions"]["name"])
    assert set(found.series["family"]) == set(found.targets.families)
    plain = found.to_dict()
    assert plain["effective_sample_size"] > 100 and plain["points"] == len(found.targets.points)


def test_the_files_are_small_and_the_page_tells_what_fails(found: Calibration, tmp_path: Path) -> None:
    written = write_calibration(found, tmp_path)
    assert sum(path.stat().st_size for path in written) < 2_000_000
    page = written[-1].read_text(encoding="utf-8")
    for name in found.not_informed:
        assert f"`{name}`" in page
    for heading in ("## Parameters that the data do not inform", "## The data simulated again", "## Where it fails"):
        assert heading in page
    shipped = found.shipped()
    assert shipped["weight"].sum() == pytest.approx(1.0, rel=1e-3)
    assert list(shipped.columns) == ["weight", *found.carried]
    for name in found.carried:
        row = assumptions()[name]
        assert shipped[name].between(0.999 * row.minimum, 1.001 * row.maximum).all()


@pytest.mark.parametrize(
    ("until", "paths", "message"),
    [
        (dt.date(2025, 12, 31), 100, "--paths: found 100; expected at least 2,000"),
        (
            dt.date(2025, 11, 30),
            2_000,
            "--until: found 2025-11-30; expected the last day of a quarter after 2024-12-31",
        ),
        (
            dt.date(2024, 12, 31),
            2_000,
            "--until: found 2024-12-31; expected the last day of a quarter after 2024-12-31",
        ),
    ],
)
def test_bad_values_are_told(until: dt.date, paths: int, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        calibrate(load_world("ai-2024"), until=until, paths=paths)


def test_a_bank_can_be_cut() -> None:
    bank = made_up_bank(10)
    part: Bank = bank.part(2, 5)
    assert part.paths == 3 and (part.scores == bank.scores[:, 2:5]).all()
