"""Worlds and scenarios, spoiled: each is read, or refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from spoiling import holds_out

from penstock.scenarios import load_scenario
from penstock.world import load_world
from small_world import write_small_world


@pytest.mark.parametrize("name", ["companies", "contracts", "parameters", "sites", "sources", "financials"])
def test_worlds(name: str, tmp_path: Path) -> None:
    folder = write_small_world(tmp_path / "small")
    file = folder / f"{name}.csv"

    def load(spoiled_file: Path) -> None:
        file.write_bytes(spoiled_file.read_bytes())
        load_world(folder)

    holds_out(load, file.read_bytes(), f"{name}.csv")


def test_descriptors_of_worlds(tmp_path: Path) -> None:
    folder = write_small_world(tmp_path / "small")

    def load(spoiled_file: Path) -> None:
        (folder / "datapackage.json").write_bytes(spoiled_file.read_bytes())
        load_world(folder)

    about = b'{"name": "small", "as_of": "2025-12-31", "resources": [{"name": "companies", "path": "companies.csv"}]}'
    holds_out(load, about, "datapackage.json")


SCENARIO = b"""name = "mine"
story = "A shock."
extends = "baseline"

[[event]]
kind = "outage"
target = "tsmc"
size = 0.5
from = "2026Q3"
lasts = 4

[[change]]
what = "finance.debt_access"
apply = "0.3 to 0.6"
from = "2026Q3"
until = "2027Q2"

[switch]
noise = false
"""


def test_scenarios() -> None:
    world = load_world()
    holds_out(lambda file: load_scenario(file, world), SCENARIO, "mine.toml")
