"""Whether the draws of the calibration may be in force: does the fit help, and do the mechanisms stay alive?

`python -m tools.judge_calibration [--paths 4096]`, with `in_force` in `engine/posterior.json`. The conditions were
written down before the draws that they judge: the model alone covers the fitted points no worse than with its prior, an
outage at the foundry cuts shipments, and all that the opening and the failures of the baseline have to hold holds with
the draws as well. Exit code 0 where all do, 1 where one does not.
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np
from tools.campaign import default_rates
from tools.campaign.result import Verdict

from penstock.engine.posterior import ABOUT, HERE, shipped

PATHS = 4096
OUTAGE_PATHS = 128
OUTAGE_CUTS = 0.1
"""Least median cut of shipments in each quarter of the outage, as the tests of the shocks ask."""
OUTAGE, OUTAGE_BEGINS, OUTAGE_LASTS = "chip_supply_cut", 2, 4
EXCEPTIONS = 5


def coverage() -> Verdict:
    """Points of the fit in the model's own 80 % intervals, before and after."""
    told = json.loads((HERE / ABOUT).read_text(encoding="utf-8"))["cover_80"]
    return Verdict(
        "the model alone covers the fitted series no worse than with its prior",
        told["posterior"] >= told["prior"],
        f"{told['posterior']:.1%} after, {told['prior']:.1%} before",
    )


def outage() -> Verdict:
    """Shipments while the foundry stands still, over those of the baseline, on common random numbers."""
    from penstock.engine.model import prepare, simulate_paths
    from penstock.engine.moment import Moment
    from penstock.world import load_world

    world, totals = load_world(), []
    for scenario in ("baseline", OUTAGE):
        model = prepare(world, scenario, quarters=OUTAGE_BEGINS + OUTAGE_LASTS)
        shipped_each: list[np.ndarray] = []

        def note(now: Moment, _: str, kept: list[np.ndarray] = shipped_each) -> None:
            kept.append(now.results["shipped"].sum(axis=0)[:OUTAGE_PATHS].copy())

        simulate_paths(model, 0, OUTAGE_PATHS, on_quarter=note)
        totals.append(np.stack(shipped_each))
    change = np.median(totals[1] / totals[0] - 1.0, axis=1)[OUTAGE_BEGINS:]
    return Verdict(
        f"an outage at the foundry cuts shipments by {OUTAGE_CUTS:.0%} or more in each of its quarters",
        bool((change < -OUTAGE_CUTS).all()),
        ", ".join(f"{value:+.0%}" for value in change),
    )


def opening() -> tuple[Verdict, ...]:
    """What `penstock world opening --check` holds of the first year."""
    from penstock.analysis.anchors import exceptions, first_year_check, first_years, unexplained
    from penstock.world import load_world

    world = load_world()
    table, growth = first_year_check(world, first_years(world))
    outside = exceptions(table)
    names = ", ".join(f"{row['company']} {row['metric']}" for _, row in outside.iterrows())
    return (
        Verdict(
            f"at most {EXCEPTIONS} figures of the first year outside their range",
            len(outside) <= EXCEPTIONS,
            f"{len(outside)} of {int(table['inside'].notna().sum())}: {names or 'none'};"
            f" {unexplained(table)} to be explained in anchor_exceptions.csv",
        ),
        Verdict(
            "AI capital spending falls by 40 % when demand stops growing",
            growth.holds,
            f"{growth.fall_from_opening:.0%}",
        ),
    )


def failures(paths: int) -> tuple[Verdict, ...]:
    """The campaign of default rates."""
    options = default_rates.Options(paths=paths)
    work = default_rates.Work(options)
    return default_rates.result(options, [work(number) for number in range(options.units)]).verdicts


def judge(paths: int) -> tuple[Verdict, ...]:
    """All conditions."""
    found = shipped()
    if found is None or not found.in_force:
        raise SystemExit("judge_calibration: engine/posterior.json: found no draws in force; expected `in_force: true`")
    return (coverage(), outage(), *opening(), *failures(paths))


def main() -> int:
    """Print the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", type=int, default=PATHS)
    verdicts = judge(parser.parse_args().paths)
    print("\n".join(verdict.line for verdict in verdicts))
    return 0 if all(verdict.passed for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
