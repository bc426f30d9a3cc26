"""`model`: what a training run takes, from its size, its data and its chips."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli.context import Format, Settings, common
from penstock.cli.output import Section, emit, notice
from penstock.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from penstock.layers.ai.training import Training
    from penstock.layers.chips import Chip

FIGURES = (
    ("training_flop", "work", "FLOP"),
    ("days", "time", "days"),
    ("goodput", "share of time that counts", ""),
    ("mfu", "work over peak while it runs", ""),
    ("chip_hours", "chip-hours", "h"),
    ("energy_mwh", "energy of the site", "MWh"),
    ("cost_usd", "cost", "USD"),
)


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("model")(model)


@common
def model(
    settings: Settings,
    params: Annotated[float, typer.Option("--params", metavar="F", help="Active parameters, as 405e9.")],
    tokens: Annotated[float, typer.Option("--tokens", metavar="F", help="Training tokens, as 15.6e12.")],
    chips: Annotated[str, typer.Option("--chips", metavar="N:CHIP", help="How many of which chip, as 16384:h100.")],
    precision: Annotated[
        str | None, typer.Option("--precision", metavar="P", help="bf16 or fp8 [bf16 where the chip has it].")
    ] = None,
    sequence: Annotated[
        float, typer.Option("--sequence", metavar="F", help="Tokens of a sequence, to count attention in the work.")
    ] = 0.0,
) -> None:
    """What training a model takes: work, days, goodput, energy and cost, with ranges.

    Cost is that of the chip-hours of the last run at full cost: experiments before it, data and researchers are not in.
    """
    from penstock.layers.ai.training import training
    from penstock.layers.chips import as_chip

    count, name = _count_and_chip(chips)
    world = settings.load_world()
    chip = as_chip(name, world)
    if sequence < 0.0:
        raise UsageError(f"sequence: found {sequence:g}; expected a number of at least 0")
    run = training(params, tokens, count, chip, precision=precision, sequence=sequence)
    facts = _facts(run, params, tokens)
    if settings.format is Format.TABLE:
        result: Any = [
            Section("run", _title(run, chip, params, tokens), _figures(run, scaled=True), _note(run, facts)),
            Section("assumed", "Assumed, 5 and 95 % of each", _assumed(chip)),
        ]
    elif settings.format is Format.CSV:
        result = _figures(run)
    else:
        result = {**asdict(run), **facts}
    emit(result, settings, notice=notice(world, _grades(chip)))


def _count_and_chip(text: str) -> tuple[float, str]:
    """`N:CHIP` as a number and a name."""
    count, colon, name = text.partition(":")
    try:
        number = float(count)
    except ValueError:
        number = float("nan")
    if not colon or not name.strip() or number != number:
        raise UsageError(f"--chips: found {text!r}; expected N:CHIP such as 16384:h100")
    return number, name.strip()


def _facts(run: Training, params: float, tokens: float) -> dict[str, float]:
    """What the scaling law and the failures say of the run."""
    from penstock.layers.ai.goodput import checkpoint_interval, system_mtbf_s
    from penstock.layers.ai.scaling import HUMAN_TEXT_TOKENS, best_split, limited_tokens, loss
    from penstock.layers.ai.training import ranges

    best = best_split(run.training_flop)
    table = ranges()
    between = float(system_mtbf_s(run.chips, table["chip_mtbf_h"][1]))
    interval = float(checkpoint_interval(run.chips, table["chip_mtbf_h"][1], table["checkpoint_s"][1]))
    return {
        "params": params,
        "tokens": tokens,
        "tokens_per_parameter": tokens / params,
        "loss_nats_per_token": float(loss(params, limited_tokens(tokens))),
        "best_params": float(best.parameters),
        "best_tokens": float(best.tokens),
        "best_loss_nats_per_token": float(best.loss),
        "share_of_human_text": tokens / HUMAN_TEXT_TOKENS[1],
        "hours_between_failures": between / 3600.0,
        "failures": run.days * 86_400.0 / between,
        "minutes_between_checkpoints": interval / 60.0,
    }


def _figures(run: Training, *, scaled: bool = False) -> pd.DataFrame:
    """Central figure and range of each quantity; `scaled` to units that a person reads."""
    import pandas as pd

    values = asdict(run)
    rows = []
    for key, words, unit in FIGURES:
        three = [values[key], values[f"{key}_low"], values[f"{key}_high"]]
        size, word = _unit(three[0], unit) if scaled else (1.0, unit)
        rows.append((words, *(None if value is None else value / size for value in three), word))
    frame = pd.DataFrame(rows, columns=["figure", "central", "low", "high", "unit"])
    return frame.astype({name: object for name in ("central", "low", "high")})


def _unit(value: float | None, unit: str) -> tuple[float, str]:
    """A size to divide by and the unit that it makes."""
    if unit == "FLOP" and value:
        power = 3 * (math.floor(math.log10(value)) // 3)
        return 10.0**power, f"1e{power} FLOP"
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if value is not None and value >= size:
            return size, f"{word} {unit}".strip()
    return 1.0, unit


def _assumed(chip: Chip) -> pd.DataFrame:
    """The parameters of the run with range and grade."""
    import pandas as pd

    from penstock.layers.ai.training import ranges_table

    rows = [(r["name"], r["low"], r["central"], r["high"], r["unit"], r["grade"]) for r in ranges_table()]
    if chip.price_usd is not None:
        low, central, high = chip.price_usd
        rows.append(("chip_usd", low, central, high, "USD in its system", chip.price_grade))
    return pd.DataFrame(rows, columns=["parameter", "low", "central", "high", "unit", "grade"])


def _grades(chip: Chip) -> dict[str, float]:
    """Number of inputs by evidence grade."""
    from collections import Counter

    from penstock.layers.ai.training import ranges_table

    grades = [str(row["grade"]) for row in ranges_table()] + [chip.grade]
    if chip.price_usd is not None:
        grades.append(chip.price_grade)
    return dict(Counter(grades))


def _title(run: Training, chip: Chip, params: float, tokens: float) -> str:
    size, data = _words(params, "parameters"), _words(tokens, "tokens")
    return f"{size} on {data} with {run.chips:,.0f} {chip.name}, {run.precision}"


def _words(value: float, unit: str) -> str:
    size, word = _unit(value, unit)
    return f"{value / size:.4g} {word}"


def _note(run: Training, facts: dict[str, float]) -> str:
    """Sentences under the table."""
    lines = [
        f"One failure in {facts['hours_between_failures']:.2g} h, {facts['failures']:,.0f} in all; "
        f"a checkpoint every {facts['minutes_between_checkpoints']:.2g} min.",
        f"{facts['tokens_per_parameter']:,.0f} tokens a parameter, "
        f"{100.0 * facts['share_of_human_text']:.2g} % of public human text: "
        f"loss {facts['loss_nats_per_token']:.4f} nats a token.",
        f"The least loss at this work is {facts['best_loss_nats_per_token']:.4f}, with "
        f"{_words(facts['best_params'], 'parameters')} on {_words(facts['best_tokens'], 'tokens')}.",
    ]
    if run.cost_usd is None:
        lines.append("No cost: the world knows no price or no system power of this chip.")
    elif run.usd_per_chip_hour is not None:
        lines.append(f"Cost at {run.usd_per_chip_hour:.2f} USD a chip-hour; experiments before the run are not in it.")
    return "\n".join(lines)
