"""`penstock fleet`: runs, comparisons and exports from files, what they print and what they write."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from penstock.cli.main import main
from penstock.fleet import load_config
from penstock.fleet.kubernetes import manifests, write_manifests

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples" / "fleet").glob("*.toml"))
SMALL = """
name = "small"
[trace]
requests = 400
requests_per_s = 12
[[model]]
name = "m"
shape = "dense_70b"
[[pool]]
name = "p"
model = "m"
chip = "h200"
chips = 2
replicas = 3
[[tenant]]
name = "a"
[[tenant]]
name = "b"
weight = 2.0
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_a_run_prints_its_figures_and_writes_its_files(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "run", str(small), "--format", "json", "--out", "out"]) == 0
    told = json.loads(capsys.readouterr().out)["result"]
    assert told["requests"] == 400
    assert told["requests_per_s"] > 0
    assert told["tokens_billed"] == told["tokens_served"] > 0
    assert told["revenue_usd"] == pytest.approx(sum(line["amount_usd"] for line in told["invoice"]))
    assert told["requests"] == told["served"] + told["rejected"] + told["failed"] + told["timed_out"]
    names = {p.name for p in (small.parent / "out").iterdir()}
    assert names == {
        "report.html",
        "metrics.prom",
        "fleet.toml",
        "result.json",
        "windows.csv",
        "pools.csv",
        "tenants.csv",
        "invoice.csv",
    }


def test_a_run_without_out_has_a_place_of_its_own(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "run", str(small)]) == 0
    assert main(["fleet", "run", str(small)]) == 0
    out = capsys.readouterr()
    assert "tokens billed" in out.out
    places = list((small.parent / "runs").iterdir())
    assert len(places) == 1
    assert re.fullmatch(r"fleet-small-[0-9a-f]{8}", places[0].name)


def test_a_comparison_shows_what_pooling_saves(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "compare", str(small), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)["result"]
    assert [f["fleet"] for f in told["fleets"]] == ["a", "b", "all dedicated", "pooled"]
    apart, pooled = told["fleets"][-2:]
    assert apart["chips"] >= pooled["chips"]
    assert all(f["good_share"] >= 0.99 for f in told["fleets"])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_the_examples_are_valid(path: Path) -> None:
    assert load_config(path).name == path.stem


def test_the_bundled_plan_is_the_example() -> None:
    kept = ROOT / "src" / "penstock" / "fleet" / "data" / "azure_conversation.toml"
    assert kept.read_text(encoding="utf-8") == EXAMPLES[0].read_text(encoding="utf-8")


# ---------------------------------------------------------------- Kubernetes


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_manifests_pass_an_offline_validator(path: Path, tmp_path: Path) -> None:
    validator = pytest.importorskip(
        "kubernetes_validate", reason="found no kubernetes-validate; it is in the extra dev"
    )
    import yaml

    written = write_manifests(load_config(path), tmp_path / "k8s")
    documents = [d for file in written for d in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    for document in documents:
        validator.validate(document, "1.29", strict=True)
    assert documents == [part for parts in manifests(load_config(path)).values() for part in parts]
    kinds = {d["kind"] for d in documents}
    assert {"Deployment", "PodDisruptionBudget", "NetworkPolicy", "ResourceQuota"} <= kinds


def test_the_autoscaler_of_the_example_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "export", str(tmp_path / "plan"), "--kubernetes", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)["result"]
    text = "".join(Path(p).read_text(encoding="utf-8") for p in told["files"])
    assert text.count("HorizontalPodAutoscaler") == 1
    assert text.count('kind: "NetworkPolicy"') == 2 * 3 + 2
    assert text.count('kind: "ResourceQuota"') == 3


def test_the_plan_of_a_run_is_exported_beside_it(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "run", str(small), "--out", "out", "-q"]) == 0
    assert main(["fleet", "export", "out", "--kubernetes", "-q"]) == 0
    assert (small.parent / "out" / "kubernetes" / "30-pool-p.yaml").exists()


# ------------------------------------------------------- Prometheus and page


def test_prometheus_text_has_types_labels_and_rising_counters(small: Path) -> None:
    assert main(["fleet", "run", str(small), "--out", "out", "-q"]) == 0
    lines = (small.parent / "out" / "metrics.prom").read_text(encoding="utf-8").splitlines()
    sample = re.compile(r'^[a-z0-9_]+\{fleet="small"(,le="[^"]+")?\} (NaN|[-+0-9.e]+) \d+$')
    kinds = {}
    for line in lines:
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split()
            kinds[name] = kind
        elif not line.startswith("#"):
            assert sample.match(line), line
    assert kinds["penstock_fleet_time_to_first_token_seconds"] == "histogram"
    served = [float(x.split()[1]) for x in lines if x.startswith("penstock_fleet_requests_served_total{")]
    assert served == sorted(served)
    buckets = [float(x.split()[1]) for x in lines if "time_to_first_token_seconds_bucket" in x]
    assert buckets == sorted(buckets)
    assert buckets[-1] == served[-1]


@pytest.mark.browser
def test_the_page_opens_offline_and_draws(small: Path, chromium: str) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="found no playwright; expected the extra `dev`")
    assert main(["fleet", "run", str(small), "--out", "out", "-q"]) == 0
    page_file = small.parent / "out" / "report.html"
    assert page_file.stat().st_size < 1_500_000
    problems: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": 390, "height": 900}, offline=True)
        page = context.new_page()
        page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: problems.append(str(e)))
        page.on("request", lambda r: problems.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
        page.goto(page_file.as_uri())
        page.wait_for_selector(".chart svg")
        assert page.locator(".chart svg").count() >= 8
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        browser.close()
    assert problems == []
