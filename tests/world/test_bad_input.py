"""Each defect of a world gives its one clear message and exit code 3, and writes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.cli.main import main
from penstock.world import DefectsError, load_world
from penstock.world.schema import MAX_FILE_BYTES

LAYERS = "ai, data, platform, silicon, facilities, energy, finance, demand"

# name: file, text to replace, its replacement, the exact message
SPOILED = {
    "unknown column": (
        "financials.csv",
        "company_id,period,period_end,metric,value,unit,basis,evidence,source_id,note",
        "company_id,period,period_end,metric,value,unit,basis,evidence,source_id,notes",
        "financials.csv:1: header: found 'notes'; expected a column of the schema; nearest note\n"
        "financials.csv:1: header: found no column 'note'; expected what else is known; side figures; "
        "how a derived figure was made",
    ),
    "column twice": (
        "sources.csv",
        "id,title,publisher,published,url,kind",
        "id,title,title,published,url,kind",
        "sources.csv:1: header: found column 'title' twice; expected each column once\n"
        "sources.csv:1: header: found no column 'publisher'; expected who published it",
    ),
    "wrong enum": (
        "companies.csv",
        "Cloudy Compute,platform",
        "Cloudy Compute,platfrom",
        f"companies.csv:3: layer: found 'platfrom'; expected one of {LAYERS}; nearest platform",
    ),
    "wrong word of a list": (
        "companies.csv",
        "platform,neocloud,",
        "platform,neocloud;labb,",
        "companies.csv:3: roles: found 'labb'; expected one of the 34 words; nearest lab",
    ),
    "decimal comma": (
        "financials.csv",
        "revenue,187.1,",
        'revenue,"187,1",',
        "financials.csv:2: value: found '187,1'; "
        "expected a number with '.' as decimal point and no thousands separator",
    ),
    "not a number": (
        "financials.csv",
        "revenue,187.1,",
        "revenue,nan,",
        "financials.csv:2: value: found 'nan'; expected a finite number (empty = unknown)",
    ),
    "infinite": (
        "parameters.csv",
        "1.1,1.2,1.4",
        "1.1,1.2,inf",
        "parameters.csv:2: high: found 'inf'; expected a finite number (empty = unknown)",
    ),
    "negative stock": (
        "financials.csv",
        "total_debt,8.5,",
        "total_debt,-8.5,",
        "financials.csv:3: value: found '-8.5'; expected 0 or more for total_debt",
    ),
    "negative amount": (
        "contracts.csv",
        "nvidia,cloudy,10,",
        "nvidia,cloudy,-10,",
        "contracts.csv:2: amount_usd_bn: found '-10'; expected 0 or more",
    ),
    "unknown company": (
        "contracts.csv",
        "gpus,supply,nvidia,",
        "gpus,supply,nvidea,",
        "contracts.csv:2: provider_id: found 'nvidea'; expected an id of companies.csv; nearest nvidia",
    ),
    "unknown tie": (
        "contracts.csv",
        "s_filing,,gpus\n",
        "s_filing,,gpu\n",
        "contracts.csv:3: included_in: found 'gpu'; expected an id of contracts.csv; nearest gpus",
    ),
    "duplicate id": (
        "companies.csv",
        "labtwo,Lab Two",
        "labcorp,Lab Two",
        "companies.csv:5: id: found 'labcorp' again; expected a key not used before (line 4)\n"
        "contracts.csv:6: receiver_id: found 'labtwo'; expected an id of companies.csv; nearest labcorp",
    ),
    "duplicate figure": (
        "financials.csv",
        "cloudy,2025Q2,2025-06-30",
        "cloudy,2025Q1,2025-03-31",
        "financials.csv:6: company_id,period,period_end,metric: found 'cloudy,2025Q1,2025-03-31,revenue' "
        "again; expected a key not used before (line 5)",
    ),
    "no source": (
        "financials.csv",
        "derived,derived,s_filing,",
        "derived,derived,,",
        "financials.csv:2: source_id: found nothing; expected an id of sources.csv, so that the row can be traced",
    ),
    "unknown source": (
        "financials.csv",
        "derived,derived,s_filing,",
        "derived,derived,s_filing;s_filling,",
        "financials.csv:2: source_id: found 's_filling'; expected an id of sources.csv; nearest s_filing",
    ),
    "no evidence": (
        "financials.csv",
        "derived,derived,s_filing,",
        "derived,,s_filing,",
        "financials.csv:2: evidence: found nothing; expected page, derived or memory, so that the row can be graded",
    ),
    "bad date": (
        "contracts.csv",
        "2025-01-15,",
        "2025-02-30,",
        "contracts.csv:2: announced: found '2025-02-30'; expected an ISO date, as 2025-12-31",
    ),
    "low above high": (
        "parameters.csv",
        "1.1,1.2,1.4",
        "1.5,1.2,1.4",
        "parameters.csv:2: low: found '1.5'; expected at most high = 1.4",
    ),
    "central above high": (
        "parameters.csv",
        "1.1,1.2,1.4",
        "1.1,1.5,1.4",
        "parameters.csv:2: central: found '1.5'; expected at most high = 1.4",
    ),
    "central below low": (
        "parameters.csv",
        "1.1,1.2,1.4",
        "1.1,1,1.4",
        "parameters.csv:2: central: found '1'; expected at least low = 1.1",
    ),
    "share above one": (
        "contracts.csv",
        "10,,0.2,",
        "10,,20,",
        "contracts.csv:2: share: found '20'; expected a number from 0 to 1",
    ),
    "year of another date": (
        "financials.csv",
        "cloudy,FY2024,2024-12-31",
        "cloudy,FY2024,2025-12-31",
        "financials.csv:4: period_end: found '2025-12-31'; expected a day from 2024-04-01 to 2025-03-31 for FY2024",
    ),
    "quarter of another date": (
        "financials.csv",
        "cloudy,2025Q4,2025-12-31,revenue",
        "cloudy,2025Q4,2025-09-29,revenue",
        "financials.csv:8: period_end: found '2025-09-29'; expected a day from 2025-10-01 to 2026-01-31 for 2025Q4",
    ),
    "self tie": (
        "contracts.csv",
        "rent,compute,cloudy,labcorp",
        "rent,compute,cloudy,cloudy",
        "contracts.csv:4: receiver_id: found 'cloudy'; expected another company than provider_id",
    ),
    "guarantees in a circle": (
        "contracts.csv",
        "line,loan,nvidia,cloudy,1,,,,,2025-06-01,,,firm,undrawn,high,page,s_filing,,",
        "backs,guarantee,nvidia,cloudy,1,,,,,2025-06-01,,,firm,active,high,page,s_filing,,\n"
        "backed,guarantee,cloudy,nvidia,1,,,,,2025-06-01,,,firm,active,high,page,s_filing,,",
        "contracts.csv:8: receiver_id: found guarantees in a circle (cloudy > nvidia > cloudy); "
        "expected guarantees that end",
    ),
    "tie in itself": (
        "contracts.csv",
        "s_filing,,gpus\n",
        "s_filing,,gpus_part\n",
        "contracts.csv:3: included_in: found 'gpus_part'; expected the id of another tie",
    ),
    "ends before it starts": (
        "contracts.csv",
        "2025-01-01,2025-12-31",
        "2025-01-01,2024-12-31",
        "contracts.csv:2: end: found '2024-12-31'; expected a day after start = 2025-01-01",
    ),
    "too few cells": (
        "series.csv",
        "fraction,page,s_news,",
        "fraction,page,s_news",
        "series.csv:2: cells: found 7; expected 8 as in the header (quote a cell that holds a comma)",
    ),
    "open quote": (
        "series.csv",
        "fraction,page,s_news,",
        'fraction,page,s_news,"never closed',
        "series.csv:2: row: found text that cannot be split (unexpected end of data); "
        "expected cells with quotes closed",
    ),
    "unit of another metric": (
        "financials.csv",
        "employees,900,count",
        "employees,900,usd_bn",
        "financials.csv:11: unit: found 'usd_bn'; expected count for employees",
    ),
    "not one of the seven": (
        "companies.csv",
        "CLDY,true,false",
        "CLDY,true,true",
        "companies.csv:3: mag7: found 'true'; expected false for cloudy",
    ),
    "not a boolean": (
        "companies.csv",
        "CLDY,true,false",
        "CLDY,TRUE,false",
        "companies.csv:3: listed: found 'TRUE'; expected true or false; nearest true",
    ),
    "id with capitals": (
        "contracts.csv",
        "rent,compute",
        "Rent,compute",
        "contracts.csv:4: id: found 'Rent'; expected lower-case letters, digits and _",
    ),
    "latitude off the globe": (
        "sites.csv",
        "40.1,-82.7",
        "140.1,-82.7",
        "sites.csv:2: latitude: found '140.1'; expected a number from -90 to 90",
    ),
}


def refused(folder: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """What `world check` says of the folder; it must refuse it with exit 3 and change no file."""
    before = {path: path.stat().st_mtime_ns for path in folder.parent.rglob("*")}
    code = main(["world", "check", "--world", str(folder)])
    captured = capfd.readouterr()
    assert code == 3
    assert captured.out == ""
    assert {path: path.stat().st_mtime_ns for path in folder.parent.rglob("*")} == before
    return captured.err.removeprefix("penstock: ").rstrip("\n")


def test_the_small_world_itself_is_sound(small_world: Path) -> None:
    assert len(load_world(small_world).table("companies")) == 4


@pytest.mark.parametrize("name", SPOILED)
def test_a_defect_gives_its_message(name: str, small_world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file, old, new, message = SPOILED[name]
    text = (small_world / file).read_text(encoding="utf-8")
    assert text.count(old) >= 1
    (small_world / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert refused(small_world, capfd) == message


def test_a_missing_column(small_world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (small_world / "sources.csv").write_text(
        "id,title,publisher,published,url\ns_filing,T,P,2025,\ns_press,T,P,2025,\ns_news,T,P,2025,\n"
    )
    expected = "kind of source; it sets the grade"
    assert refused(small_world, capfd) == f"sources.csv:1: header: found no column 'kind'; expected {expected}"


def test_a_missing_file_is_told_once(small_world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (small_world / "companies.csv").unlink()
    message = "companies.csv: file: found no such file; expected a file where one row is a company or sector"
    assert refused(small_world, capfd) == message


def test_an_unknown_file(small_world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (small_world / "site.csv").write_text("id\n")
    message = "site.csv: file: found 'site.csv'; expected a file of the schema; nearest sites.csv"
    assert refused(small_world, capfd) == message


def test_an_empty_file(small_world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (small_world / "series.csv").write_text("")
    names = "series,entity,date,value,unit,evidence,source_id,note"
    assert refused(small_world, capfd) == f"series.csv:1: header: found an empty file; expected {names}"


def test_text_that_is_not_utf8(small_world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = (small_world / "sources.csv").read_bytes()
    (small_world / "sources.csv").write_bytes(content.replace(b"News page", b"News p\xe9ge"))
    position = content.index(b"News page") + 6
    message = f"sources.csv:4: encoding: found byte 0xe9 at position {position}; expected UTF-8 text"
    assert refused(small_world, capfd) == message


def test_a_file_of_200_mb_is_refused_by_its_size(small_world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with (small_world / "series.csv").open("ab") as file:
        file.truncate(200_000_000)  # sparse: its bytes are never written, nor read
    message = f"series.csv: size: found 200,000,000 bytes; expected at most {MAX_FILE_BYTES:,} bytes"
    assert refused(small_world, capfd) == message


def test_all_defects_are_told_at_once_across_files(small_world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("negative stock", "unknown company", "wrong enum", "low above high", "bad date"):
        file, old, new, _ = SPOILED[name]
        text = (small_world / file).read_text(encoding="utf-8")
        (small_world / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    told = refused(small_world, capfd).splitlines()
    assert [line.split(" ")[0] for line in told] == [
        "companies.csv:3:",
        "financials.csv:3:",
        "contracts.csv:2:",
        "contracts.csv:2:",
        "parameters.csv:2:",
    ]


def test_a_long_cell_is_cut_wherever_a_message_quotes_it(small_world: Path) -> None:
    file = small_world / "companies.csv"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("cloudy", "[" * 9_000, 1).replace("false", "true", 1), encoding="utf-8")
    with pytest.raises(DefectsError) as caught:
        load_world(small_world)
    told = str(caught.value)
    assert f"found '{'[' * 57}...'; expected lower-case letters, digits and _" in told
    assert f"expected false for {'[' * 487}..." in told
    assert max(len(line) for line in told.splitlines()) < 1_200


def test_defects_are_kept_whole_on_the_error(small_world: Path) -> None:
    rows = "".join(f"nobody{n},FY2025,2025-12-31,revenue,1,usd_bn,reported,page,s_news,\n" for n in range(600))
    with (small_world / "financials.csv").open("a", encoding="utf-8") as file:
        file.write(rows)
    with pytest.raises(DefectsError) as caught:
        load_world(small_world)
    assert len(caught.value.defects) == 600
    assert str(caught.value).splitlines()[-1] == "and 100 more defects"
    assert caught.value.defects[0].row == 12


@pytest.mark.parametrize("name", ["semicolons", "byte order mark"])
def test_another_form_is_taken_with_a_remark(name: str, small_world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plain = load_world(small_world)
    path = small_world / "parameters.csv"
    text = path.read_text(encoding="utf-8")
    if name == "semicolons":
        path.write_text(text.replace(",", ";"), encoding="utf-8")
        remark = "penstock: parameters.csv: columns are split by ';' instead of ','; accepted\n"
    else:
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
        remark = "penstock: parameters.csv: starts with a byte order mark; accepted\n"
    assert load_world(small_world).hash == plain.hash
    assert main(["world", "check", "--world", str(small_world)]) == 0
    assert capfd.readouterr().err == remark


def test_an_unknown_world_and_overlay(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["world", "check", "--world", "ai-2052"]) == 2
    message = (
        "--world: found 'ai-2052'; expected ai-2025, ai-2024, ai-2022, telecom-1999 or a folder of CSV files; "
        "nearest ai-2025"
    )
    assert capfd.readouterr().err == f"penstock: {message}\n"
    assert main(["world", "check", "--overlay", "no-such-folder"]) == 2
    message = "--overlay: found 'no-such-folder'; expected a folder of CSV files"
    assert capfd.readouterr().err == f"penstock: {message}\n"
