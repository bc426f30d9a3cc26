"""The HTTP interface of the studio: JSON under an OpenAPI schema, server-sent events for progress."""

from __future__ import annotations

import asyncio
import json
import mimetypes
from collections.abc import AsyncIterator
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import Body, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse

from penstock.engine.run_list import FINISHED, UNFINISHED, list_runs
from penstock.errors import InputError, PenstockError, UsageError
from penstock.studio import world_pages
from penstock.studio.answers import STATUS_OF_EXIT, answer
from penstock.studio.guard import Guard
from penstock.studio.place import Place
from penstock.studio.requests import MOST_PATHS, Edits, JobRequest, JobTold, Refusal
from penstock.studio.routes_sites import add_site_routes
from penstock.studio.uploads import keep_upload
from penstock.studio.workers import DONE, ENDED, Job, Workshop
from penstock.version import __version__

STATIC = FilePath(__file__).parent / "static"
MOST_TOLD = 20
TICK_S = 0.2
"""Seconds between two events of a running job: five a second."""

REPORT_POLICY = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; frame-ancestors 'self'"
)
"""The report is a page of its own: it runs apart from the studio and may ask for nothing."""

DESCRIPTION = (
    "Everything that the pages of the studio show and do. Reading needs no token; whatever starts work or writes needs "
    "the header `X-Penstock-Token` with the token of the address that `penstock studio` prints. Runs lie in the "
    "workspace's `runs/`, the same as those of `penstock run`."
)
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": Refusal, "description": "A value or name that does not exist"},
    403: {"model": Refusal, "description": "Not this page, or without the token"},
    404: {"model": Refusal, "description": "No such thing"},
    409: {"model": Refusal, "description": "An output place that cannot be used"},
    413: {"model": Refusal, "description": "Too large"},
    415: {"model": Refusal, "description": "A packed body"},
    421: {"model": Refusal, "description": "Not this host"},
    422: {"model": Refusal, "description": "Input that is not valid"},
}

CSV_SCHEMA = {"type": "string", "format": "binary"}

RunPath = Annotated[str, Path(max_length=200, description="name of a run in runs/")]
JobPath = Annotated[str, Path(max_length=40, description="id of a job")]
ThingPath = Annotated[str, Path(max_length=120, description="id, ticker, name, or a unique part of one")]


def build_app(workshop: Workshop, *, token: str, port: int) -> Guard:
    """The application for a workshop and its workspace, behind its guard. Who made the workshop closes it."""
    place = workshop.place

    api = FastAPI(
        title="Penstock studio",
        version=__version__,
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page would fetch scripts from elsewhere
        redoc_url=None,
        responses=ERRORS,
    )

    @api.exception_handler(PenstockError)
    async def refused(request: Request, error: PenstockError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, STATUS_OF_EXIT.get(error.exit_code, 500))

    @api.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        # without the input itself, which may hold what JSON cannot tell
        found = [{"loc": [str(part) for part in e["loc"]], "msg": str(e["msg"])} for e in error.errors()[:MOST_TOLD]]
        return JSONResponse({"detail": found}, 422)

    _world_routes(api, place, workshop)
    add_site_routes(api, workshop)
    _run_routes(api, place, workshop)
    _job_routes(api, place, workshop)
    _pages(api)
    return Guard(api, token, port)


def _world_routes(api: FastAPI, place: Place, workshop: Workshop) -> None:
    @api.get("/api/status", tags=["world"])
    def status() -> dict[str, Any]:
        """Version, world and its notice; whether the workspace holds runs."""
        from penstock.studio.notices import world_notice

        world = place.load_world()
        return {
            "penstock": __version__,
            "world": world.name,
            "as_of": world.as_of.isoformat(),
            "workspace": place.workspace.name,
            "companies": len(world.table("companies")),
            "ties": len(world.active_contracts()),
            "sources": len(world.table("sources")),
            "runs": len(list_runs(place.runs)),
            "engine": workshop.engine(),
            "load": place.python,
            "bundled": place.bundled,
            "notice": world_notice(world),
        }

    @api.get("/api/world/network", tags=["world"])
    def network() -> dict[str, Any]:
        """Companies by layer with their main figures, and the ties in force."""
        return dict(world_pages.network(place.load_world(), place.entered()))

    @api.get("/api/world/companies/{company}", tags=["world"])
    def card(company: ThingPath) -> dict[str, Any]:
        """A company's card: figures, ties, sites, power, sources."""
        return dict(world_pages.card(place.load_world(), company, place.entered()))

    @api.get("/api/world/ties/{tie}", tags=["world"])
    def tie(tie: ThingPath) -> dict[str, Any]:
        """A contract with its sources."""
        return dict(world_pages.tie(place.load_world(), tie, place.entered()))

    @api.get("/api/world/sources/{source}", tags=["world"])
    def source(source: ThingPath) -> dict[str, Any]:
        """A source and every row that rests on it."""
        return dict(world_pages.source(place.load_world(), source, place.entered()))

    @api.get("/api/world/sites", tags=["world"])
    def sites() -> dict[str, Any]:
        """Sites with place, power and dates."""
        return dict(world_pages.sites(place.load_world(), place.entered()))

    @api.get("/api/world/capacity", tags=["world"])
    def capacity() -> dict[str, Any]:
        """What contracts promise between layers, in gigawatts and in chips, as figures."""
        return dict(world_pages.capacity(place.load_world()))

    @api.get("/api/world/words", tags=["world"])
    def words() -> dict[str, Any]:
        """Words of the world: layers, roles, kinds of ties, bindings, metrics of an opening sheet."""
        return dict(world_pages.words())

    @api.get("/api/world/evidence", tags=["world"])
    def evidence() -> dict[str, Any]:
        """Grades by table, bindings of ties, vintages, sources, parameters."""
        return dict(world_pages.evidence(place.load_world(), place.entered()))

    @api.get("/api/world/scores", tags=["world"])
    def scores() -> dict[str, Any]:
        """How the model scores against history: back-tests on the AI build-out and on telecom, with date and commit."""
        return dict(world_pages.scores(place.load_world()))

    @api.get("/api/world/grid-queue", tags=["world"], response_model=dict[str, Any])
    async def grid_queue() -> Response:
        """Megawatts of named sites that wait for a grid connection, by year, over draws of its date."""
        return await answer(workshop, "", "grid_queue", {})

    @api.get("/api/world/facts", tags=["world"], response_model=dict[str, Any])
    async def facts() -> Response:
        """What the largest companies hold of it all."""
        return await answer(workshop, "", "world", {})

    @api.get("/api/world/circularity", tags=["world"], response_model=dict[str, Any])
    async def circularity() -> Response:
        """Loops of money: whose revenue is whose financing."""
        return await answer(workshop, "", "circularity", {})

    @api.get("/api/world/follow", tags=["world"], response_model=dict[str, Any])
    async def follow(dollar: Annotated[str, Query(max_length=120)] = "user") -> Response:
        """Where a dollar of `user`, of `capex` or of a company ends."""
        return await answer(workshop, dollar, "follow", {"dollar": dollar})

    @api.get("/api/world/systemic", tags=["world"], response_model=dict[str, Any])
    async def systemic() -> Response:
        """Firms and ties by the damage that they would do."""
        return await answer(workshop, "", "systemic", {})

    @api.get("/api/world/chain", tags=["world"], response_model=dict[str, Any])
    async def chain() -> Response:
        """The chain of chips from laser to rack: capacities, lead times, who stands in each link."""
        return await answer(workshop, "", "chain", {})

    @api.get("/api/world/opening", tags=["world"], response_model=dict[str, Any])
    async def opening() -> Response:
        """Opening balance sheets, line by line with grades."""
        return await answer(workshop, "", "opening", {})

    @api.get("/api/scenarios", tags=["scenarios"])
    def scenarios() -> dict[str, Any]:
        """The scenarios of the library."""
        return dict(world_pages.scenario_list(place.load_world()))

    @api.get("/api/knobs", tags=["scenarios"])
    def knobs() -> dict[str, Any]:
        """Every knob of the scenario language, with who entered its default and the source of its range."""
        return dict(world_pages.knob_list(place.load_world(), place.entered()))

    @api.post("/api/scenarios/text", tags=["scenarios"])
    def scenario_text(edits: Edits) -> dict[str, Any]:
        """The scenario file of a tray of edits, checked whole. Writes nothing."""
        return dict(world_pages.scenario_text(place.load_world(), edits.model_dump()))


def _run_routes(api: FastAPI, place: Place, workshop: Workshop) -> None:
    def stamp(run: str) -> str:
        """Tells a run that was finished or taken up since the last question."""
        manifest = place.run_directory(run) / "manifest.json"
        return f"{run}|{manifest.stat().st_mtime_ns if manifest.is_file() else 0}"

    def finished(run: str) -> str:
        key = stamp(run)
        if key.endswith("|0"):
            raise InputError(f"run: found {run!r} unfinished; expected a finished run: simulate it again to go on")
        return key

    @api.get("/api/runs", tags=["runs"])
    def runs() -> dict[str, Any]:
        """The runs of the workspace, those of the command line among them, the latest first."""
        found = []
        for listed in list_runs(place.runs):
            found.append(listed.to_dict() | {"run": FilePath(listed.run).name})
        return {"runs": found, "finished": FINISHED, "unfinished": UNFINISHED}

    @api.get("/api/runs/{run}", tags=["runs"], response_model=dict[str, Any])
    async def summary(run: RunPath) -> Response:
        """Sentences, headline numbers and figures of a run."""
        return await answer(workshop, finished(run), "summary", {"run": run})

    @api.get("/api/runs/{run}/card", tags=["runs"], response_model=dict[str, Any])
    async def number_card(run: RunPath) -> Response:
        """What stands behind every number of a run."""
        return await answer(workshop, finished(run), "card", {"run": run})

    @api.get("/api/runs/{run}/cascade", tags=["runs"], response_model=dict[str, Any])
    async def cascade(
        run: RunPath,
        scenario: Annotated[str, Query(max_length=80)] = "",
        path: Annotated[
            str, Query(max_length=120, description="worst, worst5, median, a number, or company:ID")
        ] = "worst",
    ) -> Response:
        """One path told: events with causes, postings, losers."""
        arguments = {"run": run, "scenario": scenario, "path": path}
        return await answer(workshop, f"{finished(run)}|{scenario}|{path}", "cascade", arguments)

    @api.get("/api/runs/{run}/lost", tags=["runs"], response_model=dict[str, Any])
    async def lost(run: RunPath, scenario: Annotated[str, Query(max_length=80)] = "") -> Response:
        """Tokens lost by cause, year by year, as a figure: from what chips could serve down to what is served."""
        arguments = {"run": run, "scenario": scenario}
        return await answer(workshop, f"{finished(run)}|{scenario}", "tokens_lost", arguments)

    @api.get("/api/runs/{run}/help/{company}", tags=["runs"], response_model=dict[str, Any])
    async def help_needed(
        run: RunPath,
        company: ThingPath,
        path: Annotated[int, Query(ge=0, le=MOST_PATHS)],
        scenario: Annotated[str, Query(max_length=80)] = "",
    ) -> Response:
        """The smallest grant of cash that keeps a company from its default on a path."""
        arguments = {"run": run, "company": company, "path": path, "scenario": scenario}
        return await answer(workshop, f"{finished(run)}|{company}|{path}|{scenario}", "help", arguments)

    @api.get("/api/runs/{run}/companies/{company}", tags=["runs"], response_model=dict[str, Any])
    async def company(run: RunPath, company: ThingPath) -> Response:
        """What a run says of a company."""
        return await answer(workshop, f"{finished(run)}|{company}", "company", {"run": run, "company": company})

    @api.get("/api/compare", tags=["runs"], response_model=dict[str, Any])
    async def compare(runs: Annotated[list[str], Query(min_length=2, max_length=24)]) -> Response:
        """Paired differences of runs from the first."""
        key = "|".join(finished(run) for run in runs)
        return await answer(workshop, key, "compare", {"runs": runs})

    @api.get("/api/runs/{run}/report", tags=["runs"], response_class=Response)
    def report(run: RunPath) -> Response:
        """The report of a run, one page that asks for nothing."""
        file = place.run_directory(run) / "report.html"
        if not file.is_file() or file.is_symlink():
            raise InputError(f"run: found no report in {run!r}; expected one: `penstock report runs/{run}`")
        return FileResponse(file, media_type="text/html", headers={"content-security-policy": REPORT_POLICY})

    @api.get("/api/runs/{run}/scenario/{name}", tags=["runs"], response_class=PlainTextResponse)
    def scenario_file(run: RunPath, name: Annotated[str, Path(max_length=80)]) -> Response:
        """The scenario file of a run, to run it from the command line."""
        manifest = place.open_run(run).manifest
        for stored in manifest["scenarios"]:
            if stored["name"] == name:
                return PlainTextResponse(stored["text"], headers=_as_file(f"{name}.toml"))
        raise UsageError(f"scenario: found {name!r}; expected one of the run's")

    @api.get("/api/runs/{run}/partial", tags=["runs"], response_model=dict[str, Any])
    async def partial(run: RunPath) -> Response:
        """Fans of the paths that an unfinished run has on disk."""
        work = place.run_directory(run) / ".work"
        done = len(list(work.glob("*.json"))) if work.is_dir() else -1
        return await answer(workshop, f"{stamp(run)}|{done}", "partial", {"run": run})


def _as_file(name: str) -> dict[str, str]:
    safe = "".join(letter for letter in name if letter.isalnum() or letter in "._-")
    return {"content-disposition": f'attachment; filename="{safe}"'}


TITLES = {
    "simulate": "Simulate",
    "surrogate": "Prepare sliders",
    "breaking": "Which shock breaks it",
    "prevention": "What would have prevented it",
    "reverse": "Likeliest shock",
    "bottlenecks": "Bottlenecks",
    "switches": "Without each assumption",
    "portfolio": "Portfolio",
}


def _job_routes(api: FastAPI, place: Place, workshop: Workshop) -> None:
    def found(job: str) -> Job | None:
        return workshop.job(job)

    def missing(job: str) -> JSONResponse:
        return JSONResponse({"detail": f"job: found {job!r}; expected the id of a job of this server"}, 404)

    @api.post("/api/jobs", tags=["jobs"], response_model=JobTold, status_code=202)
    def start(request: Annotated[JobRequest, Body()]) -> dict[str, Any]:
        """Start work: a simulation or a study. Follow it under `/api/jobs/ID/events`."""
        arguments = request.model_dump(exclude={"task"})
        if request.task == "portfolio":
            place.upload(arguments["exposures"])
        if "run" in arguments:
            place.run_directory(arguments["run"])
        return workshop.submit(request.task, arguments, TITLES[request.task]).told()

    @api.get("/api/jobs", tags=["jobs"])
    def jobs() -> dict[str, list[JobTold]]:
        """Jobs of this server, the latest first."""
        return {"jobs": [JobTold(**job.told()) for job in workshop.jobs()]}

    @api.get("/api/jobs/{job}", tags=["jobs"], response_model=JobTold)
    def told(job: JobPath) -> Any:
        """How a job stands."""
        known = found(job)
        return known.told() if known else missing(job)

    @api.get("/api/jobs/{job}/result", tags=["jobs"], response_model=dict[str, Any])
    def result(job: JobPath) -> Any:
        """What a job that is done found; 409 while it is not."""
        known = found(job)
        if known is None:
            return missing(job)
        if known.state != DONE:
            return JSONResponse({"detail": f"job: found it {known.state}; expected it done"}, 409)
        return JSONResponse(known.result)

    @api.delete("/api/jobs/{job}", tags=["jobs"], response_model=JobTold, status_code=202)
    def cancel(job: JobPath) -> Any:
        """Stop a job within a second. A run that it was writing can be taken up again."""
        known = found(job)
        if known is None:
            return missing(job)
        if known.state not in ENDED:
            workshop.cancel(known)
        return known.told()

    @api.get("/api/jobs/{job}/events", tags=["jobs"], response_class=StreamingResponse)
    async def events(job: JobPath) -> Response:
        """Server-sent events, five a second, each the job as JSON; the stream ends with the job."""
        known = found(job)
        if known is None:
            return missing(job)
        return StreamingResponse(_stream(known), media_type="text/event-stream")

    @api.post(
        "/api/exposures",
        tags=["portfolio"],
        status_code=201,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"text/csv": {"schema": CSV_SCHEMA}},
            }
        },
    )
    async def exposures(request: Request) -> dict[str, Any]:
        """Hand in a CSV of exposures, at most 50 MB, streamed to the workspace. Returns the name to ask with."""
        name, size = await keep_upload(place, request.stream())
        return {"exposures": name, "bytes": size}


async def _stream(job: Job) -> AsyncIterator[str]:
    while True:
        ended = job.finished.is_set()
        yield f"data: {json.dumps(job.told())}\n\n"
        if ended:
            return
        for _ in range(4):
            await asyncio.sleep(TICK_S / 4)
            if job.finished.is_set():
                break


def _pages(api: FastAPI) -> None:
    files = {str(file.relative_to(STATIC).as_posix()): file for file in STATIC.rglob("*") if file.is_file()}

    @api.get("/", include_in_schema=False)
    def index() -> Response:
        return _file(files, "index.html")

    @api.get("/{name:path}", include_in_schema=False)
    def asset(name: str) -> Response:
        return _file(files, name)


def _file(files: dict[str, FilePath], name: str) -> Response:
    """A file of the bundle: only those that were there at the start have a name."""
    file = files.get(name)
    if file is None:
        return JSONResponse({"detail": f"page: found no {name[:80]!r}"}, 404)
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return FileResponse(file, media_type=kind)
