"""Valuation: what a firm is worth from what it is expected to earn, and how far that is from default.

Valuation in a network of claims has its own modules and is offered here: `debtrank` (`distress.py`) and `neva`
(`network_value.py`).

Arrays (firms, paths), usd_bn; earnings per year. Stakes in other firms are added by the caller.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from penstock.bounds import bounded
from penstock.money.distress import DebtRank, debtrank
from penstock.money.network_value import Valuation, neva

__all__ = [
    "DebtRank",
    "Valuation",
    "debtrank",
    "default_probability",
    "distance_to_default",
    "earnings_power",
    "neva",
    "operating_value",
    "spread",
]
