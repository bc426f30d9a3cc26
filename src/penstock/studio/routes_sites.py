"""The interface of the page on sites and the price of a token."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from fastapi.responses import Response

from penstock.studio.answers import answer
from penstock.studio.workers import Workshop

SitePath = Annotated[str, Path(max_length=120, description="id, name, or a unique part of the name of a site")]
Named = Annotated[str, Query(max_length=80)]


def add_site_routes(api: FastAPI, workshop: Workshop) -> None:
    """Add the routes to an application."""

    @api.get("/api/sites/{site}", tags=["sites"], response_model=dict[str, Any])
    async def site(site: SitePath) -> Response:
        """A campus from land to first power: dates as distributions, cost, cooling, water."""
        return await answer(workshop, site, "site", {"site": site})

    @api.get("/api/sites/{site}/power", tags=["sites"], response_model=dict[str, Any])
    async def power(site: SitePath, load_mw: Annotated[float | None, Query(gt=0, le=100_000)] = None) -> Response:
        """Who powers a campus: what is given, what is short without more, and the cheapest addition."""
        return await answer(workshop, f"{site}|{load_mw}", "site_power", {"site": site, "load_mw": load_mw})

    @api.get("/api/token/choices", tags=["token"], response_model=dict[str, Any])
    async def choices() -> Response:
        """Models, chips, sites and sources of power that can be priced."""
        return await answer(workshop, "", "token_choices", {})

    @api.get("/api/token", tags=["token"], response_model=dict[str, Any])
    async def token(
        model: Named = "dense_70b",
        chip: Named = "",
        site: Named = "",
        power: Named = "",
        layout: Named = "",
        vs: Named = "",
        integrated: bool = False,
        set: Annotated[
            list[Annotated[str, Query(max_length=80)]] | None,
            Query(max_length=12, description="INPUT=NUMBER: an input of the table of drivers, set exactly"),
        ] = None,
    ) -> Response:
        """The price of a million output tokens, part by part."""
        arguments = {
            "model": model,
            "chip": chip,
            "site": site,
            "power": power,
            "layout": layout,
            "vs": vs,
            "integrated": integrated,
            "set": sorted(set or []),
        }
        return await answer(workshop, repr(sorted(arguments.items())), "token", arguments)
