"""What pages ask of the world as it stands, answered by the analyses of the opening state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penstock.engine.opening.state import ASSET_LINES
from penstock.report.values import json_value
from penstock.studio.notices import world_notice

if TYPE_CHECKING:
    from penstock.studio.place import Place
    from penstock.studio.workers import Tell


def facts(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """Size of the world and what the largest companies hold of it."""
    from penstock.world.concentration import concentration

    world = place.load_world()
    found = concentration(world)
    return json_value(
        {
            "concentration": {"sentence": found.sentence, "measures": found.measures.reset_index()},
            "notice": world_notice(world),
        }
    )


def money_loops(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """Loops of financing and revenue in the opening state."""
    from penstock.analysis.circularity import circularity

    world = place.load_world()
    return json_value({**circularity(world).to_dict(), "notice": world_notice(world)})


def dollar(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """Where a dollar of users, of capex or of a company ends."""
    from penstock.analysis.dollar import follow

    world = place.load_world()
    found = follow(world, arguments.get("dollar", "user"))
    return json_value({**found.to_dict(), "notice": world_notice(world)})


def damage(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """Firms and ties by the damage that their failure would do."""
    from penstock.analysis.systemic import systemic

    world = place.load_world()
    return json_value({**systemic(world).to_dict(), "notice": world_notice(world)})


def physical_chain(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """The chain of chips from laser to rack: what each link can carry, how long it takes, who stands in it."""
    from penstock.analysis.supply_chain import supply_chain
    from penstock.report.figures_chain import chain_figure

    world = place.load_world()
    found = supply_chain(world)
    figure = chain_figure(found)
    drawn = figure.to_json() | {"note": figure.note}
    return json_value({**found.to_dict(), "figure": drawn, "notice": world_notice(world)})


def sheets(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """Opening balance sheet of each firm that is simulated, with the grade of each line, and its main ratios."""
    from penstock.engine.opening.kept import opening_of

    opening = opening_of(place.load_world())
    rows = []
    for firm in opening.firms:
        sheet, grades = opening.sheet.loc[firm].to_dict(), opening.sheet_grades.loc[firm].to_dict()
        profile, flows = opening.profile.loc[firm].to_dict(), opening.flows.loc[firm].to_dict()
        rows.append(
            {
                "company_id": firm,
                "assets": [
                    {"line": line, "usd_bn": float(sheet[line]), "grade": str(grades[line])}
                    for line in ASSET_LINES
                    if line in sheet and float(sheet[line]) != 0.0
                ],
                "evidence_share_ef": float(profile.get("evidence_share_ef", float("nan"))),
                "revenue_usd_bn": float(flows.get("ltm_revenue", float("nan"))),
            }
        )
    return json_value({"firms": rows, "notice": world_notice(place.load_world())})
