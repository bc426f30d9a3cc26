"""Books of exposures and networks, spoiled: each is read, or refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from spoiling import ROOT, holds_out

from penstock.analysis.currencies import Rate
from penstock.analysis.exposures import read_exposures
from penstock.analysis.network_tables import network_from
from penstock.cli.network_files import read_text_table
from penstock.world import load_world


def test_exposures() -> None:
    companies = load_world().table("companies")
    known = set(companies["id"])
    rates = {code: Rate(code, usd, "given", "F") for code, usd in (("USD", 1.0), ("EUR", 1.1))}
    whole = (ROOT / "examples" / "exposures.csv").read_bytes()
    holds_out(lambda file: read_exposures(file, companies, known, rates), whole, "book.csv")


@pytest.mark.parametrize("spoil", ["ties", "balances"])
def test_networks(spoil: str, tmp_path: Path) -> None:
    sound = {
        "ties": b"debtor,creditor,amount,seniority\na,b,10,0\nb,c,5.5,1\nc,a,2,0\n",
        "balances": b"id,external_assets,external_liabilities,volatility\na,20,3,0.4\nb,12,1,0.3\nc,30,2,0.2\n",
    }
    for name, data in sound.items():
        (tmp_path / f"{name}.csv").write_bytes(data)

    def load(spoiled_file: Path) -> None:
        (tmp_path / f"{spoil}.csv").write_bytes(spoiled_file.read_bytes())
        network_from(read_text_table(tmp_path / "ties.csv"), read_text_table(tmp_path / "balances.csv"))

    holds_out(load, sound[spoil], f"{spoil}.csv")
