"""A model that only draws numbers keyed by seed, path and quarter: quick and reproducible."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import resource
import signal
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from penstock.engine.chunks import BINDING, COMPANY_MEASURES, ECONOMY_MEASURES, LAYER_MEASURES
from penstock.engine.ensemble import simulate
from penstock.engine.interface import Engine
from penstock.engine.ledger_view import GROUP_NAMES
from penstock.engine.opening.state import LAYERS
from penstock.engine.run import Run

FIRMS = ("zeta", "openai", "nvidia", "alpha", "oracle")


@dataclass(frozen=True)
class FakeWorld:
    name: str = "fake"
    as_of: dt.date = dt.date(2025, 12, 31)
    hash: str = "ab" * 32

    def table(self, name: str) -> pd.DataFrame:
        return pd.DataFrame({"id": FIRMS, "name": [f.upper() for f in FIRMS], "layer": ["ai"] * len(FIRMS)})


@dataclass(frozen=True)
class FakeScenario:
    name: str = "baseline"
    text: str = 'name = "baseline"\n'

    def to_toml(self) -> str:
        return f"{self.name}\n{self.text}"

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class FakeModel:
    seed: int
    quarters: int
    shift: float
    firms: tuple[str, ...] = FIRMS
    broken: bool = False

    @property
    def opening(self) -> Any:
        index = pd.Index(self.firms)
        text = pd.DataFrame({"name": self.firms, "layer": "ai"}, index=index)
        money = pd.DataFrame({"cash": 1.0, "ltm_revenue": 2.0}, index=index)
        grades = pd.DataFrame("A", index, money.columns)
        grades.loc["zeta"] = "F"
        return SimpleNamespace(
            firms=self.firms,
            profile=text.assign(evidence_share_ef=(grades["cash"] == "F").astype(float)),
            sheet=money[["cash"]],
            sheet_grades=grades[["cash"]],
            flows=money[["ltm_revenue"]],
            flow_grades=grades[["ltm_revenue"]],
            flow_ties=pd.DataFrame({"base": [1.0], "grade": ["C"]}),
        )


@dataclass(frozen=True)
class FakeDetail:
    economy: pd.DataFrame
    events: pd.DataFrame


@dataclass
class FakeBlock:
    economy: dict[str, np.ndarray]
    layers: dict[str, np.ndarray]
    company: dict[str, np.ndarray]
    outcomes: dict[str, np.ndarray]
    events: dict[str, np.ndarray]
    losses: dict[str, np.ndarray]
    flows: np.ndarray
    chain: np.ndarray
    checks: dict[str, Any] = field(default_factory=lambda: {"conservation_max_rel": 1e-15, "nonconverged": 0, "nan": 0})


def prepare(
    world: FakeWorld, scenario: FakeScenario, *, quarters: int = 40, seed: int = 7, prior: bool = False
) -> FakeModel:
    firms = FIRMS + tuple(f"firm{i:03d}" for i in range(135)) if "many" in scenario.text else FIRMS
    return FakeModel(seed, quarters, len(scenario.text) / 100.0, firms, broken="broken" in scenario.text)


def _draws(model: FakeModel, path: int) -> np.ndarray:
    """(quarters, numbers) of one path: quarter by quarter from one counter-based stream."""
    generator = np.random.Generator(np.random.Philox(key=np.array([model.seed, path], np.uint64)))
    width = len(ECONOMY_MEASURES) + len(LAYERS) * len(LAYER_MEASURES) + len(model.firms) * len(COMPANY_MEASURES)
    return generator.random((model.quarters, width)) + model.shift


def simulate_paths(model: FakeModel, first_path: int, count: int) -> FakeBlock:
    draws = np.stack([_draws(model, first_path + lane) for lane in range(count)], axis=-1)
    cuts = np.cumsum([len(ECONOMY_MEASURES), len(LAYERS) * len(LAYER_MEASURES)])
    economy, layers, company = np.split(draws, cuts, axis=1)
    layers = layers.reshape(model.quarters, len(LAYERS), len(LAYER_MEASURES), count)
    company = company.reshape(model.quarters, len(model.firms), len(COMPANY_MEASURES), count)
    block = FakeBlock(
        economy={name: economy[:, i] for i, name in enumerate(ECONOMY_MEASURES)},
        layers={name: layers[:, :, i] for i, name in enumerate(LAYER_MEASURES)},
        company={name: company[:, :, i].astype(np.float32) for i, name in enumerate(COMPANY_MEASURES)},
        outcomes=_outcomes(model, first_path, count, company),
        events={},
        losses={},
        flows=_flows(model, first_path, count),
        chain=np.zeros(count, dtype=np.int64),
    )
    block.economy["binding"] = (economy[:, 11] * 10).astype(np.int8) % len(BINDING)
    block.economy["h100e"] = block.economy["h100e"] * 1e7
    block.company["failed"] = (block.company["failed"] > 0.9 + model.shift).astype(np.float32)
    block.events = _events(model, block.outcomes)
    block.losses = _losses(block.events)
    if model.broken:
        block.checks["nan"] = 1
    return block


def _flows(model: FakeModel, first_path: int, count: int) -> np.ndarray:
    """Users pay every layer path + 1 bn a year; nothing else flows."""
    groups, years = len(GROUP_NAMES), -(-model.quarters // 4)
    flows = np.zeros((years, groups, groups, count))
    flows[:, GROUP_NAMES.index("users"), : len(LAYERS)] = np.arange(first_path, first_path + count) + 1.0
    return flows


def _outcomes(model: FakeModel, first_path: int, count: int, company: np.ndarray) -> dict[str, np.ndarray]:
    firms = len(model.firms)
    path = np.repeat(np.arange(first_path, first_path + count), firms * 2)
    value = company[:, :, 0].transpose(2, 1, 0).repeat(2, axis=1).reshape(count * firms * 2, -1)
    defaulted = value[:, 0] > 0.8 + model.shift
    quarter = (value[:, -1] * 100).astype(int) % model.quarters
    return {
        "path": path,
        "company_id": np.tile(np.repeat(np.array(model.firms, object), 2), count),
        "instrument": np.tile(np.array(["equity", "bond"], object), count * firms),
        "first_distress": np.where(defaulted, quarter, -1),
        "default_quarter": np.where(defaulted, quarter, -1),
        "stage_end": np.where(defaulted, "liquidation", "").astype(object),
        "loss_fraction": np.where(defaulted, 0.6, 0.0),
        "recovery": np.where(defaulted, 0.4, np.nan),
        "rescuer_id": np.full(len(path), "", object),
        "value_start_usd_bn": value[:, 0],
        "value_min_usd_bn": value.min(axis=1),
        "value_end_usd_bn": value[:, -1],
    }


def _events(model: FakeModel, outcomes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    chosen = (outcomes["default_quarter"] >= 0) & (outcomes["instrument"] == "equity")
    path, company = outcomes["path"][chosen], outcomes["company_id"][chosen]
    previous = np.concatenate([[-1], path[:-1]]) if len(path) else path
    caused = path == previous
    return {
        "path": path,
        "quarter": outcomes["default_quarter"][chosen],
        "company_id": company,
        "stage": np.full(len(path), "standstill", object),
        "cause_kind": np.where(caused, "tie", "market").astype(object),
        "cause_id": np.where(caused, "t1", "").astype(object),
        "counterparty_id": np.where(caused, np.concatenate([[""], company[:-1]]), "").astype(object)
        if len(path)
        else company,
        "tie_id": np.where(caused, "t1", "").astype(object),
        "amount_usd_bn": np.ones(len(path)),
    }


def _losses(events: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Equity of 1 bn of each failed company."""
    count = len(events["path"])
    empty, one = np.full(count, "", object), np.ones(count)
    return {
        **{name: events[name] for name in ("path", "quarter", "company_id")},
        "creditor_id": empty,
        "instrument": np.full(count, "equity", object),
        "tie_id": empty,
        "claim_usd_bn": one,
        "loss_usd_bn": one,
    }


def replay(model: FakeModel, path: int) -> FakeDetail:
    block = simulate_paths(model, path, 1)
    return FakeDetail(
        pd.DataFrame({"capex_usd_bn": block.economy["capex_usd_bn"][:, 0]}),
        pd.DataFrame({name: values for name, values in block.events.items()}),
    )


def load_scenario(source: Any, world: Any) -> FakeScenario:
    return source if isinstance(source, FakeScenario) else FakeScenario(source, f'name = "{source}"\n')


def read_scenario(text: str, world: Any) -> FakeScenario:
    name, body = text.split("\n", 1)
    return FakeScenario(name, body)


ENGINE = Engine(prepare, simulate_paths, replay, load_scenario, read_scenario)
PATHS, QUARTERS = 300, 6


def run_fake(out: Path | None = None, **changes: Any) -> Run:
    """A small run of the fake model."""
    wanted: dict[str, Any] = {"paths": PATHS, "quarters": QUARTERS, "engine": ENGINE, "out": out}
    return simulate(FakeWorld(), changes.pop("scenario", "baseline"), **(wanted | changes))


def table_hashes(directory: Path) -> dict[str, str]:
    """SHA-256 of each table of a run directory."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*.parquet"))
    }


@dataclass(frozen=True)
class Deadly:
    """Simulates, but ends as told when it comes to the last paths, as long as the file is there."""

    flag: Path
    how: str

    def __call__(self, model: FakeModel, first_path: int, count: int) -> Any:
        if first_path >= 512 and self.flag.exists():
            if self.how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))
            return np.ones((1 << 29, 8))
        return simulate_paths(model, first_path, count)
