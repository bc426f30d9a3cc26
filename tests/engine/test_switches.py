"""What each step and loop does: switched off, it leaves the futures that it has no part in, and changes the others."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import Array, bundled, model_of, prepared, simulated, step_wrapped, walk

from penstock.analysis.steps import HEADLINES, STEPS
from penstock.engine.model import PathBlock
from penstock.engine.moment import Moment
from penstock.engine.record import Recorder
from penstock.engine.steps import settle

PATHS = 64
NEVER = 10_000


def fall(series: Array, window: int = 8) -> Array:
    """Largest fall of the four-quarter mean from its peak of the `window` quarters before, (paths,)."""
    mean = np.stack([series[t - 3 : t + 1].mean(axis=0) for t in range(3, len(series))])
    worst = np.zeros(series.shape[1])
    for t in range(len(mean)):
        worst = np.maximum(worst, 1.0 - mean[t] / mean[max(0, t - window) : t + 1].max(axis=0))
    return worst


def turns(series: Array) -> Array:
    """How often a series turns from rising to falling or back by more than two percent, (paths,)."""
    found = np.zeros(series.shape[1])
    for lane, values in enumerate(np.log(series).T):
        last, direction = values[0], 0
        for value in values[1:]:
            if abs(value - last) > 0.02 and np.sign(value - last) != direction:
                found[lane] += direction != 0
                direction = int(np.sign(value - last))
            if np.sign(value - last) == direction:
                last = value
    return found


# ------------------------------------------------------------------ contagion


class Tour:
    """A run with all that its steps found before settlement, quarter by quarter."""

    def __init__(self, *off: str) -> None:
        self.found: list[dict[str, Array]] = []
        with step_wrapped(settle, "settle", before=self._keep):
            self.recorder: Recorder = walk(model_of("baseline", 24, off=off), 24)

    def _keep(self, now: Moment) -> None:
        width = now.block.width
        kept = {name: np.array(values) for name, values in now.results.items() if np.shape(values)[-1:] == (width,)}
        # what is one number a firm on all paths is not of a path
        state = {name: values for name, values in now.state.arrays().items() if values.shape[-1] == width}
        kept |= {f"state {name}": values.copy() for name, values in state.items()}
        self.found.append(kept)

    @property
    def first_default(self) -> Array:
        quarter = self.recorder.default_quarter
        return np.where(quarter >= 0, quarter, NEVER).min(axis=0)


@pytest.fixture(scope="module")
def tours() -> tuple[Tour, Tour]:
    return Tour(), Tour("contagion")


def test_without_contagion_nothing_changes_before_the_first_default_is_settled(tours: tuple[Tour, Tour]) -> None:
    full, without = tours
    lanes = len(full.first_default)
    assert (full.first_default < NEVER).sum() > lanes / 2
    assert (full.first_default > 0).sum() > lanes / 4
    for lane in range(lanes):
        until = min(int(full.first_default[lane]), len(full.found) - 1)
        for group in ("economy", "layers", "company"):
            for name, values in getattr(full.recorder, group).items():
                other = getattr(without.recorder, group)[name]
                assert np.array_equal(values[:until, ..., lane], other[:until, ..., lane]), (name, lane, until)
        for name, values in full.found[until].items():
            assert np.array_equal(values[..., lane], without.found[until][name][..., lane]), (name, lane, until)


def test_contagion_changes_what_comes_after(tours: tuple[Tour, Tour]) -> None:
    full, without = tours
    capex = "capex_usd_bn"
    assert (full.recorder.economy[capex][-1] != without.recorder.economy[capex][-1]).mean() > 0.5


def test_without_contagion_fewer_firms_fail_later() -> None:
    full = simulated(model_of(), 256).layers["defaults"].sum(axis=(0, 1))[:128]
    without = simulated(model_of(off=("contagion",)), 128).layers["defaults"].sum(axis=(0, 1))
    change = full - without
    assert change.mean() > 2.0 * change.std() / np.sqrt(len(change))


# ------------------------------------------------------------------ each step matters


def headlines(block: PathBlock) -> dict[str, Array]:
    found = {**block.economy, "defaults": block.layers["defaults"].sum(axis=1)}
    out = {}
    for item in HEADLINES:
        series = found[item.column]
        out[item.name] = series.sum(axis=0) if item.how == "sum" else series[-1]
    return out


@pytest.mark.parametrize("step", STEPS)
def test_each_step_moves_a_headline_output(step: str) -> None:
    """By a thousandth and more on a tenth of the paths; `penstock steps` shows the means with their errors."""
    full, without = (headlines(simulated(model_of(quarters=16, off=off), PATHS)) for off in ((), (step,)))
    moved = {
        name: float((np.abs(without[name] - values) > 0.001 * np.abs(values)).mean()) for name, values in full.items()
    }
    assert max(moved.values()) > 0.1, moved


# ------------------------------------------------------------------ limits without feedback


def test_without_feedback_and_noise_there_is_no_cycle() -> None:
    """Expectations follow an anchor, mood stands still, nothing strikes: price and capital spending run smoothly."""
    calm = model_of(
        off=("sentiment", "noise", "black_swans", "contagion"),
        knobs=(("conduct.arms_race", "*0"), ("conduct.extrapolation", "*0")),
    )
    quiet, full = simulated(calm, PATHS), simulated(model_of(), 256)
    price, capex = "price_usd_per_h100e_hour", "capex_usd_bn"
    assert (fall(quiet.economy[capex]) > 0.4).mean() < 0.15
    # where demand outruns the build-out once, the rent rises and falls again: one hump is no cycle
    assert (turns(quiet.economy[price]) > 2.0).mean() < 0.1
    assert (fall(full.economy[capex]) > 0.4).mean() > 2.0 * (fall(quiet.economy[capex]) > 0.4).mean()
    assert turns(full.economy[price]).mean() > turns(quiet.economy[price]).mean()


def test_without_growth_of_demand_capital_spending_falls() -> None:
    """By 40 % and more within eight quarters, in the median: nothing but demand keeps it up."""
    flat = simulated(model_of(quarters=9, off=("demand_growth",)), PATHS).economy["capex_usd_bn"]
    growing = simulated(model_of(quarters=9), PATHS).economy["capex_usd_bn"]
    assert np.median(flat[:8].min(axis=0) / growing[0]) < 0.6
    assert np.median(growing[7] / growing[0]) > 1.0


UNTOUCHED = ("price_usd_per_h100e_hour", "h100e", "it_mw", "capex_usd_bn", "utilisation", "ai_revenue_usd_bn")


@pytest.mark.parametrize(("elasticity", "sign"), [(0.7, -1), (1.0, 0), (1.6, 1)])
def test_cheaper_tokens_bring_more_compute_only_where_demand_is_elastic(elasticity: float, sign: int) -> None:
    """Value of compute wanted goes with gain ^ (elasticity - 1): at one nothing changes (Jevons' border)."""
    knobs = (("demand.price_elasticity", f"={elasticity}"),)
    before, after = (simulated(model_of(name, 12, knobs=knobs), PATHS) for name in ("baseline", "efficiency_shock"))
    if sign == 0:
        for name in UNTOUCHED:
            assert np.array_equal(before.economy[name], after.economy[name]), name
        assert (after.economy["tokens_demanded"][-1] > 3.0 * before.economy["tokens_demanded"][-1]).all()
    else:
        # halls and power bind at first: the rent answers at once, building after two years
        change = np.log(after.economy["capex_usd_bn"][8:] / before.economy["capex_usd_bn"][8:]).mean(axis=0)
        assert np.median(change) * sign > 0.0


# ------------------------------------------------------------------ what must be rare, and what must not


@pytest.fixture(scope="module")
def many() -> PathBlock:
    return simulated(model_of(), 256)


def test_who_has_cash_does_not_fail_soon(many: PathBlock) -> None:
    """No firm with more than 20 usd_bn of net cash fails within two years on more than 0.5 % of paths."""
    facts = prepared().facts
    net_cash = (facts.sheet["cash"] - facts.sheet["debt"])[:, 0]
    rich = np.flatnonzero(net_cash > 20.0)
    assert len(rich) >= 5
    failed = many.company["failed"][:8].max(axis=0)[rich].mean(axis=1)
    assert (failed <= 0.005).all(), dict(zip(np.array(prepared().firms)[rich], failed, strict=True))


def test_chains_of_defaults_happen_and_are_not_the_rule(many: PathBlock) -> None:
    share = (many.chain >= 3).mean()
    assert 0.0 < share < 0.6


def test_some_booms_break_and_some_last(many: PathBlock) -> None:
    broken = (fall(many.economy["capex_usd_bn"]) > 0.4).mean()
    assert 0.1 < broken < 0.95


def test_the_run_says_what_it_checked(many: PathBlock) -> None:
    assert many.checks["conservation_max_rel"] < 1e-9
    assert many.checks["nonconverged"] == 0
    assert many.checks["nan"] == 0
    assert bundled().name == prepared().world_name
