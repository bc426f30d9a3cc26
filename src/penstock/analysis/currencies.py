"""Currencies of exposures, and the rates that turn them into US dollars."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.errors import UsageError

if TYPE_CHECKING:
    from penstock.world import World

DOLLAR = "USD"
CODES = frozenset(
    (
        "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD", "BIF", "BMD",
        "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLF", "CLP", "CNY", "COP",
        "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP",
        "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD",
        "IRR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK",
        "LBP", "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR",
        "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP",
        "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP",
        "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD",
        "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XCG",
        "XOF", "XPF", "YER", "ZAR", "ZMW", "ZWG",
    )
)  # fmt: skip
"""Currencies of ISO 4217 that money is held in."""

_PARAMETER = re.compile(
    r"fx_(?:usd_per_(?P<inverse>[a-z]{3})|(?P<direct>[a-z]{3})_per_usd)_(?P<when>end_|fy)?(?P<year>\d{4})"
)


@dataclass(frozen=True)
class Rate:
    """What one unit of a currency is worth."""

    currency: str
    usd: float
    source: str
    """name of the parameter, or `given`"""
    grade: str


def rates_of(world: World) -> dict[str, Rate]:
    """Rates among the world's parameters known at its date: the latest year, its end before its mean."""
    found: dict[str, tuple[tuple[int, int], Rate]] = {DOLLAR: ((9999, 0), Rate(DOLLAR, 1.0, "unit", "A"))}
    table = world.table("parameters")
    for name, central, grade in table[["name", "central", "grade"]].itertuples(index=False, name=None):
        match = _PARAMETER.fullmatch(str(name))
        if match is None or not float(central) > 0.0:
            continue
        code = str(match["inverse"] or match["direct"]).upper()
        usd = float(central) if match["inverse"] else 1.0 / float(central)
        when = (int(match["year"]), 1 if match["when"] == "end_" else 0)
        if code not in found or when > found[code][0]:
            found[code] = (when, Rate(code, usd, str(name), str(grade)))
    return {code: rate for code, (_, rate) in found.items()}


def given_rates(rates: Mapping[str, float]) -> dict[str, Rate]:
    """Rates that a person gave, US dollars for one unit. Raises UsageError for a bad code or value."""
    found = {}
    for code, usd in rates.items():
        if code.upper() not in CODES:
            raise UsageError(f"rate: found {code!r}; expected a currency of ISO 4217, as EUR")
        if not 0.0 < usd < float("inf"):
            raise UsageError(f"rate: found {code}={usd}; expected US dollars for one {code.upper()}, above 0")
        found[code.upper()] = Rate(code.upper(), float(usd), "given", "")
    return found
