"""What the page on sites and the price of a token asks: a campus, its power, and the waterfall of a token."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from penstock.errors import UsageError
from penstock.report.values import json_value
from penstock.studio.notices import world_notice

if TYPE_CHECKING:
    from penstock.studio.place import Place
    from penstock.studio.workers import Tell
    from penstock.world import World

DOTS = 20
"""A date is shown as twenty dots, each one of twenty draws."""
MOST_BLOCKS = 6
SHARES = tuple((dot + 0.5) / DOTS for dot in range(DOTS))


def campus(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """A site of the world: its tables, and the dates of its blocks as dots."""
    from penstock.analysis.site import site

    world = place.load_world()
    found = site(world, _site_of(world, arguments["site"]))
    dates = found.block_dates(SHARES)
    last = len(dates) - 1
    kept = sorted({round(last * k / (MOST_BLOCKS - 1)) for k in range(MOST_BLOCKS)}) if last >= MOST_BLOCKS else None
    shown = dates if kept is None else dates.iloc[kept]
    dots = [
        {"block": int(row["block"]), "it_mw_total": float(row["it_mw_total"]), "days": [row[share] for share in SHARES]}
        for row in shown.to_dict("records")
    ]
    inputs = found.inputs
    head = {"as_of": inputs.as_of, "start": inputs.start, "announced_first": inputs.announced_first}
    head["announced_full"] = inputs.announced_full
    return json_value(found.to_dict() | {"dots": dots, "dates": head, "notice": world_notice(world)})


def campus_power(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """Supply of a site at its planned load, and at its full load where one is known or asked for."""
    from penstock.analysis.site_power import site_power

    world = place.load_world()
    found = site_power(world, _site_of(world, arguments["site"]), load_mw=arguments["load_mw"])
    return json_value(found.to_dict() | {"notice": world_notice(world)})


def queue(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """Who waits for the grid: megawatts by site, region and year."""
    from penstock.analysis.grid_queue import grid_queue

    world = place.load_world()
    return json_value(grid_queue(world).to_dict() | {"notice": world_notice(world)})


def _site_of(world: World, text: str) -> str:
    """The id of a site. What the command line would read as a file has no meaning here."""
    return str(world.resolve(text, ("site",)))


def token_choices(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """What a price can be asked for."""
    from penstock.analysis.token_inputs import DEFAULT_CHIP, choices

    world = place.load_world()
    sites = world.table("sites")
    size = sites[["it_mw_planned", "facility_mw_planned", "it_mw_2025"]].max(axis=1)
    powered = sites.assign(size=size)[size > 0].sort_values("size", ascending=False, kind="stable")
    rows = powered[["id", "name", "status", "size"]].to_dict("records")
    return json_value({**choices(world), "chip": DEFAULT_CHIP, "sites": rows, "notice": world_notice(world)})


def token(place: Place, arguments: dict[str, Any], tell: Tell) -> Any:
    """The price of a million output tokens, part by part."""
    from penstock.analysis.token_price import token_price

    world = place.load_world()
    named = {key: arguments[key] or None for key in ("chip", "site", "power", "layout")}
    found = token_price(
        world,
        arguments["model"],
        versus=arguments["vs"] or None,
        integrated=arguments["integrated"],
        inputs=set_inputs(arguments["set"]),
        **named,
    )
    companies = world.table("companies")[["id", "name"]].to_dict("records")
    names = {str(row["id"]): str(row["name"]).split(" (", 1)[0] for row in companies}
    return json_value({**found.to_dict(), "names": names, "notice": world_notice(world)})


def set_inputs(texts: list[str]) -> dict[str, float]:
    """`INPUT=NUMBER` as numbers; raises UsageError for another form."""
    out = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not name.strip() or not math.isfinite(value):
            raise UsageError(f"set: found {text[:60]!r}; expected INPUT=NUMBER, such as utilisation=0.7")
        out[name.strip()] = value
    return out
