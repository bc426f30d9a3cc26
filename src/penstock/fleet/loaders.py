"""Reading traces: Azure LLM 2023 and 2024, BurstGPT, Mooncake, logs of an OpenAI-compatible server, own columns.

The format is told by the columns. Rows that are out of order in the file are an error, as are negative tokens:
nothing is repaired in silence. BurstGPT and Azure 2024 follow their published column descriptions.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import InputError
from penstock.fleet.prefix import shared_beginnings
from penstock.fleet.trace import Trace, make_trace
from penstock.world.defects import shown
from penstock.world.packed import unpacked

AZURE = "Azure/AzurePublicDataset, CC-BY 4.0; P. Patel et al., Splitwise, ISCA 2024"
BURSTGPT = "HPMLL/BurstGPT, CC-BY 4.0; Y. Wang et al., BurstGPT, KDD 2025"
MOONCAKE = "kvcache-ai/Mooncake, Apache-2.0; R. Qin et al., Mooncake, FAST 2025"
MOONCAKE_BLOCK_TOKENS = 512
MOST_SHOWN = 200
"""letters of a header in a message"""
MAX_BYTES = 2_000_000_000
"""of text, unpacked"""

FORMATS = {
    "azure": ("TIMESTAMP", "ContextTokens", "GeneratedTokens"),
    "burstgpt": ("Timestamp", "Model", "Request tokens", "Response tokens"),
    "mooncake": ("timestamp", "input_length", "output_length"),
    "openai": ("created", "model", "prompt_tokens", "completion_tokens"),
    "penstock": ("arrival_s", "input_tokens", "output_tokens"),
}
"""Columns by which a format is known; further ones are read where they exist."""


def load_trace(source: str | Path) -> Trace:
    """A trace from a file: CSV or JSON lines, plain or gzipped.

    Raises InputError when the file cannot be read, its columns are of no known format, or a row cannot be.
    """
    path = Path(source)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: trace: found {error.strerror or error}; expected a file that can be read") from None
    try:
        text = unpacked(raw, f"{path}: trace", MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: trace: found no text; expected CSV or JSON lines, gzipped or not") from None
    lines = text.lstrip()
    if lines.startswith("{"):
        return from_columns(_json_lines(path.name, text), name=path.name, first_row=1)
    return from_columns(_csv(path.name, text), name=path.name, first_row=2)


def from_columns(columns: Mapping[str, Any], *, name: str = "trace", first_row: int = 1) -> Trace:
    """A trace from named columns in any of the known formats.

    Raises InputError as `load_trace`.
    """
    format_ = next((f for f, wanted in FORMATS.items() if all(c in columns for c in wanted)), None)
    if format_ is None:
        known = "; ".join(f"{f}: {', '.join(wanted)}" for f, wanted in FORMATS.items())
        found = ", ".join(columns)[:MOST_SHOWN]
        raise InputError(f"{name}: columns: found {found}; expected those of one format ({known})")
    read = {"azure": _azure, "burstgpt": _burstgpt, "mooncake": _mooncake, "openai": _openai, "penstock": _penstock}
    return read[format_](columns, name, first_row)


def _azure(columns: Mapping[str, Any], name: str, first_row: int) -> Trace:
    times = np.array(
        [_instant(name, first_row + k, "TIMESTAMP", value) for k, value in enumerate(columns["TIMESTAMP"])]
    )
    return make_trace(
        times - times[0] if len(times) else times,
        _floats(name, "ContextTokens", columns["ContextTokens"], first_row),
        _floats(name, "GeneratedTokens", columns["GeneratedTokens"], first_row),
        name=name,
        source=AZURE,
        first_row=first_row,
    )


def _burstgpt(columns: Mapping[str, Any], name: str, first_row: int) -> Trace:
    """Rows with no response are failures of the service in the data set; they are left out and counted in the notes."""
    out = _floats(name, "Response tokens", columns["Response tokens"], first_row)
    times = _floats(name, "Timestamp", columns["Timestamp"], first_row)
    inputs = _floats(name, "Request tokens", columns["Request tokens"], first_row)
    kept = out != 0
    model = np.asarray(columns["Model"], dtype=str)[kept]
    kinds = columns.get("Log Type")
    left = int((~kept).sum())
    return make_trace(
        times[kept] - (times[kept][0] if kept.any() else 0.0),
        inputs[kept],
        out[kept],
        model=list(model),
        tenant=None if kinds is None else list(np.asarray(kinds, dtype=str)[kept]),
        name=name,
        source=BURSTGPT,
        first_row=first_row,
        notes=(f"{left} rows without a response left out",) if left else (),
    )


def _mooncake(columns: Mapping[str, Any], name: str, first_row: int) -> Trace:
    times = _floats(name, "timestamp", columns["timestamp"], first_row) / 1000.0
    tokens = _floats(name, "input_length", columns["input_length"], first_row)
    blocks = columns.get("hash_ids")
    prefix = shared = None
    if blocks is not None:
        prefix, shared = shared_beginnings(blocks, tokens.astype(np.int64), MOONCAKE_BLOCK_TOKENS)
    return make_trace(
        times - times[0] if len(times) else times,
        tokens,
        _floats(name, "output_length", columns["output_length"], first_row),
        prefix=prefix,
        shareable_tokens=shared,
        blocks=blocks,
        name=name,
        source=MOONCAKE,
        first_row=first_row,
    )


def _openai(columns: Mapping[str, Any], name: str, first_row: int) -> Trace:
    times = np.array([_instant(name, first_row + k, "created", value) for k, value in enumerate(columns["created"])])
    users = columns.get("user")
    return make_trace(
        times - times[0] if len(times) else times,
        _floats(name, "prompt_tokens", columns["prompt_tokens"], first_row),
        _floats(name, "completion_tokens", columns["completion_tokens"], first_row),
        model=[str(m) for m in columns["model"]],
        tenant=None if users is None else [str(u) or "unnamed" for u in users],
        name=name,
        source="log of an OpenAI-compatible server",
        first_row=first_row,
    )


def _penstock(columns: Mapping[str, Any], name: str, first_row: int) -> Trace:
    optional = {c: columns[c] for c in ("tenant", "model", "prefix", "shareable_tokens") if c in columns}
    for c in ("tenant", "model"):
        if c in optional:
            optional[c] = [str(v) for v in optional[c]]
    for c in ("prefix", "shareable_tokens"):
        if c in optional:
            optional[c] = _floats(name, c, optional[c], first_row)
    return make_trace(
        _floats(name, "arrival_s", columns["arrival_s"], first_row),
        _floats(name, "input_tokens", columns["input_tokens"], first_row),
        _floats(name, "output_tokens", columns["output_tokens"], first_row),
        name=name,
        first_row=first_row,
        **optional,
    )


def _csv(name: str, text: str) -> dict[str, Sequence[Any]]:
    header = text.split("\n", 1)[0]
    delimiter = ";" if ";" in header and "," not in header else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows = list(reader)
    except csv.Error as error:
        where = f"{name}:{reader.line_num}: row"
        raise InputError(f"{where}: found text that cannot be split ({error}); expected cells") from None
    if not rows:
        raise InputError(f"{name}: trace: found an empty file; expected a header and rows")
    columns = [c.strip() for c in rows[0]]
    for k, row in enumerate(rows[1:], 2):
        if row and len(row) != len(columns):
            raise InputError(f"{name}:{k}: row: found {len(row)} fields; expected {len(columns)}")
    body = [row for row in rows[1:] if row]
    return {c: [row[k] for row in body] for k, c in enumerate(columns)}


def _json_lines(name: str, text: str) -> dict[str, Sequence[Any]]:
    """Lines of objects; `usage` of an OpenAI response is opened into its fields."""
    rows: list[dict[str, Any]] = []
    for k, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{name}:{k}: row: found {error.msg}; expected one JSON object") from None
        except (RecursionError, ValueError):
            raise InputError(
                f"{name}:{k}: row: found too deep a nesting or too long a number; expected one JSON object"
            ) from None
        if not isinstance(row, dict):
            raise InputError(f"{name}:{k}: row: found {type(row).__name__}; expected one JSON object")
        usage = row.pop("usage", None)
        rows.append(row | (usage if isinstance(usage, dict) else {}))
    keys = list(dict.fromkeys(key for row in rows for key in row))
    whole = [key for key in keys if all(key in row for row in rows)]
    optional = [key for key in keys if key in ("user", "tenant") and key not in whole]
    return {key: [row.get(key, "") for row in rows] for key in whole + optional}


def _floats(name: str, column: str, values: Any, first_row: int) -> Any:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        for k, value in enumerate(values):
            try:
                float(value)
            except (TypeError, ValueError):
                raise InputError(
                    f"{name}:{first_row + k}: {column}: found {shown(str(value))}; expected a number"
                ) from None
        raise


def _instant(name: str, row: int, column: str, value: Any) -> float:
    """Seconds since 1970 of a time stamp (UTC where it names no zone), or the number given."""
    try:
        return float(value)
    except (TypeError, ValueError):
        pass
    try:
        text = str(value).strip()
        # seven digits of a second (.NET): one more than Python reads
        head, _, fraction = text.partition(".")
        zone = fraction.lstrip("0123456789")
        digits = fraction[: len(fraction) - len(zone)]
        moment = dt.datetime.fromisoformat(head + zone)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return moment.timestamp() + (float(f"0.{digits}") if digits else 0.0)
    except ValueError:
        raise InputError(f"{name}:{row}: {column}: found {shown(str(value))}; expected a date and time") from None
