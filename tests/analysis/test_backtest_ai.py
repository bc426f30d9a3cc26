"""The AI backtest: what is scored, how scores add up, and the page and log that it writes."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from penstock.analysis import backtest_ai as backtest_ai_module
from penstock.analysis.backtest_ai import Backtest, backtest_ai, scored_list
from penstock.analysis.backtest_page import ai_page
from penstock.analysis.evaluation import MODEL, evaluate, naive_forecasts
from penstock.analysis.observables import ScoringMap
from penstock.analysis.observed_values import Ensemble
from penstock.analysis.opponents import RANDOM_WALK
from penstock.analysis.score_log import add_score
from penstock.engine import posterior
from penstock.engine.posterior import read_draws
from penstock.errors import InputError, UsageError
from penstock.world import load_world

ROOT = Path(__file__).parents[2]
START = dt.date(2024, 12, 31)


@pytest.fixture(scope="module")
def small() -> Backtest:
    return backtest_ai(START, paths=16, opponents=(RANDOM_WALK,))


def test_the_list_that_was_fixed_is_the_list_that_is_scored() -> None:
    fixed = pd.read_csv(ROOT / "docs" / "validation" / "backtest-ai-series.csv", keep_default_na=False)
    found = scored_list(load_world(), START)
    pd.testing.assert_frame_equal(fixed, found, check_dtype=False)


def test_every_listed_series_is_scored_or_told(small: Backtest) -> None:
    scored = {(point.series, point.entity) for point in small.main.points}
    listed = set(small.listed[["series", "entity"]].itertuples(index=False, name=None))
    assert scored | set(small.main.not_carried) == listed
    assert not scored & set(small.main.not_carried)
    assert all(small.main.not_carried.values())


def test_nothing_after_the_day_is_in_the_forecast_and_outcomes_lie_after_it(small: Backtest) -> None:
    assert small.world.table("series")["date"].max() <= START.isoformat()
    assert all(START < point.day <= dt.date(2025, 12, 31) for point in small.main.points)


def test_the_fit_knows_nothing_after_the_day() -> None:
    found = read_draws(backtest_ai_module.FIT)
    assert found is not None and found.known_from == START
    assert found.draws.names and set(found.draws.names) < set(found.rows)


def test_a_fit_to_later_data_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest_ai_module, "FIT", Path(posterior.__file__).parent)
    with pytest.raises(InputError, match="found one to 2025-12-31; expected a fit to data up to 2024-12-31 or earlier"):
        backtest_ai(START, paths=1, opponents=(RANDOM_WALK,))


def test_the_fit_moves_the_forecast_and_nothing_that_is_scored(small: Backtest) -> None:
    fitted, prior = small.evaluations["fitted"], small.evaluations["prior"]
    assert list(fitted.by_series().index) == list(prior.by_series().index)
    assert (fitted.by_series()["median_error"] != prior.by_series()["median_error"]).any()


def test_data_are_forecast_by_paths_and_the_discrepancy_of_their_fit_and_paths_alone_stand_beside(
    small: Backtest,
) -> None:
    data, alone = small.main.by_series(), small.evaluations["fitted"].by_series()
    assert small.main is small.evaluations["fitted_data"]
    assert list(data.index) == list(alone.index)
    without = [name for name in data.index if name.startswith(("asml", "capex_incl", "spread"))]
    pd.testing.assert_frame_equal(data.loc[without], alone.loc[without])
    rest = data.index.difference(without)
    assert len(without) == 6 and (data.loc[rest, "width_80"] > alone.loc[rest, "width_80"]).all()


def test_a_total_weighs_series_equally(small: Backtest) -> None:
    series, total = small.main.by_series(), small.main.total()
    assert total["cover_80"] == pytest.approx(series["cover_80"].mean())
    assert total["log_crps_ratio_random_walk"] == pytest.approx(np.log(series["crps_ratio_random_walk"]).mean())
    assert total["points"] == len(small.main.points) > total["series"]


def test_the_page_tells_what_was_wanted_what_was_found_and_every_series(small: Backtest) -> None:
    page = ai_page(small)
    assert "Pseudo-out-of-sample" in page and page.count("Wanted:") == 3
    for name in small.main.by_series().index:
        assert name in page
    for series, entity in small.main.not_carried:
        assert f"`{series}` {entity}" in page


@pytest.mark.parametrize(
    ("day", "message"),
    [
        (dt.date(2024, 12, 30), "--from: found 2024-12-30; expected the last day of a quarter"),
        (dt.date(2025, 12, 31), "--from: found 2025-12-31; expected a day before 2025-12-31"),
    ],
)
def test_a_day_that_cannot_be_scored(day: dt.date, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        backtest_ai(day, paths=1)


def later_points(ensemble: Ensemble, paths: np.ndarray) -> pd.DataFrame:
    """What one path of an ensemble tells, as later data: a series a path."""
    flows = ensemble.outputs["capex_usd_bn.a"]
    rows = [
        {"series": f"s{path}", "entity": "a", "date": "2026-03-31", "value": flows[1, path], "unit": "usd_bn"}
        for path in paths
    ]
    return pd.DataFrame(rows)


def test_an_ensemble_that_holds_the_truth_covers_as_stated() -> None:
    rng = np.random.default_rng(6)
    flows = np.exp(rng.normal(0.0, 0.5, (2, 2000)))
    ensemble = Ensemble(dt.date(2025, 12, 31), {"capex_usd_bn.a": flows})
    later = later_points(ensemble, np.arange(400))
    names = list(later["series"])
    rows = [{"series": n, "entity": "a", "output": "capex_usd_bn.a", "transform": "flow", "note": ""} for n in names]
    scoring = ScoringMap.of_table(pd.DataFrame(rows))
    keys = [(name, "a") for name in names]
    found = evaluate(ensemble, scoring, later.iloc[:0], later, keys, {})
    table = found.by_series()
    for level in (50, 80, 95):
        share = level / 100.0
        assert table[f"cover_{level}"].mean() == pytest.approx(share, abs=4.0 * np.sqrt(share * (1.0 - share) / 400))
    # E|X - Y| - E|X - X'| / 2 of the same normal is its deviation over the square root of pi
    crps = np.mean([point.scores[MODEL].crps for point in found.points])
    assert crps == pytest.approx(0.5 / np.sqrt(np.pi), rel=0.1)


def test_a_value_without_a_logarithm_is_told() -> None:
    ensemble = Ensemble(dt.date(2025, 12, 31), {"capex_usd_bn.a": np.ones((2, 4))})
    later = pd.DataFrame([{"series": "s", "entity": "a", "date": "2026-03-31", "value": -1.0, "unit": "usd_bn"}])
    row = {"series": "s", "entity": "a", "output": "capex_usd_bn.a", "transform": "flow", "note": ""}
    scoring = ScoringMap.of_table(pd.DataFrame([row]))
    rivals = naive_forecasts(scoring, later.iloc[:0], later, [("s", "a")], (RANDOM_WALK,))
    found = evaluate(ensemble, scoring, later.iloc[:0], later, [("s", "a")], rivals)
    assert found.not_carried == {("s", "a"): "found a value of -1; a logarithm needs more than 0"}


def test_the_log_grows_by_a_row_and_refuses_another_file(tmp_path: Path) -> None:
    for number in (1, 2):
        add_score(tmp_path, "backtest ai", "try", {"series": number, "cover_80": 0.5}, dt.date(2026, 1, number))
    with (tmp_path / "score_log.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["date"] for row in rows] == ["2026-01-01", "2026-01-02"]
    assert rows[1]["figures"] == "series 2; cover_80 0.500" and rows[1]["reason"] == "backtest ai: try"
    other = tmp_path / "other"
    other.mkdir()
    (other / "score_log.csv").write_text("a,b\n", encoding="utf-8")
    with pytest.raises(InputError, match="expected date,commit,reason,figures"):
        add_score(other, "x", "y", {}, dt.date(2026, 1, 1))


def test_scores_that_were_logged_stay() -> None:
    with (ROOT / "docs" / "validation" / "score_log.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    first = next(row for row in rows if "backtest ai --from 2024-12-31" in row["reason"])
    assert "cover_80 0.548" in first["figures"] and "log_crps_ratio_random_walk -0.149" in first["figures"]
