"""Step 11, wind up: what a firm leaves is sold, and the money goes to its creditors by seniority."""

from __future__ import annotations

from penstock.arrays import np
from penstock.conduct import rescue
from penstock.engine.moment import Moment, by_path
from penstock.engine.steps import fleets, pairs
from penstock.money import failure
from penstock.money.kernels import _CUBE, _FLAG_IN, _IDX, _IDX_IN, _INT, _MAT, _MAT_IN, _VEC, _VEC_IN
from penstock.passes import boolean, kernel, void

Array = np.ndarray

IMPAIRED = 0.5
"""Share of its book that the plant of a failed firm loses when it is restructured or bought (assumption, 0.3 to
0.7)."""
GOODWILL_LOST = 0.8
"""Share of goodwill and inventory that is worth nothing where a firm ends (assumption, 0.6 to 1)."""


def wind_up(now: Moment, firms: Array, lanes: Array, written_off: Array) -> None:
    """Plant is sold, cash goes to creditors by rank, the rest of the claims is lost, contracts end.

    written_off: share of its book that the plant of each pair (firm, path) has lost before.
    """
    sell_estate(now, firms, lanes, written_off)
    pay_by_rank(now, firms, lanes)
    nothing = np.zeros(len(firms))
    failure.cut(firms, lanes, *now.block.ties_of["contracts_of"], nothing, now.state.ties.activity)
    fleet, r = now.state.fleet, now.results
    fleets.before_they_move(now, lanes, firms, np.full_like(firms, now.block.layout.owners))
    pairs.hand_fleet_on(
        firms, lanes, now.block.layout.owners, fleet.bought, fleet.opening_power, fleet.hall_stages,
        fleet.power_stages, fleet.halls, fleet.firm_power, fleet.delivered, fleet.retired, fleet.failed, fleet.waiting,
        fleet.backlog, fleet.lasting, fleet.drawn, r["stock_after"], r["power_after"], np.empty(now.block.width),
    )  # fmt: skip


def sell_estate(now: Moment, firms: Array, lanes: Array, written_off: Array) -> None:
    """Plant goes to buyers outside the firms at what a forced sale brings, less the more is sold at once.

    Fleets go to owners elsewhere, all else to private investors: they pay the firm, which books what is missing.
    """
    f, books, layout = now.state.firms, now.state.books, now.block.layout
    book, sold, stock, price = np.empty((4, len(firms)))
    elsewhere = np.empty(len(firms), dtype=np.intp)
    weigh_estates(
        firms, lanes, f.compute_equipment, f.buildings, f.construction, book, sold, stock,
        *np.zeros((2, now.block.width)),
    )  # fmt: skip
    scale = by_path(now.lever("finance.recovery"), now.block.width)
    hand_estates_over(
        firms, lanes, book, rescue.fire_sale_price(sold, stock), scale, written_off, layout.owners,
        int(layout.owner_unit[-1]), layout.sector["private_investors"], f.equipment_entries, f.equipment_gross,
        f.compute_equipment, f.buildings, f.construction, f.inventory, f.goodwill, books.cash, books.net_worth,
        elsewhere, price,
    )  # fmt: skip
    now.handed_over.append(("plant", elsewhere, firms, lanes, price, -1))


@kernel(void(_IDX_IN, _IDX_IN, *[_MAT_IN] * 3, *[_VEC] * 5), pairs=("firm", "path", "book", "sold", "stock"))
def weigh_estates(
    firm: Array,
    path: Array,
    equipment: Array,
    buildings: Array,
    construction: Array,
    book: Array,
    sold: Array,
    stock: Array,
    for_sale: Array,
    there: Array,
) -> None:
    """Set the plant of each pair, all plant that is sold on its path, and all plant of firms there, usd_bn.

    `for_sale` and what is `there`, (paths,), zeros, are room to work in: plant of all firms is added up once a path,
    so that the cost grows with firms and failures and not with their product.
    """
    for k in range(firm.shape[0]):
        f, n = firm[k], path[k]
        book[k] = equipment[f, n] + buildings[f, n] + construction[f, n]
        for_sale[n] += book[k]
    for k in range(firm.shape[0]):
        n = path[k]
        sold[k] = for_sale[n]
        if there[n] == 0.0:
            compute, halls, begun = 0.0, 0.0, 0.0
            for f in range(equipment.shape[0]):
                compute += equipment[f, n]
                halls += buildings[f, n]
                begun += construction[f, n]
            there[n] = compute + halls + begun
        stock[k] = there[n]


@kernel(
    void(*[_IDX_IN] * 2, *[_VEC_IN] * 4, *[_INT] * 3, _CUBE, *[_MAT] * 8, _IDX, _VEC),
    pairs=("firm", "path", "book", "share", "written_off", "buyer", "price"),
)
def hand_estates_over(
    firm: Array,
    path: Array,
    book: Array,
    share: Array,
    scale: Array,
    written_off: Array,
    owners: int,
    owner_elsewhere: int,
    investors: int,
    entries: Array,
    gross: Array,
    equipment: Array,
    buildings: Array,
    construction: Array,
    inventory: Array,
    goodwill: Array,
    cash: Array,
    worth: Array,
    buyer: Array,
    price: Array,
) -> None:
    """Buyers pay the `price` of each estate, which stood in the books at `book`; no plant is left to the firm.

    Sets who buys: what owners, the first of the firms, leave, other owners; all else, investors. A price is a `share`,
    by the `scale` of a scenario, (paths,), of the book of a going firm: of a book that was `written_off` before it is
    more.
    """
    for k in range(firm.shape[0]):
        f, n = firm[k], path[k]
        b = buyer[k] = owner_elsewhere if f < owners else investors
        price[k] = book[k] * min(max(share[k] * scale[n] / (1.0 - written_off[k]), 0.0), 1.0)
        cash[b, n] -= price[k]
        cash[f, n] += price[k]
        worth[b, n] -= price[k]
        worth[f, n] += price[k] - book[k]
        for item in (equipment, buildings, construction, gross):
            item[f, n] = 0.0
        for vintage in range(entries.shape[0]):
            entries[vintage, f, n] = 0.0
        for item in (inventory, goodwill):
            loss = item[f, n] * GOODWILL_LOST
            item[f, n] -= loss
            worth[f, n] -= loss


def claims_on(now: Moment) -> tuple[tuple[str, Array, Array, Array], ...]:
    """Kinds of claims on firms: name, creditor by tie, which ties rank first, and what is owed, (ties, paths)."""
    layout, ties, cache = now.block.layout, now.state.ties, now.block.cache
    return (
        ("debts_of", layout.lender, cache["ranks_first"], ties.debt),
        ("bills_of", layout.payee, cache["no_security"], ties.receivable),
        ("called_of", layout.payer[layout.guarantee.slice], cache["no_security"], ties.called),
    )


def pay_by_rank(now: Moment, firms: Array, lanes: Array) -> None:
    """Cash of each pair goes to secured lenders first, then to all others alike; what is left of claims is lost."""
    books, kinds = now.state.books, claims_on(now)
    sums, found = np.zeros((2, len(firms))), []
    for name, _, before, balance in kinds:
        of_firm = now.block.ties_of[name]
        owed = np.empty(failure.count_ties(firms, of_firm[0]))
        add_claims(firms, lanes, *of_firm, before, balance, owed, sums)
        found.append((of_firm, owed))
    secured, other = np.empty((2, len(firms)))
    divide_up(firms, lanes, books.cash, sums, secured, other)
    for (name, creditor, before, balance), (of_firm, owed) in zip(kinds, found, strict=True):
        paid, lost = np.empty((2, len(owed)))
        tie, debtor, path, receiver = np.empty((4, len(owed)), dtype=np.intp)
        debt = name == "debts_of"
        pay_claims(
            firms, lanes, *of_firm, creditor, before, owed, secured, other, debt, balance, books.cash, books.net_worth,
            now.results["repaid"], tie, receiver, debtor, path, paid, lost,
        )  # fmt: skip
        now.written_down.append((name, debtor, path, tie, owed, lost))
        now.handed_over.append(("repayment", receiver, debtor, path, paid, tie if debt else -1))


@kernel(void(_IDX_IN, _IDX_IN, _MAT_IN, _MAT_IN, _VEC, _VEC), pairs=("firm", "path", "sums", "secured", "other"))
def divide_up(firm: Array, path: Array, cash: Array, sums: Array, secured: Array, other: Array) -> None:
    """Set the shares that the cash of each pair pays of what ranks first and of all else; `sums` (2, pairs), usd_bn."""
    for k in range(firm.shape[0]):
        left = max(cash[firm[k], path[k]], 0.0)
        secured[k] = min(left / max(sums[0, k], 1e-12), 1.0)
        other[k] = min(max(left - sums[0, k], 0.0) / max(sums[1, k], 1e-12), 1.0)


@kernel(void(*[_IDX_IN] * 4, _FLAG_IN, _MAT_IN, _VEC, _MAT), pairs=("firm", "path", "sums"), entries=("owed",))
def add_claims(
    firm: Array, path: Array, first: Array, rows: Array, ranks_first: Array, balance: Array, owed: Array, sums: Array
) -> None:
    """Set what is `owed` on each tie of each pair, and add it to `sums`: what ranks first, and all else, (2, pairs).

    The ties of a firm are `rows`, from `first`.
    """
    entry = 0
    for k in range(firm.shape[0]):
        ahead, behind = 0.0, 0.0
        for j in range(first[firm[k]], first[firm[k] + 1]):
            owed[entry] = balance[rows[j], path[k]]
            if ranks_first[rows[j]]:
                ahead += owed[entry]
            else:
                behind += owed[entry]
            entry += 1
        sums[0, k] += ahead
        sums[1, k] += behind


@kernel(
    void(*[_IDX_IN] * 5, _FLAG_IN, *[_VEC_IN] * 3, boolean, *[_MAT] * 4, *[_IDX] * 4, _VEC, _VEC),
    pairs=("firm", "path", "secured", "other"),
    entries=("owed", "tie", "receiver", "debtor", "lane", "paid", "lost"),
)
def pay_claims(
    firm: Array,
    path: Array,
    first: Array,
    rows: Array,
    creditor: Array,
    ranks_first: Array,
    owed: Array,
    secured: Array,
    other: Array,
    is_debt: bool,
    balance: Array,
    cash: Array,
    worth: Array,
    repaid: Array,
    tie: Array,
    receiver: Array,
    debtor: Array,
    lane: Array,
    paid: Array,
    lost: Array,
) -> None:
    """Pay the share of its rank on each claim out of the cash of its pair, and write off the rest; usd_bn.

    Nothing is owed after. Debts that are paid are `repaid`, (firms, paths). Sets each claim's tie, its ends, its path
    (`lane`), what is `paid` and what is `lost`. The ties of a firm are `rows`, from `first`.
    """
    entry = 0
    for k in range(firm.shape[0]):
        f, n = firm[k], path[k]
        for j in range(first[f], first[f + 1]):
            t = rows[j]
            tie[entry], debtor[entry], lane[entry], receiver[entry] = t, f, n, creditor[t]
            paid[entry] = owed[entry] * (secured[k] if ranks_first[t] else other[k])
            lost[entry] = owed[entry] - paid[entry]
            balance[t, n] = 0.0
            entry += 1
    for k in range(tie.shape[0]):
        cash[receiver[k], lane[k]] += paid[k]
    for k in range(tie.shape[0]):
        cash[debtor[k], lane[k]] -= paid[k]
    for k in range(tie.shape[0]):
        worth[receiver[k], lane[k]] -= lost[k]
    for k in range(tie.shape[0]):
        worth[debtor[k], lane[k]] += lost[k]
    if is_debt:
        for k in range(tie.shape[0]):
            repaid[debtor[k], lane[k]] += paid[k]
