"""Figures: how they are put together."""

from __future__ import annotations

from penstock.report.spec import told_by


def test_a_figure_is_told_choice_by_choice() -> None:
    def tell(scenario: str, by: str) -> tuple[list[list[object]], str]:
        return [[scenario.upper(), 1.0], [by, 2.0]], f"{scenario} by {by}"

    rows, findings = told_by(["a|year", "b|quarter"], tell)
    first = [["a", "year", "A", 1.0], ["a", "year", "year", 2.0]]
    assert rows == [*first, ["b", "quarter", "B", 1.0], ["b", "quarter", "quarter", 2.0]]
    assert findings == {"a|year": "a by year", "b|quarter": "b by quarter"}
    assert told_by([], tell) == ([], {})
