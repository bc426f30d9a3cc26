"""How numbers are written for readers: three significant digits, a true minus, units always.

A figure never carries more digits than its Monte Carlo error supports: give `se` where it is known.
"""

from __future__ import annotations

import math

MINUS = "\u2212"
EN_DASH = "\u2013"
NOT_AVAILABLE = "n/a"
SIGNIFICANT_DIGITS = 3

LIKELIHOOD_WORDS = (
    # upper bound of the probability, word; the scale of the IPCC guidance note on uncertainty
    (0.01, "exceptionally unlikely"),
    (0.10, "very unlikely"),
    (0.33, "unlikely"),
    (0.66, "about as likely as not"),
    (0.90, "likely"),
    (0.99, "very likely"),
    (1.01, "virtually certain"),
)


def digits_supported(value: float, se: float | None) -> int:
    """Significant digits that a standard error supports, between 1 and 3: down to the place of its first digit.

    Rounding then moves a number by half its standard error at most.
    """
    if se is None or not math.isfinite(se) or se <= 0.0 or value == 0.0:
        return SIGNIFICANT_DIGITS
    places = math.floor(math.log10(abs(value))) - math.floor(math.log10(se))
    return max(1, min(SIGNIFICANT_DIGITS, places + 1))


def plain(value: float, digits: int = SIGNIFICANT_DIGITS) -> str:
    """A number with `digits` significant digits, thousands separators and a true minus."""
    if not math.isfinite(value):
        return NOT_AVAILABLE
    if value == 0.0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    rounded = round(value, digits - 1 - exponent)
    # rounding can carry into the next power of ten: 9.996 has one decimal less once it is 10.0
    exponent = math.floor(math.log10(abs(rounded)))
    text = f"{abs(rounded):,.{max(0, digits - 1 - exponent)}f}"
    return (MINUS if rounded < 0 else "") + text


def _money_scale(usd_bn: float) -> tuple[float, str]:
    size = abs(usd_bn)
    if size >= 999.5:
        return 1e-3, "tn"
    if size >= 0.9995 or size == 0.0:
        return 1.0, "bn"
    return 1e3, "m"


def money(usd_bn: float, digits: int = SIGNIFICANT_DIGITS) -> str:
    """Nominal dollars given in billions: `$1.23bn`, `$340m`, `$1.05tn`."""
    if not math.isfinite(usd_bn):
        return NOT_AVAILABLE
    factor, suffix = _money_scale(usd_bn)
    text = plain(abs(usd_bn) * factor, digits)
    return f"{MINUS if usd_bn < 0 and text != '0' else ''}${text}{suffix}"


def dollars(usd: float, digits: int = SIGNIFICANT_DIGITS) -> str:
    """Nominal dollars given in dollars: `$1.23bn`, `$340m`, `$94.0k`, `$12.0`."""
    size = abs(usd)
    if not math.isfinite(usd) or size >= 0.9995e6:
        return money(usd / 1e9, digits)
    factor, suffix = (1e-3, "k") if size >= 999.5 else (1.0, "")
    return f"{MINUS if usd < 0 else ''}${plain(size * factor, digits)}{suffix}"


def signed(value: float, digits: int = SIGNIFICANT_DIGITS) -> str:
    """A change: `+12.3`, `−4.0`, `0`."""
    text = plain(value, digits)
    return f"+{text}" if value > 0.0 and text not in ("0", NOT_AVAILABLE) else text


def signed_money(usd_bn: float, digits: int = SIGNIFICANT_DIGITS) -> str:
    """A change in nominal dollars given in billions: `+$1.23bn`, `−$340m`."""
    text = money(usd_bn, digits)
    return f"+{text}" if usd_bn > 0.0 and text != NOT_AVAILABLE else text


def money_range(low: float, high: float, digits: int = SIGNIFICANT_DIGITS, level: str = "90%") -> str:
    """`$0.8–1.9bn (90%)`; each end with its own unit where the two differ or one is negative.

    An empty `level` is left out.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return NOT_AVAILABLE
    factor, suffix = _money_scale(high)
    _, low_suffix = _money_scale(low)
    if low >= 0.0 and (low_suffix == suffix or low == 0.0):
        text = f"${plain(low * factor, digits)}{EN_DASH}{plain(high * factor, digits)}{suffix}"
    else:
        text = f"{money(low, digits)} to {money(high, digits)}"
    return f"{text} ({level})" if level else text


def quantity(value: float, unit: str, digits: int = SIGNIFICANT_DIGITS) -> str:
    """A number and its unit: `3.40 GW`."""
    text = plain(value, digits)
    return text if text == NOT_AVAILABLE else f"{text} {unit}"


def quantity_range(low: float, high: float, unit: str, digits: int = SIGNIFICANT_DIGITS, level: str = "90%") -> str:
    """`3.4–5.1 GW (90%)`."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return NOT_AVAILABLE
    joint = EN_DASH if low >= 0.0 else " to "
    return f"{plain(low, digits)}{joint}{plain(high, digits)} {unit} ({level})"


def percent(share: float, digits: int = SIGNIFICANT_DIGITS) -> str:
    """A share of one as per cent, at most one decimal: `18%`, `4.2%`."""
    if not math.isfinite(share):
        return NOT_AVAILABLE
    value = 100.0 * share
    decimals = 0 if abs(value) >= 10.0 or value == 0.0 else 1
    exponent = math.floor(math.log10(abs(value))) if value else 0
    decimals = min(decimals, max(0, digits - 1 - exponent))
    text = f"{abs(value):.{decimals}f}"
    return f"{MINUS if value < 0 and float(text) != 0.0 else ''}{text}%"


def growth_percent(rate: float) -> str:
    """A yearly growth rate with its sign: `+24%`, `−3.1%`."""
    text = percent(rate)
    return text if text.startswith(MINUS) or text == NOT_AVAILABLE else f"+{text}"


def likelihood_word(probability: float) -> str:
    """The word that goes last, after the number and the frequency."""
    for bound, word in LIKELIHOOD_WORDS:
        if probability < bound:
            return word
    return LIKELIHOOD_WORDS[-1][1]


def wilson_interval(count: int, total: int, z: float = 1.645) -> tuple[float, float]:
    """Wilson score interval of a share (90 % by default), valid near 0 and 1.

    Raises ValueError when `total` is not positive. Source: Wilson 1927, JASA 22.
    """
    if total <= 0:
        raise ValueError("an interval of a share needs at least one path")
    share = count / total
    spread = z * z / total
    centre = (share + spread / 2.0) / (1.0 + spread)
    half = z * math.sqrt(share * (1.0 - share) / total + spread / (4.0 * total)) / (1.0 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def share_se(count: int, total: int) -> float:
    """Standard error of a share of independent paths."""
    share = count / total
    return math.sqrt(share * (1.0 - share) / total)


RANGE_BELOW_SHARE = 0.10
"""Shares of paths below this are printed as a range: the sheets behind them do not support one number."""


def probability_text(count: int, total: int, weak_grade: str = "") -> str:
    """A default share as the notice asks for it.

    One number with its standard error (`34% (se 1.5)`) where the paths and the evidence support one;
    a 90 % range otherwise: below 10 %, below twice the standard error, or `weak_grade` given (more than
    half of the company's sheet rests on that grade), which is then named.
    """
    if count == 0 and not weak_grade:
        return f"under {percent(wilson_interval(0, total)[1])} (none of {total:,} paths)"
    if count == total and not weak_grade:
        return _all_paths(total)
    share, se = count / total, share_se(count, total)
    se_points = plain(100.0 * se, 2)
    low, high = wilson_interval(count, total)
    low_text, high_text = percent(low).removesuffix("%"), percent(high)
    ranged = f"{low_text}{EN_DASH}{high_text}"
    if weak_grade:
        # where all paths agree, the estimate of the error is zero and says nothing
        error = f"se {se_points}, " if 0 < count < total else ""
        return f"{ranged} ({error}grade {weak_grade})"
    if share < RANGE_BELOW_SHARE or share < 2.0 * se:
        return f"{ranged} (se {se_points})"
    return f"{percent(share)} (se {se_points})"


def _all_paths(total: int) -> str:
    """A lower bound, rounded down: 99.7% must not read as certainty."""
    low = math.floor(1000.0 * wilson_interval(total, total)[0]) / 10.0
    return f"over {low:.1f}% (all {total:,} paths)"


def in_hundred(count: int, total: int) -> str:
    """`34% (about 34 in 100 paths, se 1.5), about as likely as not`, or a range where the error is large."""
    share, se = count / total, share_se(count, total)
    if count == 0:
        return f"under {percent(wilson_interval(0, total)[1])} (none of {total:,} paths)"
    if count == total:
        return _all_paths(total)
    if share < 2.0 * se:
        low, high = wilson_interval(count, total)
        return f"{percent(low).removesuffix('%')}{EN_DASH}{percent(high)} (few paths), {likelihood_word(high)}"
    base = 100 if share >= 0.01 else 1000
    return (
        f"{percent(share)} (about {round(base * share)} in {base:,} paths, se {plain(100.0 * se, 2)}), "
        f"{likelihood_word(share)}"
    )
