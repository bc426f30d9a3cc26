"""The payoff: what users and society get, what is written off and by whom, what survives; with and without crises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis import surplus
from penstock.analysis.losses import BEARERS, losses_of
from penstock.analysis.paired import Array, difference_row, interval
from penstock.analysis.productivity import CASES, FIELDS, assumptions, gains, values_of
from penstock.analysis.survival import AGE_YEARS, LATER, Physical, at_quarter, bust_quarter
from penstock.engine.progress import OnProgress, silent
from penstock.errors import ModelError, UsageError
from penstock.layers.platform import HOURS, annuity

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.model import Model
    from penstock.engine.run import Run
    from penstock.world import World

WITHOUT, WITH = "without crises", "with crises"
"""Without: no black swan arrives, and a default costs its creditors and customers nothing. The paths are the same."""
CRISIS_SWITCHES = {"black_swans": False, "contagion": False}
ECONOMY = (
    "tokens_served", "price_usd_per_mtok", "price_usd_per_h100e_hour", "utilisation", "capex_usd_bn",
    "ai_revenue_usd_bn", "surplus_usd_bn", "stranded_usd_bn",
)  # fmt: skip
TOKENS_PER_USD_BN = 1e15
"""usd_bn = million tokens x usd per million tokens / 1e9."""

Arrays = dict[str, Array]


@dataclass(frozen=True)
class Payoff:
    """Payoff of one scenario. Money in usd_bn, sums over the run unless a name says otherwise."""

    scenario: str
    totals: pd.DataFrame
    """measure, unit, without, with, difference, se, low95, high95 (of the mean), p05, p95 (of paths)"""
    by_path: pd.DataFrame
    """case (with or without crises), path, a column a measure"""
    productivity: pd.DataFrame
    """field, case, assumptions (low, central, high), usd_bn over the run: mean, se, low95, high95; with crises"""
    written_off: pd.DataFrame
    """bearer, without, with, difference, se, low95, high95, p05, p95; the bearers add up to the row `total`"""
    busts: pd.DataFrame
    """case, paths, busts, share, se, median_quarter of the crossing"""
    survivors: pd.DataFrame
    """at (a year after the crossing, or the end), measure, unit, paths, and with crises and without on these paths"""
    ages: pd.DataFrame
    """at, age_years, million_h100e with crises and without, share of the stock, on the same paths"""
    assumptions: pd.DataFrame
    """name, field, low, central, high, unit, grade, source, reason"""

    def to_pandas(self) -> pd.DataFrame:
        """The totals."""
        return self.totals

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table by name."""
        names = (
            "totals", "by_path", "productivity", "written_off", "busts", "survivors", "ages", "assumptions",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        tables = {name: table.to_dict(orient="records") for name, table in self.tables.items()}
        return {"scenario": self.scenario, **tables}


def payoff(
    run_or_world: Run | World,
    scenario: Any = None,
    *,
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    jobs: int = 1,
    prior: bool = False,
    on_progress: OnProgress | None = None,
) -> Payoff:
    """What the build-out leaves, by path and in expectation, with and without crises on common random numbers.

    A run gives its world, scenario (the first unless named), paths, quarters and seed; its paths are simulated again,
    bit for bit, because ages of chips are in no table. `scenario` of a world is `baseline` unless given. Raises
    UsageError for an unknown scenario, InputError for a bad one, ModelError where a check fails.
    """
    import pandas as pd

    from penstock.engine.ensemble import check_values
    from penstock.engine.executors import executor_for
    from penstock.engine.model import WIDTH

    check_values(paths=paths, quarters=quarters, seed=seed, jobs=jobs)
    models, paths = _models(run_or_world, scenario, paths, quarters, seed, prior)
    name = models[WITH].program.name
    tasks = [(case, first) for case in (WITHOUT, WITH) for first in range(0, paths, WIDTH)]
    report = on_progress or silent
    report(0, 2 * paths, "payoff")
    parts: dict[tuple[str, int], Arrays] = {}
    for task, arrays in executor_for(jobs, len(tasks)).map(_Work(models, paths), tasks):
        parts[task] = arrays
        report(sum(len(a["path"]) for a in parts.values()), 2 * paths, "payoff")
    cases = {case: _joined([parts[task] for task in tasks if task[0] == case]) for case in (WITHOUT, WITH)}
    measured = {case: measures(arrays) for case, arrays in cases.items()}
    by_path = [
        pd.DataFrame({"case": case, "path": cases[case]["path"], **{k: v for (k, _), v in found.items()}})
        for case, found in measured.items()
    ]
    survivors, ages = survival_tables(cases[WITH], cases[WITHOUT])
    return Payoff(
        scenario=name,
        totals=_compared(measured[WITHOUT], measured[WITH]),
        by_path=pd.concat(by_path, ignore_index=True),
        productivity=productivity_table(cases[WITH]),
        written_off=written_off_table(cases[WITHOUT], cases[WITH]),
        busts=bust_table(cases, models[WITH]),
        survivors=survivors,
        ages=ages,
        assumptions=pd.DataFrame([item.to_dict() for item in assumptions()]),
    )


def _models(
    source: Run | World, scenario: Any, paths: int, quarters: int, seed: int, prior: bool
) -> tuple[dict[str, Model], int]:
    """The models with and without crises, and how many paths."""
    from penstock.engine.model import prepare
    from penstock.engine.run import Run
    from penstock.scenarios import compile_program, load_scenario, read_scenario

    if isinstance(source, Run):
        name = str(scenario or source.scenarios[0])
        if name not in source.scenarios:
            raise UsageError(f"--run: found no scenario {name!r} in it; expected one of {', '.join(source.scenarios)}")
        told = source.manifest
        world, plan = source.world, read_scenario(
            told["scenarios"][source.scenarios.index(name)]["text"], world=source.world
        )  # fmt: skip
        paths, quarters, seed, prior = (told[key] for key in ("paths", "quarters", "seed", "prior"))
    else:
        world, plan = source, load_scenario(scenario or "baseline", source)
    model = prepare(world, plan, quarters=quarters, seed=seed, prior=prior)
    tables = plan.to_dict()
    calm = {**tables, "name": f"{plan.name}_calm", "switch": {**tables.get("switch", {}), **CRISIS_SWITCHES}}
    # switches edit neither the world nor its opening state, so these are made once
    program = compile_program(load_scenario(calm, world), model.first_quarter, quarters)
    return {WITH: model, WITHOUT: replace(model, program=program)}, paths


@dataclass(frozen=True)
class _Work:
    """Simulates one block of paths of one case; travels once to each process."""

    models: dict[str, Model]
    paths: int

    def __call__(self, task: tuple[str, int]) -> tuple[tuple[str, int], Arrays]:
        from penstock.engine.model import WIDTH, simulate_paths
        from penstock.engine.run import problems_of

        case, first = task
        count = min(WIDTH, self.paths - first)
        physical = Physical()
        block = simulate_paths(self.models[case], first, count, on_quarter=physical.look)
        if problems := problems_of(block.checks):
            raise ModelError(f"{case}: {'; '.join(problems)}")
        losses = losses_of(block)
        arrays = {name: block.economy[name] for name in ECONOMY}
        arrays |= {f"borne_by_{name}": losses.by_bearer[name] for name in BEARERS}
        arrays |= {"loss_usd_bn": losses.loss_usd_bn, "rescue_usd_bn": losses.rescue_usd_bn}
        arrays |= {"defaults": block.layers["defaults"].sum(axis=(0, 1)), "path": losses.paths}
        return task, arrays | physical.arrays(count)


def _joined(parts: list[Arrays]) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts], axis=-1) for name in parts[0]}


def token_elasticity(arrays: Mapping[str, Array]) -> Array:
    """Elasticity of tokens bought to their price that the model's demand has, (quarters, paths).

    Spending on tokens moves with their cost to the power (1 - epsilon) x share of compute in spending, where epsilon
    is the elasticity of compute (step 1); tokens are spending over price.
    """
    return np.asarray(1.0 + (arrays["elasticity"] - 1.0) * arrays["inference_share"])


def user_surplus(arrays: Mapping[str, Array]) -> Arrays:
    """Surplus of users of served tokens on the demand curve of each quarter, usd_bn, (quarters, paths).

    linear_level: the whole triangle of a linear curve; linear_gain and constant_elasticity_gain: what users gain from
    paying the price of the quarter instead of that of the opening, on a curve of either form through the point where
    they are.
    """
    price, tokens = arrays["price_usd_per_mtok"], arrays["tokens_served"] / TOKENS_PER_USD_BN
    elasticity, opening = token_elasticity(arrays), arrays["token_price_opening"]
    return {
        "linear_level": surplus.linear(price, tokens, elasticity),
        "linear_gain": surplus.linear_gain(price, tokens, elasticity, opening),
        "constant_elasticity_gain": surplus.constant_elasticity_gain(price, tokens, elasticity, opening),
    }


def measures(arrays: Mapping[str, Array]) -> dict[tuple[str, str], Array]:
    """(measure, unit) -> value of each path, (paths,): sums over the run; stranded capital at its end."""
    found: dict[tuple[str, str], Array] = {
        ("spending", "usd_bn"): arrays["ai_revenue_usd_bn"].sum(axis=0),
        ("tokens", "quadrillion"): arrays["tokens_served"].sum(axis=0) * 1e-15,
        ("surplus_of_the_model", "usd_bn"): arrays["surplus_usd_bn"].sum(axis=0),
    }
    for name, values in user_surplus(arrays).items():
        found[(f"surplus_{name}", "usd_bn")] = values.sum(axis=0)
    for name, values in gains(arrays["adoption"], values_of("central")).items():
        found[(f"productivity_{name}", "usd_bn")] = values.sum(axis=0)
    found[("loss", "usd_bn")] = arrays["loss_usd_bn"]
    found[("stranded_at_end", "usd_bn")] = arrays["stranded_usd_bn"][-1]
    found[("defaults", "per_path")] = arrays["defaults"]
    return found


def _compared(calm: Mapping[tuple[str, str], Array], crisis: Mapping[tuple[str, str], Array]) -> pd.DataFrame:
    import pandas as pd

    rows = [{"measure": name, "unit": unit, **_cases(calm[name, unit], crisis[name, unit])} for name, unit in calm]
    return pd.DataFrame(rows)


def _cases(calm: Array, crisis: Array) -> dict[str, float]:
    found = difference_row(calm, crisis)
    return {"without": found.pop("base"), "with": found.pop("level"), **found}


def productivity_table(arrays: Mapping[str, Array]) -> pd.DataFrame:
    """Gains by field over the run at the low, central and high end of all assumptions together."""
    import pandas as pd

    rows = []
    for case in CASES:
        found = gains(arrays["adoption"], values_of(case))
        rows += [{"field": name, "assumptions": case, **interval(found[name].sum(axis=0))} for name in FIELDS]
    return pd.DataFrame(rows)


def written_off_table(calm: Mapping[str, Array], crisis: Mapping[str, Array]) -> pd.DataFrame:
    """Who bears what is written off, their total, and rescue money beside it."""
    import pandas as pd

    columns = {name: f"borne_by_{name}" for name in BEARERS} | {"total": "loss_usd_bn", "rescue money": "rescue_usd_bn"}
    return pd.DataFrame(
        [{"bearer": name, **_cases(calm[column], crisis[column])} for name, column in columns.items()]
    )  # fmt: skip


def bust_table(cases: Mapping[str, Mapping[str, Array]], model: Model) -> pd.DataFrame:
    """How many paths have a bust, and when."""
    import pandas as pd

    from penstock.scenarios import quarters as calendar

    rows = []
    for case, arrays in cases.items():
        when = bust_quarter(arrays["capex_usd_bn"])
        found = when[when >= 0]
        share = float((when >= 0).mean())
        first = calendar.ordinal(model.first_quarter)
        median = calendar.text(first + int(np.quantile(found, 0.5, method="lower"))) if len(found) else ""
        error = float(np.sqrt(share * (1.0 - share) / len(when)))
        rows.append(
            {"case": case, "paths": len(when), "busts": len(found), "share": share, "se": error, "median": median}
        )  # fmt: skip
    return pd.DataFrame(rows)


SURVIVORS = {
    "chips in service": ("stock", "million_h100e"),
    "remaining life": ("life", "years"),
    "halls": ("halls_gw", "gw_it"),
    "firm power": ("power_gw", "gw_it"),
    "rent": ("price_usd_per_h100e_hour", "usd_per_h100e_hour"),
    "full cost": ("full_cost_usd_per_h100e_hour", "usd_per_h100e_hour"),
    "running cost": ("running_usd_per_h100e_hour", "usd_per_h100e_hour"),
    "book value": ("book", "usd_thousand_per_h100e"),
    "value in use": ("value_in_use", "usd_thousand_per_h100e"),
    "utilisation": ("utilisation", "ratio"),
    "token price": ("price_usd_per_mtok", "usd_per_mtok"),
    "tokens served": ("tokens", "quadrillion_per_quarter"),
}
"""What is counted after a bust -> array, unit."""
AFTER_BUST, AT_END = "a year after the bust", "at the end of the run"


def survivors_of(arrays: Mapping[str, Array]) -> Arrays:
    """The arrays of SURVIVORS, (quarters, paths).

    value_in_use: what a chip of the fleet still earns over its remaining life, discounted and with the rent falling
    as costs do: `8.76 u (rent - running) / annuity(rate, decline, life)`; never below zero.
    """
    stock = arrays["chips"].sum(axis=1)
    life = np.maximum(arrays["life"], 0.25)
    margin = np.maximum(arrays["price_usd_per_h100e_hour"] - arrays["running_usd_per_h100e_hour"], 0.0)
    earned = HOURS * arrays["utilisation"] * margin
    return {
        **{name: arrays[name] for name, _ in SURVIVORS.values() if name in arrays},
        "stock": stock,
        "book": arrays["equipment_usd_bn"] / np.maximum(stock, 1e-9),
        "value_in_use": earned / annuity(arrays["rate"], arrays["rent_decline"], life),
        "tokens": arrays["tokens_served"] * 1e-15,
    }


def survival_tables(crisis: Mapping[str, Array], calm: Mapping[str, Array]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What stands a year after the bust on paths with one, and at the end on all; beside the same paths without."""
    import pandas as pd

    quarters = crisis["capex_usd_bn"].shape[0]
    when = bust_quarter(crisis["capex_usd_bn"])
    chosen = {AFTER_BUST: np.flatnonzero((when >= 0) & (when + LATER < quarters)), AT_END: np.arange(len(when))}
    at = {AFTER_BUST: when + LATER, AT_END: np.full(len(when), quarters - 1)}
    mine, theirs = survivors_of(crisis), survivors_of(calm)
    rows, ages = [], []
    for moment, paths in chosen.items():
        if not len(paths):
            continue
        quarter = at[moment][paths]
        for label, (name, unit) in SURVIVORS.items():
            pair = [at_quarter(found[name][:, paths], quarter) for found in (theirs, mine)]
            rows.append({"at": moment, "measure": label, "unit": unit, "paths": len(paths), **_cases(*pair)})
        stocks = [at_quarter(found["chips"][..., paths], quarter) for found in (calm, crisis)]
        for age in range(AGE_YEARS):
            found = _cases(stocks[0][age], stocks[1][age])
            share = float(stocks[1][age].sum() / np.maximum(stocks[1].sum(), 1e-12))
            ages.append({"at": moment, "age_years": age, "unit": "million_h100e", **found, "share": share})
    return pd.DataFrame(rows), pd.DataFrame(ages)
