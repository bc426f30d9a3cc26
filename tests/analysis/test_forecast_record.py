"""The record of forecasts: what is frozen scores the same, a changed record is refused, bad data are told."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from penstock.analysis.forecast_record import Record, freeze, make_record, quarters_to_reach, read_record, score
from penstock.analysis.later_data import read_later
from penstock.errors import InputError, OutputError
from penstock.world import load_world

HEADER = "series,entity,date,value,unit,evidence,source_id,note"


@pytest.fixture(scope="module")
def record() -> Record:
    return make_record(load_world(), quarters=2, paths=16)


def points(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "later.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_the_median_of_the_forecast_is_a_forecast_without_error(record: Record, tmp_path: Path) -> None:
    flows = record.ensemble.outputs["capex_usd_bn.microsoft"]
    rows = [
        f"capex_usd_bn,microsoft,{day},{np.median(flows[step])!r},usd_bn,,,"
        for step, day in ((1, "2026-03-31"), (2, "2026-06-30"))
    ]
    found = score(
        record, read_later(points(tmp_path, *(row.replace("np.float64(", "").replace(")", "") for row in rows)))
    )
    table = found.main.by_series()
    assert table["median_error"].iloc[0] == pytest.approx(0.0, abs=0.05)
    assert table["cover_50"].iloc[0] == 1.0
    assert list(found.main.by_horizon().index) == [1, 2]
    assert table["crps_ratio_random_walk"].iloc[0] > 0.0


def test_a_frozen_record_scores_as_the_record_itself(record: Record, tmp_path: Path) -> None:
    later = read_later(
        points(
            tmp_path, "capex_usd_bn,amazon,2026-03-31,40,usd_bn,,,", "nvidia_revenue_usd_bn,nvidia,2026-04-26,66,,,,"
        )
    )
    freeze(record, tmp_path / "frozen")
    again = read_record(tmp_path / "frozen")
    assert again.about["world"]["hash"] == load_world().hash
    direct, read = score(record, later), score(again, later)
    pd.testing.assert_frame_equal(direct.main.by_series(), read.main.by_series(), rtol=1e-5)
    with pytest.raises(OutputError, match="expected a new or empty folder"):
        freeze(record, tmp_path / "frozen")


@pytest.mark.parametrize("name", ["outputs.parquet", "known.csv", "observables.csv", "discrepancy.csv"])
def test_a_changed_record_is_refused(record: Record, tmp_path: Path, name: str) -> None:
    freeze(record, tmp_path / "frozen")
    path = tmp_path / "frozen" / name
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(InputError, match="a changed record cannot be scored"):
        read_record(tmp_path / "frozen")


def test_data_are_forecast_with_the_discrepancy_and_paths_alone_stand_beside(record: Record, tmp_path: Path) -> None:
    rows = ("capex_usd_bn,amazon,2026-03-31,40,usd_bn,,,", "capex_usd_bn,meta,2026-06-30,22,usd_bn,,,")
    found = score(record, read_later(points(tmp_path, *rows)))
    data, alone = found.main.by_series(), found.paths_alone.by_series()
    assert list(data.index) == list(alone.index)
    assert (data["width_80"] > alone["width_80"]).all()
    assert (data["median_error"] - alone["median_error"]).abs().max() < 0.1
    told = found.to_dict()
    assert told["paths_alone"]["total"]["points"] == told["total"]["points"] == 2


def test_a_record_from_before_the_discrepancy_was_kept_scores_its_paths(record: Record, tmp_path: Path) -> None:
    freeze(replace(record, discrepancy=None), tmp_path / "frozen")
    assert not (tmp_path / "frozen" / "discrepancy.csv").exists()
    later = read_later(points(tmp_path, "capex_usd_bn,amazon,2026-03-31,40,usd_bn,,,"))
    found = score(read_record(tmp_path / "frozen"), later)
    pd.testing.assert_frame_equal(found.main.by_series(), found.paths_alone.by_series())


def test_a_folder_without_a_record(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"found no forecast.json; expected a folder that"):
        read_record(tmp_path)


def test_what_is_not_carried_is_told_and_the_rest_scored(record: Record, tmp_path: Path) -> None:
    path = points(
        tmp_path,
        "capex_usd_bn,meta,2026-03-31,22,usd_bn,,,",
        "backlog_usd_bn,microsoft,2026-03-31,600,usd_bn,,,",
        "no_such_series,x,2026-03-31,1,x,,,",
        "capex_usd_bn,no_such_company,2026-03-31,1,usd_bn,,,",
        "capex_usd_bn,alphabet,2026-12-31,30,usd_bn,,,",
        "capex_usd_bn,oracle,2026-03-31,9000,usd_mn,,,",
        "h100_rental_usd_per_hour,marketplace,2026-03-31,2,usd/gpu_hour,,,",
    )
    found = score(record, read_later(path))
    assert list(found.main.by_series().index) == ["capex_usd_bn meta"]
    assert [point.series for point in found.apart.points] == ["h100_rental_usd_per_hour"]
    told = {key: why for key, why in found.not_carried.items()}
    assert told["no_such_series", "x"] == "observables.csv has no row for it"
    assert told["capex_usd_bn", "no_such_company"].startswith("no such output in this world")
    assert "beyond 2026-06-30" in told["capex_usd_bn", "alphabet"]
    assert told["capex_usd_bn", "oracle"] == "found the unit usd_mn; expected usd_bn"
    assert ("backlog_usd_bn", "microsoft") in told


def test_nothing_to_score_is_no_error(record: Record, tmp_path: Path) -> None:
    found = score(record, read_later(points(tmp_path)))
    assert found.main.total() == {"series": 0, "points": 0} and not found.not_carried


def test_how_far_an_ensemble_has_to_reach() -> None:
    as_of = dt.date(2025, 12, 31)

    def of(day: str) -> int:
        return quarters_to_reach(as_of, pd.DataFrame({"date": [day]}))

    assert [of(day) for day in ("2025-06-30", "2026-01-25", "2026-03-31", "2026-04-26", "2026-12-31")] == [
        1,
        1,
        1,
        2,
        4,
    ]


@pytest.mark.parametrize(
    ("row", "header", "message"),
    [
        ("capex_usd_bn,meta,2026-03-31,x,usd_bn,,,", HEADER, "later.csv:2: value: found 'x'; expected a number"),
        (
            "capex_usd_bn,meta,31.3.2026,1,usd_bn,,,",
            HEADER,
            "later.csv:2: date: found '31.3.2026'; expected an ISO date",
        ),
        ("capex_usd_bn,meta,2026-03-31,,usd_bn,,,", HEADER, "later.csv:2: value: found nothing; expected a value"),
        ("capex_usd_bn,meta,2026-03-31", "series,entity,date", "later.csv:1: header: found no column 'value'"),
        ("a,b,2026-03-31,1,2", "series,entity,date,value,valu", "later.csv:1: header: found 'valu'; expected a column"),
    ],
)
def test_bad_data_are_told_by_line(tmp_path: Path, row: str, header: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_later(points(tmp_path, row, header=header))
    assert message in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.csv: file: found nothing; expected a CSV file"):
        read_later(tmp_path / "none.csv")
