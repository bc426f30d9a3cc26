"""What contracts fall due by quarter: spread over their term, with a ramp and a haircut."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_network import contract, tiny_inputs, tiny_universe, tiny_world

from penstock.engine.opening.contracts import chosen_contracts
from penstock.engine.opening.network import Network, build_network
from penstock.engine.opening.schedules import QUARTER_COLUMNS, due_path
from penstock.engine.rules import default_rules

assumed = default_rules().assumed


def test_an_amount_is_spread_over_its_term_with_a_ramp(network: Network) -> None:
    dues = network.schedules.set_index("contract_id").loc["rent", list(QUARTER_COLUMNS)].to_numpy(dtype=float)
    assert dues.sum() == pytest.approx(20.0, rel=0.01)
    assert (np.diff(dues[:8]) > 0).all()
    assert dues[12] == pytest.approx(dues[16])
    assert dues[30] == 0.0


def test_a_yearly_figure_is_reached_within_four_quarters(network: Network) -> None:
    dues = network.schedules.set_index("contract_id").loc["rent_more", list(QUARTER_COLUMNS)]
    assert float(dues["q0"]) == pytest.approx(0.1)
    mw = network.schedules.set_index("contract_id").loc["shell", list(QUARTER_COLUMNS)].to_numpy(dtype=float)
    rent = 100.0 * assumed("rent_usd_mn_per_mw_month") * 3.0 / 1000.0
    assert mw[0] == pytest.approx(rent * 0.5) and mw[4] == pytest.approx(rent)


def test_a_contract_without_money_power_or_dates_has_no_path() -> None:
    row = chosen_contracts(tiny_world((contract("x", "compute", "cloud", "lab"),))).loc["x"]
    assert due_path(tiny_world(), row) is None


def test_back_to_back_contracts_carry_one_haircut() -> None:
    rows = (
        contract("rents", "lease", "halls", "builder", annual_usd_bn=2.0, start="2025-01-01", end="2035-01-01"),
        contract("hope", "compute", "builder", "lab", amount_usd_bn=5.0, binding="intent"),
    )
    made = build_network(tiny_world(rows), tiny_universe(), tiny_inputs()).schedules.set_index("contract_id")
    assert made.loc["hope", "binding"] == "firm"
    assert float(made.loc["hope", "q8"]) == pytest.approx(
        assumed("back_to_back_margin") * float(made.loc["rents", "q8"])
    )
