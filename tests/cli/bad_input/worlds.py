"""Worlds that are not sound: columns, words, numbers, keys, encodings, sizes."""

from __future__ import annotations

from pathlib import Path

from bad_input.case import IN_MY_WORLD, SMALL_RUN, Case, put, spoil
from penstock.world.schema import MAX_FILE_BYTES


def latin_1(folder: Path) -> None:
    path = folder / "mine" / "sources.csv"
    path.write_bytes(path.read_bytes().replace(b"News page", b"News p\xe9ge"))


def huge(folder: Path) -> None:
    with (folder / "mine" / "series.csv").open("ab") as file:
        file.truncate(200_000_000)  # sparse: costs neither disk nor time


def without_kind(folder: Path) -> None:
    rows = "".join(f"{source},T,P,2025,\n" for source in ("s_filing", "s_press", "s_news"))
    put(folder / "mine" / "sources.csv", f"id,title,publisher,published,url\n{rows}")


def twice_spoilt(folder: Path) -> None:
    spoil("companies.csv", "GB,,false,false", "GB,,false,no")(folder)
    spoil("parameters.csv", "1.1,1.2,1.4", "1.1,1.2,inf")(folder)


WORLD = {
    "unknown column": Case(
        IN_MY_WORLD,
        3,
        "contracts.csv:1: header: found 'recipient_id'; expected a column of the schema; nearest receiver_id\n"
        "contracts.csv:1: header: found no column 'receiver_id'; expected buyer, customer, tenant, company "
        "invested in, borrower or beneficiary",
        spoil("contracts.csv", "receiver_id", "recipient_id"),
    ),
    "missing required column": Case(
        IN_MY_WORLD,
        3,
        "sources.csv:1: header: found no column 'kind'; expected kind of source; it sets the grade",
        without_kind,
    ),
    "missing file": Case(
        IN_MY_WORLD,
        3,
        "companies.csv: file: found no such file; expected a file where one row is a company or sector",
        lambda folder: (folder / "mine" / "companies.csv").unlink(),
    ),
    "wrong enum": Case(
        IN_MY_WORLD,
        3,
        "contracts.csv:2: status: found 'activ'; expected one of the 17 words; nearest active",
        spoil("contracts.csv", "firm,active", "firm,activ"),
    ),
    "negative stock": Case(
        IN_MY_WORLD,
        3,
        "financials.csv:3: value: found '-8.5'; expected 0 or more for total_debt",
        spoil("financials.csv", "total_debt,8.5", "total_debt,-8.5"),
    ),
    "unknown company": Case(
        IN_MY_WORLD,
        3,
        "contracts.csv:2: provider_id: found 'nvidea'; expected an id of companies.csv; nearest nvidia",
        spoil("contracts.csv", "gpus,supply,nvidia", "gpus,supply,nvidea"),
    ),
    "duplicate id": Case(
        IN_MY_WORLD,
        3,
        "contracts.csv:4: id: found 'gpus' again; expected a key not used before (line 2)",
        spoil("contracts.csv", "rent,compute", "gpus,compute"),
    ),
    "unsourced number": Case(
        IN_MY_WORLD,
        3,
        "parameters.csv:2: source_id: found nothing; expected an id of sources.csv, so that the row can be traced",
        spoil("parameters.csv", "page,s_press", "page,"),
    ),
    "not UTF-8": Case(
        IN_MY_WORLD,
        3,
        "sources.csv:4: encoding: found byte 0xe9 at position {position}; expected UTF-8 text",
        latin_1,
    ),
    "a CSV of 200 MB": Case(
        IN_MY_WORLD,
        3,
        f"series.csv: size: found 200,000,000 bytes; expected at most {MAX_FILE_BYTES:,} bytes",
        huge,
    ),
    "NaN": Case(
        IN_MY_WORLD,
        3,
        "financials.csv:2: value: found 'nan'; expected a finite number (empty = unknown)",
        spoil("financials.csv", "revenue,187.1", "revenue,nan"),
    ),
    "low above high": Case(
        IN_MY_WORLD,
        3,
        "parameters.csv:2: low: found '1.5'; expected at most high = 1.4",
        spoil("parameters.csv", "1.1,1.2,1.4", "1.5,1.2,1.4"),
    ),
    "a defect of an overlay": Case(
        f"{IN_MY_WORLD} --overlay over",
        3,
        "over/series.csv:2: value: found 'x'; expected a number with '.' as decimal point and no thousands separator",
        lambda folder: put(
            folder / "over" / "series.csv",
            "series,entity,date,value,unit,evidence,source_id,note\n"
            "azure_growth_yoy,cloudy,2025-12-31,x,fraction,page,s_news,\n",
        ),
    ),
    "two defects in two files": Case(
        IN_MY_WORLD,
        3,
        "companies.csv:4: mag7: found 'no'; expected true or false\n"
        "parameters.csv:2: high: found 'inf'; expected a finite number (empty = unknown)",
        twice_spoilt,
    ),
    "unknown world": Case(
        f"{SMALL_RUN} --world ai-2052",
        2,
        "--world: found 'ai-2052'; expected ai-2025, ai-2024, ai-2022, telecom-1999 or a folder of CSV files; "
        "nearest ai-2025",
    ),
    "overlay that is not there": Case(
        f"{SMALL_RUN} --overlay none", 2, "--overlay: found 'none'; expected a folder of CSV files"
    ),
    "no date": Case(
        f"{SMALL_RUN} --as-of 2025-13-01", 2, "--as-of: found '2025-13-01'; expected a date such as 2025-12-31"
    ),
}
