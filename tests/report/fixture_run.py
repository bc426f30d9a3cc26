"""A made-up run with the tables of the contract, for the tests of the report. No engine, no cited number.

Every draw is keyed by (path, stream), so a path is the same whatever the number of paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

QUARTERS = tuple(f"{2026 + k // 4}Q{k % 4 + 1}" for k in range(40))
LAYERS = ("ai", "platform", "data", "silicon", "facilities", "energy", "finance")
BINDING = ("chips", "halls", "power", "funding", "demand")
COMPANIES = (
    # id, name, layer, yearly hazard, share of sheet at grade F
    ("openai", "OpenAI Group PBC", "ai", 0.045, 0.62),
    ("xai", "xAI (with X)", "ai", 0.035, 0.71),
    ("mistral", "Mistral AI", "ai", 0.02, 0.8),
    ("meta", "Meta Platforms", "ai", 0.0005, 0.05),
    ("oracle", "Oracle", "platform", 0.012, 0.08),
    ("coreweave", "CoreWeave", "platform", 0.075, 0.12),
    ("nebius", "Nebius Group", "platform", 0.03, 0.15),
    ("lambda", "Lambda", "platform", 0.05, 0.85),
    ("snowflake", "Snowflake", "data", 0.006, 0.1),
    ("nvidia", "NVIDIA Corporation", "silicon", 0.0, 0.03),
    ("supermicro", "Super Micro Computer", "silicon", 0.02, 0.1),
    ("intel", "Intel Corporation", "silicon", 0.008, 0.05),
    ("vantage", "Vantage Data Centers", "facilities", 0.03, 0.9),
    ("aligned", "Aligned Data Centers", "facilities", 0.02, 0.9),
    ("vistra", "Vistra", "energy", 0.006, 0.1),
)
LAYER_BASE = {
    "ai": 95.0,
    "platform": 330.0,
    "data": 22.0,
    "silicon": 210.0,
    "facilities": 14.0,
    "energy": 60.0,
    "finance": 48.0,
}
SCENARIO_FACTOR = {"baseline": 1.0, "funding_freeze": 0.72, "chip_supply_cut": 0.85, "power_delay": 0.93}


@dataclass(frozen=True)
class FixtureRun:
    """The attributes that the report reads."""

    manifest: dict[str, Any]
    economy: pd.DataFrame
    layers: pd.DataFrame
    events: pd.DataFrame
    outcomes: pd.DataFrame
    flows: pd.DataFrame | None
    world: Any
    opening: Any
    directory: str = "runs/baseline-0a1b2c3d"


def draws(path: int, stream: int) -> np.random.Generator:
    """Random numbers of one path and stream."""
    return np.random.Generator(np.random.Philox(key=[path, stream]))


def boom(path: int) -> dict[str, np.ndarray]:
    """Spending, capex and compute of one path, all positive, some with a bust."""
    rng = draws(path, 1)
    t = np.arange(len(QUARTERS))
    ceiling = 24.0 * np.exp(0.55 * rng.standard_normal())
    growth = np.exp(0.3 * rng.standard_normal()) / 6.5
    midpoint = 14.0 + 5.0 * rng.standard_normal()
    adoption = 1.0 / (1.0 + np.exp(-growth * (t - midpoint)))
    noise = np.exp(np.cumsum(0.03 * rng.standard_normal(len(t))))
    spending = 20.0 * (1.0 + ceiling * adoption * 0.5) * noise
    bust_at = int(8 + 26 * rng.random())
    depth = 0.62 * rng.random() if rng.random() < 0.6 else 0.0
    dip = 1.0 - depth * np.exp(-((t - bust_at - 3) ** 2) / 18.0) * (t >= bust_at - 2)
    capex = 118.0 * (1.0 + 0.35 * ceiling * adoption * 0.2) * noise**1.5 * dip
    compute = 16.5e6 * np.cumprod(1.0 + 0.11 * dip * np.exp(-0.055 * t))
    return {"spending": spending, "capex": capex, "compute": compute}


def fixture_run(
    paths: int = 160,
    scenarios: tuple[str, ...] = ("baseline",),
    *,
    defaults: bool = True,
    with_flows: bool = True,
    with_opening: bool = True,
) -> FixtureRun:
    """A run of `paths` paths under each scenario."""
    booms = [boom(path) for path in range(paths)]
    tables = [_scenario_tables(name, booms, defaults) for name in scenarios]
    manifest = {
        "schema_version": 1,
        "penstock": "0.1.0",
        "python": "3.11.7",
        "packages": {"numpy": "2.3.0", "numba": "0.62.0"},
        "world": {"name": "ai-2025", "as_of": "2025-12-31", "hash": "0f" * 32, "overlay": None},
        "scenarios": [{"name": name, "hash": "ab" * 32, "text": f'name = "{name}"\n'} for name in scenarios],
        "seed": 7,
        "prior": False,
        "paths": paths,
        "quarters": len(QUARTERS),
        "chunk_paths": 128,
        "started": "2026-01-05T09:00:00Z",
        "wall_s": 12.4,
        "checks": {"conservation_max_rel": 3.1e-13, "nonconverged": 0, "nan": 0},
        "files": [],
    }
    return FixtureRun(
        manifest=manifest,
        economy=pd.concat([t["economy"] for t in tables], ignore_index=True),
        layers=pd.concat([t["layers"] for t in tables], ignore_index=True),
        events=pd.concat([t["events"] for t in tables], ignore_index=True),
        outcomes=pd.concat([t["outcomes"] for t in tables], ignore_index=True),
        flows=pd.concat([t["flows"] for t in tables], ignore_index=True) if with_flows else None,
        world=_world(),
        opening=_opening() if with_opening else None,
    )


def _scenario_tables(name: str, booms: list[dict[str, np.ndarray]], defaults: bool) -> dict[str, pd.DataFrame]:
    factor = SCENARIO_FACTOR.get(name, 1.0)
    ramp = 1.0 + (factor - 1.0) * np.clip((np.arange(len(QUARTERS)) - 6) / 6.0, 0.0, 1.0)
    economy, layers, events, outcomes = [], [], [], []
    for path, parts in enumerate(booms):
        rng = draws(path, 2)
        spending = parts["spending"] * ramp**0.4
        capex = parts["capex"] * ramp
        compute = parts["compute"] * ramp**0.7
        gigawatts = 14.0 * (compute / compute[0]) ** 0.72
        weights = np.stack(
            [
                np.linspace(a, b, len(QUARTERS))
                for a, b in ((0.3, 0.1), (0.2, 0.12), (0.35, 0.38), (0.1, 0.2), (0.05, 0.2))
            ]
        )
        binding = np.array(BINDING)[(rng.random(len(QUARTERS)) > np.cumsum(weights, axis=0)).sum(axis=0).clip(0, 4)]
        economy.append(
            pd.DataFrame(
                {
                    "scenario": name,
                    "path": path,
                    "quarter": QUARTERS,
                    "region": "world",
                    "h100e": compute,
                    "it_mw": 1e3 * gigawatts,
                    "binding": binding,
                    "capex_usd_bn": capex,
                    "ai_revenue_usd_bn": spending,
                    "surplus_usd_bn": 0.6 * spending,
                }
            )
        )
        for index, layer in enumerate(LAYERS):
            lift = (spending / spending[0]) ** (0.25 + 0.1 * index)
            layers.append(
                pd.DataFrame(
                    {
                        "scenario": name,
                        "path": path,
                        "quarter": QUARTERS,
                        "layer": layer,
                        "revenue_usd_bn": LAYER_BASE[layer] * lift,
                    }
                )
            )
        if defaults:
            outcome, event = _failures(name, path, factor)
            outcomes += outcome
            events += event
    return {
        "economy": pd.concat(economy, ignore_index=True),
        "layers": pd.concat(layers, ignore_index=True),
        "events": pd.DataFrame(events, columns=EVENT_COLUMNS),
        "outcomes": pd.DataFrame(outcomes, columns=OUTCOME_COLUMNS),
        "flows": _flows(name, factor),
    }


EVENT_COLUMNS = [
    *("scenario", "path", "quarter", "sequence", "company_id", "stage"),
    *("cause_kind", "cause_id", "counterparty_id", "tie_id", "amount_usd_bn"),
]
OUTCOME_COLUMNS = [
    *("scenario", "path", "company_id", "instrument", "first_distress", "default_quarter", "stage_end"),
    *(
        "loss_fraction",
        "recovery",
        "rescuer_id",
        "value_start_usd_bn",
        "value_min_usd_bn",
        "value_end_usd_bn",
    ),
]


def _failures(name: str, path: int, factor: float) -> tuple[list[list[Any]], list[list[Any]]]:
    rng = draws(path, 3)
    uniform = rng.random((len(COMPANIES), 3))
    outcomes: list[list[Any]] = []
    events: list[list[Any]] = []
    previous: tuple[str, str] | None = None
    for (company, _, _, hazard, _), (at, linked, recovery) in zip(COMPANIES, uniform, strict=True):
        rate = hazard / factor**2.5
        quarter = ""
        if rate > 0:
            wait = -np.log(max(at, 1e-12)) / rate * 4.0
            if wait < len(QUARTERS):
                quarter = QUARTERS[int(wait)]
        for instrument in ("equity", "bond"):
            stage = "liquidation" if quarter else ""
            outcomes.append(
                [
                    name,
                    path,
                    company,
                    instrument,
                    quarter,
                    quarter,
                    stage,
                    1.0 - recovery if quarter else 0.0,
                    recovery if quarter else 1.0,
                    "",
                    10.0,
                    1.0,
                    2.0,
                ]
            )
        if quarter:
            tied = previous is not None and linked < 0.6
            events.append(
                [
                    name,
                    path,
                    quarter,
                    len(events),
                    company,
                    "standstill",
                    "tie" if tied else "market",
                    f"tie_{previous[0]}_{company}" if tied and previous else "",
                    previous[0] if tied and previous else "",
                    "",
                    4.0,
                ]
            )
            previous = (company, quarter)
    return outcomes, events


FLOWS = (
    ("users", "ai", 43.0),
    ("users", "platform", 120.0),
    ("users", "data", 18.0),
    ("other_customers", "silicon", 90.0),
    ("investors", "ai", 60.0),
    ("lenders", "platform", 45.0),
    ("lenders", "finance", 25.0),
    ("finance", "facilities", 30.0),
    ("ai", "data", 4.0),
    ("ai", "platform", 62.0),
    ("platform", "silicon", 260.0),
    ("platform", "facilities", 70.0),
    ("ai", "silicon", 45.0),
    ("facilities", "energy", 22.0),
    ("platform", "energy", 12.0),
    ("silicon", "silicon", 120.0),
    ("platform", "ai", 24.0),
    ("silicon", "ai", 20.0),
    ("platform", "lenders", 14.0),
    ("platform", "investors", 30.0),
    ("facilities", "lenders", 9.0),
    ("silicon", "workers", 70.0),
    ("platform", "workers", 85.0),
    ("ai", "workers", 12.0),
    ("energy", "other_suppliers", 18.0),
)


def _flows(name: str, factor: float) -> pd.DataFrame:
    rows = [
        [name, year, payer, payee, mean * factor * 1.18 ** (year - 2026), 0.55, 1.7]
        for year in range(2026, 2036)
        for payer, payee, mean in FLOWS
    ]
    frame = pd.DataFrame(rows, columns=["scenario", "year", "payer", "payee", "usd_bn_mean", "p05", "p95"])
    frame["p05"] *= frame["usd_bn_mean"]
    frame["p95"] *= frame["usd_bn_mean"]
    return frame


def _world() -> Any:
    companies = pd.DataFrame(
        [[company, name, layer] for company, name, layer, _, _ in COMPANIES], columns=["id", "name", "layer"]
    )
    return SimpleNamespace(table=lambda name: {"companies": companies}[name].copy())


def _opening() -> Any:
    ids = [company for company, *_ in COMPANIES]
    strong = ("A", "B", "A", "C", "D")
    sheet = pd.DataFrame(index=ids, columns=["cash", "buildings", "other_assets"], dtype=float)
    grades = pd.DataFrame("A", index=ids, columns=sheet.columns)
    for position, (company, _, _, _, weak) in enumerate(COMPANIES):
        sheet.loc[company] = [20.0 * (1.0 - weak), 80.0 * (1.0 - weak), 100.0 * weak]
        grades.loc[company] = [strong[position % 5], strong[(position + 2) % 5], "F"]
    profile = pd.DataFrame(
        {
            "name": [name for _, name, *_ in COMPANIES],
            "layer": [layer for _, _, layer, *_ in COMPANIES],
            "evidence_share_ef": [weak for *_, weak in COMPANIES],
        },
        index=ids,
    )
    flows = pd.DataFrame({"ltm_revenue": np.linspace(5.0, 200.0, len(ids))}, index=ids)
    flow_grades = pd.DataFrame({"ltm_revenue": [("A", "A", "B", "C", "E")[k % 5] for k in range(len(ids))]}, index=ids)
    ties = pd.DataFrame({"base": [2.0, 5.0, 1.0, 3.0], "grade": ["A", "C", "F", "F"]})
    return SimpleNamespace(
        profile=profile,
        sheet=sheet,
        sheet_grades=grades,
        flows=flows,
        flow_grades=flow_grades,
        flow_ties=ties,
    )
