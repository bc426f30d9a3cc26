"""The tables of a portfolio's losses: figures with errors, contributions, scenarios side by side, worst paths."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.exposure_losses import (
    Causes,
    CompanyPaths,
    assumptions,
    causes_of,
    central_values,
    company_paths,
    loss_shares,
)
from penstock.analysis.exposures import Exposures
from penstock.analysis.tail_risk import (
    LEVELS,
    Estimate,
    contributions,
    expected_loss,
    expected_shortfall,
    tail_weights,
    value_at_risk,
)

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, np.dtype[np.float64]]

WORST_SHARE = 0.01
"""Share of the paths, the worst ones, that are listed one by one."""
QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999)


@dataclass(frozen=True)
class Valued:
    """One scenario: the loss of each position on each path, and who failed why."""

    scenario: str
    found: CompanyPaths
    causes: Causes
    losses: Array
    """(positions, paths), in the unit of the positions"""
    total: Array
    """(paths,), the sum over positions"""


def value(run: Any, held: Exposures, scenario: str, names: set[str], quarters: Sequence[str]) -> Valued:
    """Losses of all positions in one scenario of a run.

    Args:
        held: the positions.
        names: ids of their companies.
        quarters: quarters of the run, such as 2026Q1, in order.
    """
    outcomes = run.outcomes[run.outcomes["scenario"] == scenario]
    paths = np.arange(int(run.manifest["paths"]), dtype=np.int64)
    found = company_paths(outcomes, names, quarters, paths)
    events = run.events[run.events["scenario"] == scenario]
    losses = position_losses(held, found, central_values())
    return Valued(scenario, found, causes_of(events, found), losses, losses.sum(axis=0))


def position_losses(held: Exposures, found: CompanyPaths, values: Mapping[str, float]) -> Array:
    """Loss of each position on each path, (positions, paths), in the portfolio's currency."""
    out = np.empty((len(held.positions), len(found.paths)))
    for row, position in enumerate(held.positions):
        share = loss_shares(found, position.company_id, position.instrument, values)
        out[row] = position.at_own_rate * share.own + position.lgd_amount * share.given
    return out


def _figures(losses: Array) -> list[tuple[str, float, Estimate]]:
    rows = [("expected_loss", math.nan, expected_loss(losses))]
    rows += [("value_at_risk", level, value_at_risk(losses, level)) for level in LEVELS]
    rows += [("expected_shortfall", level, expected_shortfall(losses, level)) for level in LEVELS]
    return rows


def summary(one: Valued, held: Exposures) -> pd.DataFrame:
    """Mean loss, value at risk and expected shortfall, in the unit of the positions, each with its error."""
    import pandas as pd

    amount = held.amount
    rows = [
        (
            one.scenario,
            measure,
            level,
            held.currency,
            item.value,
            item.se,
            item.low,
            item.high if math.isfinite(item.high) else math.nan,
            item.value / amount if amount > 0.0 else 0.0,
        )
        for measure, level, item in _figures(one.total)
    ]
    columns = ["scenario", "measure", "level", "currency", "value", "se", "low95", "high95", "share_of_exposure"]
    return pd.DataFrame(rows, columns=columns)


def distribution(one: Valued) -> pd.DataFrame:
    """Quantiles of the loss over paths, in the unit of the positions."""
    import pandas as pd

    losses = np.quantile(one.total, QUANTILES, method="inverted_cdf")
    return pd.DataFrame({"scenario": one.scenario, "quantile": QUANTILES, "loss": losses})


def by_position(one: Valued, held: Exposures, keys: pd.DataFrame) -> pd.DataFrame:
    """Contributions of the positions grouped by the columns of `keys`, one row of it a position."""
    groups = keys.groupby(list(keys.columns), sort=True)
    number = groups.ngroup().to_numpy()
    table = keys.drop_duplicates().sort_values(list(keys.columns), ignore_index=True)
    parts = np.zeros((len(table), one.losses.shape[1]))
    np.add.at(parts, number, one.losses)
    amounts = np.zeros(len(table))
    np.add.at(amounts, number, [position.amount for position in held.positions])
    table.insert(len(table.columns), "exposure", amounts)
    return _with_contributions(one, table, parts)


def by_cause(one: Valued, held: Exposures) -> pd.DataFrame:
    """Mean and tail losses by what brought the failures about; they add up to those of the whole."""
    import pandas as pd

    place = {company: row for row, company in enumerate(one.found.companies)}
    firm = np.array([place[position.company_id] for position in held.positions])
    parts = np.zeros((len(one.causes.labels), one.losses.shape[1]))
    lanes = np.arange(one.losses.shape[1])
    for row, losses in zip(firm, one.losses, strict=True):
        np.add.at(parts, (one.causes.code[row], lanes), losses)
    columns = ["cause_kind", "cause_id", "tie_id", "counterparty_id"]
    used = np.asarray(parts.any(axis=1))
    table = pd.DataFrame([label for label, keep in zip(one.causes.labels, used, strict=True) if keep], columns=columns)
    return _with_contributions(one, table, parts[used])


def _with_contributions(one: Valued, table: pd.DataFrame, parts: Array) -> pd.DataFrame:
    found = contributions(parts)
    table = table.copy()
    table.insert(0, "scenario", one.scenario)
    columns = {"expected_loss": (found.expected, found.expected_se)}
    columns |= {f"es{level:.0%}".rstrip("%"): (found.shortfall[level], found.shortfall_se[level]) for level in LEVELS}
    for name, (value, error) in columns.items():
        whole = float(value.sum())
        table[name], table[f"{name}_se"] = value, error
        table[f"{name}_share"] = value / whole if whole > 0.0 else np.zeros(len(value))
    keys = [name for name in table.columns if table[name].dtype.kind != "f" and name != "scenario"]
    return table.sort_values(["es99", "expected_loss", *keys], ascending=[False, False, *[True] * len(keys)])


def by_scenario(valued: Sequence[Valued]) -> pd.DataFrame:
    """Mean and tail losses by scenario, all paths of all scenarios taken together."""
    import pandas as pd

    pooled = np.concatenate([one.total for one in valued])
    weights = np.split(tail_weights(pooled, LEVELS[-1]), len(valued))
    tail = np.array([float(weight @ one.total) for weight, one in zip(weights, valued, strict=True)])
    mean = np.array([float(one.total.mean()) for one in valued]) / len(valued)
    rows = []
    for number, one in enumerate(valued):
        figures = {
            name if math.isnan(level) else f"{SHORT[name]}{level:.0%}".rstrip("%"): item
            for name, level, item in _figures(one.total)
        }
        difference = expected_loss(one.total - valued[0].total)
        row: dict[str, object] = {"scenario": one.scenario}
        for name, item in figures.items():
            row |= {name: item.value, f"{name}_se": item.se}
        row |= {"difference": difference.value, "difference_se": difference.se}
        row |= {
            "expected_loss_of_all": mean[number],
            "es99_of_all": tail[number],
            "expected_loss_share": mean[number] / mean.sum() if mean.sum() > 0.0 else 0.0,
            "es99_share": tail[number] / tail.sum() if tail.sum() > 0.0 else 0.0,
        }
        rows.append(row)
    return pd.DataFrame(rows)


SHORT = {"value_at_risk": "var", "expected_shortfall": "es"}


def _worst_rows(one: Valued) -> Any:
    """Places of the worst paths, the worst first, equal ones by number."""
    count = max(1, math.ceil(round(WORST_SHARE * len(one.total), 9)))
    return np.lexsort((one.found.paths, -one.total))[:count]


def _company_losses(one: Valued, held: Exposures) -> Array:
    """Loss of each company of the portfolio on each path, (companies, paths)."""
    place = {company: row for row, company in enumerate(one.found.companies)}
    out = np.zeros((len(one.found.companies), one.losses.shape[1]))
    np.add.at(out, [place[position.company_id] for position in held.positions], one.losses)
    return out


def worst_paths(one: Valued, held: Exposures, label: Mapping[str, str], quarters: Sequence[str]) -> pd.DataFrame:
    """The paths with the largest losses: who failed when, and by what cause."""
    import pandas as pd

    by_company = _company_losses(one, held)
    rows = []
    for lane in _worst_rows(one):
        failed = []
        for row in np.argsort(-by_company[:, lane], kind="stable"):
            if by_company[row, lane] > 0.0 and np.isfinite(one.found.default[row, lane]):
                company = one.found.companies[row]
                failed.append(f"{label.get(company, company)} {quarters[int(one.found.default[row, lane])]}")
        share = one.total[lane] / held.amount if held.amount > 0.0 else 0.0
        rows.append((one.scenario, int(one.found.paths[lane]), one.total[lane], share, "; ".join(failed)))
    return pd.DataFrame(rows, columns=["scenario", "path", "loss", "share_of_exposure", "failed"])


def worst_failures(one: Valued, held: Exposures, quarters: Sequence[str]) -> pd.DataFrame:
    """A row a failure on the worst paths that cost the positions something."""
    import pandas as pd

    by_company = _company_losses(one, held)
    rows = []
    for lane in _worst_rows(one):
        for row in np.argsort(-by_company[:, lane], kind="stable"):
            if by_company[row, lane] <= 0.0:
                continue
            quarter = one.found.default[row, lane]
            kind, cause, tie, other = one.causes.labels[one.causes.code[row, lane]]
            rows.append(
                (
                    one.scenario,
                    int(one.found.paths[lane]),
                    one.found.companies[row],
                    by_company[row, lane],
                    quarters[int(quarter)] if np.isfinite(quarter) else "",
                    kind,
                    cause,
                    tie,
                    other,
                )
            )
    columns = ["scenario", "path", "company_id", "loss", "default_quarter", "cause_kind", "cause_id", "tie_id"]
    return pd.DataFrame(rows, columns=[*columns, "counterparty_id"])


def assumed(one: Valued, held: Exposures) -> pd.DataFrame:
    """The assumed numbers that move the expected loss, and what it is at the ends of their ranges."""
    import pandas as pd

    central = central_values()
    whole = float(one.total.mean())
    rows = []
    for item in assumptions().values():
        ends = [
            float(position_losses(held, one.found, {**central, item.name: value}).sum(axis=0).mean())
            for value in (item.low, item.high)
        ]
        if ends != [whole, whole]:
            rows.append((item.name, item.low, item.central, item.high, item.unit, item.grade, *ends, item.note))
    columns = ["name", "low", "central", "high", "unit", "grade", "expected_loss_low", "expected_loss_high", "note"]
    return pd.DataFrame(rows, columns=columns)
