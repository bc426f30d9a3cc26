"""The data set's schema: tables, columns, kinds, units, limits, keys and references.

One declaration serves the loader, the checks, and the data package written for other tools.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from penstock.world import vocabulary as words

Kind = Literal["id", "text", "number", "integer", "date", "boolean", "list"]

MAX_FILE_BYTES = 64 * 1024 * 1024
"""Largest CSV file that is read (64 MiB, some 300 times the largest bundled file); checked before reading."""


IDENTIFIER_PATTERN = "[a-z0-9_]+"
"""Form of an identifier: lower-case snake_case."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        kind: `list` is words split by `;`, `date` is ISO `YYYY-MM-DD`, `id` is lower-case snake_case.
        unit: unit of the number, where the column fixes it.
        required: whether a cell may not be empty.
        optional: whether the whole column may be absent.
        values: the words allowed (of each part, for a list).
        references: table whose key the cell names (each part, for a list).
        minimum, maximum: limits of a number, both included.
    """

    name: str
    kind: Kind
    description: str
    unit: str = ""
    required: bool = False
    optional: bool = False
    values: tuple[str, ...] = ()
    references: str = ""
    minimum: float | None = None
    maximum: float | None = None
    pattern: str = ""


@dataclass(frozen=True)
class Table:
    """One file of the data set.

    Attributes:
        row_is: what one row states.
        key: columns whose values together name a row; no two rows share them.
        required: whether the file must be there.
    """

    name: str
    row_is: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    required: bool = True

    @property
    def file(self) -> str:
        """File name inside the folder of a world."""
        return f"{self.name}.csv"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Column names in file order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of this name."""
        return next(column for column in self.columns if column.name == name)


def _id(description: str) -> Column:
    return Column("id", "id", description, required=True)


def _text(name: str, description: str, *, required: bool = False) -> Column:
    return Column(name, "text", description, required=required)


def _word(name: str, description: str, values: tuple[str, ...], *, required: bool = True) -> Column:
    return Column(name, "text", description, required=required, values=values)


def _date(name: str, description: str, *, required: bool = False, optional: bool = False) -> Column:
    return Column(name, "date", description, required=required, optional=optional)


def _number(
    name: str,
    description: str,
    unit: str,
    *,
    required: bool = False,
    minimum: float | None = 0.0,
    maximum: float | None = None,
) -> Column:
    return Column(name, "number", description, unit, required, minimum=minimum, maximum=maximum)


def _company(name: str, description: str, *, required: bool = True) -> Column:
    return Column(name, "id", description, required=required, references="companies")


COUNTRY = Column("country", "text", "ISO 3166-1 country code, two letters", pattern="[A-Z]{2}")
EVIDENCE = _word("evidence", "page read, derived, from memory, or assumed", words.EVIDENCE)
SOURCE = Column("source_id", "list", "sources of the row, the main one first", required=True, references="sources")
NOTE = _text("note", "what else is known; side figures; how a derived figure was made")
PROVENANCE = (EVIDENCE, SOURCE, NOTE)
KNOWN_FROM = _date("known_from", "day from which a person could have known the row", optional=True)

COMPANIES = Table(
    "companies",
    "a company or sector",
    ("id",),
    (
        _id("identifier; never changes"),
        _text("name", "full name", required=True),
        _word("layer", "layer in which it earns or invests most", words.LAYERS),
        Column("roles", "list", "what it does", required=True, values=words.ROLES),
        COUNTRY,
        _text("ticker", "ticker of its main listing"),
        Column("listed", "boolean", "whether its shares are listed", required=True),
        Column("mag7", "boolean", "whether it is one of the Magnificent Seven", required=True),
        _word("rating", "long-term issuer rating on the S&P scale", words.RATINGS, required=False),
        _text("notes", "what else is known"),
        EVIDENCE,
        SOURCE,
        Column("lei", "text", "Legal Entity Identifier of ISO 17442, check digits included", optional=True),
    ),
)

FINANCIALS = Table(
    "financials",
    "one figure of a company",
    ("company_id", "period", "period_end", "metric"),
    (
        _company("company_id", "company of the figure"),
        Column("period", "text", "FY2025 or 2025Q4", required=True, pattern=r"FY\d{4}|\d{4}Q[1-4]"),
        _date("period_end", "last day of the period; the date of a stock", required=True),
        _word("metric", "what is measured: a flow of the period or a stock at its end", words.METRICS),
        _number("value", "the figure, in the unit of the row", "", required=True, minimum=None),
        _word("unit", "usd_bn; count for employees", ("usd_bn", "count")),
        _word("basis", "reported, derived by arithmetic, or an outsider's estimate", words.BASES),
        *PROVENANCE,
    ),
)

CONTRACTS = Table(
    "contracts",
    "one tie between two companies",
    ("id",),
    (
        _id("identifier; never changes"),
        _word("kind", "kind of tie; it says who provides and who receives", words.TIE_KINDS),
        _company("provider_id", "seller, cloud, landlord, generator, investor, lender, guarantor or payer"),
        _company("receiver_id", "buyer, customer, tenant, company invested in, borrower or beneficiary"),
        _number("amount_usd_bn", "the whole deal", "usd_bn"),
        _number("annual_usd_bn", "flow of a year; interest for a loan", "usd_bn/year"),
        _number("share", "fraction held (equity) or of the seller's line (supply)", "fraction", maximum=1.0),
        _number("quantity", "physical size of the deal", ""),
        _text("quantity_unit", "unit of the quantity"),
        _date("announced", "day of announcement; empty counts as known"),
        _date("start", "first day of the term"),
        _date("end", "last day of the term"),
        _word("binding", "how binding the deal is", words.BINDINGS),
        _word("status", "stage of the deal", words.TIE_STATUSES),
        _word("confidence", "how well the deal is attested", words.CONFIDENCES),
        *PROVENANCE,
        Column(
            "included_in",
            "id",
            "tie whose amount already contains this one",
            optional=True,
            references="contracts",
        ),
    ),
)

SITES = Table(
    "sites",
    "one data-centre campus",
    ("id",),
    (
        _id("identifier; never changes"),
        _text("name", "name of the campus", required=True),
        _company("owner_id", "owner of the halls", required=False),
        _company("operator_id", "operator of the halls", required=False),
        _company("tenant_id", "main user of the capacity", required=False),
        COUNTRY,
        _text("region", "state or region and place"),
        _number("latitude", "latitude", "degree", minimum=-90.0, maximum=90.0),
        _number("longitude", "longitude", "degree", minimum=-180.0, maximum=180.0),
        _number("it_mw_2025", "IT power on at 2025-12-31", "MW"),
        _number("it_mw_planned", "IT power planned", "MW"),
        _number("facility_mw_planned", "facility power planned", "MW"),
        _number("area_km2", "area of the land", "km2"),
        _number("capex_usd_bn", "total capital cost, chips included unless noted", "usd_bn"),
        _word("status", "stage at the baseline", words.SITE_STATUSES),
        _date("construction_start", "start of construction"),
        _date("first_power", "first IT power on"),
        _date("full_power", "planned power fully on"),
        _word("cooling", "kind of cooling", words.COOLINGS),
        _text("power_plan", "how it is powered"),
        *PROVENANCE,
    ),
    required=False,
)

POWER = Table(
    "power",
    "one power project or purchase",
    ("id",),
    (
        _id("identifier; never changes"),
        _word("kind", "technology", words.POWER_KINDS),
        _company("owner_id", "owner of the plant", required=False),
        _company("buyer_id", "buyer of the power", required=False),
        Column("site_id", "id", "campus that it serves", references="sites"),
        _number("capacity_mw", "electrical capacity", "MW"),
        _word("status", "stage at the baseline", words.POWER_STATUSES),
        _date("signed", "day the deal was signed or told"),
        _date("commercial_operation", "start of commercial operation"),
        _number("term_years", "term of the purchase", "year"),
        _number("price_usd_mwh", "price of the energy", "usd/MWh", minimum=None),
        *PROVENANCE,
    ),
    required=False,
)

CHIPS = Table(
    "chips",
    "one accelerator product",
    ("id",),
    (
        _id("identifier; never changes"),
        _text("name", "name of the product", required=True),
        _company("designer_id", "designer"),
        _company("foundry_id", "foundry"),
        _text("process", "process node"),
        Column("year", "integer", "year of first shipments", "year", True, minimum=1990.0, maximum=2100.0),
        _number("tdp_w", "thermal design power of a chip", "W"),
        _number("server_w_per_chip", "server power per chip", "W"),
        _number("bf16_tflops", "dense bf16 throughput", "TFLOP/s"),
        _number("fp8_tflops", "dense fp8 throughput", "TFLOP/s"),
        _number("fp4_tflops", "dense fp4 throughput", "TFLOP/s"),
        _number("hbm_gb", "memory", "GB"),
        _number("hbm_tb_s", "memory bandwidth", "TB/s"),
        _number("price_usd", "price of a chip", "usd"),
        _number("units_2023", "units shipped in 2023", "chips"),
        _number("units_2024", "units shipped in 2024", "chips"),
        _number("units_2025", "units shipped in 2025", "chips"),
        *PROVENANCE,
    ),
    required=False,
)

SERIES = Table(
    "series",
    "one point of a time series",
    ("series", "entity", "date"),
    (
        _text("series", "name of the series", required=True),
        _text("entity", "company id, country, product or sector", required=True),
        _date("date", "date, or last day of the period of a flow", required=True),
        _number("value", "the figure, in the unit of the row", "", required=True, minimum=None),
        _text("unit", "unit of the value", required=True),
        *PROVENANCE,
    ),
)

PARAMETERS = Table(
    "parameters",
    "one model parameter with its evidence",
    ("name",),
    (
        Column("name", "id", "name of the parameter", required=True),
        _number("low", "low end of the range (5 %)", "", minimum=None),
        _number("central", "central value", "", required=True, minimum=None),
        _number("high", "high end of the range (95 %)", "", minimum=None),
        _text("unit", "unit of the three values", required=True),
        _text("used_for", "what the model uses it for"),
        *PROVENANCE,
        KNOWN_FROM,
    ),
)

BOOMS = Table(
    "booms",
    "one investment boom of the past",
    ("boom",),
    (
        Column("boom", "id", "name of the boom", required=True),
        _number("peak_investment_share_gdp", "investment at its peak", "percent of GDP", maximum=100.0),
        _number("years_up", "years of rise", "year"),
        _number("years_down", "years of fall", "year"),
        _number("peak_to_trough_investment", "fall of investment", "percent", minimum=-100.0, maximum=0.0),
        _number("peak_to_trough_equity", "fall of share prices", "percent", minimum=-100.0, maximum=0.0),
        _number("default_share_of_debt", "debt that defaulted", "percent", maximum=100.0),
        _number("recovery_years", "years until investment was back", "year"),
        _text("long_run_payoff", "what the boom left behind"),
        *PROVENANCE,
        KNOWN_FROM,
    ),
    required=False,
)

OBSERVABLES = Table(
    "observables",
    "how one cited series maps to an output of the model",
    ("series", "entity"),
    (
        _text("series", "name of the series", required=True),
        _text("entity", "entity of the series"),
        _text("output", "output of the model", required=True),
        _text("transform", "arithmetic between the two"),
        _text("note", "remarks"),
    ),
    required=False,
)

SOURCES = Table(
    "sources",
    "one source",
    ("id",),
    (
        _id("identifier; never changes"),
        _text("title", "title of the page or document", required=True),
        _text("publisher", "who published it"),
        Column(
            "published",
            "text",
            "day, month or year of publication, as 2025-12-31, 2025-12 or 2025",
            pattern=r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?",
        ),
        Column("url", "text", "address; a source without one was not read", pattern=r"https?://\S+"),
        _word("kind", "kind of source; it sets the grade", words.SOURCE_KINDS),
    ),
)

SCHEMA: dict[str, Table] = {
    table.name: table
    for table in (
        COMPANIES,
        FINANCIALS,
        CONTRACTS,
        SITES,
        POWER,
        CHIPS,
        SERIES,
        PARAMETERS,
        BOOMS,
        OBSERVABLES,
        SOURCES,
    )
}
"""Every table that a world may hold, by name."""

KEPT_BESIDE = ("events.csv", "outcomes.csv", "outcomes_series.csv")
"""Files of a back-test that may lie in the folder of a world; they are for its scorer and never loaded."""
