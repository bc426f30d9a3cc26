"""Rule tables: a world's rows take the place of the defaults, and what it does not say stays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from penstock.engine.model import prepare, simulate_paths
from penstock.engine.parameters import draw_parameters
from penstock.engine.rules import default_rules, rules_of
from penstock.errors import InputError
from penstock.world import World, load_world


def with_rules(**tables: list[dict[str, str]]) -> World:
    """The default world with rule tables of its own."""
    world = load_world()
    name = "|".join(f"{key}{rows}" for key, rows in tables.items())
    rules = {key: pd.DataFrame(rows, dtype=object) for key, rows in tables.items()}
    return World(world.name, world.as_of, name, {key: world.every_row(key) for key in world.tables}, (), rules)


PARAMETER = {
    "name": "chip_cost", "prior_low": "1", "prior_high": "3", "low": "1.5", "central": "2", "high": "2.5",
    "unit": "usd", "scale": "log", "minimum": "1", "maximum": "4", "step": "serve", "grade": "F", "source": "",
    "note": "n",
}  # fmt: skip


def test_a_world_without_tables_has_the_defaults() -> None:
    assert rules_of(load_world()) is default_rules()


def test_rows_take_the_place_of_defaults_and_order_stays() -> None:
    rules = rules_of(with_rules(assumptions=[PARAMETER], constants=[{"name": "risk_free_rate", "central": "0.06"}]))
    default = default_rules()
    assert list(rules.parameters) == list(default.parameters)
    assert rules.parameters["chip_cost"].central == 2.0
    assert rules.parameters["site_cost"] == default.parameters["site_cost"]
    assert rules.constants["risk_free_rate"] == 0.06
    assert rules.constants["lender_scale"] == default.constants["lender_scale"]
    uniforms = np.full((len(default.parameters), 3), 0.5)
    drawn, plain = (
        draw_parameters(uniforms, prior=False, table=rules.parameters),
        draw_parameters(uniforms, prior=False),
    )
    assert drawn["chip_cost"] == pytest.approx(2.0)
    assert all((drawn[name] == plain[name]).all() for name in plain if name != "chip_cost")


def test_a_world_with_own_names_drops_rows_of_others() -> None:
    row = {"name": "budget_memory", "key": "chip_designer", "low": "0", "central": "0.3", "high": "1", "unit": "u"}
    own = with_rules(network_assumptions=[row | {"grade": "F", "why": "w"}])
    assert rules_of(own).assumed("budget_memory", "nvidia", "chip_designer") == 0.15
    assert rules_of(own).assumed("budget_memory", "someone", "chip_designer") == 0.3
    assert "softbank" in rules_of(own).overrides.index
    parts = [{"part": "bond_lender", "id": "somebody", "value": ""}]
    apart = rules_of(with_rules(network_assumptions=[row | {"grade": "F", "why": "w"}], named_parts=parts))
    assert apart.assumed("budget_memory", "nvidia", "chip_designer") == 0.3
    assert dict(apart.part("bond_lender")) == {"somebody": ""}
    assert apart.part("backstop") == {}
    assert apart.overrides.empty and apart.sheets.empty


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"assumptions": [PARAMETER | {"name": "chip_costs"}]},
            "rules/assumptions.csv: name: found 'chip_costs'; expected a name of the model's table; nearest chip_cost",
        ),
        (
            {"assumptions": [PARAMETER | {"low": "much"}]},
            "rules/assumptions.csv: chip_cost: low: found 'much'; expected a number",
        ),
        (
            {"constants": [{"name": "lender_scales", "central": "1"}]},
            "rules/constants.csv: name: found 'lender_scales'; expected a name of the model's table; "
            "nearest lender_scale",
        ),
        (
            {"constants": [{"name": "lender_scale"}]},
            "rules/constants.csv: lender_scale: central: found 'no such column'; expected a number",
        ),
    ],
)
def test_rows_that_the_model_does_not_know_are_told(tables: dict[str, list[dict[str, str]]], message: str) -> None:
    with pytest.raises(InputError) as error:
        rules_of(with_rules(**tables))
    assert str(error.value) == message


def default_sheets() -> list[dict[str, str]]:
    """The hand-made sheets of the default as a table of the world's own: with rule tables it has its own or none."""
    rows = default_rules().sheets.astype(str).to_dict("records")
    return [{str(key): cell.lower() if key == "replace" else cell for key, cell in row.items()} for row in rows]


def test_a_range_of_a_world_moves_its_run() -> None:
    plain = simulate_paths(prepare(load_world(), quarters=2), 0, 8)
    dear = PARAMETER | {"low": "40", "central": "41", "high": "42", "maximum": "50"}
    world = with_rules(assumptions=[dear], private_sheets=default_sheets())
    moved = simulate_paths(prepare(world, quarters=2), 0, 8)
    assert (moved.economy["capex_usd_bn"] != plain.economy["capex_usd_bn"]).all()
    assert moved.checks["conservation_max_rel"] < 1e-9


def test_the_same_tables_give_the_same_bits() -> None:
    plain = simulate_paths(prepare(load_world(), quarters=2), 0, 8)
    again = simulate_paths(prepare(with_rules(private_sheets=default_sheets()), quarters=2), 0, 8)
    assert (again.economy["capex_usd_bn"] == plain.economy["capex_usd_bn"]).all()
    assert (again.company["market_value_usd_bn"] == plain.company["market_value_usd_bn"]).all()
