"""Tables that come with the code: each cell as its field says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from penstock.world.rows import read_rows


@dataclass(frozen=True)
class Line:
    name: str
    share: float
    quarters: int


def test_cells_are_read_as_the_fields_say(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text('quarters,name,share\n4,"a, b",0.5\n,c,1e-3\n', encoding="utf-8")
    assert read_rows(file, Line) == (Line("a, b", 0.5, 4), Line("c", 0.001, 0))


@pytest.mark.parametrize(
    "text", ["name,share\na,1\n", "name,share,quarters,more\na,1,2,3\n", "name,share,quarters\na,b,1\n"]
)
def test_a_table_that_does_not_fit_fails(tmp_path: Path, text: str) -> None:
    file = tmp_path / "table.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises((TypeError, KeyError, ValueError)):
        read_rows(file, Line)
