"""The formulas of the layers, of conduct and of money: limits, orderings and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.conduct import integration, investment, rescue
from penstock.engine.parameters import assumptions, draw_parameters
from penstock.engine.steps import fleets
from penstock.layers import ai, data, energy, facilities, platform, silicon
from penstock.money import funding, valuation

Array = np.ndarray


def one(value: float) -> Array:
    return np.array([float(value)])


def number(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_subnormal=False)


properties = settings(max_examples=40, derandomize=True, deadline=None, database=None)

# ------------------------------------------------------------------ the AI layer


@properties
@given(number(1e-3, 1.2), number(0.1, 4.0), number(0.0, 1.0), number(0.1, 1.5), number(-0.5, 0.5))
def test_adoption_grows_below_its_ceiling_and_shrinks_above(
    adoption: float, speed: float, mood: float, shape: float, noise: float
) -> None:
    after = ai.adopt(one(adoption), one(speed), one(mood), one(1.0), one(shape), one(0.0))[0]
    assert np.sign(after - adoption) in (0.0, np.sign(1.0 - adoption))
    pushed = ai.adopt(one(adoption), one(speed), one(mood), one(1.0), one(shape), one(noise))[0]
    assert (pushed - after) * noise >= 0.0


def test_adoption_rests_at_its_ceiling_and_stands_still_without_growth() -> None:
    arguments = (one(1.5), one(0.6), one(0.8), one(0.4))
    assert ai.adopt(one(0.8), *arguments, one(0.0))[0] == pytest.approx(0.8, rel=1e-12)
    assert ai.adopt(one(0.3), *arguments, one(0.3), growth=0.0)[0] == 0.3


def test_adoption_follows_the_closed_form_of_richards() -> None:
    """With the exponent one it is the logistic curve; quarters are coarse steps of it."""
    level, speed = 0.05, 1.0
    adoption = one(level)
    for _ in range(20):
        adoption = ai.adopt(adoption, one(speed), one(0.5), one(1.0), one(1.0), one(0.0))
    exact = 1.0 / (1.0 + (1.0 / level - 1.0) * np.exp(-speed * 5.0))
    assert adoption[0] == pytest.approx(exact, rel=0.06)


def test_own_use_rests_at_its_ceiling_and_moods_speed_it() -> None:
    assert ai.own_use(one(1.0), one(1.0), one(0.5), one(0.0))[0] == 1.0
    slow, fast = (ai.own_use(one(0.3), one(1.0), one(mood), one(0.0))[0] for mood in (0.2, 0.8))
    assert 0.3 < slow < fast


@properties
@given(number(0.0, 1.0), number(-0.4, 1.0), number(0.01, 0.3))
def test_training_rises_with_expected_growth_and_mood(mood: float, growth: float, more: float) -> None:
    def train(g: float, s: float) -> float:
        return float(ai.training_value(one(80.0), one(0.4), one(0.7), one(g), one(s))[0])

    assert train(growth + more, mood) > train(growth, mood) > 0.0
    assert train(growth, mood + more) > train(growth, mood)
    assert train(0.0, 0.5) == pytest.approx(80.0 * 0.4)


@properties
@given(st.lists(number(0.01, 100.0), min_size=6, max_size=6), st.lists(number(0.05, 20.0), min_size=6, max_size=6))
def test_market_shares_add_to_one_in_each_segment(base: list[float], pull: list[float]) -> None:
    segment = np.array([0, 0, 1, 1, 1, 2])
    shares = ai.market_shares(np.array(base), np.array(pull)[:, None], segment, 3)
    assert (shares > 0.0).all()
    for number_ in range(3):
        assert shares[segment == number_].sum() == pytest.approx(1.0, rel=1e-12)
    alike = ai.market_shares(np.array(base), 3.0 * np.ones((6, 1)), segment, 3)[:2, 0]
    assert alike == pytest.approx(np.array(base[:2]) / sum(base[:2]))


def test_training_in_common_moves_no_share_and_more_than_the_others_does() -> None:
    none = np.zeros((3, 1))
    arguments = (one(0.2), none)
    common = ai.attraction_step(none, np.full((3, 1), 1.7), *arguments)
    assert common == pytest.approx(0.0)
    ahead = ai.attraction_step(none, np.array([[1.0], [0.0], [0.0]]), *arguments)
    assert ahead[0, 0] > 0.0 > ahead[1, 0] == ahead[2, 0]
    talented = ai.attraction_step(none, np.array([[1.0], [0.0], [0.0]]), *arguments, talent=2.0)
    assert talented[0, 0] == pytest.approx(2.0 * ahead[0, 0])


def test_demand_noise_dies_out() -> None:
    noise = one(1.0)
    for _ in range(4):
        noise = ai.demand_noise(noise, one(0.0), one(0.1))
    assert noise[0] == pytest.approx(0.6**4)


def test_quality_rests_where_training_is_as_expected() -> None:
    assert ai.quality_index(one(0.0), one(5.0), one(5.0))[0] == 0.0
    assert ai.quality_index(one(0.0), one(10.0), one(5.0))[0] == pytest.approx(0.25 * np.log(2.0))


# ------------------------------------------------------------------ the data layer


@properties
@given(number(0.0, 1.0), number(0.0, 0.3), number(0.0, 50.0))
def test_readiness_never_falls_nor_passes_one(readiness: float, speed: float, spent: float) -> None:
    after = data.advance_readiness(one(readiness), one(speed), one(spent))[0]
    assert readiness <= after <= 1.0
    opening = data.opening_readiness()
    assert data.ceiling_factor(one(after), opening)[0] >= data.ceiling_factor(one(readiness), opening)[0]
    assert data.ceiling_factor(one(opening), opening)[0] == pytest.approx(1.0)


# ------------------------------------------------------------------ the platform layer


def test_annuity_pays_back_its_present_value() -> None:
    rate, decline, life = 0.1, 0.15, 5.0
    time = np.linspace(0.0, life, 200_001)
    flow = platform.annuity(one(rate), one(decline), one(life))[0] * np.exp(-(rate + decline) * time)
    assert np.trapezoid(flow, time) == pytest.approx(1.0, rel=1e-8)


@properties
@given(number(5.0, 60.0), number(0.02, 0.3), number(0.0, 0.4), number(2.0, 9.0), number(0.3, 0.95))
def test_hurdle_price_rises_with_cost_rate_and_idleness(
    cost: float, rate: float, decline: float, life: float, use: float
) -> None:
    def hurdle(c: float = cost, r: float = rate, u: float = use, life_years: float = life) -> float:
        return float(platform.hurdle_price(one(c), one(r), one(decline), one(life_years), one(u), one(0.1))[0])

    assert hurdle(c=1.1 * cost) > hurdle() > 0.1
    assert hurdle(r=1.1 * rate) > hurdle()
    assert hurdle(u=0.9 * use) > hurdle()
    assert hurdle(life_years=1.1 * life) < hurdle()
    assert hurdle(c=0.0) == pytest.approx(0.1)


@properties
@given(number(1.0, 900.0), number(0.3, 4.0), number(0.4, 0.9), number(0.5, 200.0), number(0.4, 2.5))
def test_the_clearing_price_clears(value: float, hurdle: float, use: float, stock: float, elasticity: float) -> None:
    price = platform.clearing_price(one(value), one(hurdle), one(use), one(stock), one(elasticity), one(0.0))
    wanted = platform.wanted_compute(one(value), one(hurdle), price, one(elasticity))
    assert wanted[0] == pytest.approx(use * stock, rel=1e-9)
    fuller = platform.clearing_price(one(2.0 * value), one(hurdle), one(use), one(stock), one(elasticity), one(0.0))
    assert fuller[0] > price[0]


@properties
@given(number(0.1, 5.0), number(0.1, 5.0), number(0.0, 1.0))
def test_the_spot_price_moves_between_itself_and_the_clearing_price(
    price: float, clearing: float, speed: float
) -> None:
    after = platform.adjust_price(one(price), one(clearing), one(speed))[0]
    slack = 1e-12
    assert min(price, clearing) * (1 - slack) <= after <= max(price, clearing) * (1 + slack)
    assert platform.adjust_price(one(price), one(clearing), one(1.0))[0] == pytest.approx(clearing)
    assert platform.adjust_price(one(price), one(clearing), one(0.0))[0] == pytest.approx(price)


@properties
@given(number(0.01, 500.0), number(0.01, 500.0), number(0.1, 1.0))
def test_no_more_is_served_than_wanted_or_carried(wanted: float, stock: float, most: float) -> None:
    busy, served = platform.serve(one(wanted), one(stock), most)
    assert busy[0] <= min(wanted, most * stock)
    assert 0.0 < served[0] <= 1.0
    assert served[0] * wanted == pytest.approx(busy[0])


# ------------------------------------------------------------------ silicon, facilities, energy


@properties
@given(number(3.0, 9.0), st.integers(5, 40), st.integers(0, 2**16))
def test_a_fleet_that_ages_loses_what_retires_and_fails_and_nothing_else(life: float, ages: int, seed: int) -> None:
    fleet = np.random.default_rng(seed).random((ages, 3, 2))
    factor = silicon.survival_factor(ages, np.array([life, life]))
    assert ((factor >= 0.0) & (factor <= 1.0)).all()
    assert (np.diff(factor, axis=0) <= 1e-12).all()
    bought, power, shape = fleet.copy(), fleet.copy(), fleet.shape[1:]
    waiting, retired, failed, halls, stock_after, power_after = np.zeros((6, *shape))
    lasting, drawn = np.ones_like(factor), np.zeros_like(factor)
    by_halls, by_power = np.zeros((2, *shape), dtype=bool)
    fleets.run_fleets(
        factor, np.ones(2), fleet.sum(axis=0), halls, halls, True, 0, waiting, retired, failed, bought, power, lasting,
        drawn, np.ones(shape), by_halls, by_power, stock_after, power_after, np.empty((4, 2)),
    )  # fmt: skip
    # what was of age 0 stays in row 0 and is of age 1; the row of the oldest holds the new ones
    older = np.roll(bought * lasting[:, None], 1, axis=0)
    assert (older >= 0.0).all() and (retired >= -1e-12).all() and (failed >= 0.0).all()
    assert older.sum(axis=0) + retired + failed == pytest.approx(fleet.sum(axis=0), rel=1e-12)
    assert stock_after == pytest.approx(older.sum(axis=0), rel=1e-12)
    assert (power_after == stock_after).all()
    assert (older[0] == 0.0).all()
    kept = (1.0 - silicon.PERMANENT_FAILURE_PER_QUARTER) * factor[:-1, None]
    assert older[1:] == pytest.approx(kept * fleet[:-1], rel=1e-12)


def test_half_of_a_generation_survives_to_a_little_after_its_economic_life() -> None:
    factor = silicon.survival_factor(60, one(5.0))[:, 0]
    alive = np.cumprod(factor)
    assert alive[21] == pytest.approx(0.5, abs=1e-9)


@properties
@given(number(0.0, 50.0), number(-5.0, 50.0), number(0.2, 1.5))
def test_chips_go_into_service_as_far_as_power_carries(waiting: float, headroom: float, kilowatts: float) -> None:
    installed = fleets.install(one(waiting), one(headroom), one(kilowatts))[0]
    assert 0.0 <= installed <= waiting
    assert installed * kilowatts <= max(headroom, 0.0) * (1 + 1e-12)
    assert fleets.install(one(waiting), one(1e9), one(kilowatts))[0] == waiting


@properties
@given(number(0.5, 40.0), number(0.0, 80.0), number(3.0, 8.0), number(0.0, 2.0), st.integers(0, 2**16))
def test_capacity_in_work_arrives_or_stays_in_work(
    capacity: float, wanted: float, lead: float, growth: float, seed: int
) -> None:
    stages = np.random.default_rng(seed).random((3, 1)) * capacity / 3
    moved, after = silicon.advance_capacity(
        stages, one(capacity), one(wanted), one(lead), one(growth), one(5.0), 0.33, 0.0
    )
    started = (moved.sum() - stages.sum()) + (after[0] - capacity)
    ceiling = capacity * growth * 0.25 * (capacity / 5.0) ** -0.33
    assert -1e-12 <= started <= ceiling + 1e-12
    assert (moved >= 0.0).all() and after[0] >= capacity - 1e-12
    if wanted <= capacity:
        assert started == pytest.approx(0.0, abs=1e-12)


@properties
@given(number(0.0, 100.0), number(0.0, 50.0), number(1.0, 4.0))
def test_an_order_book_is_filled_as_far_as_capacity_goes(orders: float, capacity: float, lead: float) -> None:
    fill = silicon.fill_rate(one(orders), one(capacity), one(lead))[0]
    assert 0.0 <= fill <= 1.0 / lead
    assert fill * orders <= capacity * (1 + 1e-12)


def test_a_buyer_gets_its_input_by_the_shares_of_its_suppliers() -> None:
    share = np.array([[0.7], [0.3]])
    assert silicon.input_availability(share, np.array([[1.0], [1.0]]))[0] == pytest.approx(1.0)
    assert silicon.input_availability(share, np.array([[0.5], [1.0]]))[0] == pytest.approx(0.65)
    assert silicon.input_availability(share, np.array([[2.0], [2.0]]))[0] == 1.0


@properties
@given(number(3.0, 20.0), number(0.0, 10.0), st.integers(0, 2**16))
def test_a_delay_line_keeps_what_goes_in(lead: float, starts: float, seed: int) -> None:
    pipeline = np.random.default_rng(seed).random((3, 2, 1))
    moved, done = facilities.advance_stages(pipeline, np.full((2, 1), starts), one(lead))
    assert moved.sum(axis=0) + done == pytest.approx(pipeline.sum(axis=0) + starts, rel=1e-12)
    assert (moved >= 0.0).all() and (done >= 0.0).all()


def test_a_delay_line_takes_its_lead_time_on_average() -> None:
    lead, pipeline = 6.0, np.zeros((3, 1, 1))
    arrived = []
    for quarter in range(400):
        pipeline, done = facilities.advance_stages(pipeline, np.full((1, 1), float(quarter == 0)), one(lead))
        arrived.append(done[0, 0])
    assert sum(arrived) == pytest.approx(1.0, rel=1e-9)
    assert np.dot(arrived, np.arange(400)) == pytest.approx(lead, rel=1e-6)


@properties
@given(st.lists(number(0.0, 10.0), min_size=3, max_size=3), number(0.1, 20.0))
def test_starts_are_cut_pro_rata_to_what_trades_can_take_on(wanted: list[float], limit: float) -> None:
    asked = np.array(wanted)[:, None]
    starts, share = facilities.limit_starts(asked, one(limit))
    assert starts.sum() <= limit * (1 + 1e-12)
    assert starts == pytest.approx(asked * share)
    assert (share[0] == 1.0) == (asked.sum() <= limit)
    grown = facilities.grow_limit(one(limit), share, one(0.8))[0]
    assert grown == pytest.approx(limit * (1.0075 if share[0] >= 0.999 else 1.2))


def test_power_costs_more_with_dear_gas_and_scarce_power() -> None:
    base = energy.power_price_index(energy.GAS_PRICE_USD_PER_MMBTU, one(0.5), 0.35)[0]
    assert base == pytest.approx(1.0)
    assert energy.power_price_index(2.0 * energy.GAS_PRICE_USD_PER_MMBTU, one(0.5), 0.35)[0] == pytest.approx(1.35)
    assert energy.power_price_index(energy.GAS_PRICE_USD_PER_MMBTU, one(1.0), 0.35)[0] > base
    assert energy.energy_mwh(one(1.0), 1.0)[0] == pytest.approx(8760e3 / 4)


# ------------------------------------------------------------------ conduct


@properties
@given(number(-1.0, 2.0), number(-3.0, 4.0), number(0.0, 1.0))
def test_expectations_move_towards_what_is_seen(expected: float, observed: float, gain: float) -> None:
    after = investment.update_expectation(one(expected), one(observed), one(gain))[0]
    seen = float(np.clip(observed, -1.0, 2.0))
    assert min(expected, seen) - 1e-12 <= after <= max(expected, seen) + 1e-12


@properties
@given(number(-0.5, 1.5), number(0.02, 2.0), number(0.1, 5.0))
def test_growth_that_fades_adds_up_to_its_integral(growth: float, fade: float, years: float) -> None:
    total = investment.growth_over(one(growth), one(fade), one(years))[0]
    time = np.linspace(0.0, years, 20_001)
    assert total == pytest.approx(np.trapezoid(growth * np.exp(-fade * time), time), rel=1e-6, abs=1e-9)
    assert abs(total) <= abs(growth) * years + 1e-12


def test_plans_rest_on_the_anchor_where_nothing_is_extrapolated() -> None:
    def plan(extrapolation: float, arms: float) -> float:
        arguments = (one(0.9), one(extrapolation), one(0.2), one(arms), one(0.5), one(0.4))
        return float(investment.planned_growth(*arguments)[0])

    assert plan(0.0, 0.0) == pytest.approx(0.2)
    assert plan(1.0, 0.0) == pytest.approx(0.9)
    assert plan(0.0, 0.3) > plan(0.0, 0.0)


def test_orders_replace_and_no_more_where_nothing_grows_and_nothing_is_missing() -> None:
    """Zero shocks and constant value: orders = retirement."""
    zero = one(0.0)
    rate = investment.order_rate(one(20.0), zero, one(0.7), zero, one(0.8), zero, one(4.0))
    assert rate[0] == pytest.approx(0.8)
    gap = investment.order_rate(one(20.0), zero, one(0.7), zero, one(0.8), one(4.0), one(4.0))
    assert gap[0] == pytest.approx(1.8)


def test_the_stock_wanted_earns_the_hurdle_at_target_use() -> None:
    at_hurdle, above = (investment.response_to_price(one(ratio), one(0.6)) for ratio in (1.0, 1.5))
    stock = investment.wanted_stock(one(200.0), one(1.0), at_hurdle, one(1.8), one(0.75))
    assert stock[0] * 8.76 * 1.8 * 0.75 == pytest.approx(200.0)
    dear = investment.wanted_stock(one(200.0), one(1.0), above, one(1.8), one(0.75))
    assert dear[0] > stock[0]


def test_making_is_worth_it_only_for_who_buys_much() -> None:
    spending = np.array([0.0, 0.1, 1.0, 10.0, 100.0])
    rate = np.full(5, 0.1)
    later = integration.worth_after_the_wait(rate)
    worth = integration.worth_making(spending, np.full(5, 0.35), rate, later)
    assert not worth[0] and worth[-1]
    assert (np.diff(worth.astype(int)) >= 0).all()


def test_a_project_runs_its_time_and_then_replaces_a_part() -> None:
    project, own, cost = (np.zeros((1, 1)) for _ in range(3))
    spent = []

    def advance(yearly_spending: float, luck: float) -> None:
        base, ones, rate = np.full((1, 1), yearly_spending / 4.0), np.ones((1, 1)), one(0.1)
        phase, lucky = np.zeros((1, 1)), one(luck)
        integration.advance_projects(
            base, ones, phase, one(1.0), one(0.35), rate, lucky, one(0.5), project, own, cost, np.empty(1)
        )

    for quarter in range(12):
        advance(100.0 if quarter == 0 else 0.0, 0.1)
        spent.append(cost[0, 0])
    assert own[0, 0] == pytest.approx(integration.SHIFT)
    running = [cost for cost in spent if cost > 0.0]
    assert len(running) == integration.PROJECT_QUARTERS
    assert set(running) == {integration.PROJECT_COST_USD_BN_PER_QUARTER}
    project[:], own[:] = 1.0, 0.0
    advance(0.0, 0.9)
    assert own[0, 0] == 0.0


@properties
@given(st.lists(number(-10.0, 40.0), min_size=3, max_size=3), number(0.0, 60.0))
def test_a_bail_out_stays_within_its_budget_and_its_rule(shortfall: list[float], budget: float) -> None:
    systemic, gap, spent = np.array([[1.0], [1.0], [0.0]]), -np.array(shortfall)[:, None], np.array([2.0])
    given_ = np.zeros((3, 1))
    rescue.bail_out(np.arange(3), systemic, np.ones(1), np.array([budget]), spent, gap, given_, np.empty(1))
    assert (given_ >= 0.0).all()
    assert given_.sum() <= max(budget - 2.0, 0.0) * (1 + 1e-12)
    assert spent[0] == pytest.approx(2.0 + given_.sum())
    np.testing.assert_allclose(gap[:, 0], given_[:, 0] - shortfall)
    assert given_[2, 0] == 0.0
    assert (given_[:, 0] <= np.maximum(shortfall, 0.0) + 2e-6).all()


def test_forced_sales_fetch_less_the_more_is_sold_at_once() -> None:
    sold = np.array([0.0, 0.1, 0.5, 5.0])
    price = rescue.fire_sale_price(sold, np.ones(4))
    assert price[0] == pytest.approx(rescue.ASSET_PRICE)
    assert (np.diff(price) < 0.0).all()
    assert price[-1] > 0.0


def test_the_most_liquid_of_those_who_can_pay_buys() -> None:
    cash = np.array([[10.0, 1.0], [30.0, 2.0], [-np.inf, -np.inf]])
    candidates, seller = np.array([4, 7, 9]), np.array([1, 1])
    assert buyers(cash, candidates, seller, np.arange(2), np.array([2.0, 2.0])).tolist() == [7, -1]


def buyers(cash: Array, candidates: Array, firms: Array, lanes: Array, price: Array) -> Array:
    """Who buys; minus infinity: the candidate failed."""
    everybody = np.zeros((10, cash.shape[1]))
    everybody[candidates] = cash
    buyer, fate = np.empty((2, len(firms)), dtype=np.intp)
    plant, all_of_them = np.ones(len(firms)), np.ones(10, dtype=bool)
    rescue.choose_buyers(
        everybody, np.isinf(everybody).astype(float), candidates, firms, lanes, plant, plant, all_of_them, 0.0, True,
        price.copy(), buyer, fate, *np.empty((2, cash.shape[1]), dtype=np.intp),
    )  # fmt: skip
    assert ((fate == rescue.ACQUISITION) == (buyer >= 0)).all()
    return buyer


@pytest.mark.parametrize("seed", range(5))
def test_the_buyer_on_a_path_is_who_would_be_chosen_among_all_others(seed: int) -> None:
    """Candidates may be few, out of money, as rich as each other, or among the failed."""
    draw = np.random.default_rng(seed)
    count, paths, pairs = seed + 1, 4, 30
    candidates = draw.choice(8, count, replace=False)
    cash = draw.integers(-2, 4, (count, paths)).astype(float)
    cash[draw.random((count, paths)) < 0.2] = -np.inf
    firms, lanes, price = (
        draw.integers(0, 8, pairs),
        draw.integers(0, paths, pairs),
        draw.choice([0.0, 0.3, 0.6], pairs),
    )
    expected = np.full(pairs, -1)
    for k in range(pairs):
        rows = np.flatnonzero(candidates != firms[k])
        able = rows[cash[rows, lanes[k]] > rescue.BUYER_CASH_MULTIPLE * price[k]]
        if len(able):
            expected[k] = candidates[able[np.argmax(cash[able, lanes[k]])]]
    found = buyers(cash, candidates, firms, lanes, price)
    assert found.tolist() == expected.tolist()


def test_who_has_next_to_no_plant_is_wound_up_unless_it_is_bought() -> None:
    assert rescue.fate_of(1.0, 100.0, False, True) == rescue.LIQUIDATION
    assert rescue.fate_of(1.0, 100.0, False, False) == rescue.RESTRUCTURING
    assert rescue.fate_of(1.0, 100.0, True, True) == rescue.ACQUISITION
    assert rescue.fate_of(50.0, 100.0, False, True) == rescue.RESTRUCTURING


# ------------------------------------------------------------------ money


rooms = st.lists(number(0.0, 30.0), min_size=6, max_size=6)


@properties
@given(number(-50.0, 150.0), rooms, number(0.0, 1.0))
def test_a_need_is_covered_in_order_and_each_source_within_its_room(
    need: float, room: list[float], flexible: float
) -> None:
    debt, line, equity, vendor, capex, cost = room
    found, scale, others = np.full((6, 1, 1), np.nan), np.ones((1, 1)), np.full((2, 1, 1), np.nan)
    money, spending = (need, debt, line, equity), (vendor, funding.FIRST_FAILED - 1.0, capex, flexible, 0.0, cost)
    before, after = ([np.full((1, 1), value) for value in part] for part in (money, spending))
    funding.cover(0, *(room[0] for room in before[:2]), *before[2:], np.ones(1), *after, found, *others, scale)
    drawn, equity_sold, let_stand, cost_cut, unfunded, surplus = found[:, 0, 0].tolist()
    planned = max(capex, funding.LEAST_PLANNED)
    borrowed, capex_cut = float(others[0, 0, 0]) - drawn, (1.0 - float(scale[0, 0])) * planned
    sources = [borrowed, drawn, equity_sold, let_stand, capex_cut, cost_cut]
    limits = [debt, line, equity, vendor, planned * min(flexible, 1 - funding.LEAST_CAPEX), funding.COST_CUT * cost]
    # whoever has to cut capital spending cuts a little more than it lacks
    more = max(capex_cut - (max(need, 0.0) - sum(sources[:4])), 0.0)
    assert more <= funding.CUT_MARGIN * planned + 1e-12
    assert sum(sources) + unfunded - more == pytest.approx(max(need, 0.0), abs=1e-9)
    assert unfunded >= -1e-12
    assert surplus == max(-need, 0.0)
    for number_, (source, limit) in enumerate(zip(sources, limits, strict=True)):
        assert -1e-12 <= source <= limit + 1e-12
        if source > 1e-9:
            # nobody turns to the next source while the one before has room
            assert all(s >= bound - 1e-9 for s, bound in zip(sources[:number_], limits[:number_], strict=True))
    assert 0.0 <= scale[0, 0] <= 1.0


@properties
@given(number(0.0, 1.0), number(0.0, 4.0), number(0.01, 0.4))
def test_lenders_open_with_mood_and_close_with_losses(mood: float, losses: float, more: float) -> None:
    def open_share(
        s: float = mood, lost: float = losses, freeze: float = 0.0, grade: float = 1.0, own: float = 0.0
    ) -> float:
        return float(funding.access(one(s), one(freeze), one(grade), one(own), one(lost))[0])

    assert 0.0 <= open_share() <= 1.0
    assert open_share(s=mood + more) >= open_share()
    assert open_share(lost=losses + more) <= open_share()
    assert open_share(freeze=1.0, grade=1.0) == pytest.approx(0.5 * open_share())
    assert open_share(freeze=1.0, grade=0.0) == 0.0
    assert open_share(own=1.0) == 0.0


@properties
@given(number(0.1, 3000.0), number(0.0, 500.0), number(0.1, 1.2), number(1.0, 200.0))
def test_more_debt_or_less_value_is_nearer_to_default(
    value: float, debt: float, volatility: float, more: float
) -> None:
    def distance(v: float = value, d: float = debt) -> float:
        return float(valuation.distance_to_default(one(v), one(d), one(volatility))[0])

    # the floor on asset volatility, and a debt of next to nothing, bend the curve
    if debt > 1e-3 and volatility * value / (value + debt + more) > 0.04:
        leverage = (debt + more) / (value + debt + more)
        if leverage < 0.5:
            assert distance(d=debt + more) < distance()
    chance = valuation.default_probability(one(distance()))[0]
    assert 0.0 <= chance <= 1.0


def test_distance_to_default_is_mertons() -> None:
    """Value 80, debt 20, equity volatility 0.5: assets 100 with volatility 0.4, (ln 5 - 0.08) / 0.4."""
    found = valuation.distance_to_default(one(80.0), one(20.0), one(0.5))[0]
    assert found == pytest.approx((np.log(5.0) - 0.08) / 0.4, rel=1e-12)
    assert valuation.default_probability(one(0.0))[0] == pytest.approx(0.5)


def test_a_spread_is_the_ratings_at_the_opening_and_widens_with_less_distance() -> None:
    base = np.full(4, 0.02)
    spread = valuation.spread(base, np.array([4.0, 5.0, 3.0, -60.0]), np.full(4, 4.0))
    assert spread[0] == pytest.approx(0.02)
    assert spread[1] < spread[0] < spread[2] < spread[3] <= 0.25


def test_a_firm_that_loses_money_is_worth_a_margin_that_it_could_have() -> None:
    power = valuation.earnings_power(np.array([-5.0, 30.0]), np.array([100.0, 100.0]), np.zeros(2))
    assert power.tolist() == [valuation.LEAST_MARGIN * 100.0, 30.0]
    assert valuation.operating_value(one(30.0), one(12.0), one(1.0), one(1.0))[0] == pytest.approx(360.0)


def test_a_growth_premium_runs_out_as_linearly_falling_growth_does() -> None:
    """Excess growth g (1 - t/N) leaves g N/2 (1 - t/N)^2 at t, by quadrature; the mature multiple is the limit."""
    horizon, growth = 8.0, 0.9
    for years in (0.0, 1.0, 3.5, 7.75):
        ahead = np.linspace(years, horizon, 100_001)
        to_come = np.trapezoid(growth * (1.0 - ahead / horizon), ahead)
        left = valuation.premium_left(years, one(horizon))[0] * growth * horizon / 2.0
        assert left == pytest.approx(to_come, rel=1e-9, abs=1e-12)
    assert valuation.premium_left(horizon, one(horizon))[0] == 0.0
    assert valuation.premium_left(2.0 * horizon, one(horizon))[0] == 0.0


def test_only_multiples_above_the_mature_one_fade() -> None:
    scale, mature = np.array([130.0, 13.0, 5.0]), np.full(3, 13.0)
    premium = valuation.growth_premium(scale, mature)
    assert premium.tolist() == pytest.approx([np.log(10.0), 0.0, 0.0])
    assert (scale * np.exp(-premium)).tolist() == pytest.approx([13.0, 13.0, 5.0])


def test_a_reserve_counts_costs_and_the_interest_until_income() -> None:
    assert funding.reserve(one(2.0), one(0.5), one(1.5), one(4.0))[0] == pytest.approx(5.0)


# ------------------------------------------------------------------ uncertain parameters


@pytest.mark.parametrize("prior", [False, True])
def test_draws_run_through_their_quantiles(prior: bool) -> None:
    table = assumptions()
    drawn = draw_parameters(np.tile([0.1, 0.5, 0.9], (len(table), 1)), prior=prior)
    for name, row in table.items():
        low, high = (row.prior_low, row.prior_high) if prior else (row.low, row.high)
        expected = np.clip([low, row.central, high], row.minimum, row.maximum)
        assert drawn[name] == pytest.approx(expected, rel=1e-9), name


def test_every_assumption_is_ordered_and_bounded() -> None:
    for name, row in assumptions().items():
        assert row.minimum <= row.low <= row.central <= row.high <= row.maximum, name
        assert row.prior_low <= row.prior_high, name
        assert row.note and row.unit and row.grade in "ABCDEF", name


def test_draws_stay_within_their_bounds() -> None:
    uniforms = np.random.default_rng(1).random((len(assumptions()), 500))
    for prior in (False, True):
        for name, values in draw_parameters(uniforms, prior=prior).items():
            row = assumptions()[name]
            assert ((values >= row.minimum) & (values <= row.maximum)).all(), name
