"""The map of cited series to outputs: every series is listed, and a wrong row tells what is wrong."""

from __future__ import annotations

import pandas as pd
import pytest

from penstock.analysis.observables import NOT_LISTED, ScoringMap, parse_output
from penstock.errors import InputError
from penstock.world import load_world


@pytest.fixture(scope="module")
def bundled() -> ScoringMap:
    return ScoringMap(load_world())


def table(**cells: str) -> pd.DataFrame:
    row = {"series": "s", "entity": "e", "output": "capex_usd_bn.a", "transform": "flow", "note": ""}
    return pd.DataFrame([row | cells])


def test_every_series_of_the_data_is_mapped_or_has_a_reason(bundled: ScoringMap) -> None:
    pairs = load_world().every_row("series")[["series", "entity"]].drop_duplicates()
    for series, entity in pairs.itertuples(index=False):
        found = bundled.find(series, entity)
        assert found.output is not None or found.note not in ("", NOT_LISTED), (series, entity)


def test_a_general_row_takes_the_entity_and_an_own_row_comes_first(bundled: ScoringMap) -> None:
    general, own = bundled.find("capex_usd_bn", "tesla").output, bundled.find("arr_usd_bn", "openai").output
    assert general is not None and general.names == ("capex_usd_bn.tesla",)
    assert own is not None and own.names == ("revenue_usd_bn.openai",)
    assert bundled.find("no_such_series", "x").note == NOT_LISTED


def test_an_output_reads_back_as_written() -> None:
    for text in ("capex_usd_bn.a", "delivered_h100e.world-a-b", "spending_usd_bn.enterprise+agents"):
        assert parse_output(text, "test").text == text


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"output": "capx_usd_bn.a"}, "observables.csv:2: output: found 'capx_usd_bn'; expected one of "),
        ({"output": "capex_usd_bn"}, "observables.csv:2: output: found 'capex_usd_bn'; expected MEASURE.WHO"),
        ({"output": "none"}, "observables.csv:2: note: found nothing; expected the reason"),
        ({"transform": "flows"}, "observables.csv:2: transform: found 'flows'; expected one of stock, flow, flow_year"),
        ({"transform": "flow anchord"}, "nearest anchored"),
        ({"transform": "flow anchored rest=capex_usd_bn.a"}, "expected anchored or rest, not both"),
    ],
)
def test_a_wrong_row_tells_what_is_wrong(cells: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as error:
        ScoringMap.of_table(table(**cells))
    assert message in str(error.value)
