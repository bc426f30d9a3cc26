"""Tables of the page."""

from __future__ import annotations

from collections.abc import Sequence

NOT_MEASURED = "*not measured in this call*"


def time_text(seconds: float) -> str:
    """With its unit."""
    return f"{1e3 * seconds:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Markdown; a sentence where there are no rows."""
    if not rows:
        return NOT_MEASURED
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
