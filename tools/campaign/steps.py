"""Each step of the quarter, switched off, moves a headline output by more than ten standard errors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from tools.campaign.result import Result, Verdict, table
from tools.campaign.units import Unit

from penstock.analysis.steps import HEADLINES, STEPS, headline_outputs, mean_and_error, step_models
from penstock.engine.model import Model
from penstock.world import load_world

ENOUGH = 10.0
"""standard errors"""


@dataclass(frozen=True)
class Options:
    paths: int = 1000
    quarters: int = 40
    seed: int = 7

    @property
    def units(self) -> int:
        return 1 + len(STEPS)


@dataclass(frozen=True)
class Work:
    """Headline outputs of each path with all steps (unit 0) or without one."""

    options: Options

    def __call__(self, number: int) -> Unit:
        found = headline_outputs(_models(self.options)[number], self.options.paths)
        return {name: values.tolist() for name, values in found.items()}


@cache
def _models(options: Options) -> tuple[Model, ...]:
    return step_models(load_world(), "baseline", quarters=options.quarters, seed=options.seed, prior=False)


def result(options: Options, units: list[Unit]) -> Result:
    """Mean changes with their standard errors, and the largest ratio of each step."""
    base, *others = units
    verdicts, rows = [], []
    for step, other in zip(STEPS, others, strict=True):
        cells, strength = [step], {}
        for item in HEADLINES:
            change, error = mean_and_error(np.array(other[item.name]) - np.array(base[item.name]))
            strength[item.name] = standard_errors(change, error)
            cells.append(f"{change:+.4g} ({error:.2g})")
        most = max(strength, key=lambda name: strength[name])
        rows.append((*cells, f"{most} {strength[most]:.1f}"))
        question = f"without {step} a headline output moves by more than {ENOUGH:.0f} standard errors"
        verdicts.append(Verdict(question, strength[most] > ENOUGH, f"{most} by {strength[most]:.1f}"))
    levels = [mean_and_error(np.array(base[item.name])) for item in HEADLINES]
    rows.insert(0, ("*all steps on*", *(f"{mean:.4g} ({error:.2g})" for mean, error in levels), ""))
    head = ("without", *(f"{item.name}, {item.unit}" for item in HEADLINES), "moves most, standard errors")
    size = f"{options.paths:,} paths, {options.quarters} quarters, seed {options.seed}"
    note = "Mean change on common random numbers (its standard error). Sums over all quarters; h100e and it_power last."
    command = f"steps --paths {options.paths} --quarters {options.quarters} --seed {options.seed}"
    sections = ((f"Changes ({size})", f"{note}\n\n{table(head, rows)}"),)
    return Result("Campaign: what each step does", command, tuple(verdicts), sections)


def standard_errors(change: float, error: float) -> float:
    """How many standard errors a change is; a change without any spread counts as infinitely many."""
    if error > 0.0:
        return abs(change) / error
    return 0.0 if change == 0.0 else float("inf")
