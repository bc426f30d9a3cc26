"""Files of a run: what interrupts or breaks a read is told in Python's own errors."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pandas as pd
import pytest

from penstock.engine.storage import read_tables, write_table


def test_ctrl_c_in_a_read_is_an_interrupt(tmp_path: Path) -> None:
    """The database meets the signal in its own code and would call it a RuntimeError."""
    file = tmp_path / "table.parquet"
    write_table(file, pd.DataFrame({"number": range(1_000_000)}))
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        read_tables([file] * 500)
    timer.join()
    assert len(read_tables([file])) == 1_000_000


def test_a_missing_or_broken_file_is_an_os_error(tmp_path: Path) -> None:
    file = tmp_path / "table.parquet"
    with pytest.raises(OSError, match=r"table\.parquet"):
        read_tables([file])
    file.write_bytes(b"not a table")
    with pytest.raises(OSError, match=r"table\.parquet"):
        read_tables([file])
