"""Parts that buyers along the chain need of a category: who stands in for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penstock.engine.layout import Layout
from penstock.engine.moment import Part

Array = np.ndarray


def parts_of(layout: Layout, base: Array, category: str) -> tuple[Part, ...]:
    """The parts of a category with the shares of their suppliers in each buyer's spending on the part.

    base: flows of the ties at the opening, (flow ties, 1).
    """
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


@dataclass(frozen=True)
class Chain:
    """The parts of several categories one after the other, as a pass over them reads them."""

    category: Array
    """(categories + 1,) first part of each category"""
    part: Array
    """(parts + 1,) first tie of each part, among those listed here"""
    tie: Array
    """(ties listed,) number of each tie, its ends, and its share in what the buyer gets of the part"""
    supplier: Array
    buyer: Array
    share: Array


def chain_of(categories: Sequence[tuple[Part, ...]]) -> Chain:
    """Categories, each with its parts, in one list."""
    parts = [part for category in categories for part in category]

    def joined(name: str) -> Array:
        found = [np.asarray(getattr(part, name)).reshape(-1) for part in parts]
        return np.concatenate(found) if found else np.zeros(0)

    return Chain(
        category=np.cumsum([0, *map(len, categories)]).astype(np.intp),
        part=np.cumsum([0, *(len(part.ties) for part in parts)]).astype(np.intp),
        **{name: joined(name + "s" * (name == "tie")).astype(np.intp) for name in ("tie", "supplier", "buyer")},
        share=np.ascontiguousarray(joined("share")),
    )
