"""A network of nine firms with seventeen contracts, small enough to reckon by hand."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from penstock.engine.opening.figures import Figures, SheetInputs
from penstock.engine.opening.network import Network
from penstock.engine.opening.state import FLOW_COLUMNS, SECTORS
from penstock.engine.opening.universe import Universe
from penstock.world import World

CONTRACT_COLUMNS = [
    *("id", "kind", "provider_id", "receiver_id", "amount_usd_bn", "annual_usd_bn", "share", "quantity"),
    *("quantity_unit", "announced", "start", "end", "binding", "status", "confidence", "evidence"),
    *("source_id", "note", "included_in", "grade"),
]

FIRMS = {
    # firm: layer, group, revenue, capex, debt (usd_bn; flows per quarter), listed
    "lab": ("ai", "lab", 2.0, 0.1, 0.0, False),
    "cloud": ("platform", "hyperscaler", 40.0, 10.0, 30.0, True),
    "builder": ("platform", "neocloud", 1.0, 2.0, 8.0, True),
    "chips": ("silicon", "chip_designer", 20.0, 0.5, 4.0, True),
    "rival": ("silicon", "chip_designer", 5.0, 0.2, 1.0, True),
    "fab": ("silicon", "foundry", 15.0, 5.0, 10.0, True),
    "boxes": ("silicon", "server", 10.0, 0.1, 1.0, True),
    "halls": ("facilities", "developer", 1.0, 2.0, 6.0, False),
    "power": ("energy", "utility", 5.0, 3.0, 20.0, True),
}


def contract(name: str, kind: str, provider: str, receiver: str, **more: object) -> dict[str, object]:
    """A firm, active row of contracts announced in 2025, with more columns as given."""
    row: dict[str, object] = dict.fromkeys(CONTRACT_COLUMNS)
    row |= {"binding": "firm", "status": "active", "note": "", "grade": "A", "announced": "2025-01-15"}
    return row | {"id": name, "kind": kind, "provider_id": provider, "receiver_id": receiver} | more


CONTRACTS = (
    contract("frame", "supply", "chips", "cloud", annual_usd_bn=8.0),
    contract("part", "supply", "chips", "cloud", annual_usd_bn=3.0, included_in="frame"),
    contract("deal", "supply", "chips", "cloud", amount_usd_bn=12.0, start="2025-06-01"),
    contract("wafers", "supply", "fab", "chips", annual_usd_bn=6.0),
    contract("boxes_untold", "supply", "boxes", "builder"),
    contract("over", "supply", "chips", "builder", annual_usd_bn=4.0, status="terminated"),
    contract("later", "supply", "rival", "cloud", annual_usd_bn=4.0, announced="2026-01-10"),
    contract("rent", "compute", "cloud", "lab", amount_usd_bn=20.0, start="2026-01-01", end="2030-12-31"),
    contract("rent_more", "compute", "builder", "lab", annual_usd_bn=0.4, start="2025-01-01"),
    contract("shell", "lease", "halls", "builder", quantity=100.0, quantity_unit="MW", start="2025-10-01"),
    contract("facility", "loan", "bond_market", "halls", amount_usd_bn=15.0, end="2029-10-24"),
    contract("bond", "loan", "bond_market", "cloud", amount_usd_bn=10.0, end="2031-06-30"),
    contract("line", "loan", "bank", "lab", amount_usd_bn=2.0, status="undrawn"),
    contract("holding", "equity", "cloud", "lab", amount_usd_bn=3.0, share=0.27),
    contract("promise", "equity", "chips", "lab", amount_usd_bn=5.0, binding="conditional", status="announced"),
    contract("cost", "equity", "bank", "lab", amount_usd_bn=1.0, note="Fair value 4.0bn at year end"),
    contract("backing", "guarantee", "cloud", "builder", amount_usd_bn=1.5, note="landlord protected: halls"),
)


def series_rows() -> pd.DataFrame:
    """Chips shipped and owned, cumulated, in H100 equivalents."""
    rows = []
    for date, nvidia, tpu, cloud in (
        ("2025-06-30", 6e6, 1e6, 3e6),
        ("2025-09-30", 8e6, 1.5e6, 4e6),
        ("2025-12-31", 11e6, 2e6, 5e6),
    ):
        rows.append(("h100e_shipped_cumulative", "nvidia", date, nvidia))
        rows.append(("h100e_shipped_cumulative", "tpu", date, tpu))
        rows.append(("nvidia_h100e_owned_cumulative", "cloud", date, cloud))
        rows.append(("nvidia_h100e_owned_cumulative", "other", date, nvidia - cloud))
    frame = pd.DataFrame(rows, columns=["series", "entity", "date", "value"])
    return frame.assign(unit="h100e", source_id="s", grade="C")


def tiny_world(contracts: tuple[dict[str, object], ...] = CONTRACTS) -> World:
    """The nine firms with these contracts, two kinds of chips and two sites."""
    companies = pd.DataFrame({"id": list(FIRMS), "country": "US"})
    chips = pd.DataFrame(
        {
            "id": ["b200", "h100"],
            "designer_id": "nvidia",
            "tdp_w": [1000.0, 700.0],
            "server_w_per_chip": [1800.0, None],
            "bf16_tflops": [2250.0, 989.0],
            "fp8_tflops": [4500.0, 1979.0],
            "units_2023": [0.0, 1e6],
            "units_2024": [0.0, 2e6],
            "units_2025": [3e6, 0.0],
        }
    )
    sites = pd.DataFrame(
        {
            "owner_id": ["halls", "cloud"],
            "operator_id": ["cloud", "cloud"],
            "tenant_id": ["lab", None],
            "it_mw_2025": [100.0, None],
            "it_mw_planned": [500.0, 1000.0],
            "first_power": ["2025-01-01", "2027-01-01"],
            "full_power": ["2026-10-01", "2029-01-01"],
        }
    )
    tables = {
        "companies": companies,
        "contracts": pd.DataFrame(list(contracts), columns=CONTRACT_COLUMNS),
        "series": series_rows(),
        "chips": chips,
        "sites": sites,
        "parameters": pd.DataFrame({"name": ["x"], "central": [1.0], "known_from": [None]}),
    }
    return World("tiny", dt.date(2025, 12, 31), "0", tables)


def tiny_universe() -> Universe:
    """All nine firms are simulated; a bank holds."""
    frame = pd.DataFrame.from_dict(
        FIRMS, orient="index", columns=["layer", "group", "revenue", "capex", "debt", "listed"]
    )
    return Universe(
        firms=tuple(FIRMS),
        holders=("bank",),
        sectors=SECTORS,
        names=pd.Series({f: f for f in (*FIRMS, "bank")}),
        group=frame["group"],
        layer=frame["layer"],
        listed=frame["listed"],
        rating=pd.Series("B", index=frame.index),
        rating_estimated=pd.Series(True, index=frame.index),
        left_out=pd.DataFrame(),
    )


def tiny_inputs(**scale: float) -> SheetInputs:
    """Figures of the tiny world; keyword `firm=factor` scales the capex and revenue of a firm."""
    frame = pd.DataFrame.from_dict(
        FIRMS, orient="index", columns=["layer", "group", "revenue", "capex", "debt", "listed"]
    )
    factor = pd.Series(1.0, index=frame.index)
    for firm, value in scale.items():
        factor[firm] = value
    flows = pd.DataFrame(0.0, index=frame.index, columns=list(FLOW_COLUMNS))
    flows["revenue"] = frame["revenue"].astype(float) * factor
    flows["ltm_revenue"] = flows["revenue"] * 4.0
    flows["capex"] = frame["capex"].astype(float) * factor
    flows["ltm_capex"] = flows["capex"] * 4.0
    flows["ai_capex_share"] = 1.0
    flows["other_cost"] = flows["revenue"] * 0.7
    empty = pd.DataFrame(index=frame.index)
    rating = pd.Series("BB", index=frame.index)
    rating["cloud"] = "AA"
    return SheetInputs(
        debt=frame["debt"].astype(float),
        lease_liabilities=pd.Series(0.0, index=frame.index).where(frame["group"] != "hyperscaler", 2.0),
        market_value=pd.Series(20.0, index=frame.index),
        interest_rate=pd.Series(0.06, index=frame.index),
        rating=rating,
        flows=flows,
        flow_grades=empty,
        figures=Figures(empty, empty, empty, empty),
    )


def base(network: Network, payer: str, payee: str, category: str) -> float:
    """What a payer pays a payee in a category, usd_bn a quarter."""
    ties = network.flow_ties
    chosen = (ties["payer"] == payer) & (ties["payee"] == payee) & (ties["category"] == category)
    return float(ties.loc[chosen, "base"].sum())
