"""The figure of what contracts promise in gigawatts and chips: it counts each quantity of the world once."""

from __future__ import annotations

import pytest

import penstock as ps
from penstock.report.figures_capacity import DELIVERING, UNITS, Unit, capacity_figures
from penstock.report.spec import Figure
from penstock.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return ps.load_world()


@pytest.fixture(scope="module")
def figures(world: World) -> dict[str, Figure]:
    return {figure.id: figure for figure in capacity_figures(world)}


def column(figure: Figure, key: str) -> list[float]:
    place = [one.key for one in figure.columns].index(key)
    return [float(row[place]) for row in figure.rows]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_each_quantity_of_a_contract_in_force_is_counted_once(
    world: World, figures: dict[str, Figure], unit: Unit
) -> None:
    ties = world.active_contracts()
    ties = ties[ties["kind"].isin(DELIVERING) & ties["quantity_unit"].isin(unit.factors)]
    ties = ties[ties["end"].isna() | (ties["end"] >= "2024-12-28")]
    figure = figures[f"capacity-{unit.name}"]
    total = sum(row["quantity"] * unit.factors[row["quantity_unit"]] for row in ties.to_dict("records"))
    assert sum(column(figure, "amount")) == pytest.approx(total, rel=1e-12)
    assert sum(column(figure, "contracts")) == len(ties)
    firm = ties[ties["binding"] == "firm"]
    of_firm = sum(row["quantity"] * unit.factors[row["quantity_unit"]] for row in firm.to_dict("records"))
    assert sum(column(figure, "p05")) == pytest.approx(of_firm, rel=1e-12)


def test_bands_run_one_way_and_arcs_the_other(figures: dict[str, Figure]) -> None:
    for figure in figures.values():
        rank = {name: place for name, _, place in figure.options["nodes"]}
        for row in figure.rows:
            assert (row[2] == "forward") == (rank[str(row[0])] < rank[str(row[1])])


def test_a_world_that_names_no_quantity_has_no_figure() -> None:
    world = ps.load_world("telecom-1999")
    assert all(figure.rows for figure in capacity_figures(world))
