"""The money of one year: bills, interest, payouts and financing, at the opening or in a simulated year."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.engine.progress import OnProgress, silent
from penstock.errors import ModelError, UsageError
from penstock.scenarios import quarters as calendar

if TYPE_CHECKING:
    from penstock.engine.layout import Layout
    from penstock.engine.model import Model
    from penstock.engine.moment import Moment
    from penstock.engine.run import Run
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

YEAR = 4
"""Quarters that are added up."""


@dataclass(frozen=True)
class MoneyYear:
    """Money of a year, usd_bn, last axis the paths (or draws). Ties and firms as in `model.layout`.

    billed: (operating ties,) bills of flow ties, sales outside them, wages, outside suppliers, capital, tax.
    interest: (debt ties,). paid_out: (firms,). drawn: (debt ties,) new loans. invested: (stakes,) rounds.
    vendor_credit: (firms,) bills that suppliers let stand. value: (firms,) market value at the end.
    """

    model: Model
    when: str
    billed: Array
    interest: Array
    paid_out: Array
    drawn: Array
    invested: Array
    vendor_credit: Array
    value: Array

    @property
    def layout(self) -> Layout:
        """Where firms and ties stand in the arrays."""
        return self.model.layout

    @property
    def revenue(self) -> Array:
        """(firms, paths) bills to customers along ties and outside them."""
        layout = self.layout
        found = np.zeros((layout.unit_count, self.billed.shape[-1]))
        np.add.at(found, layout.payee[layout.operating.slice], self.billed)
        return found[: layout.firms]


def opening_money(model: Model) -> MoneyYear:
    """A year at the rate of the last quarter before the run, one column. Financing is not part of an opening state."""
    facts, layout = model.facts, model.layout
    opening = model.opening
    payout = opening.flows.loc[list(opening.firms), "payout"].to_numpy(float)[:, None]
    rates = opening.debt_ties["rate"].to_numpy(float)[:, None]
    return MoneyYear(
        model=model,
        when=f"a year at the rate of the last quarter before {model.first_quarter}",
        billed=YEAR * facts.opening_flow,
        interest=facts.debt_balance * rates,
        paid_out=YEAR * payout,
        drawn=np.zeros_like(facts.debt_balance),
        invested=np.zeros((len(layout.stake_holder), 1)),
        vendor_credit=np.zeros((layout.firms, 1)),
        value=np.asarray(facts.market_value, dtype=np.float64),
    )


def simulated_money(
    model: Model, quarter: str, paths: int, *, jobs: int = 1, on_progress: OnProgress = silent
) -> MoneyYear:
    """The year to the end of a quarter (less where the run begins later), on each path.

    Raises UsageError for a quarter outside the run, ModelError where a check of the model fails.
    """
    from penstock.engine.executors import executor_for
    from penstock.engine.model import WIDTH

    last = quarter_number(model, quarter)
    blocks = -(-paths // WIDTH)
    found: dict[int, dict[str, Array]] = {}
    on_progress(0, blocks, "money")
    for number, parts in executor_for(min(jobs, blocks), blocks).map(_Year(model, last), range(blocks)):
        found[number] = parts
        on_progress(len(found), blocks, "money")
    joined = {
        name: np.concatenate([found[number][name] for number in range(blocks)], axis=-1)[..., :paths]
        for name in found[0]
    }
    first = calendar.text(calendar.ordinal(model.first_quarter) + max(last - YEAR + 1, 0))
    return MoneyYear(model=model, when=f"{first} to {quarter}" if first != quarter else quarter, **joined)


def quarter_number(model: Model, quarter: str) -> int:
    """Number of a quarter in a run. Raises UsageError with the nearest one that it has."""
    first = calendar.ordinal(model.first_quarter)
    last = first + model.program.quarters - 1
    try:
        number = calendar.ordinal(quarter)
    except ValueError:
        number = -1
    if first <= number <= last:
        return number - first
    near = min(calendar.ordinal(calendar.nearest(quarter, model.first_quarter)), last)
    raise UsageError(
        f"--quarter: found {quarter!r}; expected a quarter from {model.first_quarter} to {calendar.text(last)}; "
        f"nearest {calendar.text(near)}"
    )


def money_of(
    run_or_world: Run | World,
    *,
    scenario: str | None,
    quarter: str | None,
    paths: int,
    quarters: int,
    seed: int,
    prior: bool,
    jobs: int,
    on_progress: OnProgress,
) -> MoneyYear:
    """Money of the opening state of a world; of a scenario or a run, the year to `quarter` (its last unless given)."""
    from penstock.engine.model import prepare
    from penstock.engine.run import Run

    if isinstance(run_or_world, Run):
        run = run_or_world
        name = scenario or run.scenarios[0]
        if name not in run.scenarios:
            raise UsageError(f"scenario: found {name!r}; expected one of {', '.join(run.scenarios)}")
        model = run.model(name)
        paths = run.manifest["paths"]
    elif scenario is None:
        if quarter is not None:
            raise UsageError("--quarter: found it without a run or a scenario; expected --run or --scenario beside it")
        return opening_money(prepare(run_or_world))
    else:
        model = prepare(run_or_world, scenario, quarters=quarters, seed=seed, prior=prior)
    last = calendar.text(calendar.ordinal(model.first_quarter) + model.program.quarters - 1)
    return simulated_money(model, quarter or last, paths, jobs=jobs, on_progress=on_progress)


@dataclass(frozen=True)
class _Year:
    """Adds up the last year of a block of paths; travels once to each process."""

    model: Model
    last: int

    def __call__(self, number: int) -> tuple[int, dict[str, Array]]:
        from penstock.engine.bills import write_out
        from penstock.engine.model import WIDTH, run_block
        from penstock.engine.run import problems_of

        # what comes after the quarter is not needed, and changes nothing before it
        model = replace(self.model, program=replace(self.model.program, quarters=self.last + 1))
        model = replace(model, trend=self.model.trend[: self.last + 1])
        totals: dict[str, Array] = {}

        def add(now: Moment, _: str) -> None:
            if now.quarter <= self.last - YEAR:
                return
            layout, r = now.block.layout, now.results
            write_out(now)
            parts = {
                "billed": now.block.scratch.billed,
                "interest": now.block.scratch.paid[layout.interest.slice],
                "paid_out": r["paid_out"],
                "drawn": r["drawn"],
                "invested": r["stake_paid"],
                "vendor_credit": r["vendor_credit"],
            }
            for name, values in parts.items():
                totals[name] = totals.get(name, 0.0) + np.asarray(values, dtype=np.float64)
            totals["value"] = now.state.firms.value.copy()

        recorder, _ = run_block(model, number * WIDTH, WIDTH, on_quarter=add)
        lost = sum(int((~np.isfinite(values)).sum()) for values in totals.values())
        checks = {
            "conservation_max_rel": float(recorder.conservation.max()),
            "nonconverged": int(recorder.nonconverged.sum()),
            "nan": lost,
        }
        if problems := problems_of(checks):
            raise ModelError("; ".join(problems))
        return number, totals
