"""The grammar of a scenario file: which keys each of its tables may hold, and of what type.

Types and keys only; what the values must name or lie between is checked in `checking`.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from penstock.world import vocabulary as words

EVENT_KINDS = ("outage", "default", "withdrawal", "rating_cut", "ban", "delay")

SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"


def _only_dates(value: object) -> object:
    # a bare number would otherwise be read as seconds since 1970
    if isinstance(value, dt.datetime) or not isinstance(value, str | dt.date):
        raise ValueError("a date such as 2025-12-31")
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            raise ValueError("a date such as 2025-12-31") from None
    return value


Date = Annotated[dt.date, BeforeValidator(_only_dates)]


def _words_of_list(value: object) -> object:
    return ";".join(value) if isinstance(value, list) and all(isinstance(v, str) for v in value) else value


WordList = Annotated[str, BeforeValidator(_words_of_list)]


class Entry(BaseModel):
    """One table of a scenario file: unknown keys are refused, numbers are not read from text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Change(Entry):
    """[[change]]: a knob moves to a new setting in a quarter, at once or over some quarters."""

    what: str = Field(description="a knob: ROOM.QUANTITY[_UNIT][.ENTITY]")
    apply: str = Field(description='"*0.6", "+0.02", "=3", or "0.4 to 0.8": 5-95 % range of a factor')
    start: str = Field(alias="from", description="first quarter in which it acts, 2027Q2")
    until: str = Field(default="", description="last quarter in which it acts; empty: to the end")
    over: int = Field(default=0, ge=0, description="quarters to phase in: 1/over in the first, all in the last")
    why: str = Field(default="", description="reason or evidence")


class Event(Entry):
    """[[event]]: something happens to one company, tie, site or layer."""

    kind: str = Field(json_schema_extra={"enum": list(EVENT_KINDS)})
    target: str = Field(description="a company, tie, site or layer")
    size: float = Field(default=1.0, ge=0, le=1, description="share of the target that it strikes")
    start: str = Field(alias="from", description="first quarter")
    lasts: int = Field(default=1, ge=1, description="quarters")
    why: str = ""


class Tie(Entry):
    """[[tie]]: a new tie, in the columns of `contracts.csv`."""

    id: str
    kind: str = Field(json_schema_extra={"enum": list(words.TIE_KINDS)})
    provider_id: str
    receiver_id: str
    amount_usd_bn: float | None = Field(default=None, ge=0)
    annual_usd_bn: float | None = Field(default=None, ge=0)
    share: float | None = Field(default=None, ge=0, le=1)
    quantity: float | None = Field(default=None, ge=0)
    quantity_unit: str = ""
    announced: Date | None = None
    start: Date | None = None
    end: Date | None = None
    binding: str = Field(default="firm", json_schema_extra={"enum": list(words.BINDINGS)})
    status: str = Field(default="active", json_schema_extra={"enum": list(words.TIE_STATUSES)})
    confidence: str = Field(default="low", json_schema_extra={"enum": list(words.CONFIDENCES)})
    evidence: str = Field(default="", json_schema_extra={"enum": ["", *words.EVIDENCE]})
    source_id: str = Field(default="", description="empty: the tie is graded F")
    note: str = ""
    included_in: str = ""


class Remove(Entry):
    """[[remove]]: a tie or a company (with its ties) that is not there."""

    tie: str = ""
    company: str = ""


class Company(Entry):
    """[[company]]: a new company, in the columns of `companies.csv`, with figures of its opening."""

    id: str
    name: str
    layer: str = Field(json_schema_extra={"enum": list(words.LAYERS)})
    roles: WordList = Field(description="words split by ; or a list")
    country: str = ""
    ticker: str = ""
    lei: str = Field(default="", description="Legal Entity Identifier of ISO 17442")
    listed: bool = False
    mag7: bool = False
    rating: str = Field(default="", json_schema_extra={"enum": ["", *words.RATINGS]})
    notes: str = ""
    evidence: str = Field(default="", json_schema_extra={"enum": ["", *words.EVIDENCE]})
    source_id: str = Field(default="", description="empty: the company is graded F")
    opening: dict[str, float] = Field(
        default_factory=dict, description="metric = value in usd_bn (flows a year); graded F"
    )


class Figure(Entry):
    """[[figure]]: another value for a figure of a company, in place of the one that stands at the opening."""

    company: str = Field(description="a company of the world, or one that the scenario adds")
    metric: str = Field(json_schema_extra={"enum": list(words.METRICS)})
    value: float = Field(description="usd_bn, flows a year; employees a count")
    low: float | None = Field(default=None, description="5 % of what it could be; told beside the value, not drawn")
    high: float | None = Field(default=None, description="95 % of what it could be")
    evidence: str = Field(default="", json_schema_extra={"enum": ["", *words.EVIDENCE]})
    source_id: str = Field(default="", description="empty: the figure is an assumption of the user, graded F")
    why: str = Field(default="", description="reason or evidence")


class Policy(Entry):
    """[policy]: rules in force for the whole run; unset rules keep their default."""

    rescue_budget_usd_bn: float | None = Field(default=None, ge=0, le=10000)
    vendor_finance_cap: float | None = Field(default=None, ge=0, le=1)
    bailout_share: float | None = Field(default=None, ge=0, le=1)


class Switch(Entry):
    """[switch]: steps of the quarter and loops between them, on (true) or off (false)."""

    want: bool = True
    serve: bool = True
    earn: bool = True
    spend: bool = True
    plan: bool = True
    order: bool = True
    fund: bool = True
    settle: bool = True
    close: bool = True
    value: bool = True
    mend: bool = True
    payoff: bool = True
    contagion: bool = True
    sentiment: bool = True
    valuation_loop: bool = True
    black_swans: bool = True
    vendor_financing: bool = True
    integration: bool = True
    noise: bool = True
    demand_growth: bool = True


class ScenarioFile(Entry):
    """A whole file."""

    name: str = Field(description="the file's name without .toml", pattern="^[a-z][a-z0-9_]*$")
    title: str = ""
    story: str = ""
    evidence: str = ""
    date: Date | None = None
    extends: str = Field(default="", description="one scenario: of the library, or a file beside this one")
    change: list[Change] = Field(default_factory=list)
    event: list[Event] = Field(default_factory=list)
    tie: list[Tie] = Field(default_factory=list)
    remove: list[Remove] = Field(default_factory=list)
    company: list[Company] = Field(default_factory=list)
    figure: list[Figure] = Field(default_factory=list)
    policy: Policy = Field(default_factory=Policy)
    switch: Switch = Field(default_factory=Switch)


LISTS: dict[str, type[Entry]] = {
    "change": Change,
    "event": Event,
    "tie": Tie,
    "remove": Remove,
    "company": Company,
    "figure": Figure,
}
"""Tables that may come several times, written [[so]]."""

SINGLES = ("policy", "switch")
"""Tables that come once, written [so]."""

TOP = tuple(key for key in ScenarioFile.model_fields if key not in LISTS and key not in SINGLES)


def keys_of(model: type[Entry]) -> tuple[str, ...]:
    """Keys as they stand in the file."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a scenario file, for editors and other tools."""
    schema = ScenarioFile.model_json_schema(by_alias=True)
    return {
        "$schema": SCHEMA_ID,
        "title": "Penstock scenario",
        **{k: v for k, v in schema.items() if k != "title"},
    }
