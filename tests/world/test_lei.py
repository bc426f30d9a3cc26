"""LEIs: the check of ISO 17442 finds slips of the pen, and a world says which of its cells has one."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from penstock.analysis.company_lookup import CompanyLookup
from penstock.errors import InputError
from penstock.scenarios import load_scenario
from penstock.world import DefectsError, load_world
from penstock.world.lei import check_digits, lei_fault

CHARACTERS = string.digits + string.ascii_uppercase
BODIES = st.text(CHARACTERS, min_size=18, max_size=18)
EXAMPLE = "5493001KJTIIGC8Y1R" + "12"
FORM = "18 capital letters or digits and two check digits (ISO 17442)"


def test_check_digits_worked_out_by_hand() -> None:
    # eighteen zeros leave 0, so 98 - 0 ends them; a last 1 adds 100 mod 97 = 3
    assert check_digits("0" * 18) == "98"
    assert check_digits("0" * 17 + "1") == "95"
    # A counts as 10: 1000 mod 97 = 30
    assert check_digits("0" * 17 + "A") == "68"


@given(BODIES)
def test_a_body_with_its_check_digits_is_valid(body: str) -> None:
    assert lei_fault(body + check_digits(body)) == ""


def alike(one: str, other: str) -> bool:
    """Both digits, or both letters: the number then keeps its length."""
    return one.isdigit() == other.isdigit()


@given(BODIES, st.integers(0, 19), st.sampled_from(CHARACTERS))
def test_a_digit_or_letter_mistyped_as_another_is_found(body: str, place: int, typed: str) -> None:
    whole = body + check_digits(body)
    assume(alike(whole[place], typed))
    spoiled = whole[:place] + typed + whole[place + 1 :]
    assert (lei_fault(spoiled) == "") == (spoiled == whole)


@given(BODIES, st.integers(0, 18))
def test_like_neighbours_exchanged_are_found(body: str, place: int) -> None:
    whole = body + check_digits(body)
    assume(alike(whole[place], whole[place + 1]))
    swapped = whole[:place] + whole[place + 1] + whole[place] + whole[place + 2 :]
    assert (lei_fault(swapped) == "") == (swapped == whole)


@pytest.mark.parametrize("text", ["", "5493001KJTIIGC8Y1R1", EXAMPLE + "0", EXAMPLE.lower(), "5493001KJTIIGC8Y1RAB"])
def test_other_forms_are_told(text: str) -> None:
    assert lei_fault(text) == FORM


def with_leis(folder: Path, *leis: str) -> Path:
    """The small world with a column of LEIs, empty for the rest of its companies."""
    path = folder / "companies.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = [*leis, *[""] * (len(lines) - 1 - len(leis))]
    path.write_text(
        "\n".join([f"{lines[0]},lei", *(f"{line},{cell}" for line, cell in zip(lines[1:], cells, strict=True))]) + "\n",
        encoding="utf-8",
    )
    return folder


def test_a_world_without_a_lei_is_the_same_with_and_without_the_column(small_world: Path) -> None:
    before = load_world(str(small_world)).hash
    assert load_world(str(with_leis(small_world))).hash == before


def test_companies_are_found_by_their_lei(small_world: Path) -> None:
    before = load_world(str(small_world)).hash
    world = load_world(str(with_leis(small_world, EXAMPLE)))
    assert world.hash != before
    lookup = CompanyLookup(world.table("companies"))
    for text in (EXAMPLE, EXAMPLE.lower(), f" {EXAMPLE} "):
        found = lookup.find(text)
        assert (found.ids, found.how) == (("nvidia",), "lei")


@pytest.mark.parametrize(
    ("leis", "message"),
    [
        (("5493001KJTIIGC8Y1R",), f"companies.csv:2: lei: found '5493001KJTIIGC8Y1R'; expected {FORM}"),
        (
            ("", "5493001KJTIIGC8Y1R21"),
            "companies.csv:3: lei: found '5493001KJTIIGC8Y1R21'; expected a LEI whose last two digits check the others "
            "(ISO 7064, mod 97-10): 12 here",
        ),
        (
            (EXAMPLE, EXAMPLE),
            f"companies.csv:3: lei: found '{EXAMPLE}' again; expected one company a LEI (line 2)",
        ),
    ],
)
def test_a_wrong_lei_of_a_world_is_told_at_its_cell(small_world: Path, leis: tuple[str, ...], message: str) -> None:
    with pytest.raises(DefectsError) as told:
        load_world(str(with_leis(small_world, *leis)))
    assert str(told.value) == message


def test_a_company_of_a_scenario_may_have_one() -> None:
    company = {"id": "newlab", "name": "New Lab", "layer": "ai", "roles": "lab", "lei": EXAMPLE}
    world = load_world()
    scenario = load_scenario({"name": "entry", "company": [company]}, world)
    assert scenario.companies[0].lei == EXAMPLE
    with pytest.raises(InputError, match="lei: found '5493001KJTIIGC8Y1R21'; expected a LEI whose last two digits"):
        load_scenario({"name": "entry", "company": [{**company, "lei": "5493001KJTIIGC8Y1R21"}]}, world)
