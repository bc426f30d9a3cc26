"""Does a calibration find parameters that are known? Made-up data from the prior, calibrated with the same code.

For each set of made-up data the rank of the true value among draws of the posterior is noted. If posteriors are right,
ranks are uniform and 90 % intervals hold nine of ten: Cook, Gelman and Rubin (2006), Journal of Computational and
Graphical Statistics 15, 675-692; Talts, Betancourt, Simpson, Vehtari and Gelman (2018), arXiv:1804.06788.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.analysis.calibration_allowance import AS_STATED
from penstock.analysis.calibration_bank import Bank
from penstock.analysis.calibration_data import Targets
from penstock.analysis.calibration_inference import Calibrator

Array = np.ndarray

RANKED_DRAWS = 99
BINS = 10
"""Draws among which the truth is ranked, and bins of the ranks."""
INTERVAL = (0.05, 0.95)
LEADING = 10
"""Least number of leading parameters; all that are informed are leading."""
SIGNIFICANCE = 0.01
COVERAGE = (0.85, 0.95)
"""Limits of the share of 90 % intervals that may hold the truth."""


@dataclass(frozen=True)
class Recovery:
    """What came of calibrating made-up data.

    Attributes:
        names: leading parameters, those that the data inform most first.
        ranks: (sets, parameters) rank of the truth among 99 draws, 0 to 99; ties are broken at random.
        covered: (sets, parameters) whether the 90 % interval holds the truth.
        widths: (parameters,) mean width of the 90 % interval over that of the prior.
        shares: (parameters,) share of variance that the data explain.
        effective_sizes: (sets,)
    """

    names: tuple[str, ...]
    informed: tuple[bool, ...]
    ranks: Array
    covered: Array
    widths: Array
    shares: Array
    effective_sizes: Array
    set_aside: Array
    paths: int

    @property
    def p_values(self) -> Array:
        """(parameters,) chance of ranks as uneven as these, by chi-square over ten bins."""
        return uniformity(self.ranks)

    @property
    def rejected(self) -> tuple[str, ...]:
        """Parameters whose ranks are not uniform at 1 % after Holm's correction."""
        return tuple(name for name, no in zip(self.names, holm(self.p_values, SIGNIFICANCE), strict=True) if no)

    @property
    def coverage(self) -> float:
        """Share of all 90 % intervals, parameters pooled, that hold the truth."""
        return float(self.covered.mean())

    @property
    def passed(self) -> bool:
        """Whether ranks are uniform and the pooled coverage is within its limits."""
        return not self.rejected and COVERAGE[0] <= self.coverage <= COVERAGE[1]

    def to_dict(self) -> dict[str, Any]:
        """A row a parameter, and the totals."""
        rows = [
            {
                "parameter": name,
                "informed": self.informed[number],
                "share": float(self.shares[number]),
                "ranks": np.histogram(self.ranks[:, number], bins=BINS, range=(0, RANKED_DRAWS + 1))[0].tolist(),
                "p_value": float(self.p_values[number]),
                "coverage_90": float(self.covered[:, number].mean()),
                "width_to_prior": float(self.widths[number]),
            }
            for number, name in enumerate(self.names)
        ]
        return {"parameters": rows, "coverage_90": self.coverage, "rejected": list(self.rejected)}


def recover(bank: Bank, targets: Targets, *, sets: int, seed: int) -> Recovery:
    """Calibrate made-up data: the last `sets` simulations of a bank, with discrepancy, on all others."""
    generator = np.random.default_rng([seed, sets])
    held = bank.paths - sets
    calibrate = Calibrator(bank.part(0, held), targets, seed)
    truth = bank.part(held, bank.paths)
    data = truth.logs + AS_STATED.root(targets) @ generator.standard_normal((len(targets.points), sets))
    shares = calibrate.lessons().guess.shares
    informed = calibrate.lessons().guess.informed
    leading = np.argsort(-shares, kind="stable")[: max(LEADING, int(informed.sum()))]
    ranks, covered, widths, sizes, aside = [], [], [], [], []
    low, high = np.clip([[-1.6448536269514722], [1.6448536269514722]], *bank.limits.T)
    for number in range(sets):
        found = calibrate(data[:, number])
        draws = found.scores[leading][:, found.equal_draws(generator, RANKED_DRAWS)]
        true = truth.scores[leading, number]
        below, equal = (draws < true[:, None]).sum(axis=1), (draws == true[:, None]).sum(axis=1)
        ranks.append(below + generator.integers(0, equal + 1))
        least, most = found.quantiles(INTERVAL)[:, leading]
        covered.append((least <= true) & (true <= most))
        widths.append((most - least) / (high - low)[leading])
        sizes.append(found.effective_size)
        aside.append(len(found.allowance.beyond_reach))
    return Recovery(
        tuple(bank.names[place] for place in leading),
        tuple(bool(informed[place]) for place in leading),
        np.stack(ranks),
        np.stack(covered),
        np.mean(widths, axis=0),
        shares[leading],
        np.array(sizes),
        np.array(aside),
        held,
    )


def uniformity(ranks: Array) -> Array:
    """(parameters,) p-values of chi-square over ten bins for ranks 0 to 99, (sets, parameters)."""
    from scipy.stats import chi2

    counts = np.stack([np.histogram(column, bins=BINS, range=(0, RANKED_DRAWS + 1))[0] for column in ranks.T])
    expected = len(ranks) / BINS
    return np.asarray(chi2.sf(((counts - expected) ** 2 / expected).sum(axis=1), BINS - 1))


def holm(p_values: Array, level: float) -> Array:
    """Which hypotheses fall at a level for all together: Holm (1979), Scandinavian Journal of Statistics 6, 65-70."""
    order = np.argsort(p_values)
    limits = level / (len(p_values) - np.arange(len(p_values)))
    falls = np.cumprod(p_values[order] <= limits).astype(bool)
    found = np.zeros(len(p_values), dtype=bool)
    found[order] = falls
    return found
