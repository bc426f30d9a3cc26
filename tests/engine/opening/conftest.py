"""The bundled world opened once, and two tiny ones, for all tests of this folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tiny_companies import company, stated, world_of
from tiny_network import tiny_inputs, tiny_universe, tiny_world

from penstock.engine.opening.assemble import open_world
from penstock.engine.opening.figures import Figures, opening_figures
from penstock.engine.opening.network import Network, build_network
from penstock.engine.opening.state import Opening
from penstock.engine.opening.universe import Universe, build_universe
from penstock.world import World, load_world


@pytest.fixture(scope="session")
def world() -> World:
    """The bundled world; tests change copies only."""
    return load_world()


@pytest.fixture(scope="session")
def universe(world: World) -> Universe:
    """Who of the bundled world is simulated."""
    return build_universe(world)


@pytest.fixture(scope="session")
def figures(world: World, universe: Universe) -> Figures:
    """Stated and estimated figures of all its firms."""
    return opening_figures(world, universe)


@pytest.fixture(scope="session")
def opening(world: World) -> Opening:
    """The bundled world as its run begins."""
    return open_world(world)


@pytest.fixture(scope="session")
def tiny(world: World) -> World:
    """A chip maker with a full set of figures, a cloud with few and a utility with its revenue alone."""
    financials = [
        *stated(
            "maker",
            revenue=100.0,
            operating_income=40.0,
            operating_cash_flow=38.0,
            capex=5.0,
            depreciation=4.0,
            interest_expense=1.0,
            total_assets=120.0,
            total_equity=70.0,
            total_debt=20.0,
            cash_and_investments=30.0,
        ),
        *stated("cloud", revenue=50.0, total_assets=200.0, total_equity=100.0),
        *stated("utility_one", revenue=10.0),
    ]
    companies = [
        company("maker", "silicon", "chip_designer"),
        company("cloud", "platform", "hyperscaler"),
        company("utility_one", "energy", "utility"),
    ]
    return world_of(world, {"companies": companies, "financials": financials})


@pytest.fixture(scope="session")
def network() -> Network:
    """The network of `tiny_network`."""
    return build_network(tiny_world(), tiny_universe(), tiny_inputs())
