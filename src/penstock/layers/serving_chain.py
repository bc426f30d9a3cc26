"""From a demand for tokens to chips, megawatts, carbon, water and money: the closed forms of one serving fleet.

Each step takes what the step before gives: tokens per day -> busy and installed chips -> average and nameplate power ->
energy, carbon and water -> capital and cost a year. Nothing is lost between steps: chip-hours, joules and dollars are
those of the step before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.chips import HOURS_PER_YEAR
from penstock.layers.refusing import not_negative, positive, share
from penstock.layers.silicon.roofline import Replica, batch_for_speed, batch_limit, read_prompt, step
from penstock.layers.silicon.serving import busy_chips

Array = np.ndarray
SECONDS_PER_DAY = 86_400.0
JOULES_PER_MWH = 3.6e9


@dataclass(frozen=True, slots=True)
class Demand:
    """Tokens asked for in a day.

    Attributes:
        cached: share of input tokens whose keys and values are in the cache, so that they are not read again.
        context_tokens: mean context of a token that is decoded.
        prompt_tokens: mean prompt.
    """

    output_tokens_per_day: float
    input_tokens_per_day: float
    cached: float
    context_tokens: float
    prompt_tokens: float

    def __post_init__(self) -> None:
        positive("output_tokens_per_day", self.output_tokens_per_day)
        not_negative("input_tokens_per_day", self.input_tokens_per_day)
        share("cached", self.cached)
        not_negative("context_tokens", self.context_tokens)
        positive("prompt_tokens", self.prompt_tokens)


@dataclass(frozen=True, slots=True)
class Serving:
    """Chips that serve a demand.

    Attributes:
        batch: users of a replica at once; `batch_limit` is what memory holds at this context.
        busy_share: share of installed chip-hours that work, utilisation times availability.
    """

    batch_limit: float
    batch: float
    step_s: float
    memory_s: float
    compute_s: float
    tokens_per_s_per_user: float
    decode_tokens_per_s_per_chip: float
    prefill_tokens_per_s_per_chip: float
    decode_chips: float
    prefill_chips: float
    busy_chips: float
    installed_chips: float
    busy_share: float


@dataclass(frozen=True, slots=True)
class Power:
    """Power of a fleet and what it takes in a day. MW, MWh; `joules_per_output_token` counts all energy of the site."""

    system_w: float
    it_average_mw: float
    it_nameplate_mw: float
    facility_average_mw: float
    energy_mwh_per_day: float
    joules_per_output_token: float
    watt_hours_per_thousand_output_tokens: float


@dataclass(frozen=True, slots=True)
class Footprint:
    """Carbon and water of a day: direct emissions of the supply; water at the site and at power plants."""

    carbon_t_per_mwh: float
    carbon_t_per_day: float
    water_site_m3_per_day: float
    water_supply_m3_per_day: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Capital and yearly cost of a fleet in usd; the parts add up to `annual_usd`."""

    chips_usd: float
    building_usd: float
    chips_annual_usd: float
    building_annual_usd: float
    electricity_annual_usd: float
    upkeep_annual_usd: float
    annual_usd: float
    usd_per_million_output_tokens: float
    usd_per_installed_chip_hour: float


def serve_demand(
    made: Replica,
    demand: Demand,
    *,
    utilisation: float,
    availability: float,
    tokens_per_s_per_user: float | None = None,
    most_users: float | None = None,
) -> Serving:
    """Chips that a demand needs on replicas of this kind.

    Args:
        utilisation: share of working chip-hours that are busy over a day, bursts, swings and spares in.
        availability: share of installed chips that work.
        tokens_per_s_per_user: speed that each user must get; memory sets the batch where it is left out.
        most_users: another limit of the batch.

    Raises:
        UsageError: numbers that cannot be, or a speed or context that no batch allows.
    """
    for name, value in (("utilisation", utilisation), ("availability", availability)):
        share(name, value)
        positive(name, value)
    limit = float(batch_limit(made, demand.context_tokens))
    batch = limit
    if tokens_per_s_per_user is not None:
        batch = float(batch_for_speed(made, demand.context_tokens, tokens_per_s_per_user))
    if most_users is not None:
        positive("most_users", most_users)
        batch = min(batch, float(np.floor(most_users)))
    if batch < 1.0:
        raise UsageError(
            f"batch: found none of {made.model.id} on {made.chips} {made.chip.id} at a context of "
            f"{demand.context_tokens:,.0f} tokens; expected more chips, a shorter context or a slower promise"
        )
    decoding = step(made, batch, demand.context_tokens)
    reading = read_prompt(made, demand.prompt_tokens)
    decode_chips, prefill_chips = busy_chips(
        demand.output_tokens_per_day / SECONDS_PER_DAY,
        demand.input_tokens_per_day / SECONDS_PER_DAY,
        demand.cached,
        decoding.tokens_per_s_per_chip,
        reading.tokens_per_s_per_chip,
    )
    busy = float(decode_chips + prefill_chips)
    return Serving(
        batch_limit=limit,
        batch=batch,
        step_s=float(decoding.seconds),
        memory_s=float(decoding.memory_s),
        compute_s=float(decoding.compute_s),
        tokens_per_s_per_user=float(decoding.tokens_per_s_per_user),
        decode_tokens_per_s_per_chip=float(decoding.tokens_per_s_per_chip),
        prefill_tokens_per_s_per_chip=float(reading.tokens_per_s_per_chip),
        decode_chips=float(decode_chips),
        prefill_chips=float(prefill_chips),
        busy_chips=busy,
        installed_chips=busy / (utilisation * availability),
        busy_share=utilisation * availability,
    )


def system_power_w(
    nameplate_w: Array | float,
    busy_share: Array | float,
    *,
    real_peak: Array | float = 0.75,
    idle: Array | float = 0.35,
) -> Any:
    """Mean power of a chip with its share of the system: `nameplate k (i + (1 - i) u)`.

    Args:
        real_peak: real peak over nameplate, k. Assumption 0.75, 0.65 to 0.88.
        idle: power when idle over the real peak, i. Assumption 0.35, 0.20 to 0.50.
    """
    positive("nameplate_w", nameplate_w)
    for name, value in (("busy_share", busy_share), ("real_peak", real_peak), ("idle", idle)):
        share(name, value)
    return np.asarray(nameplate_w) * real_peak * (np.asarray(idle) + (1.0 - np.asarray(idle)) * busy_share)


def fleet_power(
    installed_chips: float,
    nameplate_w: float,
    busy_share: float,
    *,
    network: float,
    pue: float,
    output_tokens_per_day: float,
    real_peak: float = 0.75,
    idle: float = 0.35,
) -> Power:
    """Power of installed chips with network and storage (a share on top) and the building (PUE)."""
    not_negative("installed_chips", installed_chips)
    not_negative("network", network)
    positive("output_tokens_per_day", output_tokens_per_day)
    if not pue >= 1.0:
        raise UsageError(f"pue: found {pue:g}; expected at least 1")
    system = float(system_power_w(nameplate_w, busy_share, real_peak=real_peak, idle=idle))
    it_average = installed_chips * system * (1.0 + network) / 1e6
    facility = it_average * pue
    energy = facility * 24.0
    joules = energy * JOULES_PER_MWH / output_tokens_per_day
    return Power(
        system_w=system,
        it_average_mw=it_average,
        it_nameplate_mw=installed_chips * nameplate_w * (1.0 + network) / 1e6,
        facility_average_mw=facility,
        energy_mwh_per_day=energy,
        joules_per_output_token=joules,
        watt_hours_per_thousand_output_tokens=joules / 3.6,
    )


def fleet_footprint(
    power: Power,
    mix: Mapping[str, float],
    carbon_t_per_mwh: Mapping[str, float],
    water_m3_per_mwh: Mapping[str, float],
    *,
    site_water_l_per_kwh: float,
) -> Footprint:
    """Carbon and water of a day for a mix of supply (shares that add up to one) and water per kWh of IT energy.

    Raises:
        UsageError: shares that do not add up to one, or a source without carbon or water.
    """
    for name, part in mix.items():
        share(f"mix of {name}", part)
    total = sum(mix.values())
    if abs(total - 1.0) > 1e-9:
        raise UsageError(f"mix: found shares that add up to {total:g}; expected 1")
    for label, table in (("carbon", carbon_t_per_mwh), ("water", water_m3_per_mwh)):
        missing = sorted(set(mix) - set(table))
        if missing:
            raise UsageError(f"{label}: found no figure of {', '.join(missing)}; expected one of each source")
    not_negative("site_water_l_per_kwh", site_water_l_per_kwh)
    carbon = sum(part * carbon_t_per_mwh[name] for name, part in mix.items())
    water = sum(part * water_m3_per_mwh[name] for name, part in mix.items())
    return Footprint(
        carbon_t_per_mwh=carbon,
        carbon_t_per_day=power.energy_mwh_per_day * carbon,
        water_site_m3_per_day=power.it_average_mw * 24.0 * site_water_l_per_kwh,
        water_supply_m3_per_day=power.energy_mwh_per_day * water,
    )


def capital_recovery(rate: Array | float, life_years: Array | float) -> Any:
    """Yearly payment that repays one unit of capital with interest over its life."""
    not_negative("rate", rate)
    positive("life_years", life_years)
    interest = np.asarray(rate, dtype=float)
    safe = np.maximum(interest, 1e-12)
    return np.where(interest > 1e-12, safe / -np.expm1(-life_years * np.log1p(safe)), 1.0 / life_years)[()]


def fleet_cost(
    serving: Serving,
    power: Power,
    demand: Demand,
    *,
    chip_usd: float,
    chip_life_years: float,
    chip_rate: float,
    building_usd_per_w: float,
    building_life_years: float,
    building_rate: float,
    electricity_usd_per_mwh: float,
    upkeep: float,
) -> Cost:
    """Capital and yearly cost: chips and building repaid over their lives, electricity, upkeep as a share of capital.

    Args:
        building_usd_per_w: building with power and cooling per watt of IT nameplate.
    """
    for name, value in (("chip_usd", chip_usd), ("building_usd_per_w", building_usd_per_w), ("upkeep", upkeep)):
        not_negative(name, value)
    chips = serving.installed_chips * chip_usd
    building = power.it_nameplate_mw * 1e6 * building_usd_per_w
    chips_annual = chips * float(capital_recovery(chip_rate, chip_life_years))
    building_annual = building * float(capital_recovery(building_rate, building_life_years))
    electricity = power.energy_mwh_per_day * 365.0 * electricity_usd_per_mwh
    upkeep_annual = (chips + building) * upkeep
    annual = chips_annual + building_annual + electricity + upkeep_annual
    return Cost(
        chips_usd=chips,
        building_usd=building,
        chips_annual_usd=chips_annual,
        building_annual_usd=building_annual,
        electricity_annual_usd=electricity,
        upkeep_annual_usd=upkeep_annual,
        annual_usd=annual,
        usd_per_million_output_tokens=annual / (demand.output_tokens_per_day * 365.0) * 1e6,
        usd_per_installed_chip_hour=annual / (serving.installed_chips * HOURS_PER_YEAR),
    )
