"""The same seed gives the same future, bit for bit, whatever it is computed with."""

from __future__ import annotations

import pickle
from dataclasses import fields

import numpy as np
import pytest
from simulated import Array, bundled, model_of, simulated, walk

from penstock.engine.model import Model, PathBlock, prepare, simulate_paths
from penstock.engine.moment import Moment
from penstock.engine.philox import LAST
from penstock.engine.random import ECONOMY, ECONOMY_READ, FIRM_STEP, PARAMETERS, Streams, draw
from penstock.scenarios import load_scenario

QUARTERS = 8
BY_PATH = ("economy", "layers", "company")
FIRMS = np.arange(20)


def tables(block: PathBlock, first: int, wanted: range) -> dict[str, Array]:
    """Every output of some paths of a block that begins at path `first`."""
    lanes = slice(wanted.start - first, wanted.stop - first)
    out: dict[str, Array] = {"chain": block.chain[lanes]}
    for name in BY_PATH:
        out |= {f"{name}.{key}": values[..., lanes] for key, values in getattr(block, name).items()}
    for name in ("outcomes", "events"):
        table = getattr(block, name)
        keep = (table["path"] >= wanted.start) & (table["path"] < wanted.stop)
        out |= {f"{name}.{key}": values[keep] for key, values in table.items()}
    return out


def assert_same_bits(one: dict[str, Array], other: dict[str, Array]) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        assert values.dtype == other[name].dtype, name
        if values.dtype == object:
            assert values.tolist() == other[name].tolist(), name
        else:
            assert values.tobytes() == other[name].tobytes(), name


@pytest.fixture(scope="module")
def whole() -> PathBlock:
    return simulated(model_of("baseline", QUARTERS), 256)


@pytest.mark.parametrize(("first", "count"), [(5, 1), (60, 9), (127, 1), (128, 128), (3, 200)])
def test_a_path_is_the_same_alone_and_in_any_group(whole: PathBlock, first: int, count: int) -> None:
    wanted = range(first, first + count)
    part = simulate_paths(model_of("baseline", QUARTERS), first, count)
    assert_same_bits(tables(part, first, wanted), tables(whole, 0, wanted))


def test_paths_differ_from_each_other(whole: PathBlock) -> None:
    capex = whole.economy["capex_usd_bn"]
    assert len(np.unique(capex[-1])) == capex.shape[1]


def test_a_model_that_travelled_gives_the_same(whole: PathBlock) -> None:
    model = pickle.loads(pickle.dumps(model_of("baseline", QUARTERS)))
    wanted = range(0, 64)
    assert_same_bits(tables(simulate_paths(model, 0, 64), 0, wanted), tables(whole, 0, wanted))


def test_a_world_opened_anew_gives_the_same(whole: PathBlock) -> None:
    wanted = range(0, 64)
    block = simulate_paths(prepare(bundled(), quarters=QUARTERS), 0, 64)
    assert_same_bits(tables(block, 0, wanted), tables(whole, 0, wanted))


def test_another_seed_gives_other_futures(whole: PathBlock) -> None:
    other = simulated(model_of("baseline", QUARTERS, seed=8), 64)
    for name in ("capex_usd_bn", "price_usd_per_h100e_hour", "ai_revenue_usd_bn"):
        assert (other.economy[name][-1] != whole.economy[name][-1, :64]).all(), name


def test_a_shorter_run_is_the_beginning_of_a_longer_one(whole: PathBlock) -> None:
    short = simulated(model_of("baseline", 5), 64)
    for part in BY_PATH:
        for name, values in getattr(short, part).items():
            longer = getattr(whole, part)[name][: len(values), ..., :64]
            assert values.tobytes() == np.ascontiguousarray(longer).tobytes(), name
    last = max(short.events["quarter"])
    keep = (whole.events["quarter"] <= last) & (whole.events["path"] < 64)
    for name, column in short.events.items():
        assert column.tolist() == whole.events[name][keep].tolist(), name


def test_a_shock_changes_nothing_before_its_quarter() -> None:
    """The funding freeze begins in 2027Q1, the fifth quarter."""
    calm, freeze = (simulated(model_of(name, QUARTERS), 64) for name in ("baseline", "funding_freeze"))
    for part in BY_PATH:
        for name, values in getattr(freeze, part).items():
            assert values[:4].tobytes() == getattr(calm, part)[name][:4].tobytes(), name
    assert (freeze.economy["capex_usd_bn"][5] < calm.economy["capex_usd_bn"][5]).any()


# ------------------------------------------------------------------ random numbers


def test_numbers_hang_on_seed_and_path_alone() -> None:
    many, one = draw(7, range(3, 9), 5, FIRMS), draw(7, range(6, 7), 5, FIRMS)
    for field in fields(many):
        assert np.array_equal(getattr(many, field.name)[..., 3], getattr(one, field.name)[..., 0]), field.name
    other = draw(8, range(6, 7), 5, FIRMS)
    for field in fields(many):
        assert not np.isin(getattr(other, field.name), getattr(one, field.name)).any(), field.name


def test_numbers_of_early_quarters_do_not_hang_on_later_ones() -> None:
    short, longer = draw(7, range(2), 4, FIRMS), draw(7, range(2), 9, FIRMS)
    for field in fields(short):
        values = getattr(short, field.name)
        assert np.array_equal(values, getattr(longer, field.name)[: len(values)]), field.name


def test_numbers_are_those_of_the_generator_of_numpy() -> None:
    """To the bit, with draws that the ziggurat refuses and draws beyond its last strip among them."""
    quarters, columns, first = 40, np.array([2, 0, 255, 131, 130]), 2**40
    numbers, streams = draw(7, range(first, first + 9), quarters, columns), Streams(7)
    largest = 0.0
    for lane in range(9):
        for name in ("parameters", "changes"):
            assert (streams.at(first + lane, name).random(PARAMETERS) == getattr(numbers, name)[:, lane]).all()
        for of, width, places in (("economy", ECONOMY, np.arange(ECONOMY_READ)), ("firm", FIRM_STEP, columns)):
            normal = streams.at(first + lane, f"{of}_normal").standard_normal((quarters, width))
            assert (normal[:, places] == getattr(numbers, f"{of}_normal")[..., lane]).all()
            uniform = streams.at(first + lane, f"{of}_uniform").random((quarters, width))
            assert (uniform[:, places] == getattr(numbers, f"{of}_uniform")[..., lane]).all()
            largest = max(largest, np.abs(normal).max())
    assert largest > LAST


@pytest.mark.parametrize("more", [1, 40])
def test_a_firm_keeps_its_numbers_whoever_comes_or_goes(more: int) -> None:
    """A company that is added stands last in the world's list; one that goes leaves its place empty."""
    columns = np.arange(100)
    all_, added, fewer = (
        draw(7, range(2), 4, which) for which in (columns, np.arange(100 + more), np.delete(columns, 30))
    )
    assert 100 + more <= FIRM_STEP
    for name in ("firm_normal", "firm_uniform"):
        numbers = getattr(all_, name)
        assert np.array_equal(numbers, getattr(added, name)[:, :100])
        assert np.array_equal(np.delete(numbers, 30, axis=1), getattr(fewer, name))
    assert np.array_equal(all_.economy_normal, added.economy_normal)


def test_uniforms_are_uniform_and_normals_normal() -> None:
    numbers = draw(7, range(64), 8, np.arange(100))
    for values in (numbers.firm_uniform, numbers.economy_uniform, numbers.parameters):
        assert values.min() >= 0.0 and values.max() < 1.0
        assert abs(values.mean() - 0.5) < 5.0 * np.sqrt(1.0 / 12.0 / values.size)
    assert abs(numbers.firm_normal.mean()) < 5.0 / np.sqrt(numbers.firm_normal.size)
    assert abs(numbers.firm_normal.var() - 1.0) < 5.0 * np.sqrt(2.0 / numbers.firm_normal.size)


def firm_numbers(model: Model) -> dict[str, Array]:
    seen: dict[str, Array] = {}

    def look(now: Moment) -> None:
        block = now.block
        for row, firm in enumerate(block.layout.units[: block.layout.firms]):
            seen[firm] = block.draws.firm_normal[:, row].copy()

    walk(model, 2, before=look)
    return seen


def test_a_company_added_by_a_scenario_keeps_the_luck_of_the_others() -> None:
    added = {
        "name": "newcomer",
        "extends": "baseline",
        "company": [
            {
                "id": "newcomer",
                "name": "Newcomer",
                "layer": "platform",
                "roles": "neocloud",
                "opening": {"revenue": 1.0},
            }
        ],
    }
    before = firm_numbers(model_of("baseline", 1))
    after = firm_numbers(prepare(bundled(), load_scenario(added, bundled()), quarters=1))
    assert set(after) - set(before) == {"newcomer"}
    assert all(np.array_equal(after[firm], numbers) for firm, numbers in before.items())
