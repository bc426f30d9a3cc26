"""Many settings of the model in one block: each lane has its path, its parameters and its knobs.

A study of many settings needs few paths of each. A full block costs little more than a narrow one, so the
settings stand side by side in it; a lane's result is bit for bit that of its path under its setting alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from penstock.engine.model import Model, PathBlock

Array = np.ndarray


@dataclass(frozen=True)
class Lanes:
    """What each lane of a block simulates.

    `paths` (lanes,): the path whose random numbers it has; a path may stand in several lanes. `parameters`:
    name in assumptions.csv -> (lanes,) value in place of the drawn one. `knobs`: name in knobs.csv -> (lanes,)
    setting for the whole run, on top of the scenario: a multiplier's factor, a level's value where the scenario
    leaves the level alone (else its distance from the default is added).
    """

    paths: np.ndarray
    parameters: Mapping[str, Array] = field(default_factory=dict)
    knobs: Mapping[str, Array] = field(default_factory=dict)


def simulate_lanes(model: Model, lanes: Lanes) -> PathBlock:
    """Results of all lanes, numbered from 0 where a table has a column `path`."""
    from penstock.engine.model import block_width, join_blocks, run_block

    count = len(lanes.paths)
    width = block_width(count)
    # blocks have certain widths only; the lanes that fill one up repeat the last and are cut off
    filled = np.minimum(np.arange(width), count - 1)
    whole = Lanes(
        paths=lanes.paths[filled],
        parameters={name: values[filled] for name, values in lanes.parameters.items()},
        knobs={name: values[filled] for name, values in lanes.knobs.items()},
    )
    _, kept = run_block(model, 0, width, lanes=whole)
    return join_blocks(model.layout, [(0, count, kept)])
