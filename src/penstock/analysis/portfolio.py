"""What a portfolio of exposures loses: distribution, tail figures with errors, contributions, worst paths."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.analysis import portfolio_parts as parts
from penstock.analysis.currencies import given_rates, rates_of
from penstock.analysis.exposures import Exposures, read_exposures
from penstock.analysis.tail_risk import LEVELS
from penstock.engine.progress import OnProgress, silent
from penstock.errors import PenstockError
from penstock.scenarios import quarters as calendar

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.run import Run
    from penstock.world import World

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
    """scenario, company_id, company, evidence_share_ef (share of its sheet at grade E or F), exposure, then
    expected_loss, es95, es99 with `_se` and `_share` each; the parts add to the whole"""
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

    if isinstance(run_or_world, Run):
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
    return read_exposures(source, companies, firms, {**rates_of(world), **given_rates(rates or {})})


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


def value_portfolio(run: Run, held: Exposures) -> PortfolioLosses:
    """Losses of exposures that are matched already, under every scenario of a run."""
    import pandas as pd

    quarters = _quarters(run)
    names = {position.company_id for position in held.positions}
    valued = [parts.value(run, held, scenario, names, quarters) for scenario in run.scenarios]
    label = _names_of(run)
    companies = pd.DataFrame({"company_id": [p.company_id for p in held.positions]})
    companies.insert(1, "company", [label.get(p.company_id, p.company_id) for p in held.positions])
    instruments = pd.DataFrame({"instrument": [p.instrument for p in held.positions]})
    return PortfolioLosses(
        currency=held.currency,
        paths=int(run.manifest["paths"]),
        horizon=(quarters[0], quarters[-1]),
        exposures=held,
        summary=pd.concat([parts.summary(one, held) for one in valued], ignore_index=True),
        distribution=pd.concat([parts.distribution(one) for one in valued], ignore_index=True),
        by_company=_with_evidence(
            run, pd.concat([parts.by_position(one, held, companies) for one in valued], ignore_index=True)
        ),
        by_instrument=pd.concat([parts.by_position(one, held, instruments) for one in valued], ignore_index=True),
        by_cause=pd.concat([parts.by_cause(one, held) for one in valued], ignore_index=True),
        by_scenario=parts.by_scenario(valued),
        worst_paths=pd.concat([parts.worst_paths(one, held, label, quarters) for one in valued], ignore_index=True),
        worst_failures=pd.concat([parts.worst_failures(one, held, quarters) for one in valued], ignore_index=True),
        assumed=parts.assumed(valued[0], held),
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


def _with_evidence(run: Any, table: pd.DataFrame) -> pd.DataFrame:
    """Beside each company the share of its sheet that rests on weak evidence."""
    try:
        known = run.opening.profile["evidence_share_ef"].to_dict()
    except (PenstockError, AttributeError, KeyError):
        # a run whose model cannot be made again has outcomes, but no opening state to judge
        known = {}
    shares = [float(known.get(company, math.nan)) for company in table["company_id"]]
    table.insert(list(table.columns).index("company") + 1, "evidence_share_ef", shares)
    return table
