"""The date of a black swan can not be forecast from the state of the model beyond its hazard; fragility raises that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from scipy import stats

import penstock as ps
from penstock.engine.model import prepare, simulate_paths
from penstock.engine.moment import Moment
from penstock.scenarios import load_scenario

PATHS, QUARTERS, SEED = 256, 40, 20260101
LEVEL = 0.01
"""Chance that the whole family of tests rejects although nothing can be forecast (Holm 1979, Scand. J. Stat. 6)."""

Array = np.ndarray[Any, np.dtype[np.float64]]

STATE = (
    "adoption", "noise", "readiness", "quality", "cycle", "mood", "expected_growth", "capex_growth", "log_value",
    "price", "capex", "chip_capacity", "hall_limit", "power_limit", "compute_per_token", "rate_shock", "freeze",
    "chip_cut", "power_cut", "fragility", "surprise", "lender_losses", "rescue_spent", "contract_price",
)  # fmt: skip
"""Variables of the whole economy; of one with parts the mean."""


@dataclass
class Watch:
    """What was known at the end of each quarter, and what struck in it; arrays are (quarters, paths)."""

    known: dict[str, list[Array]] = field(default_factory=dict)
    arrived: list[Array] = field(default_factory=list)
    base: list[Array] = field(default_factory=list)
    raised: list[Array] = field(default_factory=list)
    """what fragility adds to the base"""

    def look(self, now: Moment, quarter: str) -> None:
        e, f, th = now.state.economy, now.state.firms, now.block.theta
        told = {name: np.atleast_2d(getattr(e, name)).mean(axis=0) for name in STATE}
        told["firms_in_distress"] = (f.stage > 0.0).mean(axis=0)
        told["firms_without_access"] = (f.no_access > 0.0).mean(axis=0)
        told["debt_spread"] = f.spread.mean(axis=0)
        told["chips"] = now.state.fleet.in_service(now.quarter).sum(axis=(0, 1))
        for name, values in told.items():
            self.known.setdefault(name, []).append(values.copy())
        base = now.lever("shock.base_rate_per_year", th["swan_base_rate"]) / 4.0
        self.base.append(np.broadcast_to(base, e.fragility.shape).copy())
        self.raised.append(base * th["swan_fragility"] * e.fragility)
        self.arrived.append((now.results["swan"] > 0.0).astype(float))


@dataclass(frozen=True)
class Seen:
    """The quarters from the second on, (quarters, paths)."""

    before: dict[str, Array]
    """state at the end of the quarter before, and past arrivals"""
    arrived: Array
    base: Array
    raised: Array

    @property
    def hazard(self) -> Array:
        return self.base + self.raised


@pytest.fixture(scope="module")
def seen() -> Seen:
    world = ps.load_world()
    model = prepare(world, load_scenario("baseline", world), quarters=QUARTERS, seed=SEED)
    watch = Watch()
    simulate_paths(model, 0, PATHS, on_quarter=watch.look)
    arrived = np.stack(watch.arrived)
    before = {name: np.stack(values)[:-1] for name, values in watch.known.items()}
    total = np.cumsum(arrived, axis=0)
    for quarters in (1, 4, 8):
        earlier = np.concatenate([np.zeros((quarters, arrived.shape[1])), total[:-quarters]])
        before[f"arrivals_of_{quarters}_quarters"] = (total - earlier)[:-1]
    before["arrivals_so_far"] = total[:-1]
    before["date"] = np.broadcast_to(np.arange(QUARTERS - 1.0)[:, None], arrived[1:].shape)
    return Seen(before, arrived[1:], np.stack(watch.base)[1:], np.stack(watch.raised)[1:])


def p_values(arrived: Array, hazard: Array, before: dict[str, Array]) -> dict[str, float]:
    """Two-sided p-value of each variable by itself: the score test of a slope, with the variance that the hazard gives.

    Errors estimated from the residuals would be far too small for a variable that is rarely other than zero.
    """
    found = {}
    residual, variance = (arrived - hazard).ravel(), (hazard * (1.0 - hazard)).ravel()
    for name, values in before.items():
        x = values.ravel() - values.mean()
        if x.std() > 1e-12:
            found[name] = float(2.0 * stats.norm.sf(abs(x @ residual) / np.sqrt((x**2) @ variance)))
    return found


def joint_p_value(arrived: Array, hazard: Array, before: dict[str, Array]) -> float:
    """p-value that all slopes together are zero, by the same test."""
    columns = [v.ravel() for v in before.values() if v.std() > 1e-12]
    x = np.column_stack([(column - column.mean()) / column.std() for column in columns])
    # what others tell already is no further variable: directions without spread are left out
    _, size, right = np.linalg.svd(x, full_matrices=False)
    x = x @ right[size > 1e-3 * size[0]].T
    score = x.T @ (arrived - hazard).ravel()
    spread = (x * (hazard * (1.0 - hazard)).ravel()[:, None]).T @ x
    return float(stats.chi2.sf(score @ np.linalg.solve(spread, score), x.shape[1]))


def rejected(found: dict[str, float]) -> list[str]:
    """Variables whose p-value Holm's procedure rejects."""
    out: list[str] = []
    for rank, (name, value) in enumerate(sorted(found.items(), key=lambda item: item[1])):
        if value > LEVEL / (len(found) - rank):
            break
        out.append(name)
    return out


def test_beyond_its_hazard_the_date_can_not_be_forecast(seen: Seen) -> None:
    residual = seen.arrived - seen.hazard
    found = p_values(seen.arrived, seen.hazard, seen.before)
    assert len(found) >= 30
    assert rejected(found) == []
    assert joint_p_value(seen.arrived, seen.hazard, seen.before) > LEVEL
    # the hazard is right in all, too
    assert abs(residual.sum()) < 3.0 * np.sqrt((seen.hazard * (1.0 - seen.hazard)).sum())


def test_the_test_sees_a_date_that_can_be_forecast(seen: Seen) -> None:
    """Arrivals that come more often where the mood is high, or in the year after another."""
    generator = np.random.default_rng(1)
    mood, past = seen.before["mood"], seen.before["arrivals_of_4_quarters"]
    for name, pull in (("mood", mood - mood.mean()), ("arrivals_of_4_quarters", past - past.mean())):
        chance = np.clip(seen.hazard * (1.0 + 0.35 * pull / pull.std()), 0.0, 1.0)
        planted = (generator.random(chance.shape) < chance).astype(float)
        assert name in rejected(p_values(planted, seen.hazard, seen.before))
        assert joint_p_value(planted, seen.hazard, seen.before) < LEVEL


def test_fragility_raises_the_hazard_as_the_model_says(seen: Seen) -> None:
    # without fragility in the hazard, fragility does forecast
    without = seen.arrived - seen.base
    assert "fragility" in rejected(p_values(seen.arrived, seen.base, seen.before))
    x = seen.raised.ravel()
    y = without.ravel()
    slope = (x @ y) / (x @ x)
    error = np.sqrt((x**2) @ ((y - slope * x) ** 2)) / (x @ x)
    assert slope / error > 3.0
    assert abs(slope - 1.0) < 3.0 * error
    calm, strained = (seen.raised <= np.quantile(seen.raised, q) for q in (1 / 3, 2 / 3))
    assert seen.arrived[~strained].mean() > seen.arrived[calm].mean()
