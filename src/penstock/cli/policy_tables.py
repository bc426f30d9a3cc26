"""Tables of `policy` for people; programs get the tables of the study as they are."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from penstock.cli.loop_tables import with_digits
from penstock.cli.output import Section
from penstock.cli.run_summary import with_error

if TYPE_CHECKING:
    from penstock.analysis.policy import PolicyStudy


def policy_sections(study: PolicyStudy, size: str, *, people: bool) -> list[Section]:
    """Policies by the loss that they avoid."""
    if not people:
        return [Section(name, name, getattr(study, name)) for name in ("levels", "changes", "policies")]
    return [_changes(study, size), _policies(study)]


def _changes(study: PolicyStudy, size: str) -> Section:
    frame = study.changes
    table = pd.DataFrame(
        {
            "policy": frame["policy"],
            "loss": _column(frame, "loss", "usd_bn"),
            "loss, 90 %": [
                f"{_rounded(low)} to {_rounded(high)}"
                for low, high in zip(frame["loss_low90"], frame["loss_high90"], strict=True)
            ],
            "defaults": _column(frame, "defaults", "per_path"),
            "surplus": _column(frame, "surplus", "usd_bn"),
            "capex": _column(frame, "capex", "usd_bn"),
            "public": _column(frame, "public_money", "usd_bn"),
        }
    )
    title = f"What policies change, $bn and defaults a path; {size}"
    return Section("changes", title, table, "\n".join(_lines(study)))


def _lines(study: PolicyStudy) -> list[str]:
    """The level under the shock, how to read the changes, and what a dollar of loss avoided costs."""
    frame = study.changes
    sure = frame[frame["public_money_per_loss_avoided"].notna()]
    costs = [
        f"{row['policy']}: {_ratio(row, 'public_money')} of public money, {_ratio(row, 'surplus_forgone')} of surplus"
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
    ]
    if costs:
        lines.append(f"Each dollar of loss avoided costs: {'; '.join(costs)} (negative: gained).")
    if len(sure) < len(frame):
        lines.append(f"{len(frame) - len(sure)} of {len(frame)} avoid no loss beyond two standard errors.")
    return lines


def _ratio(row: Mapping[Hashable, Any], name: str) -> str:
    return with_digits(row[f"{name}_per_loss_avoided"], row[f"{name}_per_loss_avoided_se"])


def _policies(study: PolicyStudy) -> Section:
    frame = study.changes
    titles = dict(zip(study.policies["policy"], study.policies["title"], strict=True))
    table = pd.DataFrame(
        {
            "policy": frame["policy"],
            "claims": _column(frame, "written_down", "usd_bn"),
            "helped": [f"{100.0 * share:.0f} %" for share in frame["helped_share"]],
            "what": [titles[name] for name in frame["policy"]],
        }
    )
    note = (
        "Claims: the part of the change of the loss that is debt written down, usd_bn; the rest is equity of failed "
        "firms. Helped: share of paths with a smaller loss.\nHow each is represented, with evidence: --format json, or "
        "docs/feedback.md."
    )
    return Section("policies", "The policies", table, note)


def _column(frame: pd.DataFrame, name: str, unit: str) -> list[str]:
    changes = zip(frame[f"{name}_{unit}"], frame[f"{name}_se"], strict=True)
    return [_amount(float(change), float(error)) for change, error in changes]


def _amount(value: float, error: float) -> str:
    """A change with its error; whole numbers where the error is one or more."""
    if error >= 1.0:
        return f"{value:+,.0f} ±{error:,.0f}"
    return with_error(value, error, signed=True)


def _rounded(value: float) -> str:
    return f"{value:+,.0f}" if abs(value) >= 10.0 else f"{value:+,.1f}"
