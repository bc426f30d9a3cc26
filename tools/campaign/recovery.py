"""Does a calibration find known parameters? Made-up data from the prior, calibrated on one bank by the same code."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from tools.campaign.result import Result, Verdict, table
from tools.campaign.units import Unit

from penstock.analysis.calibration import START, prepare_calibration
from penstock.analysis.calibration_bank import PIECE, Pieces, joined
from penstock.analysis.recovery import BINS, COVERAGE, LEADING, SIGNIFICANCE, Recovery, recover
from penstock.world import load_world

if TYPE_CHECKING:
    from penstock.analysis.calibration_data import Targets
    from penstock.engine.model import Model
    from penstock.world import World

DIGITS = 6
BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Options:
    paths: int = 20_000
    sets: int = 100
    seed: int = 2026

    @property
    def simulated(self) -> int:
        """Simulations of the bank and one for each made-up data set."""
        return self.paths + self.sets

    @property
    def units(self) -> int:
        return -(-self.simulated // PIECE)


@dataclass(frozen=True)
class Work:
    """Simulates a piece of the bank."""

    options: Options

    def __call__(self, number: int) -> Unit:
        world, model, targets = _prepared(self.options.seed)
        _, logs = Pieces(model, world, targets, self.options.simulated)(number)
        return {"logs": np.round(logs, DIGITS).tolist()}


@cache
def _prepared(seed: int) -> tuple[World, Model, Targets]:
    world = load_world(START)
    return (world, *prepare_calibration(world, seed=seed))


def result(options: Options, units: list[Unit]) -> Result:
    """Calibrate each made-up data set and count."""
    world, model, targets = _prepared(options.seed)
    bank = joined(model, [np.array(unit["logs"]) for unit in units])
    found = recover(bank, targets, sets=options.sets, seed=options.seed)
    size = (
        f"{world.name} with {len(model.firms)} companies, {targets.quarters} quarters, {len(targets.points)} points;"
        f" {found.paths:,} simulations, {options.sets} made-up data sets, seed {options.seed}"
    )
    command = f"recovery --paths {options.paths} --sets {options.sets} --seed {options.seed}"
    note = (
        "Parameters that the data inform, the most informed first. `ranks`: of the true value among 99 draws, in ten"
        " bins. `p`: chance of ranks as uneven, by chi-square. `90 %`: share of intervals that hold the truth."
        " `width`: of the interval over the prior's."
    )
    sections = (
        (f"Parameters ({size})", f"{note}\n\n{parameter_table(found)}"),
        ("Draws", _draws(found)),
    )
    return Result("Campaign: recovery of known parameters", command, verdicts(found), sections)


def verdicts(found: Recovery) -> tuple[Verdict, ...]:
    """Ranks, coverage, and how many parameters are leading."""
    p_values = found.p_values
    lowest = int(p_values.argmin())
    refused = ", ".join(found.rejected) or "none refused"
    return (
        Verdict(
            f"at least {LEADING} leading parameters that the data inform",
            sum(found.informed) >= LEADING,
            f"{sum(found.informed)} of {len(found.names)}",
        ),
        Verdict(
            f"ranks uniform by chi-square over {BINS} bins at {SIGNIFICANCE:.0%} after Holm, each leading parameter",
            not found.rejected,
            f"{refused}; lowest p {p_values[lowest]:.4f} ({found.names[lowest]})",
        ),
        Verdict(
            f"pooled 90 % intervals hold the truth in {COVERAGE[0]:.0%} to {COVERAGE[1]:.0%}",
            COVERAGE[0] <= found.coverage <= COVERAGE[1],
            f"{found.coverage:.1%}",
        ),
    )


def parameter_table(found: Recovery) -> str:
    """A row a parameter."""
    rows = []
    for row in found.to_dict()["parameters"]:
        counts = row["ranks"]
        top = max(*counts, 1)
        bars = "".join(BARS[round(count / top * (len(BARS) - 1))] for count in counts)
        rows.append(
            (
                f"`{row['parameter']}`",
                f"{row['share']:.0%}",
                f"{bars} {' '.join(map(str, counts))}",
                f"{row['p_value']:.3f}",
                f"{row['coverage_90']:.0%}",
                f"{row['width_to_prior']:.2f}",
            )
        )
    return table(("parameter", "told", "ranks", "p", "90 %", "width"), rows)


def _draws(found: Recovery) -> str:
    sizes = found.effective_sizes
    return (
        f"Effective sample size {sizes.mean():,.0f} on average, {sizes.min():,.0f} at least. Series set aside as beyond"
        f" reach: {found.set_aside.mean():.2f} a data set."
    )
