"""What a run asks of a model: a few functions, so that any model of the same form can be run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.engine.chunks import PathBlock


@dataclass(frozen=True)
class Engine:
    """The functions that make numbers; they must pickle, so that processes can share them."""

    prepare: Callable[..., Any]
    """(world, scenario, *, quarters, seed, prior) -> model, whose `.opening.firms` name the companies"""
    simulate_paths: Callable[[Any, int, int], PathBlock]
    """(model, first_path, count) -> PathBlock"""
    replay: Callable[[Any, int], Any]
    """(model, path) -> PathDetail"""
    load_scenario: Callable[[Any, Any], Any]
    """(name, file or scenario, world) -> scenario with name, hash and to_toml()"""
    read_scenario: Callable[[str, Any], Any]
    """(text that to_toml() gave, world) -> the scenario again"""
    simulate_spans: Callable[[Any, Sequence[tuple[int, int]]], Sequence[PathBlock]] | None = None
    """(model, spans of first_path and count) -> a PathBlock each, where several at once cost less"""

    most_paths: Callable[[Any, Any], int] | None = None
    """(model, device) -> most paths that one block of it holds; None where the model knows no devices"""

    def spans(self, model: Any, spans: Sequence[tuple[int, int]]) -> Sequence[PathBlock]:
        """A PathBlock for each span of paths."""
        if self.simulate_spans is not None:
            return self.simulate_spans(model, spans)
        return [self.simulate_paths(model, first, count) for first, count in spans]


def penstock_engine() -> Engine:
    """The model of the AI infrastructure economy."""
    from penstock.engine.compiling import load_model

    load_model()
    from penstock.engine import model
    from penstock.scenarios import load_scenario

    return Engine(
        model.prepare, model.simulate_paths, model.replay, load_scenario, _read_scenario, model.simulate_spans,
        model.most_paths,
    )  # fmt: skip


def _read_scenario(text: str, world: Any) -> Any:
    from penstock.scenarios import read_scenario

    return read_scenario(text, world=world)
