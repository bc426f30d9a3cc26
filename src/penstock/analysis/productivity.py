"""What wider use of AI may add to output in research, education and health, from cited elasticities with ranges.

Yearly gains in usd_bn at the prices of the year, gross of what users pay for AI, from one driver: the share of its
ceiling that enterprise use has reached on the path. Method: cost saved on the tasks reached counts as output (Hulten
1978, as Acemoglu 2024 applies it to AI); research and schooling also build stocks, whose gains come late. These gains
and the surplus of users overlap: they must not be added.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.world.rows import read_rows

Floats = npt.NDArray[np.float64]

TABLE = Path(__file__).with_name("productivity_assumptions.csv")
FIELDS = ("research", "education", "health")
CASES = ("low", "central", "high")
YEAR = 4
QUARTERS_SINCE_2022 = 12
"""From the middle of 2022 to that of 2025, for spending that is told for 2022."""
USD_BN_PER_TN = 1000.0


@dataclass(frozen=True)
class Assumption:
    """One number with its range: name, field, low, central, high, unit, grade, source, reason."""

    name: str
    field: str
    low: float
    central: float
    high: float
    unit: str
    grade: str
    source: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(self.__dict__)


def assumptions() -> tuple[Assumption, ...]:
    """All numbers behind the gains, as the table beside this module holds them."""
    return read_rows(TABLE, Assumption)


def values_of(case: str) -> dict[str, float]:
    """Every assumption at one end: `low` and `high` are the ends that give small and large gains."""
    found = {item.name: float(getattr(item, case)) for item in assumptions()}
    # a short working life and a slow decay give more: their ends are turned round
    turned = {"low": "high", "high": "low", "central": "central"}[case]
    for item in assumptions():
        if item.name == "working_life":
            found[item.name] = float(getattr(item, turned))
    return found


def gains(adoption: npt.ArrayLike, values: dict[str, float]) -> dict[str, Floats]:
    """Gain of each quarter by field, usd_bn, in the shape of `adoption` (quarters, paths), 0 to 1.

    research: `eta ln(1 + K) GDP`, where the rise K of the effective stock of research follows `s a` at the rate at
    which knowledge decays; education: `s E a` and `labour share x GDP x r d C`, where C is the share of the work
    force taught with AI, which grows by a / working life; health: `s H a`.
    """
    use = np.clip(np.asarray(adoption, dtype=np.float64), 0.0, 1.0)
    quarters = use.shape[0]
    growth = (1.0 + values["nominal_growth"]) ** ((np.arange(quarters) + 1.0) / YEAR)
    grown = growth.reshape((-1,) + (1,) * (use.ndim - 1)) * USD_BN_PER_TN / YEAR
    since = (1.0 + values["nominal_growth"]) ** (QUARTERS_SINCE_2022 / YEAR)
    output = values["world_gdp_2025"] * grown
    stock = _follow(values["research_effort"] * use, values["research_depreciation"] / YEAR)
    taught = np.minimum(np.cumsum(use, axis=0) / (YEAR * values["working_life"]), 1.0)
    skill = values["return_to_skill"] * values["learning_gain"] * taught
    spent = {name: values[f"{name}_spending_2022"] * since * grown for name in ("education", "health")}
    return {
        "research": values["research_elasticity"] * np.log1p(stock) * output,
        "education": values["education_saving"] * spent["education"] * use + values["labour_share"] * skill * output,
        "health": values["health_saving"] * spent["health"] * use,
    }


def _follow(target: Floats, rate: float) -> Floats:
    """A stock that closes a part `rate` of its gap to `target` each quarter, from zero."""
    out = np.empty_like(target)
    level = np.zeros(target.shape[1:])
    for quarter, goal in enumerate(target):
        level = level + rate * (goal - level)
        out[quarter] = level
    return out
