"""Fits the four numbers of the roofline for each chip to the fitted half of benchmark rows; `--write` stores them.

Deterministic: for each chip the numbers that minimise the squared log errors of the median of each load and scenario
(7 % each) with weak priors (the central figures that hold for any chip). Prints the error on both halves.
`--prompts` prints the misfit for mean prompts of the Mixtral load from 500 to 850, which is how its 700 was found.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from penstock.errors import UsageError
from penstock.layers.chips import as_chip
from penstock.layers.silicon.benchmarks import compare, mean_numbers, predicted, usable_rows
from penstock.layers.silicon.efficiency import EFFICIENCY_FILE, Efficiency

ROOT = Path(__file__).resolve().parents[1]
ROWS = ROOT / "tests" / "data" / "mlperf_v5.1_llm.csv"
PRIOR = np.log([0.5, 0.8, 0.003, 128.0])
PRIOR_SPREAD = np.array([0.2, 0.1, 0.6, 0.5])
NOISE = 0.07
SOURCE = (
    "fitted by tools/fit_roofline.py to half of the rows of MLPerf Inference v5.1 (MLCommons, Apache-2.0), "
    "split by submitter; range: 5 and 95 % of the error on the other half"
)
DESIGNER_SOURCE = (
    "mean in logs of the fitted numbers of the designer's chips, for its chips without rows; "
    "range: a factor of 1.3, which is what one chip is missed by with another's numbers"
)


def efficiency(x: np.ndarray) -> Efficiency:
    """The numbers that a point of the search stands for."""
    compute, bandwidth, overhead, half = np.exp(x)
    return Efficiency(min(compute, 1.0), min(bandwidth, 1.0), overhead, half)


def misfit(x: np.ndarray, chip: str, medians: dict[tuple[str, str], float], mixtral_prompt: float | None) -> float:
    """Squared log errors over the noise, and squared distance from the prior."""
    total = float((((x - PRIOR) / PRIOR_SPREAD) ** 2).sum())
    for (load, scenario), observed in medians.items():
        prompt = mixtral_prompt if load == "mixtral-8x7b" else None
        try:
            rate = predicted(chip, load, scenario, efficiency=efficiency(x), prompt_tokens=prompt)
        except UsageError:  # numbers so slow that the promise cannot be kept
            return 1e6
        total += (math.log(rate / observed) / NOISE) ** 2
    return total


def fit(rows: pd.DataFrame, mixtral_prompt: float | None = None) -> tuple[dict[str, Efficiency], float]:
    """The fitted numbers of each chip, and the misfit of all."""
    half = usable_rows(rows).query("fitted")
    found, total = {}, 0.0
    for chip, mine in half.groupby("chip"):
        medians = {key: float(value) for key, value in mine.groupby(["load", "scenario"])["per_chip"].median().items()}
        options = {"maxiter": 400, "xatol": 1e-3, "fatol": 1e-3}
        best = minimize(misfit, PRIOR, args=(str(chip), medians, mixtral_prompt), method="Nelder-Mead", options=options)
        compute, bandwidth, overhead, half_tokens = np.exp(best.x)
        total += float(best.fun)
        found[str(chip)] = Efficiency(round(compute, 3), round(bandwidth, 3), round(overhead, 5), round(half_tokens, 0))
    return found, total


def row_of(chip: str, numbers: Efficiency, errors: np.ndarray) -> dict[str, object]:
    """A row of `efficiency.csv`: the range of `compute` is the scatter of the held-out rows."""
    slow, fast = np.quantile(-np.log1p(errors), [0.05, 0.95])
    compute = numbers.compute
    return {
        "chip_id": chip,
        "precision": "fp8",
        "compute_low": round(compute * min(math.exp(slow), 0.9), 3),
        "compute": compute,
        "compute_high": round(min(compute * max(math.exp(fast), 1.1), 0.95), 3),
        "bandwidth_low": 0.65,
        "bandwidth": numbers.bandwidth,
        "bandwidth_high": 0.90,
        "overhead_low_s": round(numbers.overhead_s / 2.0, 5),
        "overhead_s": numbers.overhead_s,
        "overhead_high_s": round(numbers.overhead_s * 2.0, 5),
        "half_tokens": int(numbers.half_tokens),
        "grade": "C",
        "source": SOURCE,
    }


def designer_rows(numbers: dict[str, Efficiency]) -> list[dict[str, object]]:
    """Rows for the chips of a designer that have no rows of a benchmark: the mean in logs of those that have."""
    by_designer: dict[str, list[Efficiency]] = {}
    for chip, found in numbers.items():
        by_designer.setdefault(as_chip(chip).designer, []).append(found)
    rows = []
    for designer, found in sorted(by_designer.items()):
        mean = mean_numbers(found)
        row = row_of(designer, mean, np.zeros(1))
        row |= {"compute_low": round(mean.compute / 1.3, 3), "compute_high": round(min(mean.compute * 1.3, 0.95), 3)}
        rows.append(row | {"grade": "E", "source": DESIGNER_SOURCE})
    return rows


def main(arguments: list[str]) -> int:
    """Fit, print the errors, and store the numbers where asked; the exit code."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--write", action="store_true", help="store the numbers in efficiency.csv")
    parser.add_argument("--prompts", action="store_true", help="print the misfit by mean prompt of Mixtral, and stop")
    asked = parser.parse_args(arguments)
    rows = pd.read_csv(ROWS)
    if asked.prompts:
        for prompt in range(500, 900, 50):
            print(prompt, round(fit(rows, float(prompt))[1], 2))
        return 0
    numbers, _ = fit(rows)
    table = compare(rows, numbers)
    for name, part in (("fitted", table[table["fitted"]]), ("held out", table[~table["fitted"]])):
        size = part["error"].abs()
        print(
            f"{name}: {len(part)} rows, median absolute error {size.median():.1%}, 90 % below {size.quantile(0.9):.1%}"
        )
    for chip, found in numbers.items():
        print(chip, found)
    if asked.write:
        with EFFICIENCY_FILE.open(encoding="utf-8", newline="") as file:
            kept = [row for row in csv.DictReader(file) if row["chip_id"] == "any"]
        held = table[~table["fitted"]]
        kept += [{k: str(v) for k, v in row.items()} for row in designer_rows(numbers)]
        kept += [
            {k: str(v) for k, v in row_of(chip, found, held.loc[held["chip"] == chip, "error"].to_numpy()).items()}
            for chip, found in numbers.items()
        ]
        with EFFICIENCY_FILE.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(kept[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(kept)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
