"""What a campaign found: a page with a line per question, and whether all passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import Provenance


@dataclass(frozen=True)
class Verdict:
    """One question; `told` gives the figures behind the answer."""

    question: str
    passed: bool
    told: str

    @property
    def line(self) -> str:
        return f"- **{'passed' if self.passed else 'FAILED'}**: {self.question}: {self.told}"


@dataclass(frozen=True)
class Result:
    """The answers of a campaign and the tables behind them, by heading."""

    title: str
    command: str
    """that repeats it, without the name of the interpreter"""
    verdicts: tuple[Verdict, ...]
    sections: tuple[tuple[str, str], ...]

    @property
    def passed(self) -> bool:
        return all(verdict.passed for verdict in self.verdicts)

    def page(self, where: Provenance) -> str:
        """Markdown."""
        held = sum(verdict.passed for verdict in self.verdicts)
        lines = [f"# {self.title}", "", "  \n".join(where.lines()), ""]
        lines += [f"Again: `python -m tools.campaign {self.command}`", "", "## Answers", ""]
        lines += [verdict.line for verdict in self.verdicts]
        lines += ["", f"{held} of {len(self.verdicts)} passed."]
        for heading, body in self.sections:
            lines += ["", f"## {heading}", "", body]
        return "\n".join(lines) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def write(result: Result, name: str, where: Provenance, docs: Path) -> Path:
    """Write the page of today; a second campaign of the day and commit takes its place."""
    path = docs / "validation" / "campaigns" / f"{where.stem}-{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(result.page(where), encoding="utf-8")
    return path
