"""Studies that take a while: the surrogate of the sliders, shocks that break a company, portfolios, bottlenecks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from penstock.errors import InputError, UsageError
from penstock.machine import usable_cores
from penstock.report.values import json_value
from penstock.studio.kept import kept
from penstock.studio.notices import world_notice

if TYPE_CHECKING:
    from penstock.studio.place import Place
    from penstock.studio.workers import Tell

SURROGATE_PATHS = 48
WEAK_SHARE = 0.5
"""Above this share of a sheet at grades E and F a probability is a range (docs/reference/contract.md, Notice)."""

ALONE_PATH_QUARTERS = 40_000
"""Up to so many one process is as quick as several, which have to start first (measured on two cores)."""

YEARS_OF_QUARTERS = 40
"""Quarters that the studies of one company simulate."""
SWITCH_PATHS = 256
VARIANTS = 16
"""About as many variants of a scenario are tried as prevention."""


def jobs_for(path_quarters: int) -> int:
    """Processes for so much work: one where starting others would cost more than they save."""
    return 1 if path_quarters <= ALONE_PATH_QUARTERS else usable_cores()


def surrogate(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """Surfaces of a preset, made once for a world and kept in the workspace."""
    from penstock.scenarios import load_scenario

    base = load_scenario(arguments["preset"], place.load_world())
    facts = [base.hash, arguments["quarters"], arguments["seed"], SURROGATE_PATHS]
    return kept(place, "surrogate", facts, lambda: _surfaces(place, base, arguments, tell))


def _surfaces(place: Place, base: Any, arguments: dict[str, Any], tell: Tell) -> Any:
    import numpy as np

    from penstock.engine.ensemble import quarter_names
    from penstock.engine.executors import executor_for
    from penstock.studio.surrogate import OUTPUTS, QUANTILES, START_QUARTERS, Point, design, fit, sliders

    world = place.load_world()
    names = quarter_names(world.as_of, arguments["quarters"])
    if len(names) <= START_QUARTERS:
        raise UsageError(f"quarters: found {len(names)}; expected more than {START_QUARTERS} for sliders")
    shown = sliders()
    centre = [float(slider.position(slider.default)) for slider in shown]
    positions = np.vstack([centre, design(len(shown))])
    values = np.column_stack([slider.value(positions[:, k]) for k, slider in enumerate(shown)])
    values[0] = [slider.default for slider in shown]
    point = Point(world, base.to_dict(), names[START_QUARTERS], SURROGATE_PATHS, len(names), arguments["seed"], names)
    tasks = [(number, tuple(float(v) for v in row)) for number, row in enumerate(values)]
    found: list[Any] = [None] * len(tasks)
    tell(0, len(tasks), "small ensembles")
    jobs = jobs_for(len(tasks) * SURROGATE_PATHS * len(names))
    results = executor_for(jobs, len(tasks)).map(point, tasks)
    for done, (number, result) in enumerate(results, start=1):
        found[number] = result
        tell(done, len(tasks), "small ensembles")
    targets = np.stack(found).reshape(len(tasks), -1)
    coefficients, errors = fit(positions, targets)
    shape = (len(OUTPUTS), len(names), len(QUANTILES))
    by_output = np.abs(errors).reshape(len(tasks), *shape)[..., QUANTILES.index(0.5)]
    return json_value(
        {
            "preset": base.name,
            "quarters": list(names),
            "quantiles": list(QUANTILES),
            "outputs": list(OUTPUTS),
            "sliders": [vars(slider) for slider in shown],
            "start": names[START_QUARTERS],
            "points": len(tasks),
            "paths": SURROGATE_PATHS,
            "seed": arguments["seed"],
            "coefficients": [[float(f"{v:.6g}") for v in row] for row in coefficients.T],
            "error": {name: float(np.median(by_output[:, k])) for k, name in enumerate(OUTPUTS)},
            "notice": world_notice(world),
        }
    )


def breaking_shocks(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """Scenarios of the library, and those given as texts, by how often they bring a company into trouble."""
    world = place.load_world()
    facts = [world.resolve(arguments["company"]), arguments["paths"], arguments["seed"]]
    return kept(place, "breaking", facts, lambda: _shocks(place, arguments, tell))


def _shocks(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    from penstock.analysis.breaking import breaking, contracts_behind
    from penstock.analysis.story import CAUSES
    from penstock.scenarios.language import library

    world = place.load_world()
    names = [name for name in library() if _fits(world, name)]
    found = breaking(
        world,
        arguments["company"],
        names,
        paths=arguments["paths"],
        seed=arguments["seed"],
        jobs=jobs_for(len(names) * arguments["paths"] * YEARS_OF_QUARTERS),
        on_progress=tell,
    )
    answer = found.to_dict()
    weak = _weak_grade(world, found.company_id)
    for row in answer["table"]:
        row["trouble_text"] = _share_text(row["trouble"], found.paths, weak)
        row["default_text"] = _share_text(row["default"], found.paths, weak)
        row["contracts"] = contracts_behind(world, row["tie_id"]) if row["tie_id"] else []
    return json_value({**answer, "causes": CAUSES, "names": _names(world), "notice": world_notice(world)})


def preventions(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """What would have kept a company out of trouble under a scenario."""
    from penstock.scenarios import load_scenario
    from penstock.studio.work_run import read_given

    world = place.load_world()
    given = read_given(place, arguments["scenario"])
    plan = load_scenario(given, world) if isinstance(given, str) else given
    facts = [world.resolve(arguments["company"]), plan.name, plan.hash, arguments["paths"], arguments["seed"]]
    return kept(place, "prevention", facts, lambda: _preventions(place, plan, arguments, tell))


def _preventions(place: Place, plan: Any, arguments: dict[str, Any], tell: Tell) -> Any:
    from penstock.analysis.breaking import prevention

    world = place.load_world()
    found = prevention(
        world,
        arguments["company"],
        plan,
        paths=arguments["paths"],
        seed=arguments["seed"],
        jobs=jobs_for(VARIANTS * arguments["paths"] * YEARS_OF_QUARTERS),
        on_progress=tell,
    )
    answer = found.to_dict()
    weak = _weak_grade(world, found.company_id)
    answer["trouble_text"] = _share_text(found.trouble, found.paths, weak)
    for row in answer["table"]:
        row["trouble_text"] = _share_text(row["trouble"], found.paths, weak)
    return json_value({**answer, "names": _names(world), "notice": world_notice(world)})


def likeliest_shock(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """The likeliest shock that brings a target about."""
    from penstock.analysis.reverse import reverse

    world = place.load_world()
    found = reverse(world, arguments["target"], paths=arguments["paths"], seed=arguments["seed"], on_progress=tell)
    return json_value({**found.to_dict(), "notice": world_notice(world)})


def limits(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """What binds in a run, what comes next, and what relief is worth."""
    facts = [place.open_run(arguments["run"]).id]
    return kept(place, "bottlenecks", facts, lambda: _limits(place, arguments, tell))


def _limits(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    from penstock.analysis.bottlenecks import bottlenecks
    from penstock.report.analyses import Analyses
    from penstock.report.figures_studies import relief
    from penstock.report.notice import notice_of_run

    opened = place.opened(arguments["run"])
    found = bottlenecks(opened.run, on_progress=tell)
    figure = relief(opened.data, Analyses(relief=found))
    drawn = figure.to_json() | {"note": figure.note} if figure is not None else None
    return json_value({**found.to_dict(), "figure": drawn, "notice": notice_of_run(opened.run)})


def assumptions(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """What each assumption of structure does in a scenario of a run."""
    facts = [place.open_run(arguments["run"]).id, arguments["scenario"]]
    return kept(place, "switches", facts, lambda: _assumptions(place, arguments, tell))


def _assumptions(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    from penstock.analysis.switches import LOOPS, switch_study
    from penstock.report.notice import notice_of_run

    run = place.open_run(arguments["run"])
    quarters = (len(LOOPS) + 1) * min(SWITCH_PATHS, run.manifest["paths"]) * run.manifest["quarters"]
    found = switch_study(
        run, arguments["scenario"] or None, paths=SWITCH_PATHS, jobs=jobs_for(quarters), on_progress=tell
    )
    return json_value({**found.to_dict(), "notice": notice_of_run(run)})


def exposures(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """What exposures that were handed in lose over a run."""
    from penstock.analysis.portfolio import portfolio
    from penstock.report.notice import notice_of_run

    run = place.open_run(arguments["run"])
    file = place.upload(arguments["exposures"])
    tell(0, 2, "placing exposures")
    try:
        found = portfolio(run, file)
    except InputError as error:
        # the name under which the workspace keeps it says nothing to the person
        raise InputError(str(error).replace(str(file), arguments.get("filename") or "exposures.csv")) from error
    histogram = _histogram(found.losses)
    answer = found.to_dict() | {"histogram": histogram, "notice": notice_of_run(run), "names": _names(run.world)}
    text = json.dumps(json_value(answer)).replace(str(file), arguments.get("filename") or "exposures.csv")
    return json.loads(text)


def _histogram(losses: Any, bins: int = 30) -> list[dict[str, Any]]:
    """Paths by size of loss, on one scale for all scenarios."""
    import numpy as np

    edges = np.histogram_bin_edges(losses["loss"].to_numpy(float), bins=bins)
    rows = []
    for scenario, part in losses.groupby("scenario", sort=False, observed=True):
        counts, _ = np.histogram(part["loss"].to_numpy(float), bins=edges)
        rows += [
            {"scenario": str(scenario), "from": float(edges[k]), "to": float(edges[k + 1]), "paths": int(counts[k])}
            for k in range(len(counts))
        ]
    return rows


def _share_text(share: float, paths: int, weak_grade: str) -> str:
    """A share of paths, as a range where its error or the evidence asks for one."""
    from penstock.report.numbers import probability_text

    return probability_text(round(share * paths), paths, weak_grade)


def _weak_grade(world: Any, company_id: str) -> str:
    """The heavier of E and F where more than half of a company's opening sheet rests on them, else ""."""
    from penstock.engine.model import prepare

    opening = prepare(world, quarters=1).opening
    if not float(opening.profile.loc[company_id].to_dict().get("evidence_share_ef", 0.0)) > WEAK_SHARE:
        return ""
    sheet, grades = opening.sheet.loc[company_id].to_dict(), opening.sheet_grades.loc[company_id].to_dict()
    dollars = {
        grade: sum(abs(float(sheet[line])) for line, told in grades.items() if told == grade) for grade in ("E", "F")
    }
    return max(dollars, key=lambda grade: dollars[grade])


def _fits(world: Any, name: str) -> bool:
    """Whether a scenario of the library speaks of companies that this world has."""
    from penstock.scenarios import load_scenario

    try:
        load_scenario(name, world)
    except InputError:
        return False
    return True


def _names(world: Any) -> dict[str, str]:
    table = world.table("companies")
    pairs = zip(table["id"].astype(str), table["name"].astype(str), strict=True)
    return {company: name.split(" (", 1)[0] for company, name in pairs}
