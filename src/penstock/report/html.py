"""The report: one HTML file that opens from disk with the network off.

Styles, charts and data are inside the file. A Content-Security-Policy allows only the scripts whose hashes
it names and no connection at all, so the file can not call out even if a name in the data tried to.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from penstock.errors import OutputError
from penstock.report.analyses import Analyses
from penstock.report.findings import five_sentences, headlines
from penstock.report.notice import notice
from penstock.report.sections import Group, groups_of
from penstock.report.source import ReportData, RunTables, read_run
from penstock.report.spec import Figure, cell_text

HERE = Path(__file__).parent
REPORT_DATA_VERSION = 1
DEFAULT_WORLD = ("ai-2025", "2025-12-31")
"""World and as-of date that the command line takes when none is named."""

THEME_SCRIPT = (
    'try{var t=localStorage.getItem("penstock-theme");'
    'if(t==="light"||t==="dark")document.documentElement.dataset.theme=t}catch(e){}'
)
"""Runs before the first paint, so that a remembered dark choice does not flash white."""


def write_report(run: RunTables | ReportData, path: Path | str, analyses: Analyses | None = None) -> Path:
    """Write the report of `run`, or of what was read from it before, to `path` and return it.

    `analyses` are those of crises (`penstock.report.analyses.analyses_of`); without them their pages say which command
    makes them.
    The file is written beside its place and renamed, so a reader never sees half of it.
    Raises OutputError when the place can not be written.
    """
    target = Path(path)
    text = render_report(run, analyses)
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".report-", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(
            f"{target}: report: found {error.strerror or error}; expected a folder that can be written"
        ) from error
    return target


def render_report(run: RunTables | ReportData, analyses: Analyses | None = None) -> str:
    """The report as text."""
    data = run if isinstance(run, ReportData) else read_run(run)
    groups = groups_of(data, analyses or Analyses())
    figures = [figure for group in groups for figure in group.figures]
    present = {figure.id: figure.title for figure in figures}
    scripts = {
        "echarts": _asset("static/echarts.min.js"),
        "charts": _asset("static/charts.min.js"),
    }
    world = data.manifest.get("world", {})
    title = f"Penstock: {', '.join(name.replace('_', ' ') for name in data.scenarios)}"
    notice_text = notice(data)
    payload = {
        "version": REPORT_DATA_VERSION,
        "title": title,
        "notice": notice_text,
        "figures": [figure.to_json() for figure in figures],
    }
    values = {
        "csp": _policy([THEME_SCRIPT, scripts["echarts"], scripts["charts"]]),
        "title": _text(title),
        "style": _asset("style.css") + _asset("charts/stack.css"),
        "theme_script": THEME_SCRIPT,
        "what_was_run": _what_was_run(data),
        "notice": _text(notice_text),
        "headlines": "\n".join(_headline_html(item) for item in headlines(data)),
        "findings": "\n".join(
            f"<li><strong>{_text(item.topic)}.</strong> {_text(item.text)}"
            + (
                f' <a href="#{item.figure_id}">Figure: {_text(present[item.figure_id])}</a>'
                if item.figure_id in present
                else ""
            )
            + "</li>"
            for item in five_sentences(data)
        ),
        "contents": "\n".join(f'<li><a href="#{g.anchor}">{_text(g.heading)}</a></li>' for g in groups),
        "sections": "\n".join(_section(group) for group in groups),
        "method": _method(data),
        "rerun": _text(rerun_command(data)),
        "manifest": _manifest_table(data),
        "scenario_texts": _scenario_texts(data),
        "citation": _text(_citation(data, title)),
        "version": _text(str(data.manifest.get("penstock", ""))),
        "vintage": _text(f"{world.get('name', '')} as of {world.get('as_of', '')}"),
        "data": _json_block(payload),
        "echarts": scripts["echarts"],
        "charts": scripts["charts"],
    }
    return Template(_asset("template.html")).substitute(values)


def _asset(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _text(value: str) -> str:
    return html.escape(value, quote=True)


def _policy(scripts: Sequence[str]) -> str:
    """Only these scripts run, nothing is fetched. Style attributes are allowed: the SVG charts set them."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _json_block(value: Any) -> str:
    """JSON that can stand inside a script element whatever its strings hold."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _headline_html(item: Any) -> str:
    return (
        f'<div class="headline"><dt>{_text(item.label)}</dt><dd><span class="big">{_text(item.value)}</span> '
        f'<span class="range">{_text(item.range)}</span>'
        f'<span class="growth">{_text(item.growth)}</span></dd></div>'
    )


def _section(group: Group) -> str:
    inner = "\n".join(_figure_html(figure) for figure in group.figures)
    return (
        f'<section id="{group.anchor}" aria-labelledby="{group.anchor}-title">\n<h2 '
        f'id="{group.anchor}-title">{_text(group.heading)}</h2>\n'
        + (f'<div class="figures">\n{inner}\n</div>\n' if inner else "")
        + _commands(group.more)
        + "</section>"
    )


def _commands(more: Sequence[tuple[str, str]]) -> str:
    """Questions with the command that answers each, as a list."""
    if not more:
        return ""
    items = "".join(f"<dt>{_text(question)}</dt><dd><code>{_text(command)}</code></dd>" for question, command in more)
    return f'<dl class="commands">{items}</dl>\n'


def _figure_html(figure: Figure) -> str:
    """A figure with its sentence and table; the charts and buttons are added where scripts run."""
    note = f'<p class="note">{_with_code(figure.note)}</p>' if figure.note else ""
    unit = f'<p class="unit">{_text(figure.unit)}</p>' if figure.unit else ""
    hidden = "" if figure.table_open else " hidden"
    return (
        f'<figure id="{figure.id}" class="figure kind-{figure.kind}" data-figure="{figure.id}">\n'
        f"<h3>{_text(figure.title)}</h3>{unit}\n"
        f'<div class="facets"></div>\n'
        f'<div class="chart" role="img" aria-label="{_text(figure.title)}. '
        f'{_text(figure.finding())}"></div>\n'
        f"<figcaption>{_text(figure.finding())}</figcaption>{note}\n"
        f'<div class="actions"></div>\n'
        f'<div class="table-wrap" id="{figure.id}-table" tabindex="0" role="region" '
        f'aria-label="Table: {_text(figure.title)}"{hidden}>{_figure_table(figure)}</div>\n'
        "</figure>"
    )


def _with_code(value: str) -> str:
    """Text whose commands, between back quotes, are set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _text(value))


def _figure_table(figure: Figure) -> str:
    shown = figure.shown_columns()
    head = "".join(
        f'<th scope="col" class="{_cell_class(column.format)}">{_text(column.label)}</th>' for _, column in shown
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{_cell_class(column.format)}">{_text(cell_text(row[index], column.format))}</td>'
            for index, column in shown
        )
        + "</tr>"
        for row in figure.opening_rows()
    )
    empty = "" if body else '<tr><td colspan="99">No rows.</td></tr>'
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}{empty}</tbody></table>"


def _cell_class(form: str) -> str:
    return "t" if form == "text" else "n"


def _what_was_run(data: ReportData) -> str:
    world = data.manifest.get("world", {})
    names = ", ".join(name.replace("_", " ") for name in data.scenarios)
    quarters = sorted({str(q) for q in data.economy["quarter"].unique()})
    draws = (
        "parameters drawn from their wide prior ranges"
        if data.manifest.get("prior")
        else "parameters drawn from the posterior of the calibration; those that it does not inform from their prior"
        if data.manifest.get("posterior")
        else "parameters drawn, each on its own, from the ranges of an earlier fit, not from a posterior"
    )
    return _text(
        f"{data.paths:,} simulated paths of {data.quarters} quarters ({quarters[0]} to "
        f"{quarters[-1]}) of the AI "
        f"infrastructure economy, opened from the world {world.get('name', '')} as it stood on "
        f"{world.get('as_of', '')}; scenario{'s' if len(data.scenarios) > 1 else ''}: {names}; seed "
        f"{data.manifest.get('seed', 'unknown')}; {draws}. All money is nominal US dollars."
    )


def rerun_command(data: ReportData) -> str:
    """The command that gives this run again."""
    stated = data.manifest.get("command")
    if stated:
        return str(stated)
    world = data.manifest.get("world", {})
    parts = ["./penstock run", *data.scenarios]
    if world.get("name", "ai-2025") != "ai-2025":
        parts.append(f"--world {shlex.quote(str(world['name']))}")
    if world.get("overlay"):
        parts.append(f"--overlay {shlex.quote(str(world['overlay']))}")
    if (world.get("name"), world.get("as_of")) != DEFAULT_WORLD and world.get("as_of"):
        parts.append(f"--as-of {world['as_of']}")
    parts += [
        f"--paths {data.paths}",
        f"--quarters {data.quarters}",
        f"--seed {data.manifest.get('seed', 7)}",
    ]
    if data.manifest.get("prior"):
        parts.append("--prior")
    return " ".join(parts)


def _method(data: ReportData) -> str:
    checks = data.manifest.get("checks", {})
    worst = checks.get("conservation_max_rel")
    said = (
        "Largest relative gap in conservation over all paths, quarters and companies: "
        f"{float(worst):.1e}; paths "
        f"that did not converge: {int(checks.get('nonconverged', 0))}; not-a-number: "
        f"{int(checks.get('nan', 0))}."
        if worst is not None
        else "The manifest holds no result of the checks."
    )
    return _text(said)


def _manifest_table(data: ReportData) -> str:
    manifest = data.manifest
    world = manifest.get("world", {})
    rows = [
        ("Penstock", manifest.get("penstock")),
        ("Python", manifest.get("python")),
        ("World", world.get("name")),
        ("As of", world.get("as_of")),
        ("World hash", world.get("hash")),
        *(
            (f"Scenario {entry.get('name')}", f"hash {entry.get('hash')}")
            for entry in manifest.get("scenarios", [])
            if isinstance(entry, dict)
        ),
        ("Seed", manifest.get("seed")),
        ("Paths", manifest.get("paths")),
        ("Quarters", manifest.get("quarters")),
        ("Paths per chunk", manifest.get("chunk_paths")),
        ("Started", manifest.get("started")),
        ("Wall time, s", manifest.get("wall_s")),
        *((f"Package {name}", version) for name, version in dict(manifest.get("packages", {})).items()),
    ]
    body = "".join(
        f'<tr><th scope="row">{_text(str(name))}</th><td>{_text(str(value))}</td></tr>'
        for name, value in rows
        if value is not None
    )
    return f'<table class="manifest"><tbody>{body}</tbody></table>'


def _scenario_texts(data: ReportData) -> str:
    blocks = [
        f"<details><summary>Scenario {_text(str(entry['name']))}</summary>"
        f"<pre><code>{_text(str(entry['text']))}</code></pre></details>"
        for entry in data.manifest.get("scenarios", [])
        if isinstance(entry, dict) and entry.get("text")
    ]
    return "\n".join(blocks)


def _citation(data: ReportData, title: str) -> str:
    world = data.manifest.get("world", {})
    year = str(data.manifest.get("started", ""))[:4] or "n.d."
    return (
        f"Penstock {data.manifest.get('penstock', '')} ({year}). {title}. World "
        f"{world.get('name', '')} as of "
        f"{world.get('as_of', '')}, hash {str(world.get('hash', ''))[:12]}; seed "
        f"{data.manifest.get('seed', '')}, "
        f"{data.paths:,} paths."
    )
