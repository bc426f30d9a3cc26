"""Draws are put in force by conditions, not by hand: what judges them refuses draws that no run takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tools import judge_calibration, ship_calibration

from penstock.engine.posterior import ABOUT, HERE


def told() -> dict[str, object]:
    found: dict[str, object] = json.loads((HERE / ABOUT).read_text(encoding="utf-8"))
    return found


def test_in_force_is_all_that_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "posterior.json"
    place.write_text(json.dumps(told()), encoding="utf-8")
    monkeypatch.setattr(ship_calibration, "ABOUT", place)
    for taken in (True, False):
        ship_calibration.put_in_force(taken)
        assert json.loads(place.read_text(encoding="utf-8")) == {**told(), "in_force": taken}


def test_coverage_is_judged_by_what_the_fit_says_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the fit that ships is judged by its own figures, whatever they are (0034: one point short, and not in force)
    shares = told()["cover_80"]
    assert judge_calibration.coverage().passed == (shares["posterior"] >= shares["prior"])
    monkeypatch.setattr(judge_calibration, "HERE", tmp_path)
    for after, passes in ((0.33, False), (0.48, True), (0.55, True)):
        fit = {**told(), "cover_80": {"prior": 0.48, "posterior": after}}
        (tmp_path / ABOUT).write_text(json.dumps(fit), encoding="utf-8")
        verdict = judge_calibration.coverage()
        assert verdict.passed == passes and verdict.told == f"{after:.1%} after, 48.0% before"


def test_draws_that_no_run_takes_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_calibration, "shipped", lambda: None)
    with pytest.raises(SystemExit, match="found no draws in force"):
        judge_calibration.judge(1)
