"""`integration`: make or buy, for each large buyer: own chips, own models, own power, against buying them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penstock.analysis.steps import mean_and_error
from penstock.analysis.subject import Subject, subject_of
from penstock.conduct.integration import MakeOrBuy, escaped_margin, make_or_buy
from penstock.engine.progress import OnProgress, silent
from penstock.errors import InputError, ModelError, UsageError
from penstock.world.rows import read_rows

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.model import Model
    from penstock.engine.run import Run
    from penstock.scenarios import Scenario
    from penstock.world import World

Array = np.ndarray[Any, np.dtype[np.float64]]

TABLE = Path(__file__).with_name("integration_inputs.csv")
MAKES = ("own_chips", "own_model", "own_power")
BUYERS = ("hyperscaler", "lab")
"""Groups whose members may make instead of buy."""
CATEGORY = {"own_chips": "accelerators", "own_model": "model_access", "own_power": "energy"}
SELLERS = {"nvidia": "supplier_margin_nvidia", "amd": "supplier_margin_amd"}
PARTNERS = ("broadcom", "marvell", "mediatek", "alchip", "guc")
"""Who makes chips that a buyer designs: what is bought of them is made already."""
LEAST_PURCHASES_USD_BN = 0.05
"""Who buys less than this a year is no large buyer: making is then worth about what it costs, below nothing."""
HOURS = 8760.0
Z95 = 1.6448536269514722
"""A range is 5 to 95 %."""
STREAM = 16
"""Counter of the random numbers of this analysis, apart from those of the model."""


@dataclass(frozen=True)
class Input:
    """One uncertain quantity of a project: its 5, 50 and 95 %, and where it comes from."""

    make: str
    quantity: str
    low: float
    central: float
    high: float
    unit: str
    scale: str
    parameter: str
    grade: str
    note: str

    def draw(self, uniform: Array) -> Array:
        """A split normal through the three quantiles, in logs where `scale` is log."""
        from scipy.special import ndtri

        z = ndtri(uniform) / Z95
        if self.scale == "log":
            up, down = np.log(self.high / self.central), np.log(self.central / self.low)
            return np.asarray(self.central * np.exp(np.where(z > 0, z * up, z * down)))
        value = self.central + np.where(z > 0, z * (self.high - self.central), z * (self.central - self.low))
        return np.asarray(np.minimum(value, 0.99) if self.unit == "share" else value)


@dataclass(frozen=True)
class IntegrationStudy:
    """What making is worth."""

    projects: pd.DataFrame
    """a buyer and a make a row: company_id, make, what it has made already and what it still buys (purchases), usd_bn a
    year, margin (share of a
    purchase that making saves, mean), npv_usd_bn with its standard error and 5, 50 and 95 % of the draws,
    probability that making beats buying with its standard error, draws behind both,
    margin_escaped_usd_bn_per_year when a successful project begins to pay, project_cost_usd_bn (present value),
    plant_usd_bn (paid when the wait ends, own power only),
    break_even_usd_bn_per_year (purchases today at 5, 50, 95 % of the draws; infinite where no quantity pays) and the
    median as a quantity with its unit"""
    ensemble: pd.DataFrame
    """what the model's owners do under the scenario: company_id, own_chips_share at the end (mean, se, 5 and 95 %),
    share of paths with a project that has succeeded or is under way"""
    inputs: pd.DataFrame
    """every uncertain quantity: make, quantity, low, central, high, unit, grade, source or note"""

    def to_pandas(self) -> pd.DataFrame:
        """The projects."""
        return self.projects

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name).to_dict(orient="records") for name in ("projects", "ensemble", "inputs")}


@cache
def _table() -> tuple[Input, ...]:
    return read_rows(TABLE, Input)


def inputs_of(world: World) -> tuple[Input, ...]:
    """The uncertain quantities, those of the world's `parameters.csv` where it has them."""
    from dataclasses import replace

    found = []
    for row in _table():
        known = None
        if row.parameter:
            try:
                known = world.parameter(row.parameter)
            except (UsageError, InputError):
                known = None
        if known is not None and known.low is not None and known.high is not None:
            row = replace(row, low=known.low, central=known.central, high=known.high, grade=known.grade)
        elif row.parameter:
            row = replace(row, parameter="", grade="F", note=f"no such row in this world: assumption. {row.note}")
        found.append(row)
    return tuple(found)


def integration(
    run_or_world: Run | World,
    *,
    scenario: str | Path | Scenario = "baseline",
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    jobs: int = 1,
    prior: bool = False,
    on_progress: OnProgress = silent,
) -> IntegrationStudy:
    """Net present value of making own chips, own models and own power against buying, by buyer, with break-even.

    Each path draws the uncertain quantities anew (`inputs`), the same for all buyers; what buyers buy is that of the
    opening state, and who buys less than `LEAST_PURCHASES_USD_BN` of a thing is left out. The `ensemble` shows the
    share of own chips that the model's own rule reaches (step 5, plan).
    """
    import pandas as pd

    subject = subject_of(run_or_world, scenario=scenario, paths=paths, quarters=quarters, seed=seed, prior=prior)
    model = subject.prepare()
    inputs = inputs_of(subject.world)
    draws = draw_inputs(inputs, subject.seed, subject.paths)
    rows = [
        {
            "company_id": str(model.firms[firm]),
            "make": make,
            "made_usd_bn_per_year": made_already(model, firm, make),
            **_project_row(_project(make, bought, group, draws)),
        }
        for firm, group in _buyers(model)
        for make in MAKES
        for bought in (purchases_of(model, firm, make),)
        if sum(bought.values()) >= LEAST_PURCHASES_USD_BN and not (group == "lab" and make == "own_model")
    ]
    projects = pd.DataFrame(rows).sort_values(["make", "npv_usd_bn"], ascending=[True, False], ignore_index=True)
    return IntegrationStudy(
        projects=projects,
        ensemble=_ensemble(model, subject, jobs, on_progress),
        inputs=pd.DataFrame(
            [
                (x.make, x.quantity, x.low, x.central, x.high, x.unit, x.grade, x.parameter or x.note)
                for x in inputs
                if x.high > 0.0
            ],
            columns=["make", "quantity", "low", "central", "high", "unit", "grade", "source"],
        ),
    )


def draw_inputs(inputs: tuple[Input, ...], seed: int, paths: int) -> dict[tuple[str, str], Array]:
    """Each quantity on each path, (paths,); a path draws the same whatever the number of paths."""
    uniforms = np.empty((len(inputs), paths))
    for path in range(paths):
        key, counter = np.array([seed, path], dtype=np.uint64), np.array([0, 0, 0, STREAM], dtype=np.uint64)
        uniforms[:, path] = np.random.Generator(np.random.Philox(key=key, counter=counter)).random(len(inputs))
    inside = np.clip(uniforms, 1e-12, 1.0 - 1e-12)
    return {(x.make, x.quantity): x.draw(u) for x, u in zip(inputs, inside, strict=True)}


def _buyers(model: Model) -> list[tuple[int, str]]:
    """Firms of the groups that may make, with their group."""
    from penstock.engine.opening.state import GROUPS

    groups = [str(GROUPS[int(number)]) for number in model.layout.group]
    return [(firm, group) for firm, group in enumerate(groups) if group in BUYERS]


def purchases_of(model: Model, firm: int, make: str) -> dict[str, float]:
    """What a firm buys a year of each seller in the opening state, usd_bn; design partners of own chips left out."""
    found = _bought(model, firm, make)
    return {seller: amount for seller, amount in found.items() if not (make == "own_chips" and seller in PARTNERS)}


def made_already(model: Model, firm: int, make: str) -> float:
    """What a firm has made already, usd_bn a year: chips of its own design, bought of its design partners."""
    found = _bought(model, firm, make)
    return sum(amount for seller, amount in found.items() if make == "own_chips" and seller in PARTNERS)


def _bought(model: Model, firm: int, make: str) -> dict[str, float]:
    layout = model.layout
    rows = layout.category[CATEGORY[make]].slice
    found: dict[str, float] = {}
    for tie in range(rows.start, rows.stop):
        if layout.payer[tie] == firm:
            seller = layout.units[layout.payee[tie]]
            found[seller] = found.get(seller, 0.0) + 4.0 * float(model.facts.tie_base[tie, 0])
    return found


@dataclass(frozen=True)
class _Project:
    """A buyer's project on all draws."""

    purchases: float
    margin: Array
    replaced: Array
    """purchases replaced when the project begins to pay, usd_bn a year"""
    plant: Array
    """capital for it, usd_bn"""
    result: MakeOrBuy
    per_usd_bn: Array
    unit: str


def _project(make: str, bought: dict[str, float], group: str, draws: dict[tuple[str, str], Array]) -> _Project:
    def of(quantity: str) -> Array:
        return draws[make, quantity]

    purchases = sum(bought.values())
    margin, capital, per_usd_bn, unit = _MARGINS[make](of, bought)
    growth = of("growth")
    result = make_or_buy(
        np.asarray(purchases),
        margin,
        shifted_share=of("shifted_share"),
        rate=draws["all", f"rate_{group}"],
        wait=of("wait"),
        life=of("life"),
        project_cost=of("project_cost"),
        running_cost=of("running_cost"),
        success=of("success"),
        growth=growth,
        growth_after=0.0 if make == "own_power" else growth,
        capital=capital,
    )
    replaced = purchases * of("shifted_share") * (1.0 + growth) ** of("wait")
    return _Project(purchases, margin, replaced, replaced * capital, result, per_usd_bn, unit)


Inputs = Callable[[str], Array]
Margins = tuple[Array, Array | float, Array, str]
"""Margin that making saves, capital for each usd_bn a year replaced, units for each usd_bn a year, and the unit."""


def _chips(of: Inputs, bought: dict[str, float]) -> Margins:
    total = sum(bought.values())
    weighed = [(bought[seller] / total, of(SELLERS.get(seller, "supplier_margin_other"))) for seller in bought]
    supplier = np.sum([share * margin for share, margin in weighed], axis=0) if total > 0 else of(SELLERS["nvidia"])
    margin = escaped_margin(supplier, of("partner_margin"), of("performance"))
    return margin, 0.0, 1e9 / of("unit_price"), "chips a year"


def _models(of: Inputs, bought: dict[str, float]) -> Margins:
    margin = escaped_margin(of("supplier_margin_lab"), np.zeros(1), of("performance"))
    return margin, 0.0, 1e3 / of("unit_price"), "trillion tokens a year"


def _power(of: Inputs, bought: dict[str, float]) -> Margins:
    price = 1000.0 * of("power_price")
    margin = 1.0 - (of("heat_rate") * of("gas_price") + of("operating_cost")) / price
    capital = of("capacity_cost") * of("spare") / (HOURS * of("load") * of("power_price"))
    return margin, capital, 1e9 / (HOURS * price), "MW bought, mean"


_MARGINS: dict[str, Callable[[Inputs, dict[str, float]], Margins]] = {
    "own_chips": _chips,
    "own_model": _models,
    "own_power": _power,
}


def _project_row(project: _Project) -> dict[str, object]:
    worth, break_even = project.result.net_present_value, project.result.break_even
    value, error = mean_and_error(worth)
    beats, beats_error = mean_and_error((worth > 0.0).astype(float))
    low, middle, high = np.quantile(worth, [0.05, 0.5, 0.95])
    least, median, most = np.quantile(break_even, [0.05, 0.5, 0.95], method="nearest")
    return {
        "purchases_usd_bn_per_year": project.purchases,
        "margin": float(project.margin.mean()),
        "npv_usd_bn": value,
        "npv_se": error,
        "npv_p05": low,
        "npv_p50": middle,
        "npv_p95": high,
        "probability": beats,
        "probability_se": beats_error,
        "draws": worth.size,
        "margin_escaped_usd_bn_per_year": float((project.margin * project.replaced).mean()),
        "project_cost_usd_bn": float(project.result.project_cost.mean()),
        "plant_usd_bn": float(project.plant.mean()),
        "break_even_p05": least,
        "break_even_usd_bn_per_year": median,
        "break_even_p95": most,
        "break_even_quantity": median * float(np.median(project.per_usd_bn)),
        "quantity_unit": project.unit,
    }


@dataclass(frozen=True)
class _Ensemble:
    """Own chips of each owner at the end of the paths of a block."""

    model: Model
    paths: int

    def __call__(self, start: int) -> tuple[int, Array, Array]:
        from penstock.engine.model import WIDTH, block_width, run_block
        from penstock.engine.moment import Moment
        from penstock.engine.run import problems_of

        ends: list[tuple[Array, Array]] = []

        def watch(now: Moment, _: str) -> None:
            if now.quarter == self.model.program.quarters - 1:
                ends.append((now.state.fleet.own_chips.copy(), now.state.fleet.project.copy()))

        lanes = slice(0, min(WIDTH, self.paths - start))
        recorder, _ = run_block(self.model, start, block_width(lanes.stop), on_quarter=watch)
        checks = {
            "conservation_max_rel": float(recorder.conservation.max()),
            "nonconverged": int(recorder.nonconverged.sum()),
            "nan": int(sum(np.isnan(values).sum() for values in recorder.company.values())),
        }
        if problems := problems_of(checks):
            raise ModelError("; ".join(problems))
        own, project = ends[0]
        return start, own[:, lanes], project[:, lanes]


def _ensemble(model: Model, subject: Subject, jobs: int, on_progress: OnProgress) -> pd.DataFrame:
    import pandas as pd

    from penstock.engine.executors import executor_for
    from penstock.engine.model import WIDTH

    starts = range(0, subject.paths, WIDTH)
    found: dict[int, tuple[Array, Array]] = {}
    on_progress(0, len(starts), "own chips")
    for start, own, project in executor_for(jobs, len(starts)).map(_Ensemble(model, subject.paths), starts):
        found[start] = (own, project)
        on_progress(len(found), len(starts), "own chips")
    own = np.concatenate([found[start][0] for start in starts], axis=1)
    project = np.concatenate([found[start][1] for start in starts], axis=1)
    rows = []
    for firm, _ in _buyers(model):
        if firm >= model.layout.owners:
            continue
        mean, error = mean_and_error(own[firm])
        low, high = np.quantile(own[firm], [0.05, 0.95])
        tried, tried_error = mean_and_error(((own[firm] > 0.0) | (project[firm] > 0.0)).astype(float))
        rows.append((model.firms[firm], mean, error, low, high, tried, tried_error))
    columns = ["company_id", "own_chips_share", "se", "p05", "p95", "paths_with_project", "paths_with_project_se"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values("own_chips_share", ascending=False, ignore_index=True)
