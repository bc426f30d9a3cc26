"""The price of tokens taken apart: what a chip is made of, and what each layer is paid for a million output tokens.

Plain numbers in, plain numbers out; every split gives parts that add up to what was split.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock.layers.serving_chain import capital_recovery


@dataclass(frozen=True, slots=True)
class ChipBill:
    """What it costs to make one accelerator, usd: prices that its designer pays."""

    wafers: float
    memory: float
    packaging: float
    other: float

    @property
    def cost(self) -> float:
        """All of it."""
        return self.wafers + self.memory + self.packaging + self.other


def chip_bill(
    *,
    wafer_usd: float,
    dies_per_wafer: float,
    saleable: float,
    dies: float,
    memory_gb: float,
    memory_usd_per_gb: float,
    packaging_usd_per_wafer: float,
    packages_per_wafer: float,
    good_packages: float,
    other_share: float,
) -> ChipBill:
    """Logic dies, memory, packaging, and the rest as a share of the three; usd per accelerator."""
    wafers = wafer_usd * dies / (dies_per_wafer * saleable)
    memory = memory_gb * memory_usd_per_gb
    packaging = packaging_usd_per_wafer / (packages_per_wafer * good_packages)
    return ChipBill(wafers, memory, packaging, other_share * (wafers + memory + packaging))


def system_parts(
    bill: ChipBill,
    accelerator_usd: float,
    server_usd: float,
    network_usd: float,
    *,
    tools_share: float,
    foundry_margin: float,
    memory_margin: float,
    packaging_margin: float,
    server_margin: float,
    network_margin: float,
) -> dict[str, float]:
    """One accelerator with its server and network as costs and margins, usd; the parts add up to the three prices.

    Margins are gross: price less cost of what is sold, over price. Tools are the part of a wafer's price that pays for
    equipment. The designer keeps what the accelerator's price leaves over its bill.
    """
    return {
        "tools": bill.wafers * tools_share,
        "wafers": bill.wafers * (1.0 - tools_share - foundry_margin),
        "foundry margin": bill.wafers * foundry_margin,
        "memory": bill.memory * (1.0 - memory_margin),
        "memory margin": bill.memory * memory_margin,
        "packaging": bill.packaging * (1.0 - packaging_margin),
        "packaging margin": bill.packaging * packaging_margin,
        "other parts": bill.other,
        "designer margin": accelerator_usd - bill.cost,
        "server parts": server_usd * (1.0 - server_margin),
        "server margin": server_usd * server_margin,
        "network parts": network_usd * (1.0 - network_margin),
        "network margin": network_usd * network_margin,
    }


def repaid(capital_usd: float, life_years: float, rate: float) -> tuple[float, float]:
    """Yearly payment for a capital sum as (repayment, return on it): together `capital x capital recovery`."""
    payment = capital_usd * float(capital_recovery(rate, life_years))
    repayment = capital_usd / life_years
    return repayment, payment - repayment


def generation_usd_per_mwh(
    *,
    heat_rate: float,
    gas_usd_per_mmbtu: float,
    operating_usd_per_mwh: float,
    capital_usd_per_kw: float,
    spare: float,
    load: float,
    rate: float,
    life_years: float,
) -> float:
    """Cost of power from an own gas plant, usd per MWh: fuel (MMBtu per MWh, HHV), operation, and its capital repaid.

    spare: plant built over the load that it carries; load: mean load over that load.
    """
    yearly = capital_usd_per_kw * spare * float(capital_recovery(rate, life_years))
    return heat_rate * gas_usd_per_mmbtu + operating_usd_per_mwh + yearly / (8.76 * load)
