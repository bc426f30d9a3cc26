"""Winding-up: what is sold brings money, creditors are paid by rank, and nothing is made or lost on the way."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import Array, model_of

from penstock.engine.model import run_block
from penstock.engine.moment import Moment
from penstock.engine.steps import estate, pairs


def ties_of_pairs(firm: Array, first: Array, rows: Array) -> tuple[Array, Array]:
    """The ties of each pair (firm, path) in turn: number of the pair and tie, an entry each."""
    count = first[firm + 1] - first[firm]
    pair = np.repeat(np.arange(len(firm)), count)
    place = np.arange(len(pair)) - np.repeat(np.cumsum(count) - count, count)
    return pair.astype(np.intp), rows[first[firm][pair] + place]


def test_an_estate_is_sold_and_paid_out_by_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """No claim and no plant is left; others get nothing before those who rank first are whole; cash stays cash."""
    seen = []
    pay, wind = estate.pay_by_rank, estate.wind_up

    def watched(now: Moment, firms: Array, lanes: Array, written_off: Array) -> None:
        cash, plant = now.state.books.cash.sum(axis=0), now.state.firms.buildings[firms, lanes].copy()
        wind(now, firms, lanes, written_off)
        np.testing.assert_allclose(now.state.books.cash.sum(axis=0), cash, atol=1e-6)
        f = now.state.firms
        assert not (f.buildings + f.compute_equipment + f.construction)[firms, lanes].any()
        pair, tie = ties_of_pairs(firms, *now.block.ties_of["debts_of"])
        assert not now.state.ties.debt[tie, lanes[pair]].any()
        seen.append(float(plant.sum()))

    def paid(now: Moment, firms: Array, lanes: Array) -> None:
        already = len(now.written_down)
        pay(now, firms, lanes)
        lost, other = np.zeros(now.state.firms.value.shape), np.zeros(now.state.firms.value.shape)
        for name, debtor, path, tie, owed, cut in now.written_down[already:]:
            assert (cut <= owed + 1e-12).all()
            assert (cut >= -1e-12).all()
            first = now.block.cache["ranks_first"][tie] if name == "debts_of" else np.zeros(len(tie), dtype=bool)
            np.add.at(lost, (debtor, path), np.where(first, cut, 0.0))
            np.add.at(other, (debtor, path), np.where(first, 0.0, owed - cut))
        assert not ((lost > 1e-9) & (other > 1e-9)).any()
        assert (now.state.books.cash[firms, lanes] > -1e-9).all()

    monkeypatch.setattr(estate, "wind_up", watched)
    monkeypatch.setattr(estate, "pay_by_rank", paid)
    run_block(model_of(quarters=28), 0, 64)
    assert sum(seen) > 0.0


def test_all_that_fails_on_a_path_is_weighed_against_the_same_stock() -> None:
    """Added up once a path however many fail on it: the plant of owners, and for estates that of all firms."""
    random = np.random.default_rng(3)
    firms, paths, owners = 9, 4, 5
    equipment, buildings, construction, owed, other = random.uniform(1.0, 9.0, (5, firms, paths))
    debt = random.uniform(1.0, 9.0, (firms, paths))
    first, rows = np.arange(firms + 1), np.arange(firms)
    firm, path = (np.array(ends, dtype=np.intp) for ends in ([0, 2, 3, 6, 8, 8], [1, 1, 3, 1, 3, 0]))
    plant, liabilities, claims, market = np.empty((4, len(firm)))
    pairs.weigh(
        firm, path, first, rows, equipment, buildings, construction, owed, other, debt, owners, plant, liabilities,
        claims, market, np.empty(paths),
    )  # fmt: skip
    of_owners = (equipment + buildings)[:owners].sum(axis=0)
    np.testing.assert_allclose(market, of_owners[path], rtol=1e-14)
    np.testing.assert_array_equal(plant, (equipment + buildings + construction)[firm, path])
    np.testing.assert_array_equal(claims, debt[firm, path])
    book, sold, stock = np.empty((3, len(firm)))
    estate.weigh_estates(firm, path, equipment, buildings, construction, book, sold, stock, *np.zeros((2, paths)))
    of_all = (equipment + buildings + construction).sum(axis=0)
    np.testing.assert_allclose(stock, of_all[path], rtol=1e-14)
    np.testing.assert_allclose(sold, np.bincount(path, weights=book, minlength=paths)[path], rtol=1e-14)
