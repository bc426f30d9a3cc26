"""The first time on a machine: two processes compile the passes of the quarter, one from each end of the list.

Numba compiles a pass when its module is first loaded, in one thread, and keeps the machine code on disk. A second
process that loads the same modules in the opposite order halves the wait: what one has compiled the other reads.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

from penstock.arrays import chosen
from penstock.machine import usable_cores, without_collector
from penstock.passes import stored

MODULES = (
    "penstock.passes.normal",
    "penstock.layers.facilities.quarter",
    "penstock.layers.ai.quarter",
    "penstock.engine.checks",
    "penstock.engine.steps.drivers",
    "penstock.engine.steps.cascade",
    "penstock.engine.steps.order",
    "penstock.engine.steps.let",
    "penstock.engine.steps.serve",
    "penstock.engine.steps.spend",
    "penstock.money.clearing",
    "penstock.money.rating",
    "penstock.money.valuation",
    "penstock.money.failure",
    "penstock.engine.philox",
    "penstock.engine.steps.close",
    "penstock.conduct.investment",
    "penstock.engine.steps.fleets",
    "penstock.engine.steps.deliver",
    "penstock.engine.steps.earn",
    "penstock.money.covenants",
    "penstock.money.funding",
    "penstock.engine.steps.rounds",
    "penstock.engine.steps.fund",
    "penstock.conduct.rescue",
    "penstock.engine.steps.pairs",
    "penstock.engine.steps.estate",
    "penstock.money.bills",
    "penstock.engine.steps.settle",
    "penstock.engine.steps.failures",
    "penstock.engine.steps.mend",
    "penstock.engine.steps.payoff",
    "penstock.conduct.integration",
    "penstock.engine.steps.plan",
    "penstock.engine.steps.value",
    "penstock.engine.steps.want",
    "penstock.engine.tallies",
    "penstock.engine.trouble",
    "penstock.engine.claim_outcomes",
)
"""Modules with passes, in the order in which `penstock.engine.model` loads them (a test holds the list)."""

STORED_TOO = "penstock.money.network_kernels"
"""Passes that no quarter calls, but each report: stored with the others."""


@cache
def begin() -> subprocess.Popen[bytes] | None:
    """Start the second process where passes are to be compiled; once, and before a world is read where that can be."""
    if chosen() is not None or usable_cores() == 1 or not _is_to_compile():
        return None
    return _start_helper((STORED_TOO, *MODULES[::-1]))


def load_model() -> None:
    """Load the quarter; where its passes were not compiled yet, a second process begins at the end of the list."""
    if "penstock.engine.model" in sys.modules:
        return
    helper = begin()
    try:
        with without_collector():
            import_module("penstock.engine.model")
    finally:
        if helper is not None:
            _end(helper)
    if chosen() is None:
        from penstock.passes import storing

        import_module(STORED_TOO)
        storing.store_what_is_new()


def _is_to_compile() -> bool:
    """Whether passes are to be compiled: told by what is stored, where passes can be stored, without loading Numba."""
    return not stored.anything_stored() if stored.can_store() else _nothing_compiled()


def _nothing_compiled() -> bool:
    """Whether this process had to compile the first pass, which comes before all others."""
    from penstock.money import kernels

    first: Any = kernels.post
    return bool(first.stats.cache_misses)


def compiled_before() -> bool:
    """Whether machine code of passes is stored, so that other processes load the model in a moment."""
    return stored.anything_stored()


def _start_helper(modules: Sequence[str]) -> subprocess.Popen[bytes] | None:
    """A process that loads the modules, until it is through or the pipe from this process closes."""
    command = [sys.executable, "-m", __name__, *modules]
    try:
        helper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        # one process compiles all, in twice the time
        return None
    # a call that is refused before it loads the quarter leaves nothing behind either
    atexit.register(_end, helper)
    return helper


def _end(helper: subprocess.Popen[bytes]) -> None:
    """End the second process wherever it is, and wait until it is gone; again does nothing.

    Not by the pipe alone: a process forked since holds that open too.
    """
    helper.kill()
    helper.wait()
    if helper.stdin is not None:
        helper.stdin.close()


def _end_with_parent() -> None:
    """End this process when the pipe from the parent closes: the parent has loaded all, or was killed."""

    def watch() -> None:
        # not through Python's own buffer, whose lock would stand in the way of an end of this process
        os.read(0, 1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    _end_with_parent()
    for module in sys.argv[1:]:
        import_module(module)
