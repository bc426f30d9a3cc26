"""How scores are laid out for people: names for figures, percent, columns that fit 80 characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

TOTAL_NAMES = {
    "series": "series",
    "points": "points",
    "cover_50": "outcomes in the 50 % interval",
    "cover_80": "outcomes in the 80 % interval",
    "cover_95": "outcomes in the 95 % interval",
    "median_width_ratio": "median width over random walk's",
    "mean_width_ratio": "mean width over random walk's",
    "log_crps_ratio_random_walk": "mean log CRPS ratio to random walk",
    "log_crps_ratio_damped_trend": "mean log CRPS ratio to damped trend",
    "log_crps_ratio_arima": "mean log CRPS ratio to ARIMA",
    "series_with_damped_trend": "series long enough for these two",
}


def total_for_people(total: Mapping[str, float]) -> dict[str, str]:
    """A total as names and figures."""
    return {words: told(name, float(total[name])) for name, words in TOTAL_NAMES.items() if name in total}


def told(name: str, value: float) -> str:
    """A score as text: shares in per cent, logs with their sign, "" where there is none."""
    if value != value:
        return ""
    if name.startswith("cover"):
        return f"{100.0 * value:.0f} %"
    if name.startswith("log"):
        return f"{value:+.2f}"
    return f"{value:.0f}" if name.startswith(("series", "points")) else f"{value:.2f}"


def opponents_note() -> str:
    """What is left out where a package is missing."""
    from penstock.analysis.opponents import OPPONENTS, available

    if len(available()) == len(OPPONENTS):
        return ""
    return " Damped trend and ARIMA are left out: they need statsmodels (pip install 'penstock[analysis]')."


def series_for_people(series: pd.DataFrame) -> pd.DataFrame:
    """Coverage, error, and width and CRPS over the random walk's, short enough for 80 columns."""
    shown = series.rename(columns={"points": "n"})[["n"]]
    return shown.assign(
        **{
            "in 80 %": [f"{100.0 * share:.0f} %" for share in series["cover_80"]],
            "error": [f"{error:+.2f}" for error in series["median_error"]],
            "width": [told("", width) for width in series["width_ratio"]],
            "CRPS": [told("", ratio) for ratio in series["crps_ratio_random_walk"]],
        }
    )
