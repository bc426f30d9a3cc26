"""Solve large sparse systems of a network, where factors would fill the memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import bicgstab

from penstock.money.network_input import Floats

PASSES = 4
"""Passes of the iterative solver, each of which leaves a hundred-millionth of the error."""
STEPS = 1_000
RESIDUAL = 1e-12


ROUGH = 1e-5
"""Part of the error that a rough solution leaves."""


def solved_roughly(slopes: Any, right: Floats, near: Floats) -> Floats | None:
    """Solve `x = right + slopes @ x` from a guess, by one short pass; None where it fails."""
    system = sparse.csr_array(sparse.eye_array(right.size) - slopes)
    step, _ = bicgstab(system, right - system @ near, rtol=ROUGH, atol=0.0, maxiter=STEPS)
    return near + step if np.isfinite(step).all() else None


def solved_by_passes(slopes: Any, right: Floats, near: Floats) -> Floats | None:
    """Solve `x = right + slopes @ x` from a guess; None where the solver does not get there.

    BiCGSTAB (van der Vorst 1992), each pass on what the last one left, until rounding is all that is left.
    """
    system = sparse.csr_array(sparse.eye_array(right.size) - slopes)
    found = near
    for _ in range(PASSES):
        left = right - system @ found
        if np.abs(left).max() <= 1e-15 * max(float(np.abs(found).max()), float(np.abs(right).max())):
            break
        step, _ = bicgstab(system, left, rtol=1e-8, atol=0.0, maxiter=STEPS)
        if not np.isfinite(step).all():
            return None
        found = found + step
    close = np.abs(system @ found - right).max() <= RESIDUAL * float(np.abs(found).max())
    return found if close else None
