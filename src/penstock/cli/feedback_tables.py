"""Tables of `loop`, `policy` and `integration` for people; programs get the tables of the studies as they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from penstock.cli.output import Section, number
from penstock.cli.run_summary import with_error
from penstock.report.numbers import wilson_interval

if TYPE_CHECKING:
    from penstock.analysis.integration import IntegrationStudy
    from penstock.analysis.loop import LoopStudy
    from penstock.analysis.policy import PolicyStudy

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
    g = study.gain
    links = pd.DataFrame(
        {
            "link": study.links["link"],
            "change": [_signed(v, e) for v, e in zip(study.links["value"], study.links["se"], strict=True)],
            "in": [UNITS[unit] for unit in study.links["unit"]],
        }
    )
    lines = [
        f"Gain {_signed(g['gain'], g['se'])} (90 % interval {g['low90']:.2f} to {g['high90']:.2f}): "
        "of a push of 1 % to all valuations so much comes back.",
        f"Kept up, it ends as {number(g['amplification'])} times itself ({number(g['amplification_low90'])} to "
        f"{number(g['amplification_high90'])}); the four links multiplied are the gain.",
        "By quarters since the push: "
        + ", ".join(f"{row['quarter']} {row['gain']:.2f}" for row in study.curve.to_dict("records"))
        + ".",
    ]
    where = pd.DataFrame(
        {
            "where valuations act": [CHANNELS[name] for name in study.channels["channel"]],
            "gain": [_signed(v, e) for v, e in zip(study.channels["gain"], study.channels["se"], strict=True)],
        }
    )
    firms = study.firms.head(MOST_FIRMS)
    table = pd.DataFrame(
        {
            "company": firms["company_id"],
            "part of gain": [f"{part:+.4f}" for part in firms["part"]],
            "value, %": [_signed(v, e) for v, e in zip(firms["gain"], firms["se"], strict=True)],
            "cost of capital, points": [f"{v:+.3f}" for v in firms["cost_of_capital_points"]],
            "capex, %": [f"{v:+.2f}" for v in firms["capex_percent"]],
            "revenue, %": [f"{v:+.2f}" for v in firms["revenue_percent"]],
        }
    )
    rest = float(study.firms["part"].iloc[MOST_FIRMS:].sum())
    return [
        Section("loop", f"Gain of the loop of valuations; {size}", links, "\n".join(lines)),
        Section("channels", "Where the gain comes from", where, "One at a time; they need not add up."),
        Section(
            "firms",
            "By firm, for 1 % of all valuations",
            table,
            f"The {len(firms)} with the largest part; the other {len(study.firms) - len(firms)} together {rest:+.4f}.",
        ),
        Section("cuts", "The same boom with a loop cut", _runs(study, study.cuts, "without"), _levels(study)),
        Section("debt", "The same boom with other debt", _runs(study, study.debt, "variant")),
    ]


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


def _runs(study: LoopStudy, frame: pd.DataFrame, first: str) -> pd.DataFrame:
    def column(name: str, key: str, scale: float = 1.0) -> list[str]:
        return [
            with_error(float(v) * scale, float(e) * scale, signed=True)
            for v, e in zip(frame[key], frame[f"{name}_se"], strict=True)
        ]

    return pd.DataFrame(
        {
            first: frame[first],
            "gain": [_plain(v, e) for v, e in zip(frame["gain"], frame["se"], strict=True)],
            "capex, $bn": column("capex", "capex_usd_bn"),
            "peak, $tn": column("value_peak", "value_peak_usd_bn", 1.0 / USD_BN_IN_TN),
            "fall, pts": column("deepest_capex_fall", "deepest_capex_fall_share", 100.0),
            "defaults": column("defaults", "defaults_per_path"),
        }
    )


def _signed(value: float, error: float) -> str:
    return _plain(value, error, signed=True)


def _plain(value: float, error: float, *, signed: bool = False) -> str:
    """A number with an error of one or two digits, as small as it may be."""
    if math.isnan(value):
        return ""
    if not error > 0:
        return f"{value:+.3g}" if signed and value else f"{value:.3g}"
    decimals = max(0, 1 - math.floor(math.log10(error)))
    sign = "+" if signed else ""
    return f"{round(value, decimals) + 0.0:{sign},.{decimals}f} ±{error:,.{decimals}f}"


def policy_sections(study: PolicyStudy, size: str, *, people: bool) -> list[Section]:
    """Policies by the loss that they avoid."""
    if not people:
        return [Section(name, name, getattr(study, name)) for name in ("levels", "changes", "policies")]
    frame = study.changes

    def column(name: str, key: str) -> list[str]:
        return [_amount(float(v), float(e)) for v, e in zip(frame[key], frame[f"{name}_se"], strict=True)]

    table = pd.DataFrame(
        {
            "policy": frame["policy"],
            "loss": column("loss", "loss_usd_bn"),
            "loss, 90 %": [
                f"{_rounded(low)} to {_rounded(high)}"
                for low, high in zip(frame["loss_low90"], frame["loss_high90"], strict=True)
            ],
            "defaults": column("defaults", "defaults_per_path"),
            "surplus": column("surplus", "surplus_usd_bn"),
            "capex": column("capex", "capex_usd_bn"),
            "public": column("public_money", "public_money_usd_bn"),
        }
    )
    sure = frame[frame["public_money_per_loss_avoided"].notna()]
    costs = [
        f"{row['policy']}: {_plain(row['public_money_per_loss_avoided'], row['public_money_per_loss_avoided_se'])} of "
        f"public money, {_plain(row['surplus_forgone_per_loss_avoided'], row['surplus_forgone_per_loss_avoided_se'])} "
        "of surplus"
        for row in sure.to_dict("records")
    ]
    level = "; ".join(
        f"{row['effect'].replace('_', ' ')} {with_error(float(row['mean']), float(row['se']))}"
        f"{'' if row['unit'] == 'per_path' else ' usd_bn'}"
        for row in study.levels.to_dict("records")
    )
    lines = [
        f"Under the shock alone: {level}.",
        "Changes on the same random numbers, usd_bn and defaults a path, mean ± standard error; the largest loss "
        "avoided first. 90 %: interval of the mean change of the loss.",
        *([f"Each dollar of loss avoided costs: {'; '.join(costs)} (negative: gained)."] if costs else []),
        *(
            [f"{len(frame) - len(sure)} of {len(frame)} avoid no loss beyond two standard errors."]
            if len(sure) < len(frame)
            else []
        ),
    ]
    titles = dict(zip(study.policies["policy"], study.policies["title"], strict=True))
    represented = pd.DataFrame(
        {
            "policy": frame["policy"],
            "claims": column("written_down", "written_down_usd_bn"),
            "helped": [f"{100.0 * share:.0f} %" for share in frame["helped_share"]],
            "what": [titles[name] for name in frame["policy"]],
        }
    )
    return [
        Section("changes", f"What policies change, $bn and defaults a path; {size}", table, "\n".join(lines)),
        Section(
            "policies",
            "The policies",
            represented,
            "Claims: the part of the change of the loss that is debt written down, usd_bn; the rest is equity of "
            "failed firms. Helped: share of paths with a smaller loss.\n"
            "How each is represented, with evidence: --format json, or docs/feedback.md.",
        ),
    ]


def _amount(value: float, error: float) -> str:
    """A change with its error; whole numbers where the error is one or more."""
    if error >= 1.0:
        return f"{value:+,.0f} ±{error:,.0f}"
    return with_error(value, error, signed=True)


def _rounded(value: float) -> str:
    return f"{value:+,.0f}" if abs(value) >= 10.0 else f"{value:+,.1f}"


def integration_sections(study: IntegrationStudy, size: str, *, people: bool) -> list[Section]:
    """Make or buy by make and buyer."""
    if not people:
        return [Section(name, name, getattr(study, name)) for name in ("projects", "ensemble", "inputs")]
    sections = []
    for make, title in (("own_chips", "Own chips"), ("own_model", "Own models"), ("own_power", "Own power")):
        rows = study.projects[study.projects["make"] == make]
        if not len(rows):
            continue
        table = pd.DataFrame(
            {
                "company": rows["company_id"],
                "buys, $bn": [number(v) for v in rows["purchases_usd_bn_per_year"]],
                "saves": [f"{100.0 * v:.0f} %" for v in rows["margin"]],
                "NPV, $bn": [
                    with_error(float(v), float(e), signed=True)
                    for v, e in zip(rows["npv_usd_bn"], rows["npv_se"], strict=True)
                ],
                "5 to 95 %": [
                    f"{low:+,.1f} to {high:+,.1f}" for low, high in zip(rows["npv_p05"], rows["npv_p95"], strict=True)
                ],
                "pays off": [
                    _chance(float(p), float(e), int(n))
                    for p, e, n in zip(rows["probability"], rows["probability_se"], rows["draws"], strict=True)
                ],
                "pays from (5 to 95 %)": [
                    f"{_bounded(m)} ({_bounded(low)} to {_bounded(high)})"
                    for low, m, high in zip(
                        rows["break_even_p05"],
                        rows["break_even_usd_bn_per_year"],
                        rows["break_even_p95"],
                        strict=True,
                    )
                ],
            }
        )
        first = rows.iloc[0]
        note = f"Research and development {number(float(first['project_cost_usd_bn']))} usd_bn in present value"
        if make == "own_power":
            note += "; the plant comes on top and is in the net present value"
        if math.isfinite(float(first["break_even_quantity"])):
            note += (
                f". To {first['company_id']} it pays from {number(float(first['break_even_quantity']))} "
                f"{first['quantity_unit']}"
            )
        note += (
            ".\nBuys, pays from: $bn a year. Pays off: share of draws on which making beats buying. Never: no "
            "quantity below usd_bn 1,000 a year"
        )
        sections.append(Section(make, f"{title}: make or buy; {size}", table, f"{note}."))
    shown = study.ensemble[study.ensemble["paths_with_project"] > 0.0]
    table = pd.DataFrame(
        {
            "company": shown["company_id"],
            "own share at the end, %": [
                with_error(100.0 * v, 100.0 * e) for v, e in zip(shown["own_chips_share"], shown["se"], strict=True)
            ],
            "5 to 95 % of paths": [
                f"{100.0 * low:.0f} to {100.0 * high:.0f}" for low, high in zip(shown["p05"], shown["p95"], strict=True)
            ],
            "paths with a project, %": [
                with_error(100.0 * v, 100.0 * e)
                for v, e in zip(shown["paths_with_project"], shown["paths_with_project_se"], strict=True)
            ],
        }
    )
    note = (
        "Share of today's accelerator purchases that own designs replace under the model's own rule; what is own "
        f"design at the opening is not counted. {len(study.ensemble) - len(shown)} other buyers start none."
    )
    sections.append(Section("ensemble", f"Own chips in the ensemble; {size}", table, note))
    return sections


MOST_USD_BN = 1000.0
"""A break-even above this is no quantity that anybody buys."""


def _bounded(value: float) -> str:
    return number(value) if value < MOST_USD_BN else "never"


def _chance(share: float, error: float, paths: int) -> str:
    """A probability; within two standard errors of none or all as a range (Wilson, 90 %)."""
    if math.isnan(error) or paths <= 0:
        return f"{100.0 * share:.0f} %"
    if min(share, 1.0 - share) <= 2.0 * error:
        low, high = wilson_interval(round(share * paths), paths)
        return f"{100.0 * low:.0f} to {100.0 * high:.0f} %"
    return f"{100.0 * share:.0f} ±{100.0 * error:.0f} %"
