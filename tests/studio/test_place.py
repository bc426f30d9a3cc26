"""Names from a browser never lead out of the workspace, and what is handed in never runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from running import awaited

from penstock.errors import InputError, UsageError
from penstock.studio.place import Place
from penstock.studio.uploads import KEEP_FILES, keep_upload

TRAVERSALS = [
    "..",
    "../secret",
    "a/../../secret",
    "/etc",
    "runs/../..",
    "a\\..\\b",
    "",
    ".",
    ".hidden",
    "a\x00b",
    "x" * 300,
]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "runs" / "real").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret.csv").write_text("x")
    return Place(tmp_path)


def test_a_run_has_a_name(place: Place) -> None:
    assert place.run_directory("real") == place.runs / "real"


def test_an_opened_run_and_its_figures_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import penstock as ps
    from penstock.report import source

    ps.simulate(ps.load_world(), "baseline", paths=2, quarters=2, out=tmp_path / "runs" / "tiny")
    place, read = Place(tmp_path), []
    whole = source.read_run
    monkeypatch.setattr(source, "read_run", lambda run: read.append(run) or whole(run))
    first = place.opened("tiny")
    assert place.opened("tiny") is first
    assert first.data is first.data
    assert read == [first.run]
    assert place.open_run("tiny") is first.run


@pytest.mark.parametrize("name", TRAVERSALS)
def test_no_name_leads_out_of_the_runs(place: Place, name: str) -> None:
    with pytest.raises(UsageError, match=r"expected the name of a run"):
        place.run_directory(name)


def test_a_link_among_the_runs_is_not_followed(place: Place) -> None:
    (place.runs / "link").symlink_to(place.workspace / "secret")
    with pytest.raises(UsageError, match="a link that leads elsewhere"):
        place.run_directory("link")


@pytest.mark.parametrize("name", [*TRAVERSALS, "../../secret", "0" * 31, "g" * 32])
def test_no_name_leads_out_of_the_uploads(place: Place, name: str) -> None:
    with pytest.raises(UsageError, match="expected the name that the upload gave"):
        place.upload(name)


def test_python_of_a_chart_loads_the_world_that_is_shown(tmp_path: Path) -> None:
    own = tmp_path / "mine" / "overlay"
    own.mkdir(parents=True)
    (tmp_path / "ws").mkdir()
    assert Place(tmp_path / "ws").python == "ps.load_world('ai-2025')"
    assert Place(tmp_path / "ws").bundled
    laid_over = Place(tmp_path / "ws", overlay=str(own), as_of="2025-06-30")
    assert laid_over.python == "ps.load_world('ai-2025', as_of='2025-06-30', overlay='../mine/overlay')"
    assert not laid_over.bundled


async def _chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def test_what_is_handed_in_keeps_its_bytes_under_a_name_of_ours(place: Place) -> None:
    name, size = awaited(keep_upload(place, _chunks(b"company,", b"instrument,amount\n")))
    assert place.upload(name).read_bytes() == b"company,instrument,amount\n"
    assert size == 26
    assert [file.name for file in place.uploads.iterdir()] == [f"{name}.csv"]


@pytest.mark.parametrize(
    "head", [b"PK\x03\x04rest", b"\x1f\x8brest", b"BZh91", b"\xfd7zXZ\x00", b"7z\xbc\xaf\x27", b"\x28\xb5\x2f\xfd"]
)
def test_a_packed_file_is_refused_and_leaves_nothing(place: Place, head: bytes) -> None:
    with pytest.raises(InputError, match="expected a CSV file in plain text"):
        awaited(keep_upload(place, _chunks(head[:2], head[2:], bytes(1000))))
    assert list(place.uploads.iterdir()) == []


def test_an_empty_file_is_refused(place: Place) -> None:
    with pytest.raises(InputError, match="found an empty file"):
        awaited(keep_upload(place, _chunks(b"")))


def test_old_files_are_forgotten(place: Place) -> None:
    for _ in range(KEEP_FILES + 3):
        awaited(keep_upload(place, _chunks(b"a")))
    assert len(list(place.uploads.glob("*.csv"))) == KEEP_FILES
