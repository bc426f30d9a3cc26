"""The smallest help that stops a default on one path: cash given to the company at the end of the quarter before."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.subject import OTHER_VERSION
from penstock.errors import InputError, ModelError, UsageError

if TYPE_CHECKING:
    from penstock.engine.model import Model
    from penstock.engine.moment import Moment
    from penstock.engine.run import Run

AMOUNTS_USD_BN = (0.0, *np.geomspace(0.01, 1000.0, 63))
"""Grants that are tried side by side, the first none: steps of a fifth, so the smallest is known within a fifth."""
DEFAULT = "standstill"
GIVER = "governments"


@dataclass(frozen=True)
class SmallestHelp:
    """What a grant would have needed to be, on one path.

    `amount_usd_bn`: the smallest grant tried from which on no larger one fails, None where the largest does not help;
    `short_usd_bn`: the next smaller one, which is not enough. `given`: the quarter at whose end it is given, the one
    before the default. `defaults_without`, `defaults_with`: companies that default on the path; `spared`: companies
    that default without it alone, `instead` those that default with it alone.
    """

    company_id: str
    scenario: str
    path: int
    default_quarter: str
    given: str
    amount_usd_bn: float | None
    short_usd_bn: float
    largest_usd_bn: float
    defaults_without: int
    defaults_with: int | None
    spared: tuple[str, ...]
    instead: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def smallest_help(run: Run, path: int, company: str, scenario: str | None = None) -> SmallestHelp:
    """The smallest grant of cash, paid by governments, with which a company does not default on a path of a run.

    The path is simulated once more in a block whose lanes are all this path, each with another grant; the lane without
    one must default as the run did. Help at the last moment can delay: a company counts as helped where it does not
    default by the end of the run. Raises UsageError where the company does not default on the path or defaults in the
    first quarter, InputError where this version does not see the run's path again, ModelError where a check of the
    model fails.
    """
    model = run.model(scenario)
    name = scenario or run.scenarios[0]
    events = run.events
    mine = events[(events["scenario"] == name) & (events["path"] == path) & (events["stage"] == DEFAULT)]
    company_id = run.world.resolve(company)
    quarters = [str(quarter) for quarter in mine.loc[mine["company_id"] == company_id, "quarter"]]
    if not quarters:
        raise UsageError(
            f"company: found no default of {company_id!r} on path {path}; expected one that defaults on it"
        )
    all_quarters = sorted({str(quarter) for quarter in run.economy["quarter"].unique()})
    when = all_quarters.index(quarters[0]) - 1
    if when < 0:
        raise UsageError(f"company: found a default of {company_id!r} in the first quarter; expected a later one")
    defaults = _defaults_by_grant(model, path, company_id, when)
    without = defaults[0]
    if without != set(mine["company_id"].astype(str)):
        raise InputError(f"path {path}: found other defaults than the run's; {OTHER_VERSION}")
    failing = [number for number, failed in enumerate(defaults) if company_id in failed]
    last = failing[-1]
    helped = last + 1 < len(AMOUNTS_USD_BN)
    after = defaults[last + 1] if helped else set()
    return SmallestHelp(
        company_id=company_id,
        scenario=name,
        path=path,
        default_quarter=quarters[0],
        given=all_quarters[when],
        amount_usd_bn=float(AMOUNTS_USD_BN[last + 1]) if helped else None,
        short_usd_bn=float(AMOUNTS_USD_BN[last]),
        largest_usd_bn=float(AMOUNTS_USD_BN[-1]),
        defaults_without=len(without),
        defaults_with=len(after) if helped else None,
        spared=tuple(sorted(without - after)) if helped else (),
        instead=tuple(sorted(after - without)) if helped else (),
    )


def _defaults_by_grant(model: Model, path: int, company_id: str, when: int) -> list[set[str]]:
    """Companies that default on the path, a set for each grant, given at the end of quarter `when`."""
    from penstock.engine.coded import text_of
    from penstock.engine.lanes import Lanes
    from penstock.engine.model import block_width, run_block
    from penstock.engine.record import events_table
    from penstock.engine.run import problems_of

    grants = np.array(AMOUNTS_USD_BN)
    width = block_width(len(grants))
    filled = np.minimum(np.arange(width), len(grants) - 1)
    grant = grants[filled]
    row, giver = model.layout.units.index(company_id), model.layout.sector[GIVER]

    def give(now: Moment, name: str) -> None:
        if now.quarter != when:
            return
        for account in (now.state.books.cash, now.state.books.net_worth):
            account[row] += grant
            account[giver] -= grant

    lanes = Lanes(np.full(width, path))
    recorder, kept = run_block(model, 0, width, on_quarter=give, lanes=lanes)
    checks = {
        "conservation_max_rel": float(recorder.conservation.max()),
        "nonconverged": int(recorder.nonconverged.sum()),
        "nan": 0,
    }
    if problems := problems_of(checks):
        raise ModelError("; ".join(problems))
    events = events_table(kept.events, recorder.block.layout, recorder.quarters)
    told = {name: text_of(column) for name, column in events.items()}
    found = told["stage"] == DEFAULT
    pairs = zip(told["path"][found], told["company_id"][found], strict=True)
    out: list[set[str]] = [set() for _ in range(width)]
    for lane, unit in pairs:
        out[int(lane)].add(str(unit))
    return out[: len(grants)]
