"""The comparisons do the same work on both sides, or say that they do not."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from benchmarks import limit, opponents, posting

BENCH = pytest.mark.skipif(find_spec("mesa") is None or find_spec("agentpy") is None, reason="the extra bench")


def by_hand(work: posting.Ledger, path: int) -> posting.Accounts:
    """The work as its docstring has it where nobody falls short, tie by tie."""
    cash, worth, receivable, owed = work.cash.copy(), *(np.zeros(work.units) for _ in range(2)), 0.0 * work.flow
    for activity in work.activity[:, :, path]:
        for tie, (payer, payee) in enumerate(zip(work.payer, work.payee, strict=True)):
            billed = work.flow[tie] * activity[payer]
            paid = (owed[tie] + billed) * work.collection[tie]
            paid *= 1.0 - work.deferred[tie] * work.let_stand[payer, path]
            owed[tie] += billed - paid
            cash[payer] -= paid
            cash[payee] += paid
            worth[payer] -= billed
            worth[payee] += billed
            receivable[payee] += billed - paid
    return posting.Accounts(*(column[:, None] for column in (cash, worth, receivable[: work.firms], owed)))


def test_the_kernels_do_the_work_as_it_is_told() -> None:
    work = posting.bundled(2, 3)
    found = posting.by_penstock(work)
    assert posting.largest_gap(found, by_hand(work, 1), 1) < 1e-12
    assert work.deferred.any()
    assert np.abs(found.cash.sum(axis=0) - work.cash.sum()).max() < 1e-9 * np.abs(found.cash).max()


@BENCH
@pytest.mark.parametrize("cash_quarters", [posting.AMPLE, posting.SHORT])
def test_frameworks_end_with_the_same_accounts(cash_quarters: float) -> None:
    work = posting.bundled(2, 3, cash_quarters=cash_quarters)
    found = posting.by_penstock(work)
    for other in (posting.by_mesa, posting.by_agentpy):
        assert posting.largest_gap(found, other(work, 1), 1) < 1e-12


def test_a_row_tells_how_many_times_as_fast() -> None:
    row = opponents.Row("work", "call", "other 1", 2e-6, 5e-3, "equal")
    assert row.ratio == pytest.approx(2500.0)
    assert "| 2 µs | other 1 | 5 ms | 2.5e+03 |" in opponents.table([row])


def test_the_limit_is_bytes_over_bandwidth() -> None:
    stages = (limit.Stage("a", 10, 3.0, 6.0, 2.0), limit.Stage("b", 5, 1.0, 2.0, 2.0))
    found = limit.Limit(256, 4, 50.0, 4.0, 8.0, stages, 20.0)
    assert found.limit_ms(found.total) == pytest.approx(1.0)
    assert found.ratio == pytest.approx(4.0)
    assert found.path_quarters_per_s == pytest.approx(256_000.0)
    assert limit.table(found).splitlines()[2].startswith("| `a` | 10 | 3.00 | 6.00 | 0.750 |")
    assert "**4.0 times the limit**" in limit.sentences(found)
    # what a stage takes is told in full: limit, bytes moved again, calls, rest
    assert found.gap_ms(stages[0]) == pytest.approx((0.75, 0.2, 0.3))
    for stage in (*stages, found.total):
        assert found.limit_ms(stage) + sum(found.gap_ms(stage)) == pytest.approx(stage.ms)
    told = limit.largest_gaps(found).splitlines()
    assert told[0].startswith(
        "- `b`, 1.75 ms above its limit: 0.25 ms of bytes written and read again, 0.10 ms of 5 calls"
    )
    assert len(told) == 2


def test_books_of_the_frameworks_share_what_there_is_among_creditors() -> None:
    """One firm with half of what it owes, by hand: its customers' bills pay half, and the loss goes on."""
    firm, supplier, sector = (posting.Books() for _ in range(3))
    for books, limited, cash in ((firm, True, 1.0), (supplier, True, 0.0), (sector, False, 0.0)):
        books.open_books(limited, cash, 0.0)
    firm.bills = [posting.Bill(supplier, 1, 1.0, 1.0, False), posting.Bill(sector, 1, 1.0, 1.0, False)]
    supplier.bills = [posting.Bill(sector, 1, 1.0, 1.0, False)]
    everybody = [firm, supplier, sector]
    for books in everybody:
        books.write_bills()
    for books in everybody:
        books.see_what_it_can_pay()
    posting.clear(everybody)
    for books in everybody:
        books.pay_bills()
    assert [books.cash for books in everybody] == pytest.approx([0.0, 0.0, 1.0])
    assert [bill.owed for bill in firm.bills + supplier.bills] == pytest.approx([0.5, 0.5, 0.5])
