"""Draws of the calibration in runs: who takes them, in which proportion, and that a run knows which it took."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from penstock.engine import posterior
from penstock.engine.manifest import identity, identity_hash
from penstock.engine.model import prepare, simulate_paths
from penstock.engine.parameters import assumptions, draw_parameters
from penstock.engine.posterior import PICK, PosteriorDraws, path_parameters, posterior_for, shipped
from penstock.engine.random import PARAMETERS
from penstock.errors import InputError
from penstock.world import load_world

DAY = dt.date(2025, 12, 31)


@pytest.fixture(autouse=True)
def in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """The draws as they would be taken, whether or not they are in force today."""
    found = shipped()
    assert found is not None
    monkeypatch.setattr(posterior, "shipped", lambda: replace(found, in_force=True))


def test_draws_that_are_not_in_force_move_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    found = shipped()
    assert found is not None
    monkeypatch.setattr(posterior, "shipped", lambda: replace(found, in_force=False))
    assert posterior_for(DAY, assumptions()) is None
    assert posterior.posterior_digest(DAY) == ""
    assert prepare(load_world(), quarters=1).posterior is None


def test_paths_take_draws_in_proportion_to_their_weight() -> None:
    draws = PosteriorDraws(("a", "b"), np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]), np.array([0.5, 0.6, 1.0]))
    uniforms = (np.arange(1000) + 0.5) / 1000
    taken = draws.pick(uniforms)
    assert [(taken["a"] == value).mean() for value in (1.0, 2.0, 3.0)] == pytest.approx([0.5, 0.1, 0.4])
    assert (taken["b"] == 10.0 * taken["a"]).all(), "a draw is taken as a whole"
    assert draws.pick(np.array([0.0, 1.0]))["a"].tolist() == [1.0, 3.0]


def test_no_parameter_uses_the_number_that_picks_the_draw() -> None:
    assert len(assumptions()) <= PICK < PARAMETERS


def test_what_is_informed_is_drawn_jointly_and_the_rest_from_its_prior() -> None:
    found = posterior_for(DAY, assumptions())
    assert found is not None and found.names and not set(found.names) & found.wide
    uniforms = np.random.default_rng(1).random((PARAMETERS, 64))
    plain, prior = (draw_parameters(uniforms, prior=wide) for wide in (False, True))
    drawn = path_parameters(uniforms, prior=False, table=assumptions(), posterior=found)
    for name in assumptions():
        if name in found.names:
            assert set(drawn[name]) <= set(found.values[found.names.index(name)])
        else:
            assert (drawn[name] == (prior if name in found.wide else plain)[name]).all(), name


def test_an_earlier_world_takes_none() -> None:
    assert posterior_for(DAY - dt.timedelta(days=1), assumptions()) is None
    assert prepare(load_world("ai-2024"), quarters=1).posterior is None
    assert prepare(load_world("telecom"), quarters=1).posterior is None
    assert prepare(load_world(), quarters=1).posterior is not None
    assert prepare(load_world(), quarters=1, prior=True).posterior is None


def test_a_parameter_whose_prior_was_changed_is_drawn_from_its_own_margins() -> None:
    whole = posterior_for(DAY, assumptions())
    assert whole is not None
    name = whole.names[0]
    row = assumptions()[name]
    changed = dict(assumptions()) | {name: replace(row, prior_high=1.01 * row.prior_high)}
    found = posterior_for(DAY, changed)
    assert found is not None
    assert found.names == whole.names[1:] and name not in found.wide


def test_every_row_that_was_calibrated_is_still_in_the_table() -> None:
    """A table that changed since needs `penstock calibrate` again."""
    found = shipped()
    assert found is not None
    stale = [name for name, row in found.rows.items() if posterior.prior_of(assumptions()[name]) != row]
    assert not stale
    for name, values in zip(found.draws.names, found.draws.values, strict=True):
        row = assumptions()[name]
        assert ((values >= 0.999 * row.minimum) & (values <= 1.001 * row.maximum)).all(), name


def test_the_draws_are_part_of_what_a_run_is(monkeypatch: pytest.MonkeyPatch) -> None:
    world = load_world()
    options: dict[str, Any] = {"paths": 1, "quarters": 1, "seed": 7, "keep": "summary"}
    own, wide = (identity(world, [], prior=prior, **options) for prior in (False, True))
    assert own["posterior"] and not wide["posterior"]
    found = shipped()
    assert found is not None
    monkeypatch.setattr(posterior, "shipped", lambda: replace(found, digest="0" * 64, in_force=True))
    other = identity(world, [], prior=False, **options)
    assert identity_hash(other) != identity_hash(own)


def test_a_run_of_other_draws_is_not_simulated_again(tmp_path: object) -> None:
    from penstock.engine.ensemble import simulate

    run = simulate(load_world(), paths=1, quarters=1)
    run.manifest["posterior"] = "0" * 64
    run._models.clear()
    with pytest.raises(
        InputError, match=r"manifest\.json: posterior: found draws with hash .*; expected with hash 0000"
    ):
        run.path(0)


def test_a_path_is_the_same_alone_and_in_company() -> None:
    model = prepare(load_world(), quarters=2)
    together, alone = simulate_paths(model, 0, 24), simulate_paths(model, 17, 1)
    assert (together.economy["capex_usd_bn"][:, 17] == alone.economy["capex_usd_bn"][:, 0]).all()
