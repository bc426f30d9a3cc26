"""The sections of the report in the order of reading, and the commands for what they leave open."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

import numpy as np

from penstock.report.analyses import Analyses
from penstock.report.figures_binding import bottlenecks
from penstock.report.figures_cascade import cascade, first_to_break, who_follows
from penstock.report.figures_circular import financed_revenue, loops
from penstock.report.figures_differences import differences
from penstock.report.figures_dollar import dollars
from penstock.report.figures_evidence import evidence_bars
from penstock.report.figures_failures import layer_defaults, money_sankey, timeline, who_fails
from penstock.report.figures_fans import fan, layer_panels
from penstock.report.figures_losses import loss_bearers, loss_curve, stress_changes, stress_payers
from penstock.report.figures_studies import loop_cuts, loop_gain, payoff, relief
from penstock.report.figures_systemic import systemic_firms, systemic_ties
from penstock.report.figures_token import token_waterfall
from penstock.report.measures import HEADLINES
from penstock.report.source import ReportData
from penstock.report.spec import Figure
from penstock.report.tables import defaults_per_path


@dataclass(frozen=True)
class Group:
    """A section of the report: its figures, and the commands that answer what they leave open."""

    anchor: str
    heading: str
    members: tuple[Figure | None, ...]
    more: tuple[tuple[str, str], ...] = ()
    """question, command"""

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Its figures that the run has."""
        return tuple(figure for figure in self.members if figure is not None)


def groups_of(data: ReportData, found: Analyses) -> list[Group]:
    """The sections in the order of reading; those with neither a figure nor a command are left out."""
    run = shlex.quote(data.directory)

    def study(shown: object, name: str, question: str) -> tuple[tuple[str, str], ...]:
        return () if shown is not None else ((question, f"./penstock report {run} --with {name}"),)

    told = (
        "Any path as a dated story, with the ledger entries behind each sentence",
        f"./penstock explain {run} --path 12",
    )
    groups = [
        Group("economy", "The economy", (*(fan(data, measure) for measure in HEADLINES), layer_panels(data))),
        Group(
            "scenarios",
            "What the scenarios change",
            (differences(data), stress_changes(data, found), stress_payers(data, found)),
            ()
            if len(data.scenarios) > 1
            else (
                (
                    "What a scenario changes, on the same random numbers",
                    f"./penstock stress funding_freeze {_size(data)}",
                ),
            ),
        ),
        Group("failures", "Who fails, and when", (who_fails(data), layer_defaults(data), timeline(data))),
        Group(
            "cascades",
            "Who breaks first, and who follows",
            (cascade(data, found), first_to_break(data, found), who_follows(data, found)),
            (told,),
        ),
        Group(
            "losses",
            "What is lost, and who bears it",
            (loss_curve(data, found), loss_bearers(data, found)),
            (
                (
                    "What your own exposures lose: expected loss, VaR, worst paths",
                    f"./penstock portfolio exposures.csv --run {run}",
                ),
            ),
        ),
        Group(
            "systemic",
            "Whose failure matters most",
            (systemic_firms(data, found), systemic_ties(data, found)),
            ()
            if len(found.systemic) > 1
            else (("The same ranking at the end of the run", f"./penstock report {run} --with systemic"),),
        ),
        Group("flows", "Where the money goes", (money_sankey(data), dollars(data, found))),
        Group("circular", "Circular money", (loops(data, found), financed_revenue(data, found))),
        Group(
            "limits",
            "What limits capacity",
            (bottlenecks(data), relief(data, found)),
            study(found.relief, "bottlenecks", "What relief of each limit is worth"),
        ),
        Group(
            "feedback",
            "How valuations feed themselves",
            (loop_gain(data, found), loop_cuts(data, found)),
            study(found.loop, "loop", "The gain of the loop of valuations, and the boom without it"),
        ),
        Group(
            "payoff-section",
            "What is left after a bust",
            (payoff(data, found),),
            study(found.payoff, "payoff", "Surplus, losses and surviving plant, with and without crises"),
        ),
        Group("token", "The price of a token", (token_waterfall(data),)),
        Group("evidence-section", "What it rests on", (evidence_bars(data),)),
        Group("further", "Further questions", (), _further(data, run)),
    ]
    return [group for group in groups if group.figures or group.more]


def _size(data: ReportData) -> str:
    scenario, seed = shlex.quote(data.scenarios[0]), data.manifest.get("seed", 7)
    return f"--scenario {scenario} -n {data.paths} --quarters {data.quarters} --seed {seed}"


def _further(data: ReportData, run: str) -> tuple[tuple[str, str], ...]:
    """Questions whose answers need many runs, each with its command."""
    # more than all but a few paths have without a shock
    many = 1 + int(np.quantile(defaults_per_path(data, data.scenarios[0]), 0.95))
    return (
        (
            f"The likeliest shock that makes {many} companies default",
            f'./penstock reverse --run {run} --target "defaults>={many}"',
        ),
        ("Which policies help, and what they cost", f"./penstock policy --run {run}"),
        ("Which assumptions drive which result", f"./penstock sensitivity --run {run} --method morris"),
        ("Make or buy, for each large buyer", f"./penstock integration --run {run}"),
        ("What one tie does in a chain of failures", "./penstock contagion --remove TIE"),
    )
