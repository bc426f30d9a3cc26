"""What pages read from the world's tables: companies and ties, cards, sites, evidence, scenarios, knobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.errors import UsageError
from penstock.report.source import GRADE_NAMES, LAYER_NAMES
from penstock.report.values import json_value
from penstock.studio.notices import world_notice
from penstock.world.entered import CONTRIBUTORS

if TYPE_CHECKING:
    import pandas as pd

    from penstock.world import World
    from penstock.world.entered import Entered

LAYER_ORDER = ("ai", "data", "platform", "silicon", "facilities", "energy", "finance")
HEADLINE_FIGURES = ("revenue", "market_cap", "total_debt", "cash_and_investments", "capex")
TABLES_WITH_GRADES = ("companies", "financials", "contracts", "sites", "power", "chips", "series", "parameters")


def network(world: World, entered: Entered) -> Any:
    """Companies with their main figures, and ties in force between them."""
    companies = world.table("companies")
    figures = world.figures()
    wanted = figures[figures.index.get_level_values("metric").isin(HEADLINE_FIGURES)]
    values: dict[str, dict[str, Any]] = {}
    for (company, metric), row in zip(wanted.index, wanted.to_dict("records"), strict=True):
        values.setdefault(str(company), {})[str(metric)] = {
            "value": row["value"],
            "grade": row["grade"],
            "date": row["period_end"],
            "source": row["source_id"],
        }
    nodes = [
        {
            "id": row["id"],
            "name": str(row["name"]).split(" (", 1)[0],
            "full_name": row["name"],
            "layer": row["layer"],
            "roles": row["roles"],
            "country": row["country"],
            "mag7": row["mag7"],
            "grade": row["grade"],
            "figures": values.get(str(row["id"]), {}),
        }
        for row in companies.to_dict("records")
    ]
    return json_value(
        {
            "layers": [[layer, LAYER_NAMES.get(layer, layer)] for layer in LAYER_ORDER],
            "grades": GRADE_NAMES,
            "companies": nodes,
            "ties": [_tie(row, entered) for row in world.active_contracts().to_dict("records")],
            "notice": world_notice(world),
        }
    )


TIE_KEYS = (
    "id", "kind", "provider_id", "receiver_id", "amount_usd_bn", "annual_usd_bn", "share", "announced", "start", "end",
    "binding", "status", "evidence", "grade", "source_id", "note",
)  # fmt: skip


def _tie(row: dict[Any, Any], entered: Entered) -> dict[str, Any]:
    return {key: row[key] for key in TIE_KEYS} | {"entered_by": entered.told("contracts", row)}


def card(world: World, text: str, entered: Entered) -> Any:
    """All that the world holds on a company, each number with date, grade and source, and who entered it."""
    from penstock.world.card import company_card
    from penstock.world.provenance import sources_behind

    company_id = world.resolve(text)
    found = company_card(world, company_id)
    return json_value(
        {
            "company": found.company,
            "figures": _figures(world, company_id, found.figures.reset_index(names="metric"), entered),
            "ties_in": found.ties_in.reset_index(names="id"),
            "ties_out": found.ties_out.reset_index(names="id"),
            "sites": found.sites.reset_index(names="id"),
            "power": found.power.reset_index(names="id"),
            "sources": sources_behind(world, "company", company_id).reset_index(names="source"),
            "notice": world_notice(world),
        }
    )


def _figures(world: World, company_id: str, figures: pd.DataFrame, entered: Entered) -> list[dict[str, Any]]:
    """Figures of a company with who entered them, how, and the range that their grade stands for."""
    from penstock.analysis.money_ties import RANGE

    rows = world.every_row("financials")
    mine = rows[rows["company_id"] == company_id].to_dict("records")
    found: list[dict[str, Any]] = []
    for figure in figures.to_dict("records"):
        of = [
            row
            for row in mine
            if all(row[key] == figure[key] for key in ("metric", "period_end", "grade", "source_id"))
        ]
        # a sum of quarters has no row of its own
        by = entered.told("financials", of[0]) if of else f"{entered.base}: added up from quarters by the opening rule"
        low, high = RANGE[str(figure["grade"])]
        evidence = str(of[0]["evidence"]) if of else "derived"
        ends = {"low": float(figure["value"]) * low, "high": float(figure["value"]) * high}
        found.append({str(k): v for k, v in figure.items()} | {"entered_by": by, "evidence": evidence} | ends)
    return found


def tie(world: World, tie_id: str, entered: Entered) -> Any:
    """One tie with its sources."""
    from penstock.world.provenance import sources_behind

    ties = world.table("contracts")
    row = ties[ties["id"] == tie_id]
    if row.empty:
        raise UsageError(f"tie: found {tie_id[:80]!r}; expected the id of a contract of the world")
    sources = sources_behind(world, "tie", tie_id).reset_index(names="source")
    facts = row.iloc[0].to_dict()
    facts["entered_by"] = entered.told("contracts", facts)
    return json_value({"tie": facts, "sources": sources, "notice": world_notice(world)})


def source(world: World, source_id: str, entered: Entered) -> Any:
    """A source and the rows that rest on it."""
    from penstock.world.provenance import rows_on

    sources = world.table("sources")
    row = sources[sources["id"] == source_id]
    if row.empty:
        raise UsageError(f"source: found {source_id[:80]!r}; expected the id of a source of the world")
    facts = row.iloc[0].to_dict()
    facts["entered_by"] = entered.who("sources", facts)
    return json_value({"source": facts, "rows": rows_on(world, source_id)})


SITE_KEYS = (
    "id", "name", "owner_id", "operator_id", "tenant_id", "country", "region", "latitude", "longitude", "it_mw_2025",
    "it_mw_planned", "status", "first_power", "full_power", "grade", "source_id", "note",
)  # fmt: skip


def sites(world: World, entered: Entered) -> Any:
    """Sites with place, power and dates."""
    table = world.table("sites")
    companies = world.table("companies").set_index("id")["layer"]
    rows = []
    for row in table.to_dict("records"):
        kept = {key: row[key] for key in SITE_KEYS}
        kept["entered_by"] = entered.told("sites", row)
        kept["layer"] = companies.get(row["owner_id"], "facilities")
        rows.append(kept)
    return json_value({"sites": rows, "notice": world_notice(world)})


def capacity(world: World) -> Any:
    """What contracts promise in gigawatts and in chips, a figure a unit."""
    from penstock.report.figures_capacity import capacity_figures

    figures = [figure.to_json() | {"note": figure.note} for figure in capacity_figures(world)]
    return json_value({"figures": figures, "notice": world_notice(world)})


def words() -> Any:
    """The words that a new company or tie may use."""
    from penstock.world import vocabulary

    return json_value(
        {
            "layers": [[layer, LAYER_NAMES[layer]] for layer in LAYER_ORDER],
            "roles": vocabulary.ROLES,
            "ratings": vocabulary.RATINGS,
            "tie_kinds": vocabulary.TIE_KINDS,
            "bindings": vocabulary.BINDINGS,
            "flow_metrics": vocabulary.FLOW_METRICS,
            "stock_metrics": vocabulary.STOCK_METRICS,
            "signed_metrics": vocabulary.SIGNED_METRICS,
        }
    )


def evidence(world: World, entered: Entered) -> Any:
    """Rows by table and grade, ties by binding, vintages of sources, and the sources themselves."""
    grades = []
    for name in TABLES_WITH_GRADES:
        counts = world.table(name)["grade"].value_counts()
        grades += [{"table": name, "grade": str(grade), "rows": int(rows)} for grade, rows in counts.items()]
    contracts = world.table("contracts")
    sources = world.table("sources")
    parameters = world.table("parameters")
    by = [entered.told("parameters", row) for row in parameters.to_dict("records")]
    return json_value(
        {
            "grades": grades,
            "grade_names": GRADE_NAMES,
            "binding": _counts(contracts, "binding"),
            "kinds": _counts(sources, "kind"),
            "vintages": _vintages(sources),
            "sources": sources,
            "parameters": parameters.assign(entered_by=by)[
                ["name", "low", "central", "high", "unit", "used_for", "grade", "source_id", "note", "entered_by"]
            ],
            "notice": world_notice(world),
        }
    )


def scores(world: World) -> Any:
    """Scores against history, as they were committed: back-tests on the AI build-out and on telecom."""
    from penstock.report.figures_scores import (
        label_of,
        model_card,
        scores_against_history,
        sentence,
        simulated_over_observed,
    )

    figure, found = simulated_over_observed(), scores_against_history()
    series = [row | {"label": label_of(row["name"])} for row in found["ai"]["series"]]
    drawn = figure.to_json() | {"note": figure.note}
    return json_value(
        {
            **found,
            "ai": found["ai"] | {"series": series},
            "sentence": sentence(),
            "figure": drawn,
            "card": model_card(),
            "notice": world_notice(world),
        }
    )


def _counts(table: pd.DataFrame, column: str) -> list[dict[str, Any]]:
    return [{column: str(value), "rows": int(rows)} for value, rows in table[column].value_counts().items()]


def _vintages(sources: pd.DataFrame) -> list[dict[str, Any]]:
    years = sources["published"].astype("string").str.slice(0, 4)
    return [{"year": str(year), "sources": int(count)} for year, count in years.value_counts().sort_index().items()]


def scenario_list(world: World) -> Any:
    """Scenarios of the library that fit this world, each with its story and its file."""
    from penstock.errors import InputError
    from penstock.scenarios import load_scenario
    from penstock.scenarios.language import library

    rows = []
    for name in library():
        try:
            plan = load_scenario(name, world)
        except InputError:
            continue
        rows.append(
            {
                "name": name,
                "title": plan.title,
                "story": plan.story,
                "evidence": plan.evidence,
                "summary": plan.summary(),
                "text": plan.to_toml(),
                "changes": plan.tables().get("change", []),
            }
        )
    return json_value({"scenarios": rows})


def knob_list(world: World, entered: Entered) -> Any:
    """Every knob with meaning, unit, range, grade and basis, the source of its range, and who entered its default.

    `first_quarter`: the first in which a change may act. `entities`: what may follow its name; `layers`: of whose
    companies the id may.
    """
    from penstock.engine.ensemble import quarter_names
    from penstock.scenarios.knobs import ENTITY_LAYERS, SEGMENTS, knobs

    parameters = {row["name"]: row for row in world.table("parameters").to_dict("records")}
    rows = []
    for knob in knobs().values():
        behind = parameters.get(knob.parameter)
        by = entered.told("parameters", behind) if behind else f"{CONTRIBUTORS}, table of knobs: assumed"
        rows.append(
            vars(knob)
            | {
                "room": knob.room,
                "multiplies": knob.multiplies,
                "entities": SEGMENTS if knob.entity == "segment" else (),
                "layers": ENTITY_LAYERS.get(knob.entity, ()),
                "source_id": behind["source_id"] if behind else "",
                "entered_by": by,
            }
        )
    return json_value({"knobs": rows, "first_quarter": quarter_names(world.as_of, 1)[0]})


def scenario_text(world: World, edits: dict[str, Any]) -> Any:
    """The scenario file that a tray of edits makes, checked whole against the world.

    `base`: the text of a scenario to build on, in place of one of the library by name (`extends`).
    """
    from penstock.scenarios import build_on, load_scenario, read_scenario

    given = {key: value for key, value in edits.items() if value not in ("", [], {}, None)}
    if base := given.pop("base", ""):
        given = build_on(read_scenario(base, file="base", world=world), given)
    plan = load_scenario(given, world)
    return json_value({"text": plan.to_toml(), "summary": plan.summary(), "hash": plan.hash, "name": plan.name})
