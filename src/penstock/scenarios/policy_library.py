"""The policies that come with the package: scenario files without a shock, laid over any scenario at any strength."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from penstock.errors import InputError, UsageError
from penstock.scenarios.language import load_scenario
from penstock.scenarios.program import EventSpec, PolicyRules, Program, compile_program
from penstock.scenarios.scenario import Scenario
from penstock.world import World
from penstock.world.naming import nearest_name

POLICIES = Path(__file__).parent / "policies"
ORDER = ("rescue_budget", "permit_speed", "vendor_finance_cap", "disclosure", "capacity_market", "export_rule")


def policies() -> tuple[str, ...]:
    """Names of the bundled policies: those of ORDER, then any other file of the folder by name."""
    found = sorted(path.stem for path in POLICIES.glob("*.toml"))
    return (*(name for name in ORDER if name in found), *(name for name in found if name not in ORDER))


def load_policy(source: str | Path, world: World) -> Scenario:
    """A bundled policy by name, or one from a file of the same form: changes, events and rules, nothing else.

    Raises UsageError for an unknown name, with the nearest; InputError for a file with defects, or one that edits the
    world or switches steps off.
    """
    if str(source) in policies():
        found = load_scenario(POLICIES / f"{source}.toml", world)
    elif isinstance(source, Path) or source.endswith(".toml") or "/" in source:
        found = load_scenario(Path(source), world)
    else:
        nearest = nearest_name(source, policies())
        hint = f"; nearest {nearest}" if nearest else ""
        raise UsageError(f"policy: found {source!r}; expected {', '.join(policies())} or a file{hint}")
    tables = found.tables()
    for name in ("tie", "remove", "company", "switch"):
        if name in tables:
            raise InputError(f"{source}: {name}: found a table of it in a policy; expected change, event or policy")
    return found


def with_policy(shock: Program, policy: Scenario, strength: float = 1.0) -> Program:
    """The program of a shock with a policy laid over it.

    strength: 1 the policy as written, 0 none of it, bit for bit. Between, each change acts with that part of its
    weight, events strike that part, and rules lie that part of the way from the shock's to the policy's.
    """
    compiled = compile_program(policy, shock.first_quarter, shock.quarters)
    changes = [replace(change, weights=change.weights * strength) for change in compiled.changes]
    events: Sequence[EventSpec] = [replace(event, size=event.size * strength) for event in compiled.events]
    given = policy.policy.model_dump(exclude_none=True)
    rules = {name: getattr(shock.policy, name) for name in PolicyRules.__dataclass_fields__}
    for name, value in given.items():
        rules[name] = rules[name] + strength * (float(value) - rules[name]) if strength != 1.0 else float(value)
    return replace(
        shock,
        name=f"{shock.name}_with_{policy.name}",
        changes=(*shock.changes, *changes),
        events=(*shock.events, *(event for event in events if event.size > 0.0)),
        policy=PolicyRules(**rules),
    )
