"""Every knob moves what it names, in the direction it names, and nothing before its quarter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from simulated import Array, bundled, prepared, walk

from penstock.engine import steps
from penstock.engine.begin import trend_of
from penstock.engine.model import Model
from penstock.engine.moment import Moment
from penstock.engine.record import Recorder
from penstock.scenarios import compile_program, knobs, load_scenario

PATHS, QUARTERS = 96, 16
BEGINS = "2026Q2"
STEPS = Path(steps.__file__).parent


@dataclass(frozen=True)
class Output:
    """What a knob should move: per path, summed over some quarters from `first` to `last`."""

    of: Callable[[Moment], Array]
    first: int = 1
    last: int = QUARTERS - 1


def compute_sales(now: Moment) -> Array:
    return now.block.scratch.flow[now.block.layout.category["compute"].slice].sum(axis=0)


def swans(now: Moment) -> Array:
    return (now.results["swan"] > 0).astype(float) if "swan" in now.results else np.zeros(now.block.width)


def total(name: str) -> Callable[[Moment], Array]:
    return lambda now: now.results[name].reshape(-1, now.block.width).sum(axis=0)


OUTPUTS: dict[str, Output] = {
    "users' spending": Output(total("spending"), 4),
    "enterprises' spending": Output(lambda now: now.results["spending"][1], 4),
    "own use": Output(total("own_value")),
    "training": Output(total("training")),
    "quality": Output(lambda now: now.state.economy.quality),
    "price of compute": Output(total("price")),
    "price of tokens": Output(total("token_price")),
    "utilisation": Output(total("utilisation"), 3),
    "compute sales": Output(compute_sales),
    "shipments": Output(total("shipped"), 1, 5),
    "first shipments": Output(total("shipped"), 1, 1),
    "cost of a chip": Output(total("cost")),
    "halls finished": Output(total("hall_done"), 1, 8),
    "power connected": Output(total("power_done"), 1, 8),
    "price of power": Output(lambda now: now.results["power_price_index"]),
    "running cost": Output(total("running")),
    "mood": Output(lambda now: now.state.economy.mood),
    "cost of capital": Output(total("rate")),
    "new debt": Output(total("new_debt"), 1, 4),
    "equity raised": Output(total("equity_raised"), 1, 4),
    "vendor credit": Output(total("vendor_credit")),
    "money for rescues": Output(total("bailed")),
    # of larger plans money pays a smaller share: chips and sites compete for it, so neither need be ordered more
    "plans paid for": Output(total("funded_share"), 1, 8),
    "growth that plans rest on": Output(total("growth"), 1, 4),
    "black swans": Output(swans),
    "claims lost": Output(lambda now: now.state.economy.lender_losses),
}

MOVES: dict[str, tuple[str, int, str]] = {
    "demand.ceiling": ("users' spending", +1, "adoption slows later below a higher ceiling"),
    "demand.speed": ("users' spending", +1, "adoption is faster"),
    "demand.own_use": ("own use", +1, "it scales own use"),
    "demand.training": ("training", +1, "it scales training"),
    "demand.price_elasticity": ("price of compute", -1, "users give way, so scarcity raises rents less"),
    "ai.compute_per_token": ("price of tokens", +1, "a token takes more of dear compute"),
    "ai.training_growth": ("training", +1, "labs run further ahead of revenue"),
    "ai.talent": ("quality", +1, "the same compute trains better models"),
    "data.readiness": ("enterprises' spending", +1, "more of what enterprises know can be used"),
    "platform.utilisation_target": ("utilisation", +1, "rents clear at a fuller fleet"),
    "platform.margin": ("compute sales", +1, "clouds charge more for the same compute"),
    "silicon.capacity": ("shipments", +1, "the chain ships what its capacity allows"),
    "silicon.lead_time_quarters": ("first shipments", -1, "less of the order book leaves in a quarter"),
    "silicon.price": ("cost of a chip", +1, "chips are dearer"),
    "facilities.build_time_quarters": ("halls finished", -1, "halls stay longer under construction"),
    "facilities.cost": ("cost of a chip", +1, "the site is a part of the cost of a chip in service"),
    "energy.power_delay_quarters": ("power connected", -1, "connections slip"),
    "energy.gas_price_usd_per_mmbtu": ("price of power", +1, "gas passes through"),
    "energy.power_price": ("running cost", +1, "an hour of compute takes dearer power"),
    "finance.sentiment": ("mood", +1, "mood returns to a higher level"),
    "finance.risk_free_rate": ("cost of capital", +1, "it is a part of the cost of capital"),
    "finance.debt_access": ("new debt", +1, "lenders lend more of what they would"),
    "finance.equity_access": ("equity raised", +1, "investors put in more of what they would"),
    "finance.vendor_financing": ("vendor credit", +1, "suppliers let more of a bill stand"),
    "finance.recovery": ("claims lost", -1, "creditors keep more of a failed firm"),
    "conduct.extrapolation": ("growth that plans rest on", +1, "growth on record is above the anchor in 2026"),
    "conduct.fade_per_year": ("plans paid for", +1, "growth is believed to last less, so less is planned"),
    "conduct.arms_race": ("growth that plans rest on", +1, "rivals' spending grows in 2026"),
    "conduct.adjustment_quarters": ("plans paid for", +1, "the gap to wanted capacity is closed more slowly"),
    "shock.base_rate_per_year": ("black swans", +1, "they arrive more often"),
    "shock.severity": ("mood", -1, "a larger swan frightens more"),
    "policy.rescue_budget_usd_bn": ("money for rescues", +1, "more money there is"),
    "policy.bailout_share": ("money for rescues", +1, "more of a shortfall is paid"),
    "policy.vendor_finance_cap": ("vendor credit", +1, "less is forbidden"),
}
"""Output that each knob moves, sign of the move when the knob rises, and why."""

ENTITY_MOVES: dict[str, tuple[str, str, int]] = {
    "demand.speed.enterprise": ("*1.5", "enterprises' spending", +1),
    "demand.ceiling.enterprise": ("*0.4", "enterprises' spending", -1),
    "silicon.capacity.tsmc": ("*0.4", "shipments", -1),
    "silicon.capacity.nvidia": ("*0.4", "shipments", -1),
    "facilities.build_time_quarters.microsoft": ("=8", "halls finished", -1),
    "facilities.build_time_quarters.vantage": ("=8", "halls finished", -1),
    "energy.power_delay_quarters.oracle": ("=8", "power connected", -1),
    "energy.power_delay_quarters.vantage": ("=8", "power connected", -1),
}


@dataclass
class Run:
    recorder: Recorder
    outputs: dict[str, Array] = field(default_factory=dict)
    """(quarters, paths)"""


def variant(**entries: object) -> Model:
    plan = load_scenario({"name": "variant", "extends": "baseline", **entries}, bundled())
    base = prepared()
    program = compile_program(plan, base.first_quarter, QUARTERS)
    return replace(base, program=program, trend=trend_of(base.facts, QUARTERS))


@cache
def run(knob: str = "", apply: str = "") -> Run:
    """The baseline, or one knob moved from `BEGINS` on."""
    changes = [{"what": knob, "apply": apply, "from": BEGINS, "why": "a test"}] if knob else []
    return watched(variant(change=changes))


def watched(model: Model) -> Run:
    seen: dict[str, list[Array]] = {name: [] for name in OUTPUTS}

    def look(now: Moment) -> None:
        for name, output in OUTPUTS.items():
            seen[name].append(np.array(output.of(now), dtype=float) * np.ones(PATHS))

    recorder = walk(model, PATHS, after=look)
    return Run(recorder, {name: np.stack(values) for name, values in seen.items()})


def moved(changed: Run, name: str) -> Array:
    """Change of an output against the baseline by path, summed over its quarters."""
    output = OUTPUTS[name]
    quarters = slice(output.first, output.last + 1)
    return (changed.outputs[name] - run().outputs[name])[quarters].sum(axis=0)


def assert_moved(changed: Run, name: str, sign: int) -> None:
    by_path = sign * moved(changed, name)
    assert by_path.mean() > 0.0, name
    # one path may fare otherwise once a failure or a shock comes to it; most that move, move the right way
    right, wrong = int((by_path > 0).sum()), int((by_path < 0).sum())
    assert right > 2 * wrong, (name, right, wrong)


def cases() -> list[tuple[str, float, int]]:
    """Each knob to each end of its range that differs from its default: (knob, value, direction)."""
    found = []
    for knob in knobs().values():
        found += [(knob.name, end, way) for end, way in ((knob.low, -1), (knob.high, +1)) if end != knob.default]
    return found


def test_each_knob_has_its_effect_told() -> None:
    assert list(MOVES) == list(knobs())


@pytest.mark.parametrize(("name", "value", "way"), cases())
def test_a_knob_moves_what_it_names_and_nothing_before(name: str, value: float, way: int) -> None:
    changed = run(name, f"={value}")
    output, sign, _ = MOVES[name]
    assert_nothing_before(changed, 1)
    assert_moved(changed, output, way * sign)


@pytest.mark.parametrize("name", ENTITY_MOVES)
def test_a_knob_of_one_company_or_segment_moves_it(name: str) -> None:
    apply, output, sign = ENTITY_MOVES[name]
    changed = run(name, apply)
    assert_nothing_before(changed, 1)
    assert_moved(changed, output, sign)


def assert_nothing_before(changed: Run, quarters: int) -> None:
    for part in ("economy", "layers", "company"):
        for column, values in getattr(changed.recorder, part).items():
            before = getattr(run().recorder, part)[column]
            assert values[:quarters].tobytes() == before[:quarters].tobytes(), (part, column)
    for name, values in changed.outputs.items():
        assert values[:quarters].tobytes() == run().outputs[name][:quarters].tobytes(), name


@pytest.mark.parametrize("name", MOVES)
def test_a_knob_is_read_by_the_step_that_it_names(name: str) -> None:
    step = knobs()[name].step
    files = [STEPS / f"{step}.py", *([STEPS / "drivers.py"] if step == "spend" else [])]
    assert any(f'"{name}"' in file.read_text(encoding="utf-8") for file in files), (name, step)


def test_rules_of_the_whole_run_act_like_their_knobs() -> None:
    cap = watched(variant(policy={"vendor_finance_cap": 0.0}))
    assert not cap.outputs["vendor credit"].any()
    none = watched(variant(policy={"rescue_budget_usd_bn": 0.0}))
    assert not none.outputs["money for rescues"].any()
    assert run().outputs["money for rescues"].any()
