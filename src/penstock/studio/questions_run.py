"""What pages ask of a run: its sentences and figures, one path as a cascade, a company, several runs compared."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from penstock.errors import UsageError
from penstock.report.values import json_value

if TYPE_CHECKING:
    from penstock.engine.run import Run
    from penstock.report.source import ReportData
    from penstock.studio.place import Place
    from penstock.studio.workers import Tell

COMPARED = ("ai_revenue_usd_bn", "capex_usd_bn", "it_mw", "h100e")
"""Columns of `economy` in which runs are compared path by path."""

PAIRING = ("seed", "paths", "quarters", "prior")
"""What two runs must share for their paths to be the same futures."""

MOST_COMPARED = 24

DOTS = tuple((k + 0.5) / 20 for k in range(20))
"""Quantiles of a quantile dotplot: each dot stands for one in twenty futures."""


def run_data(place: Place, name: str) -> tuple[Run, ReportData]:
    """A run and what figures need of it."""
    opened = place.opened(name)
    return opened.run, opened.data


def summary(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """Sentences, headline numbers, figures and checks of a run."""
    from penstock.report import figures_failures as failures
    from penstock.report.figures_binding import bottlenecks
    from penstock.report.figures_differences import differences
    from penstock.report.figures_evidence import evidence_bars
    from penstock.report.figures_fans import fan, layer_panels
    from penstock.report.findings import five_sentences, headlines
    from penstock.report.measures import HEADLINES
    from penstock.report.notice import notice

    run, data = run_data(place, arguments["run"])
    drawn = [
        *(fan(data, measure) for measure in HEADLINES),
        layer_panels(data),
        differences(data),
        failures.who_fails(data),
        failures.layer_defaults(data),
        failures.timeline(data),
        failures.money_sankey(data),
        bottlenecks(data),
        evidence_bars(data),
    ]
    return json_value(
        {
            "run": arguments["run"],
            "id": run.id,
            "scenarios": list(data.scenarios),
            "headlines": [vars(item) for item in headlines(data)],
            "sentences": [vars(item) for item in five_sentences(data)],
            "figures": [figure.to_json() | {"note": figure.note} for figure in drawn if figure is not None],
            "distress": _distress(data),
            "money": _money_this_year(data),
            "problems": run.problems(),
            "manifest": _manifest_facts(run),
            "notice": notice(data),
        }
    )


def _distress(data: ReportData) -> dict[str, Any]:
    """Defaults a path of the first scenario: median and 90 % range."""
    import numpy as np

    from penstock.report.tables import defaults_per_path

    counts = defaults_per_path(data, data.scenarios[0])
    low, median, high = np.quantile(counts, [0.05, 0.5, 0.95], method="nearest")
    return {"median": float(median), "p05": float(low), "p95": float(high), "paths": len(counts)}


def _money_this_year(data: ReportData) -> dict[str, Any] | None:
    """What moves between layers and sectors in the first year, mean over paths, and the range of its largest flow."""
    if data.flows is None:
        return None
    flows = data.flows[data.flows["scenario"].astype(str) == data.scenarios[0]]
    year = sorted(flows["year"].astype(str).unique())[0]
    first = flows[flows["year"].astype(str) == year]
    return {
        "year": year,
        "usd_bn": float(first["usd_bn_mean"].sum()),
        "p05": float(first["p05"].sum()),
        "p95": float(first["p95"].sum()),
    }


def _manifest_facts(run: Run) -> dict[str, Any]:
    m = run.manifest
    names = [scenario["name"] for scenario in m["scenarios"]]
    flags = f"--paths {m['paths']} --quarters {m['quarters']} --seed {m['seed']}" + (" --prior" if m["prior"] else "")
    return {
        "world": m["world"],
        "scenarios": [{"name": s["name"], "hash": s["hash"], "text": s["text"]} for s in m["scenarios"]],
        "paths": m["paths"],
        "quarters": m["quarters"],
        "seed": m["seed"],
        "prior": m["prior"],
        "penstock": m["penstock"],
        "started": m["started"],
        "wall_s": m["wall_s"],
        "checks": m["checks"],
        "command": f"penstock run {' '.join(shlex.quote(name) for name in names)} {flags}",
    }


def cascade(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """One path of a scenario: its events in order with causes, its story with postings, who lost what."""
    from penstock.analysis.breaking import contracts_behind
    from penstock.analysis.explain import SECTOR_NAMES, explain
    from penstock.analysis.story import CAUSES

    run, data = run_data(place, arguments["run"])
    scenario = arguments.get("scenario") or run.scenarios[0]
    if scenario not in run.scenarios:
        raise UsageError(f"scenario: found {scenario[:60]!r}; expected one of {', '.join(run.scenarios)}")
    found = explain(run, _picked(run, scenario, arguments.get("path", "worst")), scenario=scenario)
    rows = run.events[(run.events["scenario"] == scenario) & (run.events["path"] == found.path)]
    events = rows.drop(columns=["scenario", "path"]).astype("object").where(rows.notna(), "").to_dict("records")
    world = run.world
    for event in events:
        event["layer"] = data.company_layers.get(str(event["company_id"]), "")
        event["name"] = _short(data.name_of(str(event["company_id"])))
        event["contracts"] = contracts_behind(world, str(event["tie_id"])) if event["tie_id"] else []
    names = {company: _short(name) for company, name in data.company_names.items()} | SECTOR_NAMES
    told = found.to_dict()
    units = {str(e["company_id"]) for e in events} | {str(e["counterparty_id"]) for e in events}
    periods = sorted({str(q) for q in data.economy["quarter"].unique()})
    from penstock.report.notice import notice

    return json_value(
        {
            "run": arguments["run"],
            "scenarios": list(run.scenarios),
            "paths": int(run.manifest["paths"]),
            "quarters": periods,
            "causes": CAUSES,
            "events": events,
            "names": {**SECTOR_NAMES, **{unit: names.get(unit, unit) for unit in units if unit}},
            "layers": {unit: data.company_layers.get(unit, "") for unit in units if unit},
            "notice": notice(data),
            **told,
        }
    )


def _short(name: str) -> str:
    """A name without what the world's table says in brackets."""
    return name.split(" (", 1)[0]


def _picked(run: Run, scenario: str, asked: str) -> str:
    """`company:ID`: a path on which it cannot pay, with the largest loss among them; `worst5`: at the worst 5 %."""
    from penstock.analysis.breaking import TROUBLE
    from penstock.analysis.losses import losses_of

    word, _, company = asked.partition(":")
    if asked == "worst5":
        found = losses_of(run, scenario)
        order = sorted(range(len(found.paths)), key=lambda k: (-float(found.loss_usd_bn[k]), int(found.paths[k])))
        return str(int(found.paths[order[max(0, -(-len(order) // 20) - 1)]]))
    if word != "company":
        return asked
    events = run.events
    mine = events[(events["scenario"] == scenario) & (events["company_id"] == company) & events["stage"].isin(TROUBLE)]
    if mine.empty:
        raise UsageError(f"path: found none on which {company[:60]!r} cannot pay; expected worst, median or a number")
    # of the paths in trouble those with the most frequent first cause, as the table of shocks counts it, then the
    # largest loss
    first = mine.drop_duplicates("path")
    told = first[["cause_kind", "cause_id", "tie_id"]].astype("object").fillna("").astype(str)
    cause = told.agg("|".join, axis=1)
    counts = cause.value_counts()
    common = max(counts.index, key=lambda key: (int(counts[key]), key))
    paths = set(first.loc[cause == common, "path"].astype(int))
    found = losses_of(run, scenario)
    order = sorted(paths, key=lambda path: (-float(found.loss_usd_bn[list(found.paths).index(path)]), path))
    return str(order[0])


def help_needed(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """The smallest grant of cash that keeps a company from its default on a path."""
    from penstock.analysis.smallest_help import smallest_help
    from penstock.report.notice import notice_of_run

    run, data = run_data(place, arguments["run"])
    scenario = arguments.get("scenario") or run.scenarios[0]
    if scenario not in run.scenarios:
        raise UsageError(f"scenario: found {scenario[:60]!r}; expected one of {', '.join(run.scenarios)}")
    found = smallest_help(run, arguments["path"], arguments["company"], scenario)
    names = {unit: _short(data.name_of(unit)) for unit in (found.company_id, *found.spared, *found.instead)}
    return json_value({**found.to_dict(), "names": names, "notice": notice_of_run(run)})


LOST_PATHS = 128
"""Paths that are simulated again to see where tokens are lost: one block of the engine, some three seconds."""


def lost_by_cause(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """Tokens lost by cause in a scenario of a run, as a figure; kept, because its paths are simulated again."""
    from penstock.analysis.tokens_lost import tokens_lost
    from penstock.report.figures_lost import lost_figure
    from penstock.report.notice import notice_of_run
    from penstock.studio.kept import kept

    run = place.open_run(arguments["run"])
    scenario = arguments.get("scenario") or run.scenarios[0]
    if scenario not in run.scenarios:
        raise UsageError(f"scenario: found {scenario[:60]!r}; expected one of {', '.join(run.scenarios)}")

    def make() -> Any:
        found = tokens_lost(run, scenario, paths=LOST_PATHS, on_progress=tell)
        figure = lost_figure(found, f"runs/{arguments['run']}")
        return json_value({"figure": figure.to_json() | {"note": figure.note}, "notice": notice_of_run(run)})

    return kept(place, "lost", [run.id, scenario, LOST_PATHS], make)


ON_RECORD: dict[str, tuple[str, ...]] = {
    "revenue_usd_bn": ("revenue",),
    "capex_usd_bn": ("capex",),
    "cash_usd_bn": ("cash_and_investments",),
    "market_value_usd_bn": ("market_cap", "valuation"),
}
"""Measures of a company that are drawn over time, and the figures on record that say the same of the time before."""


def company(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """What a run says of one company: how often it defaults or needs a rescue, its bands, and what is on record."""
    from penstock.analysis.money_ties import RANGE
    from penstock.report.numbers import probability_text, wilson_interval
    from penstock.world.on_record import on_record

    run, data = run_data(place, arguments["run"])
    company_id = run.world.resolve(arguments["company"])
    answers = []
    for scenario in data.scenarios:
        events = run.events[(run.events["scenario"] == scenario) & (run.events["company_id"] == company_id)]
        failed = int(events[events["stage"] == "standstill"]["path"].nunique())
        helped = int(events[events["stage"] == "rescue"]["path"].nunique())
        low, high = wilson_interval(failed, data.paths)
        bands = run.bands[(run.bands["scenario"] == scenario) & (run.bands["company_id"] == company_id)]
        kept = bands[bands["measure"].isin(ON_RECORD)]
        answers.append(
            {
                "scenario": scenario,
                "default_text": probability_text(failed, data.paths, data.weak_grade_of(company_id)),
                "default_low": low,
                "default_high": high,
                "rescued_text": probability_text(helped, data.paths, data.weak_grade_of(company_id)),
                "bands": kept[["quarter", "measure", "p05", "p25", "p50", "p75", "p95"]],
            }
        )
    from penstock.report.notice import notice

    record = on_record(run.world, company_id, tuple(sum(ON_RECORD.values(), ())))
    ends = [RANGE[str(grade)] for grade in record["grade"]]
    record = record.assign(
        low=record["value"] * [least for least, _ in ends], high=record["value"] * [most for _, most in ends]
    )
    return json_value(
        {
            "company_id": company_id,
            "scenarios": answers,
            "as_of": run.world.as_of.isoformat(),
            "on_record": ON_RECORD,
            "record": record,
            "notice": notice(data),
        }
    )


def compare(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """Paired differences of runs from the first, path by path on the same random numbers, by quarter."""
    import numpy as np

    from penstock.report.tables import defaults_per_path, economy_grid, paired

    names = list(dict.fromkeys(arguments["runs"]))
    if not 2 <= len(names) <= MOST_COMPARED:
        raise UsageError(f"runs: found {len(names)}; expected 2 to {MOST_COMPARED}")
    (first_run, first), *others = [run_data(place, name) for name in names]
    answers = []
    for name, (run, data) in zip(names[1:], others, strict=True):
        unequal = [key for key in PAIRING if run.manifest[key] != first_run.manifest[key]]
        if run.manifest["world"]["hash"] != first_run.manifest["world"]["hash"]:
            unequal.append("world")
        if unequal:
            answers.append({"run": name, "unpaired": unequal, "measures": []})
            continue
        measures = []
        for column in COMPARED:
            one = economy_grid(first, first.scenarios[0], column)
            other = economy_grid(data, data.scenarios[-1], column)
            rows, columns = paired(one, other)
            gap = other.values[columns] - one.values[rows]
            error = gap.std(axis=0, ddof=1) / np.sqrt(len(gap)) if len(gap) > 1 else np.full(gap.shape[1], np.nan)
            measures.append(
                {
                    "measure": column,
                    "quarters": list(one.quarters),
                    "mean": gap.mean(axis=0),
                    "low95": gap.mean(axis=0) - 1.96 * error,
                    "high95": gap.mean(axis=0) + 1.96 * error,
                    "p05": np.quantile(gap, 0.05, axis=0),
                    "p95": np.quantile(gap, 0.95, axis=0),
                    "dots": np.quantile(gap[:, -1], DOTS),
                }
            )
        failed = defaults_per_path(data, data.scenarios[-1]) - defaults_per_path(first, first.scenarios[0])
        spread = float(failed.std(ddof=1) / np.sqrt(len(failed))) if len(failed) > 1 else float("nan")
        answers.append(
            {
                "run": name,
                "scenario": data.scenarios[-1],
                "unpaired": [],
                "measures": measures,
                "defaults": {"mean": float(failed.mean()), "se": spread, "dots": np.quantile(failed, DOTS)},
            }
        )
    from penstock.report.notice import notice

    return json_value(
        {"base": names[0], "base_scenario": first.scenarios[0], "others": answers, "notice": notice(first)}
    )


def number_card(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """What stands behind the numbers of a run: how it was made, what its scenarios change, what it rests on."""
    from penstock.report.notice import notice
    from penstock.scenarios import read_scenario
    from penstock.studio.scenario_changes import changes_of

    run, data = run_data(place, arguments["run"])
    plans = [read_scenario(stored["text"], world=run.world) for stored in run.manifest["scenarios"]]
    return json_value(
        {
            "run": arguments["run"],
            "manifest": _manifest_facts(run),
            "changes": [row for plan in plans for row in changes_of(plan, run.world)],
            "evidence": data.evidence,
            "entered_by": place.entered().base,
            "notice": notice(data),
        }
    )
