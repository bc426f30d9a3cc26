"""The chain of the bundled world: cuts that travel, what they may never do, and how they are refused."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.analysis.chain_capacity import shipping_mix
from penstock.analysis.chain_cuts import read_cut, weekly_factors
from penstock.analysis.chain_links import BY_KEY, CAPITAL, FEEDS, WEEKS, ChainTies, chain_ties
from penstock.analysis.chain_travel import Course, Travelled, lags_to_delivery, travel
from penstock.analysis.ranges import Range, product, total
from penstock.analysis.supply_chain import supply_chain
from penstock.engine.moment import Moment
from penstock.engine.opening.assemble import open_world
from penstock.errors import InputError, UsageError
from penstock.world import World

QUARTERS = 14
CYCLES = {
    "optics": 30, "scanner": 20, "tools": 20, "install": 10, "fab": 17, "memory": 30, "substrate": 9,
    "packaging": 11, "chip": 3, "server": 7, "network": 12, "rack": 4,
}  # fmt: skip


@cache
def world() -> Any:
    return ps.load_world()


@cache
def ties() -> ChainTies:
    return chain_ties(world(), open_world(world()).flow_ties)


@cache
def course() -> Course:
    held = ties()
    designers = held.owners.sum(axis=1) > 0.0
    weeks = np.arange((QUARTERS + 6) * WEEKS)
    return Course(
        delivered=0.4 * 1.01**weeks,
        capacity=5.0 * 1.01**weeks,
        designer_share=designers / designers.sum(),
        decay=0.001,
        fresh_share=0.15,
        outside_assembly=0.13,
    )


def followed(*cuts: str, of: ChainTies | None = None, spare: dict[str, float] | None = None) -> Travelled:
    held = of or ties()
    read = [read_cut(text, world(), held, "2026Q1") for text in cuts]
    return travel(held, CYCLES, weekly_factors(read, held, "2026Q1", QUARTERS), course(), spare)


TARGETS = st.sampled_from(["zeiss_smt", "trumpf", "asml", "tsmc", "sk_hynix", "nvidia", "foxconn", *BY_KEY])


@settings(max_examples=8, deadline=None)
@given(TARGETS, st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.integers(1, 4), st.integers(0, 3), st.integers(1, 4))
def test_a_deeper_or_longer_cut_never_raises_what_a_link_delivers(
    target: str, one: float, other: float, quarters: int, more: int, start: int
) -> None:
    mild, deep = max(one, other), min(one, other)
    less = followed(f"{target}={mild!r}:{quarters}q@2026Q{start}")
    for worse in (f"{target}={deep!r}:{quarters}q@2026Q{start}", f"{target}={mild!r}:{quarters + more}q@2026Q{start}"):
        found = followed(worse)
        for key in BY_KEY:
            assert (found.finished[key] <= less.finished[key] * (1.0 + 1e-12)).all(), (key, worse)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(TARGETS, st.floats(0.0, 1.0), st.integers(1, 6)), min_size=1, max_size=3))
def test_what_was_begun_is_delivered_or_lies_in_the_chain(given_cuts: list[tuple[str, float, int]]) -> None:
    found = followed(*(f"{target}={factor!r}:{quarters}q" for target, factor, quarters in given_cuts))
    for key in (key for key, link in BY_KEY.items() if link.kind != CAPITAL):
        came, left = np.cumsum(found.started[key]), np.cumsum(found.finished[key])
        held = found.in_progress(key)
        np.testing.assert_allclose(found.opening[key] + came, left + held, rtol=1e-9)
        assert (held >= -1e-9).all()
        for following in FEEDS[key]:
            # nothing is taken in that was not delivered
            assert (np.cumsum(found.started[following]) <= left * (1.0 + 1e-9)).all()
    np.testing.assert_allclose(found.delivered_by_designer.sum(axis=1), found.finished["rack"], rtol=1e-9)


@pytest.mark.parametrize("target", ["zeiss_smt", "tsmc", "packaging", "nvidia", "foxconn"])
def test_a_cut_to_all_of_it_changes_nothing(target: str) -> None:
    none, found = followed(), followed(f"{target}=1:4q")
    for key in BY_KEY:
        np.testing.assert_array_equal(found.finished[key], none.finished[key])


@pytest.mark.parametrize("key", BY_KEY)
def test_the_first_week_that_a_link_misses_is_one_cycle_after_the_cut(key: str) -> None:
    none, found = followed(), followed(f"{key}=0:1q@2026Q2")
    short = np.flatnonzero(found.finished[key] < none.finished[key] - 1e-12)
    assert short[0] == WEEKS + CYCLES[key]
    assert short[-1] == WEEKS + CYCLES[key] + WEEKS - 1


@pytest.mark.parametrize("key", BY_KEY)
def test_racks_miss_a_cut_after_the_cycles_on_its_way(key: str) -> None:
    none, found = followed(), followed(f"{key}=0:1q")
    racks = np.flatnonzero(found.finished["rack"] < none.finished["rack"] - 1e-12)
    assert racks[0] == lags_to_delivery(CYCLES)[key]


def test_lags_by_hand() -> None:
    lags = lags_to_delivery(CYCLES)
    way = ("packaging", "chip", "server", "rack")
    assert lags["packaging"] == sum(CYCLES[key] for key in way) == 25
    # parts for tools at work are missed at once: optics, scanner, wafers, package, test, server, rack
    assert lags["optics"] == 30 + 20 + 17 + 25
    none, found = followed(), followed("packaging.tsmc=0.5:1q")
    np.testing.assert_array_equal(found.finished["fab"], none.finished["fab"])


def test_without_the_tie_nothing_travels() -> None:
    flow = open_world(world()).flow_ties
    kept = flow[~((flow["payee"] == "zeiss_smt") & (flow["payer"] == "asml"))]
    held = chain_ties(world(), kept)
    with pytest.raises(UsageError, match="zeiss_smt"):
        followed("zeiss_smt=0:4q", of=held)
    # a supplier that still sells to others no longer reaches the buyer whose tie is gone
    kept = flow[~((flow["payee"] == "sk_hynix") & (flow["payer"] == "nvidia"))]
    held = chain_ties(world(), kept)
    row = held.index("nvidia")
    none, found = followed(of=held), followed("memory.sk_hynix=0:4q", of=held)
    np.testing.assert_array_equal(found.delivered_by_designer[:, row], none.delivered_by_designer[:, row])
    assert found.finished["rack"].sum() < none.finished["rack"].sum()


def test_a_cut_behind_a_removed_tie_reaches_nobody() -> None:
    found = supply_chain(world(), ["zeiss_smt=0:2q"], quarters=12, paths=8, removed=[("zeiss_smt", "asml")])
    assert (found.travel["percent"] == 0.0).all()
    assert (found.economy["difference"] == 0.0).all()


def test_parts_do_not_stand_in_for_each_other_and_suppliers_only_by_their_spare() -> None:
    none = followed()

    def least(*cuts: str, spare: dict[str, float] | None = None) -> float:
        return float((followed(*cuts, spare=spare).finished["scanner"] / none.finished["scanner"]).min())

    # one maker of mirrors, one of lasers: each alone stops the scanner
    assert least("trumpf=0:2q") == least("zeiss_smt=0:2q") == 0.0
    racks = [
        float((followed("sk_hynix=0:2q", spare=spare).finished["rack"] / none.finished["rack"]).min())
        for spare in (None, {"memory": 0.5}, {"memory": 5.0})
    ]
    assert racks[0] < racks[1] < racks[2] == 1.0


@cache
def cut() -> Any:
    return supply_chain(world(), ["tsmc=0.5:2q"], quarters=6, paths=32)


def test_a_cut_reaches_racks_and_then_tokens() -> None:
    table = cut().travel
    wide = table.pivot(index="quarter", columns="link", values="percent")
    assert wide["packaging"].min() < -40.0 and wide["rack"].min() < -40.0
    assert (wide[["optics", "scanner", "tools", "memory"]] == 0.0).all().all()
    economy = cut().economy.set_index(["measure", "quarter"])
    first = {
        measure: next((q for q in economy.loc[measure].index if abs(economy.loc[(measure, q), "difference"]) > 0.0), "")
        for measure in ("chips in service", "tokens served")
    }
    racks = next(quarter for quarter in wide.index if wide["rack"][quarter] < 0.0)
    assert racks <= first["chips in service"] <= first["tokens served"]
    last = economy.loc[("chips in service", wide.index[-1])]
    assert last["difference"] < -2.0 * last["se"]
    assert (table["percent_with_spare"] >= table["percent"] - 1e-9).all()


def test_no_cut_leaves_the_economy_as_it_is() -> None:
    found = supply_chain(world(), ["tsmc=1:2q"], quarters=4, paths=32)
    assert (found.economy["difference"] == 0.0).all()
    assert (found.travel["percent"] == 0.0).all()
    before = cut().economy.set_index(["measure", "quarter"])["no_cut"]
    same = found.economy.set_index(["measure", "quarter"])["no_cut"]
    pd.testing.assert_series_equal(before.reindex(same.index), same)


@cache
def uncut() -> Any:
    return supply_chain(world())


def test_the_links_of_the_bundled_world() -> None:
    found = uncut()
    table = found.links.set_index("link")
    assert list(table.index) == list(BY_KEY)
    for key in ("fab", "memory", "packaging", "server", "rack", "scanner"):
        low, central, high = (table[f"capacity_h100e_per_quarter{end}"][key] for end in ("_low", "", "_high"))
        assert 1e6 < low < central < high < 1e8
    assert (table["weeks_to_racks_low"] < table["weeks_to_racks_high"]).all()
    assert table["weeks_to_racks"]["optics"] > table["weeks_to_racks"]["fab"] > table["weeks_to_racks"]["rack"]
    assert found.binding["now"]["link"] != found.binding["next"]["link"]
    assert (
        found.binding["now"]["capacity_h100e_per_quarter"]
        == table["capacity_h100e_per_quarter"][table["when"] == "now"].min()
    )
    assert table["binds_share"].sum() == pytest.approx(1.0)
    # what the bill of materials allows is more than what shipped, and of its order
    assert 1.0 < found.binding["now"]["capacity_h100e_per_quarter"] / found.binding["shipped_h100e"] < 2.5
    shares = found.companies.groupby("link")["share"].sum()
    np.testing.assert_allclose(shares, 1.0)
    assert found.to_dict()["links"][0]["link"] == "optics" and found.to_pandas() is found.links


def test_the_packaging_link_is_the_arithmetic_of_its_bill() -> None:
    found = uncut()
    mix = found.mix
    wafers = (mix["units_million"] / mix["packages"]).sum()
    million = (mix["units_million"] * mix["h100e"]).sum()
    expected = world().parameter("cowos_wafers_per_month_end_2025").central * 3.0 * 0.95 / wafers * million
    row = found.links.set_index("link").loc["packaging"]
    assert row["capacity_h100e_per_quarter"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zeiss_smt", "--cut: found 'zeiss_smt'; expected ID=FACTOR:Nq or ID=FACTOR:Nq@QUARTER, such as "),
        ("zeiss_smt=0.5", "--cut: found 'zeiss_smt=0.5'; expected ID=FACTOR:Nq"),
        ("zeiss_smt=0.5:2", "--cut: found 'zeiss_smt=0.5:2'; expected ID=FACTOR:Nq"),
        ("zeiss_smt=1.5:2q", "--cut: factor: found '1.5'; expected a number from 0 (nothing left) to 1 (no cut)"),
        ("zeiss_smt=-0.1:2q", "--cut: factor: found '-0.1'; expected a number from 0 (nothing left) to 1 (no cut)"),
        ("zeiss_smt=nan:2q", "--cut: factor: found 'nan'; expected a number from 0"),
        ("zeiss_smt=half:2q", "--cut: factor: found 'half'; expected a number from 0"),
        ("zeiss_smt=0.5:0q", "--cut: quarters: found '0q'; expected 1q or more, such as 2q"),
        ("zeiss_smt=0.5:xq", "--cut: quarters: found 'xq'; expected 1q or more, such as 2q"),
        ("zeiss_smt=0.5:2q@2025Q4", "--cut: quarter: found 2025Q4; expected 2026Q1 or later, after the baseline"),
        ("zeiss_smt=0.5:2q@2026Q7", "--cut: quarter: found '2026Q7'; expected a quarter such as 2026Q1; nearest "),
        ("zeis_smt=0.5:2q", "--cut: found 'zeis_smt'; expected a company of the chain, or a link (optics, scanner, "),
        ("packagin=0.5:2q", "nearest packaging"),
        ("openai=0.5:2q", "--cut: found 'openai', which is not in the chain; expected one of "),
        ("memory.tsmc=0.5:2q", "--cut: found 'memory.tsmc', which is not in the link memory; expected one of micron"),
    ],
)
def test_a_cut_that_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        read_cut(text, world(), ties(), "2026Q1")


def test_a_company_is_known_by_its_other_names_and_a_cut_must_lie_in_the_study() -> None:
    assert read_cut("TSM=0.5:2q@2026q3", world(), ties(), "2026Q1").target == "tsmc"
    assert read_cut("ZEISS SMT=0.5:2q", world(), ties(), "2026Q1").target == "zeiss_smt"
    with pytest.raises(UsageError, match=r"found 2030Q1; expected one up to 2026Q4, the last of 4 quarters"):
        supply_chain(world(), ["tsmc=0.5:2q@2030Q1"], quarters=4, paths=8)


def test_a_world_without_units_of_chips_is_told_so() -> None:
    early = ps.load_world(as_of="2024-09-30")
    held = early.tables
    held["series"] = held["series"][held["series"]["series"] != "accelerator_units_shipped"]
    bare = World("bare", early.as_of, "0", held)
    with pytest.raises(InputError, match=r"world bare: chips.csv: found no chips with units shipped; expected rows"):
        shipping_mix(bare)


@given(st.lists(st.tuples(st.floats(0.1, 1.0), st.floats(1.0, 2.0), st.floats(2.0, 9.0)), min_size=1, max_size=5))
def test_ranges_hold_their_centres(values: list[tuple[float, float, float]]) -> None:
    held = [Range(*value) for value in values]
    summed, multiplied = total(held), product(held)
    assert summed.central == pytest.approx(sum(v[1] for v in values), rel=1e-12)
    assert multiplied.central == pytest.approx(np.prod([v[1] for v in values]), rel=1e-12)
    for found in (summed, multiplied):
        assert found.low <= found.central <= found.high
    assert summed.low >= sum(v[0] for v in values) - 1e-9 and summed.high <= sum(v[2] for v in values) + 1e-9
    assert multiplied.low >= np.prod([v[0] for v in values]) * (1.0 - 1e-9)
    quotient = held[0] / held[0].central
    assert quotient.central == pytest.approx(1.0)


def supply_of_the_quarter(company: str, factor: float) -> float:
    """What NVIDIA can deliver in the quarter's model with a company's capacity cut, as a share."""
    from penstock.engine.model import prepare, simulate_paths
    from penstock.scenarios import load_scenario

    change = {"what": f"silicon.capacity.{company}", "apply": f"*{factor:.6f}", "from": "2026Q1", "why": "test"}
    plan = load_scenario({**load_scenario("baseline", world()).to_dict(), "name": "cut", "change": [change]}, world())
    model = prepare(world(), plan, quarters=1)
    row, seen = model.layout.units.index("nvidia"), []

    def look(now: Moment, _: str) -> None:
        place = now.block.cache["designers"].tolist().index(row)
        seen.append(float(now.results["supply"][place].mean()))

    simulate_paths(model, 0, 8, on_quarter=look)
    return seen[0]


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(["tsmc", "sk_hynix", "micron", "samsung", "ase"]), st.floats(0.5, 1.0))
def test_the_quarters_one_step_chain_ends_where_the_weekly_chain_ends(company: str, factor: float) -> None:
    # the quarter has no cycles and shares wafers, packages and substrates by spending: it may differ by a fifth of
    # what is cut
    row = ties().index("nvidia")
    none, found = followed(), followed(f"{company}={factor!r}:{QUARTERS}q")
    weekly = found.delivered_by_designer[-1, row] / none.delivered_by_designer[-1, row]
    assert abs(weekly - supply_of_the_quarter(company, factor)) <= 0.2 * (1.0 - factor) + 1e-9
