"""Campaigns: a small sample of each, going on after a stop, and answers that can be no."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tools.campaign import default_rates, faults, kills, power_audit, random_worlds, searches, sizes, steps
from tools.campaign.command import main
from tools.campaign.units import Unit, finish, unit_folder

from penstock.analysis.steps import HEADLINES, STEPS
from penstock.engine.layout import RATINGS
from penstock.world import Parameter, load_world


def published(low: float, central: float, high: float) -> Parameter:
    return Parameter("pd_1y_bb", low, central, high, "percent", "E", "c_sp_24", None)


# ------------------------------------------------------------------ samples


def test_random_worlds_conserve_in_a_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work, docs = tmp_path / "work", tmp_path / "docs"
    line = ["random_worlds", "--worlds", "4", "--seed", "1", "--docs", str(docs), "--work", str(work)]
    assert main(line) == 0
    told = capsys.readouterr().out
    assert "**passed**: worlds conserve" in told
    assert "FAILED" not in told
    (page,) = (docs / "validation" / "campaigns").glob("*-random_worlds.md")
    text = page.read_text(encoding="utf-8")
    assert "commit" in text and "Machine:" in text and "2 of 2 passed." in text
    assert "`python -m tools.campaign random_worlds --worlds 4 --seed 1" in text


def test_killed_runs_go_on_to_the_same_bytes_in_a_sample() -> None:
    options = kills.Options(kills=2, paths=384, quarters=2, seed=1)
    units = [kills.Work(options)(number) for number in range(options.units)]
    assert units == json.loads(json.dumps(units))
    found = kills.result(options, units)
    assert [verdict.passed for verdict in found.verdicts[:2]] == [True, True], units
    assert all(unit["code"] in (0, kills.KILLED) for unit in units)
    bad = kills.result(options, [units[0], {**units[1], "equal": False}])
    assert not bad.passed and "1 of 2" in bad.verdicts[0].told


def test_the_log_of_faults_names_every_case_and_its_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    options, file = faults.Options(kills=0), "tests/engine/test_executors.py"
    monkeypatch.setattr(faults, "FILES", {file: "pools that are stopped"})
    assert options.units == 1
    unit = faults.Work(options)(0)
    assert unit == json.loads(json.dumps(unit))
    found = faults.result(options, [unit])
    assert found.passed
    ((heading, log),) = found.sections[1:]
    assert heading == "Pools that are stopped"
    assert "| A pool that is stopped ends with tasks left | 3 | passed |" in log
    worse = [[*unit["cases"], ["test_x[a]", "passed"], ["test_x[b]", faults.FAILED], ["test_y", "skipped"]]]
    bad = faults.result(options, [{"file": file, "cases": worse[0]}])
    assert not bad.passed
    assert "| X | 2 | FAILED |" in bad.sections[1][1] and "1 not tried on this machine" in bad.verdicts[-1].told
    assert not faults.result(options, [{"file": file, "cases": []}]).passed


def test_a_campaign_of_the_seed_draws_the_same_worlds() -> None:
    options = random_worlds.Options(worlds=2, seed=5, quarters=1, paths=1)
    first, again = (random_worlds.Work(options)(0) for _ in range(2))
    assert first == again
    assert len(first["companies"]) == 2
    other = random_worlds.Work(random_worlds.Options(worlds=2, seed=6, quarters=1, paths=1))(0)
    assert other["companies"] != first["companies"]


def test_a_world_with_a_fault_is_kept_with_its_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_worlds, "find_faults", lambda model, width: ["cash adds to nothing: error 1.0e-03"])
    options = random_worlds.Options(worlds=2, quarters=1, paths=1)
    result = random_worlds.result(options, [random_worlds.Work(options)(0)])
    assert not result.passed
    assert "2 of 2 worlds" in result.verdicts[0].line
    assert "Plan(trades=" in dict(result.sections)["Faults, the first twenty"]


def test_default_rates_of_a_block_of_paths() -> None:
    options = default_rates.Options(paths=128, quarters=8)
    unit = default_rates.Work(options)(0)
    assert unit == json.loads(json.dumps(unit))
    defaults, at_risk = np.array(unit["defaults"]), np.array(unit["at_risk"])
    assert defaults.shape == at_risk.shape == (len(RATINGS), 2, 128)
    assert (defaults <= at_risk).all()
    # ratings move, so classes change size, but in all only failures leave
    assert (at_risk[:, 1].sum(axis=0) == (at_risk[:, 0] - defaults[:, 0]).sum(axis=0)).all()
    # who is rated worse fails more often, where many firms share a rating
    rate = {name: defaults[n].sum() / at_risk[n].sum() for n, name in enumerate(RATINGS) if at_risk[n].sum()}
    assert rate["AAA"] <= rate["BBB"] < rate["B"]
    result = default_rates.result(options, [unit])
    asked = [verdict.question for verdict in result.verdicts]
    assert sum("rating" in question for question in asked) == len(rate)
    for word in ("chain", "net cash", "contagion off"):
        assert sum(word in question for question in asked) == 1


def test_each_step_is_compared_with_all_steps_on() -> None:
    options = steps.Options(paths=4, quarters=2)
    assert options.units == 1 + len(STEPS)
    work = steps.Work(options)
    base, payoff = work(0), work(1 + STEPS.index("payoff"))
    units: list[Unit] = [base] * len(STEPS) + [payoff]
    result = steps.result(options, units)
    passed = [verdict.passed for verdict in result.verdicts]
    assert passed[:-1] == [False] * (len(STEPS) - 1)
    assert "surplus by" in result.verdicts[-1].told
    assert all(item.name in result.sections[0][1] for item in HEADLINES)


def test_a_shock_is_compared_size_by_size() -> None:
    options = sizes.Options(paths=8, quarters=6)
    assert options.units == len(sizes.shocks()) and "baseline" not in sizes.shocks()
    unit = sizes.Work(options)(sizes.shocks().index("funding_freeze"))
    assert unit == json.loads(json.dumps(unit))
    assert [step["size"] for step in unit["steps"]] == list(sizes.SIZES)
    for step in sizes.steps_of(options, [unit]):
        assert sum(step.parts.values()) == pytest.approx(step.difference, abs=1e-9)
        each = sum(parts[name] for parts in step.companies.values() for name in parts)
        assert each == pytest.approx(step.difference, abs=1e-9)
    whole = sizes.Work(options)(sizes.shocks().index("lab_cannot_pay"))
    assert [step["size"] for step in whole["steps"]] == [1.0]
    assert "expected events with a size" in whole["reason"]


def test_losses_that_fall_beyond_chance_fail_with_their_mechanism() -> None:
    options = sizes.Options(paths=4, quarters=1)
    flat = {name: [10.0] * 4 for name in ("loss", "claims", "rescue", "capex", "defaults")}
    spared = {"parts": {"added": [0.0] * 4, "avoided": [-3.0, -4.0, -3.0, -4.0], "same": [0.0] * 4}}
    companies = {"oracle": {"added": 0.0, "avoided": -14.0, "same": 0.0}}
    change = {"loss": {**spared, "companies": companies}, "claims": {**spared, "companies": companies}}
    less = {**flat, "loss": [7.0, 6.0, 7.0, 6.0], "claims": [7.0, 6.0, 7.0, 6.0], "capex": [9.0] * 4}
    units: list[Unit] = [
        {"scenario": name, "reason": "", "base": flat, "steps": [{"size": 1.0, **less, "change": change}]}
        for name in sizes.shocks()
    ]
    result = sizes.result(options, units)
    assert not any(verdict.passed for verdict in result.verdicts)
    told = dict(result.sections)["Exceptions: steps where the mean falls"]
    assert "failures spared (-3.5: oracle -3.5); 10.0 % less is built" in told


def test_searches_are_timed_and_told() -> None:
    unshocked = {"share": 0.2, "low": 0.15, "high": 0.25}
    factor = {"factor": "sentiment", "effect": "x 0.71", "part": 0.9, "share_without": 0.2}
    shock = {"distance": 1.5, "low": 1.0, "high": 2.0, "share": 0.55, "share_low": 0.5, "share_high": 0.6}
    timed = {"wall_s": 10.0, "cpu_s": 8.0, "peak_mb": 300.0, "paths": 64, "settings": 2}
    search = {"name": "reverse --target defaults>=5", "found": 1, "needed": True, "unshocked": unshocked, **timed}
    sobol = {"name": "sensitivity --method sobol", "outputs": ["capex"], "units": {"capex": "usd_bn"}, **timed}
    row = {"output": "capex", "factor": "luck", "S1": 0.3, "S1_conf": 0.1, "ST": 0.6, "ST_conf": 0.1}
    units: list[Unit] = [
        {**search, "shocks": [{**shock, "factors": [factor]}]},
        {**search, "shocks": [{**shock, "share": 0.4, "factors": [factor]}]},
        {**sobol, "indices": [row]},
        {**sobol, "indices": [{**row, "ST": 1.5}]},
    ]
    result = searches.result(searches.Options(), units)
    assert [verdict.passed for verdict in result.verdicts] == [True, False, True, False]
    page = dict(result.sections)
    assert "320" in page["Times (256 paths, 40 quarters)"]
    assert "sentiment x 0.71 (90%, without it 20%)" in page["`reverse --target defaults>=5`"]


# ------------------------------------------------------------------ going on


def test_a_stopped_campaign_goes_on_where_it_was(tmp_path: Path) -> None:
    calls: list[int] = []
    stops = [2]

    def work(number: int) -> Unit:
        if number in stops:
            stops.clear()
            raise KeyboardInterrupt
        calls.append(number)
        return {"square": number * number}

    with pytest.raises(KeyboardInterrupt):
        finish(tmp_path, work, 4, 1)
    assert finish(tmp_path, work, 4, 1) == [{"square": n * n} for n in range(4)]
    assert calls == [0, 1, 2, 3]


def test_other_options_begin_anew(tmp_path: Path) -> None:
    folders = {unit_folder(tmp_path, "steps", {"paths": paths, "seed": seed}) for paths in (1, 2) for seed in (1, 2)}
    assert len(folders) == 4
    assert unit_folder(tmp_path, "steps", {"seed": 1, "paths": 1}) in folders


# ------------------------------------------------------------------ answers


@pytest.mark.parametrize(
    ("rate", "inside"),
    [(0.0056, True), (0.0056 / 2.9, True), (0.0056 / 3.1, False), (0.0056 * 2.9, True), (0.0056 * 3.1, False)],
)
def test_a_rate_lies_within_a_factor_of_three(rate: float, inside: bool) -> None:
    assert default_rates.within_factor(rate, published(0.5, 0.56, 0.6)) is inside


@pytest.mark.parametrize(("rate", "inside"), [(0.0, True), (0.0003, True), (0.00031, False)])
def test_a_published_rate_of_zero_is_bounded_by_its_range(rate: float, inside: bool) -> None:
    """AAA: no default on record in a year, 0 to 0.01 % as range."""
    told = load_world().parameter("pd_1y_aaa")
    assert (told.central, told.high, told.unit) == (0.0, 0.01, "percent")
    assert default_rates.within_factor(rate, told) is inside


def test_firms_at_risk_are_those_that_have_not_failed() -> None:
    failed = np.zeros((9, 3, 2))
    failed[2:, 0, 0] = 1  # fails in the first year
    failed[7:, 1, 0] = 1  # in the last quarter of the second
    failed[8:, 2, 0] = 1  # in a third year that is not whole
    letter, worse, best = RATINGS.index("B"), RATINGS.index("CCC"), RATINGS.index("AA")
    rating = np.zeros((3, 3, 2), dtype=int)
    rating[:, :2], rating[:, 2] = letter, best
    rating[1, 1, 0] = worse  # cut before it fails
    defaults, at_risk = default_rates.failures_by_rating(failed, rating)
    assert defaults[letter].tolist() == [[1, 0], [0, 0]]
    assert defaults[worse].tolist() == [[0, 0], [1, 0]]
    assert at_risk[letter].tolist() == [[2, 2], [0, 2]]
    assert at_risk[worse].tolist() == [[0, 0], [1, 0]]
    assert defaults.sum() == 2
    assert at_risk[best].tolist() == [[1, 1], [1, 1]]


def test_the_error_of_a_rate_is_that_of_independent_paths() -> None:
    """Equal exposure: the error of a mean; paths that fail together weigh by path, not by firm."""
    defaults, at_risk = np.array([0.0, 10.0, 0.0, 10.0]), np.full(4, 10.0)
    rate, error = default_rates.rate_and_error(defaults, at_risk)
    assert rate == 0.5
    assert error == pytest.approx((defaults / 10.0).std(ddof=1) / 2.0)


@pytest.mark.parametrize(("share", "passed"), [(0.0, False), (0.05, True), (0.7, False)])
def test_chains_happen_and_are_not_the_rule(share: float, passed: bool) -> None:
    chain = np.where(np.arange(1000) < 1000 * share, 3, 2)
    assert default_rates.chain_verdict(chain).passed is passed


@pytest.mark.parametrize(("failures", "passed"), [(5, True), (6, False)])
def test_who_has_cash_may_fail_on_one_path_in_two_hundred(failures: int, passed: bool) -> None:
    units: list[Unit] = [{"rich": {"meta": 0, "apple": failures}}]
    assert default_rates.rich_verdict(units, 1000).passed is passed


@pytest.mark.parametrize(("change", "passed"), [(-1.0, True), (0.0, False), (1.0, False)])
def test_contagion_must_add_failures_beyond_chance(change: float, passed: bool) -> None:
    noise = np.array([-0.5, 0.5] * 50)
    later = np.full(100, 3.0)
    assert default_rates.contagion_verdict(later, later + change + noise).passed is passed


# ------------------------------------------------------------------ the audit of the power plan


def audited(cost: float = 60.5, cpu: float = 90.0) -> Unit:
    """A made-up outcome of one case."""
    seconds = {"plan_s": 0.2, "audit_s": 100.0, "audit_cpu_s": cpu, "memory_gb": 0.8}
    costs = {"plan_usd_per_mwh": 60.0, "audit_usd_per_mwh": cost, "peak_mw": 1000.0}
    sizes = {"plan_mw": {"ccgt": 900.0}, "audit_mw": {"ccgt": 880.0}}
    return seconds | costs | sizes | {"audit_shed_mwh": 0.0, "imbalance_mw": 1e-12}


def test_an_audit_passes_within_its_limits_and_fails_beyond() -> None:
    options = power_audit.Options()
    good = power_audit.result(options, [audited()] * options.units)
    assert good.passed
    assert "| flat load, Dallas | ccgt | 900 | 880 | +2.0 % |" in dict(good.sections)["Capacities, MW"]
    dear = power_audit.result(options, [audited(), audited(cost=62.0), audited()])
    assert [verdict.passed for verdict in dear.verdicts] == [True, False, True, True, True]
    slow = power_audit.result(options, [audited(cpu=400.0)] * options.units)
    assert "**FAILED**: audit under 300 s of a core: 400 s" in slow.verdicts[-2].line


def test_the_systems_of_the_audit_stand() -> None:
    flat, capped, campus = (power_audit.system(number) for number in range(3))
    assert flat.co2_cap_t_per_mwh == np.inf and capped.co2_cap_t_per_mwh == 0.15
    assert campus.load_mw.max() == 5000.0
    assert campus.given_mw.max() == pytest.approx(3 * 754)
