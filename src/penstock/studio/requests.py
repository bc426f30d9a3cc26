"""What a browser or a script may ask for, with its limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MOST_PATHS = 20_000
MOST_SCENARIOS = 6
MOST_TEXT = 100_000

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=200)]
CompanyName = Annotated[str, StringConstraints(min_length=1, max_length=120)]


class Request(BaseModel):
    """Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class ScenarioGiven(Request):
    """A scenario of the library by `name`, or the `text` of a scenario file (TOML)."""

    name: str = Field(default="", max_length=80, examples=["funding_freeze"])
    text: str = Field(default="", max_length=MOST_TEXT)


class Size(Request):
    """Size and random numbers of an ensemble."""

    paths: int = Field(default=1000, ge=1, le=MOST_PATHS)
    quarters: int = Field(default=40, ge=1, le=60)
    seed: int = Field(default=7, ge=0, le=2**31 - 1)


class SimulateRequest(Size):
    """Simulate scenarios side by side on the same random numbers into the run store."""

    task: Literal["simulate"]
    scenarios: list[ScenarioGiven] = Field(min_length=1, max_length=MOST_SCENARIOS)
    prior: bool = False


class SurrogateRequest(Request):
    """Make the surfaces behind the sliders of a preset."""

    task: Literal["surrogate"]
    preset: str = Field(default="baseline", max_length=80)
    quarters: int = Field(default=40, ge=5, le=60)
    seed: int = Field(default=7, ge=0, le=2**31 - 1)


class BreakingRequest(Request):
    """Which scenario of the library brings a company into trouble."""

    task: Literal["breaking"]
    company: CompanyName
    paths: int = Field(default=256, ge=8, le=1024)
    seed: int = Field(default=7, ge=0, le=2**31 - 1)


class PreventionRequest(Request):
    """What would have kept a company out of trouble under a scenario."""

    task: Literal["prevention"]
    company: CompanyName
    scenario: ScenarioGiven
    paths: int = Field(default=256, ge=8, le=1024)
    seed: int = Field(default=7, ge=0, le=2**31 - 1)


class ReverseRequest(Request):
    """The likeliest shock that brings a target about."""

    task: Literal["reverse"]
    target: str = Field(min_length=1, max_length=120, examples=["defaults>=20", "fails=coreweave"])
    paths: int = Field(default=64, ge=8, le=1024)
    seed: int = Field(default=7, ge=0, le=2**31 - 1)


class BottlenecksRequest(Request):
    """What binds in a run and what relief is worth."""

    task: Literal["bottlenecks"]
    run: Name


class SwitchesRequest(Request):
    """What each assumption of structure does in a scenario of a run, switched off one at a time."""

    task: Literal["switches"]
    run: Name
    scenario: str = Field(default="", max_length=80)


class PortfolioRequest(Request):
    """What exposures that were handed in lose over a run. `exposures` is the name that the upload gave."""

    task: Literal["portfolio"]
    run: Name
    exposures: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    filename: str = Field(default="", max_length=200)


JobRequest = Annotated[
    SimulateRequest
    | SurrogateRequest
    | BreakingRequest
    | PreventionRequest
    | ReverseRequest
    | BottlenecksRequest
    | SwitchesRequest
    | PortfolioRequest,
    Field(discriminator="task"),
]


class Edits(Request):
    """A scenario as the studio's tray holds it: a preset, values of knobs, and edits, each one table of a file."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)] = "my_scenario"
    title: str = Field(default="", max_length=200)
    story: str = Field(default="", max_length=2000)
    extends: str = Field(default="baseline", max_length=80)
    base: str = Field(default="", max_length=MOST_TEXT, description="text of a scenario to build on, before `extends`")
    change: list[dict[str, Any]] = Field(default_factory=list, max_length=60)
    event: list[dict[str, Any]] = Field(default_factory=list, max_length=60)
    tie: list[dict[str, Any]] = Field(default_factory=list, max_length=60)
    remove: list[dict[str, Any]] = Field(default_factory=list, max_length=60)
    company: list[dict[str, Any]] = Field(default_factory=list, max_length=20)
    figure: list[dict[str, Any]] = Field(default_factory=list, max_length=60)
    policy: dict[str, Any] = Field(default_factory=dict)
    switch: dict[str, Any] = Field(default_factory=dict)


class JobTold(BaseModel):
    """How a job stands."""

    id: str
    task: str
    title: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    done: int
    total: int
    note: str
    created: float
    elapsed_s: float
    """seconds since it began; while it waits, since it was asked for"""
    left_s: float | None
    error: str
    exit_code: int


class Refusal(BaseModel):
    """Why a request was refused, in the form of every message: found, expected, nearest."""

    detail: Any
