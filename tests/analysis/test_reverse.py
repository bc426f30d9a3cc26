"""Reverse stress tests: a known nearest failure is found again, on formulas and on small worlds."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtr

from penstock.analysis.likeliest import Answer, Array, Search
from penstock.analysis.reverse import reverse
from penstock.analysis.reverse_search import Outcome, ReverseSearch, Task, Trial
from penstock.analysis.shock_space import Factor, ShockSpace, bundled_space, shocked_program, space_of
from penstock.analysis.targets import Target, read_target
from penstock.engine.lanes import Lanes, simulate_lanes
from penstock.engine.model import Model, prepare, simulate_paths
from penstock.engine.progress import silent
from penstock.errors import InputError, UsageError
from penstock.scenarios import load_scenario
from penstock.scenarios.program import Program
from penstock.world import World, load_world
from small_world import write_small_world

DIMENSION = 12


def smooth(margin: float, width: float = 0.5) -> Answer:
    """Half of the paths meet the target where the margin is zero."""
    return Answer(float(ndtr(margin / width)), float(np.clip(1.0 + margin / 12.0, 0.0, 1.0)))


def search(margin: Callable[[Array], float], seed: int = 1, **more: int) -> Search:
    starts = [sign * 3.0 * axis for axis in np.eye(DIMENSION) for sign in (1.0, -1.0)]

    def evaluate(points: Sequence[Array]) -> list[Answer]:
        return [smooth(margin(point)) for point in points]

    many = more or {"population": 40, "generations": 10, "rounds": 4}
    return Search(evaluate, DIMENSION, 5.0, seed, starts=starts, **many)


@pytest.mark.parametrize("distance", [1.0, 2.5, 4.0])
def test_the_design_point_of_a_plane_is_found(distance: float) -> None:
    # Hasofer and Lind: the nearest point of a.u = b is b a
    direction = np.random.default_rng(3).standard_normal(DIMENSION)
    direction /= np.linalg.norm(direction)
    found = search(lambda u: float(direction @ u) - distance).run()
    assert found.holds
    assert found.distance == pytest.approx(distance, rel=0.04)
    assert found.point @ direction / found.distance > 0.985


def test_the_nearer_of_two_regions_is_found() -> None:
    found = search(lambda u: float(max(u[0] - 2.0, -u[1] - 2.6))).run()
    assert found.distance == pytest.approx(2.0, rel=0.05)
    assert found.point[0] / found.distance > 0.98


def test_the_design_point_of_a_curved_limit_is_found() -> None:
    # u0 = 3 - u1^2 / 5 is nearest where 2 u1 (1 - 2 u0 / 5) = 0: u0 = 5/2, u1^2 = 5/2
    nearest = float(np.hypot(2.5, np.sqrt(2.5)))
    found = search(lambda u: float(u[0] - 3.0 + 0.2 * u[1] ** 2)).run()
    assert found.distance == pytest.approx(min(nearest, 3.0), rel=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_the_trials_of_the_command_come_within_a_tenth(seed: int) -> None:
    few = {"population": Search.population, "generations": Search.generations, "rounds": Search.rounds}
    plane = search(lambda u: float(0.8 * u[0] - 0.6 * u[5]) - 2.5, seed, **few).run()
    curved = search(lambda u: float(u[0] - 3.0 + 0.2 * u[1] ** 2), seed, **few).run()
    assert plane.holds and plane.distance == pytest.approx(2.5, rel=0.1)
    assert curved.holds and curved.distance == pytest.approx(np.hypot(2.5, np.sqrt(2.5)), rel=0.1)


def test_where_nothing_holds_the_closest_is_told_and_stays_inside_the_space() -> None:
    found = search(lambda u: float(u[0]) - 7.5).run()
    assert not found.holds
    assert found.distance <= 5.0 + 1e-9
    assert found.point[0] > 4.3


def test_a_search_is_repeatable_and_counts_no_more_than_it_said() -> None:
    first, second = search(lambda u: float(u[0]) - 2.0), search(lambda u: float(u[0]) - 2.0)
    assert np.array_equal(first.run().point, second.run().point)
    assert len(first.tried) <= first.most_evaluations


def factor(name: str, direction: str = "both") -> Factor:
    return Factor(name, name, "knob", "demand.ceiling", "log", direction, 0.5, 1.0, 2.0, 0, 0, "F", "", "")


def planted(weights: Sequence[float], threshold: float, correlation: Array) -> tuple[ReverseSearch, ShockSpace]:
    """A search whose paths meet the target where weights.z and a normal of their own pass a threshold."""
    space = ShockSpace(tuple(factor(f"f{k}") for k in range(len(weights))), correlation)

    def simulate(tasks: Sequence[Task]) -> list[Outcome]:
        found = []
        for z, seed, first, paths in tasks:
            noise = np.random.default_rng(seed).standard_normal(first + paths)[first:]
            amount = np.dot(weights, z) + 0.5 * noise
            found.append(Outcome(amount >= threshold, amount, float(np.clip(amount / threshold, 0, 1).mean())))
        return found

    return ReverseSearch(space, simulate, 7, 512, 5.0, 2, silent), space


def test_a_planted_shock_is_found_again_under_correlations() -> None:
    # likeliest z with a.z = c: z = c R a / (a' R a), at distance c / sqrt(a' R a)
    correlation = np.array([[1.0, 0.6, 0.0, 0.0], [0.6, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -0.3], [0.0, 0.0, -0.3, 1.0]])
    weights = np.array([1.0, 0.2, 0.5, 0.0])
    study, space = planted(list(weights), 2.0, correlation)
    solutions, closest = study.solve(load_scenario("baseline"), "2027Q1")
    variance = float(weights @ correlation @ weights)
    nearest = 2.0 * correlation @ weights / variance
    best = solutions[0]
    assert closest is None
    assert best.distance == pytest.approx(2.0 / np.sqrt(variance), rel=0.12)
    cosine = best.z @ space.precision @ nearest / (best.distance * space.distance(nearest))
    assert cosine > 0.95
    assert best.leading == ("f0",)
    assert best.check.share >= 0.5
    assert best.check.seed != study.seed
    # a further shock leaves the leading factor alone and is farther
    other = solutions[1]
    assert other.still == ("f0",)
    assert other.z[0] == pytest.approx(0.0, abs=1e-9)
    assert other.distance > best.distance
    # without its leading factor the first no longer does it
    told = best.factors.set_index("factor")
    assert told.loc["f0", "share_without"] < 0.5
    assert told["part"].sum() == pytest.approx(1.0)


def test_sensitivities_of_the_distance_are_its_derivatives() -> None:
    space = bundled_space()
    z = np.random.default_rng(1).standard_normal(len(space.factors))
    sds = np.array([item.sd for item in space.factors])
    for place, part in enumerate(space.parts(z)):
        step = np.where(np.arange(len(sds)) == place, 1e-6, 0.0)
        elasticity = (np.log(space.at(z, sds * (1 + step))) - np.log(space.at(z, sds * (1 - step)))) / 2e-6
        assert elasticity == pytest.approx(-part, abs=1e-6)


@given(arrays(float, 15, elements=st.floats(-4, 4)))
def test_distance_is_a_norm_of_the_space(z: Array) -> None:
    space = bundled_space()
    assert space.distance(z) == pytest.approx(float(np.linalg.norm(np.linalg.solve(space.root, z))), abs=1e-9)
    assert space.distance(2.0 * z) == pytest.approx(2.0 * space.distance(z), abs=1e-9)
    assert space.distance(z) >= np.abs(z).max() - 1e-9


def test_the_bundled_space_is_told_with_sources_and_ranges() -> None:
    world, space = load_world(), bundled_space()
    assert len(space.factors) >= 12
    sources = set(world.table("sources")["id"])
    for item in space.factors:
        assert 0.0 < item.sd_low <= item.sd <= item.sd_high, item.name
        assert item.basis and item.grade in "ABCDEF"
        assert item.source_id in sources or item.grade == "F"
        assert item.basis.startswith("assumption") or item.source_id
    spread = world.table("series").query("series == 'spread_hy_oas'").sort_values("date")["value"].astype(float)
    assert float(np.log(spread).diff().std()) == pytest.approx(0.32, abs=0.005)


def test_correlations_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InputError, match="expected positive definite"):
        ShockSpace((factor("a"), factor("b")), np.array([[1.0, 1.0], [1.0, 1.0]]))


WORLD = load_world()


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("defaults>=5", Target("defaults", 5.0)),
        (" defaults > 4 ", Target("defaults", 4.0, strict=True)),
        ("loss_usd_bn>=1e3", Target("loss_usd_bn", 1000.0)),
        ("fails=oracle", Target("fails", company_id="oracle")),
        ("fails=ORCL", Target("fails", company_id="oracle")),
        ("fails = coreweave", Target("fails", company_id="coreweave")),
    ],
)
def test_targets_are_read(text: str, target: Target) -> None:
    found = read_target(text, WORLD)
    assert found == target
    assert read_target(found.text, WORLD) == found


FORMS = "expected defaults>=N, loss_usd_bn>=X or fails=COMPANY (> serves as well as >=)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"target: found ''; {FORMS}"),
        ("default>=5", f"target: found 'default>=5'; {FORMS}; nearest defaults>=5"),
        ("loss>=5", f"target: found 'loss>=5'; {FORMS}; nearest loss_usd_bn>=5"),
        ("defaults", f"target: found 'defaults'; {FORMS}; nearest defaults>=5"),
        ("defaults=5", "target: found 'defaults=5'; expected defaults>= or defaults>; nearest defaults>=5"),
        ("defaults<=5", "target: found 'defaults<=5'; expected defaults>= or defaults>; nearest defaults>=5"),
        ("defaults>=2.5", "target: defaults: found '2.5'; expected a whole number of 1 or more; nearest 3"),
        ("defaults>=0", "target: defaults: found '0'; expected a whole number of 1 or more; nearest 1"),
        ("defaults>=many", "target: defaults: found 'many'; expected a whole number of 1 or more"),
        ("loss_usd_bn>=1,000", "target: loss_usd_bn: found '1,000'; expected a number of more than 0; nearest 1000"),
        ("loss_usd_bn>=-3", "target: loss_usd_bn: found '-3'; expected a number of more than 0"),
        ("loss_usd_bn>=nan", "target: loss_usd_bn: found 'nan'; expected a number of more than 0"),
        ("fails>=oracle", "target: found 'fails>=oracle'; expected fails=COMPANY; nearest fails=oracle"),
        (
            "fails=oracel",
            "target: fails: company: found 'oracel'; expected an id, ticker, name or a unique part of one; "
            "nearest oracle",
        ),
    ],
)
def test_a_target_that_cannot_be_read_is_told(text: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_target(text, WORLD)
    assert str(refused.value) == message


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = write_small_world(tmp_path_factory.mktemp("reverse") / "small")
    bundled = load_world()
    needed = bundled.table("parameters")
    rows = needed[needed["name"].str.match("spread_|pd_1y_")]
    with (folder / "parameters.csv").open("a", encoding="utf-8") as file:
        for row in rows.to_dict("records"):
            ends = [row["low"], row["central"], row["high"]]
            text = ",".join("" if value != value else str(value) for value in ends)
            file.write(f"{row['name']},{text},{row['unit']},finance,page,s_press,,2025-12-31\n")
    return load_world(str(folder))


@pytest.fixture(scope="module")
def model(small: World) -> Model:
    return prepare(small, quarters=8)


def test_a_shock_of_size_zero_changes_nothing_bit_for_bit(small: World, model: Model) -> None:
    space = space_of(small, model)
    program = shocked_program(small, model, space, "2026Q3")
    still = simulate_paths(replace(model, program=program.with_shock(np.zeros(len(space.factors)))), 0, 8)
    plain = simulate_paths(model, 0, 8)
    for name, values in plain.economy.items():
        assert np.array_equal(values, still.economy[name]), name


def test_a_shock_tells_only_the_factors_that_move_and_no_zero_below_zero(small: World, model: Model) -> None:
    space = space_of(small, model)
    z = np.full(len(space.factors), -0.0)
    z[space.names.index("power_delay")] = -0.01
    told = space.tables(z, "2026Q3")
    assert [change["what"] for change in told["change"]] == ["energy.power_delay_quarters"]
    assert told["event"] == []
    for factor in bundled_space().factors:
        for size in (-0.0, 0.0, -1e-9):
            assert not re.match(r"-0(\.0)?(?!\d)", factor.told(size)), factor.name


def test_events_on_companies_that_a_world_lacks_are_left_out(small: World, model: Model) -> None:
    assert {"foundry_outage", "lab_withdrawal"}.isdisjoint(space_of(small, model).names)
    assert "foundry_outage" in bundled_space().names


def test_a_lane_is_its_path_under_its_setting_bit_for_bit(small: World, model: Model) -> None:
    paths = np.array([5, 0, 5, 3])
    beside = simulate_lanes(model, Lanes(paths, knobs={"demand.ceiling": np.array([1.0, 0.5, 0.5, 1.0])}))
    plain = simulate_paths(model, 0, 6)
    change = {"what": "demand.ceiling", "apply": "*0.5", "from": "2026Q1"}
    halved = simulate_paths(
        prepare(small, load_scenario({"name": "halved", "change": [change]}, small), quarters=8), 0, 6
    )
    for name, values in beside.economy.items():
        assert np.array_equal(values[:, [0, 3]], plain.economy[name][:, [5, 3]]), name
        assert np.array_equal(values[:, [1, 2]], halved.economy[name][:, [0, 5]]), name


def one_factor(what: str, sd: float, name: str) -> Factor:
    return Factor(name, name, "knob", what, "log", "both", sd / 2, sd, 2 * sd, 0, 0, "F", "", "")


def test_a_shock_planted_in_a_small_world_is_found_again(small: World, model: Model) -> None:
    """Of four knobs one alone makes the planted loss of spending; its size is that of a search along it."""
    names = ("demand.speed", "energy.gas_price_usd_per_mmbtu", "facilities.cost", "silicon.price")
    space = ShockSpace(tuple(one_factor(name, 0.3, name) for name in names), np.eye(4))
    program = shocked_program(small, model, space, "2026Q1")
    wanted = spending_of(model, program, np.array([-2.0, 0.0, 0.0, 0.0]), 16)

    def simulate(tasks: Sequence[Task]) -> list[Outcome]:
        found = []
        for z, seed, first, paths in tasks:
            spent = spending_of(replace(model, seed=seed), program, np.array(z), first + paths)[first:]
            progress = float(np.clip(2.0 - spent / wanted.mean(), 0, 1).mean())
            found.append(Outcome(spent <= np.median(wanted), spent, progress))
        return found

    study = ReverseSearch(space, simulate, 7, 16, 5.0, 1, silent)
    (found,), _ = study.solve(load_scenario("baseline"), "2026Q1")
    assert found.leading == ("demand.speed",)
    assert found.z[0] == pytest.approx(-2.0, rel=0.25)
    assert found.distance == pytest.approx(abs(found.z[0]), rel=0.1)


def spending_of(model: Model, program: Program, z: Array, paths: int) -> Array:
    shocked = replace(model, program=program.with_shock(z))
    block = simulate_lanes(shocked, Lanes(np.arange(paths)))
    return np.asarray(block.economy["ai_revenue_usd_bn"].sum(axis=0))


def test_a_target_that_holds_already_needs_no_shock(small: World, model: Model) -> None:
    failing = model.firms[0]
    ordered = {"kind": "default", "target": failing, "from": "2026Q3", "why": "assumption: it stops paying"}
    scenario = load_scenario({"name": "ordered", "extends": "baseline", "event": [ordered]}, small)
    found = reverse(small, f"fails={failing}", scenario=scenario, paths=16, quarters=8)
    assert found.unshocked.share == 1.0
    assert found.solutions == ()
    assert found.closest is None
    assert found.evaluations == 1


def test_bad_quarters_and_companies_outside_the_model_are_told(small: World) -> None:
    with pytest.raises(UsageError, match="from: found '2030Q1'; expected a quarter from 2026Q1 to 2026Q4"):
        reverse(small, "defaults>=1", quarters=4, start="2030Q1")
    with pytest.raises(UsageError, match="target: fails: company: found 'oracle'"):
        reverse(small, "fails=oracle", quarters=4)


def test_the_trial_of_a_failure_counts_paths_on_which_the_company_fails(small: World, model: Model) -> None:
    space = space_of(small, model)
    program = shocked_program(small, model, space, "2026Q2")
    trial, still = Trial(model, program, Target("fails", company_id="cloudy")), tuple(np.zeros(len(space.factors)))
    outcome = trial((still, 7, 0, 16))
    failed = simulate_paths(model, 0, 16).company["failed"][:, model.firms.index("cloudy")].max(axis=0)
    assert np.array_equal(outcome.met, failed > 0.5)
    assert 0.0 <= outcome.progress <= 1.0
    # in two parts, the same
    parts = trial((still, 7, 0, 8)).joined(trial((still, 7, 8, 8)))
    assert np.array_equal(parts.met, outcome.met) and np.array_equal(parts.amount, outcome.amount)
    assert parts.progress == pytest.approx(outcome.progress)


def test_a_shock_is_tried_on_as_many_paths_as_make_it_clear_and_on_none_twice() -> None:
    study, _ = planted([1.0, 0.0], 2.0, np.eye(2))
    far, near = np.array([4.0, 0.0]), np.array([2.0, 0.0])
    clear, open_ = study.judge([far, near], 7, 64)
    assert (len(clear.met), len(open_.met)) == (32, 64)
    assert (study.done, study.path_count) == (2, 32 + 64)
    # asked for all paths, only the others are simulated; the answer is that of all at once
    whole = study.check([near], 7)[0]
    assert study.path_count == 32 + study.paths
    assert whole == planted([1.0, 0.0], 2.0, np.eye(2))[0].check([near], 7)[0]
    study.check([near, near], 7)
    assert study.path_count == 32 + study.paths


@pytest.mark.parametrize("seed", range(3))
def test_a_shock_of_many_factors_near_the_edge_is_found(seed: int) -> None:
    # no factor alone does it: the path to the region leads along what progress there is
    few = {"population": Search.population, "generations": Search.generations, "rounds": Search.rounds}
    direction = np.random.default_rng(seed).standard_normal(DIMENSION)
    direction /= np.linalg.norm(direction)
    found = search(lambda u: float(direction @ u) - 4.6, seed, **few)
    best = found.run()
    assert best.holds and best.distance == pytest.approx(4.6, rel=0.08)
    assert len(found.tried) <= 150


def test_a_search_that_comes_no_nearer_stops() -> None:
    few = {"population": Search.population, "generations": Search.generations, "rounds": Search.rounds}
    found = search(lambda u: float(u[0]) - 9.0, **few)
    assert not found.run().holds
    assert len(found.tried) < len(found.starts) + Search.generations * Search.population
