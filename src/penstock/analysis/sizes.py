"""The same shock in several sizes: nothing at 0, the scenario itself at 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.errors import UsageError
from penstock.scenarios.apply import Apply, parse_apply

if TYPE_CHECKING:
    from penstock.scenarios import Scenario


def sized(scenario: Scenario, size: float) -> dict[str, Any]:
    """The tables of a scenario with every change and event at `size` of it; `load_scenario` reads them.

    A factor f becomes size f + (1 - size), at least 0; a range of factors likewise at both ends; an addition and the
    size of an event are multiplied. Raises UsageError for a negative size and where something has no size between:
    a knob that is set, a default that is ordered, edits of the world, switches and policies.
    """
    if not 0.0 <= size < float("inf"):
        raise UsageError(f"size: found {size:g}; expected a number of 0 or more")
    plain = scenario.to_dict()
    for what in ("remove", "company", "tie", "policy", "switch"):
        if what in plain:
            raise UsageError(f"{scenario.name}: found [{what}]; expected changes and events, which have a size")
    for change in plain.get("change", []):
        change["apply"] = _sized(scenario.name, change["what"], parse_apply(str(change["apply"])), size).text()
    events = plain.get("event", [])
    for event in events:
        if event["kind"] == "default":
            raise UsageError(f"{scenario.name}: found a default of {event['target']}; expected events with a size")
        event["size"] = min(size * float(event.get("size", 1.0)), 1.0)
    title = f"{plain.get('title') or scenario.name}, {size:g} times"
    return {**plain, "name": sized_name(scenario.name, size), "title": title}


def sized_name(name: str, size: float) -> str:
    """Name of a scenario at a size: `funding_freeze_x0_5`."""
    return f"{name}_x{size:g}".replace(".", "_").replace("+", "").replace("-", "m")


def _sized(name: str, what: str, apply: Apply, size: float) -> Apply:
    if apply.kind == "set":
        raise UsageError(f"{name}: {what}: found {apply.text()!r}; expected a factor or an addition, which have a size")
    if apply.kind == "offset":
        return Apply("offset", size * apply.low, size * apply.high)
    low, high = (size * end + (1.0 - size) for end in (apply.low, apply.high))
    if apply.kind == "factor":
        return Apply("factor", max(low, 0.0), max(high, 0.0))
    if low <= 0.0:
        raise UsageError(f"{name}: {what}: found a size of {size:g}; expected one that keeps the range above 0")
    return Apply("factor", 1.0, 1.0) if low == high else Apply("range", low, high)
