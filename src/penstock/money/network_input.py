"""What the formulas of networks take: square matrices, dense or sparse, and amounts a node, with or without paths.

Each check names the argument as its caller knows it. The last axis of an array may be paths.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from penstock.errors import InputError

Floats = npt.NDArray[np.float64]


def is_sparse(matrix: Any) -> bool:
    """Whether a matrix is one of SciPy's sparse ones."""
    return bool(sparse.issparse(matrix))


def square_matrix(name: str, given: Any, itself: str) -> tuple[Any, int | None]:
    """Check a matrix of amounts between nodes; a sparse one becomes compressed sparse rows (CSR).

    Anything else becomes a float array. Returns it and the number of paths, None without any. `itself` says what a
    number on the diagonal would mean.
    """
    matrix: Any
    paths: int | None
    if is_sparse(given):
        matrix = sparse.csr_array(given, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise InputError(f"{name}: found shape {matrix.shape}; expected (n, n)")
        not_negative(name, matrix.data)
        matrix.sum_duplicates()
        diagonal = matrix.diagonal()
        paths = None
    else:
        matrix = array(name, given)
        if matrix.ndim not in (2, 3) or matrix.shape[0] != matrix.shape[1] or 0 in matrix.shape:
            raise InputError(f"{name}: found shape {matrix.shape}; expected (n, n) or (n, n, paths)")
        not_negative(name, matrix)
        diagonal = matrix.diagonal(axis1=0, axis2=1)
        paths = matrix.shape[2] if matrix.ndim == 3 else None
    if np.any(diagonal):
        raise InputError(f"{name}: found {itself}; expected zeros on the diagonal")
    return matrix, paths


def amounts(
    name: str, given: npt.ArrayLike, n: int, paths: int | None, *, signed: bool = False
) -> tuple[Floats, int | None]:
    """Check amounts a node; returns `(n,)` or `(n, paths)`, and the number of paths known by now."""
    values = array(name, given)
    if values.ndim == 0:
        values = np.full(n, values)
    if values.ndim > 2 or values.shape[0] != n or (values.ndim == 2 and values.shape[1] == 0):
        raise InputError(f"{name}: found shape {values.shape}; expected ({n},) or ({n}, paths)")
    if values.ndim == 2:
        if paths is not None and values.shape[1] != paths:
            raise InputError(f"{name}: found {values.shape[1]} paths; expected {paths}")
        paths = values.shape[1]
    if signed:
        finite(name, values, "numbers")
    else:
        not_negative(name, values)
    return values, paths


def array(name: str, given: Any) -> Floats:
    """Anything that NumPy reads as numbers."""
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name}: found something that is not an array of numbers; expected numbers") from None


def finite(name: str, values: Floats, expected: str) -> None:
    """Raise InputError where a value is not finite."""
    if not np.isfinite(values).all():
        raise InputError(f"{name}: found a value that is not finite; expected {expected}")


def not_negative(name: str, values: Floats) -> None:
    """Raise InputError where a value is negative or not finite."""
    if values.size and values.min() >= 0.0 and values.max() < np.inf:
        return
    finite(name, values, "numbers of at least 0")
    if values.size and values.min() < 0.0:
        raise InputError(f"{name}: found {values.min():g}; expected numbers of at least 0")


def fraction(name: str, value: Any) -> float:
    """A number from 0 to 1."""
    if not 0.0 <= value <= 1.0:
        raise InputError(f"{name}: found {value}; expected a number from 0 to 1")
    return float(value)


def one_path(values: Floats, path: int) -> Floats:
    """One path of `values` whose last axis may be paths; in one layout, so that a path alone has the same bits."""
    return np.ascontiguousarray(values[..., path])


def side_by_side(values: Floats, paths: int) -> Floats:
    """`(n, paths)`: amounts without paths are the same on each."""
    columns = values[:, None] if values.ndim == 1 else values
    return np.ascontiguousarray(np.broadcast_to(columns, (columns.shape[0], paths)))


def compressed(matrix: Any) -> Any:
    """CSR, whatever it was: sums along a row run in one order, so that a path alone has the same bits."""
    if is_sparse(matrix):
        return matrix
    from penstock.money.network_kernels import cells_by_column, cells_by_row, count_by_column, count_by_row

    # several times as fast as SciPy's way over the cells of a large matrix
    turned = matrix.flags.f_contiguous and not matrix.flags.c_contiguous
    cells = matrix.T if turned else np.ascontiguousarray(matrix)
    count, fill = (count_by_column, cells_by_column) if turned else (count_by_row, cells_by_row)
    first = np.zeros(matrix.shape[0] + 1, dtype=np.int32)
    count(cells, first)
    column, value = np.empty(first[-1], dtype=np.int32), np.empty(first[-1])
    fill(cells, first, column, value)
    return sparse.csr_array((value, column, first), shape=matrix.shape)
