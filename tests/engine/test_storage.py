"""Files of a run: what interrupts or breaks a read is told in Python's own errors."""

from __future__ import annotations

import signal
import subprocess
import sys
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


@pytest.mark.skipif(sys.platform != "linux", reason="the system lists threads elsewhere")
def test_files_are_written_and_read_by_no_thread_but_the_callers(tmp_path: Path) -> None:
    """Idle threads of the database give the process's memory back, which the engine's next block would miss."""
    code = (
        "import os, sys; from pathlib import Path; import pandas as pd\n"
        "from penstock.engine.storage import prepare_to_write, read_tables, write_table\n"
        "file, threads = Path(sys.argv[1]), lambda: len(os.listdir('/proc/self/task'))\n"
        "before = threads(); prepare_to_write()\n"
        "write_table(file, pd.DataFrame({'number': range(100_000)})); read_tables([file, file])\n"
        "print(threads() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "table.parquet"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"
