"""The tables behind the findings and figures, computed from the frames of a run and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pandas as pd

from penstock.engine.chunks import BINDING
from penstock.engine.opening.state import LAYERS
from penstock.report.source import ReportData

Floats = npt.NDArray[np.float64]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Ends of the 90 % and 50 % bands and the median."""

CAPEX_FALL_SHARE = 0.40
CAPEX_FALL_WITHIN_QUARTERS = 8
CAPEX_MEAN_QUARTERS = 4
"""A capex bust (dd40): the four-quarter mean falls by 40 % within 8 quarters of its running peak."""

CHAIN_LENGTH = 3
"""A default chain: this many companies, each pulled down along a tie by the one before."""

DEFAULT_STAGE = "standstill"
"""The stage of an event in which a company defaults."""


@dataclass(frozen=True)
class Estimate:
    """Median of the paths with the 90 % range and the Monte Carlo error of the median."""

    median: float
    p05: float
    p95: float
    se_median: float


def estimate(values: Floats) -> Estimate:
    """Summarise one value per path. The error of the median is from order statistics."""
    known = values[np.isfinite(values)]
    if not len(known):
        return Estimate(np.nan, np.nan, np.nan, np.nan)
    half_step = 0.5 / np.sqrt(len(known))
    low, high = np.quantile(known, [max(0.0, 0.5 - half_step), min(1.0, 0.5 + half_step)])
    p05, median, p95 = np.quantile(known, [0.05, 0.5, 0.95])
    return Estimate(float(median), float(p05), float(p95), float((high - low) / 2.0))


@dataclass(frozen=True)
class Grid:
    """Values by path and quarter: `values[path, quarter]`."""

    values: Floats
    paths: npt.NDArray[np.int64]
    quarters: tuple[str, ...]

    def yearly_sum(self) -> tuple[Floats, tuple[str, ...]]:
        """Sum over each full year: (paths, years)."""
        years = self._full_years()
        columns = [self.values[:, index].sum(axis=1) for _, index in years]
        return np.column_stack(columns), tuple(year for year, _ in years)

    def year_end(self) -> tuple[Floats, tuple[str, ...]]:
        """Value in the fourth quarter of each full year: (paths, years)."""
        years = self._full_years()
        return self.values[:, [index[-1] for _, index in years]], tuple(year for year, _ in years)

    def _full_years(self) -> list[tuple[str, list[int]]]:
        by_year: dict[str, list[int]] = {}
        for position, quarter in enumerate(self.quarters):
            by_year.setdefault(quarter[:4], []).append(position)
        full = [(year, index) for year, index in by_year.items() if len(index) == 4]
        # a run shorter than a year still has a first and a last period to speak of
        return full or [(self.quarters[0], [0]), (self.quarters[-1], [len(self.quarters) - 1])]


def grid(frame: pd.DataFrame, column: str) -> Grid:
    """Pivot one column of a long table of one scenario (and one layer) to paths by quarters."""
    path_codes, paths = pd.factorize(frame["path"], sort=True)
    quarter = frame["quarter"].astype("category")
    quarter_codes, quarters = quarter.cat.codes.to_numpy(), quarter.cat.categories
    values = np.full((len(paths), len(quarters)), np.nan)
    values[path_codes, quarter_codes] = frame[column].to_numpy(dtype=float)
    return Grid(values, np.asarray(paths, dtype=np.int64), tuple(str(q) for q in quarters))


def economy_grid(data: ReportData, scenario: str, column: str) -> Grid:
    """One column of `economy`, world total, by path and quarter."""

    def make() -> Grid:
        frame = data.economy[["scenario", "path", "quarter", column]]
        return grid(frame[frame["scenario"] == scenario], column)

    return data.once(("economy", scenario, column), make)


def layer_grids(data: ReportData, scenario: str, column: str) -> dict[str, Grid]:
    """One column of `layers` by layer, in the fixed order of layers."""
    frame = data.layers[["scenario", "path", "quarter", "layer", column]]
    frame = frame[frame["scenario"] == scenario]
    present = set(frame["layer"].unique())
    return {name: grid(frame[frame["layer"] == name], column) for name in LAYERS if name in present}


def fan_rows(source: Grid, sample_paths: int = 5) -> list[list[str | float]]:
    """quarter, p05, p25, p50, p75, p95, mean, then the first few paths as they are."""
    quantiles = np.nanquantile(source.values, QUANTILES, axis=0)
    mean = np.nanmean(source.values, axis=0)
    samples = source.values[:sample_paths]
    return [
        [quarter, *quantiles[:, k].tolist(), float(mean[k]), *samples[:, k].tolist()]
        for k, quarter in enumerate(source.quarters)
    ]


def capex_falls(capex: Grid) -> npt.NDArray[np.bool_]:
    """True for each path on which capex busts (dd40, see the constants above)."""
    width = CAPEX_MEAN_QUARTERS
    count = capex.values.shape[1]
    if count <= width:
        return np.zeros(len(capex.values), dtype=bool)
    summed = np.cumsum(np.pad(capex.values, ((0, 0), (1, 0))), axis=1)
    mean = (summed[:, width:] - summed[:, :-width]) / width
    peak = mean[:, 0].copy()
    peak_at = np.zeros(len(mean), dtype=int)
    fallen = np.zeros(len(mean), dtype=bool)
    for t in range(1, mean.shape[1]):
        higher = mean[:, t] >= peak
        peak = np.where(higher, mean[:, t], peak)
        peak_at = np.where(higher, t, peak_at)
        soon = t - peak_at <= CAPEX_FALL_WITHIN_QUARTERS
        fallen |= soon & (mean[:, t] <= (1.0 - CAPEX_FALL_SHARE) * peak)
    return fallen


def first_defaults(data: ReportData, scenario: str) -> pd.DataFrame:
    """path, company_id, quarter of the first default of each company on each path, over its instruments."""
    return data.once(("defaults", scenario), lambda: _first_defaults(data, scenario))


def _first_defaults(data: ReportData, scenario: str) -> pd.DataFrame:
    frame = data.outcomes[["scenario", "path", "company_id", "default_quarter"]]
    frame = frame[(frame["scenario"].astype(str) == scenario) & frame["default_quarter"].notna()]
    quarter = frame["default_quarter"].astype(str)
    frame = pd.DataFrame(
        {
            "path": frame["path"].to_numpy(),
            "company_id": frame["company_id"].astype(str).to_numpy(),
            "quarter": quarter.to_numpy(),
        }
    )
    frame = frame[frame["quarter"].str.match(r"^\d{4}Q[1-4]$")]
    return frame.groupby(["path", "company_id"])["quarter"].min().reset_index()


def defaults_per_path(data: ReportData, scenario: str) -> Floats:
    """Number of companies that default, one value per path, paths without any included."""
    defaults = first_defaults(data, scenario)
    found = defaults.groupby("path").size()
    paths = _path_numbers(data, scenario)
    counts = np.zeros(len(paths))
    counts[np.searchsorted(paths, found.index.to_numpy())] = found.to_numpy()
    return counts


def _path_numbers(data: ReportData, scenario: str) -> npt.NDArray[np.int64]:
    """The paths of a scenario in order, those without any default included."""
    return np.unique(data.economy.loc[data.economy["scenario"] == scenario, "path"].to_numpy(dtype=np.int64))


def longest_chains(data: ReportData, scenario: str) -> Floats:
    """Length of the longest default chain on each path, 0 on a path without a default.

    A default (event `standstill`) of cause `tie` follows that of its counterparty, where this defaulted in
    an earlier quarter, and is one longer; every other default starts a chain. A company that defaults
    twice counts with its longer chain.
    """
    return data.once(("chains", scenario), lambda: _longest_chains(data, scenario))


def _longest_chains(data: ReportData, scenario: str) -> Floats:
    paths = _path_numbers(data, scenario)
    events = data.events
    wanted = (events["scenario"].astype(str) == scenario) & (events["stage"].astype(str) == DEFAULT_STAGE)
    events = events[wanted].sort_values(["path", "quarter", "sequence"], kind="stable")
    longest = np.zeros(len(paths))
    for path, defaults in _defaults_by_path(events).items():
        longest[np.searchsorted(paths, path)] = max(_chain_lengths(defaults).values())
    return longest


@dataclass(frozen=True)
class Default:
    """A default on one path: when, whose, and the company that pulled it down, '' where none did."""

    quarter: str
    company: str
    pulled_by: str


def _defaults_by_path(events: pd.DataFrame) -> dict[int, list[Default]]:
    """The defaults of each path in order of time."""
    groups: dict[int, list[Default]] = {}
    columns = (events[name] for name in ("path", "quarter", "company_id", "cause_kind", "counterparty_id"))
    for path, quarter, company, kind, counterparty in zip(*columns, strict=True):
        pulled_by = str(counterparty) if kind == "tie" else ""
        groups.setdefault(int(path), []).append(Default(str(quarter), str(company), pulled_by))
    return groups


def _chain_lengths(defaults: list[Default]) -> dict[str, int]:
    """Length of the chain that ends in each company of one path."""
    lengths: dict[str, int] = {}
    for _, quarter in groupby(defaults, key=lambda default: default.quarter):
        # who defaults in the same quarter has not pulled anyone down yet
        now = [(default.company, 1 + lengths.get(default.pulled_by, 0)) for default in quarter]
        for company, length in now:
            lengths[company] = max(lengths.get(company, 0), length)
    return lengths


def company_failures(data: ReportData, scenario: str) -> pd.DataFrame:
    """company_id, layer, count (paths), median_quarter, p05_quarter, p95_quarter; most frequent first."""
    return data.once(("failures", scenario), lambda: _company_failures(data, scenario))


def _company_failures(data: ReportData, scenario: str) -> pd.DataFrame:
    defaults = first_defaults(data, scenario)
    rows = []
    for company_id, group in defaults.groupby("company_id"):
        ordered = sorted(group["quarter"])
        last = len(ordered) - 1
        rows.append(
            {
                "company_id": str(company_id),
                "layer": data.company_layers.get(str(company_id), ""),
                "count": len(ordered),
                "p05_quarter": ordered[round(0.05 * last)],
                "median_quarter": ordered[round(0.5 * last)],
                "p95_quarter": ordered[round(0.95 * last)],
            }
        )
    columns = ["company_id", "layer", "count", "p05_quarter", "median_quarter", "p95_quarter"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values(["count", "company_id"], ascending=[False, True], ignore_index=True)


def layer_failures(data: ReportData, scenario: str) -> pd.DataFrame:
    """layer, companies (that fail anywhere), count (paths with at least one), mean_defaults per path."""
    defaults = first_defaults(data, scenario)
    layer = np.array([data.company_layers.get(str(company), "") for company in defaults["company_id"]])
    rows = []
    for name in LAYERS:
        group = defaults[layer == name]
        rows.append(
            {
                "layer": name,
                "companies": group["company_id"].nunique(),
                "count": group["path"].nunique(),
                "mean_defaults": len(group) / data.paths,
            }
        )
    return pd.DataFrame(rows)


def default_timeline(data: ReportData, scenario: str, companies: Sequence[str]) -> pd.DataFrame:
    """company_id, quarter, count of paths whose first default of the company falls in the quarter."""
    defaults = first_defaults(data, scenario)
    defaults = defaults[defaults["company_id"].isin(list(companies))]
    return defaults.groupby(["company_id", "quarter"], as_index=False).size().rename(columns={"size": "count"})


def binding_shares(data: ReportData, scenario: str, by: str) -> pd.DataFrame:
    """period, binding, share of path-quarters in which the constraint binds; `by` is year or quarter."""
    frame = data.economy[["scenario", "quarter", "binding"]]
    frame = frame[frame["scenario"] == scenario]
    table = frame.groupby(["quarter", "binding"], observed=False).size().unstack(fill_value=0)
    table.index, table.columns = table.index.astype(str), table.columns.astype(str)
    table = table.reindex(columns=list(BINDING), fill_value=0)
    if by == "year":
        table = table.groupby(table.index.str[:4]).sum()
    table = table.div(table.sum(axis=1), axis=0)
    table.index.name, table.columns.name = "period", "binding"
    long = table.reset_index().melt(id_vars="period", var_name="binding", value_name="share")
    long["binding"] = pd.Categorical(long["binding"], categories=list(BINDING), ordered=True)
    return long.sort_values(["period", "binding"], ignore_index=True)


def paired(reference: Grid, other: Grid) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Positions of the paths that both runs hold, so that a difference is taken path by path."""
    _, left, right = np.intersect1d(reference.paths, other.paths, return_indices=True)
    return left, right
