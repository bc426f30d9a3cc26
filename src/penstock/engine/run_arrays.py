"""The tables of a run as labelled arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.engine.bands import STATISTICS
from penstock.engine.chunks import KEYS, WORLD_REGION

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from penstock.engine.run import Run


def run_dataset(run: Run) -> xr.Dataset:
    """See `Run.to_xarray`."""
    import xarray as xr

    economy = run.economy[run.economy["region"] == WORLD_REGION].drop(columns="region")
    parts = [
        _labelled(economy, ["scenario", "path", "quarter"], "economy"),
        _labelled(run.layers, list(KEYS["layers"]), "layer"),
    ]
    if run.manifest["keep"] == "full":
        parts.append(_labelled(run.companies, list(KEYS["company"]), "company"))
    bands = run.bands.set_index(["scenario", "quarter", "company_id", "measure"])
    band = bands.to_xarray().to_array("statistic", name="band").transpose(..., "statistic")
    parts.append(band.sel(statistic=list(STATISTICS)).to_dataset())
    dataset = xr.merge(parts, join="outer", compat="no_conflicts")
    dataset.attrs = {"run": run.id, "seed": run.manifest["seed"], "world": run.manifest["world"]["name"]}
    return dataset


def _labelled(frame: pd.DataFrame, keys: list[str], prefix: str) -> xr.Dataset:
    dataset: xr.Dataset = frame.set_index(keys).to_xarray()
    return dataset.rename({name: f"{prefix}_{name}" for name in dataset.data_vars})
