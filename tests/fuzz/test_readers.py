"""Whatever bytes a file holds, a reader returns or says what is wrong: it does not crash, hang or eat the memory.

The gate tries the same few examples each time. `PENSTOCK_FUZZ=5000` tries that many new ones for each reader.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import signal
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType, ModuleType

import pytest
from fake_model import run_fake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock import fleet
from penstock.analysis.exposures import read_exposures
from penstock.analysis.network_tables import network_from
from penstock.analysis.site_file import read_site
from penstock.cli.network_files import read_text_table
from penstock.engine.run import open_run
from penstock.engine.run_list import list_runs
from penstock.engine.storage import read_tables
from penstock.errors import PenstockError
from penstock.fleet import loaders
from penstock.layers import weather_file
from penstock.layers.weather_file import read_epw
from penstock.scenarios import load_scenario
from penstock.world import load_world
from penstock.world.packed import unpacked
from small_world import write_small_world

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = int(os.environ.get("PENSTOCK_FUZZ", "0"))
IN_THE_GATE = 25
HANG_S = 30
"""seconds after which a reader of a few kilobytes counts as hanging"""

NASTY = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b'""', b"'", b"'''", b",", b";", b"\t", b"\r", b"\n", b"\r\n", b"[",
    b"]", b"[[", b"{", b"}", b"=", b"-", b"-1", b"0", b"1e999", b"-1e999", b"nan", b"NaN", b"inf", b"1e-400",
    b"9" * 400, b"9" * 5000, b"0x1", b"1_0", b"true", b"null", b"2025-13-45", b"9999-12-31", b"0000-00-00",
    b"[" * 2000, b'{"a":' * 2000, b"a." * 2000, b"\\", b"\\u0000", b'"\\ud800"', b"../../etc/passwd", b"=1+1",
    b"\xe2\x80\xae", b"x" * 140_000,
)  # fmt: skip
"""What readers tend to stumble over."""


@st.composite
def spoiled(draw: st.DrawFn, whole: bytes) -> bytes:
    """A sound file with a few places cut, doubled, flipped or filled with something nasty; or no such file at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=400))
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        length = draw(st.integers(0, 40))
        match draw(st.integers(0, 5)):
            case 0:
                del data[place : place + length]
            case 1:
                data[place:place] = data[place : place + length]
            case 2 if data:
                data[place] ^= 1 << draw(st.integers(0, 7))
            case 3:
                del data[place:]
            case 4:
                data[place : place + length] = draw(st.sampled_from(NASTY))
            case _:
                data[place:place] = draw(st.sampled_from(NASTY))
    return bytes(data)


def examples(whole: bytes) -> Callable[[Callable[[bytes], None]], Callable[[], None]]:
    """Runs a test on spoiled forms of a file."""

    def around(test: Callable[[bytes], None]) -> Callable[[], None]:
        return settings(
            max_examples=EXAMPLES or IN_THE_GATE,
            derandomize=not EXAMPLES,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )(given(spoiled(whole))(test))

    return around


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """A reader that does not come back is interrupted."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError("a reader hangs")

    before = signal.signal(signal.SIGALRM, stop)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def read(reader: Callable[[Path], object], data: bytes, name: str) -> None:
    """Either it is read, or the message is ours, in one line for each defect and not longer than a page."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(data)
        signal.alarm(HANG_S)
        try:
            reader(file)
        except PenstockError as error:
            told = str(error)
            assert told and "Traceback" not in told and "found" in told, told[:500]
            assert all(len(line) < 2_000 for line in told.splitlines()), told[:500]
        finally:
            signal.alarm(0)


# ------------------------------------------------------------------ traces

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
    read(fleet.load_trace, whole, name)

    @examples(whole)
    def look(data: bytes) -> None:
        read(fleet.load_trace, data, name)

    look()


def test_gzipped_traces() -> None:
    @examples(gzip.compress(TRACE, mtime=0))
    def look(data: bytes) -> None:
        read(fleet.load_trace, data, "trace.csv.gz")

    look()


# ------------------------------------------------------------------ weather

EPW_HEAD = b"LOCATION,Town,ST,USA,TMY3,722590,32.90,-97.02,-6.0,182.3\n" + b"\n".join(
    [b"DESIGN CONDITIONS,0", b"TYPICAL", b"GROUND", b"HOLIDAYS", b"COMMENTS 1", b"COMMENTS 2", b"DATA PERIODS,1,1"]
)
EPW = EPW_HEAD + b"".join(
    b"\n1989,1,1,%d,0,?9,10.0,3.0,62,99500,0,0,300,0,0,0,0,0,0,0,180,4.1,5,5,16,77777,9" % (hour + 1)
    for hour in range(24)
)


@pytest.mark.parametrize("name", ["town.epw", "town.epw.gz"])
def test_weather(name: str) -> None:
    whole = gzip.compress(EPW, mtime=0) if name.endswith(".gz") else EPW

    @examples(whole)
    def look(data: bytes) -> None:
        read(read_epw, data, name)

    look()


# ------------------------------------------------------------------ CSV


@pytest.mark.parametrize("name", ["companies", "contracts", "parameters", "sites", "sources", "financials"])
def test_worlds(name: str, tmp_path: Path) -> None:
    folder = write_small_world(tmp_path / "small")
    file = folder / f"{name}.csv"
    whole = file.read_bytes() if file.exists() else b"id\nx\n"

    def load(spoiled_file: Path) -> None:
        file.write_bytes(spoiled_file.read_bytes())
        load_world(folder)

    @examples(whole)
    def look(data: bytes) -> None:
        read(load, data, f"{name}.csv")

    look()


def test_descriptors_of_worlds(tmp_path: Path) -> None:
    folder = write_small_world(tmp_path / "small")

    def load(spoiled_file: Path) -> None:
        (folder / "datapackage.json").write_bytes(spoiled_file.read_bytes())
        load_world(folder)

    @examples(
        b'{"name": "small", "as_of": "2025-12-31", "resources": [{"name": "companies", "path": "companies.csv"}]}'
    )
    def look(data: bytes) -> None:
        read(load, data, "datapackage.json")

    look()


def test_exposures() -> None:
    companies = load_world().table("companies")
    known = set(companies["id"])

    @examples((ROOT / "examples" / "exposures.csv").read_bytes())
    def look(data: bytes) -> None:
        read(lambda file: read_exposures(file, companies, known, {}), data, "book.csv")

    look()


@pytest.mark.parametrize("spoil", ["ties", "balances"])
def test_networks(spoil: str, tmp_path: Path) -> None:
    sound = {
        "ties": b"debtor,creditor,amount,seniority\na,b,10,0\nb,c,5.5,1\nc,a,2,0\n",
        "balances": b"id,external_assets,external_liabilities,volatility\na,20,3,0.4\nb,12,1,0.3\nc,30,2,0.2\n",
    }
    for name, data in sound.items():
        (tmp_path / f"{name}.csv").write_bytes(data)

    def load(spoiled_file: Path) -> None:
        (tmp_path / f"{spoil}.csv").write_bytes(spoiled_file.read_bytes())
        network_from(read_text_table(tmp_path / "ties.csv"), read_text_table(tmp_path / "balances.csv"))

    @examples(sound[spoil])
    def look(data: bytes) -> None:
        read(load, data, f"{spoil}.csv")

    look()


# ------------------------------------------------------------------ TOML

SCENARIO = b"""name = "mine"
summary = "A shock."
extends = "baseline"

[[event]]
what = "funding_cost"
from = "2026Q3"
to = "2027Q2"
add = 300
"""


def test_scenarios() -> None:
    world = load_world()

    @examples(SCENARIO)
    def look(data: bytes) -> None:
        read(lambda file: load_scenario(file, world), data, "mine.toml")

    look()


@pytest.mark.parametrize("file", sorted((ROOT / "examples" / "fleet").glob("*.toml"))[:2], ids=lambda file: file.stem)
def test_fleets(file: Path) -> None:
    @examples(file.read_bytes())
    def look(data: bytes) -> None:
        read(fleet.load_config, data, "fleet.toml")

    look()


def test_sites() -> None:
    @examples((ROOT / "examples" / "sites" / "prairie.toml").read_bytes())
    def look(data: bytes) -> None:
        read(lambda file: read_site(file, dt.date(2025, 12, 31)), data, "site.toml")

    look()


# ------------------------------------------------------------------ runs


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs") / "run"
    run_fake(place, paths=5, quarters=2)
    return place


@pytest.mark.filterwarnings("ignore::penstock.errors.SchemaNotice")
def test_manifests(run: Path) -> None:
    whole = (run / "manifest.json").read_bytes()

    def load(spoiled_file: Path) -> None:
        (run / "manifest.json").write_bytes(spoiled_file.read_bytes())
        list_runs(run.parent)
        _ = open_run(run).economy

    @examples(whole)
    def look(data: bytes) -> None:
        read(load, data, "manifest.json")

    look()
    (run / "manifest.json").write_bytes(whole)


def test_parquet(run: Path) -> None:
    """A spoiled table is refused by its hash; read without that guard, it is an OSError or another table."""
    file = run / "outcomes" / "baseline-000000.parquet"
    whole = file.read_bytes()

    def load(spoiled_file: Path) -> None:
        file.write_bytes(spoiled_file.read_bytes())
        if spoiled_file.read_bytes() != whole:
            with pytest.raises(PenstockError, match="found SHA-256"):
                _ = open_run(run).outcomes
        with suppress(OSError):
            read_tables([file])

    @examples(whole)
    def look(data: bytes) -> None:
        read(load, data, "table.parquet")

    look()
    file.write_bytes(whole)


# ------------------------------------------------------------------ bombs


@pytest.mark.parametrize(("name", "module"), [("trace.csv.gz", loaders), ("town.epw.gz", weather_file)])
def test_a_small_file_that_unpacks_to_more_than_the_limit_is_refused(
    name: str, module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 20_000_000)
    bomb = gzip.compress(b"0" * 100_000_000, compresslevel=9)
    assert len(bomb) < 200_000
    (tmp_path / name).write_bytes(bomb)
    reader = fleet.load_trace if module is loaders else read_epw
    tracemalloc.start()
    try:
        with pytest.raises(PenstockError, match="found more than 20,000,000 bytes unpacked; expected at most that"):
            reader(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


def test_unpacking_gives_what_was_packed_and_refuses_what_breaks_off() -> None:
    whole = bytes(range(256)) * 20_000
    assert unpacked(whole, "x", len(whole)) == whole
    packed = gzip.compress(whole[:100]) + gzip.compress(whole[100:])
    assert unpacked(packed, "x", len(whole)) == whole == gzip.decompress(packed)
    for data in (packed[:-20], packed[:5], b"\x1f\x8b"):
        with pytest.raises(PenstockError, match=r"x: found a .*gzip file"):
            unpacked(data, "x", len(whole))
    with pytest.raises(PenstockError, match="expected at most"):
        unpacked(whole, "x", len(whole) - 1)
