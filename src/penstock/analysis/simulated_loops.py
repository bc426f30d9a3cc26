"""Circular money in a simulated year, on each path: bills of purchases, rounds, loans and suppliers' credit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from penstock.analysis.circularity_tables import (
    SUMS,
    companies_table,
    network_of,
    seller_sums,
    sentence_of,
    stakes_of,
    whole_table,
)
from penstock.analysis.circulation import Array
from penstock.analysis.staged_loops import KINDS, Network, StagedLoop, staged_loops
from penstock.engine.opening.state import LAYERS

if TYPE_CHECKING:
    import pandas as pd

    from penstock.analysis.circularity import Circularity
    from penstock.analysis.money_year import MoneyYear

SMALLEST_USD_BN = 1e-6
"""Loops whose mean is smaller are left out of the table: a thousand dollars a year."""


def year_ties(money: MoneyYear) -> tuple[pd.DataFrame, Array]:
    """Money between firms in a year: a row a tie (tie_id, kind, payer, payee, financing), and (ties, paths) usd_bn.

    Purchases are what was billed. Financing: rounds and loans of firms, and the bills that suppliers of equipment let
    stand, shared among them by what they billed.
    """
    import pandas as pd

    layout = money.layout
    units, firms, flow = layout.units, layout.firms, layout.flow.slice
    rows: list[tuple[str, str, str, str, bool]] = []
    amounts: list[Array] = []

    def add(tie: str, kind: str, payer: int, payee: int, financing: bool, amount: Array) -> None:
        if payer < firms and payee < firms and payer != payee and (amount > 0.0).any():
            rows.append((tie, kind, units[payer], units[payee], financing))
            amounts.append(np.asarray(amount, dtype=np.float64))

    billed, payer, payee = money.billed[flow], layout.payer[flow], layout.payee[flow]
    kinds = [tie.split(":", 1)[0] for tie in layout.tie_id[flow]]
    for tie in range(len(kinds)):
        add(layout.tie_id[tie], kinds[tie], int(payer[tie]), int(payee[tie]), False, billed[tie])
    for stake, name in enumerate(layout.stake_id):
        ends = int(layout.stake_holder[stake]), int(layout.stake_company[stake])
        add(name, "equity", *ends, True, money.invested[stake])
    for debt, name in enumerate(layout.debt_id):
        add(name, "loan", int(layout.lender[debt]), int(layout.borrower[debt]), True, money.drawn[debt])
    bought = np.zeros((layout.unit_count + 1, billed.shape[-1]))
    np.add.at(bought, layout.equipment_payer, billed)
    for tie in np.flatnonzero(layout.equipment_payer < firms).tolist():
        buyer = int(payer[tie])
        share = billed[tie] / np.maximum(bought[buyer], 1e-12)
        credit = money.vendor_credit[buyer] * share
        add(f"credit:{layout.tie_id[tie]}", "vendor_financing", int(payee[tie]), buyer, True, credit)
    table = pd.DataFrame(rows, columns=["tie_id", "kind", "payer", "payee", "financing"])
    return table, np.stack(amounts) if amounts else np.zeros((0, billed.shape[-1]))


def simulated_circularity(money: MoneyYear) -> Circularity:
    """Loops of the year on each path: the mean over paths, its standard error, and 5 to 95 % of paths."""
    import pandas as pd

    from penstock.analysis.circularity import Circularity

    table, amounts = year_ties(money)
    network = network_of(table)
    paths = money.billed.shape[-1]
    by_path = [staged_loops(network, amounts[None, :, path]) for path in range(paths)]
    found: dict[tuple[str, tuple[int, ...]], Array] = {}
    for path, loops in enumerate(by_path):
        for staged in loops:
            found.setdefault((staged.kind, staged.loop.ties), np.zeros(paths))[path] += staged.loop.amount
    totals = _totals(by_path)
    layout = money.layout
    names = list(layout.units[: layout.firms])
    revenue = dict(zip(names, money.revenue.mean(axis=1).tolist(), strict=True))
    value = dict(zip(names, money.value.mean(axis=1).tolist(), strict=True))
    layers = {name: LAYERS[layer] for name, layer in zip(names, layout.layer, strict=True)}
    sums, span = _sums(network, by_path)
    companies = companies_table(network.units, sums, revenue, value, stakes_of(money.model.opening), layers)
    sellers = set(table.loc[~table["financing"], "payee"])
    whole = whole_table(companies, sum(revenue[name] for name in sorted(sellers)), len(sellers), span)
    scenario = money.model.program.name
    return Circularity(
        basis=f"{scenario}, {money.when}, {paths:,} paths; mean, range 5 to 95 % of paths; loops per path",
        sentence=sentence_of(totals, whole, 0),
        whole=whole,
        totals=totals,
        loops=_loops(network, table, found),
        legs=pd.DataFrame(_legs(network, table, found)),
        companies=companies,
    )


def _order(found: dict[tuple[str, tuple[int, ...]], Array], network: Network) -> list[tuple[str, tuple[int, ...]]]:
    """Loops that matter, largest mean first within a kind."""
    kept = [key for key, amount in found.items() if amount.mean() > SMALLEST_USD_BN]
    return sorted(
        kept, key=lambda key: (KINDS.index(key[0]), -found[key].mean(), [network.keys[tie] for tie in key[1]])
    )


def _loops(network: Network, table: pd.DataFrame, found: dict[tuple[str, tuple[int, ...]], Array]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for number, (kind, ties) in enumerate(_order(found, network), start=1):
        amount = found[kind, ties]
        ends = [network.units[network.payer[tie]] for tie in ties]
        rows.append(
            {
                "loop": number,
                "kind": kind,
                "stage": "paid",
                "usd_bn": amount.mean(),
                "low_usd_bn": np.quantile(amount, 0.05),
                "high_usd_bn": np.quantile(amount, 0.95),
                "se_usd_bn": _error(amount),
                "share_of_paths": (amount > 0.0).mean(),
                "companies": " > ".join([*ends, ends[0]]),
                "ties": "; ".join(network.keys[tie] for tie in ties),
            }
        )
    columns = ["loop", "kind", "stage", "usd_bn", "low_usd_bn", "high_usd_bn", "se_usd_bn", "share_of_paths",
               "companies", "ties"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _legs(
    network: Network, table: pd.DataFrame, found: dict[tuple[str, tuple[int, ...]], Array]
) -> Iterable[dict[str, object]]:
    for number, (kind, ties) in enumerate(_order(found, network), start=1):
        for leg, tie in enumerate(ties, start=1):
            row = table.iloc[tie]
            yield {
                "loop": number,
                "leg": leg,
                **{name: row[name] for name in ("tie_id", "kind", "payer", "payee")},
                "usd_bn": found[kind, ties].mean(),
            }


def _totals(by_path: list[list[StagedLoop]]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for kind in KINDS:
        dollars = np.array([sum(one.loop.amount for one in loops if one.kind == kind) for loops in by_path])
        count = np.array([sum(one.kind == kind for one in loops) for loops in by_path])
        rows.append(
            {
                "kind": kind,
                "stage": "paid",
                "loops": count.mean(),
                "usd_bn": dollars.mean(),
                "low_usd_bn": np.quantile(dollars, 0.05),
                "high_usd_bn": np.quantile(dollars, 0.95),
                "se_usd_bn": _error(dollars),
            }
        )
    return pd.DataFrame(rows)


def _sums(network: Network, by_path: list[list[StagedLoop]]) -> tuple[dict[str, Array], tuple[float, float]]:
    """Means over paths of what sellers get in financed loops, the range of paths, and that of all sellers together."""
    each = [seller_sums(network, loops) for loops in by_path]
    sums = {name: np.stack([one[name] for one in each]).mean(axis=0) for name in SUMS}
    financed = np.stack([one["financed"] for one in each])
    sums["low"], sums["high"] = np.quantile(financed, 0.05, axis=0), np.quantile(financed, 0.95, axis=0)
    low, high = np.quantile(financed.sum(axis=1), [0.05, 0.95])
    return sums, (float(low), float(high))


def _error(values: Array) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
