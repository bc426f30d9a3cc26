"""Each defect of a scenario gives its one clear message and its exit code, and changes nothing on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.cli.main import main
from penstock.errors import InputError, UsageError
from penstock.scenarios import library, load_scenario

CHANGE = '[[change]]\nwhat = "{what}"\napply = "{apply}"\nfrom = "{start}"\n'


def change(what: str = "demand.speed", apply: str = "*0.8", start: str = "2027Q1", more: str = "") -> str:
    return CHANGE.format(what=what, apply=apply, start=start) + more


EVENT = '[[event]]\nkind = "{kind}"\ntarget = "{target}"\nsize = {size}\nfrom = "2027Q1"\nlasts = {lasts}\n'


def event(kind: str = "outage", target: str = "tsmc", size: str = "0.5", lasts: str = "2") -> str:
    return EVENT.format(kind=kind, target=target, size=size, lasts=lasts)


TIE = (
    '[[tie]]\nid = "{id}"\nkind = "{kind}"\nprovider_id = "nvidia"\nreceiver_id = "{receiver}"\n'
    "annual_usd_bn = {annual}\n"
)


def tie(id: str = "new_tie", kind: str = "supply", receiver: str = "coreweave", annual: str = "1") -> str:
    return TIE.format(id=id, kind=kind, receiver=receiver, annual=annual)


COMPANY = '[[company]]\nid = "newco"\nname = "New"\nlayer = "{layer}"\nroles = ["{role}"]\n'

QUOTED_FORMS = '"*0.6", "+0.02", "-0.02", "=3" or "0.4 to 0.8"'
BY_NAME = "by id, ticker, name or a unique part of one"

# body of the file after its name line (line 1), and the message after the file's name
CASES = {
    "unknown top key": (
        "titel = 'x'\n",
        ":2: key: found 'titel'; expected one of name, title, story, evidence, date, extends, change, event, "
        "tie, remove, company, figure, policy, switch; nearest title",
    ),
    "unknown key of a change": (
        change(more='form = "2027Q1"\n'),
        ":6: change 1 key: found 'form'; expected a key of [[change]]: what, apply, from, until, over, why; "
        "nearest from",
    ),
    "missing key": (
        '[[change]]\nwhat = "demand.speed"\nfrom = "2027Q1"\n',
        ":2: change 1 apply: found nothing; expected a value",
    ),
    "wrong type": (
        change(more='over = "4"\n'),
        ":6: change 1 over: found '4'; expected a valid integer",
    ),
    "negative over": (
        change(more="over = -1\n"),
        ":6: change 1 over: found -1; expected greater than or equal to 0",
    ),
    "unknown knob": (
        change(what="demand.cieling"),
        ":3: change 1 what: found 'demand.cieling'; expected a knob (see: penstock scenario knobs); "
        "nearest demand.ceiling",
    ),
    "knob without entities": (
        change(what="demand.training.openai"),
        ":3: change 1 what: found 'demand.training.openai'; expected demand.training without a name behind "
        "it; nearest demand.training",
    ),
    "unknown segment": (
        change(what="demand.ceiling.consumers"),
        f":3: change 1 what: found 'consumers'; expected a segment {BY_NAME}; nearest consumer",
    ),
    "company of another layer": (
        change(what="silicon.capacity.vistra"),
        f":3: change 1 what: found 'vistra'; expected a company of layer silicon {BY_NAME}; nearest arista",
    ),
    "low above high": (
        change(apply="0.8 to 0.4"),
        ":4: change 1 apply: found '0.8 to 0.4'; expected a range with low < high; nearest 0.4 to 0.8",
    ),
    "range from zero": (
        change(apply="0 to 0.4"),
        ":4: change 1 apply: found '0 to 0.4'; expected a range of a factor with 0 < low < high",
    ),
    "bare number": (
        change(apply="0.6"),
        f":4: change 1 apply: found '0.6'; expected {QUOTED_FORMS}; nearest =0.6 or *0.6",
    ),
    "negative factor": (
        change(apply="*-0.5"),
        ":4: change 1 apply: found '*-0.5'; expected a factor of 0 or more; nearest *0.5",
    ),
    "set out of bounds": (
        change(what="platform.utilisation_target", apply="=1.2"),
        ":4: change 1 apply: found '=1.2'; expected 0.2 to 0.95; nearest =0.95",
    ),
    "factor of what is zero": (
        change(what="energy.power_delay_quarters", apply="*2"),
        ':4: change 1 apply: found \'*2\'; expected "+" or "=", since energy.power_delay_quarters is 0 in the baseline',
    ),
    "before the baseline": (
        change(start="2025Q4"),
        ":5: change 1 from: found '2025Q4'; expected a quarter from 2026Q1 on, the first after the baseline; "
        "nearest 2026Q1",
    ),
    "no quarter": (
        change(start="2027Q5"),
        ":5: change 1 from: found '2027Q5'; expected a quarter such as 2027Q2; nearest 2027Q4",
    ),
    "until before from": (
        change(more='until = "2026Q4"\n'),
        ":6: change 1 until: found '2026Q4'; expected 2027Q1 or later, the quarter it begins",
    ),
    "unknown event": (
        event(kind="outge"),
        ":3: event 1 kind: found 'outge'; expected one of outage, default, withdrawal, rating_cut, ban, "
        "delay; nearest outage",
    ),
    "unknown target": (
        event(target="nvidea"),
        f":4: event 1 target: found 'nvidea'; expected a company or site or layer {BY_NAME}; nearest nvidia",
    ),
    "target not unique": (
        event(kind="default", target="core"),
        ":4: event 1 target: found 'core', which names 4; expected one of coreweave, edgecore, "
        "core_scientific, oem_vendors",
    ),
    "default of a site": (
        event(kind="default", target="meta_prometheus"),
        f":4: event 1 target: found 'meta_prometheus'; expected a company {BY_NAME}",
    ),
    "size above one": (
        event(size="1.5"),
        ":5: event 1 size: found 1.5; expected less than or equal to 1",
    ),
    "lasts nothing": (
        event(lasts="0"),
        ":7: event 1 lasts: found 0; expected greater than or equal to 1",
    ),
    "unknown tie removed": (
        '[[remove]]\ntie = "d_vf_nvda_opnai"\n',
        f":3: remove 1 tie: found 'd_vf_nvda_opnai'; expected a tie {BY_NAME}; nearest d_vf_nvda_openai",
    ),
    "removes nothing": (
        "[[remove]]\n",
        ":2: remove 1: found nothing; expected either tie or company",
    ),
    "layer where only companies are struck": (
        event(kind="default", target="platform"),  # a part of the name of Meta Platforms as well
        ":4: event 1 target: found 'platform', a layer; expected a company: default does not strike whole layers",
    ),
    "target removed": (
        '[[remove]]\ncompany = "tsmc"\n' + event(kind="default"),
        f":6: event 1 target: found 'tsmc'; expected a company {BY_NAME}; nearest smic",
    ),
    "duplicate id": (
        tie(id="d_vf_nvda_openai"),
        ":3: tie 1 id: found 'd_vf_nvda_openai', which is taken; expected an id that no other tie has, or a "
        "[[remove]] of that tie",
    ),
    "twice the same id": (
        tie() + tie(),
        ":9: tie 2 id: found 'new_tie', which is taken; expected an id that no other tie has, or a "
        "[[remove]] of that tie",
    ),
    "negative amount": (
        tie(annual="-1"),
        ":7: tie 1 annual_usd_bn: found -1; expected greater than or equal to 0",
    ),
    "unknown kind of tie": (
        tie(kind="suply"),
        ":4: tie 1 kind: found 'suply'; expected one of supply, compute, lease, power_purchase, equity, "
        "warrant, loan, vendor_financing, guarantee, model_licence, revenue_share, acquisition; "
        "nearest supply",
    ),
    "unknown party": (
        tie(receiver="corewaeve"),
        f":6: tie 1 receiver_id: found 'corewaeve'; expected a company {BY_NAME}; nearest coreweave",
    ),
    "tie with oneself": (
        tie(receiver="NVDA"),
        ":6: tie 1 receiver_id: found 'nvidia'; expected another company than the provider",
    ),
    "unknown metric": (
        COMPANY.format(layer="platform", role="neocloud") + "opening = { revenu = 3.0 }\n",
        ":7: company 1 opening: found 'revenu'; expected a metric of the world; nearest revenue",
    ),
    "beginning of a metric": (
        COMPANY.format(layer="platform", role="neocloud") + "opening = { cash = 3.0 }\n",
        ":7: company 1 opening: found 'cash'; expected a metric of the world; nearest cash_and_investments",
    ),
    "negative stock": (
        COMPANY.format(layer="platform", role="neocloud") + "opening = { total_debt = -3.0 }\n",
        ":7: company 1 opening.total_debt: found -3; expected 0 or more",
    ),
    "unknown switch": (
        "[switch]\ncontagon = false\n",
        ":3: switch key: found 'contagon'; expected a key of [switch]: want, serve, earn, spend, plan, "
        "order, fund, settle, close, value, mend, payoff, contagion, sentiment, valuation_loop, black_swans, "
        "vendor_financing, integration, noise, demand_growth; nearest contagion",
    ),
    "unknown rule": (
        "[policy]\nrescue_budget = 3\n",
        ":3: policy key: found 'rescue_budget'; expected a key of [policy]: rescue_budget_usd_bn, "
        "vendor_finance_cap, bailout_share; nearest rescue_budget_usd_bn",
    ),
    "single brackets": (
        '[change]\nwhat = "demand.speed"\n',
        ":2: change: found [change]; expected a list of tables; nearest [[change]]",
    ),
    "unknown parent": (
        'extends = "basline"\n',
        ":2: extends: found 'basline'; expected a bundled scenario or a file beside this one, without .toml; "
        "nearest baseline",
    ),
    "its own parent": (
        'extends = "bad"\n',
        ":2: extends: found bad -> bad; expected no scenario to extend itself",
    ),
    "bad date": (
        "date = 20251231\n",
        ":2: date: found 20251231; expected a date such as 2025-12-31",
    ),
    "not TOML": (
        "title = \n",
        ":2: syntax: found 'title ='; expected TOML (Invalid value)",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_defect_has_its_message(case: str, tmp_path: Path) -> None:
    body, expected = CASES[case]
    file = tmp_path / "bad.toml"
    file.write_text(f'name = "bad"\n{body}', encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_scenario(file)
    assert str(caught.value) == f"{file}{expected}"
    assert caught.value.exit_code == 3


def test_all_defects_of_a_file_come_in_one_message(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    bad_change = change(what="demand.cieling", apply="0.8 to 0.4", start="2025Q4", more="why = 3\n")
    file.write_text('name = "other"\n' + bad_change + event(kind="outge", target="nvidea"), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_scenario(file)
    fields = [line.removeprefix(str(file)).split(": ")[1] for line in str(caught.value).splitlines()]
    assert set(fields) == {
        "name",
        *(f"change 1 {key}" for key in ("why", "what", "apply", "from")),
        *(f"event 1 {key}" for key in ("kind", "target")),
    }
    assert len(fields) == 7


def test_a_defect_of_a_parent_names_the_parents_file(tmp_path: Path) -> None:
    parent, child = tmp_path / "parent.toml", tmp_path / "child.toml"
    parent.write_text('name = "parent"\n' + change(what="demand.sped"), encoding="utf-8")
    child.write_text('name = "child"\nextends = "parent"\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"parent\.toml:3: change 1 what: found 'demand\.sped'"):
        load_scenario(child)


def test_a_ring_of_parents_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('name = "a"\nextends = "b"\n', encoding="utf-8")
    (tmp_path / "b.toml").write_text('name = "b"\nextends = "a"\n', encoding="utf-8")
    with pytest.raises(InputError, match="extends: found a -> b -> a; expected no scenario to extend itself"):
        load_scenario(tmp_path / "a.toml")


def test_unreadable_files(tmp_path: Path) -> None:
    missing, broken, large = tmp_path / "missing.toml", tmp_path / "broken.toml", tmp_path / "large.toml"
    broken.write_bytes(b'name = "broken"\ntitle = "\xff"\n')
    with large.open("wb") as file:
        file.truncate(200_000_000)
    for path, message in (
        (missing, f"{missing}: file: found nothing; expected a scenario file"),
        (broken, f"{broken}:2: encoding: found byte 0xff; expected text in UTF-8"),
        (large, f"{large}: file: found 200.0 MB; expected at most 1.0 MB"),
    ):
        with pytest.raises(InputError) as caught:
            load_scenario(path)
        assert str(caught.value) == message


def test_an_unknown_name_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        load_scenario("funding_freez")
    assert str(caught.value) == (
        f"scenario: found 'funding_freez'; expected {', '.join(library())} or a file; nearest funding_freeze"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["check", "{bad}"], 3, "change 1 what: found 'demand.cieling'"),
        (["show", "{bad}"], 3, "nearest demand.ceiling"),
        (["check", "{folder}/none.toml"], 3, "expected a scenario file"),
        (["show", "baselin"], 2, "nearest baseline"),
        (["knobs", "demand.cieling"], 2, "nearest demand.ceiling"),
        (["diff", "baseline", "nothing_here"], 2, "found 'nothing_here'"),
        (["new", "{bad}"], 4, "found one that exists"),
        (["new", "{folder}/none/x.toml"], 4, "cannot be written"),
        (["new", "{folder}/Not-A-Name.toml"], 2, "lower-case letters"),
        (["new", "{folder}/y.toml", "--extends", "baslin"], 2, "nearest baseline"),
    ],
)
def test_the_command_says_it_and_exits(
    arguments: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('name = "bad"\n' + change(what="demand.cieling"), encoding="utf-8")
    before = bad.read_bytes()
    given = [argument.format(bad=bad, folder=tmp_path) for argument in arguments]
    assert main(["scenario", *given]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("penstock: ")
    assert said in err
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]
    assert bad.read_bytes() == before
