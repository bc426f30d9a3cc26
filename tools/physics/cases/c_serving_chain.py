"""R21: one fleet from a demand for tokens to chips, power, carbon, water and money."""

from __future__ import annotations

from tools.physics.case import Case, Mark

from penstock.layers.serving_chain import (
    Cost,
    Demand,
    Footprint,
    Power,
    Serving,
    fleet_cost,
    fleet_footprint,
    fleet_power,
    serve_demand,
)
from penstock.layers.silicon.efficiency import Efficiency
from penstock.layers.silicon.roofline import Replica, replica

TITLE = "Worked chain of one serving fleet"
SOURCE = "closed forms worked by hand with these inputs (1e12 output tokens a day, dense 70B on 2 H200)"
DEMAND = Demand(
    output_tokens_per_day=1e12, input_tokens_per_day=5e12, cached=0.5, context_tokens=3000, prompt_tokens=2500
)
MIX = {"ccgt": 0.5, "nuclear": 0.2, "solar": 0.15, "wind": 0.15}
CARBON_T_PER_MWH = {"ccgt": 0.335, "nuclear": 0.0, "solar": 0.0, "wind": 0.0}
WATER_M3_PER_MWH = {"ccgt": 0.75, "nuclear": 2.5, "solar": 0.1, "wind": 0.0}


def fleet_replica() -> Replica:
    """Dense 70B in fp8 on two H200, links taken as free."""
    numbers = Efficiency(compute=0.6, bandwidth=0.8, overhead_s=0.003, half_tokens=0.0)
    return replica("dense_70b", "h200", 2, precision="fp8", efficiency=numbers, communication=False)


def chain(demand: Demand = DEMAND, **serve: float) -> tuple[Serving, Power, Footprint, Cost]:
    """The whole chain for a demand."""
    serving = serve_demand(fleet_replica(), demand, utilisation=0.55, availability=0.97, **serve)
    power = fleet_power(
        serving.installed_chips,
        1275.0,
        serving.busy_share,
        network=0.10,
        pue=1.15,
        output_tokens_per_day=demand.output_tokens_per_day,
        real_peak=0.80,
        idle=0.35,
    )
    footprint = fleet_footprint(power, MIX, CARBON_T_PER_MWH, WATER_M3_PER_MWH, site_water_l_per_kwh=0.4)
    cost = fleet_cost(
        serving,
        power,
        demand,
        chip_usd=38_000.0,
        chip_life_years=5.0,
        chip_rate=0.10,
        building_usd_per_w=12.0,
        building_life_years=20.0,
        building_rate=0.08,
        electricity_usd_per_mwh=60.0,
        upkeep=0.03,
    )
    return serving, power, footprint, cost


def cases() -> list[Case]:
    """Every row of the worked chain."""
    serving, power, footprint, cost = chain()
    found = (
        ("batch that memory allows", "users", 369, serving.batch_limit),
        ("time of a step", "ms", 35.7, serving.step_s * 1e3),
        ("of that memory", "ms", 32.7, serving.memory_s * 1e3),
        ("compute beside it", "ms", 23.0, serving.compute_s * 1e3),
        ("speed of a user", "tokens/s", 28.0, serving.tokens_per_s_per_user),
        ("decoding of a chip", "tokens/s", 5164, serving.decode_tokens_per_s_per_chip),
        ("reading of a chip", "tokens/s", 8287, serving.prefill_tokens_per_s_per_chip),
        ("chips that decode", "chips", 2241, serving.decode_chips),
        ("chips that read", "chips", 3491, serving.prefill_chips),
        ("busy chips", "chips", 5733, serving.busy_chips),
        ("installed chips", "chips", 10746, serving.installed_chips),
        ("mean power of a chip's system", "W", 711, power.system_w),
        ("mean IT power", "MW", 8.40, power.it_average_mw),
        ("nameplate IT power", "MW", 15.07, power.it_nameplate_mw),
        ("mean power of the site", "MW", 9.66, power.facility_average_mw),
        ("energy of a day", "MWh", 232, power.energy_mwh_per_day),
        ("energy of an output token", "J", 0.835, power.joules_per_output_token),
        ("energy of 1,000 output tokens", "Wh", 0.232, power.watt_hours_per_thousand_output_tokens),
        ("carbon of supply", "t/MWh", 0.1675, footprint.carbon_t_per_mwh),
        ("carbon of a day", "t", 38.8, footprint.carbon_t_per_day),
        ("water at the site", "m3/day", 81, footprint.water_site_m3_per_day),
        ("water at power plants", "m3/day", 208, footprint.water_supply_m3_per_day),
        ("capital in chips", "million USD", 408, cost.chips_usd / 1e6),
        ("capital in the building", "million USD", 181, cost.building_usd / 1e6),
        ("cost of a year", "million USD", 148.9, cost.annual_usd / 1e6),
        ("of that electricity", "million USD", 5.1, cost.electricity_annual_usd / 1e6),
        ("cost of a million output tokens", "USD", 0.408, cost.usd_per_million_output_tokens),
        ("cost of an installed chip-hour", "USD", 1.58, cost.usd_per_installed_chip_hour),
    )
    return [Case("R21", name, unit, seen, given, 0.01, Mark.EXACT, SOURCE) for name, unit, seen, given in found]


def text() -> str:
    """What the figures say."""
    _, _, _, cost = chain()
    chips = (cost.chips_annual_usd + 0.03 * cost.chips_usd) / cost.annual_usd
    power = cost.electricity_annual_usd / cost.annual_usd
    return (
        f"Chips are {cost.chips_annual_usd / cost.annual_usd:.0%} of the yearly cost ({chips:.0%} with their upkeep), "
        f"electricity {power:.0%}. Water at power plants from the figures by source (0.75, 2.5, 0.1 and 0 m3/MWh) is "
        "206 m3; the hand-worked 208 is 0.8 % above it, within the tolerance."
    )
