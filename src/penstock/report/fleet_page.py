"""The page of a simulated fleet: one HTML file that opens from disk with the network off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from penstock.errors import OutputError
from penstock.report.html import _asset, _json_block, _policy, _text
from penstock.report.numbers import percent, plain
from penstock.report.spec import compact
from penstock.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from penstock.fleet import FleetResult

NOTICE = "Conditional on the fleet, the trace and the assumptions shown; not a forecast and not a benchmark result."
LONG_S = 4 * 3600.0

FIGURES: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    ("Requests that came", "per second", (("arrivals_per_s", "arrivals"),)),
    ("Answer tokens", "tokens per second", (("output_tokens_per_s", "answer tokens served"),)),
    (
        "Time to the first token",
        "s",
        (("first_token_p50_s", "median"), ("first_token_p90_s", "90th"), ("first_token_p99_s", "99th percentile")),
    ),
    (
        "Time of a token after the first",
        "s",
        (("token_p50_s", "median"), ("token_p90_s", "90th"), ("token_p99_s", "99th percentile")),
    ),
    ("Requests inside", "requests", (("running", "running"), ("waiting", "waiting"))),
    ("Replicas that are on", "replicas", (("replicas", "replicas"),)),
    ("Utilisation and goodput", "share", (("utilisation", "time at work"), ("good_share", "good among ended"))),
    ("Error budget burn", "times the allowed rate", (("error_budget_burn", "burn"),)),
    ("Requests that ended badly", "requests per window", (("rejected", "rejected"), ("failed", "failed"))),
    ("Cost", "USD per window", (("cost_usd", "cost of chips"),)),
)

HEADLINES = (
    ("Served", "served", "requests"),
    ("Good", "good_share", "%"),
    ("First token, 99th percentile", "first_token_p99_s", "s"),
    ("Token after the first, 99th percentile", "token_p99_s", "s"),
    ("Utilisation", "utilisation", "%"),
    ("Cost", "cost_usd_per_mtok", "USD per million tokens"),
    ("Margin on cost", "margin_on_cost", "%"),
    ("Energy", "energy_mwh", "MWh"),
)


def write_fleet_page(result: FleetResult, path: Path | str, *, rerun: str) -> Path:
    """Write the page to `path`. Raises OutputError when the place cannot be written."""
    target = Path(path)
    text = render_fleet_page(result, rerun=rerun)
    try:
        temporary = target.with_name(f".{target.name}.tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        raise OutputError(
            f"{target}: report: found {error.strerror or error}; expected a folder that can be written"
        ) from error
    return target


def render_fleet_page(result: FleetResult, *, rerun: str) -> str:
    """The page as text."""
    summary, config, windows = result.summary, result.built.config, result.windows
    echarts, charts = _asset("static/echarts.min.js"), _asset("fleet_charts.js")
    figures = [f for f in FIGURES if any(windows[column].notna().any() for column, _ in f[2])]
    payload = {
        "start_s": [float(v) for v in windows["start_s"]],
        "long": result.end_s > LONG_S,
        "figures": [
            {
                "unit": unit,
                "series": [{"name": label, "values": [compact(v) for v in windows[column]]} for column, label in lines],
            }
            for _, unit, lines in figures
        ],
    }
    title = config.title or f"Fleet {config.name}"
    tables = "\n".join(
        _table_section(heading, note, frame)
        for heading, note, frame in (
            (
                "Pools",
                "Energy and carbon follow assumed power shares (grade F); cost is the rent of chips.",
                result.pools,
            ),
            ("Tenants", "Shared energy and cost are split by revenue at list prices.", result.tenants),
            ("Invoice", "These lines sum to the revenue.", result.invoice),
            ("All figures", "", _figures_table(summary)),
        )
    )
    lead = (
        f"{summary['requests']:,} requests of {summary['trace']} over {summary['simulated_s'] / 3600:.2f} h, "
        f"seed {summary['seed']}; {summary['policy']}. Windows of {config.window_s:g} s."
    )
    values = {
        "csp": _policy([echarts, charts]),
        "version": _text(__version__),
        "title": _text(title),
        "style": _asset("style.css") + _asset("charts/stack.css"),
        "lead": _text(lead),
        "notice": _text(f"{NOTICE} Penstock {__version__}."),
        "headlines": "\n".join(_headline(label, summary[key], unit) for label, key, unit in HEADLINES),
        "figures": "\n".join(_figure(k, name, unit) for k, (name, unit, _) in enumerate(figures)),
        "tables": tables,
        "rerun": _text(rerun),
        "config": _text(config.model_dump_json(indent=2)),
        "source": _text(result.built.trace.source or result.built.trace.name),
        "data": _json_block(payload),
        "echarts": echarts,
        "charts": charts,
    }
    return Template(_asset("fleet.html")).substitute(values)


def _headline(label: str, value: float, unit: str) -> str:
    shown = "n/a" if math.isnan(value) else percent(value) if unit == "%" else plain(float(value))
    name = "" if unit == "%" else unit
    return (
        f'<div class="headline"><dt>{_text(label)}</dt><dd><span class="big">{_text(shown)}</span> '
        f'<span class="range">{_text(name)}</span></dd></div>'
    )


def _figure(number: int, name: str, unit: str) -> str:
    return (
        f'<figure class="figure"><h3>{_text(name)}</h3><p class="unit">{_text(unit)}</p>'
        f'<div class="chart" data-chart="{number}" role="img" aria-label="{_text(name)} by window"></div></figure>'
    )


def _figures_table(summary: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"figure": list(summary), "value": list(summary.values())})


def _table_section(heading: str, note: str, frame: pd.DataFrame) -> str:
    anchor = heading.lower().replace(" ", "-")
    head = "".join(
        f'<th scope="col" class="{_kind(list(frame[c]))}">{_text(_label(str(c)))}</th>' for c in frame.columns
    )
    body = "".join(
        "<tr>" + "".join(f'<td class="{_cell_kind(v)}">{_text(_cell(v))}</td>' for v in row) + "</tr>"
        for row in frame.itertuples(index=False, name=None)
    )
    return (
        f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{_text(heading)}</h2>'
        f'{f"<p>{_text(note)}</p>" if note else ""}<div class="table-wrap" tabindex="0" role="region" '
        f'aria-labelledby="{anchor}"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></section>'
    )


def _label(column: str) -> str:
    return column.replace("_", " ")


def _kind(column: Sequence[Any]) -> str:
    return _cell_kind(next(iter(column), ""))


def _cell_kind(value: Any) -> str:
    return "t" if isinstance(value, str) else "n"


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):
        return ""
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    return f"{float(value):.4g}"
