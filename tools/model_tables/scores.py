"""Scores against history, as a table of a page and as the file that the studio shows."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from tools.model_tables.markdown import DOCS, SOURCE, rows_of, table

VALIDATION = DOCS / "validation"
AI_COLUMNS = ("in_50", "in_80", "in_95")
TOTALS = ("margins", "series", *AI_COLUMNS, "width", "random_walk", "damped_trend", "arima")
SERIES = ("name", "points", *AI_COLUMNS, "error", "width", "random_walk", "damped_trend", "arima")
POINTS = ("series", "date", "unit", "observed", "median", "interval", "log_difference")
FACTS = ("fact", "part", "accepted", "median", "low", "high", "share_in_band", "hit", "hit_without_ties", "fact_hit")


def telecom_score() -> str:
    """The last score of the telecom back-test, as `penstock backtest telecom --format csv` wrote it."""
    body, seen = [], ""
    for row in rows_of(DOCS / "validation" / "telecom_score.csv"):
        told = row["median"] != ""
        numbers = [f"{float(row[name]):.4g}" if told else "" for name in ("median", "low", "high")]
        share = f"{100 * float(row['share_in_band']):.0f} %"
        met = ["yes" if row[name] == "True" else "no" for name in ("hit", "hit_without_ties")]
        first = row["fact"] if row["fact"] != seen else ""
        seen = row["fact"]
        part = row["part"].replace("_", " ")
        body.append((first, part, row["accepted"], numbers[0], " to ".join(numbers[1:]) if told else "", share, *met))
    header = ("fact", "part", "accepted", "median", "80 % of paths", "in band", "met", "with ties cut")
    return table(header, body, right=(3,))


def scores() -> str:
    """Scores against history as the validation pages tell them, with date and commit of their rows of the log."""
    page = (VALIDATION / "backtest-ai.md").read_text(encoding="utf-8")
    start = re.search(r"# Backtest on the AI build-out from (\S+)", page)
    if start is None:
        raise ValueError("backtest-ai.md: found no heading; expected that of `penstock backtest ai --out`")
    log = rows_of(VALIDATION / "score_log.csv")
    ai = [row for row in log if row["reason"].startswith(f"backtest ai --from {start[1]}, fitted")][-1]
    telecom = [row for row in log if "facts hit" in row["figures"] and "--prior" not in row["reason"]][-1]
    wanted = re.findall(r"- Wanted: (.+)\. Found: (\S+(?: %)?), (held|missed)\.", page)
    points = table_of(page, "Points", POINTS)
    for point in points:
        point["low"], point["high"] = (number(text) for text in str(point.pop("interval")).split(" to "))
    told = {
        "ai": {
            "start": start[1],
            "date": ai["date"],
            "commit": ai["commit"],
            "totals": table_of(page, "Result", TOTALS),
            "wanted": [{"what": what, "found": found, "held": held == "held"} for what, found, held in wanted],
            "series": table_of(page, "Series", SERIES),
            "horizon": table_of(page, "By horizon", SERIES),
            "points": points,
        },
        "telecom": {"date": telecom["date"], "commit": telecom["commit"], "parts": telecom_parts()},
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def telecom_parts() -> list[dict[str, Any]]:
    """A row a part of a fact, with what it measures."""
    notes = {
        (row["fact"], row["part"]): row["note"] for row in rows_of(SOURCE / "analysis/outcomes/telecom_1999/facts.csv")
    }
    out = []
    for row in rows_of(VALIDATION / "telecom_score.csv"):
        kept: dict[str, Any] = {name: row[name] for name in FACTS}
        for name in ("median", "low", "high", "share_in_band"):
            kept[name] = number(row[name])
        for name in ("hit", "hit_without_ties", "fact_hit"):
            kept[name] = row[name] == "True"
        out.append({**kept, "note": notes[row["fact"], row["part"]]})
    return out


def table_of(page: str, heading: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of the first table under a heading of a page, their cells by these names."""
    part = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [{name: number(text) for name, text in zip(names, row, strict=True)} for row in cells]


def number(text: str) -> Any:
    """A number where the text is one, a share where it is per cent, None where it is empty, else the text."""
    bare = text.replace(",", "")
    try:
        return round(float(bare.removesuffix(" %")) / 100.0, 6) if bare.endswith(" %") else float(bare)
    except ValueError:
        return text or None
