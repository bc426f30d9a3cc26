"""A run gives the same tables whatever works on it, and each table is what the contract page says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_model import (
    ENGINE,
    FIRMS,
    PATHS,
    QUARTERS,
    FakeScenario,
    FakeWorld,
    prepare,
    simulate_paths,
)
from fake_model import run_fake as run
from fake_model import table_hashes as hashes

from penstock.engine.bands import QUANTILES, STATISTICS, ChunkArrays, band_statistics, band_table
from penstock.engine.chunks import KEYS, Chunk, chunk_paths, chunk_tables, plain_text, plan_chunks
from penstock.engine.ensemble import quarter_names
from penstock.engine.flows import flow_table, year_names
from penstock.engine.ledger_view import GROUP_NAMES
from penstock.engine.opening.state import LAYERS
from penstock.engine.run import ModelWarning, Run, open_run
from penstock.errors import InputError, UsageError

TABLES = ("economy", "layers", "outcomes", "events", "losses", "bands", "flows")


def frames(result: Run) -> dict[str, pd.DataFrame]:
    return {name: getattr(result, name) for name in TABLES}


def test_files_are_the_same_bytes_for_one_worker_and_two(tmp_path: Path) -> None:
    run(tmp_path / "one", jobs=1)
    run(tmp_path / "two", jobs=2)
    assert len(hashes(tmp_path / "one")) == 3 * 5 + 2
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


def test_memory_holds_the_same_tables_as_a_directory_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    memory = run()
    assert list(tmp_path.iterdir()) == []
    stored = run(tmp_path / "run")
    for name in TABLES:
        pd.testing.assert_frame_equal(frames(memory)[name], frames(stored)[name], check_exact=True)


def test_tables_do_not_depend_on_how_paths_are_grouped() -> None:
    model = prepare(FakeWorld(), FakeScenario(), quarters=QUARTERS)
    quarters = quarter_names(FakeWorld().as_of, QUARTERS)

    def all_tables(size: int) -> dict[str, pd.DataFrame]:
        parts = [
            chunk_tables(chunk, simulate_paths(model, chunk.first_path, chunk.count), quarters, FIRMS)
            for chunk in plan_chunks("baseline", 70, size)
        ]
        return {name: pd.concat([plain_text(part[name]) for part in parts], ignore_index=True) for name in parts[0]}

    whole, pieces = all_tables(70), all_tables(32)
    for name in ("economy", "layers", "outcomes"):
        pd.testing.assert_frame_equal(whole[name], pieces[name], check_exact=True)


def test_another_seed_gives_other_numbers() -> None:
    first, second = run(paths=3, seed=7), run(paths=3, seed=8)
    assert not np.array_equal(first.economy["capex_usd_bn"], second.economy["capex_usd_bn"])


@pytest.mark.parametrize("name", ["economy", "layers", "outcomes", "events"])
def test_the_first_four_columns_are_the_unique_sort_key(name: str) -> None:
    frame = getattr(run(scenario=["baseline", "shock"]), name)
    keys = list(KEYS[name])
    assert list(frame.columns[:4]) == keys
    assert not frame.duplicated(keys).any()
    pd.testing.assert_frame_equal(frame, frame.sort_values(keys, ignore_index=True))


def test_bands_are_keyed_and_sorted() -> None:
    bands = run().bands
    keys = ["scenario", "quarter", "company_id", "measure"]
    assert list(bands.columns) == [*keys, *STATISTICS]
    assert not bands.duplicated(keys).any()
    pd.testing.assert_frame_equal(bands, bands.sort_values(keys, ignore_index=True))


def test_bands_are_the_quantiles_of_the_full_arrays() -> None:
    result = run(keep="full")
    full = result.companies
    bands = result.bands.set_index(["quarter", "company_id", "measure"])
    for company, measure in (("openai", "cash_usd_bn"), ("zeta", "failed"), ("alpha", "revenue_usd_bn")):
        for quarter in ("2026Q1", "2027Q2"):
            values = full[(full["company_id"] == company) & (full["quarter"] == quarter)][measure].to_numpy()
            band = bands.loc[(quarter, company, measure)]
            expected = np.quantile(values.astype(np.float64), list(QUANTILES.values()))
            np.testing.assert_allclose(band[list(QUANTILES)].to_numpy(float), expected, rtol=1e-6)
            np.testing.assert_allclose(band["mean"], values.mean(dtype=np.float64), rtol=1e-6)
            error = values.std(ddof=1, dtype=np.float64) / np.sqrt(PATHS)
            np.testing.assert_allclose(band["se_mean"], error, rtol=1e-5)
    world = result.economy[result.economy["quarter"] == "2026Q3"]["h100e"]
    assert bands.loc[("2026Q3", "world", "h100e"), "p95"] == pytest.approx(np.quantile(world, 0.95), rel=1e-6)


def test_a_path_without_a_number_leaves_its_band_without_one() -> None:
    values = np.ones((2, 10), np.float32)
    values[1, 4] = np.nan
    statistics = band_statistics(values)
    assert np.isfinite(statistics[0]).all()
    assert np.isnan(statistics[1]).all()


def test_bands_do_not_depend_on_the_cut_into_chunks() -> None:
    generator = np.random.default_rng(1)
    company = generator.random((7, 3, 2, 50)).astype(np.float32)
    economy = generator.random((15, 3, 50))
    flows = generator.random((1, len(GROUP_NAMES), len(GROUP_NAMES), 50))
    quarters = ("2026Q1", "2026Q2", "2026Q3")
    whole = band_table("s", quarters, ("a", "b"), [ChunkArrays(company, economy, flows)])
    cuts = (slice(0, 33), slice(33, 50))
    parts = [ChunkArrays(company[..., cut], economy[..., cut], flows[..., cut]) for cut in cuts]
    whole_flows, parts_flows = flow_table("s", quarters, [flows]), flow_table("s", quarters, [p.flows for p in parts])
    pd.testing.assert_frame_equal(whole_flows, parts_flows, check_exact=True)
    pd.testing.assert_frame_equal(whole, band_table("s", quarters, ("a", "b"), parts), check_exact=True)


def test_flows_are_spread_over_all_paths() -> None:
    flows = run().flows
    assert list(flows.columns) == ["scenario", "year", "payer", "payee", "usd_bn_mean", "p05", "p95"]
    assert set(flows["payer"]) == {"users"} and len(flows) == 2 * len(LAYERS)
    paid = np.arange(PATHS) + 1.0
    expected = [paid.mean(), *np.quantile(paid, [0.05, 0.95])]
    np.testing.assert_allclose(flows[["usd_bn_mean", "p05", "p95"]].to_numpy(), np.tile(expected, (len(flows), 1)))


@pytest.mark.parametrize(
    ("first", "count", "names"),
    [
        (0, 8, ["2026", "2027"]),
        (0, 6, ["2026", "2027Q1-2027Q2"]),
        (0, 1, ["2026Q1-2026Q1"]),
        (2, 6, ["2026Q3-2027Q2", "2027Q3-2027Q4"]),
    ],
)
def test_a_year_is_named_as_one_where_it_is_one(first: int, count: int, names: list[str]) -> None:
    quarters = quarter_names(FakeWorld().as_of, first + count)[first:]
    assert year_names(quarters) == names


def test_dtypes_are_those_of_the_contract() -> None:
    result = run(paths=5)
    numbers = result.economy.select_dtypes("number").drop(columns="path")
    assert set(numbers.dtypes) == {np.dtype("float64")}
    assert set(result.bands.select_dtypes("number").dtypes) == {np.dtype("float32")}
    assert set(result.outcomes.select_dtypes("number").drop(columns="path").dtypes) == {np.dtype("float32")}
    assert set(result.economy["region"]) == {"world"}
    assert set(result.economy["binding"]) <= {"chips", "halls", "power", "funding", "demand"}


def test_a_run_that_lives_on_is_empty_in_its_default_quarter() -> None:
    outcomes = run(paths=40).outcomes
    alive = outcomes["default_quarter"].isna()
    assert alive.any() and not alive.all()
    assert (outcomes[~alive]["default_quarter"] >= "2026Q1").all()
    assert outcomes[alive]["stage_end"].isna().all()


def test_chunks_are_128_paths_and_4096_in_large_runs() -> None:
    assert [chunk_paths(n) for n in (1, 16384, 16385)] == [128, 128, 4096]
    assert plan_chunks("s", 130, 128) == [Chunk("s", 0, 0, 128), Chunk("s", 1, 128, 2)]


def test_scenarios_share_their_random_numbers() -> None:
    result = run(scenario=["baseline", "a_longer_name"], paths=20)
    economy = result.economy.set_index(["scenario", "path", "quarter"])["capex_usd_bn"]
    difference = economy.loc["a_longer_name"] - economy.loc["baseline"]
    np.testing.assert_allclose(difference, difference.iloc[0], rtol=1e-9)
    assert difference.iloc[0] > 0
    assert list(result.bands["scenario"].unique()) == ["baseline", "a_longer_name"]


def test_a_path_is_simulated_again_as_the_run_saw_it(tmp_path: Path) -> None:
    run(tmp_path / "run")
    opened = open_run(tmp_path / "run", world=FakeWorld(), engine=ENGINE)
    detail = opened.path(200)
    stored = opened.economy[opened.economy["path"] == 200]["capex_usd_bn"].to_numpy()
    assert np.array_equal(detail.economy["capex_usd_bn"].to_numpy(), stored)
    with pytest.raises(UsageError, match="from 0 to 299"):
        opened.path(300)


def test_a_company_comes_with_its_bands_and_outcomes() -> None:
    result = run(paths=10).company("nvidia")
    assert set(result.bands["company_id"]) == set(result.outcomes["company_id"]) == {"nvidia"}
    assert len(result.bands) == QUARTERS * 7
    assert len(result.to_pandas()) == len(result.to_dict()["bands"])


def test_arrays_are_labelled() -> None:
    result = run(paths=10, keep="full")
    dataset = result.to_xarray()
    value = dataset["economy_it_mw"].sel(scenario="baseline", path=3, quarter="2026Q2").item()
    economy = result.economy.set_index(["path", "quarter"])
    assert value == economy.loc[(3, "2026Q2"), "it_mw"]
    assert dataset["company_cash_usd_bn"].sel(company_id="zeta").shape == (1, 10, QUARTERS)
    assert dataset["band"].sel(measure="it_mw", company_id="world", statistic="p50").shape == (1, QUARTERS)


def test_representations_are_one_line_and_a_page_without_script() -> None:
    result = run(paths=10)
    assert "\n" not in repr(result) and "10 paths" in repr(result)
    page = result._repr_html_()
    assert "<svg" in page and "<table>" in page and "script" not in page


def test_a_failed_check_of_the_model_is_loud() -> None:
    with pytest.warns(ModelWarning, match="not finite"):
        result = run(paths=2, scenario=FakeScenario("broken", "broken"))
    assert len(result.problems()) == 1


def test_progress_counts_paths() -> None:
    seen: list[tuple[int, int]] = []
    run(on_progress=lambda done, total, note: seen.append((done, total)))
    assert seen == [(0, 300), (128, 300), (256, 300), (300, 300)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"paths": 0}, "paths: found 0"),
        ({"paths": 2.5}, "paths: found 2.5"),
        ({"quarters": 61}, "quarters: found 61; expected a whole number from 1 to 60"),
        ({"seed": -1}, "seed: found -1"),
        ({"jobs": 0}, "jobs: found 0"),
        ({"keep": "all"}, "keep: found 'all'"),
        ({"scenario": []}, "scenario: found none"),
        ({"scenario": ["baseline", "baseline"]}, "'baseline' twice"),
    ],
)
def test_bad_values_say_what_is_expected(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        run(tmp_path / "run", **changes)
    assert list(tmp_path.iterdir()) == []


def test_another_world_is_noticed_when_a_path_is_asked_for(tmp_path: Path) -> None:
    run(tmp_path / "run", paths=3)
    opened = open_run(tmp_path / "run", world=FakeWorld(hash="cd" * 32), engine=ENGINE)
    with pytest.raises(InputError, match="found a world with hash cdcd"):
        opened.path(0)


def test_a_changed_scenario_is_noticed_when_a_path_is_asked_for(tmp_path: Path) -> None:
    run(tmp_path / "run", paths=3)
    opened = open_run(tmp_path / "run", world=FakeWorld(), engine=ENGINE)
    opened.manifest["scenarios"][0]["text"] += "# changed"
    with pytest.raises(InputError, match="in the manifest"):
        opened.path(0)
