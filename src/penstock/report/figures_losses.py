"""The figures of what is lost: its distribution over paths, who bears it, and what each scenario adds."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.report.analyses import Analyses
from penstock.report.numbers import (
    digits_supported,
    money,
    money_range,
    percent,
    plain,
    signed,
    signed_money,
    wilson_interval,
)
from penstock.report.source import ReportData
from penstock.report.spec import Column, Facet, Figure, Rows, run_python, scenario_facet, told_by

CURVE_POINTS = 40
BEARER_NAMES = {
    "equity": "owners of failed companies",
    "lenders": "lenders",
    "suppliers": "suppliers and partners",
    "state": "the state",
    "users": "users and employees",
    "total": "all losses",
    "rescue money": "beside them: public money for rescues",
}
OUTPUT_NAMES = {
    "losses": "Losses in defaults, $bn over the run",
    "defaults": "Companies in default, per path",
    "capex": "Capital spending, $bn over the run",
    "spending": "Spending on AI, $bn over the run",
    "surplus": "Surplus of users, $bn over the run",
    "h100e": "Installed compute at the end, million H100e",
    "it_power": "IT power at the end, GW",
}


def loss_curve(data: ReportData, found: Analyses) -> Figure | None:
    """Share of paths that lose at least so much, with its 90 % interval."""
    from penstock.analysis.tail_risk import expected_loss, expected_shortfall, value_at_risk

    if not found.losses:
        return None

    def tell(scenario: str) -> tuple[Rows, str]:
        losses = found.losses[scenario]
        lost = losses.loss_usd_bn
        if not (lost > 0.0).any():
            return [], f"Nothing is lost in defaults on any of the {len(lost):,} paths."
        mean = expected_loss(lost)
        tail, shortfall = value_at_risk(lost, 0.95), expected_shortfall(lost, 0.95)
        owners = float(losses.by_bearer["equity"].mean()) / mean.value
        return _exceedance(lost), (
            f"Losses in defaults over the run are {_with_error(mean.value, mean.se)} on the mean path and "
            f"{money(float(np.median(lost)))} on the median path; 5% of paths lose {money(tail.value)} or more "
            f"({_span(tail.low, tail.high)}), {money(shortfall.value, 2)} on average; "
            f"{percent(owners)} of the mean is equity of failed companies at its last value before distress."
        )

    rows, findings = told_by(found.losses, tell)
    return Figure(
        id="loss-curve",
        kind="curve",
        title="How much is lost in defaults",
        unit="% of paths that lose at least so much over the run",
        columns=(
            Column("scenario", "Scenario", "text"),
            Column("loss", "Losses over the run, $bn"),
            Column("share", "Paths that lose so much or more", "share"),
            Column("low", "90% interval, low", "share"),
            Column("high", "90% interval, high", "share"),
        ),
        rows=rows,
        findings=findings,
        facets=(scenario_facet(tuple(found.losses)),),
        options={
            "x": "loss",
            "y": "share",
            "low": "low",
            "high": "high",
            "x_label": "$bn over the run, nominal, log scale",
        },
        python=(
            "import penstock as ps\nfrom penstock.analysis.losses import losses_of\n\n"
            f"run = ps.open_run({data.directory!r})\nprint(losses_of(run).to_pandas().describe())\n"
        ),
        note=(
            "Losses: claims on failed companies by what is cut from them, and equity of failed companies at its last "
            "value before distress. Falls of value elsewhere are not in them. The mean hangs on few paths on which "
            "large firms fail: see its standard error."
        ),
    )


def _exceedance(lost: Any) -> Rows:
    """loss, share of paths that lose as much or more, and its interval, at quantiles of the losses above zero."""
    positive = np.sort(lost[lost > 0.0])
    if not len(positive):
        return []
    steps = np.unique(np.round(np.linspace(0, len(positive) - 1, CURVE_POINTS)).astype(int))
    rows: list[list[object]] = []
    for level in np.unique(positive[steps]):
        count = int((lost >= level).sum())
        rows.append([float(level), count / len(lost), *wilson_interval(count, len(lost))])
    return rows


def _with_error(value: float, se: float) -> str:
    return f"{money(value, digits_supported(value, se))} (se {money(se, 2)})"


def _span(low: float, high: float) -> str:
    """An interval whose upper end may be beyond the paths."""
    if np.isfinite(high):
        return f"{money_range(low, high, 2, '')}, 95% interval"
    return f"at least {money(low, 2)}, too few paths for an upper end"


def loss_bearers(data: ReportData, found: Analyses) -> Figure | None:
    """Mean loss of each group that bears it, with the 95 % interval; the groups add up to all losses."""
    from penstock.analysis.losses import BEARERS
    from penstock.analysis.paired import interval

    if not found.losses:
        return None

    def tell(scenario: str) -> tuple[Rows, str]:
        rows: Rows = []
        losses = found.losses[scenario]
        total = float(losses.loss_usd_bn.mean())
        parts = {name: interval(losses.by_bearer[name]) for name in BEARERS}
        parts["rescue money"] = interval(losses.rescue_usd_bn)
        for name, told in parts.items():
            share = told["mean"] / total if total > 0.0 and name in BEARERS else None
            rows.append([BEARER_NAMES[name], told["low95"], told["mean"], told["high95"], told["se"], share])
        return rows, _bearer_sentence(parts, total)

    rows, findings = told_by(found.losses, tell)
    return Figure(
        id="loss-bearers",
        kind="whiskers",
        title="Who bears the losses",
        unit="$bn over the run, nominal, mean of paths with its 95% interval",
        columns=(
            Column("scenario", "Scenario", "text"),
            Column("bearer", "Who", "text"),
            Column("low", "Mean, 95% low, $bn"),
            Column("mean", "Mean, $bn"),
            Column("high", "Mean, 95% high, $bn"),
            Column("se", "Standard error, $bn"),
            Column("share", "Share of all losses", "share"),
        ),
        rows=rows,
        findings=findings,
        facets=(scenario_facet(tuple(found.losses)),),
        options={
            "category": "bearer",
            "label_width": 320,
            "low": "low",
            "value": "mean",
            "high": "high",
            "level": "95% of the mean",
        },
        python=(
            "import penstock as ps\nfrom penstock.analysis.losses import losses_of\n\n"
            f"run = ps.open_run({data.directory!r})\nprint(losses_of(run).to_pandas().mean())\n"
        ),
        note="The first five add up to all losses. Public money for rescues is not a loss by this definition.",
    )


def _bearer_sentence(parts: dict[str, dict[str, float]], total: float) -> str:
    if not total > 0.0:
        return "Nothing is lost in defaults."
    claims = {name: told for name, told in parts.items() if name not in ("equity", "rescue money")}
    owners = parts["equity"]
    text = ", ".join(
        f"{BEARER_NAMES[name]} {money(told['mean'], digits_supported(told['mean'], told['se']))} "
        f"(se {money(told['se'], 2)})"
        for name, told in sorted(claims.items(), key=lambda item: -item[1]["mean"])
        if told["mean"] > 0.0
    )
    return (
        f"Owners of failed companies bear {percent(owners['mean'] / total)} of {money(total, 2)}, "
        f"{_with_error(owners['mean'], owners['se'])}; of claims, {text}."
    )


def stress_changes(data: ReportData, found: Analyses) -> Figure | None:
    """Mean change of each headline output against the first scenario, with its 95 % interval."""
    if found.stress is None:
        return None
    frame = found.stress.differences

    def tell(output: str) -> tuple[Rows, str]:
        records = frame[frame["output"] == output].to_dict("records")
        keys = ("low95", "difference", "high95", "base", "level", "p05", "p95")
        rows: Rows = [[str(row["scenario"]), *(row[key] for key in keys)] for row in records]
        largest = max(records, key=lambda row: abs(row["difference"]))
        return rows, (
            f"{OUTPUT_NAMES[output]}: {str(largest['scenario']).replace('_', ' ')} moves the mean most, by "
            f"{signed(largest['difference'])} ({plain(largest['low95'], 2)} to {plain(largest['high95'], 2)}, 95% "
            f"interval) from {plain(largest['base'])}; 9 of 10 paths move by {plain(largest['p05'], 2)} to "
            f"{plain(largest['p95'], 2)}."
        )

    rows, findings = told_by(OUTPUT_NAMES, tell)
    base = found.stress.base.replace("_", " ")
    choices = tuple(OUTPUT_NAMES.items())
    return Figure(
        id="stress-changes",
        kind="whiskers",
        title=f"Change of the means against {base}",
        unit=choices[0][1],
        columns=(
            Column("output", "Output", "text"),
            Column("scenario", "Scenario", "text"),
            Column("low", "Change of the mean, 95% low"),
            Column("difference", "Change of the mean"),
            Column("high", "Change of the mean, 95% high"),
            Column("base", f"Mean under {base}"),
            Column("level", "Mean with it"),
            Column("p05", "5th percentile of paths' changes"),
            Column("p95", "95th percentile of paths' changes"),
        ),
        rows=rows,
        findings=findings,
        facets=(Facet("output", "Output", choices),),
        options={
            "category": "scenario",
            "low": "low",
            "value": "difference",
            "high": "high",
            "zero": True,
            "level": "95% of the mean",
            "units": {name: f"change of: {label}" for name, label in choices},
        },
        python=_stress_python(data, "differences"),
    )


def stress_payers(data: ReportData, found: Analyses) -> Figure | None:
    """Change of the mean loss of each group that bears it."""
    if found.stress is None:
        return None
    stress = found.stress

    def tell(scenario: str) -> tuple[Rows, str]:
        records = stress.payers[stress.payers["scenario"] == scenario].to_dict("records")
        keys = ("low95", "difference", "high95", "base", "level")
        rows: Rows = [[BEARER_NAMES[str(row["bearer"])], *(row[key] for key in keys)] for row in records]
        total = next(row for row in records if row["bearer"] == "total")
        parts = stress.parts[stress.parts["scenario"] == scenario].set_index("part")["difference"]
        clear = total["low95"] > 0.0 or total["high95"] < 0.0
        return rows, (
            f"Losses change by {signed_money(total['difference'])} on average (95% interval "
            f"{money(total['low95'], 2)} to {money(total['high95'], 2)}{'' if clear else ', which holds zero'}): "
            f"failures that come only with it {signed_money(parts['added'])}, failures that it spares "
            f"{signed_money(parts['avoided'])}, the same failures dearer or cheaper {signed_money(parts['same'])}."
        )

    rows, findings = told_by(stress.scenarios, tell)
    return Figure(
        id="stress-payers",
        kind="whiskers",
        title=f"Who pays for it, against {found.stress.base.replace('_', ' ')}",
        unit="$bn over the run, nominal, change of the mean with its 95% interval",
        columns=(
            Column("scenario", "Scenario", "text"),
            Column("bearer", "Who", "text"),
            Column("low", "Change, 95% low, $bn"),
            Column("difference", "Change, $bn"),
            Column("high", "Change, 95% high, $bn"),
            Column("base", "Before, $bn"),
            Column("level", "With it, $bn"),
        ),
        rows=rows,
        findings=findings,
        facets=(scenario_facet(found.stress.scenarios),),
        options={
            "category": "bearer",
            "label_width": 320,
            "low": "low",
            "value": "difference",
            "high": "high",
            "zero": True,
            "level": "95% of the mean",
        },
        python=_stress_python(data, "payers"),
    )


def _stress_python(data: ReportData, table: str) -> str:
    return run_python(data.directory, f"print(ps.stress(run, scenario=run.scenarios[0]).{table})\n")
