"""The bundled world: no defects, the counts of its check page, and a data package that fits its files."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from penstock.world import World, load_world
from penstock.world.checking import CHECKS, find_defects
from penstock.world.loading import BUNDLED
from penstock.world.reading import read_folder
from penstock.world.schema import SCHEMA

FOLDER = BUNDLED["ai-2025"]
ROOT = Path(__file__).parents[2]

# rows, then rows of grade A, B, C, D, E, as they were after the last correction of the data
COUNTS = {
    "companies": (227, 11, 16, 91, 0, 109),
    "financials": (4393, 65, 61, 3689, 375, 203),
    "contracts": (305, 14, 10, 230, 28, 23),
    "sites": (61, 0, 1, 51, 0, 9),
    "power": (64, 0, 4, 44, 0, 16),
    "chips": (32, 0, 0, 20, 0, 12),
    "series": (1012, 11, 11, 771, 27, 192),
    "parameters": (334, 4, 3, 207, 30, 90),
    "booms": (7, 0, 0, 1, 0, 6),
}

# month of the figure that the rule picks, and its grade, of companies whose years end differently
PICKED = {
    ("nvidia", "revenue"): ("2025-10", "D"),
    ("cisco", "revenue"): ("2025-07", "C"),
    ("asml", "capex"): ("2025-12", "D"),
    ("iren", "capex"): ("2025-12", "D"),
    ("iren", "revenue"): ("2025-06", "C"),
    ("arm", "revenue"): ("2025-12", "D"),
    ("arm", "operating_income"): ("2025-03", "E"),
    ("foxconn", "total_assets"): ("2025-09", "D"),
    ("apple", "cash_and_investments"): ("2025-09", "D"),
    ("databricks", "revenue"): ("2024-01", "C"),
    ("microsoft", "capex"): ("2025-12", "D"),
    ("oracle", "capex"): ("2025-11", "D"),
}


@pytest.fixture(scope="module")
def world() -> World:
    return load_world()


@pytest.fixture(scope="module")
def descriptor() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "datapackage.json").read_text(encoding="utf-8"))
    return found


def test_it_has_no_defects() -> None:
    raw = read_folder(FOLDER)
    assert find_defects(raw) == []
    assert raw.messages == []


def test_every_check_is_run() -> None:
    from penstock.world import checking

    written = {name for name in vars(checking) if name.startswith("check_")}
    assert {check.__name__ for check in CHECKS} == written


def test_counts_of_rows_by_grade(world: World) -> None:
    counts = world.counts()
    assert {name: tuple(counts.loc[name]) for name in COUNTS} == COUNTS
    assert counts.loc["sources", "rows"] == 775


def test_counts_of_parameters_by_the_year_they_were_known() -> None:
    rows = {date: len(load_world(as_of=date).table("parameters")) for date in ("2022-12-31", "2024-12-31")}
    assert rows == {"2022-12-31": 23, "2024-12-31": 80}


def test_ties_announced_after_the_baseline(world: World) -> None:
    ties = world.table("contracts")
    assert int((~ties["active"]).sum()) == 20
    assert load_world(as_of="2026-01-31").table("contracts")["active"].all()
    assert ties["included_in"].notna().sum() == 23


@pytest.mark.parametrize("key", PICKED, ids=[" ".join(key) for key in PICKED])
def test_figures_picked_by_the_opening_rule(world: World, key: tuple[str, str]) -> None:
    row = world.figures().loc[key]
    assert (row["period_end"][:7], row["grade"]) == PICKED[key]


def test_the_sum_of_quarters_is_their_sum(world: World) -> None:
    series = world.table("series")
    capex = series[(series["series"] == "capex_usd_bn") & (series["entity"] == "microsoft")]
    last = capex.sort_values("date").tail(4)["value"].sum()
    assert world.figures().loc[("microsoft", "capex"), "value"] == pytest.approx(last, rel=1e-12)


def test_microsoft_cloud_is_not_taken_for_azure(world: World) -> None:
    assert world.figures().loc[("microsoft", "cloud_revenue"), "value"] == 75


def test_no_tie_in_force_lies_within_another(world: World) -> None:
    ties = world.active_contracts()
    assert not set(ties["included_in"].dropna()) & set(ties["id"])
    assert "terminated" not in set(ties["status"])


def test_descriptor_is_what_the_tool_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("make_datapackage", ROOT / "tools" / "make_datapackage.py")
    assert spec is not None and spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(sys, "argv", ["make_datapackage.py", "--check"])
    assert tool.main() == 0


def test_descriptor_names_every_file_and_column(descriptor: dict[str, Any]) -> None:
    assert descriptor["licenses"][0]["name"] == "CC-BY-4.0"
    assert descriptor["as_of"] == descriptor["version"] == "2025-12-31"
    assert re.fullmatch(r"[a-z0-9._-]+", descriptor["name"])
    described = {resource["path"]: resource["schema"] for resource in descriptor["resources"]}
    assert set(described) == {path.name for path in FOLDER.glob("*.csv")}
    for path, schema in described.items():
        with (FOLDER / path).open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        assert [field["name"] for field in schema["fields"]] == header
        assert all(field["description"] for field in schema["fields"])


def test_descriptor_holds_for_every_cell(descriptor: dict[str, Any]) -> None:
    """Constraints, keys and references of the descriptor, read as any other tool would read them."""
    rows, keys = {}, {}
    for resource in descriptor["resources"]:
        with (FOLDER / resource["path"]).open(encoding="utf-8", newline="") as file:
            rows[resource["name"]] = list(csv.DictReader(file))
        keys[resource["name"]] = {row.get("id") for row in rows[resource["name"]]}
        assert resource["bytes"] == (FOLDER / resource["path"]).stat().st_size
    for resource in descriptor["resources"]:
        name, schema = resource["name"], resource["schema"]
        own = [tuple(row[column] for column in schema["primaryKey"]) for row in rows[name]]
        assert len(own) == len(set(own))
        for key in schema.get("foreignKeys", []):
            target = key["reference"]["resource"] or name
            assert {row[key["fields"]] for row in rows[name]} - {""} <= keys[target]
        for field in schema["fields"]:
            for row in rows[name]:
                assert_fits(row[field["name"]], field)


def assert_fits(cell: str, field: dict[str, Any]) -> None:
    rules = field.get("constraints", {})
    if cell == "":
        assert not rules.get("required")
        return
    assert cell in rules.get("enum", [cell])
    assert re.fullmatch(rules.get("pattern", ".*"), cell, re.DOTALL)
    if field["type"] in ("number", "integer"):
        assert rules.get("minimum", float("-inf")) <= float(cell) <= rules.get("maximum", float("inf"))
    if field["type"] == "boolean":
        assert cell in field["trueValues"] + field["falseValues"]


def test_the_schema_names_every_file(world: World) -> None:
    assert {table.file for table in SCHEMA.values()} >= {path.name for path in FOLDER.glob("*.csv")}
    assert set(world.tables) == set(SCHEMA)
