"""Opening states that are kept: read again they are the same to the bit, and broken ones are opened anew."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from penstock.engine import layout
from penstock.engine.facts import build_facts
from penstock.engine.model import cited_parameters
from penstock.engine.opening import kept
from penstock.engine.opening.assemble import open_world
from penstock.engine.opening.layer_numbers import layer_numbers
from penstock.engine.opening.state import Opening
from penstock.world import World, load_world

WORLDS = ("ai-2025", "ai-2024", "telecom-1999")


def same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other, check_exact=True)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            same(one[key], other[key])
    else:
        assert one == other or (one != one and other != other)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept, "folder", lambda: tmp_path)
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    return tmp_path


@pytest.mark.parametrize("name", WORLDS)
def test_what_is_kept_is_the_same_to_the_bit(name: str, place: Path) -> None:
    """Not only the tables: also what the model cuts from them, whatever the order in which memory holds them."""
    world = load_world(name)
    opened = open_world(world)
    first = kept.opening_of(world)
    assert len(list(place.glob(f"*{kept.ENDING}"))) == 1
    again = kept.read(next(place.glob(f"*{kept.ENDING}")), world)
    assert again is not None
    for field in fields(Opening):
        if field.name != "rules":
            same(getattr(opened, field.name), getattr(again, field.name))
            same(getattr(opened, field.name), getattr(first, field.name))
    assert again.rules is opened.rules
    facts = []
    for opening in (opened, again):
        cut = layout.build_layout(opening)
        layers = layer_numbers(world, opening.physical)
        facts.append((cut, build_facts(opening, cut, cited_parameters(world), world.table("sites"), layers)))
    for one, other in zip(*facts, strict=True):
        for field in fields(one):
            if field.name in ("sites", "parameters"):
                continue
            same(getattr(one, field.name), getattr(other, field.name))


def test_a_second_call_opens_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = load_world()
    before = kept.opening_of(world)

    def refuse(*given: Any) -> Opening:
        raise AssertionError("opened anew")

    monkeypatch.setattr(kept, "open_world", refuse)
    same(before.sheet, kept.opening_of(world).sheet)
    with pytest.raises(AssertionError, match="opened anew"):
        kept.opening_of(world, [("nvidia", "openai", "compute")])


@pytest.mark.parametrize("spoil", ["cut", "flip", "empty", "text"])
def test_a_broken_file_is_opened_anew(spoil: str, place: Path) -> None:
    world = load_world("telecom-1999")
    before = kept.opening_of(world)
    file = next(place.glob(f"*{kept.ENDING}"))
    whole = file.read_bytes()
    middle = len(whole) // 2
    spoiled = {
        "cut": whole[:middle],
        "flip": whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :],
        "empty": b"",
        "text": b"no numbers here",
    }[spoil]
    file.write_bytes(spoiled)
    assert kept.read(file, world) is None
    same(before.sheet, kept.opening_of(world).sheet)
    assert file.read_bytes() == whole


def test_a_place_that_cannot_be_written_is_no_error(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "folder", lambda: place / "file" / "below")
    (place / "file").write_text("in the way")
    assert kept.opening_of(load_world("telecom-1999")).firms


def test_worlds_made_by_hand_are_not_kept(place: Path) -> None:
    world = load_world("telecom-1999")
    kept.opening_of(World("by hand", world.as_of, "changed", world.tables, (), world.rules))
    assert not list(place.iterdir())


def test_other_facts_and_other_source_have_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    world, other = load_world("telecom-1999"), load_world()
    name = kept.key_of(world, ())
    assert name == kept.key_of(load_world("telecom-1999"), ())
    assert len({name, kept.key_of(other, ()), kept.key_of(world, [("a", "b", "c")])}) == 3
    monkeypatch.setattr(kept, "source_hash", lambda: "0")
    assert kept.key_of(world, ()) != name


def test_only_so_many_are_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_KEPT", 2)
    opening = kept.opening_of(load_world("telecom-1999"))
    for number in range(4):
        kept.keep(place / f"{number}{kept.ENDING}", opening)
    assert len(list(place.glob(f"*{kept.ENDING}"))) == 2
