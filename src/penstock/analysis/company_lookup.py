"""Many company names at once: id, LEI, ticker, exact name, or a unique part of an id or name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.world.naming import nearest_name

if TYPE_CHECKING:
    import pandas as pd

EXACT = ("id", "lei", "ticker", "name")
LISTED = 12


@dataclass(frozen=True)
class Found:
    """The companies that a text names and by what; one, several or none."""

    ids: tuple[str, ...]
    how: str


class CompanyLookup:
    """Finds companies as `World.resolve` does, with LEIs where the table has them, fast for many texts."""

    def __init__(self, companies: pd.DataFrame) -> None:
        frame = companies.astype("object").fillna("")
        self._ids = [str(text) for text in frame["id"]]
        columns = {name: [str(text) for text in frame[name]] for name in EXACT if name in frame.columns}
        self._exact: dict[str, dict[str, tuple[str, ...]]] = {}
        for how, texts in columns.items():
            index: dict[str, tuple[str, ...]] = {}
            for company, text in zip(self._ids, texts, strict=True):
                if text:
                    index[text.lower()] = (*index.get(text.lower(), ()), company)
            self._exact[how] = index
        names = columns.get("name", self._ids)
        self._words = [(company, f"{company}\n{name}".lower()) for company, name in zip(self._ids, names, strict=True)]
        self._all = "\n\n".join(text for _, text in self._words)
        self._spelt = {text: ids[0] for index in self._exact.values() for text, ids in index.items()}

    def find(self, text: str) -> Found:
        """The companies meant, and whether by `id`, `lei`, `ticker`, `name` or `part`."""
        wanted = text.strip().lower()
        for how, index in self._exact.items():
            if wanted in index:
                return Found(index[wanted], how)
        # one search through all names rules most of the wrong ones out
        if not wanted or "\n" in wanted or wanted not in self._all:
            return Found((), "")
        return Found(tuple(company for company, words in self._words if wanted in words), "part")

    def nearest(self, text: str) -> str:
        """The id whose name, ticker or id is most like a text, or empty. Slow: for examples only."""
        near = nearest_name(text, self._spelt)
        return self._spelt.get(near, "")


def listed(ids: tuple[str, ...]) -> str:
    """Ids for a message, the first twelve."""
    more = f" and {len(ids) - LISTED} more" if len(ids) > LISTED else ""
    return ", ".join(ids[:LISTED]) + more
