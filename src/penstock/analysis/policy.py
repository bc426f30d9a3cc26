"""`policy`: what each policy does against a shock, path by path on the same random numbers, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.losses import losses_of
from penstock.analysis.outcome import Outcome
from penstock.analysis.ratios import interval, ratio
from penstock.analysis.steps import PATHS_AT_ONCE, mean_and_error
from penstock.analysis.subject import subject_of
from penstock.engine.progress import OnProgress, silent
from penstock.errors import InputError, ModelError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.model import Model, PathBlock
    from penstock.engine.run import Run
    from penstock.scenarios import Scenario
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

SHOCK = "baseline"
BUDGETS_USD_BN = (0.0, 100.0, 300.0)
"""Rescue budgets that are compared; without a policy the model's is that of the knob policy.rescue_budget_usd_bn."""
BUDGET_POLICY = "rescue_budget"
CERTAIN = 2.0
"""A ratio is told where what is under its line is at least this many standard errors from zero."""


EFFECTS = (
    Outcome("defaults", "per_path"),
    Outcome("loss", "usd_bn"),
    Outcome("written_down", "usd_bn"),
    Outcome("surplus", "usd_bn"),
    Outcome("capex", "usd_bn"),
    Outcome("public_money", "usd_bn"),
)
"""Defaults, losses and the part of them that is claims written down, users' surplus, AI capital spending and public
money paid to firms, summed over the run."""


@dataclass(frozen=True)
class PolicyStudy:
    """What policies change under a shock."""

    levels: pd.DataFrame
    """an effect a row: effect, unit, mean, se, under the shock without a policy"""
    changes: pd.DataFrame
    """a policy a row, the largest loss avoided first: rank, policy, title, for each effect the mean change, its
    standard error and the ends of its 90 % interval, loss_avoided_usd_bn with se, the share of paths with a smaller
    loss, public money and surplus forgone per dollar of loss avoided with their se (empty where no loss is avoided
    beyond two standard errors)"""
    policies: pd.DataFrame
    """policy, title, represented, evidence: what each is in the model"""
    left_out: tuple[str, ...]
    """bundled policies that do not fit the world, with the reason"""

    def to_pandas(self) -> pd.DataFrame:
        """The changes."""
        return self.changes

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        tables = {name: getattr(self, name).to_dict(orient="records") for name in ("levels", "changes", "policies")}
        return {**tables, "left_out": list(self.left_out)}


def policy(
    run_or_world: Run | World,
    *,
    scenario: str | Path | Scenario = SHOCK,
    policies: Sequence[str | Path] | None = None,
    strength: float = 1.0,
    budgets: Sequence[float] = BUDGETS_USD_BN,
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    jobs: int = 1,
    prior: bool = False,
    on_progress: OnProgress = silent,
) -> PolicyStudy:
    """Paired changes that policies make to a scenario: defaults, losses, surplus, capital spending, public money.

    policies: names of `penstock.scenarios.policy_library` or files, all bundled ones where not given; the policy
    `rescue_budget` runs once for each of `budgets` (usd_bn). strength: 0 to 1, see `with_policy`.

    Raises UsageError for an unknown policy (the nearest is told), a strength outside 0 to 1 or a negative budget,
    InputError for a policy's file with defects, ModelError where a check of the model fails.
    """
    import pandas as pd

    _check(strength, budgets)
    subject = subject_of(run_or_world, scenario=scenario, paths=paths, quarters=quarters, seed=seed, prior=prior)
    chosen, left_out = _choose(policies, budgets, subject.world)
    study = _Study(subject.prepare(), tuple(chosen), strength, subject.paths)
    base, *others = study.all(jobs, on_progress)
    rows = [_row(found, effect, base) for found, effect in zip(chosen, others, strict=True)]
    changes = pd.DataFrame(rows).sort_values("loss_avoided_usd_bn", ascending=False, ignore_index=True)
    changes.insert(0, "rank", np.arange(1, len(changes) + 1))
    return PolicyStudy(
        levels=pd.DataFrame(
            [(item.name, item.unit, *mean_and_error(base[item.name])) for item in EFFECTS],
            columns=["effect", "unit", "mean", "se"],
        ),
        changes=changes,
        policies=pd.DataFrame(
            [(found.name, found.title, found.story, found.evidence) for found in chosen],
            columns=["policy", "title", "represented", "evidence"],
        ),
        left_out=left_out,
    )


def _check(strength: float, budgets: Sequence[float]) -> None:
    if not 0.0 <= strength <= 1.0:
        raise UsageError(f"strength: found {strength:g}; expected a number from 0 (none of it) to 1 (as written)")
    for budget in budgets:
        if not (np.isfinite(budget) and budget >= 0.0):
            raise UsageError(f"budget: found {budget:g}; expected usd_bn of 0 or more")


def _choose(
    names: Sequence[str | Path] | None, budgets: Sequence[float], world: World
) -> tuple[list[Scenario], tuple[str, ...]]:
    """The policies, the rescue one for each budget; bundled ones that do not fit the world are left out and told."""
    from penstock.scenarios.policy_library import load_policy, policies

    chosen: list[Scenario] = []
    left_out: list[str] = []
    for name in dict.fromkeys(policies() if names is None else names):
        try:
            found = load_policy(name, world)
        except InputError as error:
            if names is not None:
                raise
            left_out.append(f"{name}: {error}")
            continue
        chosen += with_budgets(found, budgets) if name == BUDGET_POLICY else [found]
    if not chosen:
        raise UsageError("policy: found none; expected at least one")
    return chosen, tuple(left_out)


def with_budgets(found: Scenario, budgets: Sequence[float]) -> list[Scenario]:
    """A policy with each of some rescue budgets."""
    rules = found.policy
    return [
        replace(
            found,
            name=f"{found.name}_{budget:g}",
            title=f"{found.title}: {budget:g} USD bn",
            policy=rules.model_copy(update={"rescue_budget_usd_bn": float(budget)}),
        )
        for budget in dict.fromkeys(budgets)
    ]


def _row(found: Scenario, effect: dict[str, Array], base: dict[str, Array]) -> dict[str, object]:
    row: dict[str, object] = {"policy": found.name, "title": found.title}
    change = {item.name: effect[item.name] - base[item.name] for item in EFFECTS}
    for item in EFFECTS:
        value, error = mean_and_error(change[item.name])
        low, high = interval(value, error)
        row |= {
            item.key: value,
            f"{item.name}_se": error,
            f"{item.name}_low90": low,
            f"{item.name}_high90": high,
        }
    avoided, error = mean_and_error(-change["loss"])
    row |= {"loss_avoided_usd_bn": avoided, "loss_avoided_se": error}
    row["helped_share"] = float((change["loss"] < 0.0).mean())
    sure = avoided > CERTAIN * error
    for name, cost in (("public_money", change["public_money"]), ("surplus_forgone", -change["surplus"])):
        value, error = ratio([cost], [-change["loss"]]) if sure else (np.nan, np.nan)
        row |= {f"{name}_per_loss_avoided": value, f"{name}_per_loss_avoided_se": error}
    return row


def policy_effects(block: PathBlock) -> dict[str, Array]:
    """The effects of each path of a block, (paths,) each; losses as `analysis.losses` defines them."""
    losses = losses_of(block)
    return {
        "defaults": block.layers["defaults"].sum(axis=(0, 1)),
        "loss": losses.loss_usd_bn,
        "written_down": losses.loss_usd_bn - losses.by_instrument["equity"],
        "surplus": block.economy["surplus_usd_bn"].sum(axis=0),
        "capex": block.economy["capex_usd_bn"].sum(axis=0),
        "public_money": losses.rescue_usd_bn,
    }


@dataclass(frozen=True)
class _Study:
    """Simulates the shock and each policy over it; travels once to each process."""

    model: Model
    policies: tuple[Scenario, ...]
    strength: float
    paths: int

    def __call__(self, number: int) -> tuple[int, dict[str, Array]]:
        from penstock.engine.model import simulate_paths
        from penstock.engine.run import problems_of
        from penstock.scenarios.policy_library import with_policy

        model = self.model
        if number:
            program = with_policy(model.program, self.policies[number - 1], self.strength)
            model = replace(model, program=program)
        parts: list[dict[str, Array]] = []
        for first in range(0, self.paths, PATHS_AT_ONCE):
            block = simulate_paths(model, first, min(PATHS_AT_ONCE, self.paths - first))
            if problems := problems_of(block.checks):
                raise ModelError(f"{model.program.name}: {'; '.join(problems)}")
            parts.append(policy_effects(block))
        return number, {item.name: np.concatenate([part[item.name] for part in parts]) for item in EFFECTS}

    def all(self, jobs: int, on_progress: OnProgress) -> list[dict[str, Array]]:
        from penstock.engine.executors import executor_for

        total = len(self.policies) + 1
        found: dict[int, dict[str, Array]] = {}
        on_progress(0, total, "policies")
        for number, effects in executor_for(jobs, total).map(self, range(total)):
            found[number] = effects
            on_progress(len(found), total, "policies")
        return [found[number] for number in range(total)]
