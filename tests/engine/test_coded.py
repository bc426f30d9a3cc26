"""Text columns as codes: the same tables as from text, whatever the words and their order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from fake_model import FIRMS, FakeScenario, FakeWorld, prepare, simulate_paths
from hypothesis import given
from hypothesis import strategies as st

from penstock.engine.chunks import Chunk, chunk_tables
from penstock.engine.coded import Coded, one_below_the_other, text_of

PATHS, QUARTERS = 24, ("2026Q1", "2026Q2", "2026Q3", "2026Q4")
BLOCK = simulate_paths(prepare(FakeWorld(), FakeScenario(), quarters=len(QUARTERS)), 8, PATHS)


def coded(column: np.ndarray, spare: list[str], order: np.random.Generator) -> Coded:
    """The column with words in any order, some twice and some that no row has."""
    words = [*np.unique(np.array(column, dtype=str)), *spare, *spare]
    order.shuffle(words)
    return Coded.of(np.array([words.index(text) if text else -1 for text in column], dtype=np.int64), words)


@given(st.integers(0, 2**32), st.lists(st.sampled_from(["", "nvidia", "zz", "a"]), max_size=3))
def test_tables_are_the_same_from_codes_and_from_text_in_any_order_of_rows(seed: int, spare: list[str]) -> None:
    random = np.random.default_rng(seed)
    block: dict[str, Any] = {**vars(BLOCK)}
    for table in ("outcomes", "events", "losses"):
        columns = getattr(BLOCK, table)
        # rows of a path and quarter are numbered as they stand
        rows = random.permutation(len(columns["path"])) if table == "outcomes" else np.arange(len(columns["path"]))
        block[table] = {
            name: coded(values[rows], spare, random) if values.dtype == object else values[rows]
            for name, values in columns.items()
        }
    chunk = Chunk("baseline", 0, 8, PATHS)
    expected = chunk_tables(chunk, BLOCK, QUARTERS, FIRMS)
    found = chunk_tables(chunk, SimpleNamespace(**block), QUARTERS, FIRMS)
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name], table, check_exact=True)
        assert not table.duplicated(list(table.columns[:4])).any()


def test_rows_are_put_below_each_other_as_codes_only_where_their_words_are_the_same() -> None:
    first, more = Coded.of(np.array([0, -1]), ["a", "b"]), Coded.of(np.array([1]), ["a", "b"])
    other = Coded.of(np.array([0]), ["c"])
    alike, apart = one_below_the_other([first, more]), one_below_the_other([first, other])
    assert isinstance(alike, Coded)
    assert text_of(alike).tolist() == ["a", "", "b"]
    assert isinstance(apart, np.ndarray)
    assert apart.tolist() == ["a", "", "c"]
    assert text_of(first[:1]).tolist() == ["a"]
