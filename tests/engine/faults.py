"""What is wrong with a run of a world: everything that the auditor finds beyond rounding."""

from __future__ import annotations

import numpy as np
from audit import Audit

from penstock.engine.model import Model

EXACT = 1e-9
"""Relative error that rounding can explain."""


def find_faults(model: Model, width: int) -> list[str]:
    """One sentence per identity, bound or number that fails on a block of `width` paths; none when all hold."""
    audit = Audit(model, width)
    found = [f"not finite: {where}" for where in audit.unusual]
    errors = {name: audit.worst(name) for name in audit.errors}
    errors["the engine's own check"] = float(audit.recorder.conservation.max())
    # a comparison that is not met by a NaN either
    found += [f"{name}: error {error:.1e}" for name, error in errors.items() if not error < EXACT]
    if lost := int(audit.recorder.nonconverged.sum()):
        found.append(f"{lost} fixed points not reached")
    found += [f"{name}: lowest {low:.3g}" for name, low in audit.lowest.items() if not low >= -1e-8]
    if not 0.0 < audit.lowest["mood"] <= audit.highest["mood"] < 1.0:
        found.append(f"mood from {audit.lowest['mood']:.3g} to {audit.highest['mood']:.3g}")
    if not audit.highest["utilisation"] <= 0.95 + 1e-12:
        found.append(f"utilisation {audit.highest['utilisation']:.3g}")
    for group in ("economy", "layers", "company"):
        for name, values in getattr(audit.recorder, group).items():
            if not np.isfinite(values).all():
                found.append(f"not finite: {group} {name}")
    return found
