"""A training run: work, days, goodput, energy and cost, with ranges.

`T = C / (n F MFU(n) G(n))`: model FLOP over what the chips do, less what failures take. MFU (model FLOP utilisation:
the FLOP that the model needs over the peak of its chips) falls with the number of chips; `G` is the exact form of
`goodput`. Ranges are 5 and 95 % of seeded draws, each parameter log-normal between its
low and high; central figures stand at the central parameters.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from penstock.errors import UsageError
from penstock.layers.ai.goodput import goodput
from penstock.layers.architecture import training_flop
from penstock.layers.chips import HOURS_PER_YEAR, Chip, as_chip
from penstock.layers.refusing import nearest_hint, positive
from penstock.layers.serving_chain import capital_recovery, system_power_w

Array = np.ndarray
RANGES_FILE = Path(__file__).with_name("training_ranges.csv")

REFERENCE_CHIPS = 16_384.0
"""Chips at which the tabled MFU holds."""

SLOPE_CHANGES_AT_CHIPS = 2048.0
"""Chips from which MFU falls faster."""

BUSY_SHARE = 0.9
"""Power draw of a training step over the real peak; assumption, 0.8 to 1.0."""

STATE_BYTES_PER_PARAMETER = 16.0
"""Weights, gradients and optimiser of a parameter: mixed precision with Adam, 12 to 18."""

DEPTH_TO_WIDTH = 128.0
"""Width over layers of large dense models; with `N = 12 L d^2` it gives the attention of a model without a layout."""

USUAL_SEQUENCE = 8192.0
USUAL_ATTENTION_SHARE = 0.042
"""Share of attention in the runs that the tabled MFU is from: 405B parameters, sequences of 8,192 tokens."""
LEAST_GOODPUT = 1e-6
DRAWS = 4096
Z_90 = 3.289707
"""Distance from the 5 to the 95 % point of a standard normal."""


@dataclass(frozen=True, slots=True)
class Training:
    """A run with its ranges: central, low (5 %) and high (95 %) of each figure.

    Attributes:
        training_flop: model FLOP, `6 N D`; the high end counts causal attention at the usual sequence.
        days: wall time; `compute_days` without failures.
        goodput: share of wall time that adds to the model.
        mfu: model FLOP over dense peak while it runs.
        cost_usd: chip-hours at full cost (capital, building, electricity, upkeep, staff); None without a price.
    """

    chip_id: str
    chips: float
    precision: str
    training_flop: float
    training_flop_low: float
    training_flop_high: float
    days: float
    days_low: float
    days_high: float
    compute_days: float
    goodput: float
    goodput_low: float
    goodput_high: float
    mfu: float
    mfu_low: float
    mfu_high: float
    chip_hours: float
    chip_hours_low: float
    chip_hours_high: float
    energy_mwh: float
    energy_mwh_low: float
    energy_mwh_high: float
    cost_usd: float | None
    cost_usd_low: float | None
    cost_usd_high: float | None
    usd_per_chip_hour: float | None


@cache
def ranges_table() -> tuple[dict[str, Any], ...]:
    """The rows of `training_ranges.csv`: every parameter of a run with range, unit, grade and source."""
    with RANGES_FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple({**row, **{end: float(row[end]) for end in ("low", "central", "high")}} for row in rows)


def ranges() -> dict[str, tuple[float, float, float]]:
    """Low, central and high of every parameter of a run."""
    return {row["name"]: (row["low"], row["central"], row["high"]) for row in ranges_table()}


def mfu(
    chips: Array | float,
    *,
    reference: Array | float,
    slope_small: Array | float,
    slope_large: Array | float,
) -> Any:
    """Model FLOP utilisation at a number of chips, 0 to 1: falls as a power, faster above 2,048 chips.

    Args:
        reference: that at 16,384 chips; `slope_small`, `slope_large`: exponents below and above 2,048.
    """
    positive("chips", chips)
    count = np.asarray(chips, dtype=float)
    at_change = reference * (SLOPE_CHANGES_AT_CHIPS / REFERENCE_CHIPS) ** -np.asarray(slope_large)
    small = at_change * (count / SLOPE_CHANGES_AT_CHIPS) ** -np.asarray(slope_small)
    large = reference * (count / REFERENCE_CHIPS) ** -np.asarray(slope_large)
    return np.minimum(np.where(count < SLOPE_CHANGES_AT_CHIPS, small, large), 1.0)


def attention_share(
    parameters: Array | float, sequence: Array | float, layers: float | None = None, width: float | None = None
) -> Any:
    """Work of causal attention over the other work of training, `L d s / N`; depth from the size where not given."""
    size = np.asarray(parameters, dtype=float)
    depth = (size / (12.0 * DEPTH_TO_WIDTH**2)) ** (1.0 / 3.0)
    reach = depth * depth * DEPTH_TO_WIDTH if layers is None or width is None else layers * width
    return reach * np.asarray(sequence, dtype=float) / size


def sequence_factor(share: Array | float, efficiency: Array | float) -> Any:
    """MFU over that at the usual share of attention: attention runs at `efficiency` of other products."""
    plain = (1.0 + USUAL_ATTENTION_SHARE) / (1.0 + USUAL_ATTENTION_SHARE / np.asarray(efficiency))
    return (1.0 + np.asarray(share)) / (1.0 + np.asarray(share) / efficiency) / plain


def bubble(stages: Array | int, microbatches: Array | int) -> Any:
    """Share of a pipeline's time that stages wait: `(p - 1) / (m + p - 1)`."""
    positive("stages", stages)
    positive("microbatches", microbatches)
    return (np.asarray(stages, dtype=float) - 1.0) / (np.asarray(microbatches) + np.asarray(stages) - 1.0)


def programme_flop(pretraining_flop: Array | float, experiments: float = 2.0, after: float = 0.5) -> Any:
    """Compute of a lab for a model: the run, experiments before it and training after it.

    Args:
        experiments: over the run. Assumption 2, 1 to 4. `after`: assumption 0.5, 0.1 to 1.5.
    """
    positive("pretraining_flop", pretraining_flop)
    return np.asarray(pretraining_flop, dtype=float) * (1.0 + experiments + after)


def training(
    params: float,
    tokens: float,
    chips: float,
    chip: str | Chip,
    *,
    precision: str | None = None,
    sequence: float = 0.0,
    layers: int | None = None,
    width: int | None = None,
    seed: int = 7,
    **given: float,
) -> Training:
    """A training run of `params` active parameters on `tokens` tokens with `chips` chips.

    Args:
        precision: bf16 unless the chip has only fp8 or it is asked for.
        sequence: tokens of a sequence, to count attention in the work; left out it is not counted but in the range.
        layers, width: layout for attention; from the size where left out.
        given: parameters of `training_ranges.csv` by name that are known, without range.

    Raises:
        UsageError: a number that cannot be, an unknown chip or parameter, or a model whose state is larger than memory.
    """
    for name, value in (("params", params), ("tokens", tokens), ("chips", chips)):
        positive(name, value)
    if chips != int(chips):
        raise UsageError(f"chips: found {chips:g}; expected a whole number")
    machine = as_chip(chip)
    number = precision or ("bf16" if "bf16" in machine.peak_flop_per_s else "fp8")
    if number not in {"bf16", "fp8"}:
        raise UsageError(f"precision: found {number!r}; expected bf16 or fp8, in which models are trained")
    machine.peak(number)
    _check_memory(params, chips, machine)
    values = _draws(given, machine, seed)
    run = _run(params, tokens, chips, machine, number, sequence, layers, width, values)
    low, high = {}, {}
    for name, drawn in run.items():
        if drawn is not None:
            low[name], high[name] = (float(v) for v in np.quantile(drawn[1:], [0.05, 0.95]))
    at = {name: None if drawn is None else float(drawn[0]) for name, drawn in run.items()}
    flop = float(at["training_flop"] or 0.0)
    widest = float(training_flop(params, tokens)) * (1.0 + float(attention_share(params, USUAL_SEQUENCE)))
    # every figure but the cost is there
    bounds: dict[str, Any] = {
        f"{name}_{end}": found.get(name)
        for name in ("days", "goodput", "mfu", "chip_hours", "energy_mwh", "cost_usd")
        for end, found in (("low", low), ("high", high))
    }
    central: dict[str, Any] = {name: at[name] for name in at if name != "training_flop"}
    return Training(
        chip_id=machine.id,
        chips=float(chips),
        precision=number,
        training_flop=flop,
        training_flop_low=float(training_flop(params, tokens)),
        training_flop_high=max(widest, flop),
        **central,
        **bounds,
    )


def _check_memory(params: float, chips: float, machine: Chip) -> None:
    state = params * STATE_BYTES_PER_PARAMETER
    if state > 0.9 * chips * machine.memory_bytes:
        least = int(np.ceil(state / (0.9 * machine.memory_bytes)))
        raise UsageError(
            f"memory: found {state / 1e12:,.1f} TB of weights, gradients and optimiser for {chips:,.0f} {machine.id} "
            f"with {0.9 * chips * machine.memory_bytes / 1e12:,.1f} TB to use; expected at least {least:,} chips"
        )


def _draws(given: Mapping[str, float], machine: Chip, seed: int) -> dict[str, Array]:
    """Each parameter: its central figure first, then draws; what is given is the same throughout."""
    table = dict(ranges())
    if machine.price_usd is not None:
        table["chip_usd"] = machine.price_usd
    unknown = sorted(set(given) - set(table))
    if unknown:
        hint = nearest_hint(unknown[0], table)
        raise UsageError(f"parameter of a training run: found {unknown[0]!r}; expected one of {', '.join(table)}{hint}")
    random = np.random.default_rng(seed)
    values = {}
    for name, (low, central, high) in table.items():
        chance = random.standard_normal(DRAWS)
        if name in given:
            positive(name, given[name])
            values[name] = np.full(DRAWS + 1, float(given[name]))
        else:
            drawn = central * np.exp(chance * np.log(high / low) / Z_90)
            values[name] = np.concatenate([[central], np.clip(drawn, low * low / central, high * high / central)])
    for name in ("mfu_bf16", "mfu_fp8", "attention_efficiency", "real_peak", "idle", "availability"):
        values[name] = np.minimum(values[name], 1.0)
    values["pue"] = np.maximum(values["pue"], 1.0)
    return values


def _run(
    params: float,
    tokens: float,
    chips: float,
    machine: Chip,
    precision: str,
    sequence: float,
    layers: int | None,
    width: int | None,
    v: Mapping[str, Array],
) -> dict[str, Array | None]:
    """All figures of the run for all draws."""
    share = attention_share(params, sequence or USUAL_SEQUENCE, layers, width)
    flop = float(training_flop(params, tokens)) * (1.0 + (float(share) if sequence else 0.0))
    reached = mfu(
        chips,
        reference=v[f"mfu_{precision}"],
        slope_small=v["mfu_slope_small"],
        slope_large=v["mfu_slope_large"],
    )
    reached = np.minimum(reached * sequence_factor(share, v["attention_efficiency"]), 1.0)
    kept = goodput(chips, v["chip_mtbf_h"], v["checkpoint_s"], v["restart_s"])
    if kept[0] < LEAST_GOODPUT:
        raise UsageError(
            f"chips: found {chips:,.0f}, of which one fails every {v['chip_mtbf_h'][0] * 3600.0 / chips:.3g} s; "
            f"expected fewer, a restart takes {v['restart_s'][0]:g} s and the run never ends"
        )
    kept = np.maximum(kept, LEAST_GOODPUT)  # the unlucky draws of a very large job
    compute_s = flop / (chips * machine.peak(precision) * reached)
    wall_s = compute_s / kept
    chip_hours = chips * wall_s / 3600.0
    energy = None
    if machine.system_power_w is not None:
        watts = system_power_w(machine.system_power_w, BUSY_SHARE, real_peak=v["real_peak"], idle=v["idle"])
        energy = chip_hours * watts * (1.0 + v["network"]) * v["pue"] / 1e6
    hourly = _chip_hour_usd(machine, energy, chip_hours, v)
    return {
        "training_flop": np.full(DRAWS + 1, flop),
        "days": wall_s / 86_400.0,
        "compute_days": compute_s / 86_400.0,
        "goodput": kept,
        "mfu": reached,
        "chip_hours": chip_hours,
        "energy_mwh": energy,
        "cost_usd": None if hourly is None else chip_hours * hourly,
        "usd_per_chip_hour": hourly,
    }


def _chip_hour_usd(machine: Chip, energy_mwh: Array | None, hours: Array, v: Mapping[str, Array]) -> Array | None:
    """Full cost of an hour of a chip that works: capital and building repaid, electricity, upkeep, staff."""
    if energy_mwh is None or machine.system_power_w is None or "chip_usd" not in v:
        return None
    chip = v["chip_usd"] * (1.0 + v["network_capital"])
    building = v["building_usd_per_w"] * machine.system_power_w * (1.0 + v["network"])
    yearly = (
        chip * capital_recovery(v["chip_rate"], v["chip_life_years"])
        + building * capital_recovery(v["building_rate"], v["building_life_years"])
        + (chip + building) * v["upkeep"]
    )
    electricity = energy_mwh / hours * v["electricity_usd_per_mwh"]
    return yearly / (HOURS_PER_YEAR * v["availability"]) + electricity + v["staff_usd_per_chip_hour"]
