"""The audit of evidence: no number without a source in what is bundled, and one that is planted is found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.analysis.audit import GRADES, Audit, audit, check_rows, explained, unsourced
from penstock.world import World, load_world


@pytest.fixture(scope="module")
def found() -> Audit:
    return audit(load_world(), paths=32)


@pytest.mark.parametrize("name", ["ai-2025", "ai-2024", "ai-2022"])
def test_no_number_of_a_bundled_world_or_of_the_model_is_without_a_source(name: str) -> None:
    assert list(unsourced(load_world(name))) == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"name": "a", "central": "1", "grade": "F", "why": ""}, "neither source nor reason"),
        ({"name": "a", "central": "1", "grade": "", "why": "assumption"}, "grade missing"),
        ({"name": "a", "central": "1", "grade": "G", "why": "assumption"}, "grade G"),
        ({"name": "a", "central": "1", "grade": "C", "why": "somebody said so"}, "grade C names nothing that is cited"),
        ({"name": "a", "central": "1", "grade": "C", "why": "series known_series"}, ""),
        ({"name": "a", "central": "1", "grade": "A", "why": "", "source": "World Bank 2022"}, ""),
        ({"name": "a", "central": "1", "grade": "F", "why": "assumption"}, ""),
        ({"name": "a", "central": "words", "grade": "", "why": ""}, ""),
    ],
)
def test_a_row_of_the_model_needs_a_grade_and_a_reason(row: dict[str, str], problem: str) -> None:
    told = [item.problem for item in check_rows("t.csv", [row], {"known_series"})]
    assert told == ([problem] if problem else [])


def test_a_table_that_gives_no_reason_anywhere_is_told_once() -> None:
    told = list(check_rows("t.csv", [{"a": "1", "b": "2"}] * 3, set()))
    assert [(item.file, item.row) for item in told] == [("t.csv", "all")]


def test_a_row_of_a_world_without_a_source_is_found() -> None:
    base = load_world()
    tables = {name: base.every_row(name) for name in base.tables}
    tables["financials"].loc[3, "source_id"] = ""
    tables["series"].loc[5, "source_id"] = "nobody_knows"
    told = list(unsourced(World("changed", base.as_of, "x", tables)))
    assert [item.file for item in told] == ["financials.csv", "series.csv"]
    assert told[0].problem == "no source" and told[1].problem == "no such source: nobody_knows"


def test_shares_add_to_one(found: Audit) -> None:
    for table in (found.dollars, found.rows):
        np.testing.assert_allclose(table[list(GRADES)].sum(axis=1), 1.0, atol=1e-9)
    np.testing.assert_allclose(found.influence[[*GRADES, "luck"]].sum(axis=1), 1.0, atol=1e-9)
    assert found.passed and set(found.to_dict()) >= {"dollars", "influence", "unsourced"}


def test_influence_of_what_alone_moves_a_result_is_all_and_of_noise_is_next_to_nothing() -> None:
    rng = np.random.default_rng(8)

    def ranks(values: np.ndarray) -> np.ndarray:
        order = values.argsort().argsort().astype(float)
        return (order - order.mean()) / order.std()

    cause, noise = ranks(rng.random(2000)), ranks(rng.random(2000))
    share = explained(np.stack([cause, noise]), cause)
    assert share[0] > 0.99 and share[1] < 0.01


@given(st.integers(2, 30), st.integers(8, 40), st.integers(0, 100))
def test_shares_are_shares(parameters: int, paths: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(parameters + 1, paths))
    standard = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    share = explained(standard[:-1], standard[-1])
    assert (share >= 0.0).all() and share.sum() <= 1.0 + 1e-9
