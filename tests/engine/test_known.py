"""What all blocks of a model share stays what it was: no step writes to it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from simulated import model_of

from penstock.engine.known import look_up
from penstock.engine.model import simulate_paths


def arrays_of(thing: Any, name: str = "") -> dict[str, np.ndarray]:
    """Every array of a tree of objects by dotted name."""
    if isinstance(thing, np.ndarray):
        return {name: thing}
    if is_dataclass(thing):
        parts = [(item.name, getattr(thing, item.name)) for item in fields(thing)]
    elif isinstance(thing, dict):
        parts = list(thing.items())
    elif isinstance(thing, tuple):
        parts = list(enumerate(thing))
    else:
        return {}
    return {key: value for part, one in parts for key, value in arrays_of(one, f"{name}.{part}").items()}


@pytest.mark.parametrize("scenario", ["perfect_storm", "funding_freeze"])
def test_nothing_writes_to_what_blocks_share(scenario: str) -> None:
    model = model_of(scenario, 12)
    simulate_paths(model, 0, 16)
    shared = arrays_of(model.facts.kept["known"])
    anew = arrays_of(look_up(model.layout, model.facts))
    assert len(shared) > 100
    assert shared.keys() == anew.keys()
    for name, values in shared.items():
        assert values.tobytes() == anew[name].tobytes(), name
