"""The fixed structure of a run: who stands where in the arrays, and which ties join whom.

Cut once from the opening state. Ties that carry dues stand in blocks, in this order: flow ties (sorted by
category), sales to customers outside the model, wages, outside suppliers, capital spending outside the
ties, tax, interest, principal, called guarantees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from penstock.engine.opening.contracts import is_capex
from penstock.engine.opening.state import CATEGORIES, GROUPS, LAYERS, SECTORS, Opening

IT_CATEGORIES = ("accelerators", "servers", "network")
EQUIPMENT_CATEGORIES = (*IT_CATEGORIES, "wafers", "memory")
"""Categories whose capital purchases become compute equipment; other capital purchases become plant."""
USE_CATEGORIES = ("model_access", "compute", "lease", "energy", "fuel")
BUILD_CATEGORIES = (
    "accelerators", "servers", "network", "construction", "power_cooling", "wafers", "memory", "eda", "tools", "optics",
    "generation",
)  # fmt: skip
"""Categories after `models`, in the order in which payments depend on each other: use first, then what is built."""
SITE_CATEGORIES = ("construction", "power_cooling")

CUSTOMERS = {
    "lab": "households",
    "hyperscaler": "enterprises",
    "device_maker": "households",
    "utility": "households",
    "generator": "row_customers",
    "holding": "row_customers",
}
"""Sector that buys a group's business outside the ties; `row_customers` for all others."""

RATINGS = ("AAA", "AA", "A", "BBB", "BB", "B", "CCC")

SECURED, OPERATING, UNSECURED = 0, 1, 2
"""Seniority classes of dues: secured project debt, operating dues, unsecured debt."""


@dataclass(frozen=True)
class Block:
    """A contiguous block of ties."""

    start: int
    stop: int

    @cached_property
    def slice(self) -> slice:
        """Its rows."""
        return slice(self.start, self.stop)

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Layout:
    """Index arrays of a world; all model code addresses firms, units and ties through it."""

    units: tuple[str, ...]
    firms: int
    unit_count: int
    layer: np.ndarray
    group: np.ndarray
    rating: np.ndarray
    unlimited: np.ndarray
    sector: dict[str, int]
    owners: int
    """Compute owners are the first `owners` firms (layers ai and platform); row `owners` of owner arrays is the rest
    of the world.
    """
    owner_unit: np.ndarray
    tie_id: tuple[str, ...]
    contract_id: tuple[str, ...]
    payer: np.ndarray
    payee: np.ndarray
    flow_payer: np.ndarray
    """payer and payee of the flow ties alone"""
    flow_payee: np.ndarray
    seniority: np.ndarray
    payer_class: np.ndarray
    """class x units + payer of each tie: where its dues add up"""
    category: dict[str, Block]
    flow: Block
    sales: Block
    wages: Block
    suppliers: Block
    capital: Block
    tax: Block
    interest: Block
    principal: Block
    guarantee: Block
    operating: Block
    """flow .. tax: dues that leave a receivable while unpaid"""
    draw_column: np.ndarray
    """place of each firm among all companies of the world: keys its random numbers"""
    borrower: np.ndarray
    lender: np.ndarray
    instrument: np.ndarray
    debt_id: tuple[str, ...]
    stake_holder: np.ndarray
    stake_company: np.ndarray
    stake_id: tuple[str, ...]
    capital_payer: np.ndarray
    """payer of each flow tie that buys plant or equipment, else `unit_count`: whether a purchase is capital or cost
    hangs on category and payer (a server maker's chips are cost)"""
    equipment_payer: np.ndarray
    """the same for compute equipment"""
    segment: np.ndarray
    """of the ties in category models: 0 consumer, 1 enterprise, 2 agents"""

    @property
    def ties(self) -> int:
        """How many ties there are."""
        return len(self.payer)

    @cached_property
    def capital_ties(self) -> np.ndarray:
        """Flow ties that buy plant or equipment."""
        return np.flatnonzero(self.capital_payer < self.unit_count)

    def members(self, *groups: str) -> np.ndarray:
        """Indices of the firms in these groups."""
        return np.flatnonzero(np.isin(self.group, [GROUPS.index(group) for group in groups]))

    def firm(self, company_id: str) -> int:
        """Row of a unit. Raises ValueError where there is none of this id."""
        return self.units.index(company_id)


SEGMENTS = ("consumer", "enterprise", "agents")


def build_layout(opening: Opening, companies: Sequence[str] = ()) -> Layout:
    """Index arrays of an opening state; `companies` lists all of the world, new ones last (else the firms')."""
    units = opening.units
    index = {unit: number for number, unit in enumerate(units)}
    firms = len(opening.firms)
    profile = opening.profile.loc[list(opening.firms)]
    sector = {name: index[name] for name in SECTORS}
    owners = int(profile["layer"].isin(["ai", "platform"]).sum())
    flow = opening.flow_ties
    debt = opening.debt_ties
    guarantees = opening.guarantees

    firm_index = np.arange(firms)
    customers = np.array([sector[CUSTOMERS.get(group, "row_customers")] for group in profile["group"]])

    def sector_column(name: str) -> np.ndarray:
        return np.full(firms, sector[name])

    borrower = debt["borrower"].map(index).to_numpy(np.int64)
    lender = debt["lender"].map(index).to_numpy(np.int64)
    debt_class = np.where(debt["secured"].to_numpy(bool), SECURED, UNSECURED)
    guarantor = guarantees["guarantor"].map(index).to_numpy(np.int64)
    landlord = guarantees["landlord"].map(lambda text: index.get(text, sector["row_rest"])).to_numpy(np.int64)

    pieces: list[tuple[str, Any, Any, Any]] = [
        ("flow", flow["payer"].map(index), flow["payee"].map(index), OPERATING),
        ("sales", customers, firm_index, OPERATING),
        ("wages", firm_index, sector_column("workers"), OPERATING),
        ("suppliers", firm_index, sector_column("row_suppliers"), OPERATING),
        ("capital", firm_index, sector_column("row_suppliers"), OPERATING),
        ("tax", firm_index, sector_column("tax_office"), OPERATING),
        ("interest", borrower, lender, debt_class),
        ("principal", borrower, lender, debt_class),
        ("guarantee", guarantor, landlord, OPERATING),
    ]
    blocks: dict[str, Block] = {}
    payer, payee, seniority = [], [], []
    start = 0
    for name, payers, payees, rank in pieces:
        count = len(payers)
        blocks[name] = Block(start, start + count)
        payer.append(np.asarray(payers, dtype=np.int64))
        payee.append(np.asarray(payees, dtype=np.int64))
        seniority.append(np.broadcast_to(np.asarray(rank, dtype=np.int64), (count,)))
        start += count

    ids = list(flow["tie_id"])
    for name in ("sales", "wages", "suppliers", "capital", "tax"):
        ids += [f"{name}:{firm}" for firm in opening.firms]
    ids += [f"interest:{tie}" for tie in debt["tie_id"]]
    ids += [f"principal:{tie}" for tie in debt["tie_id"]]
    ids += list(guarantees["contract_id"])
    contracts = [text if isinstance(text, str) else "" for text in flow["contract_id"]]
    contracts += [""] * (len(ids) - len(contracts))

    categories: dict[str, Block] = {}
    names = flow["category"].to_numpy(str)
    for name in CATEGORIES:
        where = np.flatnonzero(names == name)
        first = int(where[0]) if len(where) else 0
        categories[name] = Block(first, first + len(where))

    groups = profile["group"].to_dict()
    place = {name: number for number, name in enumerate(companies or opening.firms)}
    capital = np.array(
        [is_capex(kind, groups.get(who, "")) for kind, who in zip(flow["category"], flow["payer"], strict=True)],
        dtype=bool,
    )
    equipment = capital & np.isin(names, EQUIPMENT_CATEGORIES)
    flow_payer = payer[0]
    models = categories["models"]
    segment = np.array([SEGMENTS.index(text) for text in flow["segment"].iloc[models.slice]], dtype=np.int64)
    unlimited = np.zeros(len(units), dtype=bool)
    unlimited[firms:] = True
    return Layout(
        units=units,
        firms=firms,
        unit_count=len(units),
        layer=np.array([LAYERS.index(text) for text in profile["layer"]], dtype=np.int64),
        group=np.array([GROUPS.index(text) for text in profile["group"]], dtype=np.int64),
        rating=np.array([RATINGS.index(text) for text in profile["rating"]], dtype=np.int64),
        unlimited=unlimited,
        sector=sector,
        owners=owners,
        owner_unit=np.append(np.arange(owners), sector["other_ai_buyers"]).astype(np.int64),
        tie_id=tuple(ids),
        contract_id=tuple(contracts),
        payer=np.concatenate(payer),
        payee=np.concatenate(payee),
        flow_payer=np.ascontiguousarray(payer[0], dtype=np.intp),
        flow_payee=np.ascontiguousarray(payee[0], dtype=np.intp),
        seniority=np.concatenate(seniority),
        payer_class=np.ascontiguousarray(np.concatenate(seniority) * len(units) + np.concatenate(payer), dtype=np.intp),
        category=categories,
        operating=Block(0, blocks["tax"].stop),
        borrower=borrower,
        lender=lender,
        instrument=debt["instrument"].to_numpy(str),
        debt_id=tuple(debt["tie_id"]),
        stake_holder=opening.stakes["holder"].map(index).to_numpy(np.int64),
        stake_company=opening.stakes["company"].map(index).to_numpy(np.int64),
        stake_id=tuple(opening.stakes["tie_id"]),
        draw_column=np.array([place[firm] for firm in opening.firms], dtype=np.int64),
        capital_payer=np.where(capital, flow_payer, len(units)).astype(np.intp),
        equipment_payer=np.where(equipment, flow_payer, len(units)).astype(np.intp),
        segment=segment,
        **blocks,
    )
