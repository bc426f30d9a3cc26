"""Tables for people of `reverse` and `sensitivity`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.cli.output import Section, number

if TYPE_CHECKING:
    from penstock.analysis.model_sensitivity import Sensitivity
    from penstock.analysis.reverse import Reverse
    from penstock.analysis.reverse_search import Check, Solution
    from penstock.analysis.targets import Target

RANKED, PER_OUTPUT = 15, 4
TOLD_PART = 0.03
"""Factors below this part of the squared distance are told together."""


def reverse_sections(found: Reverse, seconds: float) -> list[Section]:
    """What was found, in one table, and each shock in one of its own."""
    import pandas as pd

    target = found.target
    size = f"{found.evaluations:,} shocks tried on {found.path_count:,} paths in {seconds:,.0f} s."
    title = (
        f"Likeliest shocks for {target.text} by the end of {found.last}; {found.scenario}, shocks from {found.start}"
    )
    without = f"Without a shock {_share(found.unshocked)} of paths meet the target{_median(found.unshocked, target)}."
    shocks = list(found.solutions)
    if found.since or found.unshocked.share >= 0.5:
        since = f"; half of them do by the end of {found.since}" if found.since else ""
        card = {
            "answer": f"no shock is needed: without one {_share(found.unshocked)} of paths meet {target.text}{since}"
        }
        more = (
            "" if target.quantity == "fails" else f"more than the median of {number(found.unshocked.median)}, or for "
        )
        hint = f"Ask for {more}an earlier end (--quarters)."
        return [Section("reverse", title, card, f"{hint}\n{size}")]
    if not shocks:
        told = found.closest
        card = {"answer": f"no shock within {found.radius:g} standard deviations of the stated space was found"}
        sections = [Section("reverse", title, card, without if told else f"{without}\n{size}")]
        if told is not None:
            sections.append(_shock("The shock that came closest", told, target, size))
        return sections
    rows = [
        {
            "shock": place + 1,
            "distance": f"{item.distance:.2f} ({item.distance_low:.2f} to {item.distance_high:.2f})",
            "chance beyond": f"{100.0 * item.chance:.2g} %",
            "paths that meet it": _share(item.check),
            **({} if target.quantity == "fails" else {f"median {target.unit}": number(item.check.median)}),
            "held still": ", ".join(item.still) or "nothing",
        }
        for place, item in enumerate(shocks)
    ]
    missing = ""
    if len(shocks) < found.sought:
        still = ", ".join([*shocks[-1].still, *shocks[-1].leading])
        missing = f"A further one with {still} held still was not found within distance {found.radius:g}.\n"
    note = (
        f"{without}\n{missing}"
        "distance: Mahalanobis, in standard deviations (at the high to the low end of their ranges).\n"
        "chance beyond: first order, on these standard deviations, most of which are assumptions.\n"
        "paths that meet it: on fresh random numbers (95 % interval). held still: factors that led\n"
        "the shocks above and may not move.\n" + size
    )
    sections = [Section("reverse", title, pd.DataFrame(rows), note)]
    sections += [_shock(f"Shock {place + 1}", item, target, "") for place, item in enumerate(shocks)]
    return sections


def _shock(title: str, item: Solution, target: Target, size: str) -> Section:
    import pandas as pd

    large = item.factors[item.factors["part"] >= TOLD_PART]
    rest = item.factors[item.factors["part"] < TOLD_PART]
    rows = [
        {
            "factor": row["factor"],
            "shock": row["effect"],
            "sd": f"{row['z']:+.2f}",
            "part": f"{round(100.0 * row['part'])} %",
            "paths without it": _percent(row["share_without"]),
            "distance by its sd": f"{row['distance_sd_high']:.2f} to {row['distance_sd_low']:.2f}",
            "grade": row["grade"],
        }
        for row in large.to_dict("records")
    ]
    if len(rest):
        rows.append({"factor": f"{len(rest)} smaller ones", "part": f"{round(100.0 * rest['part'].sum())} %"})
    frame = pd.DataFrame(rows).fillna("")
    note = f"{_share(item.check)} of {item.check.paths:,} fresh paths meet {target.text}.\n{size}".rstrip()
    return Section(title.lower().replace(" ", "_"), f"{title}: distance {item.distance:.2f}", frame, note)


def _percent(share: float) -> str:
    return "" if share != share else f"{100.0 * share:.0f} %"


def _share(check: Check) -> str:
    return f"{100.0 * check.share:.0f} % ({100.0 * check.low:.0f} to {100.0 * check.high:.0f} %)"


def _median(check: Check, target: Target) -> str:
    if target.quantity == "fails":
        return ""
    unit = "defaults" if target.quantity == "defaults" else "USD bn"
    return f"; the median is {number(check.median)} {unit}"


def sensitivity_sections(found: Sensitivity, seconds: float) -> list[Section]:
    """The ranking of factors, and the strongest of each output with intervals."""
    import pandas as pd

    morris = found.method == "morris"
    facts = found.factors.set_index("factor")
    outputs = list(found.indices.outputs)
    top = found.ranking.head(RANKED)
    rows = []
    for row in top.to_dict("records"):
        shares = {name: f"{100.0 * row[name]:.0f}" if row[name] == row[name] else "" for name in outputs}
        rows.append({"factor": row["factor"], **shares})
    ranges = facts.loc[[name for name in top["factor"] if name in facts.index], ["low", "high", "unit", "grade"]]
    settings = found.indices.evaluations + found.screened
    size = (
        f"{settings:,} settings of the model"
        + (f", {found.screened:,} of them to screen" if found.screened else "")
        + f"; {found.path_count:,} paths simulated in {seconds:,.0f} s."
    )
    what = (
        "Part of an output's effects in all (mu*), percent; the strongest over all outputs first."
        if morris
        else "Total share of an output's variance between paths (ST), percent; the largest over all outputs first.\n"
        "What factors do together is counted with each of them. luck: the random numbers of the path."
    )
    sections = [
        Section(
            "ranking",
            f"What drives the results, %: {found.method}, {found.indices.samples} samples",
            pd.DataFrame(rows),
            what,
        ),
        Section("ranges", "Their ranges in the study", ranges),
    ]
    strongest = []
    measure = "mu_star" if morris else "ST"
    for output in outputs:
        part = found.indices.table[found.indices.table["output"] == output]
        for place, row in enumerate(part.nlargest(PER_OUTPUT, measure).to_dict("records")):
            name = f"{output}, {found.units[output]}" if morris else output
            cells = (
                {
                    "mu": _signed(row["mu"]),
                    "mu*": f"{number(row['mu_star'])} ±{number(row['mu_star_conf'])}",
                    "sigma": number(row["sigma"]),
                }
                if morris
                else {"S1": f"{row['S1']:.2f} ±{row['S1_conf']:.2f}", "ST": f"{row['ST']:.2f} ±{row['ST_conf']:.2f}"}
            )
            strongest.append({"output": "" if place else name, "factor": row["factor"], **cells})
    told = (
        f"Change of {_mean_over(found.paths_each)} as a factor crosses its range:\n"
        "mu its mean, mu* the mean of its size (± half the 95 % interval), sigma how much it varies\n"
        f"with other factors and paths.{_stages(found)}"
        if morris
        else "± half the 95 % interval. S1: share of the factor alone; ST: with all its interactions.\n"
        "loss: ln(1 + USD bn)."
    )
    sections.append(Section("strongest", "The strongest of each output", pd.DataFrame(strongest), f"{told}\n{size}"))
    return sections


def _mean_over(paths: int) -> str:
    return "one path" if paths == 1 else f"the mean over {paths:,} paths"


def _stages(found: Sensitivity) -> str:
    """How many factors were moved in every trajectory, where not all were."""
    if "trajectories" not in found.indices.table:
        return ""
    moved = found.indices.table.groupby("factor")["trajectories"].first()
    all_through = int((moved == moved.max()).sum())
    return (
        f"\n{all_through} of {len(moved)} factors, those that may count, were moved in all {int(moved.max())} "
        f"trajectories, the others in {int(moved.min())}."
    )


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{number(value)}" if value >= 0 else f"-{number(-value)}"
