"""Legal Entity Identifiers: 20 characters of ISO 17442, the last two of which check the others.

The check is that of ISO 7064, mod 97-10: letters written as numbers from 10 to 35, the whole must leave 1 when divided
by 97. It finds every digit mistyped as a digit, every letter as a letter, and every exchange of two such neighbours; of
other slips about one in a hundred passes.
"""

from __future__ import annotations

import re

FORM = re.compile(r"[0-9A-Z]{18}[0-9]{2}")
MODULUS = 97


def check_digits(body: str) -> str:
    """The two digits that end the identifier whose first 18 characters are given."""
    return f"{MODULUS + 1 - _number(body + '00') % MODULUS:02d}"


def lei_fault(text: str) -> str:
    """What was expected instead of a text that is no valid identifier; '' for one that is."""
    if not FORM.fullmatch(text):
        return "18 capital letters or digits and two check digits (ISO 17442)"
    if _number(text) % MODULUS != 1:
        return f"a LEI whose last two digits check the others (ISO 7064, mod 97-10): {check_digits(text[:18])} here"
    return ""


def _number(text: str) -> int:
    """The text as one number, letters from A = 10 to Z = 35."""
    return int("".join(str(int(character, 36)) for character in text))
