"""R1, R2, R19: waiting and pooling."""

from __future__ import annotations

import numpy as np
import pandas as pd
from tools.physics.case import Case, Kind, Mark
from tools.physics.page import ROOT

from penstock.layers.platform import erlang_b, erlang_c, max_utilisation, mean_wait, pooling
from penstock.layers.platform.queues import max_utilisation_mean_wait, max_utilisation_quantile

TITLE = "Queues and pooling"
WINDOWS = ROOT / "tests" / "data" / "trace_windows_10s.csv"
PAIRS = ((1, 0.5), (2, 1.0), (3, 2.0), (10, 8.0), (50, 45.0), (100, 90.0), (200, 180.0))
WAITS = (0.5, 0.333333, 0.444444, 0.409180, 0.363864, 0.216940, 0.094471)
LOSSES = (0.333333, 0.2, 0.210526, 0.121661, 0.054104, 0.026957, 0.010325)
ERLANG = "Erlang's formulas (1917), evaluated to six digits"
POOL = "Azure conversation trace 2023 (CC-BY 4.0, Splitwise, ISCA 2024), windows of 10 s, copies at random shifts"
UTILISATION = "M/M/c solved for the largest load"
TENANTS = (1, 4, 16, 64, 256)
POOL_CV = (0.225, 0.109, 0.057, 0.029, 0.014)
POOL_P99 = (1.53, 1.24, 1.13, 1.06, 1.03)
SLOTS = (4, 16, 32, 128, 256, 1024)
AT_WAIT = (0.526, 0.747, 0.819, 0.908, 0.934, 0.967)
AT_MEAN = (0.518, 0.804, 0.880, 0.959, 0.976, 0.993)
AT_P95 = (0.469, 0.787, 0.876, 0.962, 0.980, 0.995)
AT_P99 = (0.222, 0.550, 0.682, 0.859, 0.912, 0.969)


def cases() -> list[Case]:
    """Erlang's figures, largest use of slots, and the pooling law on a trace."""
    found = []
    for (servers, load), waits, lost in zip(PAIRS, WAITS, LOSSES, strict=True):
        where = f"{servers} servers at load {load:g}"
        wait = float(erlang_c(servers, load))
        found.append(Case("R1", f"share that waits, {where}", "", waits, wait, 1e-6, Mark.EXACT, ERLANG, Kind.ABSOLUTE))
        found.append(
            Case(
                "R1",
                f"mean wait, {where}",
                "service times",
                wait / (servers - load),
                float(mean_wait(servers, load)),
                1e-9,
                Mark.EXACT,
                "mean wait of M/M/c is C / (c - a)",
            )
        )
        lost_now = float(erlang_b(servers, load))
        found.append(Case("R2", f"share lost, {where}", "", lost, lost_now, 1e-6, Mark.EXACT, ERLANG, Kind.ABSOLUTE))
    return found + _utilisation() + _pooling() + _trace()


def _utilisation() -> list[Case]:
    rules = (
        ("a fifth wait", AT_WAIT, max_utilisation(np.array(SLOTS), 0.2)),
        ("mean wait a tenth of service", AT_MEAN, max_utilisation_mean_wait(np.array(SLOTS), 0.1)),
        ("p95 wait half of service", AT_P95, max_utilisation_quantile(np.array(SLOTS), 0.5, 0.95)),
        ("p99 wait a tenth of service", AT_P99, max_utilisation_quantile(np.array(SLOTS), 0.1, 0.99)),
    )
    return [
        Case(
            "R1",
            f"largest use of {slots} slots, {name}",
            "",
            told,
            float(value),
            6e-4,
            Mark.EXACT,
            UTILISATION,
            Kind.ABSOLUTE,
        )
        for name, seen, given in rules
        for slots, told, value in zip(SLOTS, seen, given, strict=True)
    ]


def _pooling() -> list[Case]:
    law = pooling(POOL_CV[0], 0.0, np.array(TENANTS), 0.99)
    found = []
    for at, tenants in enumerate(TENANTS):
        seen = Mark.CONSISTENCY if at == 0 else Mark.PREDICTION
        told = (POOL_CV[at], POOL_P99[at])
        who = "1 tenant" if tenants == 1 else f"{tenants} tenants"
        cv, p99 = float(law.cv[at]), float(law.peak_ratio[at])
        found.append(Case("R19", f"variation of {who}", "", told[0], cv, 0.08, seen, POOL))
        found.append(Case("R19", f"p99 over mean of {who}", "", told[1], p99, 0.08, Mark.PREDICTION, POOL))
    return found


def _trace() -> list[Case]:
    """The law against copies of the committed windows, output tokens, shifted at random (seed 7)."""
    frame = pd.read_csv(WINDOWS)
    work = frame.loc[frame["trace"] == "azure_llm_2023_conv", "output_tokens"].to_numpy(dtype=float)[:-1]
    own = float(work.std() / work.mean())
    random = np.random.default_rng(7)
    found = []
    for tenants in (4, 16, 64):
        pools = [
            np.mean([np.roll(work, shift) for shift in random.integers(0, len(work), tenants)], axis=0)
            for _ in range(50)
        ]
        seen = float(np.mean([pool.std() / pool.mean() for pool in pools]))
        peak = float(np.mean([np.quantile(pool, 0.99) / pool.mean() for pool in pools]))
        law = pooling(own, 0.0, tenants, 0.99)
        where = f"{tenants} shifted copies of the committed windows"
        found.append(Case("R19", f"variation, {where}", "", seen, float(law.cv), 0.08, Mark.PREDICTION, POOL))
        found.append(
            Case("R19", f"p99 over mean, {where}", "", peak, float(law.peak_ratio), 0.08, Mark.PREDICTION, POOL)
        )
    return found


def text() -> str:
    """Where the law is off."""
    return (
        "The law takes work rates as log-normal and tenants as independent. It asks for a little more than the trace, "
        "most for a single tenant, whose bursts are thinner in the tail than a log-normal."
    )
