"""The smallest help that stops a default: on the run's own path, enough where it says so, and not with less."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.analysis.smallest_help import AMOUNTS_USD_BN, smallest_help
from penstock.engine.ensemble import simulate
from penstock.engine.run import Run
from penstock.errors import UsageError
from penstock.world import load_world

QUARTERS = 12


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out: Path = tmp_path_factory.mktemp("help") / "run"
    return simulate(load_world(), "lab_cannot_pay", paths=16, quarters=QUARTERS, out=out)


def test_what_is_given_is_enough_and_the_next_smaller_grant_is_not(run: Run) -> None:
    defaults = run.events[run.events["stage"] == "standstill"].sort_values(["path", "quarter"])
    later = defaults[defaults["quarter"] > "2026Q2"]
    assert len(later), "nobody defaults: nothing is tried"
    row = later.iloc[0]
    found = smallest_help(run, int(row["path"]), str(row["company_id"]))
    on_path = set(defaults.loc[defaults["path"] == row["path"], "company_id"].astype(str))
    assert found.defaults_without == len(on_path)
    assert found.given < found.default_quarter == row["quarter"]
    place = AMOUNTS_USD_BN.index(found.short_usd_bn)
    if found.amount_usd_bn is None:
        assert place == len(AMOUNTS_USD_BN) - 1
    else:
        assert found.amount_usd_bn == AMOUNTS_USD_BN[place + 1]
        assert found.company_id in found.spared
        assert found.defaults_with == found.defaults_without - len(found.spared) + len(found.instead)


def test_who_does_not_default_needs_no_help(run: Run) -> None:
    with pytest.raises(UsageError, match="found no default of 'microsoft' on path 0; expected one that defaults"):
        smallest_help(run, 0, "microsoft")
