"""Tables of circular money: loops, their ties, dollars by stage, and what companies are without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from penstock.analysis.circulation import Array, Loop
from penstock.analysis.money_ties import STAGES
from penstock.analysis.staged_loops import KINDS, Network, StagedLoop, staged_loops
from penstock.errors import ModelError
from penstock.world.grading import weakest

if TYPE_CHECKING:
    import pandas as pd

    from penstock.engine.opening.state import Opening

BINDINGS = ("firm", "conditional", "reported", "intent")
"""Firmest first: a loop is as firm as its weakest tie."""


def network_of(table: pd.DataFrame) -> Network:
    """The network of a table with the columns tie_id, payer, payee, financing."""
    units = tuple(sorted({*table["payer"], *table["payee"]}))
    place = {name: number for number, name in enumerate(units)}
    return Network(
        units=units,
        payer=table["payer"].map(place).to_numpy(np.intp),
        payee=table["payee"].map(place).to_numpy(np.intp),
        financing=table["financing"].to_numpy(bool),
        keys=tuple(table["tie_id"]),
    )


def _names(network: Network, loop: Loop) -> str:
    ends = [network.units[network.payer[tie]] for tie in loop.ties]
    return " > ".join([*ends, ends[0]])


def loops_table(network: Network, table: pd.DataFrame, loops: Sequence[StagedLoop]) -> pd.DataFrame:
    """A row a loop. The number of a loop is its place in `loops`, from 1."""
    import pandas as pd

    rows = []
    for number, staged in enumerate(loops, start=1):
        ties = table.iloc[list(staged.loop.ties)]
        rows.append(
            {
                "loop": number,
                "kind": staged.kind,
                "stage": STAGES[staged.stage],
                "usd_bn": staged.loop.amount,
                "low_usd_bn": staged.low,
                "high_usd_bn": staged.high,
                "companies": _names(network, staged.loop),
                "ties": "; ".join(ties["tie_id"]),
                "binding": max(ties["binding"], key=lambda word: BINDINGS.index(word) if word in BINDINGS else 0),
                "grade": weakest(ties["grade"]),
            }
        )
    columns = ["loop", "kind", "stage", "usd_bn", "low_usd_bn", "high_usd_bn", "companies", "ties", "binding", "grade"]
    frame = pd.DataFrame(rows, columns=columns)
    order = [frame["kind"].map(KINDS.index), frame["stage"].map(STAGES.index), -frame["usd_bn"], frame["ties"]]
    keyed = pd.DataFrame({str(number): values for number, values in enumerate(order)})
    return frame.loc[keyed.sort_values(list(keyed.columns)).index].reset_index(drop=True)


def legs_table(network: Network, table: pd.DataFrame, loops: Sequence[StagedLoop]) -> pd.DataFrame:
    """A row a tie of a loop, with the dollars of the loop on it by stage; paid dollars are used first."""
    import pandas as pd

    left = {stage: np.asarray(table[f"{stage}_usd_bn"], dtype=np.float64).copy() for stage in STAGES}
    rows = []
    for number, staged in enumerate(loops, start=1):
        for leg, tie in enumerate(staged.loop.ties, start=1):
            row = table.iloc[tie]
            wanted, by_stage = staged.loop.amount, {}
            for stage in STAGES[: staged.stage + 1]:
                taken = min(wanted, float(left[stage][tie]))
                left[stage][tie] -= taken
                wanted -= taken
                by_stage[f"{stage}_usd_bn"] = taken
            rows.append(
                {
                    "loop": number,
                    "leg": leg,
                    "tie_id": row["tie_id"],
                    "kind": row["kind"],
                    "payer": row["payer"],
                    "payee": row["payee"],
                    "usd_bn": staged.loop.amount,
                    **{f"{stage}_usd_bn": by_stage.get(f"{stage}_usd_bn", 0.0) for stage in STAGES},
                    "tie_usd_bn": float(sum(row[f"{stage}_usd_bn"] for stage in STAGES)),
                    "grade": row["grade"],
                    "rule": row["rule"],
                }
            )
    columns = ["loop", "leg", "tie_id", "kind", "payer", "payee", "usd_bn", *(f"{stage}_usd_bn" for stage in STAGES),
               "tie_usd_bn", "grade", "rule"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def totals_table(network: Network, loops: Sequence[StagedLoop], levels: Mapping[str, Array]) -> pd.DataFrame:
    """Dollars and number of loops by kind and stage; the range is that of the network at its low and high amounts."""
    import pandas as pd

    def sums(found: Sequence[StagedLoop]) -> dict[tuple[str, int], float]:
        out: dict[tuple[str, int], float] = {}
        for staged in found:
            key = (staged.kind, staged.stage)
            out[key] = out.get(key, 0.0) + staged.loop.amount
        return out

    central, low, high = sums(loops), *(sums(staged_loops(network, levels[level])) for level in ("low", "high"))
    rows = []
    for kind in KINDS:
        for number, stage in enumerate(STAGES):
            key = (kind, number)
            amount = central.get(key, 0.0)
            rows.append(
                {
                    "kind": kind,
                    "stage": stage,
                    "loops": sum((staged.kind, staged.stage) == key for staged in loops),
                    "usd_bn": amount,
                    "low_usd_bn": min(amount, low.get(key, 0.0)),
                    "high_usd_bn": max(amount, high.get(key, 0.0)),
                }
            )
    return pd.DataFrame(rows)


def stakes_of(opening: Opening | None) -> dict[tuple[str, str], float]:
    """Share of each company that another company of the model holds, by (holder, company)."""
    if opening is None:
        return {}
    firms = set(opening.firms)
    frame = opening.stakes
    columns = (frame["holder"], frame["company"], frame["share"])
    return {(str(a), str(b)): float(c) for a, b, c in zip(*columns, strict=True) if a in firms and c > 0.0}


def netted_values(value: Array, share: Array, stakes: Array) -> Array:
    """Values of companies when each loses a share of the worth of its own business, (companies,), usd_bn.

    A company is worth its own business and its stakes, V = b + S V; S[i, j] is what i holds of j. The business loses
    `share` of its worth and stakes follow: V' = (I - S)^-1 b' (cross-holdings as in Elliott, Golub and Jackson 2014,
    without their failures). Raises ModelError where companies own each other whole.
    """
    business = value - stakes @ value
    lost = np.maximum(business, 0.0) * share
    try:
        fall = np.linalg.solve(np.eye(len(value)) - stakes, lost)
    except np.linalg.LinAlgError:
        raise ModelError("stakes: found companies that own each other whole; expected an owner outside") from None
    return np.asarray(value - fall)


SUMS = ("financed", "low", "high", "own", "committed", "intended")
"""What a seller gets out of financed loops: paid, with its range; paid by itself; committed; intended. usd_bn."""


def seller_sums(network: Network, loops: Sequence[StagedLoop]) -> dict[str, Array]:
    """Revenue of each unit in financed loops, (units,) each, by `SUMS`."""
    sums = {name: np.zeros(len(network.units)) for name in SUMS}
    for staged in loops:
        if staged.kind != "financed":
            continue
        ties = list(staged.loop.ties)
        financiers = {int(network.payer[tie]) for tie in ties if network.financing[tie]}
        sellers = [int(network.payee[tie]) for tie in ties if not network.financing[tie]]
        for seller in sellers:
            if STAGES[staged.stage] != "paid":
                sums[STAGES[staged.stage]][seller] += staged.loop.amount
                continue
            sums["financed"][seller] += staged.loop.amount
            sums["low"][seller] += staged.low
            sums["high"][seller] += staged.high
            sums["own"][seller] += staged.loop.amount * (seller in financiers)
    return sums


def companies_table(
    units: Sequence[str],
    sums: Mapping[str, Array],
    revenue: Mapping[str, float],
    value: Mapping[str, float],
    stakes: Mapping[tuple[str, str], float],
    layers: Mapping[str, str],
) -> pd.DataFrame:
    """A row a company that sells in a financed loop or whose value loops touch.

    `financed_usd_bn` is revenue of the year in paid loops, `own_usd_bn` the part whose loop the company financed
    itself (allies the rest); shares are of its revenue. Netted: revenue without it, and value when the company's own
    business loses as much of its worth as of its revenue (`netted_values`).
    """
    import pandas as pd

    names = sorted({*units, *(name for pair in stakes for name in pair), *value})
    place = {name: number for number, name in enumerate(names)}
    spread = {key: np.zeros(len(names)) for key in SUMS}
    for key in SUMS:
        spread[key][[place[name] for name in units]] = sums[key]
    sold = np.array([revenue.get(name, np.nan) for name in names])
    worth = np.array([value.get(name, 0.0) for name in names])
    held = np.zeros((len(names), len(names)))
    for (holder, company), part in stakes.items():
        held[place[holder], place[company]] = part
    shares = {key: _shares(spread[key], sold) for key in ("financed", "low", "high")}
    after = netted_values(worth, np.nan_to_num(shares["financed"]), held)
    known = np.where(worth > 0.0, worth, np.nan)
    frame = pd.DataFrame(
        {
            "company_id": names,
            "layer": [layers.get(name, "") for name in names],
            "revenue_usd_bn": sold,
            "financed_usd_bn": spread["financed"],
            "low_usd_bn": spread["low"],
            "high_usd_bn": spread["high"],
            "own_usd_bn": spread["own"],
            "allies_usd_bn": spread["financed"] - spread["own"],
            "share": shares["financed"],
            "low_share": shares["low"],
            "high_share": shares["high"],
            "revenue_netted_usd_bn": sold - spread["financed"],
            "value_usd_bn": known,
            "value_netted_usd_bn": np.where(worth > 0.0, after, np.nan),
            "committed_usd_bn": spread["committed"],
            "intended_usd_bn": spread["intended"],
        }
    )
    touched = sum(spread[key] for key in ("financed", "high", "committed", "intended")) > 0.0
    frame = frame[touched | (worth - after > 1e-9)]
    return frame.sort_values(
        ["financed_usd_bn", "committed_usd_bn", "intended_usd_bn", "company_id"],
        ascending=[False, False, False, True],
        ignore_index=True,
    )


def whole_table(
    companies: pd.DataFrame, revenue: float, sellers: int, span: tuple[float, float] | None = None
) -> dict[str, float | int]:
    """Share of all sellers' revenue that the sellers' side financed, and the value lost when it is netted out.

    `span`: low and high of the financed revenue where they are not the sums of the companies'.
    """
    parts = {key: float(companies[f"{key}_usd_bn"].sum()) for key in ("financed", "low", "high")}
    if span is not None:
        parts["low"], parts["high"] = span
    value, netted = companies["value_usd_bn"].sum(), companies["value_netted_usd_bn"].sum()
    return {
        "sellers": sellers,
        "revenue_usd_bn": revenue,
        **{f"{key}_usd_bn": amount for key, amount in parts.items()},
        **{f"{key}_share": amount / revenue if revenue > 0.0 else float("nan") for key, amount in parts.items()},
        "value_lost_usd_bn": float(value - netted),
    }


def _shares(part: Array, whole: Array) -> Array:
    """Share of a year's revenue, at most all of it; none where revenue is not known and something is financed."""
    known = whole > 0.0
    out = np.where(part > 0.0, np.nan, 0.0)
    out[known] = np.minimum(part[known] / whole[known], 1.0)
    return out


def sentence_of(totals: pd.DataFrame, whole: Mapping[str, float | int], silent: int) -> str:
    """The answer in words."""
    mine = totals[totals["kind"] == "financed"]
    columns = (mine["stage"], mine["usd_bn"], mine["low_usd_bn"], mine["high_usd_bn"])
    told = [
        f"{at:,.1f} usd_bn {stage} ({low:,.1f} to {high:,.1f})" for stage, at, low, high in zip(*columns, strict=True)
    ]
    share = f"{whole['financed_share']:.2%} ({whole['low_share']:.2%} to {whole['high_share']:.2%})"
    text = (
        f"Put into customers and back as revenue: {'; '.join(told)}. The sellers' side financed {share} of the yearly "
        f"revenue of {whole['sellers']} sellers whose revenue is known."
    )
    return f"{text} {silent} ties tell no amount and are in no loop." if silent else text
