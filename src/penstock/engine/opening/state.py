"""The opening state: what every company owns, owes, earns and pays on the as-of date.

The arrays of the engine are cut from these tables once; nothing here changes during a run.
Money is nominal US dollars in billions; flows are per quarter unless a column says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from penstock.engine.rules import Rules

LAYERS = ("ai", "platform", "data", "silicon", "facilities", "energy", "finance")
"""Order in which firms stand in every array (compute owners, ai and platform, come first)."""

GROUPS = (
    "lab",  # frontier and other model makers
    "hyperscaler",  # clouds and consumer platforms that build for themselves
    "device_maker",  # apple, tesla: AI users with a large other business
    "neocloud",  # rents accelerators to others
    "data_platform",
    "internet_network",  # akamai, cloudflare
    "chip_designer",
    "foundry",
    "packaging",  # assembly, test, substrates
    "memory",
    "lithography",
    "lithography_supplier",
    "equipment",
    "eda",
    "server",
    "network",
    "power_equipment",  # power and cooling equipment of data centres
    "constructor",
    "developer",  # developers and colocation
    "utility",
    "generator",
    "turbine_maker",
    "holding",  # softbank
)

CATEGORIES = (
    # payments in topological order: spending of a payer in one category can depend on
    # what it received in the categories above
    "models",  # users -> labs, platforms, data firms: AI services
    "model_access",  # revenue shares and model licences
    "compute",  # labs, data firms, platforms, enterprises -> clouds
    "accelerators",  # fleet owners -> chip designers
    "servers",  # fleet owners -> server makers (value added, the chip is paid once)
    "network",  # fleet owners -> network and optics makers
    "construction",  # fleet owners and developers -> constructors
    "power_cooling",  # fleet owners and developers -> power and cooling equipment
    "wafers",  # chip designers -> foundries and packaging
    "memory",  # chip designers -> memory makers
    "eda",  # chip designers -> design software
    "tools",  # foundries, memory, packaging -> lithography and equipment (their capex)
    "optics",  # lithography -> its suppliers of lasers and mirrors
    "lease",  # fleet owners -> developers and colocation
    "energy",  # fleet owners and developers -> utilities and generators
    "fuel",  # utilities and generators -> unnamed fuel suppliers
    "generation",  # utilities, generators and developers -> turbine and generation equipment
)

SECTORS = (
    "households",
    "enterprises",
    "governments",
    "workers",
    "tax_office",
    "row_customers",
    "row_suppliers",
    "other_ai_buyers",
    "bond_market",
    "private_credit",
    "bank_syndicate",
    "public_equity",
    "private_investors",
    "oem_vendors",
    "lessors",
    "row_rest",
)

ASSET_LINES = (
    "cash",
    "receivables",
    "compute_equipment",  # accelerators, servers, networks (short lived)
    "buildings",  # halls, fabs, plants, power equipment (long lived)
    "construction",  # paid but not yet in service
    "inventory",
    "goodwill",
    "loans_given",
    "stakes",  # at fair value
    "other_assets",
)
"""The asset side of an opening sheet, in the order in which it is shown."""

LIABILITY_LINES = ("debt", "lease_liabilities", "payables", "other_liabilities")

SHEET_COLUMNS = (
    *ASSET_LINES,
    *LIABILITY_LINES,
    "equity",  # = assets - liabilities
    "plug",  # signed amount that had to be booked to make the named lines meet; inside other_*
    "stake_revaluation",  # fair value of stakes above what the reported sheet carries; inside equity
)

FLOW_COLUMNS = (
    # of the last quarter at the as-of date (exit rate), usd_bn per quarter
    "revenue",
    "other_revenue",  # not carried by a flow tie: paid by a sector
    "tie_revenue",
    "tie_cost",  # operating cost paid along flow ties
    "other_cost",  # cash operating cost paid to workers and row_suppliers
    "capex",
    "tie_capex",  # capex paid along flow ties
    "depreciation",
    "interest",
    "tax",
    "payout",  # dividends and buybacks
    "ltm_revenue",  # usd_bn per year, as reported
    "ltm_capex",
    "ai_capex_share",
    "ebit_margin",
    "other_growth",  # yearly growth of other revenue
    "recession_beta",
)

PHYSICAL_COLUMNS = (
    "h100e_installed",  # million H100e in service
    "h100e_waiting",  # million H100e delivered, not in service
    "h100e_on_order",  # million H100e, backlog
    "h100e_per_quarter",  # million H100e delivered in the last quarter
    "it_power_in_use_gw",
    "halls_gw",  # halls ready, IT power
    "power_gw",  # firm power, IT power equivalent (facility / PUE)
    "halls_pipeline_gw",
    "power_pipeline_gw",
    "leased_share",  # share of halls rented from developers
    "own_use_share",  # share of the fleet for own products and own models
    "pue",
)


@dataclass(frozen=True)
class Opening:
    """Opening state of one world at its as-of date. Rows follow `firms`, `units` = firms + holders + sectors."""

    as_of: str
    firms: tuple[str, ...]
    holders: tuple[str, ...]
    sectors: tuple[str, ...]
    profile: pd.DataFrame
    """index firm: name, layer, group, rating (AAA..CCC), rating_estimated (bool), listed, market_value (usd_bn),
    equity_volatility, evidence_share_ef (share of sheet dollars at grade E or F)
    """
    sheet: pd.DataFrame
    """index firm, SHEET_COLUMNS, usd_bn"""
    sheet_grades: pd.DataFrame
    """index firm, SHEET_COLUMNS, grade A..F of each figure"""
    flows: pd.DataFrame
    """index firm, FLOW_COLUMNS, usd_bn per quarter unless said"""
    flow_grades: pd.DataFrame
    assets_grade: pd.Series
    """index firm: grade A..F of its total assets, of which the lines of the sheet are parts"""
    physical: pd.DataFrame
    """index compute owner (firms of layers ai and platform, then `other_ai_buyers`), PHYSICAL_COLUMNS"""
    flow_ties: pd.DataFrame
    """tie_id, contract_id (or ''), payer, payee, category, base (usd_bn per quarter), share (of payer's spending in
    the category), grade; sorted by category, payer
    """
    schedules: pd.DataFrame
    """tie_id (of flow_ties), contract_id, binding, then q0..q59: contracted due in usd_bn per quarter (take-or-pay
    minimum before the haircut of its binding), additive (bool), grade
    """
    debt_ties: pd.DataFrame
    """tie_id, contract_id, borrower, lender, instrument (loan|bond|lease), balance, rate (per year), amortisation
    (share per quarter), bullet_quarter (-1 none), secured (bool), draw_share (share of new borrowing that this
    lender takes), grade
    """
    credit_lines: pd.Series
    """index firm: undrawn committed lines, usd_bn"""
    stakes: pd.DataFrame
    """tie_id, contract_id, holder, company, share, round_share (share of a new round that this holder takes),
    strategic (bool), grade; shares of each company add to 1
    """
    guarantees: pd.DataFrame
    """contract_id, guarantor, beneficiary (whose obligation is backed), landlord ('' = all its lease payees), cap
    (usd_bn), grade
    """
    rules: Rules
    """assumption tables of the world"""
    notes: tuple[str, ...] = ()
    """What the rules had to decide, one sentence each"""

    @property
    def units(self) -> tuple[str, ...]:
        """Ids of all that hold accounts: firms, holders, sectors."""
        return self.firms + self.holders + self.sectors
