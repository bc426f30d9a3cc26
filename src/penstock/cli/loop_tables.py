"""Tables of `loop` for people; programs get the tables of the study as they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from penstock.cli.output import Section, number
from penstock.cli.run_summary import with_error

if TYPE_CHECKING:
    from penstock.analysis.loop import LoopStudy

MOST_FIRMS = 15
USD_BN_IN_TN = 1000.0
UNITS = {
    "points_per_percent": "points for 1 % of value",
    "percent_per_point": "% for 1 point",
    "percent_per_percent": "% for 1 %",
}
CHANNELS = {
    "demand": "users' adoption, own use, training",
    "cost_of_capital": "hurdle rate and spreads",
    "access": "outside money, rounds, lenders, rivals",
}


def loop_sections(study: LoopStudy, size: str, *, people: bool) -> list[Section]:
    """The gain, its links, channels and firms, the boom without the loop and with other debt."""
    if not people:
        names = ("links", "curve", "channels", "firms", "debt", "levels", "cuts")
        return [Section("gain", "Gain", study.gain), *(Section(n, n, getattr(study, n)) for n in names)]
    return [
        _gain(study, size),
        _channels(study),
        _firms(study),
        Section("cuts", "The same boom with a loop cut", _runs(study.cuts, "without"), _levels(study)),
        Section("debt", "The same boom with other debt", _runs(study.debt, "variant")),
    ]


def _gain(study: LoopStudy, size: str) -> Section:
    g = study.gain
    links = pd.DataFrame(
        {
            "link": study.links["link"],
            "change": _signed(study.links["value"], study.links["se"]),
            "in": [UNITS[unit] for unit in study.links["unit"]],
        }
    )
    lines = [
        f"Gain {with_digits(g['gain'], g['se'], signed=True)} (90 % interval {g['low90']:.2f} to {g['high90']:.2f}): "
        "of a push of 1 % to all valuations so much comes back.",
        f"Kept up, it ends as {number(g['amplification'])} times itself ({number(g['amplification_low90'])} to "
        f"{number(g['amplification_high90'])}); the four links multiplied are the gain.",
        "By quarters since the push: "
        + ", ".join(f"{row['quarter']} {row['gain']:.2f}" for row in study.curve.to_dict("records"))
        + ".",
    ]
    return Section("loop", f"Gain of the loop of valuations; {size}", links, "\n".join(lines))


def _channels(study: LoopStudy) -> Section:
    table = pd.DataFrame(
        {
            "where valuations act": [CHANNELS[name] for name in study.channels["channel"]],
            "gain": _signed(study.channels["gain"], study.channels["se"]),
        }
    )
    return Section("channels", "Where the gain comes from", table, "One at a time; they need not add up.")


def _firms(study: LoopStudy) -> Section:
    firms = study.firms.head(MOST_FIRMS)
    table = pd.DataFrame(
        {
            "company": firms["company_id"],
            "part of gain": [f"{part:+.4f}" for part in firms["part"]],
            "value, %": _signed(firms["gain"], firms["se"]),
            "cost of capital, points": [f"{v:+.3f}" for v in firms["cost_of_capital_points"]],
            "capex, %": [f"{v:+.2f}" for v in firms["capex_percent"]],
            "revenue, %": [f"{v:+.2f}" for v in firms["revenue_percent"]],
        }
    )
    rest = float(study.firms["part"].iloc[MOST_FIRMS:].sum())
    note = f"The {len(firms)} with the largest part; the other {len(study.firms) - len(firms)} together {rest:+.4f}."
    return Section("firms", "By firm, for 1 % of all valuations", table, note)


def _levels(study: LoopStudy) -> str:
    by_name = dict(zip(study.levels["output"], study.levels["mean"].astype(float), strict=True))
    return (
        "Changes, mean of paths ± standard error. As it is: "
        f"capex {_tn(by_name, 'capex')}, users' spending {_tn(by_name, 'spending')}, value at its peak "
        f"{_tn(by_name, 'value_peak')} and at the end {_tn(by_name, 'value_end')} usd_tn; deepest fall of yearly capex "
        f"{100.0 * by_name['deepest_capex_fall']:.0f} %; {by_name['defaults']:.1f} defaults a path.\n"
        "valuation_loop: demand, cost of capital and access see the valuations of the opening, whose mood lies above "
        "the one that it returns to. sentiment: mood stands still."
    )


def _tn(levels: dict[str, float], name: str) -> str:
    return f"{levels[name] / USD_BN_IN_TN:,.1f}"


def _runs(frame: pd.DataFrame, first: str) -> pd.DataFrame:
    def column(name: str, key: str, scale: float = 1.0) -> list[str]:
        return [
            with_error(float(v) * scale, float(e) * scale, signed=True)
            for v, e in zip(frame[key], frame[f"{name}_se"], strict=True)
        ]

    return pd.DataFrame(
        {
            first: frame[first],
            "gain": [with_digits(v, e) for v, e in zip(frame["gain"], frame["se"], strict=True)],
            "capex, $bn": column("capex", "capex_usd_bn"),
            "peak, $tn": column("value_peak", "value_peak_usd_bn", 1.0 / USD_BN_IN_TN),
            "fall, pts": column("deepest_capex_fall", "deepest_capex_fall_share", 100.0),
            "defaults": column("defaults", "defaults_per_path"),
        }
    )


def _signed(values: pd.Series, errors: pd.Series) -> list[str]:
    return [with_digits(v, e, signed=True) for v, e in zip(values, errors, strict=True)]


def with_digits(value: float, error: float, *, signed: bool = False) -> str:
    """A number with an error of one or two digits, as small as it may be."""
    if math.isnan(value):
        return ""
    if not error > 0:
        return f"{value:+.3g}" if signed and value else f"{value:.3g}"
    decimals = max(0, 1 - math.floor(math.log10(error)))
    sign = "+" if signed else ""
    return f"{round(value, decimals) + 0.0:{sign},.{decimals}f} ±{error:,.{decimals}f}"
