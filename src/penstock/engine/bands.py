"""Bands: how a measure spreads over the paths of a scenario, for each quarter and company.

Quantiles interpolate linearly between order statistics (Hyndman and Fan 1996, type 7, as numpy.quantile);
`se_mean` is the standard deviation over paths (n - 1) over the square root of n. A path without a number
leaves its band without one: nothing is averaged away.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from penstock.engine.chunks import COMPANY_MEASURES, ECONOMY_MEASURES, WORLD_REGION, Array, PathBlock
from penstock.machine import usable_cores

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = {
    "p025": 0.025,
    "p05": 0.05,
    "p10": 0.10,
    "p25": 0.25,
    "p50": 0.50,
    "p75": 0.75,
    "p90": 0.90,
    "p95": 0.95,
    "p975": 0.975,
}
STATISTICS = ("mean", *QUANTILES, "se_mean")
WORLD_MEASURES = tuple(name for name in ECONOMY_MEASURES if name != "binding")
"""Columns of `economy` that have quantiles; `binding` is a name, its shares are counted from the table."""

BLOCK_VALUES = 200_000
"""Numbers that a thread takes at a time, as many as the cache holds with their copies: ten times as many take half as
much time again (docs/decisions/0044). Bounds its memory, whatever the number of paths."""


@dataclass(frozen=True)
class ChunkArrays:
    """What the tables over all paths, `bands` and `flows`, need of one chunk."""

    company: Array | Sequence[Array]
    """float32 (quarters, firms, count) for each measure"""
    economy: Array | Sequence[Array]
    """float64 (quarters, count) for each measure"""
    flows: Array
    """float64 (years, groups, groups, count), what the table `flows` is made of"""


def chunk_arrays(block: PathBlock) -> ChunkArrays:
    """The arrays of a block that `bands` and `flows` are computed from; they show the block's own, no copies."""
    return ChunkArrays(
        tuple(np.asarray(block.company[name], np.float32) for name in COMPANY_MEASURES),
        tuple(np.asarray(block.economy[name], np.float64) for name in WORLD_MEASURES),
        np.asarray(block.flows, np.float64),
    )


def band_statistics(values: Array) -> Array:
    """STATISTICS of each row of `values` (rows, paths), as float32 (rows, statistics)."""
    paths = values.shape[-1]
    ordered = np.sort(values, axis=-1)
    result = np.empty((len(values), len(STATISTICS)), np.float32)
    exact = values.astype(np.float64)
    mean = exact.sum(axis=-1) / paths
    result[:, 0] = mean
    for column, share in enumerate(QUANTILES.values(), start=1):
        position = share * (paths - 1)
        below = int(position)
        above = min(below + 1, paths - 1)
        low = ordered[:, below].astype(np.float64)
        result[:, column] = low + (ordered[:, above] - low) * (position - below)
    exact -= mean[:, None]
    np.square(exact, out=exact)
    variance = exact.sum(axis=-1) / (paths - 1) if paths > 1 else np.full(len(values), np.nan)
    result[:, -1] = np.sqrt(variance / paths)
    result[np.isnan(ordered[:, -1])] = np.nan
    return result


def band_table(
    scenario: str, quarters: Sequence[str], firms: Sequence[str], chunks: Sequence[ChunkArrays]
) -> pd.DataFrame:
    """The `bands` table of one scenario from the arrays of its chunks, in the order of paths."""
    import pandas as pd

    company = [_statistics([c.company[m] for c in chunks]) for m in range(len(COMPANY_MEASURES))]
    world = [_statistics([c.economy[m][:, None] for c in chunks]) for m in range(len(WORLD_MEASURES))]
    series = {
        (firm, measure): company[m][:, f] for m, measure in enumerate(COMPANY_MEASURES) for f, firm in enumerate(firms)
    }
    series |= {(WORLD_REGION, measure): world[m][:, 0] for m, measure in enumerate(WORLD_MEASURES)}
    names = sorted(series)
    values = np.stack([series[name] for name in names], axis=1)
    rows = len(quarters) * len(names)
    keys = {
        "scenario": [scenario] * rows,
        "quarter": [quarter for quarter in quarters for _ in names],
        "company_id": [company_id for company_id, _ in names] * len(quarters),
        "measure": [measure for _, measure in names] * len(quarters),
    }
    numbers = pd.DataFrame(values.reshape(rows, len(STATISTICS)), columns=list(STATISTICS))
    return pd.concat([pd.DataFrame(keys), numbers], axis=1)


def _statistics(parts: Sequence[Array]) -> Array:
    """(quarters, members, statistics) of arrays (quarters, members, count), some rows at a time."""
    quarters, members, _ = parts[0].shape
    flat = [part.reshape(quarters * members, part.shape[-1]) for part in parts]
    paths = sum(part.shape[-1] for part in flat)
    step = max(1, BLOCK_VALUES // paths)

    def of_rows(row: int) -> Array:
        return band_statistics(np.concatenate([part[row : row + step] for part in flat], axis=-1))

    # sorting and adding let other threads run
    with ThreadPoolExecutor(usable_cores()) as threads:
        blocks = list(threads.map(of_rows, range(0, quarters * members, step)))
    return np.concatenate(blocks).reshape(quarters, members, len(STATISTICS))
