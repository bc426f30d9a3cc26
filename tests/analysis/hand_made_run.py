"""A run of two scenarios, four companies and five paths, written by hand."""

from __future__ import annotations

import pandas as pd

from penstock.engine.run import MemoryTables, Run

PATHS = 5
QUARTERS = ("2026Q1", "2026Q2", "2026Q3", "2026Q4")
FIRMS = ("ada", "bob", "cyd", "dee")

Default = tuple[int, str, str, str, str]
"""path, company, quarter, cause kind, customer"""

CALM: list[Default] = [(0, "dee", "2026Q4", "market", "")]
HARD: list[Default] = [
    (0, "ada", "2026Q1", "shock", ""),
    (0, "bob", "2026Q2", "tie", "ada"),
    (0, "cyd", "2026Q2", "market", ""),
    (1, "ada", "2026Q2", "market", ""),
    (1, "bob", "2026Q4", "tie", "ada"),
    (2, "ada", "2026Q3", "market", ""),
    (2, "bob", "2026Q3", "market", ""),
    (3, "bob", "2026Q1", "rollover", ""),
]
ACQUIRED = {("hard", 0, "ada"): "dee", ("hard", 1, "ada"): "dee", ("hard", 1, "bob"): "cyd"}
BINDING = {
    "calm": ["chips", "chips", "power", "demand"],
    "hard": ["halls", "halls", "halls", "halls"],
}


def hand_made_run() -> Run:
    """Losses: equity of 10 usd_bn a failure, and 1 of a loan by a bank."""
    economy, layers, outcomes, events, losses = [], [], [], [], []
    for scenario, defaults in (("calm", CALM), ("hard", HARD)):
        shift = 0.0 if scenario == "calm" else 1.0
        for path in range(PATHS):
            for number, quarter in enumerate(QUARTERS):
                row = {"scenario": scenario, "path": path, "quarter": quarter}
                mine = [d for d in defaults if d[0] == path and d[2] == quarter]
                economy.append(
                    {
                        **row,
                        "region": "world",
                        "binding": BINDING[scenario][number],
                        "ai_revenue_usd_bn": 10.0 + path + shift,
                        "capex_usd_bn": 5.0 - shift,
                        "h100e": 2e6 * (number + 1),
                        "it_mw": 1000.0,
                        "surplus_usd_bn": 3.0,
                        "tokens_served": 1e15,
                    }
                )
                for layer in ("ai", "platform"):
                    layers.append({**row, "layer": layer, "defaults": float(len(mine) if layer == "ai" else 0)})
                for sequence, (_, company, _, kind, customer) in enumerate(mine):
                    event = {
                        **row,
                        "company_id": company,
                        "cause_kind": kind,
                        "cause_id": "",
                        "counterparty_id": customer,
                        "tie_id": "",
                        "amount_usd_bn": 1.0,
                    }
                    events.append({**event, "sequence": 2 * sequence, "stage": "standstill"})
                    buyer = ACQUIRED.get((scenario, path, company))
                    if buyer:
                        bought = {"stage": "acquisition", "counterparty_id": buyer, "sequence": 2 * sequence + 1}
                        events.append({**event, **bought})
                    claim = {**row, "company_id": company, "tie_id": ""}
                    for creditor, instrument, amount in (("", "equity", 10.0), ("bank", "loan", 1.0)):
                        losses.append(
                            {**claim, "creditor_id": creditor, "instrument": instrument, "loss_usd_bn": amount}
                        )
            for company in FIRMS:
                told = {"scenario": scenario, "path": path, "company_id": company, "instrument": "equity"}
                outcomes.append(told)
    tables = {"economy": economy, "layers": layers, "outcomes": outcomes, "events": events, "losses": losses}
    frames = {name: pd.DataFrame(rows) for name, rows in tables.items()}
    manifest = {
        "paths": PATHS,
        "quarters": len(QUARTERS),
        "seed": 7,
        "scenarios": [{"name": "calm"}, {"name": "hard"}],
        "checks": {"conservation_max_rel": 0.0, "nonconverged": 0, "nan": 0},
    }
    return Run(manifest, MemoryTables(frames))
