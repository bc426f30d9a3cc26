"""The page `docs/validation/physics.md` from all cases."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tools.physics import cases as package
from tools.physics.case import Case, Kind, Mark

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "validation" / "physics.md"
HEAD = """# The physics beside published figures

Written by `python -m tools.physics`; a test fails when this page and the model differ. Each row is one figure that was
published or follows by mathematics, what the layers give, and the largest difference that counts as agreement.

- **exact**: mathematics or arithmetic; agreement shows that the code is right, not that the world is so.
- **consistency**: published parts put together by the model meet a published whole; some parts were known to the model.
- **prediction**: the model did not see the number, nor was it fitted to it.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """The cases of one module, and the text under their table."""

    title: str
    cases: list[Case]
    text: str


def modules() -> list[ModuleType]:
    """The modules of cases in the order of their names."""
    names = sorted(found.name for found in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names]


def parts() -> list[Part]:
    """All cases, computed now."""
    return [
        Part(module.TITLE, module.cases(), module.text() if hasattr(module, "text") else "") for module in modules()
    ]


def number(value: float) -> str:
    """Four digits that matter, thousands set apart; the same on every machine."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e7 or size < 1e-4:
        return f"{value:.3e}"
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def bound(case: Case) -> str:
    """The tolerance in words."""
    if case.kind is Kind.SHOWN:
        return "shown only"
    if case.kind in (Kind.AT_LEAST, Kind.AT_MOST):
        return str(case.kind)
    return percent(case.tolerance) if case.kind is Kind.RELATIVE else number(case.tolerance)


def percent(value: float) -> str:
    """A share in per cent, small ones as a power of ten."""
    if 0.0 < abs(value) < 1e-5:
        return f"{value:.0e}"
    return f"{100.0 * value:.3g} %"


def difference(case: Case) -> str:
    """The difference as the tolerance is meant; nothing where rounding hides it."""
    if case.kind is Kind.SHOWN and case.observed:
        return f"{100.0 * case.difference / abs(case.observed):+.1f} %"
    if case.kind is not Kind.RELATIVE:
        return f"{case.difference:+.2g}" if abs(case.difference) > 1e-9 else "0"
    if abs(case.difference) < 5e-5:
        return "0 %"
    return f"{100.0 * case.difference:+.2f} %"


def rows(part: Part) -> str:
    """The table of a part."""
    lines = [
        "| case | quantity | unit | observed | simulated | difference | tolerance | mark |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for case in part.cases:
        failed = "" if case.holds else " **missed**"
        cells = (
            case.id,
            case.quantity,
            case.unit,
            number(case.observed),
            number(case.simulated),
            difference(case),
            bound(case),
            f"{case.mark}{failed}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def sources(part: Part) -> str:
    """The sources of a part, each with the cases that it bears."""
    bears: dict[str, dict[str, None]] = {}
    for case in part.cases:
        bears.setdefault(case.source, {})[case.id] = None
    return "\n".join(f"- {', '.join(ids)}: {source}" for source, ids in bears.items())


def summary(found: list[Part]) -> str:
    """How many figures of each mark are met."""
    checked = [case for part in found for case in part.cases if case.kind is not Kind.SHOWN]
    total, met = Counter(case.mark for case in checked), Counter(case.mark for case in checked if case.holds)
    lines = ["| mark | figures | met |", "| --- | ---: | ---: |"]
    lines += [f"| {mark} | {total[mark]} | {met[mark]} |" for mark in Mark]
    shown = sum(case.kind is Kind.SHOWN for part in found for case in part.cases)
    lines.append(f"| shown without tolerance | {shown} | |")
    return "\n".join(lines)


def page_text() -> str:
    """The whole page, from the model as it is now."""
    found = parts()
    blocks = [HEAD, summary(found)]
    for part in found:
        blocks += [f"## {part.title}", rows(part), f"Sources\n\n{sources(part)}"]
        if part.text:
            blocks.append(part.text.strip())
    return "\n\n".join(block.strip() for block in blocks) + "\n"
