"""Write a world to disk whole: as a folder of the same schema, or as one JSON file."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import tempfile
from pathlib import Path

from penstock.errors import OutputError
from penstock.world.descriptor import descriptor_text
from penstock.world.frames import build_frames, to_csv
from penstock.world.loading import DESCRIPTOR, PAST, find_folder, folder_as_of, load_world, read_checked
from penstock.world.model import World
from penstock.world.rules import FOLDER, read_rules, rule_text
from penstock.world.schema import SCHEMA


def export_folder(world: World, out: Path, label: str | None = None) -> list[Path]:
    """The world, overlay in, as CSV files and `datapackage.json` in a new or empty folder.

    Every row is written, those not in force too; the as-of date is in the descriptor. Loading the folder
    gives a world of the same hash.

    Raises:
        OutputError: the folder holds something, or cannot be written.
    """
    texts = {
        table.file: to_csv(table, world.every_row(key))
        for key, table in SCHEMA.items()
        if table.required or len(world.every_row(key))
    }
    texts |= {f"{FOLDER}/{name}.csv": rule_text(frame) for name, frame in world.rules.items()}
    return _write_folder(out, texts, label or world.name, world.as_of)


def export_json(world: World, out: Path) -> Path:
    """The world as one JSON file: name, as_of, hash and every table as a list of records (null = unknown).

    Raises:
        OutputError: the file exists, or cannot be written.
    """
    if out.exists():
        raise OutputError(f"--out: found {str(out)!r}, which exists; expected a new file")
    tables = {}
    for name in SCHEMA:
        frame = world.every_row(name).astype("object")
        tables[name] = frame.where(frame.notna(), None).to_dict(orient="records")
    document = {"name": world.name, "as_of": world.as_of.isoformat(), "hash": world.hash, "tables": tables}
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    temporary = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(out)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(_refused(out, error)) from None
    return out


def new_world(out: Path, source: str | Path = "ai-2025") -> list[Path]:
    """A copy of a world's files in a new or empty folder, to be changed there.

    Raises:
        OutputError: the folder holds something, or cannot be written.
        UsageError, InputError: the world to copy is unknown or has defects.
    """
    refuse_full(out)
    if str(source) in PAST:
        return export_folder(load_world(source), out, label=out.resolve().name)
    folder = find_folder(source)
    raw = read_checked(folder)
    if raw.messages:  # another separator or a byte order mark: the copy is written as the schema has it
        frames = build_frames(raw)
        texts = {SCHEMA[name].file: to_csv(SCHEMA[name], frame) for name, frame in frames.items()}
    else:
        texts = {SCHEMA[name].file: _text_of(folder / SCHEMA[name].file) for name in raw.tables}
    as_of = folder_as_of(folder)
    texts |= {f"{FOLDER}/{name}.csv": rule_text(frame) for name, frame in read_rules(folder, as_of).items()}
    return _write_folder(out, texts, out.resolve().name, as_of)


def refuse_full(out: Path) -> None:
    """Refuse a place that is a file or a folder with something in it.

    Raises:
        OutputError: it is.
    """
    if out.is_dir():
        try:
            held = min(out.iterdir(), default=None)
        except OSError as error:
            raise OutputError(_refused(out, error)) from None
        if held is not None:
            raise OutputError(f"{out}: found a folder that holds {held.name!r}; expected a new or empty one")
    elif out.exists():
        raise OutputError(f"{out}: found a file; expected a new or empty folder")


def _write_folder(out: Path, texts: dict[str, str], name: str, as_of: dt.date) -> list[Path]:
    refuse_full(out)
    # written beside and moved in one step, so that nothing half-written is left behind
    scratch: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        scratch.chmod(0o755)
        for file, text in texts.items():
            (scratch / file).parent.mkdir(exist_ok=True)
            (scratch / file).write_text(text, encoding="utf-8", newline="")
        descriptor = descriptor_text(scratch, name, as_of)
        (scratch / DESCRIPTOR).write_text(descriptor, encoding="utf-8")
        if out.is_dir():
            out.rmdir()
        scratch.replace(out)
    except OSError as error:
        raise OutputError(_refused(out, error)) from None
    finally:
        if scratch is not None and scratch.exists():
            shutil.rmtree(scratch)
    return [out / file for file in [*texts, DESCRIPTOR]]


def _text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def _refused(out: Path, error: OSError) -> str:
    return f"{out}: found a place that cannot be written ({error.strerror}); expected a writable one"
