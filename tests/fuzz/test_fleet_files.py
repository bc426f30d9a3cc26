"""Traces, fleets, sites and weather, spoiled: each is read, or refused in words."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from pathlib import Path

import pytest
from spoiling import ROOT, holds_out

from penstock import fleet
from penstock.analysis.site_file import read_site
from penstock.layers.weather_file import read_epw

TRACE = b"arrival_s,input_tokens,output_tokens,model,tenant\n" + b"".join(
    b"%d.5,%d,%d,m,t\n" % (n, 100 + n, 10) for n in range(8)
)
AZURE = b"TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.97,374,44\n2023-11-16 18:17:04.03,396,109\n"
BURST = (
    b"Timestamp,Model,Request tokens,Response tokens,Log Type\n5,ChatGPT,472,18,Conversation log\n45,GPT-4,9,0,API\n"
)
MOONCAKE = b"".join(
    json.dumps({"timestamp": 1000 * n, "input_length": 1024, "output_length": 5, "hash_ids": [0, n + 1]}).encode()
    + b"\n"
    for n in range(4)
)
OPENAI = b'{"created": 1700000000, "model": "m", "prompt_tokens": 5, "completion_tokens": 7, "user": "u"}\n'


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("own.csv", TRACE),
        ("azure.csv", AZURE),
        ("burst.csv", BURST),
        ("mooncake.jsonl", MOONCAKE),
        ("log.jsonl", OPENAI),
    ],
)
def test_traces(name: str, whole: bytes) -> None:
    holds_out(fleet.load_trace, whole, name)


def test_gzipped_traces() -> None:
    holds_out(fleet.load_trace, gzip.compress(TRACE, mtime=0), "trace.csv.gz")


EPW_HEAD = b"LOCATION,Town,ST,USA,TMY3,722590,32.90,-97.02,-6.0,182.3\n" + b"\n".join(
    [b"DESIGN CONDITIONS,0", b"TYPICAL", b"GROUND", b"HOLIDAYS", b"COMMENTS 1", b"COMMENTS 2", b"DATA PERIODS,1,1"]
)
DAYS = [dt.date(1989, 1, 1) + dt.timedelta(days=number) for number in range(365)]
EPW = EPW_HEAD + b"".join(
    b"\n%d,%d,%d,%d,0,?9,10.0,3.0,62,99500,0,0,300,0,0,0,0,0,0,0,180,4.1,5,5,16,77777,9"
    % (day.year, day.month, day.day, hour + 1)
    for day in DAYS
    for hour in range(24)
)


@pytest.mark.parametrize("name", ["town.epw", "town.epw.gz"])
def test_weather(name: str) -> None:
    whole = gzip.compress(EPW, mtime=0) if name.endswith(".gz") else EPW

    holds_out(read_epw, whole, name)


@pytest.mark.parametrize("file", sorted((ROOT / "examples" / "fleet").glob("*.toml"))[:2], ids=lambda file: file.stem)
def test_fleets(file: Path) -> None:
    holds_out(fleet.load_config, file.read_bytes(), "fleet.toml")


def test_sites() -> None:
    whole = (ROOT / "examples" / "sites" / "prairie.toml").read_bytes()
    holds_out(lambda file: read_site(file, dt.date(2025, 12, 31)), whole, "site.toml")
