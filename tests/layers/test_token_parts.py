"""Splits of the price of a token add up to what is split, and no dearer input makes a part cheaper."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.layers.token_parts import chip_bill, generation_usd_per_mwh, repaid, system_parts

BILL = {
    "wafer_usd": 18_000.0, "dies_per_wafer": 63.5, "saleable": 0.85, "dies": 2.0, "memory_gb": 192.0,
    "memory_usd_per_gb": 15.0, "packaging_usd_per_wafer": 16_000.0, "packages_per_wafer": 16.0,
    "good_packages": 0.95, "other_share": 0.45,
}  # fmt: skip
MARGINS = {
    "tools_share": 0.18, "foundry_margin": 0.6, "memory_margin": 0.62, "packaging_margin": 0.45,
    "server_margin": 0.06, "network_margin": 0.6,
}  # fmt: skip
SHARE = st.floats(0.0, 0.8)


def test_a_bill_by_hand() -> None:
    bill = chip_bill(**BILL)
    assert bill.wafers == pytest.approx(18_000 * 2 / (63.5 * 0.85))
    assert bill.memory == 2880.0
    assert bill.packaging == pytest.approx(16_000 / 15.2)
    assert bill.cost == pytest.approx(1.45 * (bill.wafers + bill.memory + bill.packaging))


@given(st.floats(0.0, 1e5), st.floats(0.0, 1e5), st.floats(0.0, 1e5), SHARE, SHARE, SHARE, SHARE)
def test_costs_and_margins_of_a_system_add_up_to_its_price(
    accelerator: float, server: float, network: float, foundry: float, memory: float, packaging: float, other: float
) -> None:
    bill = chip_bill(**BILL)
    margins = {**MARGINS, "foundry_margin": foundry, "memory_margin": memory, "packaging_margin": packaging}
    parts = system_parts(bill, accelerator, server, network, **{**margins, "network_margin": other})
    assert sum(parts.values()) == pytest.approx(accelerator + server + network, rel=1e-9, abs=1e-6)
    silicon = ("tools", "wafers", "foundry margin", "memory", "memory margin", "packaging", "packaging margin")
    assert sum(parts[name] for name in (*silicon, "other parts")) == pytest.approx(bill.cost, rel=1e-9)


@given(st.sampled_from(sorted(BILL)), st.floats(1.01, 1.5))
def test_a_chip_costs_more_with_dearer_inputs_and_less_with_better_yield(name: str, factor: float) -> None:
    changed = chip_bill(**{**BILL, name: BILL[name] * factor}).cost
    better = name in ("dies_per_wafer", "saleable", "packages_per_wafer", "good_packages")
    assert (changed < chip_bill(**BILL).cost) == better


@given(st.floats(1.0, 1e9), st.floats(1.0, 30.0), st.floats(0.0, 0.3))
def test_repayment_and_return_are_an_annuity(capital: float, life: float, rate: float) -> None:
    back, earned = repaid(capital, life, rate)
    assert back * life == pytest.approx(capital)
    assert earned >= -1e-9 * capital
    # what is paid every year is worth the capital at this rate
    worth = life if rate < 1e-9 else (1.0 - (1.0 + rate) ** -life) / rate
    assert (back + earned) * worth == pytest.approx(capital, rel=1e-6)


def test_power_from_an_own_plant_by_hand() -> None:
    # 6.4 x 3.5 fuel, 6 operation, 3,000 usd per kW at 10.19 % a year over 8,760 x 0.82 hours
    found = generation_usd_per_mwh(
        heat_rate=6.4, gas_usd_per_mmbtu=3.5, operating_usd_per_mwh=6.0, capital_usd_per_kw=2400.0, spare=1.25,
        load=0.82, rate=0.08, life_years=20.0,
    )  # fmt: skip
    assert found == pytest.approx(22.4 + 6.0 + 3000.0 * 0.101852 / 7.1832, rel=1e-4)
