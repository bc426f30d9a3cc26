"""What a scenario may name: the companies, ties and sites of the world, with its own edits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from penstock.errors import UsageError
from penstock.scenarios.knobs import ENTITY_LAYERS, SEGMENTS
from penstock.world import World
from penstock.world.naming import Named, resolve_name
from penstock.world.vocabulary import LAYERS


class UnknownNameError(ValueError):
    """A name that is not there or not unique; the caller adds the place."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"found {found}; expected {expected}")
        self.found = found
        self.expected = expected


@dataclass(frozen=True)
class TieEnds:
    """Who stands at the ends of a tie, and the tie of which it is a part."""

    provider: str
    receiver: str
    included_in: str = ""


def with_parts(ties: Iterable[str], included_in: Mapping[str, str]) -> set[str]:
    """The ties and every tie whose money is told as part of one of them (by its `included_in`)."""
    found = set(ties)
    while True:
        parts = {tie for tie, whole in included_in.items() if whole in found and tie not in found}
        if not parts:
            return found
        found |= parts


class Names:
    """Names in force; `remove` and `add` follow the edits of a scenario in the order of its entries."""

    def __init__(self, world: World) -> None:
        companies = world.table("companies")[["id", "name", "ticker", "layer"]].fillna("")
        self._companies = {
            str(row.id): Named("company", str(row.id), str(row.name), str(row.ticker))
            for row in companies.itertuples(index=False)
        }
        self._layers = dict(zip(companies["id"].astype(str), companies["layer"].astype(str), strict=True))
        ties = world.table("contracts")[["id", "provider_id", "receiver_id", "included_in"]].fillna("")
        self._ties = {
            str(row.id): TieEnds(str(row.provider_id), str(row.receiver_id), str(row.included_in))
            for row in ties.itertuples(index=False)
        }
        sites = world.table("sites")[["id", "name"]].fillna("")
        self._sites = {str(row.id): Named("site", str(row.id), str(row.name)) for row in sites.itertuples(index=False)}
        self.sources = frozenset(world.table("sources")["id"].astype(str))

    def has(self, kind: str, name: str) -> bool:
        """Whether this exact id is taken."""
        return name in (self._companies if kind == "company" else self._ties)

    def add_company(self, name: str, full_name: str, ticker: str, layer: str) -> None:
        """Makes a company known by its names."""
        self._companies[name] = Named("company", name, full_name, ticker)
        self._layers[name] = layer

    def add_tie(self, name: str, provider: str, receiver: str, included_in: str = "") -> None:
        """Makes a tie known."""
        self._ties[name] = TieEnds(provider, receiver, included_in)

    def remove_tie(self, name: str) -> None:
        """Takes the tie out with the ties whose money is part of it."""
        for tie in with_parts([name], {tie: ends.included_in for tie, ends in self._ties.items()}):
            del self._ties[tie]

    def remove_company(self, name: str) -> None:
        """Takes the company out with the ties it has."""
        del self._companies[name]
        self._ties = {tie: ends for tie, ends in self._ties.items() if name not in (ends.provider, ends.receiver)}

    def resolve(self, text: str, kinds: tuple[str, ...]) -> tuple[str, str]:
        """(kind, id) of what `text` names among companies, ties, sites and layers.

        Raises UnknownNameError, which tells the nearest name or all that match.
        """
        known = self._known(kinds)
        name = _resolved(text, known, kinds)
        kind = next(kind for kind in kinds if any(item.id == name and item.kind == kind for item in known))
        return kind, name

    def resolve_entity(self, text: str, entity: str) -> str:
        """Id of a company after the name of a knob that takes entities of this kind."""
        layers = ENTITY_LAYERS[entity]
        pool = [item for name, item in self._companies.items() if self._layers.get(name) in layers]
        try:
            return _resolved(text, pool, ("company",))
        except UnknownNameError as error:
            layers_told = f"a company of layer {' or '.join(layers)}"
            raise UnknownNameError(error.found, error.expected.replace("a company", layers_told, 1)) from None

    def _known(self, kinds: tuple[str, ...]) -> list[Named]:
        known: list[Named] = []
        if "company" in kinds:
            known += self._companies.values()
        if "tie" in kinds:
            known += [Named("tie", name) for name in self._ties]
        if "site" in kinds:
            known += self._sites.values()
        if "layer" in kinds:
            known += [Named("layer", name) for name in LAYERS]
        return known


def resolve_segment(text: str) -> str:
    """A segment of users; no world is needed to know them."""
    return _resolved(text, [Named("segment", name) for name in SEGMENTS], ("segment",))


def _resolved(text: str, known: list[Named], kinds: tuple[str, ...]) -> str:
    try:
        return resolve_name(text, known, kinds)
    except UsageError as error:
        # "KINDS: found X; expected Y[; nearest Z]" is the form of every message
        found, expected = str(error).split(": found ", 1)[1].split("; expected ", 1)
        raise UnknownNameError(found, expected.replace("an id, ticker, name", _what(kinds), 1)) from None


def _what(kinds: tuple[str, ...]) -> str:
    return f"a {' or '.join(kinds)} by id, ticker, name"
