"""What a portfolio of exposures loses: distribution, tail figures with errors, contributions, worst paths."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.currencies import given_rates, rates_of
from penstock.analysis.exposure_losses import (
    Causes,
    CompanyPaths,
    assumptions,
    causes_of,
    central_values,
    company_paths,
    loss_shares,
)
from penstock.analysis.exposures import Exposures, read_exposures
from penstock.analysis.tail_risk import (
    LEVELS,
    Estimate,
    contributions,
    expected_loss,
    expected_shortfall,
    tail_weights,
    value_at_risk,
)
from penstock.engine.progress import OnProgress, silent
from penstock.scenarios import quarters as calendar

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.run import Run
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

WORST_SHARE = 0.01
"""Share of the paths, the worst ones, that are listed one by one."""
QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999)
FEW_PATHS = 10
"""Below so many paths beyond a level its figures rest on single paths."""


@dataclass(frozen=True)
class PortfolioLosses:
    """Losses of a portfolio under each scenario of a run. Money is in `currency`, in single units."""

    currency: str
    paths: int
    horizon: tuple[str, str]
    """first and last quarter"""
    exposures: Exposures
    """what was placed and the report on what was not"""
    summary: pd.DataFrame
    """scenario, measure (expected_loss, value_at_risk, expected_shortfall), level, value, se, low95, high95 (empty
    where paths are too few), share_of_exposure"""
    distribution: pd.DataFrame
    """scenario, quantile, loss"""
    by_company: pd.DataFrame
    """scenario, company_id, company, exposure, then expected_loss, es95, es99 with `_se` and `_share` each; the parts
    add to the whole"""
    by_instrument: pd.DataFrame
    """scenario, instrument, exposure, then as by_company"""
    by_cause: pd.DataFrame
    """scenario, cause_kind, cause_id, tie_id, counterparty_id, then as by_company"""
    by_scenario: pd.DataFrame
    """scenario, its figures, `difference` of the expected loss from the first scenario on the same random numbers and
    its `difference_se`, and the scenario's share of the expected loss and of es99 of all paths taken together"""
    worst_paths: pd.DataFrame
    """scenario, path, loss, share_of_exposure, failed: the worst 1 % of paths"""
    worst_failures: pd.DataFrame
    """scenario, path, company_id, loss, default_quarter, cause_kind, cause_id, tie_id: what failed on them"""
    assumed: pd.DataFrame
    """name, low, central, high, unit, grade, note, and the expected loss of the first scenario at low and at high"""
    losses: pd.DataFrame
    """scenario, path, loss"""
    notes: tuple[str, ...]

    def to_pandas(self) -> pd.DataFrame:
        """The summary."""
        return self.summary

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        held = self.exposures
        tables = (
            "summary", "distribution", "by_company", "by_instrument", "by_cause", "by_scenario", "worst_paths",
            "worst_failures", "assumed",
        )  # fmt: skip
        return {
            "currency": self.currency,
            "paths": self.paths,
            "horizon": list(self.horizon),
            "matching": {
                "rows": held.rows,
                "placed": held.placed,
                "amount": held.amount,
                "unplaced": held.unplaced.to_dict(orient="records"),
                "matched": held.matched.to_dict(orient="records"),
                "rates": [{"currency": r.currency, "usd": r.usd, "source": r.source} for r in held.rates],
                "remarks": list(held.remarks),
            },
            **{name: getattr(self, name).to_dict(orient="records") for name in tables},
            "notes": list(self.notes),
        }


def portfolio(
    run_or_world: Run | World,
    exposures: str | Path | pd.DataFrame,
    *,
    scenario: str | Sequence[str] = "baseline",
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    jobs: int = 1,
    prior: bool = False,
    rates: Mapping[str, float] | None = None,
    on_progress: OnProgress = silent,
) -> PortfolioLosses:
    """What exposures lose over a run, or over a simulation of a world made here.

    `exposures`: a CSV file or data frame with company, instrument, amount and, if wanted, currency and lgd. `rates`:
    US dollars for one unit of a currency, before those of the world. The other options are those of `simulate` and
    are not used with a run, whose scenarios are all valued.

    Raises InputError for exposures of which nothing can be made (see `read_exposures`); rows that cannot be placed
    are reported in the result.
    """
    from penstock.engine.run import Run

    if isinstance(run_or_world, Run) or hasattr(run_or_world, "outcomes"):
        run: Any = run_or_world
        held = _read(exposures, run.world, _firms_of_run(run), rates)
    else:
        from penstock.engine.ensemble import simulate

        world: Any = run_or_world
        names = [scenario] if isinstance(scenario, str) else list(scenario)
        # a bad file is told before the paths are run
        held = _read(exposures, world, _firms_of_world(world, names), rates)
        run = simulate(
            world, names, paths=paths, quarters=quarters, seed=seed, jobs=jobs, prior=prior, on_progress=on_progress
        )
    return value_portfolio(run, held)


def _read(
    source: str | Path | pd.DataFrame, world: Any, firms: frozenset[str], rates: Mapping[str, float] | None
) -> Exposures:
    import pandas as pd

    companies = world.table("companies")
    added = sorted(firms - set(companies["id"]))
    companies = pd.concat([companies, pd.DataFrame({"id": added, "name": added})], ignore_index=True)
    known = rates_of(world) if hasattr(world, "parameter") else {}
    return read_exposures(source, companies, firms, {**known, **given_rates(rates or {})})


def _firms_of_run(run: Any) -> frozenset[str]:
    """Companies with outcomes under every scenario."""
    groups = run.outcomes.groupby("scenario", observed=True)["company_id"].unique()
    return frozenset.intersection(*(frozenset(str(name) for name in found) for found in groups))


def _firms_of_world(world: World, scenarios: Sequence[str]) -> frozenset[str]:
    """Companies that the model simulates under every scenario."""
    from penstock.engine.opening.universe import build_universe
    from penstock.scenarios import edit_world, load_scenario

    found = [frozenset(build_universe(edit_world(world, load_scenario(s, world))[0]).firms) for s in scenarios]
    return frozenset.intersection(*found)


@dataclass(frozen=True)
class _Valued:
    """One scenario: the loss of each position on each path, and who failed why."""

    scenario: str
    found: CompanyPaths
    causes: Causes
    losses: Array
    """(positions, paths)"""
    total: Array


def value_portfolio(run: Run, held: Exposures) -> PortfolioLosses:
    """Losses of exposures that are matched already, under every scenario of a run."""
    import pandas as pd

    quarters = _quarters(run)
    names = {position.company_id for position in held.positions}
    valued = [_value(run, held, scenario, names, quarters) for scenario in run.scenarios]
    label = _names_of(run)
    companies = pd.DataFrame({"company_id": [p.company_id for p in held.positions]})
    companies.insert(1, "company", [label.get(p.company_id, p.company_id) for p in held.positions])
    instruments = pd.DataFrame({"instrument": [p.instrument for p in held.positions]})
    return PortfolioLosses(
        currency=held.currency,
        paths=int(run.manifest["paths"]),
        horizon=(quarters[0], quarters[-1]),
        exposures=held,
        summary=pd.concat([_summary(one, held) for one in valued], ignore_index=True),
        distribution=pd.concat([_distribution(one) for one in valued], ignore_index=True),
        by_company=pd.concat([_by_position(one, held, companies) for one in valued], ignore_index=True),
        by_instrument=pd.concat([_by_position(one, held, instruments) for one in valued], ignore_index=True),
        by_cause=pd.concat([_by_cause(one, held) for one in valued], ignore_index=True),
        by_scenario=_by_scenario(valued),
        worst_paths=pd.concat([_worst(one, held, label, quarters) for one in valued], ignore_index=True),
        worst_failures=pd.concat([_failures(one, held, quarters) for one in valued], ignore_index=True),
        assumed=_assumed(valued[0], held),
        losses=pd.concat(
            [pd.DataFrame({"scenario": v.scenario, "path": v.found.paths, "loss": v.total}) for v in valued],
            ignore_index=True,
        ),
        notes=_notes(held, int(run.manifest["paths"])),
    )


def _quarters(run: Any) -> tuple[str, ...]:
    import datetime as dt

    as_of = dt.date.fromisoformat(str(run.manifest["world"]["as_of"])[:10])
    first = calendar.ordinal(calendar.first_quarter(as_of))
    return tuple(calendar.text(first + number) for number in range(int(run.manifest["quarters"])))


def _names_of(run: Any) -> dict[str, str]:
    table = run.world.table("companies")
    return dict(zip(table["id"].astype(str), table["name"].astype(str), strict=True))


def _value(run: Any, held: Exposures, scenario: str, names: set[str], quarters: Sequence[str]) -> _Valued:
    outcomes = run.outcomes[run.outcomes["scenario"] == scenario]
    paths = np.arange(int(run.manifest["paths"]), dtype=np.int64)
    found = company_paths(outcomes, names, quarters, paths)
    events = run.events[run.events["scenario"] == scenario]
    losses = position_losses(held, found, central_values())
    return _Valued(scenario, found, causes_of(events, found), losses, losses.sum(axis=0))


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


def _summary(one: _Valued, held: Exposures) -> pd.DataFrame:
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


def _distribution(one: _Valued) -> pd.DataFrame:
    import pandas as pd

    losses = np.quantile(one.total, QUANTILES, method="inverted_cdf")
    return pd.DataFrame({"scenario": one.scenario, "quantile": QUANTILES, "loss": losses})


def _by_position(one: _Valued, held: Exposures, keys: pd.DataFrame) -> pd.DataFrame:
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


def _by_cause(one: _Valued, held: Exposures) -> pd.DataFrame:
    import pandas as pd

    place = {company: row for row, company in enumerate(one.found.companies)}
    firm = np.array([place[position.company_id] for position in held.positions])
    parts = np.zeros((len(one.causes.labels), one.losses.shape[1]))
    lanes = np.arange(one.losses.shape[1])
    for row, losses in zip(firm, one.losses, strict=True):
        np.add.at(parts, (one.causes.code[row], lanes), losses)
    columns = ["cause_kind", "cause_id", "tie_id", "counterparty_id"]
    used = parts.any(axis=1)
    table = pd.DataFrame([label for label, keep in zip(one.causes.labels, used, strict=True) if keep], columns=columns)
    return _with_contributions(one, table, parts[used])


def _with_contributions(one: _Valued, table: pd.DataFrame, parts: Array) -> pd.DataFrame:
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


def _by_scenario(valued: Sequence[_Valued]) -> pd.DataFrame:
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


def _worst_rows(one: _Valued) -> Any:
    """Places of the worst paths, the worst first, equal ones by number."""
    count = max(1, math.ceil(round(WORST_SHARE * len(one.total), 9)))
    return np.lexsort((one.found.paths, -one.total))[:count]


def _company_losses(one: _Valued, held: Exposures) -> Array:
    """Loss of each company of the portfolio on each path, (companies, paths)."""
    place = {company: row for row, company in enumerate(one.found.companies)}
    out = np.zeros((len(one.found.companies), one.losses.shape[1]))
    np.add.at(out, [place[position.company_id] for position in held.positions], one.losses)
    return out


def _worst(one: _Valued, held: Exposures, label: Mapping[str, str], quarters: Sequence[str]) -> pd.DataFrame:
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


def _failures(one: _Valued, held: Exposures, quarters: Sequence[str]) -> pd.DataFrame:
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


def _assumed(one: _Valued, held: Exposures) -> pd.DataFrame:
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


def _notes(held: Exposures, paths: int) -> tuple[str, ...]:
    notes = [
        "VaR is an order statistic (error: Maritz-Jarrett), ES the mean of the worst paths (Acerbi-Tasche; error: "
        "Manistre-Hancock), contributions by Euler's rule (error: bootstrap). Errors are those of the number of paths "
        "alone: what the model or its inputs may have wrong is not in them."
    ]
    for level in LEVELS:
        if (beyond := paths * (1.0 - level)) < FEW_PATHS:
            notes.append(
                f"The {level:.0%} figures rest on the worst {beyond:.1f} of {paths:,} paths; "
                f"--paths {math.ceil(round(FEW_PATHS / (1.0 - level), 6)):,} or more steadies them."
            )
    notes += held.remarks
    return tuple(notes)
