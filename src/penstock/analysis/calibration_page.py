"""The page of a calibration as Markdown: draws, what informs them, the data simulated again, what fails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from penstock.analysis.calibration_allowance import ODD, REACH
from penstock.analysis.calibration_data import NOT_COMPARED, discrepancies
from penstock.analysis.calibration_inference import IMPLAUSIBLE
from penstock.analysis.calibration_learning import LEAST_SHARE

if TYPE_CHECKING:
    import pandas as pd

    from penstock.analysis.calibration import Calibration

MISSED = 0.1
"""Two-sided chance below which a series counts as missed."""


def calibration_page(found: Calibration) -> str:
    """The whole page."""
    from penstock.analysis.calibration import START

    posterior = found.posterior
    place = "" if found.world.name == START else f"--world {found.world.name} "
    command = f"penstock calibrate {place}--paths {posterior.paths} --seed {found.seed} --until {found.until} --out DIR"
    parts = [
        f"# Calibration from {found.world.name} to {found.until}",
        f"Written by `{command}`; do not edit by hand. Method: [calibration](../calibration.md).",
        f"World: {found.world.name} as of {found.world.as_of}, hash `{found.world.hash[:16]}`."
        f" The data to {found.until} were visible to those who wrote the model and its prior.",
        *([] if found.world.name == START else [f"Runs do not take these draws, but those from {START}."]),
        "## Result",
        _result(found),
        "## Parameters that the data inform",
        "`told`: share of the prior's variance that the best guess from the data explains, in simulations that the fit"
        " did not see. `width`: of the 80 % interval over the prior's. `shift`: of the median, in standard deviations"
        " of the prior. `runs`: whether runs of later worlds take it; sizes at the opening are of their own day.",
        _informed(found),
        "## Parameters that the data do not inform",
        f"Less than {LEAST_SHARE:.0%} of their variance is told. Their posterior is their prior: "
        + ", ".join(f"`{name}`" for name in sorted(found.not_informed))
        + ".",
        "## Which data inform which parameter",
        "Share of variance that a family of series explains alone, in per cent. Families overlap.",
        _told_by(found),
        "## The data simulated again",
        "Draws of the posterior with fresh luck. `error`: mean log of the median over the data (minus: too low)."
        " `in 80 %`: share of points in the interval. The model alone, prior and posterior; then both with the"
        " discrepancy.",
        _checks(found, "family", ("points",)),
        "### By series",
        "`p`: two-sided place of the mean of the data among simulations with discrepancy.",
        _checks(found, "series", ("points", "p_value")),
        "## Discrepancy",
        "Standard deviations in logs, all of grade F, set before the first fit, when the errors of the AI backtest were"
        f" known; here multiplied by {posterior.allowance.inflation:g}."
        " `common` is shared by a family, `own` by the points of a series: both are random walks that begin on the day"
        " of the world, told after one year. `point` is of each point.",
        _discrepancies(),
        "## What is not compared",
        "\n".join(
            f"- `{series}` {', '.join(sorted(entities))}: {why}" for (series, why), entities in _left_out(found).items()
        ),
        "## Where it fails",
        _failures(found),
    ]
    return "\n\n".join(parts) + "\n"


def _informed(found: Calibration) -> str:
    """A row a parameter that the data inform: how much they tell, before and after."""
    rows = [
        (
            f"`{name}`",
            row["unit"],
            f"{row['share']:.0%}",
            _triple(row, "prior"),
            _triple(row, "posterior"),
            f"{row['width_ratio']:.2f}",
            f"{row['shift']:+.2f}",
            row["told_by"],
            "yes" if row["carried"] else "own day",
        )
        for name, row in found.parameters[found.parameters["informed"]].iterrows()
    ]
    head = ("parameter", "unit", "told", "prior 10, 50, 90 %", "posterior", "width", "shift", "most by", "runs")
    return _table(head, rows)


def _told_by(found: Calibration) -> str:
    """Per cent of a parameter's variance that each family of series explains alone."""
    rows = [
        (f"`{name}`", *(f"{100 * value:.0f}" if value >= 0.005 else "" for value in row))
        for name, row in found.data.iterrows()
    ]
    return _table(("parameter", *(name.replace("_", " ") for name in found.data.columns)), rows)


def _discrepancies() -> str:
    """How far paths and data may stand apart, a row a series, with the reason."""
    rows = [
        (
            f"`{row.series}`",
            row.entity.replace("*", "any"),
            row.family,
            *(f"{deviation:g}" for deviation in (row.common, row.own, row.point)),
            row.why,
        )
        for row in discrepancies()
        if row.family != NOT_COMPARED
    ]
    return _table(("series", "entity", "family", "common", "own", "point", "why"), rows)


def _result(found: Calibration) -> str:
    posterior, whole = found.posterior, found.families.loc["all"]
    odd, allowance = posterior.joint_p_value, posterior.allowance
    lines = [
        f"{posterior.paths:,} simulations from the prior; {len(found.targets.points)} points of {len(found.series)}"
        f" series in {len(found.targets.families)} families.",
        f"{int(found.parameters['informed'].sum())} of {len(found.parameters)} parameters are informed, of which"
        f" {len(found.carried)} are taken by runs.",
        f"Effective sample size {posterior.effective_size:,.0f} of {len(posterior.weights):,} draws.",
        f"History matching (beyond {IMPLAUSIBLE:g} standard deviations on two series) leaves"
        f" {posterior.share_left:.0%} of the prior.",
        f"Of the prior's own data sets {odd:.2%} are as odd as the cited one"
        + (
            f": less than {ODD:.0%}, so the stated discrepancy is multiplied by {allowance.inflation:g}. The model as"
            " it stands does not give these data."
            if allowance.inflation > 1.0
            else "."
        ),
        f"Mean error of a series: {whole['prior_error']:+.2f} before, {whole['posterior_error']:+.2f} after; in the"
        f" 80 % interval of the model alone {whole['prior_cover_80']:.0%} before, {whole['posterior_cover_80']:.0%}"
        f" after; with discrepancy {whole['prior_with_discrepancy_cover_80']:.0%} before,"
        f" {whole['with_discrepancy_cover_80']:.0%} after.",
    ]
    if allowance.widened:
        wider = ", ".join(f"{name} ({factor:g})" for name, factor in allowance.widened.items())
        lines.append(f"What is a series' own is widened where the data ask for it, by a factor: {wider}.")
    if allowance.beyond_reach:
        aside = ", ".join(f"{name} ({far:.1f})" for name, far in allowance.beyond_reach.items())
        lines.append(f"Set aside, more than {REACH:g} standard deviations from anything the prior gives: {aside}.")
    return "\n".join(f"- {line}" for line in lines)


def _checks(found: Calibration, kind: str, more: Sequence[str]) -> str:
    frame = found.families if kind == "family" else found.series
    numbers = ("prior_error", "posterior_error")
    shares = (
        *("prior_cover_80", "posterior_cover_80"),
        *("prior_with_discrepancy_cover_80", "with_discrepancy_cover_80"),
    )
    wide = ("with discrepancy, prior", "posterior")
    head = (kind, "points", "error prior", "posterior", "in 80 % prior", "posterior", *wide)
    rows = []
    for name, row in frame.iterrows():
        cells = [str(name).replace("_", " ") if kind == "family" else f"`{name}`", f"{int(row['points'])}"]
        cells += [f"{row[column]:+.2f}" for column in numbers] + [f"{row[column]:.0%}" for column in shares]
        rows.append((*cells, *([f"{row['p_value']:.2f}"] if "p_value" in more else [])))
    return _table((*head, *(["p"] if "p_value" in more else [])), rows)


def _left_out(found: Calibration) -> dict[tuple[str, str], list[str]]:
    grouped: dict[tuple[str, str], list[str]] = {}
    for (series, entity), why in found.targets.left_out.items():
        grouped.setdefault((series, why), []).append(entity)
    return grouped


def _failures(found: Calibration) -> str:
    """Series that the posterior does not give even with discrepancy, and those that it gives worse than the prior."""
    lines = [
        f"- {name}: set aside; median {_percent(row['posterior_error'])} after the fit."
        if not row["used"]
        else f"- {name}: median {_percent(row['posterior_error'])}, p {row['p_value']:.2f}."
        for name, row in found.series.iterrows()
        if not row["used"] or row["p_value"] < MISSED
    ]
    worse = [
        f"{name} ({row['prior_error']:+.2f} to {row['posterior_error']:+.2f})"
        for name, row in found.series.iterrows()
        if abs(row["posterior_error"]) > abs(row["prior_error"]) + 0.02
    ]
    if worse:
        lines.append(f"- Further off than with the prior: {'; '.join(worse)}.")
    return "\n".join(lines) or "- No series lies outside."


def _percent(error: float) -> str:
    from math import expm1

    share = expm1(error)
    return f"{abs(share):.0%} too {'low' if share < 0 else 'high'}"


def _triple(row: pd.Series, part: str) -> str:
    return ", ".join(f"{row[f'{part}_{level}']:.3g}" for level in (10, 50, 90))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
