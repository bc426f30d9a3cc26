"""What `penstock token` prints: the waterfall, who is paid, the physics below it, and what moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from penstock.cli.output import Section
from penstock.report.numbers import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from penstock.analysis.token_price import TokenPrice

COMPANIES_SHOWN = 12
DRIVERS_SHOWN = 8
PHYSICS = {
    "users_at_once": ("users of a replica at once", ""),
    "tokens_per_s_per_user": ("speed of a user", "tokens/s"),
    "decode_tokens_per_s_per_chip": ("a chip writes", "tokens/s"),
    "prefill_tokens_per_s_per_chip": ("a chip reads", "tokens/s"),
    "installed_chip_seconds": ("installed chip time", "chip-s"),
    "servers_joules_per_token": ("energy in servers", "J per token"),
    "network_joules_per_token": ("energy in network and storage", "J per token"),
    "building_joules_per_token": ("energy of the building", "J per token"),
    "joules_per_token": ("energy, all", "J per token"),
    "energy_kwh": ("electricity", "kWh"),
    "water_site_litres": ("water at the site", "litres"),
    "carbon_kg": ("carbon at the grid's mean", "kg"),
    "full_cost_usd_per_chip_hour": ("full cost of an installed chip-hour", "$"),
}
PRICE_NOTE = (
    "$ per million output tokens with the input tokens that come with them; 5 to 95 % ranges.\n"
    "The parts add up to the price. A cost is what a layer pays beyond the layers shown\n"
    "here; a margin is what it keeps before its own staff, research and taxes."
)
LIST_NOTE = "The price is the list price for this mix of input, cached input and output."
BUILT_NOTE = "No list price: compute at its price, over one less the gross margin of labs."
DRIVER_NOTE = "Cloud's full cost ($ per million output tokens) with one input at its low and its high."
INTEGRATED_NOTE = (
    "Integrated: chips at the cost of making them with a design partner's margin, own\n"
    "designs doing a little less work each, power from an own gas plant, no margin of a\n"
    "cloud or a lab. Research is paid either way: a lab that sells below what it spends on\n"
    "research shows as a negative margin, which its owners pay."
)


def token_sections(found: TokenPrice, *, people: bool) -> list[Section]:
    """The parts of the result; for people rounded, without what is next to nothing."""
    if not people:
        names = ("parts", "layers", "companies", "physics", "drivers")
        parts = [Section(name, name, getattr(found, name)) for name in names]
        if found.integrated is not None:
            parts.append(Section("integrated", "integrated", found.integrated))
        if found.versus is not None:
            parts.append(Section("versus", "versus", found.versus.parts))
        return parts
    if found.versus is not None:
        first = Section(
            "parts", f"{found.model} and {found.versus.model}: {_where(found)}", _versus(found), _note(found)
        )
    else:
        first = Section("parts", f"{found.model}: {_where(found)}", _waterfall(found), _note(found))
    parts = [first]
    if found.integrated is not None:
        parts.append(Section("integrated", "Bought or integrated", _integrated(found.integrated), INTEGRATED_NOTE))
    parts += [
        Section("companies", "Who is paid", _companies(found.companies)),
        Section("physics", "Down to joules: per million output tokens", _physics(found.physics)),
        Section("drivers", "What moves the cost most", _drivers(found.drivers), DRIVER_NOTE),
    ]
    return parts


def _where(found: TokenPrice) -> str:
    place = found.place
    site = f"{place['site']} ({place['region']})" if place["site"] else place["region"]
    remark = f"; {place['remark']}" if place["remark"] else ""
    return f"{found.chips_per_replica} {found.chip} a replica, {site}, power {place['power_from']}{remark}"


def _note(found: TokenPrice) -> str:
    price = found.price
    if price["basis"] == "list":
        basis = (
            f"{LIST_NOTE}\nList of {price['list_date']}: {price['list_output_usd_per_mtok']:g} output, "
            f"{price['list_input_usd_per_mtok']:g} input."
        )
    else:
        basis = BUILT_NOTE
    return f"{PRICE_NOTE}\n{basis}"


def _usd(value: float) -> str:
    return plain(value, 2)


def _span(row: Mapping[Any, Any], name: str = "usd_per_mtok") -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    between = " to " if low < 0.0 else "–"
    return f"{_usd(row[name])} ({_usd(low)}{between}{_usd(high)})"


def _waterfall(found: TokenPrice) -> pd.DataFrame:
    rows, sofar = [], 0.0
    for row in found.parts.to_dict("records"):
        sofar += row["usd_per_mtok"]
        rows.append(
            {
                "layer": row["layer"],
                "part": row["part"],
                "$ per M tokens": _span(row),
                "%": f"{100 * row['share']:.1f}",
                "so far": _usd(sofar),
            }
        )
    rows.append(
        {"layer": "", "part": "price", "$ per M tokens": _span(found.price), "%": "100.0", "so far": _usd(sofar)}
    )
    return pd.DataFrame(rows)


def _versus(found: TokenPrice) -> pd.DataFrame:
    other = found.versus
    assert other is not None
    rows = []
    for one, two in zip(found.parts.to_dict("records"), other.parts.to_dict("records"), strict=True):
        rows.append(_pair(str(one["part"]), one, two, found.model, other.model))
    rows.append(_pair("price", found.price, other.price, found.model, other.model))
    return pd.DataFrame(rows)


def _pair(name: str, one: Mapping[Any, Any], two: Mapping[Any, Any], a: str, b: str) -> dict[str, str]:
    return {
        "part": name,
        a: _span(one),
        b: _span(two),
        "difference": _usd(two["usd_per_mtok"] - one["usd_per_mtok"]),
    }


def _integrated(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "part": row["part"],
                "bought": _usd(row["bought"]),
                "integrated": _span(row, "integrated"),
                "difference": _usd(row["difference"]),
            }
            for row in table.to_dict("records")
        ]
    )


def _companies(table: pd.DataFrame) -> pd.DataFrame:
    shown = table.head(COMPANIES_SHOWN).to_dict("records")
    rows = [_company(str(row["company"]), row) for row in shown]
    rest = table.iloc[COMPANIES_SHOWN:]
    if len(rest):
        left = rest[["usd_per_mtok", "margin_usd_per_mtok", "share"]].sum().to_dict()
        rows.append(_company(f"{len(rest)} others", left))
    return pd.DataFrame(rows)


def _company(name: str, row: Mapping[Any, Any]) -> dict[str, str]:
    return {
        "company": name,
        "$ per M tokens": _usd(row["usd_per_mtok"]),
        "of which margin": _usd(row["margin_usd_per_mtok"]),
        "%": f"{100 * row['share']:.1f}",
    }


def _physics(table: pd.DataFrame) -> pd.DataFrame:
    held = table.set_index("quantity").to_dict("index")
    rows = []
    for name, (words, unit) in PHYSICS.items():
        row = held[name]
        span = f"{plain(row['value'])} ({plain(row['value_low'], 2)} to {plain(row['value_high'], 2)})"
        rows.append({"quantity": words, "value": span, "unit": unit})
    return pd.DataFrame(rows)


def _drivers(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in table.head(DRIVERS_SHOWN).to_dict("records"):
        case = row["input"] == "efficiency"
        ends = "slow to fast" if case else f"{plain(row['low'])} to {plain(row['high'])}"
        rows.append(
            {
                "input": row["input"],
                "range": ends,
                "unit": "" if case else row["unit"],
                "cost at low": _usd(row["cost_at_low"]),
                "cost at high": _usd(row["cost_at_high"]),
                "grade": row["grade"],
            }
        )
    return pd.DataFrame(rows)
