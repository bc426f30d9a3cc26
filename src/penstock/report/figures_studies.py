"""The figures of studies that simulate again: the value of relief, the loop of valuations, the payoff."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from penstock.report.analyses import Analyses
from penstock.report.numbers import NOT_AVAILABLE, dollars, money, percent, plain, signed, signed_money
from penstock.report.source import ReportData
from penstock.report.spec import Column, Facet, Figure, run_python

RELIEF_OUTPUTS = {
    "tokens": ("Tokens served", "quadrillion"),
    "spending": ("Spending on AI", "$bn"),
    "surplus": ("Surplus of users", "$bn"),
    "capex": ("Capital spending", "$bn"),
    "defaults": ("Companies in default", "per path"),
}
CHANNEL_NAMES = {
    "demand": "users' adoption, own use, training",
    "cost_of_capital": "hurdle rate and spreads",
    "access": "outside money, rounds, lenders, rivals",
}
CUT_NAMES = {"valuation_loop": "without the loop of valuations", "sentiment": "without moods"}
OUTCOME_NAMES = {
    "capex_usd_bn": "Capital spending, $bn over the run",
    "spending_usd_bn": "Users' spending on AI, $bn over the run",
    "value_peak_usd_bn": "Largest sum of market values, $bn",
    "value_end_usd_bn": "Market values at the end, $bn",
    "deepest_capex_fall_share": "Deepest fall of yearly capital spending, share",
    "defaults_per_path": "Companies in default, per path",
}
MEASURE_NAMES = {
    "spending": "spent by users on AI",
    "surplus_of_the_model": "surplus of users, as the model counts it",
    "surplus_linear_level": "surplus, linear demand",
    "surplus_linear_gain": "surplus gained since the opening, linear demand",
    "surplus_constant_elasticity_gain": "surplus gained since the opening, constant elasticity",
    "productivity_research": "added output through research",
    "productivity_education": "added output through education",
    "productivity_health": "added output through health",
    "loss": "written off in defaults",
    "stranded_at_end": "stranded capital at the end",
    "tokens": "tokens served",
    "defaults": "companies in default",
}
UNIT_NAMES = {
    "usd_bn": "$bn",
    "quadrillion": "quadrillion",
    "per_path": "per path",
    "million_h100e": "million H100e",
    "gw_it": "GW IT",
    "usd_per_h100e_hour": "$ per H100e-hour",
    "usd_thousand_per_h100e": "$ thousand per H100e",
    "usd_per_mtok": "$ per million tokens",
    "quadrillion_per_quarter": "quadrillion a quarter",
    "ratio": "ratio",
    "years": "years",
}
Z90 = 1.645


UNIT_WORDS = {
    "thousand_h100e": "1,000 H100e",
    "thousand_h100e_years": "1,000 H100e, year sooner",
    "mw_years": "MW, year sooner",
    "usd_bn": "$1bn",
}
"""Units of what limits (`analysis/shadow_prices.py`), short."""


def price_text(row: Mapping[Any, Any]) -> str:
    """A shadow price with its 95 % interval: `$190k ($96k to $280k)`."""
    usd, low, high = (float(row[name]) for name in ("price_usd", "price_low95", "price_high95"))
    if not math.isfinite(usd):
        return NOT_AVAILABLE
    return f"{dollars(usd, 2)} ({dollars(low, 2)} to {dollars(high, 2)})"


def relief(data: ReportData, found: Analyses) -> Figure | None:
    """What a small loosening of each limit adds over the run, path by path."""
    if found.relief is None:
        return None
    frame = found.relief.relief
    horizon = frame["quarters"].max()
    rows: list[list[object]] = []
    findings: dict[str, str] = {}
    choices: list[tuple[str, str]] = []
    for output, (name, unit) in RELIEF_OUTPUTS.items():
        mine = frame[(frame["output"] == output) & (frame["quarters"] == horizon)].to_dict("records")
        choices.append((output, f"{name}, {unit}"))
        for row in mine:
            knob = f"{row['knob']} {row['apply']}"
            changes = (row[key] for key in ("low95", "difference", "high95", "percent_of_base"))
            priced = [UNIT_WORDS[row["per"]], price_text(row)] if row.get("per") else ["", ""]
            rows.append([output, str(row["relief"]), str(row["limit"]), knob, *changes, *priced])
        top = max(mine, key=lambda row: abs(row["difference"]))
        findings[output] = (
            f"{name}: of the loosenings tried, {top['relief']} ({top['knob']} {top['apply']}) moves it most, by "
            f"{signed(top['difference'])} {unit} over {int(horizon)} quarters ({plain(top['low95'], 2)} to "
            f"{plain(top['high95'], 2)}, 95% interval of the mean)."
        )
    return Figure(
        id="relief",
        kind="whiskers",
        title="What relief of each limit is worth",
        unit="change of the mean over the run, with its 95% interval",
        columns=(
            Column("output", "Output", "text"),
            Column("relief", "Relief", "text"),
            Column("limit", "Of the limit", "text"),
            Column("knob", "How", "text"),
            Column("low", "Change, 95% low"),
            Column("difference", "Change of the mean"),
            Column("high", "Change, 95% high"),
            Column("percent", "% of the mean"),
            Column("per", "One unit of what limits", "text"),
            Column("price", "Worth of a unit (95%)", "text"),
        ),
        rows=rows,
        findings=findings,
        facets=(Facet("output", "Output", tuple(choices)),),
        options={
            "category": "relief",
            "low": "low",
            "value": "difference",
            "high": "high",
            "zero": True,
            "level": "95% of the mean",
            "units": {key: f"{label}, change over the run" for key, label in choices},
        },
        python=run_python(data.directory, "print(ps.bottlenecks(run).relief)"),
        note=(
            f"Scenario {found.relief.scenario.replace('_', ' ')}: one knob loosened from the first quarter on, same "
            "random numbers. The knobs differ in what moving them costs: compare with that cost, not with each other."
        ),
    )


def loop_gain(data: ReportData, found: Analyses) -> Figure | None:
    """The gain of the loop of valuations: in all, through each channel, and by quarters since the push."""
    if found.loop is None:
        return None
    study, gain = found.loop, found.loop.gain
    whole = ("whole", "all channels together", float(gain["gain"]), float(gain["se"]))
    told = [whole]
    told += [
        ("whole", CHANNEL_NAMES[row["channel"]], row["gain"], row["se"]) for row in study.channels.to_dict("records")
    ]
    told += [
        ("quarter", f"{int(row['quarter'])} quarters after", row["gain"], row["se"])
        for row in study.curve.to_dict("records")
    ]
    rows: list[list[object]] = [
        [by, label, value - Z90 * error, value, value + Z90 * error, error] for by, label, value, error in told
    ]
    channel = study.channels.iloc[int(study.channels["gain"].abs().to_numpy(float).argmax())]
    first, last = study.curve.iloc[0], study.curve.iloc[-1]
    return Figure(
        id="loop-gain",
        kind="whiskers",
        title="How strongly valuations feed themselves",
        unit="part of a push to all valuations that comes back; 90% interval",
        columns=(
            Column("by", "By", "text"),
            Column("where", "Where or when", "text"),
            Column("low", "Gain, 90% low"),
            Column("gain", "Gain"),
            Column("high", "Gain, 90% high"),
            Column("se", "Standard error"),
        ),
        rows=rows,
        findings={
            "whole": (
                f"Of a push of 1% to all valuations {plain(whole[2], 2)}% comes back within "
                f"{int(gain['turn_quarters'])} quarters (90% interval {plain(gain['low90'], 2)} to "
                f"{plain(gain['high90'], 2)}), most through {CHANNEL_NAMES[str(channel['channel'])]} "
                f"({plain(float(channel['gain']), 2)}); kept up, a push would end as {plain(gain['amplification'])} "
                f"times itself ({_amplified(gain)})."
            ),
            "quarter": (
                f"The gain goes from {plain(float(first['gain']), 2)} (se {plain(float(first['se']), 2)}) a quarter "
                f"after the push to {plain(float(last['gain']), 2)} (se {plain(float(last['se']), 2)}) after "
                f"{int(last['quarter'])}."
            ),
        },
        facets=(Facet("by", "Show by", (("whole", "channel"), ("quarter", "quarters since the push"))),),
        options={"category": "where", "label_width": 320, "low": "low", "value": "gain", "high": "high", "zero": True},
        python=run_python(data.directory, "found = ps.loop(run)\nprint(found.gain)\nprint(found.channels)"),
        note="One channel at a time sees the push; they need not add up. A gain below 1 dies out, above 1 it grows.",
    )


def _amplified(gain: dict[str, float]) -> str:
    ends = (gain["amplification_low90"], gain["amplification_high90"])
    return " to ".join(plain(end) if math.isfinite(end) else "no bound" for end in ends)


def loop_cuts(data: ReportData, found: Analyses) -> Figure | None:
    """What the same boom is without the loop, and with other debt."""
    if found.loop is None:
        return None
    levels = {f"{row['output']}_{row['unit']}": row["mean"] for row in found.loop.levels.to_dict("records")}
    cuts = [(CUT_NAMES.get(row["without"], row["without"]), row) for row in found.loop.cuts.to_dict("records")]
    variants = [*cuts, *((row["variant"], row) for row in found.loop.debt.to_dict("records"))]
    rows: list[list[object]] = []
    findings: dict[str, str] = {}
    for key, label in OUTCOME_NAMES.items():
        error_key = f"{next(name for name in _stems(key))}_se"
        for name, row in variants:
            change, error = float(row[key]), float(row[error_key])
            rows.append([key, str(name), change - Z90 * error, change, change + Z90 * error, error, levels[key]])
        change, error = float(cuts[0][1][key]), float(cuts[0][1][error_key])
        findings[key] = (
            f"{label}: {plain(levels[key])} as it is; {cuts[0][0]} {signed(change)} (se {plain(error, 2)}) on the "
            "same random numbers."
        )
    return Figure(
        id="loop-cuts",
        kind="whiskers",
        title="The same boom without the loop, and with other debt",
        unit="change of the mean, 90% interval",
        columns=(
            Column("outcome", "Outcome", "text"),
            Column("variant", "Variant", "text"),
            Column("low", "Change, 90% low"),
            Column("change", "Change of the mean"),
            Column("high", "Change, 90% high"),
            Column("se", "Standard error"),
            Column("level", "As it is"),
        ),
        rows=rows,
        findings=findings,
        facets=(Facet("outcome", "Outcome", tuple(OUTCOME_NAMES.items())),),
        options={
            "category": "variant",
            "low": "low",
            "value": "change",
            "high": "high",
            "zero": True,
            "units": {key: f"change of: {label}" for key, label in OUTCOME_NAMES.items()},
        },
        python=run_python(data.directory, "found = ps.loop(run)\nprint(found.cuts)\nprint(found.debt)"),
    )


def _stems(key: str) -> list[str]:
    """Names of outcomes that a column can belong to."""
    from penstock.analysis.loop import OUTCOMES

    return [item.name for item in OUTCOMES if item.key == key]


def payoff(data: ReportData, found: Analyses) -> Figure | None:
    """What the build-out leaves with crises against the same paths without."""
    if found.payoff is None:
        return None
    study = found.payoff
    rows: list[list[object]] = []
    findings: dict[str, str] = {}
    groups = {
        "totals": [
            (MEASURE_NAMES.get(str(row["measure"]), str(row["measure"])), row) for row in _records(study.totals)
        ],
        "written_off": [(str(row["bearer"]), {**row, "unit": "usd_bn"}) for row in _records(study.written_off)],
        **{
            str(at): [(str(row["measure"]), row) for row in _records(mine)]
            for at, mine in study.survivors.groupby("at", sort=False)
        },
    }
    names = {"totals": "totals over the run", "written_off": "written off, by who bears it"}
    for group, members in groups.items():
        for label, row in members:
            base = abs(row["without"]) or math.nan
            change = [100.0 * row[key] / base for key in ("low95", "difference", "high95")]
            unit = UNIT_NAMES.get(str(row["unit"]), str(row["unit"]))
            rows.append([group, label, *change, row["without"], row["with"], row["difference"], unit])
        findings[group] = _payoff_sentence(study, group, members)
    choices = tuple((group, names.get(group, f"what stands {group}")) for group in groups)
    return Figure(
        id="payoff",
        kind="whiskers",
        title="What is left, with crises against without",
        unit="% of the same paths without crises, change of the mean with its 95% interval",
        columns=(
            Column("group", "Group", "text"),
            Column("measure", "Measure", "text"),
            Column("low", "Change, 95% low, %"),
            Column("change", "Change of the mean, %"),
            Column("high", "Change, 95% high, %"),
            Column("without", "Without crises"),
            Column("with", "With crises"),
            Column("difference", "Change"),
            Column("unit", "Unit", "text"),
        ),
        rows=rows,
        findings=findings,
        facets=(Facet("group", "Show", choices),),
        options={
            "category": "measure",
            "label_width": 380,
            "low": "low",
            "value": "change",
            "high": "high",
            "zero": True,
            "level": "95% of the mean",
        },
        python=run_python(data.directory, "found = ps.payoff(run)\nprint(found.totals)\nprint(found.survivors)"),
        note=(
            "Without crises: no black swan arrives, and a default costs nobody else anything; same random numbers. "
            "Surplus and added output overlap: do not add them. Rates of added output are assumptions with wide "
            "ranges (`penstock payoff --format json` lists them with their sources)."
        ),
    )


def _payoff_sentence(study: Any, group: str, members: list[tuple[str, Any]]) -> str:
    by_name = dict(members)

    def told(label: str, row: Any) -> str:
        unit = UNIT_NAMES.get(str(row["unit"]), str(row["unit"]))
        if unit == "$bn":
            return (
                f"{label} {signed_money(row['difference'])} ({money(row['low95'], 2)} to {money(row['high95'], 2)}) "
                f"from {money(row['without'])}"
            )
        return (
            f"{label} {signed(row['difference'])} {unit} ({plain(row['low95'], 2)} to {plain(row['high95'], 2)}) from "
            f"{plain(row['without'])}"
        )

    if group == "totals":
        picked = [MEASURE_NAMES[name] for name in ("surplus_of_the_model", "loss") if MEASURE_NAMES[name] in by_name]
        bust = study.busts[study.busts["case"] == "with crises"].iloc[0]
        head = "; ".join(told(name, by_name[name]) for name in picked)
        return (
            f"Crises change over the run: {head}. Capital spending falls by 40% or more on "
            f"{percent(float(bust['share']))} "
            f"of paths with them (se {plain(100.0 * float(bust['se']), 2)})."
        )
    largest = max(members, key=lambda item: abs(item[1]["difference"]) / (abs(item[1]["without"]) or math.inf))
    return f"Of these, crises change most in proportion: {told(*largest)}."


def _records(frame: Any) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
