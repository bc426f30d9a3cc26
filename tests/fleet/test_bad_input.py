"""Fleets that cannot be get one clear line each, through Python and on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fleets import chat, poisson

from penstock import fleet
from penstock.cli.main import main
from penstock.errors import InputError, UsageError

ROUTERS = "round_robin, random, least_load, power_of_two, cache_affinity"


def with_pool(**changes: Any) -> dict[str, Any]:
    made = chat(1)
    return made | {"pool": [made["pool"][0] | changes]}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (with_pool(replicas=0), "config: pool.0.replicas: found 0; expected a number of at least 1"),
        (
            with_pool(router="round_robbin"),
            f"config: pool.0.router: found 'round_robbin'; expected one of {ROUTERS}; nearest round_robin",
        ),
        (with_pool(slotz=3), "config: pool.0.slotz: found an unknown key; expected one of .*; nearest slots"),
        (with_pool(slots=-1), "config: pool.0.slots: found -1; expected a number of at least 1"),
        (
            with_pool(autoscaling={"policy": "magic"}),
            "config: pool.0.autoscaling.policy: found 'magic'; expected one of fixed, reactive, predictive, hpa",
        ),
        (
            chat() | {"tenant": [{"name": "a", "plan": "free"}]},
            "config: tenant.0.plan: found 'free'; expected one of pay_per_use, committed, batch",
        ),
        (
            chat() | {"route": [{"model": "m", "pools": ["chatt"]}]},
            "config: route m: pools: found 'chatt'; expected one of chat; nearest chat",
        ),
        (
            chat() | {"route": [{"model": "m", "pools": ["chat"], "policy": "dice"}]},
            "config: route.0.policy: found 'dice'; expected one of failover, score, cascade, spread",
        ),
        (with_pool(region="mars"), "config: pool chat: region: found 'mars'; expected one of home"),
        (with_pool(chip="h100"), "config: pool chat: chip: found both chip and timing; expected either chip or timing"),
        (
            with_pool(chunk_tokens=64),
            "config: pool chat: chunk_tokens: found 64; expected more than slots .64.",
        ),
        (
            with_pool(replicas=4, max_replicas=2),
            "config: pool chat: max_replicas: found 2; expected replicas .4. or more",
        ),
        (
            with_pool(role="prefill", decode_pool="x"),
            "config: pool chat: decode_pool: found 'x'; expected one of chat",
        ),
        ({"pool": []}, "config: pool: found none; expected at least one"),
        (chat() | {"outage": [{"at_s": 1, "lasts_s": 2}]}, "config: outage.0: found neither pool nor region"),
        (
            chat() | {"tenant": [{"name": "a"}, {"name": "a"}]},
            "config: tenant.1.name: found 'a' again; expected each name once",
        ),
        (
            {"pool": [{"name": "p", "model": "m", "replicas": 1, "chip": "h100", "chips": 1}]},
            "pool p: memory: found 70 GB of weights of dense_70b for 1 h100",
        ),
        (
            {"pool": [{"name": "p", "model": "m", "replicas": 1, "chip": "h100x", "chips": 1}]},
            "pool p: .*found 'h100x'",
        ),
        (
            {
                "model": [{"name": "m", "shape": "dense_7b"}],
                "pool": [{"name": "p", "model": "m", "replicas": 1, "chip": "h200"}],
            },
            "pool p: model: found 'dense_7b'; expected one of .*; nearest dense_",
        ),
    ],
)
def test_fleets_that_cannot_be(config: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fleet.simulate(config, poisson(1.0, 5, 1), 1)


def test_requests_that_fit_nowhere() -> None:
    tight = chat(1)
    tight["pool"][0]["timing"] = dict(tight["pool"][0]["timing"]) | {"memory_tokens": 100}
    with pytest.raises(InputError, match="chat: memory: found room for 100 tokens beside the weights"):
        fleet.simulate(tight, fleet.make_trace([0.0], [500], [20]), 1)
    mixed = fleet.simulate(tight, fleet.make_trace([0.0, 1.0], [500, 50], [20, 20]), 1)
    assert mixed.summary["rejected"] == 1
    assert mixed.summary["served"] == 1


def test_names_of_the_trace_that_the_fleet_does_not_know() -> None:
    two = chat() | {"tenant": [{"name": "shop"}, {"name": "bank"}]}
    with pytest.raises(InputError, match="tenant: found 'shopp'; expected one of shop, bank; nearest shop"):
        fleet.simulate(two, fleet.make_trace([0, 1], [1, 1], [1, 1], tenant=["shop", "shopp"]), 1)
    with pytest.raises(InputError, match="model: found 'chat-7b'; expected one of chat-70b"):
        fleet.simulate(chat(), fleet.make_trace([0, 1], [1, 1], [1, 1], model=["chat-70b", "chat-7b"]), 1)


def test_other_things_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="seed: found -1"):
        fleet.simulate(chat(), poisson(1.0, 5, 1), -1)
    with pytest.raises(InputError, match="config: found int; expected a path, a mapping or a FleetConfig"):
        fleet.simulate(3)
    with pytest.raises(InputError, match="trace: found int; expected a Trace, a path, a data frame or columns"):
        fleet.simulate(chat(), 3)
    with pytest.raises(UsageError, match="router: found replica 99; expected a number from 0 to 1 or None"):
        fleet.simulate(chat(2), poisson(1.0, 5, 1), 1, router=lambda view, request: 99)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["fleet", "run", "nowhere.toml"], 3, "penstock: nowhere.toml: fleet: found No such file or directory"),
        (["fleet", "run", "bad.toml"], 3, "penstock: bad.toml: fleet: found"),
        (["fleet", "compare", "one.toml"], 3, "penstock: chat: tenant: found 1; expected two or more to compare"),
        (["fleet", "export", "out"], 2, "penstock: export: found no format; expected --kubernetes"),
        (["fleet", "run", "one.toml", "--seed", "x"], 2, "--seed: found 'x'"),
        (["fleet", "run", "one.toml", "--trace", "t.csv"], 3, "penstock: t.csv:3: input_tokens: found -1"),
        (["fleet", "run", "one.toml", "--out", "t.csv/x"], 4, "--out: found Not a directory"),
    ],
)
def test_the_command_says_what_is_wrong_and_writes_nothing(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text("[[pool\n", encoding="utf-8")
    (tmp_path / "one.toml").write_text(
        'name = "chat"\n[trace]\nrequests = 20\n[[pool]]\nname = "chat"\nmodel = "m"\nreplicas = 1\n'
        'chip = "h200"\nchips = 2\n',
        encoding="utf-8",
    )
    (tmp_path / "t.csv").write_text("arrival_s,input_tokens,output_tokens\n0,1,1\n1,-1,1\n", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    assert main(arguments) == code
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before
