"""Turns of the loop on the model: the same paths with the valuations they had, and with others seen in their place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.loop_gain import Turn
from penstock.engine.model import WIDTH, Model, block_width, run_block
from penstock.engine.moment import Moment
from penstock.engine.seen import CHANNELS, Seen
from penstock.errors import ModelError

if TYPE_CHECKING:
    from penstock.engine.record import Recorder

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Quarters:
    """When the valuations that are seen move: from quarter `first` (from 0, at least 1) for `turn` quarters."""

    first: int
    turn: int

    @property
    def all(self) -> int:
        """Quarters until the end of the turn."""
        return self.first + self.turn


@dataclass(frozen=True)
class Turned:
    """A turn, and the sum of valuations at the end of each of its quarters, (turn, paths)."""

    turn: Turn
    value: Array


class _Watch:
    """Keeps what a block does in the quarters of a turn, and the mood and values that each of them began with."""

    def __init__(
        self,
        model: Model,
        quarters: Quarters,
        push: Callable[[Moment], tuple[Array, Array]] | None = None,
    ) -> None:
        self.quarters, self.push = quarters, push
        self.mood: list[Array] = []
        self.values: list[Array] = []
        self.total: list[Array] = []
        self.seen: list[Array] = []
        debt = np.zeros((model.layout.unit_count, 1))
        np.add.at(debt, model.layout.borrower, model.facts.debt_balance)
        owed = debt[: model.layout.firms]
        self.debt_share = owed / (owed + model.facts.market_value)
        self.cost = self.investment = self.revenue = self.value = np.zeros((model.layout.firms, 1))

    def __call__(self, now: Moment, _: str) -> None:
        f, r = now.state.firms, now.results
        if now.quarter + 1 >= self.quarters.first:
            self.mood.append(now.state.economy.mood.copy())
            self.values.append(f.value.copy())
        if now.quarter >= self.quarters.first:
            cost = (1.0 - self.debt_share) * r.get("rate_seen", r["rate"]) + self.debt_share * r["new_rate"]
            self.cost = self.cost + cost / self.quarters.turn
            self.investment = self.investment + r["capex"]
            self.revenue, self.value = r["revenue"].copy(), f.value.copy()
            self.total.append(f.value.sum(axis=0))
            if self.push is not None:
                self.seen.append(self.push(now)[1])

    def result(self, lanes: slice) -> Turned:
        seen = np.mean(self.seen, axis=0) if self.seen else np.mean(self.values[: self.quarters.turn], axis=0)
        turn = Turn(*(x[:, lanes] for x in (seen, self.cost, self.investment, self.revenue, self.value)))
        return Turned(turn, np.stack(self.total)[:, lanes])


def turned(
    model: Model, quarters: Quarters, paths: int, size: float, channels: frozenset[str] = frozenset(CHANNELS)
) -> tuple[Turned, Turned, Turned]:
    """The turns of paths 0 to `paths` after a push of `size` up, none, and down.

    The push is one of spirits: mood moves, and with it the values that the model's own rule gives that mood, group by
    group, so that all values together move by `size`. Channels not named see what the market's valuations become.

    Raises ModelError where the model loses money or a number is not finite.
    """
    parts: list[tuple[Turned, Turned, Turned]] = []
    for start in range(0, paths, WIDTH):
        lanes = slice(0, min(WIDTH, paths - start))
        block = (start, block_width(lanes.stop))
        base = _Watch(model, quarters)
        _run(model, block, base, None)
        up, down = (_pushed(model, block, base, quarters, sign * size, channels) for sign in (1.0, -1.0))
        parts.append((up.result(lanes), base.result(lanes), down.result(lanes)))
    joined = [_join([part[number] for part in parts]) for number in range(3)]
    return joined[0], joined[1], joined[2]


def _pushed(
    model: Model, block: tuple[int, int], base: _Watch, quarters: Quarters, size: float, channels: frozenset[str]
) -> _Watch:
    def push(now: Moment) -> tuple[Array, Array]:
        number = now.quarter - quarters.first
        return spirited(now, base.mood[number], base.values[number], size)

    def at(now: Moment) -> tuple[Array, Array]:
        before = now.quarter < quarters.first
        return (now.results["market_mood"], now.results["market_value"]) if before else push(now)

    # what is put before the steps is kept by the watch: with the loop cut no step looks at it
    watch = _Watch(model, quarters, push)
    _run(model, block, watch, Seen(at, channels))
    return watch


def spirited(now: Moment, mood: Array, value: Array, size: float) -> tuple[Array, Array]:
    """Mood and values after a push of spirits that moves all values together by about `size`."""
    opening = now.block.theta["opening_mood"]
    elasticity = now.block.cache["group_elasticity"][now.block.layout.group]
    worth = now.block.facts.market_value
    spirits = np.log1p(size) * worth.sum() / (elasticity * worth).sum()
    moved = ((0.4 + 0.6 * mood / opening) * np.exp(spirits) - 0.4) / 0.6 * opening
    return np.clip(moved, 0.01, 0.99), value * np.exp(elasticity * spirits)


def _run(model: Model, block: tuple[int, int], watch: _Watch, seen: Seen | None) -> Recorder:
    from penstock.engine.run import problems_of

    recorder, _ = run_block(model, *block, on_quarter=watch, seen=seen)
    checks = {
        "conservation_max_rel": float(recorder.conservation.max()),
        "nonconverged": int(recorder.nonconverged.sum()),
        "nan": int(sum(np.isnan(values).sum() for values in recorder.company.values())),
    }
    if problems := problems_of(checks):
        raise ModelError("; ".join(problems))
    return recorder


def _join(parts: list[Turned]) -> Turned:
    names = ("seen", "cost", "investment", "revenue", "value")
    turn = Turn(*(np.concatenate([getattr(part.turn, name) for part in parts], axis=-1) for name in names))
    return Turned(turn, np.concatenate([part.value for part in parts], axis=-1))


def shortened(model: Model, quarters: int) -> Model:
    """The same model for the first quarters only; a shorter run sees the first part of a longer one."""
    program = model.program
    changes = tuple(replace(change, weights=change.weights[:quarters]) for change in program.changes)
    events = tuple(event for event in program.events if event.first < quarters)
    short = replace(program, quarters=quarters, changes=changes, events=events)
    return replace(model, program=short, trend=model.trend[:quarters])


def switched_off(model: Model, switch: str) -> Model:
    """The same model without one of its steps or loops."""
    switches = replace(model.program.switches, **{switch: False})
    return replace(model, program=replace(model.program, switches=switches))


def with_debt(model: Model, *, multiple: float = 1.0, maturity: float = 1.0) -> Model:
    """The same model with other debt: limits by earnings and assets times `multiple`, terms times `maturity`.

    Repayments of a quarter are divided by the maturity (at most all), and dated ones move to the same multiple of
    their distance.
    """
    facts = model.facts
    conduct = dict(facts.conduct)
    for name in ("debt_multiple", "asset_debt_limit"):
        conduct[name] = conduct[name] * multiple
    dated = facts.bullet >= 0
    bullet = np.where(dated, np.rint((facts.bullet + 1) * maturity).astype(np.int64) - 1, facts.bullet)
    return replace(
        model,
        facts=replace(
            facts,
            conduct=conduct,
            amortisation=np.minimum(facts.amortisation / maturity, 1.0),
            bullet=np.maximum(bullet, np.where(dated, 0, bullet)),
        ),
    )
