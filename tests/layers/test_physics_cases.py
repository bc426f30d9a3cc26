"""Each published or exact figure of the physics is met within its tolerance, and the page says what the model gives."""

from __future__ import annotations

import re

import pytest
from tools.physics.case import Case, Kind, Mark
from tools.physics.page import PAGE, page_text, parts

PARTS = parts()
CASES = [case for part in PARTS for case in part.cases]


def name_of(case: Case) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", f"{case.id} {case.quantity}")


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_figure_is_met(case: Case) -> None:
    assert case.holds, (
        f"{case.id}, {case.quantity} ({case.mark}): observed {case.observed:g} {case.unit}, simulated "
        f"{case.simulated:g}, tolerance {case.tolerance:g} {case.kind}; source: {case.source}"
    )


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_figure_names_its_source_and_unit(case: Case) -> None:
    assert len(case.source.split()) >= 3
    assert re.fullmatch(r"R\d+|5\.\d+(-\d)?", case.id)
    assert case.kind is not Kind.RELATIVE or case.observed != 0


def test_the_page_is_what_the_model_gives_now() -> None:
    assert PAGE.read_text(encoding="utf-8") == page_text(), "run python -m tools.physics"


def test_a_miss_is_a_miss() -> None:
    case = Case("R0", "a figure", "", 1.0, 1.02, 0.01, Mark.EXACT, "made up here")
    assert not case.holds
    assert Case("R0", "a figure", "", 1.0, 1.005, 0.01, Mark.EXACT, "made up here").holds
    assert not Case("R0", "a bound", "", 0.9, 0.89, 0.0, Mark.EXACT, "made up here", Kind.AT_LEAST).holds
    assert not Case("R0", "no number", "", 1.0, float("nan"), 1.0, Mark.EXACT, "made up here", Kind.SHOWN).holds
