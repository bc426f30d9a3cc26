"""The built front end: what is committed is what its sources build, small, and asks for nothing outside."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "studio-web"
STATIC = ROOT / "src" / "penstock" / "studio" / "static"
LIMIT_BYTES = 1_000_000


def test_it_is_under_a_megabyte_packed() -> None:
    packed = sum(len(gzip.compress(file.read_bytes())) for file in STATIC.rglob("*") if file.is_file())
    assert packed < LIMIT_BYTES


def test_it_names_no_address_that_a_page_would_load() -> None:
    for file in _files(STATIC):
        text = file.read_text(encoding="utf-8")
        for found in re.findall(r"""(?:src|href)=["'](https?:[^"']*)|url\(["']?(https?:[^)"']*)""", text):
            pytest.fail(f"{file.name}: {found}")
        assert "eval(" not in text.replace(".eval(", ""), file.name


def test_its_sources_build_it_again_byte_for_byte(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    missing = None if npm else "found no npm; expected Node 20 or later to rebuild the studio's bundle"
    if npm and not (SOURCE / "node_modules").is_dir():
        if os.environ.get("PENSTOCK_STRICT") == "1":
            subprocess.run([npm, "ci", "--ignore-scripts"], cwd=SOURCE, check=True, capture_output=True)
        else:
            missing = "found no studio-web/node_modules; expected `npm ci --ignore-scripts` in studio-web before"
    if missing:
        if os.environ.get("PENSTOCK_STRICT") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    environment = {**os.environ, "STUDIO_OUT": str(tmp_path / "static")}
    subprocess.run([str(npm), "run", "build"], cwd=SOURCE, check=True, capture_output=True, env=environment)
    built = {file.relative_to(tmp_path / "static"): file.read_bytes() for file in _files(tmp_path / "static")}
    kept = {file.relative_to(STATIC): file.read_bytes() for file in _files(STATIC)}
    assert sorted(built) == sorted(kept)
    unlike = [str(name) for name in kept if kept[name] != built[name]]
    assert unlike == [], "run `npm run build` in studio-web and commit what it writes"


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]
