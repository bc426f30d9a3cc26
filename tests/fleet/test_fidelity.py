"""Against measurements: single replicas of Splitwise, ratios of MLPerf scenarios, the published day of DeepSeek."""

from __future__ import annotations

import pytest
from tools.fleet_validation import fidelity


@pytest.mark.skipif(not fidelity.SPLITWISE.exists(), reason="found no Splitwise table beside the checkout")
def test_single_replicas_have_the_times_of_splitwise() -> None:
    found = fidelity.splitwise()
    assert found["cells"] > 45
    assert found["largest error of a simulated replica"] < 0.10
    assert found["left out, median error"] < 0.05
    assert found["left out, times within 10 %"] >= 0.95 * found["left out, times"]


def test_a_replica_repeats_the_timings_it_is_given() -> None:
    cells = {(128, 1): (0.05, 0.03), (512, 1): (0.06, 0.03), (512, 4): (0.2, 0.032), (2048, 1): (0.21, 0.03)}
    for (prompt, batch), (first, token) in cells.items():
        found = fidelity.replica_times(cells, prompt, batch)
        assert found[0] == pytest.approx(first, rel=0.03)
        assert found[1] == pytest.approx(token, rel=0.03)


def test_server_and_interactive_ratios_of_the_70b_model() -> None:
    """PHYSICS R11: 0.95 and 0.58, within 0.1."""
    found = fidelity.mlperf()
    assert found["server"] == pytest.approx(0.95, abs=0.1)
    assert found["interactive"] == pytest.approx(0.58, abs=0.1)


def test_the_server_ratio_of_a_mixture_of_experts() -> None:
    found = fidelity.mlperf(model="moe_47b", sizes=(1,), scenarios=("server",), slots_tried=(192, 512), seconds=120.0)
    published = fidelity.published_ratio("mixtral-8x7b", "H200-SXM", "server")
    assert found["server"] == pytest.approx(published, abs=0.15)


def test_deepseeks_day() -> None:
    found = fidelity.deepseek_day()
    assert found["revenue, USD"] == pytest.approx(562_027, rel=1e-3)
    assert found["cost, USD"] == pytest.approx(87_072, rel=1e-3)
    assert found["margin on cost"] == pytest.approx(5.45, rel=2e-3)
    assert found["peak over average nodes"] == pytest.approx(1.226, rel=1e-3)
