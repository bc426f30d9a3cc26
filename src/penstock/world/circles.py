"""Ways along directed links: whether one more link would close a circle."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TypeVar

T = TypeVar("T")


def way_along(links: Mapping[T, Set[T]], start: T, end: T) -> list[T]:
    """Nodes from start to end, both included; empty where no links lead there."""
    came_from: dict[T, T | None] = {start: None}
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node == end:
            way: list[T] = []
            step: T | None = node
            while step is not None:
                way.append(step)
                step = came_from[step]
            return way[::-1]
        for following in links.get(node, frozenset()):
            if following not in came_from:
                came_from[following] = node
                waiting.append(following)
    return []
