"""Flows: who pays whom, by layer and sector and year, over the paths of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from penstock.engine.chunks import Array

if TYPE_CHECKING:
    import pandas as pd

YEAR = 4
"""Quarters in a year of the flows."""
COLUMNS = ("scenario", "year", "payer", "payee", "usd_bn_mean", "p05", "p95")
SMALLEST_USD_BN = 0.01
"""Pairs with a smaller mean in a year are left out: ten million dollars between whole layers is rounding."""


def flow_table(scenario: str, quarters: Sequence[str], parts: Sequence[Array]) -> pd.DataFrame:
    """The table `flows` of one scenario, from arrays (years, groups, groups, count) in the order of paths.

    usd_bn_mean, p05 and p95 are taken over all paths, those without the flow included.
    """
    import pandas as pd

    from penstock.engine.ledger_view import GROUP_NAMES

    names = np.array(GROUP_NAMES, dtype=object)
    frames = []
    for number, year in enumerate(year_names(quarters)):
        paid = np.concatenate([part[number] for part in parts], axis=-1)
        mean = paid.mean(axis=-1)
        payer, payee = np.nonzero(mean > SMALLEST_USD_BN)
        low, high = np.quantile(paid[payer, payee], [0.05, 0.95], axis=-1)
        columns = (scenario, year, names[payer], names[payee], mean[payer, payee], low, high)
        frame = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
        frames.append(frame.sort_values(["payer", "payee"], ignore_index=True))
    return pd.concat(frames, ignore_index=True)


def year_names(quarters: Sequence[str]) -> list[str]:
    """`2026` for four quarters of one calendar year; else from and to, as `2035Q1-2035Q2`."""
    spans = [quarters[start : start + YEAR] for start in range(0, len(quarters), YEAR)]
    return [span[0][:4] if len(span) == YEAR and span[0].endswith("Q1") else f"{span[0]}-{span[-1]}" for span in spans]
