"""What firms owe each other, own of each other and are committed to, with the equity that stands against losses.

Cut from the state of a model: the opening, or the mean over paths at the end of a quarter. Equity is that of the
books, stakes at market value; where it is not above 0 (share buy-backs, written-off plant), the market's value of the
firm stands in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from penstock.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from scipy import sparse

    from penstock.engine.model import Model
    from penstock.engine.moment import Block
    from penstock.engine.run import Run
    from penstock.engine.state import State
    from penstock.world import World

Floats = npt.NDArray[np.float64]

CONTRACT_QUARTERS = 4
"""Quarters of committed dues that a seller can lose with its buyer: until the capacity is let again (assumption, 2 to
8)."""
CONTRACT_LOSS = (0.15, 0.3, 0.6)
"""Part of those dues that a seller loses, costs saved and capacity let again taken off (assumption, grade F: low,
central, high)."""
SMALLEST_TIE_USD_BN = 1e-6
"""Smaller amounts (a thousand dollars) are no ties."""

DEBT, RECEIVABLE, STAKE, CONTRACT = "debt", "receivable", "stake", "contract"
OUTSIDE = "outside"
OWED = (DEBT, RECEIVABLE)
"""Kinds that are money owed now, which clearing pays."""


@dataclass(frozen=True)
class FirmNetwork:
    """Firms, in one order, and the ties between them. Money in `unit`."""

    where: str
    """which state this is, in words"""
    unit: str
    firms: tuple[str, ...]
    external_assets: Floats
    external_liabilities: Floats
    volatility: Floats | None
    """of equity, over the horizon of a valuation (a year for a world)"""
    ties: pd.DataFrame
    """tie_id, kind, debtor, creditor (numbers of firms), amount, seniority, grade"""
    backing: pd.DataFrame | None = None
    """kind (stake, guarantee, collateral), debtor, creditor, obligor, amount: what `clear_backed` takes"""

    @property
    def size(self) -> int:
        """How many firms there are."""
        return len(self.firms)

    def matrix(self, kinds: tuple[str, ...] | None = None, column: str = "amount") -> sparse.csr_array:
        """CSR `[debtor, creditor]` of the ties of some kinds, those between the same two added up."""
        from scipy import sparse

        ties = self.ties if kinds is None else self.ties[self.ties["kind"].isin(kinds)]
        rows, columns = ties["debtor"].to_numpy(np.int64), ties["creditor"].to_numpy(np.int64)
        values = (ties[column].to_numpy(float), (rows, columns))
        return sparse.csr_array(sparse.coo_array(values, shape=(self.size, self.size)))

    @property
    def equity(self) -> Floats:
        """Assets, claims on each other at face, less all liabilities."""
        owed = self.matrix(OWED)
        inside = np.asarray(owed.sum(axis=0)).ravel() - np.asarray(owed.sum(axis=1)).ravel()
        return np.asarray(self.external_assets - self.external_liabilities + inside)

    def without(self, tie_id: str) -> FirmNetwork:
        """The network without the ties of this name: what they carried is paid, or never was agreed."""
        gone = self.ties["tie_id"] == tie_id
        assets, liabilities = self.external_assets.copy(), self.external_liabilities.copy()
        owed = self.ties[gone & self.ties["kind"].isin(OWED)]
        # equity stays: the creditor has the money, and the debtor owes it outside
        np.add.at(assets, owed["creditor"].to_numpy(np.int64), owed["amount"].to_numpy(float))
        if (owed["seniority"] != 0).any():
            return self._owed_outside(gone, assets)
        ties = self.ties[~gone].reset_index(drop=True)
        np.add.at(liabilities, owed["debtor"].to_numpy(np.int64), owed["amount"].to_numpy(float))
        return replace(self, ties=ties, external_assets=assets, external_liabilities=liabilities)

    def _owed_outside(self, gone: Any, assets: Floats) -> FirmNetwork:
        """The same where what is owed has a rank of its own, which external liabilities have not.

        A last firm stands for those outside: it has nothing, and gets what the debtors of these ties pay.
        """
        volatility = None if self.volatility is None else np.append(self.volatility, 0.0)
        return replace(
            self,
            firms=(*self.firms, OUTSIDE),
            external_assets=np.append(assets, 0.0),
            external_liabilities=np.append(self.external_liabilities, 0.0),
            volatility=volatility,
            ties=self.ties.assign(creditor=self.ties["creditor"].where(~gone, self.size)),
        )

    def find_tie(self, text: str) -> str:
        """The tie that a text names: its id, or `debtor>creditor`. Raises UsageError."""
        from penstock.world.naming import nearest_name

        ids = list(dict.fromkeys(str(tie) for tie in self.ties["tie_id"]))
        if text in ids:
            return text
        pairs = [
            (f"{self.firms[d]}>{self.firms[c]}", str(i))
            for d, c, i in zip(self.ties["debtor"], self.ties["creditor"], self.ties["tie_id"], strict=True)
        ]
        found = [i for pair, i in pairs if pair == text]
        partly = list(dict.fromkeys(found or [i for i in ids if text and text in i]))
        if len(partly) == 1:
            return partly[0]
        if partly:
            raise UsageError(
                f"--remove: found {text!r}, which names {len(partly)}; expected one of {', '.join(partly[:12])}"
            )
        near = nearest_name(text, [*ids, *(pair for pair, _ in pairs)])
        hint = f"; nearest {near}" if near else ""
        raise UsageError(f"--remove: found {text!r}; expected a tie of this network or DEBTOR>CREDITOR{hint}")


def network_of(
    run_or_world: Run | World,
    *,
    scenario: str | None = None,
    quarter: str | None = None,
    paths: int = 256,
    quarters: int = 40,
    seed: int = 7,
    prior: bool = False,
) -> FirmNetwork:
    """The network of a world's opening state; with a scenario or a run, its mean over paths at the end of a quarter.

    `quarter` such as `2027Q4`, the last one unless given. The model is simulated again (a run's from its manifest, on
    its own paths), for tables do not hold single ties; a mean network holds the mean over the paths of every amount,
    failed firms and all. Raises UsageError for a quarter that is not simulated.
    """
    from penstock.engine.run import Run

    if isinstance(run_or_world, Run):
        name = scenario or run_or_world.scenarios[0]
        return _mean_network(run_or_world.model(name), quarter, int(run_or_world.manifest["paths"]), name)
    from penstock.engine.model import prepare

    if scenario is None:
        if quarter is not None:
            raise UsageError(
                "--quarter: found a quarter without a run or scenario; expected --run or --scenario beside it"
            )
        return _opening_network(prepare(run_or_world, quarters=1, seed=seed, prior=prior))
    model = prepare(run_or_world, scenario, quarters=quarters, seed=seed, prior=prior)
    return _mean_network(model, quarter, paths, scenario)


def _opening_network(model: Model) -> FirmNetwork:
    from penstock.engine.begin import begin_block
    from penstock.engine.model import block_width

    block, state = begin_block(
        model.layout,
        model.facts,
        model.program,
        seed=model.seed,
        first_path=0,
        width=block_width(1),
        prior=model.prior,
        trend=model.trend,
    )
    return _network(
        model, block, _amounts(block, state, 0, 1), f"opening state of {model.world_name}, {model.opening.as_of}"
    )


def _mean_network(model: Model, quarter: str | None, paths: int, name: str) -> FirmNetwork:
    from penstock.engine.model import WIDTH, block_width, run_block
    from penstock.engine.moment import Moment

    sums: dict[str, Floats] = {}
    seen: list[str] = []
    blocks: list[Block] = []
    last = model.program.quarters - 1
    for first in range(0, paths, WIDTH):
        lanes = min(WIDTH, paths - first)

        def look(now: Moment, label: str, lanes: int = lanes) -> None:
            if label not in seen:
                seen.append(label)
            if label == quarter or (quarter is None and now.quarter == last):
                blocks[:] = [now.block]
                for key, values in _amounts(now.block, now.state, now.quarter + 1, lanes).items():
                    sums[key] = sums.get(key, 0.0) + values * lanes

        run_block(model, first, block_width(lanes), on_quarter=look)
        if not sums:
            raise UsageError(f"--quarter: found {quarter!r}; expected a quarter from {seen[0]} to {seen[-1]}")
    means = {key: values / paths for key, values in sums.items()}
    where = f"{name} of {model.world_name}, end of {quarter or seen[-1]}, mean of {paths:,} paths"
    return _network(model, blocks[0], means, where)


def _amounts(block: Block, state: State, ahead: int, lanes: int) -> dict[str, Floats]:
    """Mean over the first lanes of what a network is made of; `ahead` is the next quarter of the schedules."""
    layout, facts, ties, books = block.layout, block.facts, state.ties, state.books
    n = layout.firms

    def mean(values: Any) -> Floats:
        return np.asarray(values[:, :lanes].mean(axis=1))

    dues = facts.schedule_due[:, ahead : ahead + CONTRACT_QUARTERS].sum(axis=1)
    in_force = mean(ties.activity)[facts.schedule_tie]
    held = np.asarray(state.firms.value)[layout.stake_company % n]
    inside = (layout.stake_company < n)[:, None]
    return {
        "equity": mean(books.net_worth)[:n],
        "value": mean(state.firms.value),
        "other_liabilities": mean(state.firms.other_liabilities),
        "debt": mean(ties.debt),
        "receivable": mean(ties.receivable),
        "called": mean(ties.called),
        "stake": mean(np.where(inside, ties.stake * held, 0.0)),
        "contract": dues * in_force,
    }


def _network(model: Model, block: Block, amounts: dict[str, Floats], where: str) -> FirmNetwork:
    import pandas as pd

    layout, facts, opening, n = model.layout, model.facts, model.opening, model.layout.firms
    operating = layout.operating.slice
    schedules = opening.schedules
    parts = [
        (DEBT, layout.debt_id, layout.borrower, layout.lender, amounts["debt"], opening.debt_ties["grade"]),
        (
            RECEIVABLE,
            [f"bills:{tie}" for tie in layout.tie_id[operating]],
            layout.payer[operating],
            layout.payee[operating],
            amounts["receivable"],
            ["F"] * len(amounts["receivable"]),
        ),
        (STAKE, layout.stake_id, layout.stake_company, layout.stake_holder, amounts["stake"], opening.stakes["grade"]),
        (
            CONTRACT,
            [f"contract:{c or t}" for c, t in zip(schedules["contract_id"], schedules["tie_id"], strict=True)],
            layout.payer[facts.schedule_tie],
            layout.payee[facts.schedule_tie],
            amounts["contract"],
            schedules["grade"],
        ),
    ]
    columns = ["tie_id", "debtor", "creditor", "amount", "grade"]
    frames = [
        pd.DataFrame(dict(zip(columns, values, strict=True))).assign(kind=kind)
        for kind, *rest in parts
        for values in [[list(rest[0]), *(np.asarray(column) for column in rest[1:])]]
    ]
    table = pd.concat(frames, ignore_index=True)
    debtor, creditor = table["debtor"].to_numpy(), table["creditor"].to_numpy()
    owed = np.zeros(layout.unit_count)
    money = table["kind"].isin(OWED).to_numpy()
    np.add.at(owed, debtor[money], table["amount"].to_numpy(float)[money])
    np.add.at(owed, facts.guarantee_beneficiary, amounts["called"])
    liabilities = owed[:n] + amounts["other_liabilities"]
    between = (debtor < n) & (creditor < n) & (debtor != creditor)
    ties = table[between & (table["amount"].to_numpy(float) > SMALLEST_TIE_USD_BN)].reset_index(drop=True)
    claims, debts = np.zeros(n), np.zeros(n)
    inside = ties[ties["kind"].isin(OWED)]
    np.add.at(claims, inside["creditor"].to_numpy(np.int64), inside["amount"].to_numpy(float))
    np.add.at(debts, inside["debtor"].to_numpy(np.int64), inside["amount"].to_numpy(float))
    # a firm with less than no equity in its books that the market values has assets that no book shows
    equity = np.where(amounts["equity"] > 0.0, amounts["equity"], np.maximum(amounts["equity"], amounts["value"]))
    assets = equity + liabilities - claims
    outside = np.maximum(liabilities - debts, 0.0)
    return FirmNetwork(
        where=where,
        unit="usd_bn",
        firms=model.firms,
        external_assets=np.maximum(assets, 0.0),
        # what a sheet lacks in assets it owes
        external_liabilities=outside + np.maximum(-assets, 0.0),
        volatility=np.asarray(facts.equity_volatility)[:, 0],
        ties=ties.assign(seniority=0)[["tie_id", "kind", "debtor", "creditor", "amount", "seniority", "grade"]],
    )


def exposures(network: FirmNetwork, contract_loss: float = CONTRACT_LOSS[1]) -> Any:
    """CSR of what the first firm can lose on the second: debts, bills and stakes, and a part of committed dues."""
    from scipy import sparse

    scaled = network.ties.assign(
        amount=network.ties["amount"] * np.where(network.ties["kind"] == CONTRACT, contract_loss, 1.0)
    )
    return sparse.csr_array(replace(network, ties=scaled).matrix().T)
