"""The page of what was measured on a GPU."""

from __future__ import annotations

from typing import Any

from tools.measure_gpu.comparison import AGREEING, RELATIVE

LISTED = 50
"""Differing paths of a scenario that the page lists."""
WANTED_PER_SECOND = 3e6
WANTED_SECONDS = 20.0


def page(found: dict[str, Any], date: str) -> str:
    """Markdown of what `inside.measure` found, as far as it came."""
    machine, timed = found["machine"], found.get("timed")
    software = (
        f"driver for CUDA {_cuda(machine['driver'])}, CuPy {machine['cupy']} with CUDA {_cuda(machine['runtime'])}"
    )
    lines = [
        "# A run on a GPU",
        "",
        f"Measured {date} on {machine['gpu']} (compute capability {machine['capability']}; {software}, numba-cuda",
        f"{machine['numba_cuda']}, Python {machine['python']}; {machine['processor']}; {machine['system']})",
        "by `python -m tools.measure_gpu`.",
        "",
        *_failures(found),
        "## Equality",
        f"{found['checked']:,} paths of {found['quarters']} quarters of each scenario, on the CPU and on the GPU.",
        f"Wanted: events agree on at least {AGREEING:.1%} of the paths, and there every number within {RELATIVE:g} of",
        "itself (or of a millionth of its column's largest, where it is smaller).",
        "",
    ]
    if found["compared"]:
        lines += [
            "| scenario | paths whose events agree | largest gap on these | column | holds |",
            "| --- | ---: | ---: | --- | --- |",
        ]
        lines += [
            f"| `{name}` | {one['agreeing']:.3%} | {one['worst']:.1e} | `{one['where']}` | {_yes(one['holds'])} |"
            for name, one in found["compared"].items()
        ]
        lines += ["", *_differences(found["compared"]), ""]
    else:
        lines += ["**Nothing was compared.**", ""]
    lines += ["## Time", *(_time(timed, found) if timed else ["**Nothing was timed.**"]), ""]
    return "\n".join(lines)


def _cuda(number: str) -> str:
    """12080 is CUDA 12.8."""
    return f"{int(number) // 1000}.{int(number) % 1000 // 10}"


def _failures(found: dict[str, Any]) -> list[str]:
    """What failed, and what went otherwise than hoped for."""
    lines = [f"- **{stage}: failed.** {why}" for stage, why in found["failed"].items()]
    lines += [f"- {note[0].upper()}{note[1:]}." for note in found["notes"]]
    return ["## What went wrong", *lines, ""] if lines else []


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


def _time(timed: dict[str, Any], found: dict[str, Any]) -> list[str]:
    rate, seconds, quarters = timed["path_quarters_per_second"], timed["seconds"], found["quarters"]
    parts, asked = timed["parts"], timed["asked"]
    for_all = seconds * asked / max(timed["paths"], 1)
    rest = seconds - sum(parts.values())
    return [
        "| what | found | wanted | holds |",
        "| --- | ---: | ---: | --- |",
        f"| path-quarters a second, float64 | {rate:,.0f} | {WANTED_PER_SECOND:,.0f} | "
        f"{_yes(rate >= WANTED_PER_SECOND)} |",
        f"| seconds for {asked:,} paths x {quarters} quarters{_part(timed)} | {for_all:.1f} | {WANTED_SECONDS:.0f} | "
        f"{_yes(for_all <= WANTED_SECONDS)} |",
        f"| of these: the model moved to the GPU | {parts['there']:.1f} | | |",
        f"| of these: beginning blocks | {parts['begin']:.1f} | | |",
        f"| of these: quarters | {rest:.1f} | | |",
        f"| of these: ending blocks | {parts['end']:.1f} | | |",
        f"| of these: the rest of what stays of them moved back | {parts['back']:.1f} | | |",
        *_copies(found.get("speeds")),
        f"| memory of the GPU in use, GB of {timed['memory_of_gpu_gb']:.0f} | {timed['memory_gb']:.0f} | | |",
        "",
        f"Blocks of {timed['block']:,} paths, one process: the first {timed['blocks'][0]:.1f} s (it gets memory, and "
        f"what was not compiled yet), the others {_mean(timed['blocks'][1:])}. Writing tables is not in it.",
    ]


def _copies(speeds: dict[str, float] | None) -> list[str]:
    """What bounds all else."""
    if speeds is None:
        return []
    return [
        f"| a copy within the GPU's memory, GB/s read and written | {speeds['within']:,.0f} | | |",
        f"| a copy to the machine's memory, GB/s | {speeds['back']:.1f} | | |",
    ]


def _part(timed: dict[str, Any]) -> str:
    """Says where time ran out."""
    whole = timed["paths"] >= timed["asked"]
    return "" if whole else f", from {timed['paths']:,} for which there was time"


def _mean(seconds: list[float]) -> str:
    return f"{sum(seconds) / len(seconds):.1f} s" if seconds else "none"


def _yes(holds: bool) -> str:
    return "yes" if holds else "**no**"
