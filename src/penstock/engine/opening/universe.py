"""Who is simulated: firms with full statements, holders that never fail, and sectors that close the system.

The rule is general. A company of a firm layer is a firm when its revenue is known or can be estimated:
stated in a hand-made sheet, from a run rate, from rents of its sites, or from a valuation when a tie binds
it to others. Finance companies and other parties of ties without a sheet are holders: their claims count,
their statements do not (the sheet of a bank or of a manager of consolidated funds would dwarf the economy).
What was bought, what has no money and what is only a plan is left out, with the reason.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from penstock.engine.opening.state import GROUPS, LAYERS, SECTORS
from penstock.engine.rules import Rules, default_rules, rules_of

if TYPE_CHECKING:
    from penstock.world.model import World

FIRM_LAYERS = ("ai", "platform", "data", "silicon", "facilities", "energy")
DONE = ("completed", "closed", "active")
CLAIM_KINDS = ("equity", "loan", "vendor_financing", "guarantee", "warrant", "acquisition")
CUSTOMER_KINDS = ("supply", "compute", "lease", "power_purchase", "model_licence", "revenue_share")

GROUP_OF_ROLE = {
    "lab": "lab",
    "hyperscaler": "hyperscaler",
    "neocloud": "neocloud",
    "data_platform": "data_platform",
    "chip_designer": "chip_designer",
    "foundry": "foundry",
    "packaging": "packaging",
    "substrate": "packaging",
    "memory": "memory",
    "lithography": "lithography",
    "lithography_supplier": "lithography_supplier",
    "equipment": "equipment",
    "eda": "eda",
    "server": "server",
    "network": "network",
    "power_equipment": "power_equipment",
    "cooling": "power_equipment",
    "constructor": "constructor",
    "developer": "developer",
    "colocation": "developer",
    "utility": "utility",
    "generator": "generator",
    "nuclear": "generator",
    "turbine_maker": "turbine_maker",
    "venture": "holding",
    "asset_manager": "holding",
    "end_user": "device_maker",
}
"""Group by the first role of a company; its list names the main trade first."""


@dataclass(frozen=True)
class Universe:
    """Simulated units of one world; `group`, `layer`, `rating`, `rating_estimated` are indexed by `firms`."""

    firms: tuple[str, ...]
    holders: tuple[str, ...]
    sectors: tuple[str, ...]
    names: pd.Series
    """index firms + holders: name for people"""
    group: pd.Series
    layer: pd.Series
    listed: pd.Series
    rating: pd.Series
    """AAA, AA, A, BBB, BB, B, CCC; empty until `estimates.ratings` fills the unrated"""
    rating_estimated: pd.Series
    left_out: pd.DataFrame
    """index company: name, reason"""
    rules: Rules = field(default_factory=default_rules)
    """assumption tables of the world"""


def sector_of(company: str, rules: Rules) -> str | None:
    """Sector that a row of the world stands for, None for a company."""
    if company in rules.part("public_money"):
        return rules.part("public_money")[company]
    return company if company in SECTORS else None


def build_universe(world: World) -> Universe:
    """Sort every company of the world into firms, holders and left out, by the rule of this module."""
    companies = world.table("companies").set_index("id")
    figures = world.figures()
    rules = rules_of(world)
    overrides = rules.overrides
    ties = _real_ties(world)
    earning = _estimable(world, companies, figures, ties)
    bought = _bought(ties)
    firms: list[str] = []
    layer: dict[str, str] = {}
    group: dict[str, str] = {}
    left_out: dict[str, str] = {}
    others: list[str] = []
    for company, row in companies.iterrows():
        name = str(company)
        if sector_of(name, rules) is not None:
            continue
        treat = str(overrides.loc[name, "treat_as"]) if name in overrides.index else ""
        if treat == "left_out":
            left_out[name] = str(overrides.loc[name, "why"])
        elif treat == "firm" or (not treat and row["layer"] in FIRM_LAYERS and earning.get(name)):
            if not treat and name in bought and not _known(figures, name, "revenue"):
                left_out[name] = f"bought by {bought[name]}, inside its sheet"
                continue
            firms.append(name)
            layer[name] = _text(overrides, name, "layer") or str(row["layer"])
            group[name] = _text(overrides, name, "group") or group_of(str(row["roles"]), str(row["layer"]), rules)
        elif name in bought and row["layer"] in FIRM_LAYERS:
            left_out[name] = f"bought by {bought[name]}, inside its sheet"
        else:
            others.append(name)
    forced = set(overrides.index[overrides["treat_as"] == "holder"])
    holders = _holders(others, companies, ties, set(firms), forced)
    for name in others:
        if name not in holders:
            left_out[name] = _reason(str(companies.loc[name, "layer"]), name, ties)
    order = sorted(firms, key=lambda firm: (LAYERS.index(layer[firm]), GROUPS.index(group[firm]), firm))
    index = pd.Index(order, name="firm")
    stated = companies["rating"].reindex(index).astype(object).fillna("").astype(str).str.rstrip("+-")
    units = [*order, *holders]
    reasons = pd.Series(left_out, dtype=object).sort_index()
    return Universe(
        firms=tuple(order),
        holders=tuple(holders),
        sectors=SECTORS,
        names=companies["name"].reindex(units).rename("name"),
        group=pd.Series(group, dtype=object).reindex(index),
        layer=pd.Series(layer, dtype=object).reindex(index),
        listed=companies["listed"].reindex(index).map(_is_true).astype(bool),
        rating=stated,
        rating_estimated=stated == "",
        left_out=pd.DataFrame({"name": companies["name"].reindex(reasons.index), "reason": reasons}),
        rules=rules,
    )


def group_of(roles: str, layer: str, rules: Rules) -> str:
    """Group of a company from its roles.

    Who builds clouds or platforms at scale is a hyperscaler whatever role comes first; an AI company that is
    also an end user lives from devices; a network of the platform layer carries the internet. Roles that a world's
    own table names have its groups.
    """
    listed = [role.strip() for role in roles.split(";") if role.strip()]
    if "hyperscaler" in listed:
        return "hyperscaler"
    if layer == "ai" and "end_user" in listed:
        return "device_maker"
    if layer == "platform" and listed[:1] == ["network"]:
        return "internet_network"
    own = {role: rules.role_groups.get((role, layer), rules.role_groups.get((role, ""))) for role in listed}
    known = [group for role in listed if (group := own[role] or GROUP_OF_ROLE.get(role))]
    return known[0] if known else "holding"


def _real_ties(world: World) -> pd.DataFrame:
    ties = world.active_contracts()
    return ties[~ties["ended"]] if "ended" in ties else ties


def _estimable(world: World, companies: pd.DataFrame, figures: pd.DataFrame, ties: pd.DataFrame) -> dict[str, str]:
    """How the revenue of each company is known or estimated; no entry where it is not."""
    found: dict[str, str] = {}
    series = world.table("series")
    rates = series[(series["series"] == "arr_usd_bn") & (series["date"] <= world.as_of.isoformat())]
    sheets = rules_of(world).sheets
    hand_made = set(sheets.loc[sheets["metric"] == "revenue", "company"])
    bound = set(ties["provider_id"]) | set(ties["receiver_id"])
    sites = world.table("sites")
    letting = set(sites.loc[sites["it_mw_2025"].fillna(0.0) > 0.0, "owner_id"])
    running = set(rates["entity"])
    for company in companies.index:
        name = str(company)
        if _known(figures, name, "revenue"):
            found[name] = "stated"
        elif name in hand_made:
            found[name] = "hand-made sheet"
        elif name in running:
            found[name] = "run rate"
        elif name in letting:
            found[name] = "rents of its sites"
        elif name in bound and (_known(figures, name, "valuation") or _known(figures, name, "market_cap")):
            found[name] = "value over the group's ratio of value to sales"
    return found


def _bought(ties: pd.DataFrame) -> dict[str, str]:
    done = ties[(ties["kind"] == "acquisition") & ties["status"].isin(DONE)]
    return dict(zip(done["receiver_id"], done["provider_id"], strict=True))


def _holders(
    others: Collection[str],
    companies: pd.DataFrame,
    ties: pd.DataFrame,
    firms: set[str],
    forced: set[str],
) -> list[str]:
    """Parties without a sheet that hold a claim on a firm or buy from one, and finance companies with a
    tie.
    """
    candidates = set(others)
    provider, receiver, kind = ties["provider_id"], ties["receiver_id"], ties["kind"]
    claims = set(provider[kind.isin(CLAIM_KINDS) & receiver.isin(firms)])
    customers = set(receiver[kind.isin(CUSTOMER_KINDS) & provider.isin(firms)])
    finance = set(companies.index[companies["layer"] == "finance"])
    bound = finance & (set(provider) | set(receiver))
    return sorted((claims | customers | bound | forced) & candidates)


def _reason(layer: str, company: str, ties: pd.DataFrame) -> str:
    if layer not in FIRM_LAYERS:
        return "no tie in force with a firm"
    if company in set(ties["receiver_id"]) or company in set(ties["provider_id"]):
        return "no revenue known or estimable; its ties carry no money to it yet"
    return "no revenue known or estimable, no tie in force"


def _known(figures: pd.DataFrame, company: str, metric: str) -> bool:
    return (company, metric) in figures.index


def _text(overrides: pd.DataFrame, company: str, column: str) -> str:
    return str(overrides.loc[company, column]) if company in overrides.index else ""


def _is_true(value: object) -> bool:
    return str(value).strip().lower() == "true"
