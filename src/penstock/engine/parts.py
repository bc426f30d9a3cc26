"""Parts that buyers along the chain need of a category: who stands in for whom."""

from __future__ import annotations

import numpy as np

from penstock.engine.layout import Layout
from penstock.engine.moment import Block, Part

Array = np.ndarray


def parts_of(block: Block, category: str) -> tuple[Part, ...]:
    """The parts of a category with the shares of their suppliers in each buyer's spending on the part."""
    layout, base = block.layout, block.facts.tie_base
    rows = layout.category[category].slice
    numbers, found = part_of_ties(layout, category), []
    for number in np.unique(numbers):
        ties = rows.start + np.flatnonzero(numbers == number)
        supplier, buyer = (np.ascontiguousarray(end[ties], dtype=np.intp) for end in (layout.payee, layout.payer))
        total = np.zeros((layout.unit_count, 1))
        np.add.at(total, buyer, base[ties])
        found.append(Part(ties, supplier, buyer, base[ties] / np.maximum(total[buyer], 1e-9)))
    return tuple(found)


def part_of_ties(layout: Layout, category: str) -> Array:
    """Number of the part that each tie of a category delivers, (ties,).

    Every supplier of optics makes a part of its own, and scanners do not stand in for other tools; elsewhere the
    suppliers of a category make one and the same part.
    """
    payee = layout.payee[layout.category[category].slice]
    if category == "optics":
        return np.unique(payee, return_inverse=True)[1]
    if category == "tools":
        return np.isin(payee, layout.members("lithography")).astype(np.int64)
    return np.zeros(len(payee), dtype=np.int64)
