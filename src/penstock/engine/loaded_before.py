"""What all workers need, loaded by the process that they are copies of."""

from __future__ import annotations

import gc
from contextlib import suppress
from importlib import import_module

NEEDED = ("penstock.engine.ensemble", "penstock.engine.model", "pandas", "duckdb")

# what cannot be loaded is told by the worker that needs it
with suppress(Exception):
    for name in NEEDED:
        import_module(name)
# a search for garbage would write to pages that workers share
gc.collect()
gc.freeze()
