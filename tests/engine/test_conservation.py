"""Conservation: what one has another gave, on every path, quarter and company, whatever the scenario."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from audit import Audit, audited
from simulated import LIBRARY, Array, model_of, prepared, step_wrapped, walk

from penstock.engine.bills import write_out
from penstock.engine.checks import conservation_error
from penstock.engine.model import Model
from penstock.engine.moment import Moment
from penstock.engine.steps import close, deliver, mend, rounds, settle
from penstock.money import kernels

EXACT = 1e-9
CAUGHT = 1e-6

IDENTITIES = (
    "net worth by stocks",
    "income, revaluation and issuance",
    "failures are booked on both sides",
    "cash moves by payments",
    "cash adds to nothing",
    "debt moves by draws, interest and payments",
    "receivables move by bills and payments",
    "called guarantees move by what was paid",
    "claims net to nothing",
    "shares add to one",
    "all debt is loan, bond or lease",
    *(
        f"holders carry what issuers owe: {kind}"
        for kind in ("loan", "bond", "lease", "receivable", "guarantee", "other")
    ),
    "chips are somewhere",
    "chips come from shipments",
    "power within halls and firm power",
)


@pytest.fixture(scope="module", params=LIBRARY)
def audit(request: pytest.FixtureRequest) -> Audit:
    return audited(request.param)


@pytest.mark.parametrize("identity", IDENTITIES)
def test_identity_holds_in_each_quarter_of_each_path(audit: Audit, identity: str) -> None:
    assert len(audit.errors[identity]) >= audit.quarters
    assert audit.worst(identity) < EXACT


def test_the_engine_finds_the_same(audit: Audit) -> None:
    assert audit.recorder.conservation.max() < EXACT
    assert audit.recorder.nonconverged.sum() == 0


def test_the_library_makes_firms_fail_so_that_failures_are_audited_too() -> None:
    assert audited("funding_freeze").defaults > 10


def test_there_is_never_less_than_nothing(audit: Audit) -> None:
    below = {name: low for name, low in audit.lowest.items() if name != "firms' cash" and low < -1e-12}
    assert not below


def test_no_firm_spends_money_that_it_does_not_have(audit: Audit) -> None:
    assert audit.lowest["firms' cash"] > -1e-8


def test_mood_and_utilisation_stay_inside_their_bounds(audit: Audit) -> None:
    assert 0.0 < audit.lowest["mood"] <= audit.highest["mood"] < 1.0
    assert audit.highest["utilisation"] <= 0.95 + 1e-12


def test_no_number_is_missing_or_infinite(audit: Audit) -> None:
    assert audit.unusual == []


def test_the_opening_is_the_balance_sheet() -> None:
    audit = audited("baseline")
    firms = len(audit.sheet_equity)
    error = np.abs(audit.opening_worth[:firms] - audit.sheet_equity) / audit.opening_size[:firms]
    assert error.max() < EXACT


# ------------------------------------------------------------------ mutations: a wrong posting is caught


def failing(quarters: int = 12) -> Model:
    """Twelve quarters of the freeze: firms fail, borrow, and sell shares in them."""
    return model_of("funding_freeze", quarters)


def worst_error(model: Model, identity: str | None = None) -> float:
    """What the engine's own check finds, of one identity or of all."""
    found = [0.0]

    def look(now: Moment) -> None:
        worst, errors = conservation_error(now)
        found[0] = max(found[0], float((worst if identity is None else errors[identity]).max()))

    walk(model, 8, after=look)
    return found[0]


def test_without_a_mutation_nothing_is_found() -> None:
    assert worst_error(failing()) < EXACT


def test_what_is_paid_at_once_is_owed_only_by_payers_that_fell_short() -> None:
    """The check passes over such ties until then."""
    owed_later = []

    def look(now: Moment) -> None:
        at_once, layout = now.block.cache["at_once"], now.block.layout
        stood = now.block.scratch.stood[layout.payer[: len(at_once)]]
        owed = now.state.ties.receivable
        assert not owed[at_once & ~stood].any()
        owed_later.append(owed[at_once & stood].any())

    walk(failing(), 8, after=look)
    assert any(owed_later)


def write_down_one_side(now: Moment) -> None:
    """A lender forgives a hundredth of a loan without a loss in its books."""
    now.state.ties.debt = (
        now.state.ties.debt * np.where(np.arange(len(now.state.ties.debt)) == largest_debt(now), 0.99, 1.0)[:, None]
    )


def largest_debt(now: Moment) -> int:
    return int(np.argmax(now.block.facts.debt_balance[:, 0]))


def borrower_gains_lender_forgets(now: Moment) -> None:
    """A write-down booked with the debtor alone."""
    write_down_one_side_by = 0.01 * now.state.ties.debt[largest_debt(now)]
    write_down_one_side(now)
    now.state.books.net_worth[now.block.layout.borrower[largest_debt(now)]] += write_down_one_side_by


def lender_loses_borrower_forgets(now: Moment) -> None:
    """A write-down booked with the creditor alone."""
    loss = 0.01 * now.state.ties.debt[largest_debt(now)]
    write_down_one_side(now)
    now.state.books.net_worth[now.block.layout.lender[largest_debt(now)]] -= loss


def pay_once(now: Moment) -> None:
    """A hundredth of a firm's wages leaves the payer and reaches nobody."""
    layout = now.block.layout
    wages = layout.wages.slice
    write_out(now)
    row = layout.wages.start + int(np.argmax(now.block.scratch.paid[wages, 0]))
    now.state.books.cash[layout.payer[row]] -= 0.01 * now.block.scratch.paid[row]


def pay_twice(now: Moment) -> None:
    """A payment between two units posted a second time in cash, with no bill behind it."""
    write_out(now)
    layout, paid = now.block.layout, now.block.scratch.paid
    row = int(np.argmax(paid[layout.flow.slice, 0]))
    kernels.post(0.01 * paid[[row]], layout.payer[[row]], layout.payee[[row]], now.state.books.cash)


def forget_a_bill(now: Moment) -> None:
    """A receivable that the customer's books know nothing of."""
    now.state.ties.receivable[int(np.argmax(now.state.ties.receivable[:, 0]))] *= 1.001


def lose_chips(now: Moment) -> None:
    now.state.fleet.bought[0] *= 0.999


def forget_depreciation(now: Moment) -> None:
    """Plant that wears out in the sheet and not in income."""
    now.state.firms.buildings *= 0.9999


MUTATIONS: dict[str, tuple[object, str, Callable[[Moment], None]]] = {
    "write-down with the debtor alone": (mend, "mend", borrower_gains_lender_forgets),
    "write-down with the creditor alone": (mend, "mend", lender_loses_borrower_forgets),
    "payment posted once": (settle, "settle", pay_once),
    "payment posted twice": (settle, "settle", pay_twice),
    "bill of one side": (settle, "settle", forget_a_bill),
    "chips lost on the way": (deliver, "deliver", lose_chips),
    "wear that income does not know": (close, "close_books", forget_depreciation),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_posting_made_wrong_is_caught(name: str) -> None:
    module, step, mutation = MUTATIONS[name]
    with step_wrapped(module, step, after=mutation):
        assert worst_error(failing(3)) > CAUGHT


def test_a_forgotten_dilution_is_caught() -> None:
    kept: dict[str, Array] = {}

    def remember(now: Moment) -> None:
        kept["stake"] = now.state.ties.stake.copy()

    def forget(now: Moment) -> None:
        new = now.state.ties.stake
        now.state.ties.stake = np.maximum(new, kept["stake"])

    with step_wrapped(rounds, "sell_equity", before=remember, after=forget):
        assert worst_error(failing(), "shares") > CAUGHT


@pytest.mark.parametrize("account", ["buildings", "other_assets", "other_liabilities"])
def test_a_figure_changed_after_the_opening_is_caught(account: str) -> None:
    def change(now: Moment) -> None:
        if now.quarter == 0:
            getattr(now.state.firms, account)[0] += 0.1

    found: list[float] = []

    def look(now: Moment) -> None:
        found.append(float(conservation_error(now)[0].max()))

    walk(failing(2), 4, before=change, after=look)
    assert max(found) > CAUGHT


def test_a_changed_cell_of_the_opening_sheet_is_caught() -> None:
    """The opening net worth by stocks leaves the sheet's equity when one cell is changed."""
    model = prepared()
    sheet = dict(model.facts.sheet)
    sheet["cash"] = sheet["cash"].copy()
    sheet["cash"][0] += 0.5
    changed = replace(model, facts=replace(model.facts, sheet=sheet), program=model_of("baseline", 1).program)
    audit = Audit(changed, 2)
    firms = len(audit.sheet_equity)
    error = np.abs(audit.opening_worth[:firms] - audit.sheet_equity) / audit.opening_size[:firms]
    assert error.max() > CAUGHT
