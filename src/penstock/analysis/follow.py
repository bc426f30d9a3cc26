"""Follow the dollar: where a dollar ends, round by round, by company, layer and kind.

A payments network in which each firm passes on what it receives is Leontief's (1936; Miller and Blair, Input-Output
Analysis, 2009, chapter 2): with a_ij what j pays to i per dollar that j receives, a dollar given to the firms in
shares d makes them receive (I - A)^-1 d in all, of which A^k d in round k + 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from penstock.errors import InputError, ModelError

Array = np.ndarray[Any, np.dtype[np.float64]]

ROUNDS_TO_SUM = 300
LARGEST = 1e12
"""A unit of final demand that calls for more output than this calls for endlessly much."""


@dataclass(frozen=True)
class Leontief:
    """An input-output network.

    `coefficients[i, j]`: what j buys of i per unit of its output. `inverse[i, j]`: what i makes in all per unit of
    final demand for j. Where an array is wanted it stands for its inverse. A last axis may be paths.
    """

    coefficients: Array

    @cached_property
    def inverse(self) -> Array:
        """(I - A)^-1, the Leontief inverse."""
        solved = _solved(self.coefficients, np.eye(self.coefficients.shape[0])[(...,) + (None,) * self._paths])
        return np.asarray(solved)

    @property
    def _paths(self) -> int:
        return self.coefficients.ndim - 2

    def output(self, final_demand: Any) -> Array:
        """Output that a final demand calls for, (sectors[, paths])."""
        demand = np.asarray(final_demand, dtype=np.float64)
        if self._paths and (found := self._summed(demand)) is not None:
            return found
        return _solved(self.coefficients, demand[:, None])[:, 0]

    def _summed(self, demand: Array) -> Array | None:
        """Sum of the rounds, which for many paths is quicker than a factorisation of each; None if it is slow."""
        total, left = demand.copy(), demand
        smallest = 1e-17 * float(demand.max(initial=0.0))
        for _ in range(ROUNDS_TO_SUM):
            left = np.einsum("ij...,j...->i...", self.coefficients, left)
            total += left
            if float(left.max(initial=0.0)) <= smallest:
                return total
        return None

    def rounds(self, final_demand: Any, count: int) -> Array:
        """Output by round, (rounds, sectors[, paths]): the demand itself, what it calls for directly, and so on."""
        found = [np.asarray(final_demand, dtype=np.float64)]
        for _ in range(count - 1):
            found.append(np.einsum("ij...,j...->i...", self.coefficients, found[-1]))
        return np.stack(found)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.inverse, dtype=dtype, copy=True if copy is None else copy)

    def __matmul__(self, final_demand: Any) -> Array:
        return self.output(final_demand)


def leontief(Z: Any, output: Any) -> Leontief:
    """The Leontief inverse of a table of transactions.

    Args:
        Z: (sectors, sectors[, paths]) what sector i (row) sells to sector j (column), in money; not negative.
        output: (sectors[, paths]) total output of each, at least what it buys.

    Raises:
        InputError: shapes that do not fit, numbers that are negative or none, or purchases above the output.
        ModelError: on use, where sectors buy from each other all that they make: no demand could be met.
    """
    sales, made = np.asarray(Z, dtype=np.float64), np.asarray(output, dtype=np.float64)
    if sales.ndim < 2 or sales.shape[0] != sales.shape[1]:
        raise InputError(f"Z: found shape {sales.shape}; expected a square table (sectors, sectors)")
    if made.shape != sales.shape[1:]:
        raise InputError(f"output: found shape {made.shape}; expected {sales.shape[1:]}, as the columns of Z")
    for name, values in (("Z", sales), ("output", made)):
        bad = ~np.isfinite(values) | (values < 0.0)
        if bad.any():
            raise InputError(f"{name}: found {values[bad].flat[0]:g}; expected numbers of 0 or more")
    bought = sales.sum(axis=0)
    over = bought > made * (1.0 + 1e-9)
    if over.any():
        sector = int(np.argwhere(over)[0][0])
        raise InputError(
            f"Z: sector {sector + 1}: found purchases of {bought[over].flat[0]:g}; "
            f"expected at most its output of {made[over].flat[0]:g}"
        )
    coefficients = np.divide(sales, made, out=np.zeros_like(sales), where=made > 0.0)
    return Leontief(coefficients)


def _solved(coefficients: Array, right: Array) -> Array:
    """x of (I - A) x = b, b (sectors, columns[, paths])."""
    paths_first: Array = np.moveaxis(coefficients, (0, 1), (-2, -1))
    columns = np.moveaxis(np.broadcast_to(right, (*right.shape[:2], *coefficients.shape[2:])), (0, 1), (-2, -1))
    try:
        solved = np.linalg.solve(np.eye(coefficients.shape[0]) - paths_first, columns)
    except np.linalg.LinAlgError:
        solved = np.full(columns.shape, np.inf)
    if not float(np.abs(solved).max(initial=0.0)) < LARGEST:
        raise ModelError("Z: found sectors that buy from each other all that they make; expected some left over")
    return np.asarray(np.moveaxis(np.asarray(solved, dtype=np.float64), (-2, -1), (0, 1)))
