"""The essay's figures of a campus beside the data of the world, as docs/site.md tells them."""

from __future__ import annotations

import pytest
from tools.model_tables.essay_energy import essay_energy_figures

from penstock.world import load_world


def test_the_essay_beside_the_data() -> None:
    found = essay_energy_figures(load_world()).set_index("figure")
    assert found.at["homes at full load, homes of Louisiana", "world"] == pytest.approx(3.04, abs=0.005)
    assert found.at["homes at full load, US average", "world"] == pytest.approx(4.09, abs=0.005)
    agrees = found["agrees"]
    assert agrees["homes at full load, homes of Louisiana"]
    assert not agrees["homes at full load, US average"]
    assert not agrees["homes at planned load, homes of Louisiana"]
    assert agrees[["area", "nuclear power of the deals of January 2026", "gas units", "solar and wind"]].all()
