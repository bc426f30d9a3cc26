"""Training runs, goodput, scaling and requests: closed forms, limits, orders, and what is refused."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import UsageError
from penstock.layers.ai import (
    best_split,
    checkpoint_interval,
    effective_flop,
    goodput,
    goodput_linear,
    loss,
    pod_availability,
    quality,
    request_class,
    routed_cost,
    segment_demand,
    spares_exhausted,
    spares_for,
    token_quantile,
    tokens_per_task,
    training,
    under_power_cap,
)
from penstock.layers.ai.goodput import system_mtbf_s
from penstock.layers.ai.requests import lognormal
from penstock.layers.ai.scaling import FIT_2022, REFIT_2024, data_worth, limited_tokens
from penstock.layers.ai.training import attention_share, bubble, mfu, programme_flop, ranges

FEW = settings(max_examples=50, deadline=None)
CHIPS = st.floats(64.0, 2e5)
HOURS = st.floats(10_000.0, 200_000.0)
SECONDS = st.floats(1.0, 120.0)
RESTARTS = st.floats(10.0, 3600.0)


# ------------------------------------------------------------------ goodput


@FEW
@given(CHIPS, HOURS, SECONDS, RESTARTS, st.floats(0.2, 5.0))
def test_the_best_interval_is_best(chips: float, mtbf: float, checkpoint: float, restart: float, factor: float) -> None:
    best = float(checkpoint_interval(chips, mtbf, checkpoint))
    at_best = float(goodput(chips, mtbf, checkpoint, restart))
    elsewhere = float(goodput(chips, mtbf, checkpoint, restart, interval_s=best * factor))
    assert 0.0 <= elsewhere <= at_best * (1.0 + 1e-9) <= 1.0


@FEW
@given(CHIPS, HOURS, SECONDS, RESTARTS, st.floats(1.0, 4.0))
def test_more_failures_or_longer_stops_never_help(
    chips: float, mtbf: float, checkpoint: float, restart: float, worse: float
) -> None:
    usual = float(goodput(chips, mtbf, checkpoint, restart))
    assert goodput(chips * worse, mtbf, checkpoint, restart) <= usual
    assert goodput(chips, mtbf / worse, checkpoint, restart) <= usual
    assert goodput(chips, mtbf, checkpoint * worse, restart) <= usual + 1e-12
    assert goodput(chips, mtbf, checkpoint, restart * worse) <= usual


@FEW
@given(st.floats(64.0, 1000.0), SECONDS, st.floats(10.0, 300.0))
def test_the_linear_form_agrees_where_losses_are_small(chips: float, checkpoint: float, restart: float) -> None:
    exact = float(goodput(chips, 100_000.0, checkpoint, restart))
    linear = float(goodput_linear(chips, 100_000.0, checkpoint, restart))
    assert exact == pytest.approx(linear, abs=2.0 * (1.0 - exact) ** 2 + 1e-6)


def test_goodput_equals_a_simulation_of_its_process() -> None:
    """Exponential failures at any time, restarts too, work since the last checkpoint lost (fixed seed)."""
    between, checkpoint, restart = 3600.0, 20.0, 300.0
    chips = 1000.0
    mtbf = between * chips / 3600.0
    work = float(checkpoint_interval(chips, mtbf, checkpoint))
    random = np.random.default_rng(3)
    wall = done = 0.0
    for _ in range(20_000):
        recovering = False
        while True:
            needed = work + checkpoint + (restart if recovering else 0.0)
            failure = random.exponential(between)
            if failure >= needed:
                wall, done = wall + needed, done + work
                break
            wall, recovering = wall + failure, True
    assert done / wall == pytest.approx(float(goodput(chips, mtbf, checkpoint, restart)), rel=0.01)


def test_very_large_jobs_still_have_a_number() -> None:
    hopeless = goodput(np.array([1e6, 1e7]), 30_000.0, 60.0, 1800.0)
    assert np.all(np.isfinite(hopeless)) and np.all(hopeless >= 0.0)
    assert hopeless[1] < hopeless[0] < 0.01


def test_spares_and_pods() -> None:
    away = 16_384 * 24.0 / 50_000.0
    tail = 1.0 - sum(np.exp(-away) * away**k / np.prod(np.arange(1.0, k + 1.0)) for k in range(11))
    assert spares_exhausted(16_384, 50_000.0, 24.0, 10) == pytest.approx(tail, rel=1e-9)
    spares = spares_for(16_384, 50_000.0, 24.0, 0.001)
    assert spares_exhausted(16_384, 50_000.0, 24.0, spares) <= 0.001
    assert spares_exhausted(16_384, 50_000.0, 24.0, spares - 1) > 0.001
    assert pod_availability(0.999, 72) == pytest.approx(0.999**72)
    assert pod_availability(0.999, 72, 72) == pytest.approx(0.999**72)
    assert pod_availability(0.99, 3, 2) == pytest.approx(0.99**3 + 3 * 0.99**2 * 0.01)
    assert pod_availability(0.5, 8, 0) == 1.0
    assert system_mtbf_s(16_384, 50_677.0) / 3600.0 == pytest.approx(3.093, abs=1e-3)


# ------------------------------------------------------------------ runs


@settings(max_examples=15, deadline=None)
@given(st.floats(1e9, 4e11), st.floats(1e11, 1e13), st.sampled_from([4096, 16_384, 65_536]), st.floats(1.01, 3.0))
def test_a_larger_run_takes_more_of_everything(params: float, tokens: float, chips: int, more: float) -> None:
    small, large = training(params, tokens, chips, "h100"), training(params, tokens * more, chips, "h100")
    for name in ("training_flop", "days", "energy_mwh", "cost_usd"):
        assert getattr(large, name) == pytest.approx(more * getattr(small, name), rel=1e-9), name
    for figure in ("training_flop", "days", "goodput", "mfu", "chip_hours", "energy_mwh", "cost_usd"):
        values = asdict(small)
        assert values[f"{figure}_low"] <= values[figure] <= values[f"{figure}_high"], figure
    assert small.chip_hours == pytest.approx(small.days * 24.0 * chips, rel=1e-9)
    assert small.cost_usd == pytest.approx(small.chip_hours * small.usd_per_chip_hour, rel=1e-9)
    assert small.days * small.goodput == pytest.approx(small.compute_days, rel=1e-9)


def test_failures_and_price_of_power_are_paid() -> None:
    usual = training(1e11, 1e13, 16_384, "h100")
    assert training(1e11, 1e13, 16_384, "h100", chip_mtbf_h=5000.0).cost_usd > usual.cost_usd
    assert training(1e11, 1e13, 16_384, "h100", pue=1.6).energy_mwh > usual.energy_mwh
    assert training(1e11, 1e13, 16_384, "h100", electricity_usd_per_mwh=300.0).cost_usd > usual.cost_usd
    assert training(1e11, 1e13, 32_768, "h100").days < usual.days
    assert training(1e11, 1e13, 32_768, "h100").chip_hours > usual.chip_hours
    assert training(1e11, 1e13, 16_384, "h100", sequence=131_072.0).days > usual.days


def test_a_job_that_hardly_gets_on_has_finite_figures() -> None:
    run = training(1e12, 1e13, 2_000_000, "h100")
    assert run.goodput < 0.1 and np.isfinite(run.days_high) and run.days_low < run.days < run.days_high


def test_a_run_is_the_same_each_time() -> None:
    assert training(1e11, 1e13, 4096, "h200") == training(1e11, 1e13, 4096, "h200")
    wide = training(1e11, 1e13, 4096, "h200")
    known = {name: central for name, (_, central, _) in ranges().items()}
    sure = training(1e11, 1e13, 4096, "h200", **known)
    assert sure.days == pytest.approx(wide.days) and sure.days_low == pytest.approx(sure.days_high)


def test_use_of_chips_falls_with_their_number() -> None:
    numbers = {"reference": 0.4, "slope_small": 0.02, "slope_large": 0.06}
    use = mfu(np.array([64.0, 512.0, 2047.9, 2048.0, 16_384.0, 1e5]), **numbers)
    assert np.all(np.diff(use) < 0.0)
    assert use[2] == pytest.approx(use[3], rel=1e-4)
    assert use[4] == pytest.approx(0.4)
    assert bubble(8, 64) == pytest.approx(7.0 / 71.0)
    assert programme_flop(1e25) == pytest.approx(3.5e25)
    assert attention_share(405e9, 8192.0) == pytest.approx(attention_share(405e9, 8192.0, 126, 16_384), rel=0.02)


def test_a_cap_on_power_takes_less_than_it_saves() -> None:
    caps = np.array([0.6, 0.8, 1.0])
    assert np.all(under_power_cap(caps, 0.55) >= caps)
    assert np.all(under_power_cap(caps, 0.25) >= under_power_cap(caps, 0.55))


# ------------------------------------------------------------------ scaling


@FEW
@given(st.floats(1e20, 1e28), st.floats(0.3, 3.0))
def test_no_other_split_of_the_work_is_better(flop: float, factor: float) -> None:
    for law in (REFIT_2024, FIT_2022):
        split = best_split(flop, law)
        assert 6.0 * split.parameters * split.tokens == pytest.approx(flop, rel=1e-9)
        assert loss(split.parameters * factor, split.tokens / factor, law) >= split.loss * (1.0 - 1e-12)


@FEW
@given(st.floats(1e9, 1e15), st.floats(1.0, 100.0))
def test_text_read_again_is_worth_less_and_less(fresh: float, epochs: float) -> None:
    worth = float(data_worth(fresh, epochs))
    assert fresh * (1.0 - 1e-12) <= worth <= fresh * min(epochs, 1.0 + 15.39) * (1.0 + 1e-12)
    assert data_worth(fresh, epochs + 1.0) >= worth
    assert limited_tokens(fresh, fresh * 2.0) == pytest.approx(fresh)
    assert limited_tokens(fresh * epochs, fresh) == pytest.approx(worth)


def test_work_ideas_talent_and_text_make_better_models() -> None:
    assert quality(1e26) < quality(1e25)
    assert quality(1e25, years=1.0) < quality(1e25)
    assert quality(1e25, years=1.0, talent=2.0) < quality(1e25, years=1.0)
    assert quality(1e27, stock_tokens=1e12) > quality(1e27, stock_tokens=1e15)
    assert effective_flop(1e25, 8.0 / 12.0) == pytest.approx(2e25)
    assert effective_flop(1e25, 1.0, 0.0) == 1e25


# ------------------------------------------------------------------ requests


def test_token_counts_have_the_mean_and_spread_of_their_class() -> None:
    kind = request_class("chat")
    mu, s = lognormal(kind.input_tokens, kind.input_cv)
    drawn = np.random.default_rng(1).lognormal(mu, s, 400_000)
    assert drawn.mean() == pytest.approx(kind.input_tokens, rel=0.01)
    assert drawn.std() / drawn.mean() == pytest.approx(kind.input_cv, rel=0.03)
    assert token_quantile(kind.input_tokens, kind.input_cv, 0.95) == pytest.approx(np.quantile(drawn, 0.95), rel=0.02)
    assert token_quantile(100.0, 0.0, 0.9) == pytest.approx(100.0)


@pytest.mark.parametrize("name", ["chat", "code", "long_chat", "agent", "reasoning"])
def test_tokens_of_a_task_are_read_or_cached(name: str) -> None:
    kind = request_class(name)
    read, cached, out = tokens_per_task(name)
    assert read + cached == pytest.approx(kind.calls[1] * kind.input_tokens)
    assert out == pytest.approx(kind.calls[1] * kind.output_tokens[1])
    assert tokens_per_task(name, "low")[2] <= out <= tokens_per_task(name, "high")[2]


@FEW
@given(st.floats(0.1, 10.0), st.floats(0.0, 3.0))
def test_demand_falls_with_price_at_its_elasticity(price: float, elasticity: float) -> None:
    ceiling, adoption = np.array([[1e9], [2e9]]), np.array([[0.2, 0.4], [0.1, 0.3]])
    usual = segment_demand(ceiling, adoption, 1.0, 1.0, elasticity, tokens_per_task=1000.0)
    moved = segment_demand(ceiling, adoption, price, 1.0, elasticity, tokens_per_task=1000.0)
    assert usual.shape == (2, 2)
    assert moved == pytest.approx(usual * price**-elasticity)


def test_routing_lies_between_its_models() -> None:
    assert routed_cost(10.0, 1.0, 0.0, 0.2) == 10.0
    assert routed_cost(10.0, 1.0, 1.0, 0.0) == 1.0
    assert routed_cost(10.0, 1.0, 0.5, 0.15) == pytest.approx(0.5 * 10.0 + 0.5 * (1.0 + 1.5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: training(-1.0, 1e12, 8, "h100"), "params: found -1; expected a number above 0"),
        (lambda: training(1e9, 1e12, 8, "h1000"), "chip: found 'h1000'; .*nearest h100"),
        (lambda: training(1e9, 1e12, 8.5, "h100"), "chips: found 8.5; expected a whole number"),
        (lambda: training(405e9, 1e12, 8, "h100"), "memory: found 6.5 TB of weights.* expected at least 90 chips"),
        (
            lambda: training(1e9, 1e12, 10**8, "h100"),
            "chips: found 100,000,000, of which one fails every 1.8 s; .*fewer",
        ),
        (lambda: training(1e9, 1e12, 8, "h100", precision="fp4"), "precision: found 'fp4'; expected bf16 or fp8"),
        (lambda: training(1e9, 1e12, 8, "h100", pu=1.2), "parameter of a training run: found 'pu'; .*nearest pue"),
        (lambda: training(1e9, 1e12, 8, "h100", pue=-1.2), "pue: found -1.2; expected a number above 0"),
        (lambda: goodput(0, 1.0, 1.0, 1.0), "chips: found 0; expected a number above 0"),
        (lambda: goodput(8, 1.0, 0.0, 1.0), "checkpoint_s: found 0; expected a number above 0"),
        (lambda: goodput(8, 1.0, 1.0, -1.0), "restart_s: found -1; expected a number of at least 0"),
        (lambda: pod_availability(0.9, 4, 5), "needed: found 5; expected at most the 4 chips of the pod"),
        (lambda: under_power_cap(0.3, 0.5), "power_fraction: found 0.3; expected 0.6 to 1"),
        (lambda: loss(0.0, 1.0), "parameters: found 0; expected a number above 0"),
        (lambda: request_class("agents"), "class of requests: found 'agents'; .*nearest agent"),
        (lambda: tokens_per_task("chat", "mid"), "case: found 'mid'; expected low, central or high"),
    ],
)
def test_a_mistake_is_told(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()
