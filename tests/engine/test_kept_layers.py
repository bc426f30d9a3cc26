"""The layers' numbers that are kept: read again they are the same to the bit, and broken files are worked out anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.engine.opening import kept, kept_layers
from penstock.engine.opening.layer_numbers import LayerNumbers, layer_numbers
from penstock.world import World, load_world


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept, "folder", lambda: tmp_path)
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    return tmp_path


def found_in(place: Path) -> list[Path]:
    return sorted(place.glob(f"*{kept_layers.ENDING}"))


@pytest.mark.parametrize("name", ["ai-2025", "telecom-1999"])
def test_what_is_kept_is_the_same_and_not_worked_out_again(
    name: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = load_world(name)
    opening = kept.opening_of(world)
    plain = layer_numbers(world, opening.physical)
    assert kept_layers.layers_of(world, opening) == plain

    def refuse(*given: Any) -> LayerNumbers:
        raise AssertionError("worked out anew")

    monkeypatch.setattr(kept_layers, "layer_numbers", refuse)
    again = kept_layers.layers_of(world, opening)
    assert again == plain
    assert {type(value) for value in (*again.centres.values(), again.pue, again.supply.usd_per_mwh)} == {float}
    with pytest.raises(AssertionError, match="worked out anew"):
        kept_layers.layers_of(world, opening, [("nvidia", "openai", "compute")])


@pytest.mark.parametrize("spoil", ["gone", "cut", "flip", "empty", "text"])
def test_a_file_that_is_gone_or_broken_is_worked_out_anew(spoil: str, place: Path) -> None:
    world = load_world("telecom-1999")
    opening = kept.opening_of(world)
    before = kept_layers.layers_of(world, opening)
    (file,) = found_in(place)
    whole = file.read_bytes()
    middle = whole.index(b"usd_per_mwh") + len(b'usd_per_mwh": ')
    if spoil == "gone":
        file.unlink()
    else:
        file.write_bytes(
            {
                "cut": whole[:middle],
                "flip": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
                "empty": b"",
                "text": b"no numbers here",
            }[spoil]
        )
    assert kept_layers.read(file) is None
    assert kept_layers.layers_of(world, opening) == before
    assert file.read_bytes() == whole


def test_a_place_that_cannot_be_written_is_no_error(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = load_world("telecom-1999")
    opening = kept.opening_of(world)
    (place / "file").write_text("in the way")
    monkeypatch.setattr(kept, "folder", lambda: place / "file" / "below")
    assert kept_layers.layers_of(world, opening) == layer_numbers(world, opening.physical)


def test_worlds_made_by_hand_are_not_kept(place: Path) -> None:
    world = load_world("telecom-1999")
    kept_layers.layers_of(
        World("by hand", world.as_of, "changed", world.tables, (), world.rules), kept.opening_of(world)
    )
    assert not found_in(place)
