"""Plain tables are what Rich draws where nothing is folded or coloured."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.cli import output
from penstock.cli.context import Format, Settings
from penstock.cli.narrow_tables import Column
from penstock.cli.output import Section, emit
from penstock.cli.plain_tables import is_plain, plain_table

WIDER_THAN_ANY = 100_000
PIECES = [*"ab1 .-_:>∞é漢字\n", "e\u0301"]
CELL = st.lists(st.sampled_from(PIECES), max_size=9).map("".join).filter(lambda text: is_plain([text]))


@st.composite
def tables(draw: st.DrawFn) -> list[Column]:
    rows, count = draw(st.integers(0, 4)), draw(st.integers(1, 4))
    cells = st.lists(CELL, min_size=rows, max_size=rows)
    return [Column(draw(CELL), draw(cells), draw(st.booleans())) for _ in range(count)]


def by_rich(columns: Sequence[Column], *, heading: bool) -> list[str]:
    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, highlight=False, markup=False, emoji=False, width=WIDER_THAN_ANY)
    console.print(output._table(columns, heading=heading))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@settings(deadline=None)
@given(columns=tables(), heading=st.booleans())
def test_a_plain_table_is_what_rich_draws(columns: list[Column], heading: bool) -> None:
    assert plain_table(columns, heading=heading) == by_rich(columns, heading=heading)


def test_text_with_control_characters_is_not_plain() -> None:
    assert is_plain(["a b", "two\nlines", "∞ é 漢", ""])
    for odd in ("\t", "\x1b[1m", "\r", "\x07", "\u2028", "\n\n"):
        assert not is_plain(["a", f"b{odd}c"])


@pytest.mark.parametrize("odd", ["", "\t"])
def test_both_ways_to_a_pipe_print_the_same(
    odd: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the plain way is not taken."""
    sections = [
        Section(
            "a", "A title", pd.DataFrame({"name": ["x", f"y{odd}z"], "usd_bn": [1.5, None]}), "A note.\nOf two lines"
        ),
        Section("b", "", {"card": 1, "other": "text"}),
        Section("c", "Empty", pd.DataFrame({"name": []})),
        Section("d", "Wide", pd.DataFrame({f"a_long_column_{i}": [f"some words, {i}", "-"] for i in range(9)})),
    ]
    printed = []
    for plain in (is_plain, lambda texts: False):
        monkeypatch.setattr(output, "is_plain", plain)
        emit(sections, Settings(format=Format.TABLE), notice="A notice.")
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "A title\n" in printed[0]
