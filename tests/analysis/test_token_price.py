"""The price of a token: parts add up, dearer inputs never make it cheaper, and it meets the fleet it rests on."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penstock as ps
from penstock.analysis.token_inputs import choices, gather
from penstock.analysis.token_keepers import keepers_of
from penstock.analysis.token_price import token_price
from penstock.analysis.token_waterfall import BELOW_PLATFORM, PARTS, TOKENS_PER_DAY, fleet, waterfall
from penstock.errors import UsageError
from penstock.layers.serving_chain import fleet_cost

EXACT = 1e-9


@cache
def world() -> Any:
    return ps.load_world()


@cache
def setup(model: str = "dense_70b", chip: str = "h200") -> Any:
    return gather(world(), model, chip=chip)


@cache
def priced() -> Any:
    return token_price(world(), "deepseek_r1", chip="h100", site="stargate_abilene", integrated=True, versus="dense_8b")


def test_parts_layers_and_companies_add_up_to_the_price() -> None:
    for found in (priced(), priced().versus):
        price = found.price["usd_per_mtok"]
        for table in (found.parts, found.layers, found.companies):
            assert abs(table["usd_per_mtok"].sum() - price) < EXACT
            assert abs(table["share"].sum() - 1.0) < EXACT
        assert abs(found.companies["margin_usd_per_mtok"].sum() - found.layers["margin"].sum()) < EXACT
        assert (found.parts["usd_per_mtok_low"] <= found.parts["usd_per_mtok"]).all()
        assert (found.parts["usd_per_mtok"] <= found.parts["usd_per_mtok_high"]).all()
    table = priced().integrated.set_index("part")
    for column in ("bought", "integrated"):
        assert abs(table[column].drop(["price", "compute"]).sum() - table[column]["price"]) < EXACT
    assert table["integrated"]["compute"] < table["bought"]["compute"]


VALUES = {
    "system_usd": st.floats(20_000, 80_000), "power_usd_per_mwh": st.floats(0.0, 300.0), "pue": st.floats(1.0, 2.0),
    "utilisation": st.floats(0.1, 1.0), "cached_share": st.floats(0.0, 1.0), "building_usd_per_w": st.floats(1.0, 30.0),
    "research_over_revenue": st.floats(0.0, 3.0), "lab_gross_margin": st.floats(0.0, 0.9),
    "foundry_margin": st.floats(0.0, 0.8), "saleable_share": st.floats(0.3, 1.0),
}  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.fixed_dictionaries(VALUES), st.booleans(), st.sampled_from([("dense_70b", "h200"), ("moe_671b", "b200")]))
def test_parts_add_up_whatever_the_inputs(values: dict[str, float], integrated: bool, which: tuple[str, str]) -> None:
    held = setup(*which)
    given_values = {**held.central(), "rental_usd_per_hour": 2.0, **values}
    parts = waterfall(held, given_values, integrated=integrated)
    total = sum(parts[part.name] for part in PARTS)
    assert total == pytest.approx(parts["price"], rel=1e-9, abs=EXACT)


DEARER = ("power_usd_per_mwh", "pue", "system_usd", "building_usd_per_w", "upkeep", "chip_rate", "building_rate",
          "water_usd_per_m3", "staff_usd_per_chip_hour", "network_power", "speed_tokens_per_s", "context_tokens",
          "input_per_output", "real_peak")  # fmt: skip
CHEAPER = ("cached_share", "utilisation", "availability", "chip_life_years", "building_life_years")


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([*DEARER, *CHEAPER]), st.floats(1.01, 1.25))
def test_a_worse_or_dearer_input_never_lowers_the_cost(name: str, factor: float) -> None:
    held = setup()
    values = held.central()

    def cost(of: dict[str, float]) -> float:
        parts = waterfall(held, of)
        return sum(parts[part] for part in BELOW_PLATFORM)

    # shares end at one
    moved = values[name] * factor if values[name] > 1.0 else min(values[name] * factor, 1.0)
    before, after = cost(values), cost({**values, name: moved})
    assert after >= before * (1.0 - EXACT) if name in DEARER else after <= before * (1.0 + EXACT)


def test_a_clouds_cost_is_that_of_the_fleet_it_rests_on() -> None:
    held = setup()
    values = {**held.central(), "staff_usd_per_chip_hour": 0.0, "water_usd_per_m3": 0.0}
    made = fleet(held, values)
    cost = fleet_cost(
        made.serving,
        made.power,
        made.demand,
        chip_usd=values["system_usd"],
        chip_life_years=values["chip_life_years"],
        chip_rate=values["chip_rate"],
        building_usd_per_w=values["building_usd_per_w"],
        building_life_years=values["building_life_years"],
        building_rate=values["building_rate"],
        electricity_usd_per_mwh=values["power_usd_per_mwh"],
        upkeep=values["upkeep"],
    )
    parts = waterfall(held, values)
    total = sum(parts[part] for part in BELOW_PLATFORM)
    assert total == pytest.approx(cost.usd_per_million_output_tokens, rel=1e-12)
    assert parts["electricity"] == pytest.approx(cost.electricity_annual_usd / (TOKENS_PER_DAY * 365 / 1e6), rel=1e-12)


def test_joules_add_up_and_a_token_is_charged_at_the_rental_price() -> None:
    table = priced().physics.set_index("quantity")["value"]
    names = ("servers_joules_per_token", "network_joules_per_token", "building_joules_per_token")
    assert sum(table[name] for name in names) == pytest.approx(table["joules_per_token"], rel=1e-12)
    assert table["energy_kwh"] == pytest.approx(table["joules_per_token"] * 1e6 / 3.6e6)
    seconds = (table["decode_chip_seconds"] + table["prefill_chip_seconds"]) / (0.55 * 0.97)
    assert table["installed_chip_seconds"] == pytest.approx(seconds, rel=1e-12)
    compute = priced().integrated.set_index("part")["bought"]["compute"]
    assert compute == pytest.approx(table["installed_chip_seconds"] / 3600.0 * 2.2, rel=1e-9)


def test_a_list_price_is_the_bill_of_the_published_day() -> None:
    exact = {"input_per_output": 608 / 168, "cached_share": 342 / 608, "cached_price_ratio": 0.14 / 0.55}
    found = token_price(world(), "deepseek_r1", chip="h100", inputs=exact)
    # 562,027 usd on 168 bn output tokens
    assert found.price["usd_per_mtok"] * 168e3 == pytest.approx(562_027, rel=1e-3)
    assert found.price["basis"] == "list" and found.price["list_output_usd_per_mtok"] == 2.19
    assert "deepseek" in set(found.companies["company"])


def test_a_chip_without_a_market_is_priced_at_what_is_given() -> None:
    # the published day: 2 usd an hour for each chip of 226.75 nodes is 0.518 usd per million output tokens
    exact = {"system_usd": 28_000.0, "rental_usd_per_hour": 2.0, "cached_share": 342 / 608, "utilisation": 1.0,
             "availability": 1.0}  # fmt: skip
    found = token_price(world(), "deepseek_r1", chip="h800", inputs=exact)
    compute = found.price["compute_usd_per_mtok"]
    assert compute == pytest.approx(87_072 / 168_000, rel=0.3)
    assert found.price["compute_usd_per_mtok_low"] < compute < found.price["compute_usd_per_mtok_high"]


def test_who_is_paid_at_a_site() -> None:
    held = gather(world(), "dense_70b", chip="b200", site="stargate_abilene")
    keepers = keepers_of(world(), held)
    assert set(keepers) == {part.paid_to for part in PARTS}
    for shares in keepers.values():
        assert sum(shares.values()) == pytest.approx(1.0, rel=1e-12)
    assert keepers["site owner"] == {"crusoe": 1.0} and keepers["platform"] == {"oracle": 1.0}
    assert keepers["foundry"] == {"tsmc": 1.0} and set(keepers["memory makers"]) >= {"sk_hynix", "micron", "samsung"}
    # a TPU is made for Alphabet by the partner that sells it the chips
    tpu = keepers_of(world(), gather(world(), "dense_70b", chip="tpu_v7"))
    assert tpu["designer"] == {"alphabet": 1.0} and tpu["memory makers"]


def test_site_chip_and_power_set_their_inputs() -> None:
    louisiana = gather(world(), "dense_8b", site="meta_hyperion").inputs
    assert louisiana["power_usd_per_mwh"].value.central == pytest.approx(58.8)
    assert 1.05 < louisiana["pue"].value.central < 1.2 and louisiana["water_l_per_kwh"].value.central == 0.0
    wet = gather(world(), "dense_8b", site="aws_new_carlisle").inputs
    assert wet["water_l_per_kwh"].value.central > 0.1
    assert gather(world(), "dense_8b", power="41.5").inputs["power_usd_per_mwh"].value.central == 41.5
    assert gather(world(), "dense_8b", power="nuclear").inputs["power_usd_per_mwh"].value.central == 85.0
    gas = gather(world(), "dense_8b", power="gas").inputs["power_usd_per_mwh"].value
    assert 40.0 < gas.low < gas.central < gas.high < 130.0
    pytest.importorskip("highspy")
    planned = gather(world(), "dense_8b", site="meta_hyperion", power="plan")
    assert 40.0 < planned.inputs["power_usd_per_mwh"].value.central < 110.0
    assert planned.place.power == "entergy"
    assert "no power yet" in gather(world(), "dense_8b", site="meta_hyperion").place.remark


def test_a_closed_model_can_be_priced_with_an_assumed_layout() -> None:
    found = token_price(world(), "gpt_5", layout="moe_671b")
    assert found.price["basis"] == "list" and found.layout == "moe_671b"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "dense_7b"}, "model: found 'dense_7b'; expected one of dense_8b, dense_70b"),
        ({"model": "gpt_5"}, "model: found 'gpt_5', whose layout is not public; expected one of dense_8b"),
        ({"model": "dense_8b", "chip": "h900"}, "chip: found 'h900'; expected an id, ticker, name or a unique part"),
        ({"model": "dense_8b", "chip": "wse3"}, "chips.csv: wse3: found no dense peak, memory or bandwidth"),
        (
            {"model": "dense_8b", "chip": "maia200"},
            "chip: found maia200, whose bill of materials is not known; expected",
        ),
        ({"model": "dense_8b", "chip": "trainium2"}, "chip: found trainium2, which has no price; expected a chip that"),
        ({"model": "dense_8b", "site": "hyperien"}, "site: found 'hyperien'; expected an id, ticker, name or"),
        (
            {"model": "dense_8b", "site": "stargate_lordstown"},
            "--site: found stargate_lordstown, for which no power is",
        ),
        (
            {"model": "dense_8b", "power": "coal"},
            "--power: found 'coal'; expected usd per MWh, or one of grid, nuclear",
        ),
        ({"model": "dense_8b", "power": "plan"}, "--power: found plan without a site; expected --site with it"),
        ({"model": "dense_8b", "power": "-5"}, "--power: found '-5'; expected usd per MWh from 0 to 10,000"),
        (
            {"model": "dense_8b", "inputs": {"pueue": 1.2}},
            "input: found 'pueue'; expected a name of the table of inputs",
        ),
        ({"model": "dense_405b", "inputs": {"speed_tokens_per_s": 5000.0}}, "found no replica of up to 64 chips"),
        ({"model": "dense_8b", "inputs": {"pue": 0.9}}, "pue: found 0.9; expected at least 1"),
    ],
)
def test_what_cannot_be_priced_says_why(arguments: dict[str, Any], message: str) -> None:
    model = arguments.pop("model")
    from penstock.errors import PenstockError

    with pytest.raises(PenstockError, match=re.escape(message)):
        token_price(world(), model, **arguments)


def test_unknown_versus_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="model: found 'nothing'"):
        token_price(world(), "dense_8b", versus="nothing")


@pytest.mark.parametrize("inputs", [{"packages_per_wafer": 0.0}, {"saleable_share": 0.0}, {"rental_usd_per_hour": 0.0}])
def test_inputs_that_leave_no_price_are_told(inputs: dict[str, float]) -> None:
    name = next(iter(inputs))
    with pytest.raises(UsageError, match=f"found {name}=0 with which no price can be computed"):
        token_price(world(), "dense_8b", inputs=inputs)


def test_every_choice_that_is_offered_can_be_priced() -> None:
    offered = choices(world())
    assert "rubin" in offered["chips"]
    assert set(offered["presets"]) & set(offered["listed"]) == set()
    for chip in offered["chips"]:
        gather(world(), "dense_70b", chip=chip)
    for model in [*offered["presets"], *offered["published"]]:
        gather(world(), model)
    for model in offered["listed"]:
        gather(world(), model, layout="dense_70b")
    for power in offered["power"]:
        if power != "plan":
            gather(world(), "dense_8b", power=power)
