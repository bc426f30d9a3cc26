"""A run in a notebook: a table and a fan drawn as inline SVG, without script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from penstock.engine.chunks import WORLD_REGION
from penstock.engine.run_plot import COLOUR, fan_rows

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.run import Run

FAN_MEASURE = "capex_usd_bn"
FAN_TITLE = "AI capital spending of the world, USD bn a quarter (nominal)"
WIDTH, HEIGHT, MARGIN = 520.0, 180.0, 44.0


def run_html(run: Run) -> str:
    """Table of what was run, then a fan of capital spending for the first scenario."""
    m = run.manifest
    checks = m["checks"]
    facts = {
        "scenarios": ", ".join(run.scenarios),
        "world": f"{m['world']['name']} as of {m['world']['as_of']}",
        "paths, quarters, seed": f"{m['paths']}, {m['quarters']}, {m['seed']}",
        "checks": f"largest conservation error {checks['conservation_max_rel']:.1e}, "
        f"{checks['nonconverged']} not converged, {checks['nan']} not finite",
        "where": str(run.directory or "in memory"),
    }
    rows = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in facts.items())
    fan = fan_svg(fan_rows(run, FAN_MEASURE, WORLD_REGION, None), f"{FAN_TITLE}, {run.scenarios[0]}")
    note = "Conditional on the scenario and assumptions shown; not a forecast, rating or advice."
    return f"<div><table>{rows}</table>{fan}<p><small>{note}</small></p></div>"


def fan_svg(rows: pd.DataFrame, title: str) -> str:
    """Median with the 50 and 90 % ranges of paths as SVG; `rows` are bands of one measure by quarter."""
    quarters = list(rows["quarter"])
    low, high = min(0.0, float(rows["p05"].min())), float(rows["p95"].max())
    span = (high - low) or 1.0

    def x(i: int) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * (i / max(1, len(quarters) - 1))

    def y(value: float) -> float:
        return HEIGHT - MARGIN / 2 - (HEIGHT - MARGIN) * (value - low) / span

    def points(column: str) -> list[str]:
        return [f"{x(i):.1f},{y(float(v)):.1f}" for i, v in enumerate(rows[column])]

    def area(bottom: str, top: str, opacity: float) -> str:
        outline = " ".join(points(bottom) + points(top)[::-1])
        return f'<polygon points="{outline}" fill="{COLOUR}" fill-opacity="{opacity}"/>'

    last = rows.iloc[-1]
    finding = (
        f"{title}. In {last['quarter']} the median is {last['p50']:.3g}; "
        f"9 of 10 paths lie between {last['p05']:.3g} and {last['p95']:.3g}."
    )
    labels = "".join(f'<text x="{MARGIN - 4}" y="{y(v) + 4:.1f}" text-anchor="end">{v:.3g}</text>' for v in (low, high))
    labels += "".join(
        f'<text x="{x(i):.1f}" y="{HEIGHT - 4}" text-anchor="{anchor}">{escape(quarters[i])}</text>'
        for i, anchor in ((0, "start"), (len(quarters) - 1, "end"))
    )
    return (
        f'<figure><svg role="img" width="{WIDTH:.0f}" height="{HEIGHT:.0f}" '
        f'viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" font-size="12" fill="currentColor">'
        f"<title>{escape(finding)}</title>{area('p05', 'p95', 0.25)}{area('p25', 'p75', 0.45)}"
        f'<polyline points="{" ".join(points("p50"))}" fill="none" stroke="{COLOUR}" stroke-width="2"/>'
        f"{labels}</svg><figcaption>{escape(finding)} Bands: 50 and 90 % of paths.</figcaption></figure>"
    )
