"""Readers tried by Atheris, which follows what their code does with bytes: `python -m tools.fuzz_readers READER …`.

Atheris (libFuzzer for Python) is not among the locked tools: `pip install atheris`. Each reader runs in a process of
its own for so many seconds, from sound files, with a limit of memory and of time for each input. Whatever is not one
of Penstock's own errors ends the run with the bytes that brought it about. What Hypothesis tries in the gate stands in
`tests/fuzz`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HANG_S = 30
MEMORY_MB = 4000
LONGEST = 20_000
"""Bytes of an input, or twice the largest sound one."""
COUNT = re.compile(r"Done (\d+) runs in (\d+) second")
Reader = tuple[str, list[bytes], Callable[[Path], object]]
"""Name of the file, sound contents, and what reads it."""
EXAMPLES = ROOT / "examples"


def trace(place: Path) -> Reader:
    """Traces of requests."""
    from penstock import fleet

    head = b"arrival_s,input_tokens,output_tokens,model,tenant\n"
    return "trace.csv", [head + b"0.5,100,10,m,t\n1.5,120,9,m,t\n"], fleet.load_trace


def epw(place: Path) -> Reader:
    """Weather of a year."""
    from penstock.layers.weather_file import read_epw

    head = b"LOCATION,Town,ST,USA,TMY3,722590,32.90,-97.02,-6.0,182.3\n" + b"A,0\n" * 6 + b"DATA PERIODS,1,1\n"
    row = b"%d,%d,%d,%d,0,?9,10.0,3.0,62,99500,0,0,300,0,0,0,0,0,0,0,180,4.1,5,5,16,77777,9\n"
    days = [dt.date(1989, 1, 1) + dt.timedelta(days=number) for number in range(365)]
    hours = [row % (day.year, day.month, day.day, hour + 1) for day in days for hour in range(24)]
    return "town.epw", [head + b"".join(hours)], read_epw


def exposures(place: Path) -> Reader:
    """A book of exposures."""
    from penstock.analysis.currencies import Rate
    from penstock.analysis.exposures import read_exposures
    from penstock.world import load_world

    companies = load_world().table("companies")
    known = set(companies["id"])
    rates = {code: Rate(code, usd, "given", "F") for code, usd in (("USD", 1.0), ("EUR", 1.1))}
    sound = (EXAMPLES / "exposures.csv").read_bytes()
    return "book.csv", [sound], lambda file: read_exposures(file, companies, known, rates)


def scenario(place: Path) -> Reader:
    """Scenario files."""
    from penstock.scenarios import load_scenario
    from penstock.world import load_world

    world = load_world()
    sound = b'name = "mine"\nextends = "baseline"\n[[change]]\nwhat = "finance.debt_access"\napply = "*0.6"\n'
    return "mine.toml", [sound + b'from = "2026Q3"\n'], lambda file: load_scenario(file, world)


def fleets(place: Path) -> Reader:
    """Files of fleets."""
    from penstock import fleet

    return "fleet.toml", [file.read_bytes() for file in (EXAMPLES / "fleet").glob("*.toml")], fleet.load_config


def site(place: Path) -> Reader:
    """Files of campuses."""
    from penstock.analysis.site_file import read_site

    sounds = [file.read_bytes() for file in (EXAMPLES / "sites").glob("*.toml")]
    return "site.toml", sounds, lambda file: read_site(file, dt.date(2025, 12, 31))


def network(place: Path) -> Reader:
    """Ties of one's own network, beside sound balances."""
    from penstock.analysis.network_tables import network_from
    from penstock.cli.network_files import read_text_table

    balances = place / "balances.csv"
    balances.write_bytes(b"id,external_assets,external_liabilities,volatility\na,20,3,0.4\nb,12,1,0.3\n")
    told = read_text_table(balances)
    sound = b"debtor,creditor,amount,seniority\na,b,10,0\nb,a,5.5,1\n"
    return "ties.csv", [sound], lambda file: network_from(read_text_table(file), told)


def packed(place: Path) -> Reader:
    """What is gzipped."""
    import gzip

    from penstock.world.packed import unpacked

    return "x.gz", [gzip.compress(b"text " * 50)], lambda file: unpacked(file.read_bytes(), "x.gz", 10**6)


def manifest(place: Path) -> Reader:
    """Manifests of runs."""
    from penstock.engine.manifest import identity_hash, read_json
    from penstock.engine.schema import at_present, notice_of

    def read(file: Path) -> None:
        told = at_present(read_json(file), file)
        notice_of(told, file)
        try:
            identity_hash(told)
        except (KeyError, TypeError):
            return  # what lists and opens runs expects these two

    sound = b'{"schema_version": 1, "files": [{"path": "economy/a.parquet"}], "world": {"hash": "a"}, "scenarios": []}'
    return "manifest.json", [sound], read


def parquet(place: Path) -> Reader:
    """Tables of runs."""
    import pandas as pd

    from penstock.engine.storage import read_tables, write_table

    def read(file: Path) -> None:
        try:
            read_tables([file])
        except OSError:
            return  # what its callers expect of a table that cannot be read

    write_table(place / "sound.parquet", pd.DataFrame({"path": range(20), "word": ["a", "b"] * 10}))
    return "table.parquet", [(place / "sound.parquet").read_bytes()], read


READERS: dict[str, Callable[[Path], Reader]] = {
    "trace": trace,
    "epw": epw,
    "exposures": exposures,
    "scenario": scenario,
    "fleet": fleets,
    "site": site,
    "network": network,
    "gzip": packed,
    "manifest": manifest,
    "parquet": parquet,
}


def fuzz(name: str, seconds: int) -> None:
    """Try one reader in this process, which Atheris ends."""
    import atheris

    place = Path(tempfile.mkdtemp(prefix="penstock-fuzz-"))
    with atheris.instrument_imports(include=["penstock"]):
        file_name, sounds, reader = READERS[name](place)
        from penstock.errors import PenstockError
    corpus = place / "corpus"
    corpus.mkdir()
    for number, sound in enumerate(sounds):
        (corpus / str(number)).write_bytes(sound)
    file = place / file_name

    def once(data: bytes) -> None:
        file.write_bytes(data)
        try:
            reader(file)
        except PenstockError as error:
            if not str(error):
                raise AssertionError("an error without words") from error

    longest = max(LONGEST, *(2 * len(sound) for sound in sounds))
    limits = [f"-max_total_time={seconds}", f"-timeout={HANG_S}", f"-rss_limit_mb={MEMORY_MB}", f"-max_len={longest}"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={place}/", str(corpus)], once)
    atheris.Fuzz()


def main(arguments: Sequence[str] | None = None) -> int:
    """Try readers one after the other; 1 where one broke."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz_readers", description=(__doc__ or "").split(":")[0])
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"[{' '.join(READERS)}]")
    parser.add_argument("--seconds", type=int, default=60, help="for each reader [60]")
    parser.add_argument("--here", action="store_true", help="one reader in this process")
    given = parser.parse_args(arguments)
    readers = given.readers or list(READERS)
    if unknown := sorted(set(readers) - set(READERS)):
        parser.error(f"READER: found {unknown[0]!r}; expected some of {', '.join(READERS)}")
    if given.here:
        fuzz(readers[0], given.seconds)
        return 0
    broken = []
    for name in readers:
        call = [sys.executable, "-m", "tools.fuzz_readers", name, "--here", "--seconds", str(given.seconds)]
        told = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
        count = COUNT.search(told.stderr)
        if told.returncode or count is None:
            broken.append(name)
            print(f"{name}: broke\n{told.stdout[-1500:]}\n{told.stderr[-1500:]}")
        else:
            print(f"{name}: {int(count[1]):,} inputs in {count[2]} s, none that broke it", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
