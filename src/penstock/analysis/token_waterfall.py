"""The waterfall of one million output tokens: what each part costs, from the joules up to the price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from penstock.analysis.token_inputs import Setup
from penstock.errors import UsageError
from penstock.layers.platform.metering import bill
from penstock.layers.serving_chain import Demand, Power, Serving, fleet_power, serve_demand
from penstock.layers.silicon.efficiency import efficiency_of
from penstock.layers.silicon.roofline import Replica, replica
from penstock.layers.token_parts import ChipBill, chip_bill, repaid, system_parts

TOKENS_PER_DAY = 1e12
"""Output tokens a day that the fleet serves; the price of a token does not depend on it."""
REPLICA_SIZES = (1, 2, 4, 8, 16, 32, 64)
SLOWER = 0.8
SLOWEST_TOKENS_PER_S = 0.5
"""Where no replica keeps a speed, it is lowered by this factor as far as this."""
COST, MARGIN = "cost", "margin"
SHAPES_THE_FLEET = (
    "input_per_output", "cached_share", "context_tokens", "prompt_tokens", "speed_tokens_per_s", "utilisation",
    "availability", "efficiency",
)  # fmt: skip
"""Inputs that say how many chips serve; all others are prices, power and margins."""


@dataclass(frozen=True)
class Part:
    """A part of the price: its layer, whether it is a cost or what a layer keeps, and whom it is paid to."""

    name: str
    layer: str
    kind: str
    paid_to: str


PARTS = (
    Part("electricity", "energy", COST, "power"),
    Part("water", "energy", COST, "water"),
    Part("building", "facilities", COST, "builders"),
    Part("return on building", "facilities", MARGIN, "site owner"),
    Part("tools", "silicon", COST, "tool makers"),
    Part("wafers", "silicon", COST, "foundry"),
    Part("foundry margin", "silicon", MARGIN, "foundry"),
    Part("memory", "silicon", COST, "memory makers"),
    Part("memory margin", "silicon", MARGIN, "memory makers"),
    Part("packaging", "silicon", COST, "packagers"),
    Part("packaging margin", "silicon", MARGIN, "packagers"),
    Part("other parts", "silicon", COST, "part makers"),
    Part("designer margin", "silicon", MARGIN, "designer"),
    Part("server parts", "silicon", COST, "part makers"),
    Part("server margin", "silicon", MARGIN, "server makers"),
    Part("network parts", "silicon", COST, "part makers"),
    Part("network margin", "silicon", MARGIN, "network makers"),
    Part("return on chips", "platform", MARGIN, "platform"),
    Part("upkeep", "platform", COST, "service firms"),
    Part("staff", "platform", COST, "platform staff"),
    Part("platform margin", "platform", MARGIN, "platform"),
    Part("model research", "ai", COST, "lab"),
    Part("lab margin", "ai", MARGIN, "lab"),
)
"""Upstream first. Costs are what a layer pays beyond the layers that stand here by themselves."""
BELOW_PLATFORM = tuple(part.name for part in PARTS[:20])
"""What a cloud's full cost is made of."""


@dataclass(frozen=True)
class Made:
    """A fleet that serves, for one set of inputs."""

    serving: Serving
    power: Power
    demand: Demand
    bill: ChipBill
    chips_per_replica: int


def served(setup: Setup, values: Mapping[str, float]) -> tuple[Serving, Demand, int]:
    """The fleet that serves the demand with the fewest chips, and the chips of its replicas.

    Each size of replica runs the largest batch that keeps the speed asked for. Where an input off its centre leaves no
    replica that keeps it, users are served more slowly. Raises UsageError where none keeps it at the centre.
    """
    key = tuple(values[name] for name in SHAPES_THE_FLEET)
    if key not in setup.memo:
        setup.memo[key] = _served(setup, values)
    found: tuple[Serving, Demand, int] = setup.memo[key]
    return found


def _served(setup: Setup, values: Mapping[str, float]) -> tuple[Serving, Demand, int]:
    asked = values["speed_tokens_per_s"]
    found, reason = _at_speed(setup, values, asked)
    if found is not None:
        return found
    speed = asked
    while found is None and speed > SLOWEST_TOKENS_PER_S:
        speed *= SLOWER
        found, _ = _at_speed(setup, values, speed)
    centre = setup.central()
    if found is not None and any(values[name] != centre[name] for name in SHAPES_THE_FLEET):
        return found
    nearest = f"; nearest --set speed_tokens_per_s={speed:.2g}" if found is not None else ""
    raise UsageError(
        f"{setup.model.layout.id} on {setup.chip.id}: found no replica of up to {REPLICA_SIZES[-1]} chips that "
        f"gives a user {asked:g} tokens a second; {reason}{nearest}"
    )


def _at_speed(
    setup: Setup, values: Mapping[str, float], speed: float
) -> tuple[tuple[Serving, Demand, int] | None, str]:
    """The fleet of fewest chips at a speed, or the reason why there is none."""
    demand = Demand(
        output_tokens_per_day=TOKENS_PER_DAY,
        input_tokens_per_day=TOKENS_PER_DAY * values["input_per_output"],
        cached=values["cached_share"],
        context_tokens=values["context_tokens"],
        prompt_tokens=values["prompt_tokens"],
    )
    best: tuple[Serving, Demand, int] | None = None
    reason = ""
    for size in REPLICA_SIZES:
        try:
            found = serve_demand(
                replica_of(setup, values, size),
                demand,
                utilisation=values["utilisation"],
                availability=values["availability"],
                tokens_per_s_per_user=speed,
            )
        except UsageError as error:
            reason = str(error)
            continue
        if best is None or found.installed_chips < best[0].installed_chips:
            best = found, demand, size
    return best, reason


def replica_of(setup: Setup, values: Mapping[str, float], chips: int) -> Replica:
    """The replica with the efficiency of a case (slow, central, fast)."""
    case = "central" if values["efficiency"] == 0.0 else ("low" if values["efficiency"] < 0.0 else "high")
    precision = setup.chip.usual_precision
    numbers = efficiency_of(setup.chip, precision, case)
    return replica(setup.model.layout, setup.chip, chips, precision=precision, efficiency=numbers)


def fleet(setup: Setup, values: Mapping[str, float]) -> Made:
    """The fleet that serves the demand with these inputs, its power, and what a chip is made of."""
    serving, demand, size = served(setup, values)
    power = fleet_power(
        serving.installed_chips,
        values["system_w"],
        serving.busy_share,
        network=values["network_power"],
        pue=values["pue"],
        output_tokens_per_day=TOKENS_PER_DAY,
        real_peak=values["real_peak"],
        idle=values["idle_power"],
    )
    made_of = chip_bill(
        wafer_usd=values["wafer_usd"],
        dies_per_wafer=values["dies_per_wafer"],
        saleable=values["saleable_share"],
        dies=values["dies"],
        memory_gb=values["memory_gb"],
        memory_usd_per_gb=values["memory_usd_per_gb"],
        packaging_usd_per_wafer=values["packaging_usd_per_wafer"],
        packages_per_wafer=values["packages_per_wafer"],
        good_packages=values["packaging_good_share"],
        other_share=values["other_parts_share"],
    )
    return Made(serving, power, demand, made_of, size)


def waterfall(setup: Setup, values: Mapping[str, float], *, integrated: bool = False) -> dict[str, float]:
    """usd per million output tokens of each part; `price`, which they add up to; `compute`, what a lab
    pays of it; `lab`, what is left to it for research and margin.

    Bought: chips at their price, compute at its rental price or with the platform's margin over cost, the model at
    its list price or with a lab's gross margin over compute. Integrated: chips at the cost of making them with a design
    partner's margin, own power at its cost, no margin of a platform or a lab; research is paid either way.
    """
    made = fleet(setup, values)
    more = 1.0 / values["own_chip_performance"] if integrated else 1.0
    parts = fleet_parts(setup, values, made, more, integrated)
    compute = sum(parts.values())
    bought = parts if not integrated else fleet_parts(setup, values, made)
    full_cost = sum(bought.values())
    hours = made.serving.installed_chips * 24.0 / (TOKENS_PER_DAY / 1e6)
    if setup.rental_usd_per_hour is not None:
        charged = values["rental_usd_per_hour"] * hours
    else:
        charged = full_cost / (1.0 - values["platform_margin"])
    price = _price(setup, values, charged)
    research = values["research_over_revenue"] * price
    out = {part.name: parts.get(part.name, 0.0) for part in PARTS}
    out["model research"] = research
    if integrated:
        out["platform margin"], out["lab margin"] = 0.0, 0.0
        return out | {"compute": compute, "lab": research, "price": compute + research}
    out["platform margin"] = charged - full_cost
    out["lab margin"] = price - charged - research
    return out | {"compute": charged, "lab": price - charged, "price": price}


def _price(setup: Setup, values: Mapping[str, float], charged: float) -> float:
    """What users pay for a million output tokens and their input."""
    model = setup.model
    if model.list_output_usd is not None and model.list_input_usd is not None:
        read = 1e6 * values["input_per_output"]
        metered = bill(
            read * (1.0 - values["cached_share"]),
            read * values["cached_share"],
            1e6,
            input_usd_per_mtok=model.list_input_usd,
            cached_usd_per_mtok=model.list_input_usd * values["cached_price_ratio"],
            output_usd_per_mtok=model.list_output_usd,
        )
        return float(metered.total_usd)
    return charged / (1.0 - values["lab_gross_margin"])


def fleet_parts(
    setup: Setup, values: Mapping[str, float], made: Made, more: float = 1.0, own: bool = False
) -> dict[str, float]:
    """Parts of a cloud's full cost, usd per million output tokens; `more` chips for the same work."""
    per = 1e6 / (TOKENS_PER_DAY * 365.0)
    installed, power = made.serving.installed_chips * more, made.power
    price = values["own_power_usd_per_mwh"] if own else values["power_usd_per_mwh"]
    energy_year = power.energy_mwh_per_day * 365.0 * more
    water_year = power.it_average_mw * more * 8760.0 * values["water_l_per_kwh"]
    building = power.it_nameplate_mw * more * 1e6 * values["building_usd_per_w"]
    works, building_return = repaid(building, values["building_life_years"], values["building_rate"])
    system = _system(values, made.bill, own)
    capital = installed * sum(system.values())
    back, chip_return = repaid(capital, values["chip_life_years"], values["chip_rate"])
    staff = installed * 8760.0 * values["staff_usd_per_chip_hour"]
    out = {
        "electricity": energy_year * price * per,
        "water": water_year * values["water_usd_per_m3"] * per,
        "building": works * per,
        "return on building": building_return * per,
    }
    total = sum(system.values())
    out |= {name: back * per * value / total for name, value in system.items()}
    out["return on chips"] = chip_return * per
    out["upkeep"] = values["upkeep"] * (capital + building) * per
    out["staff"] = staff * per
    return out


def _system(values: Mapping[str, float], bill: ChipBill, own: bool) -> dict[str, float]:
    """One chip in its system, usd by part."""
    network = values["system_usd"] * values["network_share_of_system"]
    server = (values["system_usd"] - network) * values["server_share"]
    accelerator = values["system_usd"] - network - server
    if own:
        accelerator = bill.cost / (1.0 - values["partner_margin"]) + values["own_design_usd_per_chip"]
    return system_parts(
        bill,
        accelerator,
        server,
        network,
        tools_share=values["tools_share_of_wafer"],
        foundry_margin=values["foundry_margin"],
        memory_margin=values["memory_margin"],
        packaging_margin=values["packaging_margin"],
        server_margin=values["server_margin"],
        network_margin=values["network_margin"],
    )


def physics(setup: Setup, values: Mapping[str, float]) -> dict[str, float]:
    """From a million output tokens down to chip-seconds, joules, water and carbon."""
    from penstock.layers.energy import opening_supply

    made = fleet(setup, values)
    serving, power = made.serving, made.power
    seconds = 86_400.0 / (TOKENS_PER_DAY / 1e6)
    joules = power.joules_per_output_token
    servers = joules / values["pue"] / (1.0 + values["network_power"])
    kwh = joules * 1e6 / 3.6e6
    return {
        "input_tokens_million": values["input_per_output"],
        "decode_tokens_per_s_per_chip": serving.decode_tokens_per_s_per_chip,
        "prefill_tokens_per_s_per_chip": serving.prefill_tokens_per_s_per_chip,
        "tokens_per_s_per_user": serving.tokens_per_s_per_user,
        "users_at_once": serving.batch,
        "decode_chip_seconds": serving.decode_chips * seconds,
        "prefill_chip_seconds": serving.prefill_chips * seconds,
        "installed_chip_seconds": serving.installed_chips * seconds,
        "servers_joules_per_token": servers,
        "network_joules_per_token": servers * values["network_power"],
        "building_joules_per_token": joules - joules / values["pue"],
        "joules_per_token": joules,
        "energy_kwh": kwh,
        "water_site_litres": kwh / values["pue"] * values["water_l_per_kwh"],
        "carbon_kg": kwh * opening_supply().carbon_t_per_mwh,
        "full_cost_usd_per_chip_hour": float(
            np.divide(_full_cost(setup, values, made), serving.installed_chips * 24.0)
        ),
    }


def _full_cost(setup: Setup, values: Mapping[str, float], made: Made) -> float:
    """A cloud's full cost of a day, usd."""
    return sum(fleet_parts(setup, values, made).values()) * TOKENS_PER_DAY / 1e6
