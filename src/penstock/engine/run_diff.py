"""Two runs side by side: what was asked of each, and how far the numbers of each table lie apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penstock.engine.run import Run
from penstock.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

FACTS = ("penstock", "python", "packages", "prior", "seed", "paths", "quarters", "keep", "chunk_paths")
TABLES = ("economy", "layers", "outcomes", "events", "losses", "bands", "flows")


def run_facts(first: Run, second: Run) -> pd.DataFrame:
    """fact, first, second: what the two manifests say differently; empty where they agree."""
    import pandas as pd

    one, other = _facts(first.manifest), _facts(second.manifest)
    rows = [(name, one[name], other[name]) for name in one if one[name] != other[name]]
    return pd.DataFrame(rows, columns=["fact", "first", "second"])


def _facts(manifest: Mapping[str, Any]) -> dict[str, str]:
    told = {name: json.dumps(manifest.get(name), sort_keys=True) for name in FACTS}
    told["world"] = f"{manifest['world']['name']} {manifest['world']['as_of']} {manifest['world']['hash'][:12]}"
    told["scenarios"] = ", ".join(f"{s['name']} {s['hash'][:12]}" for s in manifest["scenarios"])
    return told


def table_differences(first: Run, second: Run) -> pd.DataFrame:
    """table, rows_first, rows_second, equal, columns_differing, worst_column, largest_difference_relative.

    Rows are compared in order where their number is the same. The largest difference of a column of numbers is
    relative to the larger of the two values; both missing counts as equal, and one missing as wholly different.
    """
    import pandas as pd

    rows = []
    for name in TABLES:
        try:
            one, other = first.table(name), second.table(name)
        except InputError as error:
            if "no such table" in str(error):
                continue
            raise
        row: dict[str, Any] = {"table": name, "rows_first": len(one), "rows_second": len(other)}
        rows.append({**row, **_compared(one, other)})
    return pd.DataFrame(rows)


def _compared(one: pd.DataFrame, other: pd.DataFrame) -> dict[str, Any]:
    if len(one) != len(other) or list(one.columns) != list(other.columns):
        return {"equal": False, "columns_differing": None, "worst_column": "", "largest_difference_relative": None}
    found = {name: _largest(one[name], other[name]) for name in one.columns}
    differing = {name: size for name, size in found.items() if size > 0.0}
    worst = max(differing, key=lambda name: differing[name], default="")
    return {
        "equal": not differing,
        "columns_differing": len(differing),
        "worst_column": worst,
        "largest_difference_relative": differing.get(worst, 0.0),
    }


def _largest(one: pd.Series[Any], other: pd.Series[Any]) -> float:
    """Largest relative difference; 1 where text differs or one of the two is missing."""
    import numpy as np
    import pandas as pd

    missing = one.isna().to_numpy() != other.isna().to_numpy()
    if missing.any():
        return 1.0
    if not (pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(other)):
        kept = one.notna().to_numpy()
        return float((one.astype(str).to_numpy()[kept] != other.astype(str).to_numpy()[kept]).any())
    a, b = one.to_numpy(dtype=float, na_value=0.0), other.to_numpy(dtype=float, na_value=0.0)
    scale = np.maximum(np.abs(a), np.abs(b))
    apart = np.divide(np.abs(a - b), scale, out=np.zeros_like(scale), where=scale > 0.0)
    return float(apart.max(initial=0.0))
