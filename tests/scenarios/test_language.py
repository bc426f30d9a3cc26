"""Reading, inheriting, hashing and writing scenarios."""

from __future__ import annotations

import pickle
from pathlib import Path

import jsonschema
import pytest

from penstock.scenarios import (
    Scenario,
    compare,
    entries,
    find_knobs,
    json_schema,
    knobs,
    language,
    library,
    load_scenario,
    read_scenario,
    template,
)
from penstock.scenarios.apply import parse_apply
from penstock.scenarios.documents import read_path
from penstock.scenarios.knobs import ENTITY_LAYERS
from penstock.scenarios.program import Switches
from penstock.world import load_world
from penstock.world.vocabulary import GRADES, LAYERS

STEPS = (
    *("want", "serve", "earn", "spend", "plan", "order"),
    *("fund", "settle", "close", "value", "mend", "payoff"),
)
SPINE_KNOBS = (
    "demand.ceiling",
    "demand.speed",
    "demand.price_elasticity",
    "ai.compute_per_token",
    "ai.training_growth",
    "data.readiness",
    "platform.utilisation_target",
    "silicon.capacity",
    "silicon.lead_time_quarters",
    "facilities.build_time_quarters",
    "energy.power_delay_quarters",
    "energy.gas_price_usd_per_mmbtu",
    "finance.sentiment",
    "finance.risk_free_rate",
    "finance.debt_access",
    "finance.vendor_financing",
    "conduct.extrapolation",
    "shock.base_rate_per_year",
    "policy.rescue_budget_usd_bn",
    "policy.vendor_finance_cap",
)


def scenario(**tables: object) -> Scenario:
    return load_scenario({"name": "x", **tables})


WHOLE = {
    "title": 'With "quotes", \\ and a tab\there',
    "story": "One.\n\nTwo.",
    "date": "2025-12-31",
    "change": [
        {"what": "demand.ceiling.agents", "apply": "0.4 to 0.8", "from": "2027Q2", "over": 4, "why": "guess"},
        {"what": "finance.risk_free_rate", "apply": "+0.02", "from": "2026Q1", "until": "2026Q4"},
    ],
    "event": [{"kind": "delay", "target": "meta_prometheus", "size": 0.5, "from": "2026Q3", "lasts": 2}],
    "remove": [{"tie": "d_vf_nvda_openai"}, {"company": "mistral"}],
    "company": [
        {
            "id": "newco",
            "name": "New Cloud",
            "layer": "platform",
            "roles": ["neocloud"],
            "opening": {"revenue": 3.0, "total_debt": 5.0},
        }
    ],
    "tie": [
        {
            "id": "nvda_newco",
            "kind": "supply",
            "provider_id": "NVDA",
            "receiver_id": "newco",
            "annual_usd_bn": 2.0,
            "end": "2028-12-31",
        }
    ],
    "policy": {"rescue_budget_usd_bn": 0},
    "switch": {"contagion": False},
}


@pytest.mark.parametrize("name", library())
def test_each_bundled_scenario_tells_its_story_and_evidence(name: str) -> None:
    loaded = load_scenario(name)
    assert loaded.name == name
    assert loaded.title and loaded.story and loaded.evidence and loaded.date == "2025-12-31"
    touched = [c.start for c in loaded.changes] + [p.event.start for p in loaded.events]
    assert all("2026Q1" <= quarter <= "2028Q4" for quarter in touched)
    assert bool(touched) == (name != "baseline")


def test_the_library_is_that_of_the_contract() -> None:
    assert library() == language.ORDER
    assert {
        name: sorted([c.what for c in s.changes] + [f"{p.event.kind} {p.event.target}" for p in s.events])
        for name in library()
        for s in [load_scenario(name)]
    } == {
        "baseline": [],
        "demand_disappoints": ["demand.ceiling", "demand.speed"],
        "funding_freeze": ["finance.debt_access", "finance.equity_access"],
        "chip_supply_cut": ["outage tsmc"],
        "power_delay": ["energy.power_delay_quarters"],
        "efficiency_shock": ["ai.compute_per_token"],
        "lab_cannot_pay": ["default openai", "withdrawal openai"],
        "anchor_tenant_lost": ["ban d_co_crwv_msft"],
        "foundry_outage": ["outage tsmc", "outage tsmc"],
        "optics_outage": ["outage zeiss_smt"],
        "export_ban": ["ban g42", "ban humain", "outage smic"],
        "permit_freeze": ["energy.power_delay_quarters", "facilities.build_time_quarters"],
        "gas_spike": ["energy.gas_price_usd_per_mmbtu"],
        "rates_up": ["finance.risk_free_rate"],
        "private_credit_run": ["withdrawal blackstone", "withdrawal blue_owl", "withdrawal private_credit"],
        "vendor_finance_ban": ["policy.vendor_finance_cap"],
        "telecom_replay": [
            "demand.speed",
            "finance.debt_access",
            "finance.equity_access",
            "finance.recovery",
            "finance.sentiment",
            "finance.vendor_financing",
        ],
        "soft_landing": ["conduct.extrapolation", "demand.speed", "finance.risk_free_rate"],
        "perfect_storm": [
            "demand.ceiling",
            "demand.speed",
            "energy.power_delay_quarters",
            "finance.debt_access",
            "finance.equity_access",
            "finance.risk_free_rate",
            "outage tsmc",
            "withdrawal blackstone",
            "withdrawal blue_owl",
            "withdrawal private_credit",
        ],
    }


def test_evidence_of_the_library_names_rows_of_the_world() -> None:
    world = load_world()
    known = set(world.every_row("parameters")["name"]) | set(world.every_row("series")["series"])
    known |= set(world.every_row("booms")["boom"]) | set(world.every_row("contracts")["id"])
    for name in library():
        words = load_scenario(name).evidence.replace(",", " ").replace(";", " ").replace("(", " ").split()
        cited = {word.strip(".:)") for word in words if "_" in word and "." not in word.strip(".:)")}
        # products of the series of list prices are entities, not rows of their own
        cited -= {"deepseek_v3", "gpt_4o"}
        assert cited <= known, name


def test_knobs_carry_range_grade_and_place() -> None:
    world = load_world()
    parameters = set(world.every_row("parameters")["name"])
    assert set(SPINE_KNOBS) <= set(knobs())
    for knob in knobs().values():
        assert knob.low <= knob.default <= knob.high, knob.name
        assert knob.minimum <= knob.low and knob.high <= knob.maximum, knob.name
        assert knob.kind in ("multiplier", "level")
        assert knob.kind == "level" or (knob.default == 1.0 and not knob.unit), knob.name
        assert knob.grade in GRADES and knob.step in STEPS, knob.name
        assert knob.parameter in parameters or (knob.parameter == "assumption" and knob.grade == "F")
        assert knob.parameter != "assumption" or knob.basis.startswith("assumption: "), knob.name
        assert knob.entity in ("", "segment", *ENTITY_LAYERS), knob.name
        assert knob.room in ("shock", "policy", "demand", "finance", "conduct", *LAYERS)
    assert [knob.name for knob in find_knobs("GAS_PRICE")] == ["energy.gas_price_usd_per_mmbtu"]


def test_a_scenario_comes_back_whole_from_its_own_text() -> None:
    first = scenario(**WHOLE)
    again = read_scenario(first.to_toml())
    assert again == first
    assert again.hash == first.hash
    assert load_scenario(first.to_dict()) == first
    assert load_scenario(first, load_world()) == first
    assert pickle.loads(pickle.dumps(first)) == first


def test_names_are_resolved_to_ids() -> None:
    loaded = scenario(
        change=[{"what": "silicon.capacity.zeiss", "apply": "*0.5", "from": "2026Q1"}],
        event=[{"kind": "default", "target": "ORCL", "from": "2026Q1"}],
    )
    assert loaded.changes[0].what == "silicon.capacity.zeiss_smt"
    assert loaded.events[0].event.target == "oracle"
    assert loaded.events[0].target_kind == "company"


def test_the_hash_hangs_on_what_changes_a_run_and_not_on_prose() -> None:
    change = {"what": "demand.speed", "apply": "*0.60", "from": "2027Q1"}
    first = scenario(change=[change])
    # pinned: a stored run must find its scenario again
    assert first.hash8 == "949a48b6"
    assert scenario(change=[change | {"apply": " *0.6", "why": "because"}], story="other").hash == first.hash
    others = [
        scenario(change=[change | {"apply": "*0.61"}]),
        scenario(change=[change | {"over": 1}]),
        scenario(change=[change, change]),
        scenario(change=[change], policy={"bailout_share": 0.5}),
        scenario(change=[change], switch={"noise": False}),
        scenario(change=[change], event=[{"kind": "outage", "target": "tsmc", "from": "2027Q1"}]),
        load_scenario({"name": "y", "change": [change]}),
    ]
    assert len({first.hash, *(other.hash for other in others)}) == len(others) + 1
    assert scenario(change=[change], policy={"bailout_share": 1}).hash == (
        scenario(change=[change], policy={"bailout_share": 1.0}).hash
    )


def test_a_child_follows_its_parents(tmp_path: Path) -> None:
    (tmp_path / "parent.toml").write_text(
        'name = "parent"\nextends = "power_delay"\n[policy]\nbailout_share = 0.5\nvendor_finance_cap = 0.2\n'
        '[switch]\nnoise = false\ncontagion = false\n[[tie]]\nid = "t1"\nkind = "supply"\n'
        'provider_id = "nvidia"\nreceiver_id = "coreweave"\n',
        encoding="utf-8",
    )
    (tmp_path / "child.toml").write_text(
        'name = "child"\nextends = "parent"\n[policy]\nbailout_share = 0.9\n[switch]\nnoise = true\n'
        '[[remove]]\ntie = "t1"\n'
        '[[change]]\nwhat = "demand.speed"\napply = "*0.5"\nfrom = "2027Q1"\n',
        encoding="utf-8",
    )
    parent, child = load_scenario(tmp_path / "parent.toml"), load_scenario(tmp_path / "child.toml")
    assert child.lineage == ("parent", "power_delay", "baseline")
    assert [c.what for c in child.changes] == ["energy.power_delay_quarters", "demand.speed"]
    assert child.policy.bailout_share == 0.9
    assert child.policy.vendor_finance_cap == 0.2
    assert child.switch.noise and not child.switch.contagion
    # a child takes back what a parent added, and nothing of the world is removed
    assert [tie.id for tie in parent.ties] == ["t1"]
    assert child.ties == () and child.removals == ()
    assert load_scenario(child, load_world()) == child
    alone = read_scenario(child.to_toml())
    assert alone.hash == child.hash


def test_a_removed_tie_may_be_written_anew() -> None:
    tie = {"id": "d_vf_nvda_openai", "kind": "vendor_financing", "provider_id": "nvidia"}
    loaded = scenario(remove=[{"tie": "d_vf_nvda_openai"}], tie=[tie | {"receiver_id": "openai", "amount_usd_bn": 10}])
    assert [entry.tie for entry in loaded.removals] == ["d_vf_nvda_openai"]
    assert loaded.ties[0].amount_usd_bn == 10


def test_quarters_begin_after_the_date_of_the_world() -> None:
    early = load_world(as_of="2024-12-31")
    change = {"what": "demand.speed", "apply": "*0.5", "from": "2025Q2"}
    assert load_scenario({"name": "x", "change": [change]}, early).changes[0].start == "2025Q2"


@pytest.mark.parametrize(
    ("text", "kind", "low", "high", "canonical"),
    [
        ("*0.6", "factor", 0.6, 0.6, "*0.6"),
        ("* 2", "factor", 2.0, 2.0, "*2"),
        ("+0.02", "offset", 0.02, 0.02, "+0.02"),
        ("-0.02", "offset", -0.02, -0.02, "-0.02"),
        ("=3", "set", 3.0, 3.0, "=3"),
        ("=-1e-3", "set", -0.001, -0.001, "=-0.001"),
        ("0.4 to 0.8", "range", 0.4, 0.8, "0.4 to 0.8"),
    ],
)
def test_apply_grammar(text: str, kind: str, low: float, high: float, canonical: str) -> None:
    parsed = parse_apply(text)
    assert (parsed.kind, parsed.low, parsed.high) == (kind, low, high)
    assert parsed.text() == canonical
    assert parse_apply(canonical) == parsed


def test_the_template_passes_its_own_check() -> None:
    assert read_scenario(template("fresh")).changes[0].what == "demand.speed"
    # its examples in comments are valid too
    lines = [line.removeprefix("# ") for line in template("fresh").splitlines()]
    kept = [line for line in lines if not line.startswith(("A ", "A knob", '"0.4', "Something", "outage,"))]
    whole = read_scenario("\n".join(kept))
    assert whole.events and whole.removals and whole.figures and not whole.switch.contagion


def test_the_json_schema_takes_the_library_and_refuses_unknown_keys() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for name in library():
        raw = dict(read_path(language.LIBRARY / f"{name}.toml").raw) | {"date": "2025-12-31"}
        assert list(validator.iter_errors(raw)) == []
    assert not validator.is_valid({"name": "x", "titel": "y"})
    assert not validator.is_valid({"name": "x", "event": [{"kind": "outge", "target": "t", "from": "2026Q1"}]})


def test_switches_of_file_and_engine_are_the_same() -> None:
    assert list(entries.Switch.model_fields) == list(Switches.__dataclass_fields__)
    assert list(entries.Switch.model_fields)[: len(STEPS)] == list(STEPS)


def test_differences_are_told_key_by_key() -> None:
    change = {"what": "demand.speed", "apply": "*0.5", "from": "2027Q1"}
    first = scenario(change=[change], switch={"noise": False})
    second = scenario(change=[change | {"apply": "*0.6", "over": 4}], policy={"bailout_share": 0.5})
    told = {(d.table, d.entry, d.key): (d.first, d.second) for d in compare(first, second)}
    assert told == {
        ("change", "demand.speed", "apply"): ("*0.5", "*0.6"),
        ("change", "demand.speed", "over"): ("", "4"),
        ("switch", "", "noise"): ("off", ""),
        ("policy", "", "bailout_share"): ("", "0.5"),
    }
    assert compare(first, first) == []


def test_a_scenario_shows_itself() -> None:
    loaded = load_scenario({"name": "x", "title": "<b>", "switch": {"noise": False}})
    assert repr(loaded) == f"Scenario('x', noise off, hash {loaded.hash8})"
    assert "x: &lt;b&gt;" in loaded._repr_html_()
