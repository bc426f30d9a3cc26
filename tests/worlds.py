"""Random worlds of 2 to 60 companies in the bundled schema, for Hypothesis.

Companies of every layer with figures that are stated in part, ties of every kind between any of them, with or
without chips, sites and series: whatever a person may put into a folder, as long as the checks of the world pass.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cache

import pandas as pd
from hypothesis import strategies as st

from penstock.world import World, load_world
from penstock.world.schema import SCHEMA

AS_OF = dt.date(2025, 12, 31)

TRADES = (
    ("ai", "lab"),
    ("platform", "hyperscaler"),
    ("platform", "neocloud"),
    ("data", "data_platform"),
    ("silicon", "chip_designer"),
    ("silicon", "foundry"),
    ("silicon", "memory"),
    ("silicon", "lithography"),
    ("silicon", "lithography_supplier"),
    ("silicon", "equipment"),
    ("silicon", "eda"),
    ("silicon", "server"),
    ("silicon", "network"),
    ("silicon", "packaging"),
    ("facilities", "developer"),
    ("facilities", "constructor"),
    ("facilities", "power_equipment"),
    ("energy", "utility"),
    ("energy", "generator"),
    ("energy", "turbine_maker"),
    ("finance", "bank"),
    ("finance", "venture"),
    ("ai", "end_user"),
)
"""Layer and first role of a company."""

KINDS = (
    *("supply", "compute", "lease", "power_purchase", "model_licence", "revenue_share"),
    *("equity", "loan", "guarantee", "vendor_financing", "warrant"),
)
FUNDED = ("equity", "loan", "vendor_financing", "warrant")
STATED = (
    "total_assets",
    "total_equity",
    "total_debt",
    "cash_and_investments",
    "capex",
    "operating_income",
    "interest_expense",
    "market_cap",
)
"""Figures that a company may state beside its revenue, as shares of it below."""

SHARE_OF_REVENUE = {
    "total_assets": (0.3, 8.0),
    "total_equity": (-0.3, 3.0),
    "total_debt": (0.0, 4.0),
    "cash_and_investments": (0.0, 2.0),
    "capex": (0.0, 2.0),
    "operating_income": (-1.5, 0.6),
    "interest_expense": (0.0, 0.3),
    "market_cap": (0.05, 20.0),
}


@dataclass(frozen=True)
class Tie:
    kind: str
    provider: int
    receiver: int
    amount: float | None
    annual: float | None
    share: float | None
    start: int
    years: int
    binding: str


@dataclass(frozen=True)
class Plan:
    """What a random world is made of; its repr is short enough to read when a test fails."""

    trades: tuple[tuple[str, str], ...]
    revenue: tuple[float, ...]
    stated: tuple[dict[str, float], ...] = field(default=())
    ties: tuple[Tie, ...] = ()
    chips: float = 0.0
    """million H100e shipped in all, 0 for a world without series"""
    owned: float = 0.0
    """share of the chips whose owners are named"""

    def world(self) -> World:
        return build(self)


@st.composite
def plans(draw: st.DrawFn, least: int = 2, most: int = 60) -> Plan:
    """Plans of worlds; the first company runs compute, without which there is no economy."""
    count = draw(st.integers(least, most))
    first = draw(st.sampled_from(TRADES[:3]))
    trades = (first, *draw(st.lists(st.sampled_from(TRADES), min_size=count - 1, max_size=count - 1)))
    sizes = st.floats(-2.0, 2.6)
    revenue = tuple(10.0 ** round(draw(sizes), 2) for _ in range(count))
    stated = tuple(draw(_figures) for _ in range(count))
    ties = tuple(draw(st.lists(_tie(count), max_size=2 * count)))
    chips = draw(st.sampled_from([0.0, 0.3, 5.0, 20.0]))
    return Plan(trades, revenue, stated, ties, chips, draw(st.sampled_from([0.0, 0.5, 0.9])))


_part = st.integers(0, 20).map(lambda n: n / 20)
_figures = st.dictionaries(st.sampled_from(STATED), _part, max_size=len(STATED))


def _tie(count: int) -> st.SearchStrategy[Tie]:
    amounts = st.one_of(st.none(), st.integers(1, 60).map(lambda n: n / 4))
    return st.builds(
        Tie,
        kind=st.sampled_from(KINDS),
        provider=st.integers(0, count - 1),
        receiver=st.integers(0, count - 1),
        amount=amounts,
        annual=amounts,
        share=st.one_of(st.none(), _part),
        start=st.integers(2022, 2028),
        years=st.integers(1, 12),
        binding=st.sampled_from(["firm", "conditional", "reported", "intent"]),
    )


@cache
def _bundled() -> dict[str, pd.DataFrame]:
    world = load_world()
    return {name: world.every_row(name) for name in SCHEMA}


def build(plan: Plan) -> World:
    """The world of a plan: sources and parameters are the bundled ones."""
    rows = {
        "companies": [_company(number, *trade) for number, trade in enumerate(plan.trades)],
        "financials": [row for number in range(len(plan.trades)) for row in _financials(plan, number)],
        "contracts": [_contract(number, tie) for number, tie in enumerate(plan.ties) if tie.provider != tie.receiver],
        "series": _series(plan),
    }
    tables = {}
    for name, template in _bundled().items():
        if name in ("sources", "parameters", "booms"):
            tables[name] = template
            continue
        added = pd.DataFrame(rows.get(name, []), columns=template.columns)
        tables[name] = added.astype(dict(template.dtypes.items()))
    return World("random", AS_OF, repr(plan), tables)


def _name(number: int) -> str:
    return f"company_{number:02d}"


def _provenance() -> dict[str, object]:
    return {"evidence": "page", "source_id": "a_m_roster", "grade": "C"}


def _company(number: int, layer: str, role: str) -> dict[str, object]:
    listed = number % 2 == 0
    return _provenance() | {
        "id": _name(number),
        "name": f"Company {number}",
        "layer": layer,
        "roles": role,
        "country": "US",
        "listed": listed,
        "mag7": False,
        "rating": ("", "AA", "BBB", "B")[number % 4] or None,
    }


def _financials(plan: Plan, number: int) -> list[dict[str, object]]:
    if plan.trades[number][0] == "finance":
        return []
    values = {"revenue": plan.revenue[number]}
    given = plan.stated[number] if plan.stated else {}
    for metric, part in given.items():
        low, high = SHARE_OF_REVENUE[metric]
        values[metric] = plan.revenue[number] * (low + part * (high - low))
    if "total_assets" in values:
        # parts of a sheet that say they are more than the whole are for the checks of the world
        for metric in ("total_equity", "cash_and_investments", "total_debt"):
            if metric in values:
                values[metric] = min(values[metric], 0.9 * values["total_assets"])
    return [
        _provenance()
        | {
            "company_id": _name(number),
            "period": "FY2025",
            "period_end": AS_OF.isoformat(),
            "metric": metric,
            "value": value,
            "unit": "usd_bn",
            "basis": "reported",
        }
        for metric, value in values.items()
    ]


def _contract(number: int, tie: Tie) -> dict[str, object]:
    money = {"amount_usd_bn": tie.amount, "annual_usd_bn": tie.annual if tie.kind not in FUNDED else None}
    return (
        _provenance()
        | money
        | {
            "id": f"tie_{number:03d}",
            "kind": tie.kind,
            "provider_id": _name(tie.provider),
            "receiver_id": _name(tie.receiver),
            "share": tie.share,
            "announced": "2025-01-15",
            "start": f"{tie.start}-01-01",
            "end": f"{tie.start + tie.years}-01-01",
            "binding": tie.binding,
            "status": "active",
            "confidence": "high",
        }
    )


def _series(plan: Plan) -> list[dict[str, object]]:
    if not plan.chips:
        return []
    owners = [n for n, (layer, _) in enumerate(plan.trades) if layer in ("ai", "platform")]
    rows = []
    for date, part in (("2024-12-31", 0.35), ("2025-09-30", 0.8), ("2025-12-31", 1.0)):
        shipped = 1e6 * plan.chips * part
        rows.append(_point("h100e_shipped_cumulative", "nvidia", date, shipped))
        if plan.owned:
            each = shipped * plan.owned / len(owners)
            rows += [_point("nvidia_h100e_owned_cumulative", _name(n), date, each) for n in owners]
    return rows


def _point(series: str, entity: str, date: str, value: float) -> dict[str, object]:
    return _provenance() | {"series": series, "entity": entity, "date": date, "value": value, "unit": "h100e"}
