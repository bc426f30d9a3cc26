"""Morris and Sobol indices of functions whose answer is known."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from penstock.analysis.sensitivity import Array, elementary_effects, evaluate, morris, morris_in_stages, sobol
from penstock.errors import ModelError, UsageError

A, B = 7.0, 0.1
CUBE = {name: (-np.pi, np.pi) for name in ("x1", "x2", "x3")}


def ishigami(x: Array) -> Array:
    """Ishigami and Homma (1990), with the coefficients that SALib ships."""
    return np.asarray(np.sin(x[:, 0]) + A * np.sin(x[:, 1]) ** 2 + B * x[:, 2] ** 4 * np.sin(x[:, 0]))


def theory() -> tuple[Array, Array]:
    """First-order and total indices in closed form (Sobol and Levitan 1999)."""
    one = 0.5 * (1.0 + B * np.pi**4 / 5.0) ** 2
    two = A**2 / 8.0
    both = B**2 * np.pi**8 * (1.0 / 18.0 - 1.0 / 50.0)
    total = one + two + both
    return np.array([one, two, 0.0]) / total, np.array([one + both, two, both]) / total


def test_morris_of_ishigami_is_that_of_salib() -> None:
    # SALib, tests/test_regression.py, test_regression_morris_vanilla: seed 12345, 10,000 trajectories, 4 levels
    found = morris(ishigami, CUBE, 12345, 10_000)
    assert found["mu_star"] == pytest.approx([7.682808, 7.875, 6.256295], rel=1e-5)
    assert found.evaluations == 40_000


def test_effects_are_those_of_salib() -> None:
    from SALib.sample import morris as sample

    problem = {"num_vars": 3, "names": list(CUBE), "bounds": list(CUBE.values())}
    design = sample.sample(problem, 50, num_levels=4, seed=np.random.default_rng(5))
    effects = elementary_effects(design / (2.0 * np.pi), ishigami(design), 50)
    found = morris(ishigami, CUBE, 5, 50)
    assert np.abs(effects).mean(axis=0) == pytest.approx(found["mu_star"], rel=1e-12)
    assert effects.mean(axis=0) == pytest.approx(found["mu"], rel=1e-12)
    assert effects.std(axis=0, ddof=1) == pytest.approx(found["sigma"], rel=1e-12)


def test_in_stages_what_counts_is_moved_in_every_trajectory_and_the_rest_in_the_first() -> None:
    names = {f"x{place}": (0.0, 2.0) for place in range(20)}
    calls: list[Array] = []

    def few_count(x: Array, trajectory: Array) -> Array:
        calls.append(np.bincount(trajectory.astype(int)))
        return np.asarray(5.0 * x[:, 3] + x[:, 7] * x[:, 11] + 1e-3 * x.sum(axis=1))

    found = morris_in_stages(few_count, names, 2, 40, first=6)
    moved = found.table.set_index("factor")["trajectories"]
    assert moved[["x3", "x7", "x11"]].tolist() == [40, 40, 40]
    assert (moved.drop(["x3", "x7", "x11"]) == 6).all()
    assert found.evaluations == 6 * 21 + 34 * 4
    assert [int(count.max()) for count in calls] == [21, 4]
    # 2 units of x3 are worth 10; x7 x11 gives on average as much as the other's mean, 1, times 2
    stars = found.table.set_index("factor")["mu_star"]
    assert stars["x3"] == pytest.approx(10.002, abs=1e-9)
    assert stars["x7"] == pytest.approx(2.002, abs=0.5)
    assert stars["x0"] == pytest.approx(0.002, abs=1e-9)
    # the same figures as where every factor moves in every trajectory, within their intervals
    full = morris(lambda x: few_count(x, np.zeros(len(x))), names, 2, 40).table.set_index("factor")
    assert (
        np.abs(full["mu_star"] - stars) <= full["mu_star_conf"] + found.table.set_index("factor")["mu_star_conf"] + 1e-9
    ).all()


def test_sobol_of_ishigami_meets_theory_within_its_intervals() -> None:
    first, total = theory()
    found = sobol(ishigami, CUBE, 7, 4096)
    assert (np.abs(found["S1"] - first) <= 2.0 * found["S1_conf"] + 1e-3).all()
    assert (np.abs(found["ST"] - total) <= 2.0 * found["ST_conf"] + 1e-3).all()
    assert found["S1"] == pytest.approx(first, abs=0.02)
    assert found["ST"] == pytest.approx(total, abs=0.02)
    assert found.evaluations == 4096 * 5


def test_many_outputs_at_once_are_each_what_they_are_alone() -> None:
    def two(x: Array) -> dict[str, Array]:
        return {"ishigami": ishigami(x), "sum": x.sum(axis=1)}

    both = sobol(two, CUBE, 3, 256)
    assert both.outputs == ("ishigami", "sum")
    assert np.array_equal(both["S1"][:, 0], sobol(ishigami, CUBE, 3, 256)["S1"])
    assert both["S1"][:, 1] == pytest.approx([1 / 3] * 3, abs=0.05)
    effects = morris(two, CUBE, 3, 10)
    assert effects["mu"][:, 1] == pytest.approx([2 * np.pi] * 3)
    assert effects["sigma"][:, 1] == pytest.approx([0.0] * 3, abs=1e-9)


def test_factors_of_a_group_count_as_one() -> None:
    found = sobol(ishigami, CUBE, 7, 1024, groups={"x1": "pair", "x3": "pair"})
    first, _ = theory()
    assert found.factors == ("pair", "x2")
    assert found.evaluations == 1024 * 4
    assert found["S1"] == pytest.approx([1.0 - first[1], first[1]], abs=0.04)


def test_the_same_seed_gives_the_same_indices() -> None:
    assert morris(ishigami, CUBE, 5, 20).table.equals(morris(ishigami, CUBE, 5, 20).table)
    assert not morris(ishigami, CUBE, 5, 20).table.equals(morris(ishigami, CUBE, 6, 20).table)


def test_a_function_of_a_point_or_of_columns_serves_as_well() -> None:
    bounds = [(-np.pi, np.pi)] * 3

    def point(x: Array) -> float:
        return float(np.sin(x[0]) + A * np.sin(x[1]) ** 2 + B * x[2] ** 4 * np.sin(x[0]))

    by_rows = morris(ishigami, bounds, 1, 20)["mu_star"]
    assert morris(lambda x: [point(row) for row in x], bounds, 1, 20)["mu_star"] == pytest.approx(by_rows)
    assert morris(lambda x: x[0] + 2.0 * x[1], bounds, 1, 20)["mu"] == pytest.approx(np.pi * np.array([2.0, 4.0, 0.0]))


def test_an_output_that_never_varies_has_effects_of_zero_and_no_shares() -> None:
    assert (morris(lambda x: np.ones(len(x)), CUBE, 1, 5)["mu_star"] == 0.0).all()
    assert np.isnan(sobol(lambda x: np.ones(len(x)), CUBE, 1, 8)["ST"]).all()


def test_bad_input_is_told() -> None:
    with pytest.raises(UsageError, match=r"bounds: b: found \(2.0, 1.0\); expected finite low < high"):
        morris(ishigami, {"a": (0, 1), "b": (2, 1)}, 1, 4)
    with pytest.raises(UsageError, match="bounds: found none"):
        sobol(ishigami, {}, 1, 4)
    with pytest.raises(UsageError, match="n: found 1; expected 2 or more"):
        sobol(ishigami, CUBE, 1, 1)
    with pytest.raises(UsageError, match="groups: found 'x9'; expected one of x1, x2, x3"):
        sobol(ishigami, CUBE, 1, 4, groups={"x9": "g"})
    with pytest.raises(ModelError, match="function: output: found nan in row 0"):
        morris(lambda x: np.full(len(x), np.nan), CUBE, 1, 4)
    with pytest.raises(UsageError, match="expected a value or several of each of 4 rows"):
        evaluate(lambda x: np.ones((len(x), 2, 2)), np.ones((4, 3)))


def test_a_missing_salib_is_told_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SALib", None)
    with pytest.raises(UsageError, match=r"found no SALib; expected it installed: pip install 'penstock\[analysis\]'"):
        morris(ishigami, CUBE, 1, 4)
