"""A linear programme in rows with lower and upper bounds, solved by HiGHS.

highspy keeps the model and its basis, so that a second solve with other costs starts from the last one. Where it is
not installed the HiGHS inside SciPy solves the same programme from the start each time.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import ModelError

Array = np.ndarray


@dataclass(frozen=True)
class Solution:
    """x: (columns,); row_dual: (rows,), change of the objective per unit of a row's bound; objective."""

    x: Array
    row_dual: Array
    objective: float


class LinearProgramme:
    """Minimise cost @ x over x >= 0, x <= upper, row_low <= matrix @ x <= row_high; costs and bounds may change."""

    def __init__(self, matrix: Any, row_low: Array, row_high: Array, upper: Array) -> None:
        self.matrix = matrix.tocsc()
        self.row_low, self.row_high, self.upper = row_low, row_high, upper.copy()
        self._highs: Any = self._build() if has_highspy() else None

    def solve(self, cost: Array, upper: Array | None = None) -> Solution:
        """The optimum at these costs (and upper bounds). Raises ModelError where there is none."""
        if upper is not None:
            self.upper = upper.copy()
        return self._warm(cost, upper) if self._highs is not None else self._cold(cost)

    def _build(self) -> Any:
        highspy: Any = importlib.import_module("highspy")

        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = self.matrix.shape[1], self.matrix.shape[0]
        lp.col_cost_ = np.zeros(lp.num_col_)
        lp.col_lower_, lp.col_upper_ = np.zeros(lp.num_col_), self.upper
        lp.row_lower_, lp.row_upper_ = self.row_low, self.row_high
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_, lp.a_matrix_.index_ = self.matrix.indptr, self.matrix.indices
        lp.a_matrix_.value_ = self.matrix.data
        model = highspy.Highs()
        model.setOptionValue("output_flag", False)
        model.setOptionValue("threads", 1)
        model.passModel(lp)
        return model

    def _warm(self, cost: Array, upper: Array | None) -> Solution:
        highspy: Any = importlib.import_module("highspy")

        columns = np.arange(len(cost), dtype=np.int32)
        self._highs.changeColsCost(len(cost), columns, np.asarray(cost, dtype=float))
        if upper is not None:
            self._highs.changeColsBounds(len(cost), columns, np.zeros(len(cost)), self.upper)
        self._highs.run()
        status = self._highs.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise ModelError(f"power plan: found no optimum ({self._highs.modelStatusToString(status)})")
        found = self._highs.getSolution()
        x, dual = np.array(found.col_value), np.array(found.row_dual)
        return Solution(x, dual, float(self._highs.getInfo().objective_function_value))

    def _cold(self, cost: Array) -> Solution:
        from scipy.optimize import linprog
        from scipy.sparse import vstack

        rows = self.matrix.tocsr()
        equal = self.row_low == self.row_high
        high, low = ~equal & np.isfinite(self.row_high), ~equal & np.isfinite(self.row_low)
        above = vstack([rows[high], -rows[low]]) if low.any() else rows[high]
        found: Any = linprog(
            cost,
            A_ub=above,
            b_ub=np.concatenate([self.row_high[high], -self.row_low[low]]),
            A_eq=rows[equal],
            b_eq=self.row_low[equal],
            bounds=[(0.0, float(top)) for top in self.upper],
            method="highs",
        )
        if found.status != 0:
            raise ModelError(f"power plan: found no optimum ({found.message})")
        dual = np.zeros(len(self.row_low))
        dual[equal] = found.eqlin.marginals
        dual[high] += found.ineqlin.marginals[: high.sum()]
        dual[low] -= found.ineqlin.marginals[high.sum() :]
        return Solution(found.x, dual, float(found.fun))


def has_highspy() -> bool:
    """Whether the solver of its own can be loaded; else SciPy solves."""
    return importlib.util.find_spec("highspy") is not None
