"""Figures of a company that a scenario sets, and what the opening makes of them."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.engine.opening.kept import opening_of
from penstock.errors import InputError
from penstock.scenarios import compare, edit_world, load_scenario
from penstock.world import World, load_world


@pytest.fixture(scope="module")
def world() -> World:
    return load_world()


def edited(world: World, *figures: dict[str, object], **more: object) -> World:
    return edit_world(world, load_scenario({"name": "mine", "figure": list(figures), **more}, world))[0]


def standing(world: World, company: str, metric: str) -> pd.Series:
    return world.figures().loc[(company, metric)]


def test_a_set_figure_stands_with_its_day_and_is_an_assumption(world: World) -> None:
    before = standing(world, "oracle", "cash_and_investments")
    new = edited(world, {"company": "Oracle", "metric": "cash_and_investments", "value": 3.0, "why": "my guess"})
    after = standing(new, "oracle", "cash_and_investments")
    assert after["value"] == 3.0
    assert (after["grade"], after["basis"], after["source_id"]) == ("F", "estimate", "")
    assert after["period_end"] == before["period_end"]
    assert after["note"] == f"set by the scenario mine; in place of {before['value']:g}; my guess"
    assert new.hash != world.hash
    others = world.figures().drop(index=("oracle", "cash_and_investments"))
    pd.testing.assert_frame_equal(new.figures().drop(index=("oracle", "cash_and_investments")), others)


def test_a_source_keeps_its_grade_and_a_range_is_told(world: World) -> None:
    before = standing(world, "oracle", "total_debt")
    source = str(before["source_id"]).split(";")[0]
    new = edited(
        world,
        {
            "company": "oracle", "metric": "total_debt", "value": 120.0, "low": 110.0, "high": 140.0,
            "source_id": source, "evidence": "page",
        },
    )  # fmt: skip
    after = standing(new, "oracle", "total_debt")
    sources = world.table("sources").set_index("id")
    wanted = {"filing": "A", "press_release": "B"}.get(str(sources.loc[source, "kind"]), "C")
    assert (after["value"], after["grade"], after["source_id"]) == (120.0, wanted, source)
    assert "range 110 to 140" in after["note"]


def quarterly(world: World) -> list[tuple[str, str]]:
    """Figures that are the sum of four quarters."""
    figures = world.figures()
    return [key for key, note in figures["note"].items() if str(note).startswith("sum of the four quarters")]


def test_quarters_move_with_their_year(world: World) -> None:
    keys = quarterly(world)
    assert keys
    for company, metric in keys:
        before = standing(world, company, metric)
        new = edited(world, {"company": company, "metric": metric, "value": float(before["value"]) * 1.25})
        after = standing(new, company, metric)
        assert after["value"] == pytest.approx(1.25 * before["value"], rel=1e-12)
        assert after["period_end"] == before["period_end"]
        assert after["grade"] == "F"


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_figure_takes_any_value(world: World, data: st.DataObject) -> None:
    figures = world.figures()
    company, metric = data.draw(st.sampled_from(list(figures.index)))
    value = data.draw(st.floats(min_value=0.0, max_value=1e4))
    new = edited(world, {"company": company, "metric": metric, "value": value})
    assert standing(new, company, metric)["value"] == pytest.approx(value, rel=1e-9, abs=1e-12)
    assert len(new.figures()) == len(figures)
    again = edited(new, {"company": company, "metric": metric, "value": value})
    pd.testing.assert_series_equal(again.figures()["value"], new.figures()["value"], rtol=1e-9)


def test_a_figure_that_was_unknown_is_of_the_day(world: World) -> None:
    figures = world.figures()
    known = {company for company, metric in figures.index if metric == "backlog"}
    company = next(str(c) for c in world.table("companies")["id"] if c not in known)
    after = standing(edited(world, {"company": company, "metric": "backlog", "value": 2.0}), company, "backlog")
    assert (after["value"], after["period_end"]) == (2.0, world.as_of.isoformat())


def test_the_opening_follows(world: World) -> None:
    """Sheet and flows of the company move, its last quarter too; what is set is not set back by a rule of the model."""
    base = opening_of(world)
    capex = standing(world, "microsoft", "capex")["value"]
    new = edited(
        world,
        {"company": "microsoft", "metric": "capex", "value": float(capex) * 1.5},
        {"company": "softbank", "metric": "total_debt", "value": 60.0},
    )
    after = opening_of(new)
    assert after.flows.loc["microsoft", "ltm_capex"] == pytest.approx(1.5 * base.flows.loc["microsoft", "ltm_capex"])
    assert after.flows.loc["microsoft", "capex"] > 1.2 * base.flows.loc["microsoft", "capex"]
    sheets = base.sheet.columns
    debt = [name for name in sheets if "debt" in name or "loan" in name or "bond" in name]
    assert debt, sheets
    assert after.sheet.loc["softbank", debt].sum() != base.sheet.loc["softbank", debt].sum()


def test_a_child_sets_anew_what_its_parent_set(world: World) -> None:
    first = load_scenario({"name": "a", "figure": [{"company": "oracle", "metric": "capex", "value": 1.0}]}, world)
    both = {**first.to_dict(), "name": "b"}
    both["figure"] = [{"company": "oracle", "metric": "capex", "value": 2.0, "why": "x"}]
    second = load_scenario(both, world)
    assert [(d.table, d.entry, d.key, d.first, d.second) for d in compare(first, second)] == [
        ("figure", "oracle capex", "value", "1", "2"),
        ("figure", "oracle capex", "why", "", "x"),
    ]
    assert load_scenario(second.to_dict(), world).hash == second.hash
    assert first.hash != second.hash
    assert "1 figure set" in second.summary()


def test_a_removed_company_takes_its_figures_along(world: World) -> None:
    tables = {"name": "x", "figure": [{"company": "xai", "metric": "capex", "value": 2.0}]}
    with pytest.raises(InputError, match="figure 1 company: found 'xai'"):
        load_scenario({**tables, "remove": [{"company": "xai"}]}, world)


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ({"metric": "capx"}, "figure 1 metric: found 'capx'; expected one of "),
        ({"company": "orcale"}, "figure 1 company: found 'orcale'; expected a company by id, ticker, name"),
        ({"value": -1.0}, "figure 1 value: found -1; expected 0 or more"),
        ({"low": 3.0}, "figure 1 low: found 3; expected at most the value, 2"),
        ({"high": 1.0}, "figure 1 high: found 1; expected at least the value, 2"),
        ({"source_id": "nobody"}, "figure 1 source_id: found 'nobody'; expected an id of sources.csv, or none"),
        ({"value": "2"}, "figure 1 value: found '2'; expected a valid number"),
        ({"valu": 2}, "figure 1 key: found 'valu'; expected a key of [[figure]]: company, metric, value, low, high"),
    ],
)
def test_a_figure_that_is_wrong_says_so(world: World, figure: dict[str, object], message: str) -> None:
    good = {"company": "oracle", "metric": "capex", "value": 2.0}
    with pytest.raises(InputError) as refused:
        load_scenario({"name": "x", "figure": [good | figure]}, world)
    assert message in str(refused.value)


def test_a_figure_twice_in_a_file_is_refused(world: World) -> None:
    good = {"company": "oracle", "metric": "capex", "value": 2.0}
    with pytest.raises(InputError) as refused:
        load_scenario({"name": "x", "figure": [good, good | {"company": "ORCL"}]}, world)
    assert "figure 2 metric: found capex of oracle again; expected each figure of a company once" in str(refused.value)
