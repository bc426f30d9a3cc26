"""What demand, the cost of capital and access to capital see of valuations: the market's, or others in their place.

The loop valuation -> cost of capital -> investment -> revenue -> valuation is cut here: with the switch
`valuation_loop` off, steps see the valuations of the opening; an analysis may let them see any other (`Seen`). What is
seen is put in place before a step reads it and taken away before the books are closed and values are set, so that mood
and values go on as they would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from penstock.arrays import np
from penstock.engine.moment import Moment
from penstock.engine.steps.serve import RATE_OF_MOOD
from penstock.money import valuation

Array = np.ndarray

CHANNELS = ("demand", "cost_of_capital", "access")
"""Where valuations act, in the order of the quarter. demand: users' adoption, platforms' own use, labs' training;
cost_of_capital: hurdle rate and spreads; access: outside money, rounds, lenders, losses that investors allow labs, and
the pull of rivals."""


@dataclass(frozen=True)
class Seen:
    """Valuations that steps see. Channels not named see the market's."""

    at: Callable[[Moment], tuple[Array, Array]]
    """mood (paths,) and values (firms, paths) that are seen in a quarter"""
    channels: frozenset[str] = frozenset(CHANNELS)


def opening_valuation(now: Moment) -> tuple[Array, Array]:
    """Mood and values at the opening."""
    values = np.repeat(now.block.facts.market_value, now.block.width, axis=1)
    return now.block.theta["opening_mood"], values


def show(now: Moment, channel: str) -> None:
    """Puts what a channel sees in the place of mood, values and spreads; nothing where the loop is whole."""
    seen = now.block.seen if now.on("valuation_loop") else Seen(opening_valuation)
    if seen is None:
        return
    e, f, facts, r = now.state.economy, now.state.firms, now.block.facts, now.results
    if "market_mood" not in r:
        r["market_mood"], r["market_value"], r["market_spread"] = e.mood, f.value, f.spread
    e.mood, value = seen.at(now) if channel in seen.channels else (r["market_mood"], r["market_value"])
    # rounds add to what is seen where it lies; the market's own stays as it is
    f.value = np.array(value)
    r[f"brighter_{channel}"] = e.mood - r["market_mood"]
    if channel not in seen.channels:
        return
    if channel == "cost_of_capital":
        distance = valuation.distance_to_default(f.value, now.block.cache["debt_owed"], facts.equity_volatility)
        spread = valuation.spread(facts.rating_spread, distance, f.distance_opening)
        # who is seen at the market's value pays the market's spread, to the bit
        f.spread = np.where(f.value == r["market_value"], r["market_spread"], spread)


def hide(now: Moment) -> None:
    """Gives mood, values and spreads back; a round adds what it brought to the value.

    Valuations are discounted, and look ahead, with the market's own mood: only what passes through the economy
    comes back to them.
    """
    e, f, r = now.state.economy, now.state.firms, now.results
    if "market_mood" not in r:
        return
    r["rate_seen"] = r["rate"]
    r["rate"] = r["rate"] + RATE_OF_MOOD * r["brighter_cost_of_capital"]
    if now.on("plan"):
        pull = 2.0 * np.clip(e.capex_growth, -0.5, 1.0) * now.lever("conduct.arms_race", now.block.theta["arms_race"])
        r["growth"] = r["growth"] - pull * r["brighter_access"]
    e.mood, f.value, f.spread = r["market_mood"], r["market_value"] + r["equity_raised"], r["market_spread"]
