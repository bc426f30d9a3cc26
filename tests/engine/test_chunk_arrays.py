"""Arrays of a chunk on disk: the bytes of `numpy.save` from where they lie, read again part by part."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.engine import checkpoints
from penstock.engine.bands import ChunkArrays
from penstock.engine.chunks import Chunk

CHUNK = Chunk("baseline", 0, 0, 3)


@given(
    shape=st.tuples(*[st.integers(1, 4)] * 4),
    skip=st.integers(0, 2),
    piece_bytes=st.sampled_from([1, 64, 2**18]),
)
def test_a_file_has_the_bytes_of_numpy_save_however_the_parts_lie(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, ...], skip: int, piece_bytes: int
) -> None:
    parts, quarters, firms, paths = shape
    block = np.random.default_rng(sum(shape)).random((quarters, parts, firms, paths + skip)).astype(np.float32)
    company = tuple(block[:, number, :, skip:] for number in range(parts))
    flows = np.asarray(block, np.float64)
    arrays = ChunkArrays(company, tuple(part[:, 0].astype(np.float64) for part in company), flows)
    place = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "PIECE_BYTES", piece_bytes)
        record = checkpoints.save_chunk(place, CHUNK, dict, arrays, {})
    for name in checkpoints.ARRAYS:
        expected = io.BytesIO()
        np.save(expected, np.stack(list(getattr(arrays, name))))
        assert checkpoints._array_file(place, CHUNK, name).read_bytes() == expected.getvalue()
    assert checkpoints.finished_chunk(place, CHUNK) == record
    again = checkpoints.load_arrays(place, CHUNK)
    for read, written in ((again.company, company), (again.economy, arrays.economy), (again.flows, flows)):
        assert len(read) == len(written)
        assert all(np.array_equal(one, other) for one, other in zip(read, written, strict=True))


def test_an_array_of_objects_is_not_read(tmp_path: Path) -> None:
    numbers = np.zeros((1, 2, 3))
    checkpoints.save_chunk(tmp_path, CHUNK, dict, ChunkArrays(numbers, numbers, numbers), {})
    np.save(checkpoints._array_file(tmp_path, CHUNK, "company"), np.array([[None]]), allow_pickle=True)
    with pytest.raises(ValueError, match="found objects; expected numbers"):
        checkpoints.load_arrays(tmp_path, CHUNK)
    assert checkpoints.finished_chunk(tmp_path, CHUNK) is None
