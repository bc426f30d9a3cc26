"""A run that is written by hand, for figures that can be worked out on paper."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pandas as pd

from penstock.engine.run import MemoryTables, Run

FIRMS = ("alpha", "beta", "gamma")
OUTCOME_COLUMNS = (
    "scenario", "path", "company_id", "instrument", "first_distress", "default_quarter", "stage_end", "rescuer_id",
    "loss_fraction", "recovery", "value_start_usd_bn", "value_min_usd_bn", "value_end_usd_bn",
)  # fmt: skip
EVENT_COLUMNS = (
    "scenario", "path", "quarter", "sequence", "company_id", "stage", "cause_kind", "cause_id", "counterparty_id",
    "tie_id", "amount_usd_bn",
)  # fmt: skip


class MadeUpWorld:
    """Three firms, a bank that is not simulated, and two exchange rates."""

    name = "made-up"
    as_of = dt.date(2025, 12, 31)
    hash = "cd" * 32

    def table(self, name: str) -> pd.DataFrame:
        if name == "parameters":
            rows = [("fx_usd_per_eur_end_2025", 1.25, "E"), ("fx_jpy_per_usd_2025", 160.0, "E")]
            return pd.DataFrame(rows, columns=["name", "central", "grade"])
        return pd.DataFrame(
            {
                "id": [*FIRMS, "bank"],
                "name": ["Alpha Corporation", "Beta Holdings", "Gamma Holdings", "The Bank"],
                "ticker": ["ALP", "BET", "", ""],
                "lei": ["5493001KJTIIGC8Y1R12", "", "", ""],
                "layer": ["ai", "ai", "platform", "finance"],
            }
        )


Failure = Mapping[str, Any]


def made_up_run(
    paths: int,
    failures: Sequence[Failure] = (),
    *,
    ends: Mapping[tuple[int, str], float] | None = None,
    scenarios: Sequence[str] = ("baseline",),
    quarters: int = 40,
) -> Run:
    """A run in which each firm is worth 10 at the opening and at the end, but for what is said.

    A failure has path, company, quarter and, if wanted, scenario, losses (instrument -> share), cause (kind, id, tie,
    counterparty). `ends`: (path, company) -> value at the end.
    """
    outcomes, events = [], []
    for scenario in scenarios:
        mine = [f for f in failures if f.get("scenario", scenarios[0]) == scenario]
        failed = {(f["path"], f["company"]): f for f in mine}
        for path in range(paths):
            for firm in FIRMS:
                failure = failed.get((path, firm))
                quarter = failure["quarter"] if failure else None
                end = (ends or {}).get((path, firm), 10.0)
                lost = {"equity": 1.0 - end / 10.0 if failure else 0.0} | (failure.get("losses", {}) if failure else {})
                for instrument, share in lost.items():
                    stage = "restructuring" if failure else None
                    key = (scenario, path, firm, instrument, quarter, quarter, stage, None)
                    outcomes.append((*key, share, 1.0 - share, 10.0, min(end, 10.0), end))
        for sequence, failure in enumerate(mine):
            kind, word, tie, other = failure.get("cause", ("market", "cash", None, None))
            at = (scenario, failure["path"], failure["quarter"], sequence, failure["company"])
            events.append((*at, "standstill", kind, word, other, tie, 1.0))
    manifest = {
        "schema_version": 1,
        "penstock": "0.0",
        "world": {"name": "made-up", "as_of": "2025-12-31", "hash": MadeUpWorld.hash},
        "scenarios": [{"name": name, "hash": "", "text": ""} for name in scenarios],
        "paths": paths,
        "quarters": quarters,
        "seed": 7,
        "prior": False,
        "keep": "summary",
    }
    tables = {
        "outcomes": pd.DataFrame(outcomes, columns=list(OUTCOME_COLUMNS)),
        "events": pd.DataFrame(events, columns=list(EVENT_COLUMNS)),
    }
    engine: Any = SimpleNamespace(read_scenario=lambda text, world: SimpleNamespace(hash="none"))
    return Run(manifest, MemoryTables(tables), world=MadeUpWorld(), engine=engine)
