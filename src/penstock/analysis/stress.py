"""Stress: what scenarios change against a base, who breaks, who follows, who pays and who buys the pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.breaks import breaks_of, buyer_table, cause_table, default_table, order_table
from penstock.analysis.losses import BEARERS, losses_by_company, losses_of, parts_of_change
from penstock.analysis.paired import difference_row, difference_table, interval, paired_run, scenarios_of
from penstock.analysis.sizes import sized, sized_name
from penstock.engine.progress import OnProgress
from penstock.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from penstock.engine.run import Run
    from penstock.world import World

TOTAL, RESCUE = "total", "rescue money"
"""Rows of the loss split beside those of the bearers: their sum, and public money that is not in it."""


@dataclass(frozen=True)
class Stress:
    """Scenarios against a base on common random numbers. Money in usd_bn; each frame has a column `scenario`."""

    base: str
    scenarios: tuple[str, ...]
    differences: pd.DataFrame
    """output, unit, base, level, difference, se, low95, high95 (of the mean), p05, p95 (of paths)"""
    defaults: pd.DataFrame
    """company_id, paths, share, base_share, difference, se, low95, high95, first_share, median_quarter"""
    order: pd.DataFrame
    """leader_id, follower_id, leader_paths, follows, se, otherwise, by_tie, median_lag_quarters"""
    causes: pd.DataFrame
    """cause_kind, base, level, difference, se, low95, high95, p05, p95 in defaults a path, share of defaults"""
    payers: pd.DataFrame
    """bearer, base, level, difference, se, low95, high95, p05, p95; rows of the bearers, their total, rescue money"""
    buyers: pd.DataFrame
    """company_id, deals_per_path, se, low95, high95, paths, bought, bought_deals, paid_usd_bn, paid_se"""
    parts: pd.DataFrame
    """part (see `parts_of_change`), difference, se, low95, high95: what makes the change of the losses"""
    worst: pd.DataFrame
    """path with the largest loss: path, loss_usd_bn, a column a bearer"""
    sizes: pd.DataFrame
    """each scenario by size, see `growth_with_size`; empty where no sizes were asked for"""
    run: Run = field(repr=False, compare=False)

    def to_pandas(self) -> pd.DataFrame:
        """The differences of the headline outputs."""
        return self.differences

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        frames = ("differences", "defaults", "order", "causes", "payers", "parts", "buyers", "worst", "sizes")
        tables = {name: getattr(self, name).to_dict(orient="records") for name in frames}
        return {"base": self.base, "scenarios": list(self.scenarios), **tables}


def stress(
    run_or_world: Run | World,
    scenarios: str | Sequence[Any] = (),
    *,
    scenario: Any = "baseline",
    sizes: Sequence[float] = (),
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    jobs: int = 1,
    prior: bool = False,
    out: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> Stress:
    """Pair each of `scenarios` (names, files, tables) with the base `scenario`, path by path.

    A world is simulated; a run is read, by default all its scenarios against its base or first. `sizes` puts each
    scenario at these sizes (see `sized`) in its place. Defaults are of firms with statements; company_id as in the
    world. Raises UsageError without a scenario or for one that the run lacks, InputError for a bad one, ModelError
    where a check of the model fails.
    """
    import pandas as pd

    from penstock.engine.ensemble import load_scenarios
    from penstock.engine.run import Run

    asked: list[Any] = (
        [scenarios] if isinstance(scenarios, str) or not isinstance(scenarios, Sequence) else [*scenarios]
    )
    if isinstance(run_or_world, Run):
        if sizes:
            raise UsageError("sizes: found some beside a run; expected a world, where they can be simulated")
        run = paired_run(run_or_world, None, ())
        base, names = scenarios_of(run, str(scenario), [str(name) for name in asked])
    else:
        if not asked:
            raise UsageError("stress: found no scenario; expected at least one beside the base")
        loaded = load_scenarios([scenario, *asked], run_or_world)
        base, others = loaded[0].name, loaded[1:]
        stems = tuple(each.name for each in others)
        if sizes:
            tables = [sized(each, size) for each in others for size in sizes]
            others = load_scenarios(tables, run_or_world)
        names = tuple(each.name for each in others)
        run = paired_run(
            run_or_world,
            loaded[0],
            others,
            paths=paths,
            quarters=quarters,
            seed=seed,
            jobs=jobs,
            prior=prior,
            out=out,
            on_progress=on_progress,
        )
    found = stress_of(run, base, names)
    if not sizes:
        return found
    grown = [growth_with_size(run, base, stem, sizes) for stem in stems]
    return replace(found, sizes=pd.concat(grown, ignore_index=True))


def stress_of(run: Run, base: str, names: Sequence[str]) -> Stress:
    """The tables of a run that holds the base and the others."""
    import pandas as pd

    before = breaks_of(run, base)
    parts: dict[str, list[pd.DataFrame]] = {}
    for name in names:
        after = breaks_of(run, name)
        tables = {
            "defaults": default_table(before, after),
            "order": order_table(after),
            "causes": cause_table(before, after),
            "payers": payer_table(run, base, name),
            "parts": part_table(run, base, name),
            "buyers": buyer_table(run, name),
            "worst": worst_table(run, name),
        }
        for key, table in tables.items():
            table.insert(0, "scenario", name)
            parts.setdefault(key, []).append(table)
    joined = {key: pd.concat(tables, ignore_index=True) for key, tables in parts.items()}
    return Stress(base, tuple(names), difference_table(run, base, names), sizes=pd.DataFrame(), run=run, **joined)


def payer_table(run: Run, base: str, name: str) -> pd.DataFrame:
    """Who bears the losses, in the base and in a scenario: bearers, the total that they add up to, rescue money."""
    import pandas as pd

    before, after = losses_of(run, base), losses_of(run, name)
    pairs = {bearer: (before.by_bearer[bearer], after.by_bearer[bearer]) for bearer in BEARERS}
    pairs[TOTAL] = (before.loss_usd_bn, after.loss_usd_bn)
    pairs[RESCUE] = (before.rescue_usd_bn, after.rescue_usd_bn)
    return pd.DataFrame([{"bearer": bearer, **difference_row(*pair)} for bearer, pair in pairs.items()])


def part_table(run: Run, base: str, name: str) -> pd.DataFrame:
    """The change of the losses by what makes it; the parts add up to the change of the total."""
    import pandas as pd

    found = parts_of_change(losses_by_company(run, base), losses_by_company(run, name))
    rows = []
    for part, values in found.items():
        told = interval(values)
        rows.append({"part": part, "difference": told["mean"], **{key: told[key] for key in ("se", "low95", "high95")}})
    return pd.DataFrame(rows)


def worst_table(run: Run, name: str) -> pd.DataFrame:
    """The path with the largest loss."""
    losses = losses_of(run, name)
    frame = losses.to_pandas()
    return frame[frame["path"] == losses.worst_path].reset_index(drop=True)


def growth_with_size(run: Run, base: str, scenario: str, sizes: Sequence[float]) -> pd.DataFrame:
    """scenario, size, loss_usd_bn (mean of paths), its part in claims, the step from the size before and its parts.

    `grows`: the difference is at least zero; a fall is an exception to be explained, of which `low95` and `high95`
    tell whether chance could make it, and `added`, `avoided` and `same` (see `parts_of_change`) why. The first size is
    compared with the base. Sizes ascend; names as `sized` gives them.
    """
    import pandas as pd

    ordered = sorted(sizes)
    names = [base, *(sized_name(scenario, size) for size in ordered)]
    found = [losses_of(run, name) for name in names]
    companies = [losses_by_company(run, name) for name in names]
    rows = []
    for number, size in enumerate(ordered):
        before, now = found[number : number + 2]
        change = difference_row(before.loss_usd_bn, now.loss_usd_bn)
        parts = parts_of_change(*companies[number : number + 2])
        rows.append(
            {
                "scenario": scenario,
                "size": size,
                "loss_usd_bn": float(np.mean(now.loss_usd_bn)),
                "claims_usd_bn": float(np.mean(now.loss_usd_bn - now.by_bearer["equity"])),
                **{key: change[key] for key in ("difference", "se", "low95", "high95")},
                **{part: float(values.mean()) for part, values in parts.items()},
                "grows": bool(change["difference"] >= 0.0),
            }
        )
    return pd.DataFrame(rows)
