"""The words of the world: every enumeration that a column of the data set may hold."""

from __future__ import annotations

LAYERS = ("ai", "data", "platform", "silicon", "facilities", "energy", "finance", "demand")

ROLES = (
    "lab",
    "data_platform",
    "hyperscaler",
    "neocloud",
    "chip_designer",
    "eda",
    "foundry",
    "packaging",
    "substrate",
    "memory",
    "lithography",
    "lithography_supplier",
    "equipment",
    "server",
    "network",
    "power_equipment",
    "cooling",
    "developer",
    "colocation",
    "constructor",
    "utility",
    "generator",
    "turbine_maker",
    "nuclear",
    "asset_manager",
    "bank",
    "venture",
    "sovereign_fund",
    "end_user",
    # the telecom back-test
    "application",
    "isp",
    "carrier",
    "clec",
    "component",
)

MAG7 = ("microsoft", "amazon", "alphabet", "apple", "meta", "nvidia", "tesla")

FLOW_METRICS = (
    "revenue",
    "ai_revenue",
    "data_center_revenue",
    "cloud_revenue",
    "gross_profit",
    "operating_income",
    "net_income",
    "operating_cash_flow",
    "capex",
    "rd_expense",
    "depreciation",
    "interest_expense",
    "stock_comp",
    "dividends_and_buybacks",
)
"""Metrics of a period; an opening state takes the latest four quarters known."""

STOCK_METRICS = (
    "cash_and_investments",
    "total_debt",
    "lease_liabilities",
    "total_assets",
    "total_equity",
    "market_cap",
    "valuation",
    "backlog",
    "employees",
)
"""Metrics at a date; an opening state takes the latest one known."""

METRICS = FLOW_METRICS + STOCK_METRICS

SIGNED_METRICS = ("gross_profit", "operating_income", "net_income", "operating_cash_flow", "total_equity")
"""Metrics that may be negative: results and equity. All others count something and may not."""

BASES = ("reported", "derived", "estimate")
SET_BY_SCENARIO = "set by the scenario"
"""How the note of a figure begins that a scenario has set."""
EVIDENCE = ("page", "derived", "memory", "assumption")
SOURCE_KINDS = ("filing", "press_release", "news", "dataset", "paper", "report", "essay")
GRADES = ("A", "B", "C", "D", "E", "F")
GRADE_MEANING = {
    "A": "filing",
    "B": "statement of a party",
    "C": "dataset, report or news page",
    "D": "derived",
    "E": "from memory",
    "F": "assumed, or estimated by a rule of the model",
}

EVIDENCE_MEANING = {
    "page": "read on a page of the source",
    "derived": "worked out from what the source says",
    "memory": "from memory, the source named but not read again",
    "assumption": "assumed",
}
"""How a row came into its table."""

RATINGS = (
    "AAA",
    "AA+",
    "AA",
    "AA-",
    "A+",
    "A",
    "A-",
    "BBB+",
    "BBB",
    "BBB-",
    "BB+",
    "BB",
    "BB-",
    "B+",
    "B",
    "B-",
    "CCC+",
    "CCC",
    "CCC-",
    "CC",
    "C",
    "D",
)

TIE_KINDS = (
    "supply",
    "compute",
    "lease",
    "power_purchase",
    "equity",
    "warrant",
    "loan",
    "vendor_financing",
    "guarantee",
    "model_licence",
    "revenue_share",
    "acquisition",
)
BINDINGS = ("firm", "conditional", "intent", "reported")
TIE_STATUSES = (
    "active",
    "signed",
    "approved",
    "ordered",
    "completed",
    "closed",
    "announced",
    "pending",
    "proposed",
    "planned",
    "framework",
    "reported",
    "undrawn",
    "arranger",
    "allocated",
    "superseded",
    "terminated",
)
STATUSES_WITHOUT_MONEY = ("terminated", "superseded", "proposed", "planned", "arranger", "allocated")
"""Ties that are over, mere talks, or name a party without its money: not part of an opening state."""
CONFIDENCES = ("high", "medium", "low")

SITE_STATUSES = ("operating", "construction", "announced")
COOLINGS = ("air", "air_and_liquid", "evaporative_and_liquid", "liquid_closed_loop", "unknown")

POWER_KINDS = (
    "nuclear",
    "gas_turbine",
    "gas_engine",
    "fuel_cell",
    "solar",
    "wind",
    "battery",
    "hydro",
    "geothermal",
    "grid",
)
POWER_STATUSES = (
    "operating",
    "restart",
    "construction",
    "ordered",
    "permitted",
    "approved",
    "contracted",
    "announced",
    "proposed",
    "framework",
    "option",
    "pipeline",
    "study",
    "disputed",
    "superseded",
)
