"""The page of what was measured on a GPU."""

from __future__ import annotations

from typing import Any

from tools.measure_gpu.comparison import AGREEING, RELATIVE

LISTED = 50
"""Differing paths of a scenario that the page lists."""
WANTED_PER_SECOND = 3e6
WANTED_SECONDS = 20.0


def page(found: dict[str, Any], date: str) -> str:
    """Markdown of what `inside.measure` found."""
    machine, timed = found["machine"], found["timed"]
    software = f"driver {machine['driver']}, CuPy {machine['cupy']}, numba-cuda {machine['numba_cuda']}"
    lines = [
        "# A run on a GPU",
        "",
        f"Measured {date} on {machine['gpu']} ({software}; {machine['processor']}, {machine['system']})",
        "by `python -m tools.measure_gpu`.",
        "",
        "## Equality",
        f"{found['checked']:,} paths of {found['quarters']} quarters of each scenario, on the CPU and on the GPU.",
        f"Wanted: events agree on at least {AGREEING:.1%} of the paths, and there every number within {RELATIVE:g} of",
        "itself (or of a millionth of its column's largest, where it is smaller).",
        "",
        "| scenario | paths whose events agree | largest gap on these | column | holds |",
        "| --- | ---: | ---: | --- | --- |",
    ]
    for name, one in found["compared"].items():
        lines.append(
            f"| `{name}` | {one['agreeing']:.3%} | {one['worst']:.1e} | `{one['where']}` | {_yes(one['holds'])} |"
        )
    lines += ["", *_differences(found["compared"]), "", "## Time", *_time(timed, found["quarters"]), ""]
    return "\n".join(lines)


def _differences(compared: dict[str, Any]) -> list[str]:
    if not any(one["differing"] for one in compared.values()):
        return ["No path differs in an event."]
    lines = [
        "Paths that differ, with the first event that does:",
        "",
        "| scenario | path | CPU | GPU |",
        "| --- | ---: | --- | --- |",
    ]
    for name, one in compared.items():
        lines += [
            f"| `{name}` | {first['path']} | {first['on_cpu']} | {first['on_gpu']} |"
            for first in one["differing"][:LISTED]
        ]
        if len(one["differing"]) > LISTED:
            lines.append(f"| `{name}` | {len(one['differing']) - LISTED} more | | |")
    return lines


def _time(timed: dict[str, Any], quarters: int) -> list[str]:
    rate, seconds = timed["path_quarters_per_second"], timed["seconds"]
    parts = timed["parts"]
    rest = seconds - sum(parts.values())
    return [
        "| what | found | wanted | holds |",
        "| --- | ---: | ---: | --- |",
        f"| path-quarters a second, float64 | {rate:,.0f} | {WANTED_PER_SECOND:,.0f} | "
        f"{_yes(rate >= WANTED_PER_SECOND)} |",
        f"| seconds for {timed['paths']:,} paths x {quarters} quarters | {seconds:.1f} | {WANTED_SECONDS:.0f} | "
        f"{_yes(seconds <= WANTED_SECONDS)} |",
        f"| of these: the model moved to the GPU | {parts['there']:.1f} | | |",
        f"| of these: beginning blocks | {parts['begin']:.1f} | | |",
        f"| of these: quarters, compiling | {rest:.1f} | | |",
        f"| of these: ending blocks | {parts['end']:.1f} | | |",
        f"| of these: what stays of them moved back | {parts['back']:.1f} | | |",
        f"| memory of the GPU in use, GB of {timed['memory_of_gpu_gb']:.0f} | {timed['memory_gb']:.0f} | | |",
        "",
        f"Blocks of {timed['block']:,} paths, one process. The first block carries the compiling of all passes: "
        f"{timed['blocks'][0]:.1f} s, the others {_mean(timed['blocks'][1:])}. Writing tables is not in it.",
    ]


def _mean(seconds: list[float]) -> str:
    return f"{sum(seconds) / len(seconds):.1f} s" if seconds else "none"


def _yes(holds: bool) -> str:
    return "yes" if holds else "**no**"
