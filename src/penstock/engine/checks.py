"""Conservation: what must hold on every path, quarter and unit, and by how much it fails."""

from __future__ import annotations

import numpy as np

from penstock.engine.moment import Block, Moment
from penstock.engine.state import State
from penstock.money import kernels

Array = np.ndarray


def net_worth_by_balance(block: Block, state: State) -> Array:
    """Assets less liabilities of every unit from the stocks themselves, (units, paths), usd_bn."""
    layout, ties, firms, books = block.layout, state.ties, state.firms, state.books
    worth = books.cash.copy()
    # claims: the creditor's asset is the debtor's liability, from one number
    kernels.post(ties.debt, layout.borrower, layout.lender, worth)
    rows = layout.operating.slice
    kernels.post(ties.receivable, layout.payer[rows], layout.payee[rows], worth)
    if len(ties.called):
        kernels.post(ties.called, block.facts.guarantee_beneficiary, layout.payer[layout.guarantee.slice], worth)
    kernels.mark_to_market(ties.stake, firms.value, layout.stake_holder, layout.stake_company, worth)
    own = (
        firms.compute_equipment
        + firms.buildings
        + firms.construction
        + firms.inventory
        + firms.goodwill
        + firms.other_assets
        - firms.other_liabilities
    )
    worth[: layout.firms] += own
    worth[layout.sector["row_rest"]] += firms.other_liabilities.sum(axis=0)
    return worth


def conservation_error(now: Moment) -> tuple[Array, dict[str, Array]]:
    """Largest relative error of the identities of a quarter, (paths,), and each identity's own.

    balance: net worth by stocks = net worth by income, revaluation and issuance, of each unit, over its assets;
    cash: deposits of all units add to zero; shares: the stakes in each firm add to one;
    chips: delivered = in service + waiting + retired + failed; power: drawn <= halls and firm power.
    """
    block, state = now.block, now.state
    layout, books, firms, fleet = block.layout, state.books, state.firms, state.fleet
    worth = net_worth_by_balance(block, state)
    scale = np.abs(books.cash) + np.abs(books.net_worth) + 1.0
    scale[: layout.firms] += firms.compute_equipment + firms.buildings + firms.other_assets + block.cache["debt_owed"]
    balance = (np.abs(worth - books.net_worth) / scale).max(axis=0)
    cash = np.abs(books.cash.sum(axis=0)) / np.abs(books.cash).sum(axis=0)
    shares = np.zeros((layout.unit_count, block.width))
    kernels.accumulate(state.ties.stake, layout.stake_company, shares)
    held = np.abs(shares[: layout.firms] - 1.0) * block.cache["held"]
    stock, power = block.cache["owner_stock"], block.cache["owner_power"]
    chips = np.abs(fleet.delivered - stock - fleet.waiting - fleet.retired - fleet.failed)
    chips = (chips / np.maximum(fleet.delivered, 1e-3)).max(axis=0)
    errors = {"balance": balance, "cash": cash, "shares": held.max(axis=0), "chips": chips}
    if now.on("order"):
        limit = np.minimum(fleet.halls, fleet.firm_power)
        over = np.maximum(power - limit, 0.0) / np.maximum(limit, 1e-3)
        errors["power"] = over.max(axis=0)
    worst = np.max(np.stack(list(errors.values())), axis=0)
    return worst, errors
