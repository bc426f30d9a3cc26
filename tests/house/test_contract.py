"""Commands, flags and functions of `docs/reference/contract.md` exist with these parameters."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import penstock as ps
from penstock.cli.main import COMMANDS, load_command

COMMON = {
    "--world",
    "--overlay",
    "--as-of",
    "--format",
    "--quiet",
    "-q",
    "--verbose",
    "-v",
    "--no-progress",
    "--version",
}
SIMULATING = {"--paths", "-n", "--quarters", "--seed", "--jobs", "-j", "--prior", "--out", "-o"}
MANY = -1


@dataclass(frozen=True)
class Shape:
    """How many arguments a command must and may take, and the options of its own."""

    required: int = 0
    optional: int = 0
    options: frozenset[str] = frozenset()


def shape(required: int = 0, optional: int = 0, options: set[str] | None = None) -> Shape:
    return Shape(required, optional, frozenset(options or ()))


EXPECTED = {
    "world check": shape(),
    "world show": shape(1),
    "world ties": shape(1),
    "world concentration": shape(),
    "world sources": shape(1),
    "world export": shape(options={"--out", "-o"}),
    "world opening": shape(options={"--check"}),
    "world new": shape(1, options={"--from"}),
    "world diff": shape(2),
    "scenario list": shape(),
    "scenario show": shape(1),
    "scenario knobs": shape(0, 1),
    "scenario new": shape(1),
    "scenario check": shape(1),
    "scenario diff": shape(2),
    "run": shape(0, MANY, options=SIMULATING | {"--scenario", "--executor", "--address", "--store"}),
    "path": shape(2),
    "report": shape(1),
    "steps": shape(options=SIMULATING | {"--scenario"}),
    "systemic": shape(options=SIMULATING | {"--run", "--quarter", "--scenario"}),
    "contagion": shape(
        0,
        2,
        SIMULATING
        | {"--method", "--shock", "--remove", "--recovery", "--alpha", "--beta", "--run", "--quarter", "--scenario"},
    ),
    "stress": shape(0, MANY, options=SIMULATING | {"--run", "--scenario"}),
    "payoff": shape(options=SIMULATING | {"--run", "--scenario"}),
    "bottlenecks": shape(options=SIMULATING | {"--run", "--scenario"}),
    "studio": shape(options={"--port", "--no-browser", "--workspace"}),
    "runs list": shape(),
    "runs verify": shape(),
    "runs repair": shape(),
    "runs diff": shape(),
    "runs query": shape(1, 1, {"--run"}),
    "runs pull": shape(2),
    "runs gc": shape(),
    "reverse": shape(options=SIMULATING | {"--scenario", "--run", "--target"}),
    "sensitivity": shape(options=SIMULATING | {"--scenario", "--run", "--method"}),
    "circularity": shape(options=SIMULATING | {"--run", "--quarter", "--scenario"}),
    "follow": shape(options=SIMULATING | {"--dollar", "--run", "--quarter", "--scenario"}),
    "loop": shape(options=SIMULATING | {"--scenario", "--run"}),
    "policy": shape(options=SIMULATING | {"--scenario", "--run", "--policy", "--strength", "--budget"}),
    "integration": shape(options=SIMULATING | {"--scenario", "--run"}),
    "portfolio": shape(1, options=SIMULATING | {"--scenario", "--run"}),
    "explain": shape(1, options={"--path"}),
    "world audit": shape(),
    "calibrate": shape(options={"--paths", "-n", "--seed", "--jobs", "-j", "--out", "-o", "--until"}),
    "backtest ai": shape(options={"--from", "--out"}),
    "forecast freeze": shape(options=SIMULATING - {"--jobs", "-j"}),
    "forecast score": shape(1, options={"--paths", "-n", "--seed", "--prior"}),
    "backtest telecom": shape(options=SIMULATING | {"--facts", "--by"}),
    "site": shape(1, options={"--power", "--load-mw"}),
    "model": shape(options={"--params", "--tokens", "--chips"}),
    "chain": shape(options={"--cut"}),
    "token": shape(1, options={"--chip", "--site", "--power", "--vs", "--integrated"}),
    "fleet run": shape(1, options={"--seed", "--out", "-o"}),
    "fleet fit": shape(options={"--seed", "--out", "-o"}),
    "fleet export": shape(1, options={"--kubernetes", "--out", "-o"}),
    "fleet compare": shape(1, options={"--seed", "--out", "-o"}),
}
FREE_ARGUMENTS = {"runs list", "runs verify", "runs repair", "runs diff", "runs gc"}
"""The contract names the command and leaves its arguments open."""

DEFAULTS = {
    ("run", "paths"): 1000,
    ("run", "quarters"): 40,
    ("run", "seed"): 7,
    ("run", "executor"): "processes",
    ("run", "address"): None,
    ("systemic", "paths"): 256,
    ("contagion", "paths"): 256,
    ("contagion", "quarters"): 40,
    ("contagion", "seed"): 7,
    ("contagion", "method"): "debtrank",
    ("portfolio", "paths"): 256,
    ("portfolio", "quarters"): 40,
    ("portfolio", "seed"): 7,
    ("explain", "path"): "worst",
    ("calibrate", "seed"): 7,
    ("calibrate", "until"): "2025-12-31",
    ("steps", "paths"): 256,
    ("steps", "quarters"): 40,
    ("steps", "seed"): 7,
    ("steps", "scenario"): "baseline",
    **{(f"fleet {name}", "seed"): 7 for name in ("run", "fit", "compare")},
    ("reverse", "paths"): 256,
    ("reverse", "quarters"): 40,
    ("reverse", "seed"): 7,
    ("reverse", "scenario"): "baseline",
    ("sensitivity", "paths"): 256,
    ("sensitivity", "quarters"): 40,
    ("sensitivity", "seed"): 7,
    ("sensitivity", "scenario"): "baseline",
    **{(name, "paths"): 256 for name in ("circularity", "follow")},
    **{(name, "quarters"): 40 for name in ("circularity", "follow")},
    **{(name, "seed"): 7 for name in ("circularity", "follow")},
    **{(name, "scenario"): None for name in ("circularity", "follow")},
    ("loop", "paths"): 256,
    ("loop", "quarters"): 40,
    ("loop", "seed"): 7,
    ("loop", "scenario"): "baseline",
    ("policy", "paths"): 256,
    ("policy", "quarters"): 40,
    ("policy", "seed"): 7,
    ("policy", "scenario"): "baseline",
    ("integration", "paths"): 256,
    ("integration", "quarters"): 40,
    ("integration", "seed"): 7,
    ("integration", "scenario"): "baseline",
    **{(name, "paths"): 256 for name in ("stress", "payoff", "bottlenecks")},
    **{(name, "quarters"): 40 for name in ("stress", "payoff", "bottlenecks")},
    **{(name, "seed"): 7 for name in ("stress", "payoff", "bottlenecks")},
    **{(name, "scenario"): "baseline" for name in ("stress", "payoff", "bottlenecks")},
}
FORMULAS = {
    "money.settlement.clear": (
        ("L", "external_assets", "external_liabilities"),
        {"alpha": 1, "beta": 1, "seniority": None},
    ),
    "money.valuation.debtrank": (("exposures", "equity", "shock"), {"rule": "linear"}),
    "money.valuation.neva": (
        ("L", "external_assets", "external_liabilities", "shock"),
        {"kernel": inspect.Parameter.empty, "recovery": 0, "sigma_equity": None, "maturity": None},
    ),
    "money.credit.merton_calibrate": (("equity", "sigma_equity", "debt", "rate", "maturity"), {}),
    "analysis.impact.measures": (("exposures", "buffers"), {}),
    "layers.facilities.pue": (("design", "dry_bulb_c", "wet_bulb_c", "load"), {}),
    "layers.facilities.water": (("design", "dry_bulb_c", "wet_bulb_c", "load"), {}),
    "layers.facilities.first_power": (
        ("stages", "seed", "n"),
        {"routes": None, "permit_failure": 0.2, "delays_months": None},
    ),
    "layers.energy.units_for_reliability": (("load_mw", "unit_mw", "availability", "target"), {"common_cause": 0.0}),
    "layers.energy.plan": (
        ("load_mw", "technologies", "weather"),
        {
            "grid_cap_mw": None,
            "co2_cap_t_per_mwh": None,
            "voll": 10_000.0,
            "given_mw": None,
            "most_new_mw": None,
            "prices": None,
            "capex_factor": None,
            "days": 12,
        },
    ),
    "layers.energy.dispatch": (
        ("load_mw", "capacity_mw", "availability", "marginal_usd_per_mwh"),
        {"battery_mw": 0.0, "battery_mwh": 0.0, "round_trip": 0.87, "voll": 10_000.0},
    ),
    "analysis.sensitivity.morris": (("function", "bounds", "seed", "n"), {"levels": 4}),
    "analysis.sensitivity.sobol": (("function", "bounds", "seed", "n"), {"groups": None}),
}
"""Formula families: positional parameters, then those by keyword only with their defaults."""

LAYERS = {
    "ai.training": ("params", "tokens", "chips", "chip"),
    "ai.goodput": ("chips", "chip_mtbf_h", "checkpoint_s", "restart_s"),
    "ai.kv_bytes_per_token": ("model",),
    "platform.erlang_b": ("servers", "load"),
    "platform.erlang_c": ("servers", "load"),
    "platform.max_utilisation": ("slots", "wait_probability"),
    "platform.pooling": ("cv_tenant", "cv_common", "k", "percentile"),
    "silicon.gemm_time": ("m", "n", "k", "chip", "bytes"),
    "silicon.decode": ("model", "chip", "chips", "batch", "context"),
    "silicon.throughput": ("model", "chip", "scenario"),
}
"""Functions of the layers: positional parameters; what is by keyword only is optional."""


def command(path: str) -> Any:
    first, *rest = path.split()
    found: Any = load_command(first)
    for name in rest:
        assert name in found.commands, f"{path}: found only {sorted(found.commands)}"
        found = found.commands[name]
    return found


def options_of(found: Any) -> set[str]:
    return {
        name
        for parameter in found.params
        if parameter.param_type_name == "option"
        for name in [*parameter.opts, *parameter.secondary_opts]
    }


def test_the_top_level_lists_the_commands_of_this_version() -> None:
    assert set(COMMANDS) == {path.split()[0] for path in EXPECTED}


@pytest.mark.parametrize("path", EXPECTED)
def test_a_command_has_its_arguments(path: str) -> None:
    arguments = [p for p in command(path).params if p.param_type_name == "argument"]
    if path in FREE_ARGUMENTS:
        return
    expected = EXPECTED[path]
    assert sum(a.required for a in arguments) == expected.required
    if expected.optional == MANY:
        assert [a.nargs for a in arguments if not a.required] == [-1]
    else:
        assert len(arguments) == expected.required + expected.optional
        assert all(a.nargs == 1 for a in arguments)


@pytest.mark.parametrize("path", EXPECTED)
def test_a_command_has_its_options_and_those_of_every_command(path: str) -> None:
    missing = (COMMON | EXPECTED[path].options) - options_of(command(path))
    assert not missing


@pytest.mark.parametrize("path", EXPECTED)
def test_a_command_says_what_it_answers(path: str) -> None:
    assert len((command(path).help or "").split()) >= 3


@pytest.mark.parametrize(("path", "name"), DEFAULTS, ids=lambda value: str(value))
def test_defaults(path: str, name: str) -> None:
    by_name = {parameter.name: parameter.default for parameter in command(path).params}
    assert str(by_name[name]) == str(DEFAULTS[path, name])


REQUIRED = inspect.Parameter.empty


@pytest.mark.parametrize(
    ("function", "positional", "keyword"),
    [
        ("load_world", {"name": "ai-2025"}, {"as_of": None, "overlay": None}),
        (
            "simulate",
            {"world": REQUIRED, "scenario": "baseline"},
            {
                "paths": 1000,
                "quarters": 40,
                "seed": 7,
                "jobs": 1,
                "keep": "summary",
                "out": None,
                "on_progress": None,
                "executor": None,
                "store": None,
            },
        ),
        ("open_run", {"dir": REQUIRED}, {}),
        (
            "reverse",
            {"run_or_world": REQUIRED, "target": REQUIRED},
            {"scenario": "baseline", "paths": 256, "quarters": 40, "seed": 7, "jobs": 1, "prior": False},
        ),
        (
            "sensitivity",
            {"run_or_world": REQUIRED, "method": "morris"},
            {"scenario": "baseline", "paths": 256, "quarters": 40, "seed": 7, "jobs": 1, "prior": False},
        ),
        ("circularity", {"run_or_world": REQUIRED}, {"scenario": None, "paths": 256, "quarters": 40, "seed": 7}),
        ("follow", {"run_or_world": REQUIRED, "dollar": "user"}, {"scenario": None, "paths": 256, "seed": 7}),
        ("loop", {"run_or_world": REQUIRED}, {"scenario": "baseline", "paths": 256, "quarters": 40, "seed": 7}),
        ("policy", {"run_or_world": REQUIRED}, {"scenario": "baseline", "paths": 256, "quarters": 40, "seed": 7}),
        ("integration", {"run_or_world": REQUIRED}, {"scenario": "baseline", "paths": 256, "quarters": 40, "seed": 7}),
        ("portfolio", {"run_or_world": REQUIRED, "exposures": REQUIRED}, {"scenario": "baseline", "paths": 256}),
        ("explain", {"run_or_world": REQUIRED, "path": "worst"}, {"scenario": None, "paths": 256}),
    ],
)
def test_python_functions(function: str, positional: dict[str, Any], keyword: dict[str, Any]) -> None:
    call: Callable[..., Any] = getattr(ps, function)
    parameters = inspect.signature(call).parameters
    first = list(parameters.values())[: len(positional)]
    assert [(p.name, p.default) for p in first] == list(positional.items())
    assert all(p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for p in first)
    for name, default in keyword.items():
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY, name
        assert parameters[name].default == default, name
    rest = set(parameters) - set(positional) - set(keyword)
    assert all(parameters[name].default is not REQUIRED for name in rest), "what is added must be optional"


@pytest.mark.parametrize("path", FORMULAS)
def test_formula_families(path: str) -> None:
    home, name = path.rsplit(".", 1)
    parameters = inspect.signature(getattr(importlib.import_module(f"penstock.{home}"), name)).parameters
    positional, keyword = FORMULAS[path]
    given = [p for p in parameters.values() if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert tuple(p.name for p in given) == positional
    named = {p.name: p.default for p in parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY}
    assert named == keyword


@pytest.mark.parametrize("path", LAYERS)
def test_functions_of_the_layers(path: str) -> None:
    home, name = path.rsplit(".", 1)
    parameters = inspect.signature(getattr(importlib.import_module(f"penstock.layers.{home}"), name)).parameters
    given = [p for p in parameters.values() if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert tuple(p.name for p in given) == LAYERS[path]
    assert all(p.default is not REQUIRED for p in parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY)
    if path == "silicon.throughput":
        assert parameters["scenario"].default == "offline"


def test_the_functions_of_the_fleet() -> None:
    from penstock import fleet

    parameters = inspect.signature(fleet.simulate).parameters
    given = [p.name for p in parameters.values() if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert given == ["config", "trace", "seed"]
    assert list(inspect.signature(fleet.prefix_hit).parameters) == ["trace"]


def test_what_clearing_returns() -> None:
    from penstock.money.settlement import Clearing

    assert Clearing._fields == ("payments", "equity", "defaults", "rounds", "converged")


@pytest.mark.parametrize("name", ["contagion", "systemic"])
def test_analyses_take_a_run_or_a_world(name: str) -> None:
    parameters = list(inspect.signature(getattr(ps, name)).parameters.values())
    assert parameters[0].name == "run_or_world"
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY and p.default is not REQUIRED for p in parameters[1:])


def test_what_a_run_offers() -> None:
    for name in ("layers", "economy", "events", "outcomes", "company", "path", "to_xarray", "manifest"):
        assert hasattr(ps.Run, name) or name in ps.Run.__init__.__code__.co_names, name
    assert list(inspect.signature(ps.Run.company).parameters)[1:2], "company(ID)"
    assert list(inspect.signature(ps.Run.path).parameters)[1:2] == ["n"]


def test_names_of_python_are_listed() -> None:
    assert {"load_world", "simulate", "open_run", "portfolio", "explain", "supply_chain", "token_price"} <= set(
        ps.__all__
    )
    assert set(ps.__all__) <= set(dir(ps))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = ps.nonsense
