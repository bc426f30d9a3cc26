"""The page of the measurements, filled into its template, and the raw figures beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from tools.measure_install import Size

from benchmarks.cluster import MOST_SLOWER, Pace, ratio_of
from benchmarks.cluster import table as cluster_table
from benchmarks.command import SMALL_RUN, EndToEnd
from benchmarks.contagion import NetworkSpeed
from benchmarks.engine import Throughput, times_as_fast
from benchmarks.large_economies import MOST_FIRMS, MOST_QUARTER_S, STEEPEST, Speed
from benchmarks.large_economies import MOST_MEMORY_MB as MOST_ECONOMY_MB
from benchmarks.large_economies import table as economies_table
from benchmarks.large_worlds import exponent
from benchmarks.limit import MOST_RATIO, Limit
from benchmarks.limit import sentences as limit_sentences
from benchmarks.limit import table as limit_table
from benchmarks.long_run import ASKED_PATHS as LONG_PATHS
from benchmarks.long_run import MOST_SECONDS, LongRun
from benchmarks.machine import Provenance
from benchmarks.opponents import LEAST_POSTING, Row
from benchmarks.opponents import table as opponents_table
from benchmarks.step_profile import Profile
from benchmarks.tables import NOT_MEASURED, table, time_text

TEMPLATE = Path(__file__).with_name("page.md")

LEAST_SPEED = 30_000
"""path-quarters per second on two cores"""
LEAST_OF_TWO = 1.7
"""speed of two processes over that of one"""
MOST_COLD_S, MOST_WARM_S = 60.0, 20.0
MOST_MEMORY_MB, MOST_RUN_MB = 2000.0, 60.0
ASKED_PATHS, ASKED_QUARTERS = 1000, 40
"""size of the run for which the limits of time, memory and disk hold"""
MOST_HELP_S, MOST_IMPORT_S, MOST_SMALL_S = 0.3, 0.5, 1.5
MOST_NETWORK_S = {1_000: 0.010, 100_000: 10.0}
"""seconds of clearing or DebtRank by number of nodes, with ten ties a node"""
MOST_NETWORK_MB = 4000.0
HELD = {True: "yes", False: "**no**", None: "a smaller run"}


@dataclass
class Measured:
    """What a call measured; empty where it did not."""

    engine: Sequence[Throughput] = ()
    whole: Throughput | None = None
    """many paths at once"""
    profile: Profile | None = None
    run: EndToEnd | None = None
    long: LongRun | None = None
    starts: dict[str, float] = field(default_factory=dict)
    networks: Sequence[NetworkSpeed] = ()
    others: Sequence[Row] = ()
    limit: Limit | None = None
    economies: Sequence[Speed] = ()
    paces: Sequence[Pace] = ()
    sizes: Sequence[Size] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "engine": [one.to_dict() for one in self.engine],
            "whole": self.whole.to_dict() if self.whole else None,
            "profile": self.profile.to_dict() if self.profile else None,
            "command": self.run.to_dict() if self.run else None,
            "long_run": self.long.to_dict() if self.long else None,
            "contagion": [one.to_dict() for one in self.networks],
            "opponents": [one.to_dict() for one in self.others],
            "limit": self.limit.to_dict() if self.limit else None,
            "economies": [one.to_dict() for one in self.economies],
            "cluster": [one.to_dict() for one in self.paces],
            "sizes": [one.to_dict() for one in self.sizes],
            "starts_s": {name: round(seconds, 3) for name, seconds in self.starts.items()},
        }


def page(where: Provenance, found: Measured) -> str:
    """Markdown of `docs/benchmarks.md`."""
    limit, starts = found.limit, [(f"`{name}`", f"{s:.2f}") for name, s in found.starts.items()]
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        provenance="  \n".join(where.lines()),
        limits=table(("asked for", "limit", "measured", "held"), limits(found)),
        engine=_engine([*found.engine, *filter(None, (found.whole,))]),
        profile=_profile(found.profile),
        command=_command(found.run),
        long=found.long.sentence() if found.long else NOT_MEASURED,
        contagion=_contagion(found.networks),
        opponents=opponents_table(found.others) if found.others else NOT_MEASURED,
        physical=f"{limit_sentences(limit)}\n\n{limit_table(limit)}" if limit else NOT_MEASURED,
        economies=economies_table(found.economies) if found.economies else NOT_MEASURED,
        cluster=cluster_table(found.paces) if found.paces else NOT_MEASURED,
        sizes=_sizes(found.sizes),
        starts=table(("call", "seconds"), starts),
    )


def limits(found: Measured) -> list[tuple[str, str, str, str]]:
    """What was asked for, its limit, what was found, and whether it holds."""
    rows: list[tuple[str, str, str, bool | None]] = []
    for one in found.engine:
        if one.jobs == 2:
            speed = one.path_quarters_per_s
            least = f"at least {LEAST_SPEED:,}"
            rows.append(("path-quarters per second, two processes", least, f"{speed:,.0f}", speed >= LEAST_SPEED))
    by_jobs = {one.jobs: one for one in found.engine}
    if {1, 2} <= set(by_jobs):
        ratio = times_as_fast(by_jobs[2], by_jobs[1])
        rows.append(("two processes over one", f"at least {LEAST_OF_TWO}", f"{ratio:.2f}", ratio >= LEAST_OF_TWO))
    if found.whole is not None:
        rows.append(_whole(found.whole))
    for row in found.others:
        if row.other.startswith("Mesa"):
            least = f"at least {LEAST_POSTING:.0f} times as fast"
            rows.append((f"{row.work}, beside Mesa", least, f"{row.ratio:.0f} times", row.ratio >= LEAST_POSTING))
    limit, run, starts, networks = found.limit, found.run, found.starts, found.networks
    if limit is not None:
        most = f"at most {MOST_RATIO:.0f} times"
        rows.append(
            ("a quarter beside its physical limit", most, f"{limit.ratio:.1f} times", limit.ratio <= MOST_RATIO)
        )
    if run is not None:
        warm = min(timing.seconds for timing in run.warm) if run.warm else float("nan")
        peak = max(timing.peak_mb for timing in (run.cold, *run.warm))
        size = f"{run.paths:,} paths, {run.quarters} quarters"
        asked = [
            (f"`penstock run`, first time on a machine ({size})", run.cold.seconds, MOST_COLD_S, "s"),
            (f"`penstock run`, after that ({size})", warm, MOST_WARM_S, "s"),
            (f"peak memory ({size})", peak, MOST_MEMORY_MB, "MB"),
            (f"run directory ({size})", run.run_mb, MOST_RUN_MB, "MB"),
        ]
        # a smaller run says nothing of the limits
        full = run.paths >= ASKED_PATHS and run.quarters >= ASKED_QUARTERS
        rows += [
            (what, f"below {most:,.0f} {unit}", f"{value:,.1f} {unit}", value < most if full else None)
            for what, value, most, unit in asked
        ]
    rows += found.long.rows() if found.long else []
    for net in networks:
        size = f"{net.nodes:,} nodes, {net.ties:,} ties"
        if net.nodes in MOST_NETWORK_S:
            most = MOST_NETWORK_S[net.nodes]
            rows.append(
                (f"{net.method}, {size}", f"below {time_text(most)}", time_text(net.penstock_s), net.penstock_s < most)
            )
    if networks:
        largest = max(networks, key=lambda net: net.nodes)
        size, peak = f"{largest.nodes:,} nodes, {largest.ties:,} ties", largest.peak_mb
        rows.append((f"peak memory, both methods and the plain equations, {size}", f"below {MOST_NETWORK_MB:,.0f} MB",
                     f"{peak:,.0f} MB", peak < MOST_NETWORK_MB))  # fmt: skip
    if "penstock --help" in starts:
        help_s = starts["penstock --help"]
        rows.append(("`penstock --help`", f"below {MOST_HELP_S} s", f"{help_s:.2f} s", help_s < MOST_HELP_S))
    if "import penstock" in starts:
        import_s = starts["import penstock"]
        rows.append(("`import penstock`", f"below {MOST_IMPORT_S} s", f"{import_s:.2f} s", import_s < MOST_IMPORT_S))
    if SMALL_RUN in starts:
        small_s = starts[SMALL_RUN]
        rows.append(
            ("a small run, from call to results", f"below {MOST_SMALL_S} s", f"{small_s:.2f} s", small_s < MOST_SMALL_S)
        )
    rows += _wide(found.economies, found.paces)
    for one_size in found.sizes:
        rows.append((one_size.what, f"below {one_size.limit_mb:,.0f} MB", f"{one_size.mb:,.0f} MB", one_size.held))
    return [(what, most, value, HELD[held]) for what, most, value, held in rows]


def _wide(economies: Sequence[Speed], paces: Sequence[Pace]) -> list[tuple[str, str, str, bool | None]]:
    """Limits of large economies and of the cluster."""
    rows: list[tuple[str, str, str, bool | None]] = []
    for one in economies:
        if one.firms >= MOST_FIRMS:
            size = f"{one.firms:,} firms, {one.ties:,} ties"
            most = f"below {MOST_QUARTER_S:.0f} s"
            rows.append((f"a quarter of {size}", most, f"{one.seconds:.2f} s", one.seconds < MOST_QUARTER_S))
            most = f"below {MOST_ECONOMY_MB:,.0f} MB"
            rows.append((f"peak memory of {size}", most, f"{one.peak_mb:,.0f} MB", one.peak_mb < MOST_ECONOMY_MB))
    if len(economies) > 1:
        found = exponent([one.ties for one in economies], [one.seconds for one in economies])
        rows.append(("exponent of time against ties", f"at most {STEEPEST}", f"{found:.2f}", found <= STEEPEST))
    if paces:
        ratio, least = ratio_of(paces), 1.0 - MOST_SLOWER
        what = f"Ray on this machine over the pool, {paces[0].paths:,} paths"
        rows.append((what, f"at least {least:.2f}", f"{ratio:.2f}", ratio >= least))
    return rows


def write(docs: Path, where: Provenance, found: Measured) -> list[Path]:
    """Write the page and the raw figures below `docs`; returns their paths."""
    figures = docs / "validation" / "benchmarks" / f"{where.stem}.json"
    figures.parent.mkdir(parents=True, exist_ok=True)
    figures.write_text(json.dumps({"measured": where.to_dict(), **found.to_dict()}, indent=1) + "\n", encoding="utf-8")
    target = docs / "benchmarks.md"
    target.write_text(page(where, found), encoding="utf-8")
    return [target, figures]


def _whole(whole: Throughput) -> tuple[str, str, str, bool | None]:
    """Whether many paths are simulated in the time that was asked for."""
    (seconds,) = whole.seconds
    full = whole.paths >= LONG_PATHS and whole.quarters >= ASKED_QUARTERS and whole.jobs == 2
    what = f"simulating {whole.paths:,} paths, {whole.quarters} quarters, {whole.jobs} processes, no files"
    return what, f"below {MOST_SECONDS:.0f} s", f"{seconds:.1f} s", seconds < MOST_SECONDS if full else None


def _engine(engine: Sequence[Throughput]) -> str:
    rows = [
        (
            f"{one.jobs}",
            f"{one.paths:,} x {one.quarters}",
            f"{one.path_quarters_per_s:,.0f}",
            ", ".join(f"{s:.2f}" for s in one.seconds),
        )
        for one in engine
    ]
    return table(("processes", "paths x quarters", "path-quarters per second", "seconds of each repeat"), rows)


def _profile(profile: Profile | None) -> str:
    if profile is None:
        return NOT_MEASURED
    rows = [
        (f"`{name}`" if name != "rest" else name, f"{ms:.3f}", f"{share:.1%}") for name, ms, share in profile.rows()
    ]
    rows.append(("**quarter**", f"**{profile.total_ms:.3f}**", "100.0%"))
    note = (
        f"Median of {profile.repeats} blocks of {profile.paths} paths and {profile.quarters} quarters. "
        f"Beginning a block takes {profile.begin_ms:.1f} ms once."
    )
    return f"{table(('call', 'ms per block-quarter', 'share'), rows)}\n\n{note}"


def _command(run: EndToEnd | None) -> str:
    if run is None:
        return NOT_MEASURED
    timings = [("empty caches", run.cold), *(("again", timing) for timing in run.warm)]
    rows = [(name, f"{one.seconds:.1f}", f"{one.cpu_s:.1f}", f"{one.peak_mb:,.0f}") for name, one in timings]
    note = (
        f"`penstock run` with {run.paths:,} paths, {run.quarters} quarters, {run.jobs} processes, report included. "
        f"Memory: {run.cold.how_memory}. The run directory takes {run.run_mb:.1f} MB, of which the report "
        f"{run.report_mb:.1f} MB."
    )
    return f"{table(('call', 'seconds', 'of work on all cores', 'peak memory, MB'), rows)}\n\n{note}"


def _sizes(sizes: Sequence[Size]) -> str:
    rows = [
        (
            one.what,
            f"{one.mb:,.1f}",
            f"{one.compiled_mb:,.1f}",
            ", ".join(f"{name} {mb:.0f}" for name, mb in one.largest),
        )
        for one in sizes
    ]
    return table(("what", "MB", "of it byte-compiled", "largest packages, MB"), rows)


def _contagion(networks: Sequence[NetworkSpeed]) -> str:
    rows = [
        (
            one.method,
            f"{one.nodes:,} x {one.ties:,}",
            f"{one.failed:,}",
            f"{one.rounds}",
            time_text(one.penstock_s),
            time_text(one.published_s),
            f"{one.largest_gap:.0e}",
            f"{one.peak_mb:,.0f}",
        )
        for one in networks
    ]
    head = ("method", "nodes x ties", "failed", "rounds", "Penstock", "plain SciPy", "largest gap", "peak memory, MB")
    return table(head, rows)
