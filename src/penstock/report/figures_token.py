"""The figure of a token's price: the waterfall of a million output tokens in the world of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.errors import PenstockError
from penstock.report.numbers import percent, plain
from penstock.report.source import LAYER_NAMES, ReportData
from penstock.report.spec import Column, Facet, Figure, run_python
from penstock.world import World

if TYPE_CHECKING:
    from penstock.analysis.token_price import TokenPrice

MODELS = (("moe_671b", "671B mixture of experts"), ("dense_70b", "70B dense model"), ("dense_405b", "405B dense model"))
"""Presets that the figure offers, the first is shown at opening."""


def token_waterfall(data: ReportData) -> Figure | None:
    """What a million output tokens cost part by part, and who is paid; None where the world cannot price them."""
    found = prices(data)
    if not found:
        return None
    rows: list[list[object]] = []
    findings = {}
    for name, price in found.items():
        rows += [[name, *row] for row in _rows(price)]
        findings[name] = _sentence(data, price)
    return Figure(
        id="token-price",
        kind="whiskers",
        title="The price of a token, from the joules up",
        unit="US dollars per million output tokens, the input tokens that come with them included",
        columns=(
            Column("model", "Model", "text"),
            Column("part", "Part", "text"),
            Column("layer_name", "Layer", "text"),
            Column("layer", "Layer id", "text", hidden=True),
            Column("kind", "Cost, or kept", "text"),
            Column("p05", "Low, $"),
            Column("estimate", "Central, $"),
            Column("p95", "High, $"),
            Column("share", "Share of the price", "share"),
        ),
        rows=rows,
        findings=findings,
        facets=(Facet("model", "Model", tuple((name, label) for name, label in MODELS if name in found)),),
        options={"category": "part", "layer": "layer", "low": "p05", "value": "estimate", "high": "p95", "zero": True},
        python=run_python(data.directory, f'print(ps.token_price(run.world, "{next(iter(found))}").parts)\n'),
        note=(
            "At the as-of date of the world, not along a path. The central values add up to the price; ranges move "
            "each input alone. What the lab has left pays its research, often less than it spends. Other models, sites "
            "and sources of power: ./penstock token."
        ),
    )


def prices(data: ReportData) -> dict[str, TokenPrice]:
    """Priced presets by name; none for a world without chips and their prices."""
    from penstock.analysis.token_price import token_price

    world = data.world
    if not isinstance(world, World):
        return {}
    out = {}
    for name, _ in MODELS:
        try:
            out[name] = token_price(world, name)
        except PenstockError:
            return {}
    return out


def _rows(price: TokenPrice) -> list[list[object]]:
    """Parts of a cloud's price as they are; research and margin of the lab as one, what compute leaves of the price."""
    rows: list[list[object]] = []
    for part in price.parts.to_dict("records"):
        if part["layer"] == "ai":
            continue
        label = LAYER_NAMES.get(str(part["layer"]), str(part["layer"]))
        kind = "cost" if part["kind"] == "cost" else "kept"
        ends = [part[f"usd_per_mtok{end}"] for end in ("_low", "", "_high")]
        rows.append([str(part["part"]), label, str(part["layer"]), kind, *ends, part["share"]])
    found = price.price
    ends = [found[f"lab_usd_per_mtok{end}"] for end in ("_low", "", "_high")]
    share = found["lab_usd_per_mtok"] / found["usd_per_mtok"]
    return [*rows, ["lab, research in it", LAYER_NAMES["ai"], "ai", "kept", *ends, share]]


def _sentence(data: ReportData, price: TokenPrice) -> str:
    found = price.price
    named = price.companies[price.companies["company"].isin(data.company_names)]
    top = [
        f"{data.name_of(str(row['company']))} {percent(float(row['share']))}"
        for row in named.head(3).to_dict("records")
    ]
    parts = price.parts.set_index("part")["usd_per_mtok"]
    energy = float(parts["electricity"]) / found["usd_per_mtok"]
    return (
        f"A million output tokens cost users ${plain(found['usd_per_mtok'], 2)} "
        f"(${plain(found['usd_per_mtok_low'], 2)} to ${plain(found['usd_per_mtok_high'], 2)}) on {price.chip}; "
        f"electricity is {percent(energy)} of it. Of the companies by name most is paid to {', '.join(top)}."
    )
