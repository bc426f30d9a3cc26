"""How much of the AI economy the Magnificent Seven hold, measure by measure."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from penstock.world.grading import weakest
from penstock.world.model import World
from penstock.world.vocabulary import MAG7

BUILDER_ROLES = ("lab", "hyperscaler", "neocloud")
STACK_LAYERS = ("ai", "data", "platform", "silicon", "facilities", "energy")
OWN_CHIP_MAKERS = {"tpu": "alphabet", "trainium": "amazon"}
"""Designers in `h100e_shipped_cumulative` whose chips stay with one owner; AMD's owners are not told."""


@dataclass(frozen=True)
class Holding:
    """What one company holds of a measure."""

    company_id: str
    value: float
    grade: str


@dataclass(frozen=True)
class Concentration:
    """Answer to "do the Magnificent Seven control AI?".

    `measures`: one row a measure with the amounts of the seven and of all, the share (0-1), the grade of the
    weakest input, the share of the total on grades A to C, and what stands above and below the line.
    `holders`: what each of the seven holds. `sentence`: the answer in words.
    """

    measures: pd.DataFrame
    holders: pd.DataFrame
    sentence: str


COLUMNS = (
    "measure", "mag7", "all", "unit", "share", "grade", "share_on_a_to_c", "numerator", "denominator",
)  # fmt: skip


def concentration(world: World) -> Concentration:
    """Shares of the Magnificent Seven in AI capex, compute, cloud revenue, model equity and market value."""
    rows: list[dict[str, object]] = []
    holders: list[dict[str, object]] = []
    for label, unit, holdings, numerator, denominator in (
        _capex(world),
        _compute(world),
        _cloud_revenue(world),
        _model_equity(world),
        _market_value(world),
    ):
        total = sum(holding.value for holding in holdings)
        held = sum(holding.value for holding in holdings if holding.company_id in MAG7)
        if total <= 0:
            continue
        good = sum(holding.value for holding in holdings if holding.grade in "ABC")
        rows.append(
            {
                "measure": label,
                "mag7": held,
                "all": total,
                "unit": unit,
                "share": held / total,
                "grade": weakest(holding.grade for holding in holdings),
                "share_on_a_to_c": good / total,
                "numerator": numerator,
                "denominator": denominator,
            }
        )
        parts = pd.DataFrame([(h.company_id, h.value) for h in holdings], columns=["id", "value"])
        shares = parts.groupby("id")["value"].sum() / total
        holders.append({"measure": label, **{company: float(shares.get(company, 0.0)) for company in MAG7}})
    measures = pd.DataFrame(rows, columns=list(COLUMNS)).set_index("measure")
    by_company = pd.DataFrame(holders, columns=["measure", *MAG7]).set_index("measure")
    return Concentration(measures, by_company, _sentence(measures))


_Measure = tuple[str, str, list[Holding], str, str]


def _figure_holdings(world: World, metric: str, companies: set[str]) -> list[Holding]:
    figures = world.figures().reset_index()
    chosen = figures[(figures["metric"] == metric) & figures["company_id"].isin(companies)]
    columns = (chosen["company_id"], chosen["value"], chosen["grade"])
    return [Holding(str(c), float(v), str(g)) for c, v, g in zip(*columns, strict=True)]


def _with_role(world: World, roles: tuple[str, ...]) -> set[str]:
    companies = world.table("companies")
    fits = [bool(set(str(held).split(";")) & set(roles)) for held in companies["roles"]]
    return set(companies.loc[fits, "id"])


def _capex(world: World) -> _Measure:
    companies = world.table("companies")
    layers = set(companies.loc[companies["layer"].isin(("ai", "platform")), "id"])
    holdings = _figure_holdings(world, "capex", _with_role(world, BUILDER_ROLES) & layers)
    inside = [holding.company_id for holding in holdings if holding.company_id in MAG7]
    return (
        "AI builders' capex",
        "usd_bn/year",
        holdings,
        f"capital spending for all purposes of {', '.join(inside)}",
        f"the same of all {len(holdings)} labs, hyperscalers and neoclouds with a figure",
    )


def _compute(world: World) -> _Measure:
    series = world.table("series")
    series = series[series["date"] <= world.as_of.isoformat()].sort_values("date")
    shipped = series[series["series"] == "h100e_shipped_cumulative"].groupby("entity").tail(1)
    owned = series[series["series"] == "nvidia_h100e_owned_cumulative"].groupby("entity").tail(1)
    holdings = [
        Holding(OWN_CHIP_MAKERS.get(str(entity), f"owners of {entity}"), float(value), str(grade))
        for entity, value, grade in zip(shipped["entity"], shipped["value"], shipped["grade"], strict=True)
        if entity != "nvidia"
    ]
    known = 0.0
    for entity, value, grade in zip(owned["entity"], owned["value"], owned["grade"], strict=True):
        holdings.append(Holding(str(entity), float(value), str(grade)))
        known += float(value)
    total = shipped.loc[shipped["entity"] == "nvidia"]
    rest = float(total["value"].iloc[0]) - known if len(total) else 0.0
    if rest > 0:
        holdings.append(Holding("owners not told", rest, str(total["grade"].iloc[0])))
    return (
        "compute owned",
        "h100e",
        holdings,
        "NVIDIA chips owned by the seven, all TPU (alphabet) and Trainium (amazon)",
        "all shipped: NVIDIA, TPU, Trainium, AMD; cumulated, 8-bit basis, none retired",
    )


def _cloud_revenue(world: World) -> _Measure:
    sellers = _with_role(world, ("hyperscaler",))
    holdings = _figure_holdings(world, "cloud_revenue", sellers)
    companies = world.table("companies")
    platform = set(companies.loc[companies["layer"] == "platform", "id"])
    told = {holding.company_id for holding in holdings}
    neoclouds = (_with_role(world, ("neocloud",)) & platform) - told - set(MAG7)
    holdings += _figure_holdings(world, "revenue", neoclouds - sellers)
    return (
        "cloud revenue",
        "usd_bn/year",
        holdings,
        "AWS, Google Cloud, and Azure alone (Microsoft Cloud is wider)",
        "the same with the cloud units of other hyperscalers and all revenue of neoclouds",
    )


def _model_equity(world: World) -> _Measure:
    companies = world.table("companies").set_index("id")
    figures = world.figures()
    valued = figures.index.get_level_values("metric") == "valuation"
    values = figures[valued].droplevel("metric")
    labs = [
        str(lab) for lab in values.index if companies.loc[lab, "layer"] == "ai" and companies.loc[lab, "roles"] == "lab"
    ]
    stakes = world.active_contracts()
    stakes = stakes[
        (stakes["kind"] == "equity")
        & stakes["receiver_id"].isin(labs)
        & stakes["provider_id"].isin(MAG7)
        & ~stakes["status"].isin(("announced", "pending", "framework", "reported"))
    ]
    held: list[Holding] = []
    for stake in stakes.to_dict(orient="records"):
        lab = str(stake["receiver_id"])
        grade = weakest([str(stake["grade"]), str(values.loc[lab, "grade"])])
        if pd.notna(stake["share"]):
            worth = float(stake["share"]) * float(values["value"].loc[lab])
        elif pd.notna(stake["amount_usd_bn"]):
            worth = float(stake["amount_usd_bn"])
        else:
            continue
        held.append(Holding(str(stake["provider_id"]), worth, grade))
    rest = [
        Holding(
            f"others in {lab}",
            float(values["value"].loc[lab]) - sum(h.value for h, s in _paired(held, stakes) if s == lab),
            str(values.loc[lab, "grade"]),
        )
        for lab in labs
    ]
    return (
        "model equity",
        "usd_bn",
        held + rest,
        "stakes of the seven in independent labs: share times valuation, else the sum paid (a floor)",
        f"valuations of {', '.join(labs)}; models made inside the seven have no price",
    )


def _paired(held: list[Holding], stakes: pd.DataFrame) -> list[tuple[Holding, str]]:
    told = stakes[stakes["share"].notna() | stakes["amount_usd_bn"].notna()]
    return list(zip(held, told["receiver_id"].astype(str), strict=True))


def _market_value(world: World) -> _Measure:
    companies = world.table("companies")
    stack = set(companies.loc[companies["layer"].isin(STACK_LAYERS), "id"])
    holdings = _figure_holdings(world, "market_cap", stack)
    listed = {holding.company_id for holding in holdings}
    holdings += _figure_holdings(world, "valuation", stack - listed)
    return (
        "market value",
        "usd_bn",
        holdings,
        "market values of the seven, all their business in",
        f"market value or valuation of all {len(holdings)} companies of the six layers with one",
    )


def _sentence(measures: pd.DataFrame) -> str:
    if measures.empty:
        return "This world holds no figures of the Magnificent Seven."
    told = [f"{share:.0%} of {name}" for name, share in measures["share"].items()]
    most = [str(name) for name, share in measures["share"].items() if share > 0.5]
    less = [str(name) for name, share in measures["share"].items() if share <= 0.5]
    listed = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    if not less:
        verdict = "the claim that they control most of AI holds on every measure"
    elif not most:
        verdict = "the claim that they control most of AI holds on none of these measures"
    else:
        verdict = f"the claim that they control most of AI holds for {_and(most)}, but not for {_and(less)}"
    return f"The Magnificent Seven hold {listed}: {verdict}."


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
