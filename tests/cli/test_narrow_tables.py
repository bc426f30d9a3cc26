"""Tables on narrow terminals: no word is cut, nothing is lost, every line fits."""

from __future__ import annotations

import os
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.cli.narrow_tables import EDGES, GAP, Column, blocks, fold

WORDS = ("a", "of", "paths", "company_id", "profit_retained", "1,234", "debt:a>b", "applied_materials", "x" * 19)
words = st.sampled_from(WORDS)
cells = st.lists(words, max_size=5).map(" ".join)


def width_of(block: list[Column]) -> int:
    return sum(column.natural for column in block) + GAP * (len(block) - 1) + EDGES


@given(st.lists(st.tuples(words, st.lists(cells, min_size=2, max_size=2)), min_size=1, max_size=9))
def test_every_block_fits_and_every_word_of_every_column_is_there_whole(made: list[tuple[str, list[str]]]) -> None:
    columns = [Column(heading, texts, numeric=False) for heading, texts in made]
    found = blocks(columns, 80)
    assert all(width_of(block) <= 80 for block in found)
    shown = [column for block in found for column in block]
    for heading, texts in made:
        # of the columns shown one has this heading, and the same words in the same order
        same = [item for item in shown if item.heading.replace("\n", "") == heading]
        assert any([cell.split() for cell in item.cells] == [text.split() for text in texts] for item in same)


def test_columns_that_do_not_fit_stand_below_beside_the_same_key() -> None:
    columns = [Column("company_id", ["applied_materials", "nvidia"], numeric=False)]
    columns += [Column(f"quantity_{place}", ["1,234,567.8", "2"], numeric=True) for place in range(8)]
    found = blocks(columns, 80)
    assert len(found) == 2
    assert all(block[0].cells == ["applied_materials", "nvidia"] for block in found)
    assert [column.heading.replace("\n", "") for block in found for column in block[1:]] == [
        f"quantity_{place}" for place in range(8)
    ]


def test_what_fits_is_left_as_it_is() -> None:
    columns = [Column("name", ["a b", "c"], numeric=False), Column("value", ["1", "20"], numeric=True)]
    assert blocks(columns, 80) == [columns]


def test_a_long_identifier_is_folded_behind_its_joints_and_lists_stay_lists() -> None:
    text = "sold\n  debit microsoft [bills:accelerators:microsoft>nvidia]\n  and 2 more"
    assert fold(text, 24) == ("sold\n  debit microsoft\n    [bills:accelerators:\n    microsoft>nvidia]\n  and 2 more")


@pytest.mark.parametrize("width", [80, 100])
def test_a_terminal_gets_lines_that_fit(width: int) -> None:
    frame = pd.DataFrame({f"a_rather_long_column_{place}": [f"value number {place}"] * 2 for place in range(12)})
    text = on_a_terminal(frame, width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert len(re.findall("value", text)) >= 2 * 12  # a key stands in each block
    assert "A note that goes on over more than one line of the source" in " ".join(text.split())


def on_a_terminal(frame: pd.DataFrame, width: int) -> str:
    """What the command would show, by a pseudo-terminal of this width."""
    import pty
    import subprocess
    import sys

    script = (
        "import pandas as pd, sys, io\n"
        "from penstock.cli.context import Settings\n"
        "from penstock.cli.output import Section, emit\n"
        f"frame = pd.read_json(io.StringIO({frame.to_json()!r}))\n"
        "note = 'A note that goes on over more than\\none line of the source, and past eighty columns.'\n"
        "emit([Section('a', 'A title that is longer than a line of the terminal ' * 3, frame, note)], Settings())\n"
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(width), "TERM": "dumb"}
    subprocess.run([sys.executable, "-c", script], stdout=theirs, env=environment, check=True)
    os.close(theirs)
    out = b""
    try:
        while piece := os.read(ours, 65536):
            out += piece
    except OSError:  # the far end is closed
        pass
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m", "", out.decode()).replace("\r\n", "\n")
