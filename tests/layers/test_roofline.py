"""The roofline obeys its limits: batches that keep a speed, memory, promises; and refuses what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import PenstockError, UsageError
from penstock.layers.architecture import (
    forward_flop,
    kv_bytes_per_token,
    prefill_flop,
    presets,
    training_flop,
    weight_bytes_touched,
)
from penstock.layers.chips import as_chip
from penstock.layers.silicon import batch_for_speed, batch_limit, decode, gemm_time, prefill, replica, throughput
from penstock.layers.silicon.efficiency import Efficiency, efficiency_of
from penstock.layers.silicon.roofline import Replica, step
from penstock.layers.silicon.serving import Promise, mean_users
from penstock.world import load_world

FEW = settings(max_examples=50, deadline=None)
MODELS = st.sampled_from(["dense_8b", "dense_70b", "moe_47b", "moe_671b"])
CHIPS = st.sampled_from(["h100", "h200", "b200", "mi300x"])
NUMBERS = st.builds(
    Efficiency,
    compute=st.floats(0.2, 0.9),
    bandwidth=st.floats(0.4, 0.95),
    overhead_s=st.floats(0.0, 0.01),
    half_tokens=st.floats(0.0, 300.0),
    hop_s=st.floats(0.0, 3e-5),
)
CONTEXTS = st.floats(100.0, 60_000.0)


@st.composite
def replicas(draw: st.DrawFn) -> Replica:
    """Copies of a model that fit."""
    model, chip, numbers = draw(MODELS), draw(CHIPS), draw(NUMBERS)
    sizes = [n for n in (1, 2, 4, 8, 16) if fits(model, chip, n)]
    return replica(model, chip, draw(st.sampled_from(sizes)), precision="fp8", efficiency=numbers)


def fits(model: str, chip: str, chips: int) -> bool:
    needed = presets()[model].parameters + 2e9
    return needed < 0.9 * chips * as_chip(chip).memory_bytes


# ------------------------------------------------------------------ counts of work and bytes


def test_active_parameters_are_those_that_a_token_uses() -> None:
    for name, layout in presets().items():
        shared = layout.parameters - layout.expert_parameters
        used = layout.experts_per_token / layout.experts if layout.experts else 0.0
        assert shared + layout.expert_parameters * used == pytest.approx(layout.active_parameters, rel=0.02), name


def test_reading_a_prompt_is_decoding_it_token_by_token() -> None:
    tokens = np.arange(2000)
    assert prefill_flop("dense_70b", 2000) == pytest.approx(forward_flop("dense_70b", tokens).sum(), rel=1e-3)


def test_training_is_three_times_reading() -> None:
    layout = presets()["dense_405b"]
    whole = training_flop(layout.parameters, 8192, layers=layout.layers, query_width=layout.query_width, sequence=8192)
    assert whole == pytest.approx(3.0 * prefill_flop(layout, 8192), rel=1e-12)
    assert whole / training_flop(layout.parameters, 8192) == pytest.approx(1.042, abs=5e-4)


def test_experts_touched_run_from_those_of_one_token_to_all() -> None:
    layout = presets()["moe_671b"]
    assert weight_bytes_touched(layout, 1.0, 1.0) == pytest.approx(layout.active_parameters, rel=0.02)
    assert weight_bytes_touched(layout, 1e6, 1.0) == pytest.approx(layout.parameters, rel=1e-9)
    assert weight_bytes_touched("dense_8b", np.array([1.0, 9.0]), 2.0).tolist() == [16e9, 16e9]


@FEW
@given(MODELS, st.floats(0.5, 4.0))
def test_keys_and_values_scale_with_their_format(model: str, size: float) -> None:
    assert kv_bytes_per_token(model, kv_bytes=size) == pytest.approx(size / 2.0 * kv_bytes_per_token(model))


# ------------------------------------------------------------------ steps and batches


@FEW
@given(replicas(), CONTEXTS, st.floats(1.0, 300.0))
def test_the_batch_for_a_speed_keeps_it_and_one_more_does_not(made: Replica, context: float, speed: float) -> None:
    batch = float(batch_for_speed(made, context, speed))
    limit = float(batch_limit(made, context))
    assert 0.0 <= batch <= limit
    if batch >= 1.0:
        assert float(step(made, batch, context).tokens_per_s_per_user) >= speed * (1.0 - 1e-9)
    if batch < limit:
        assert float(step(made, batch + 1.0, context).tokens_per_s_per_user) < speed * (1.0 + 1e-9)


@FEW
@given(replicas(), CONTEXTS, st.floats(1.0, 2000.0), st.floats(1.0, 2.0))
def test_a_larger_batch_serves_more_per_chip_and_each_user_slower(
    made: Replica, context: float, batch: float, more: float
) -> None:
    small, large = step(made, batch, context), step(made, batch * more, context)
    assert large.tokens_per_s_per_chip >= small.tokens_per_s_per_chip * (1.0 - 1e-9)
    assert large.tokens_per_s_per_user <= small.tokens_per_s_per_user * (1.0 + 1e-9)


@FEW
@given(replicas(), CONTEXTS, st.floats(1.0, 200.0), st.floats(1.0, 3.0))
def test_a_tighter_speed_never_takes_a_larger_batch(
    made: Replica, context: float, speed: float, tighter: float
) -> None:
    assert batch_for_speed(made, context, speed * tighter) <= batch_for_speed(made, context, speed)


@FEW
@given(replicas(), CONTEXTS, st.floats(1.0, 500.0))
def test_a_step_is_its_parts_and_no_faster_than_the_paper_figures(made: Replica, context: float, batch: float) -> None:
    found = step(made, batch, context)
    longest = max(found.memory_s, found.compute_s)
    assert found.seconds == pytest.approx(longest + found.overhead_s + found.communication_s, rel=1e-12)
    flop = batch * forward_flop(made.model, context)
    assert flop / found.seconds <= made.chips * made.chip.peak("fp8")
    assert (batch * context * made.token_bytes) / found.seconds <= made.chips * made.chip.memory_bytes_per_s
    assert found.tokens_per_s == pytest.approx(batch / found.seconds, rel=1e-12)


@FEW
@given(replicas(), CONTEXTS, st.floats(1.0, 500.0))
def test_slower_links_or_a_longer_overhead_never_help(made: Replica, context: float, batch: float) -> None:
    slow = replace(made, efficiency=replace(made.efficiency, overhead_s=made.efficiency.overhead_s + 0.001, hop_s=4e-5))
    assert step(slow, batch, context).seconds >= step(made, batch, context).seconds


def test_arrays_give_what_numbers_give() -> None:
    batches, contexts = np.array([1.0, 8.0, 64.0]), np.array([500.0, 1000.0, 2000.0])
    whole = decode("moe_671b", "h200", 8, batches, contexts)
    for at in range(3):
        one = decode("moe_671b", "h200", 8, batches[at], contexts[at])
        assert whole.seconds[at] == one.seconds
        assert whole.bound[at] == one.bound
    speeds = batch_for_speed(replica("moe_671b", "h200", 8), contexts, 30.0)
    assert speeds.tolist() == [float(batch_for_speed(replica("moe_671b", "h200", 8), c, 30.0)) for c in contexts]


def test_a_product_is_bound_by_memory_when_thin_and_by_work_when_square() -> None:
    thin = gemm_time(np.arange(1, 9), 8192, 8192, "h200", 2)
    assert np.ptp(thin) / thin[0] < 0.01
    assert gemm_time(16_384, 8192, 8192, "h200", 2) / gemm_time(8192, 8192, 8192, "h200", 2) == pytest.approx(
        2, rel=0.02
    )


def test_a_prompt_takes_longer_per_token_when_long() -> None:
    rates = prefill("dense_70b", "h200", 2, np.array([8_000.0, 64_000.0, 256_000.0])).tokens_per_s_per_chip
    assert np.all(np.diff(rates) < 0.0)


# ------------------------------------------------------------------ throughput


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["dense_70b", "moe_47b"]), CHIPS, st.floats(50.0, 1500.0), st.floats(50.0, 1000.0))
def test_promises_cost_throughput(model: str, chip: str, prompt: float, output: float) -> None:
    load = {"prompt_tokens": prompt, "output_tokens": output}
    offline, server = throughput(model, chip, "offline", **load), throughput(model, chip, "server", **load)
    interactive = throughput(model, chip, "interactive", **load)
    assert interactive.output_tokens_per_s_per_chip <= server.output_tokens_per_s_per_chip * (1.0 + 1e-9)
    assert server.output_tokens_per_s_per_chip <= offline.output_tokens_per_s_per_chip * (1.0 + 1e-9)
    assert interactive.seconds_per_token <= 0.040
    cached = throughput(model, chip, "offline", cached=0.5, **load)
    assert cached.output_tokens_per_s_per_chip >= offline.output_tokens_per_s_per_chip * (1.0 - 1e-9)


def test_mean_users_fill_their_slots_one_time_in_a_hundred() -> None:
    users = mean_users(np.array([10.0, 100.0, 1000.0]))
    assert np.allclose(users + 2.326 * np.sqrt(users), [10.0, 100.0, 1000.0])


def test_ranges_of_efficiency_are_ordered() -> None:
    for name in ("h100", "h200", "b200", "a100", "mi300x"):
        chip = as_chip(name)
        for precision in chip.peak_flop_per_s:
            low, central, high = (efficiency_of(chip, precision, case) for case in ("low", "central", "high"))
            assert low.compute <= central.compute <= high.compute
            assert low.bandwidth <= central.bandwidth <= high.bandwidth
            assert low.overhead_s >= central.overhead_s >= high.overhead_s


def test_chips_are_those_of_the_world_given() -> None:
    world = load_world()
    table = world.table("chips").set_index("id")
    for name in ("h100", "gb200", "mi355x", "tpu_v7"):
        chip = as_chip(name, world)
        assert chip.memory_bytes == table.loc[name, "hbm_gb"] * 1e9
        assert chip.peak_flop_per_s["bf16"] == table.loc[name, "bf16_tflops"] * 1e12
        assert chip == as_chip(name)


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: decode("dense_70", "h200", 2, 1, 1), "model: found 'dense_70'; expected one of .*; nearest dense_70b"),
        (lambda: decode("dense_70b", "h2000", 2, 1, 1), "chip: found 'h2000'; .*nearest h200"),
        (lambda: decode("dense_405b", "h100", 2, 1, 100), "memory: found 405 GB .* expected at least 6 chips"),
        (lambda: decode("dense_70b", "h200", 2, 5000, 3000), "batch: found 5000 at a context of 3000 .* at most 369"),
        (lambda: decode("dense_70b", "h200", 2, -1, 3000), "batch: found -1; expected a number above 0"),
        (lambda: decode("dense_70b", "h200", 2, 1, -5), "context: found -5; expected a number of at least 0"),
        (lambda: decode("dense_70b", "h200", 2.5, 1, 5), "chips: found 2.5; expected a whole number"),
        (lambda: decode("dense_70b", "a100", 8, 1, 5, precision="fp8"), "precision of a100: found 'fp8'; .* bf16"),
        (lambda: gemm_time(0, 1, 1, "h200", 2), "m: found 0; expected a number above 0"),
        (lambda: gemm_time(1, 1, 1, "h200", 3), "bytes: found 3; expected 2"),
        (lambda: prefill("dense_8b", "h100", 1, 0), "tokens: found 0; expected a number above 0"),
        (lambda: throughput("dense_8b", "h100", "offlin"), "scenario: found 'offlin'; .*nearest offline"),
        (lambda: throughput("dense_8b", "h100", cached=1.5), "cached: found 1.5; expected a share from 0 to 1"),
        (
            lambda: throughput("dense_405b", "h100", "interactive", promise=Promise(0.001, 0.001)),
            "scenario interactive: found no batch of dense_405b on h100",
        ),
        (lambda: Efficiency(1.2, 0.5), "compute: found 1.2; expected a share from 0 to 1"),
        (lambda: Efficiency(0.0, 0.5), "compute: found 0; expected a number above 0"),
        (lambda: efficiency_of(as_chip("h100"), "int2"), "precision: found 'int2'; expected bf16, fp8 or fp4"),
        (lambda: batch_for_speed(replica("dense_8b", "h100", 1), 10, 0), "tokens_per_s_per_user: found 0"),
    ],
)
def test_a_mistake_is_told(call: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()


def test_a_chip_without_memory_is_refused() -> None:
    with pytest.raises(PenstockError, match="wse3: found no dense peak, memory or bandwidth; expected all three"):
        as_chip("wse3")
