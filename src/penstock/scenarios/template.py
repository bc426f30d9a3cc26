"""A new scenario file to start from."""

from __future__ import annotations

import os
from pathlib import Path

from penstock.errors import OutputError, UsageError
from penstock.scenarios.language import library
from penstock.scenarios.structure import NAME
from penstock.world.naming import nearest_name

TEXT = """\
name = "{name}"
title = "What happens, in one line"
story = \"\"\"
Who does what, when, and why it could happen.
\"\"\"
evidence = "assumption"
extends = "{extends}"

# A knob moves (penstock scenario knobs lists them). apply: "*0.8" times, "+0.02" plus, "=3" becomes,
# "0.4 to 0.8" times a factor drawn per path (5-95 % range). over: quarters to phase in.
[[change]]
what = "demand.speed"
apply = "*0.8"
from = "{quarter}"
# until = "2028Q4"
over = 4
why = "assumption"

# Something strikes a company, tie, site or layer:
# outage, default, withdrawal, rating_cut, ban or delay.
# [[event]]
# kind = "outage"
# target = "tsmc"
# size = 0.5
# from = "{quarter}"
# lasts = 4

# A tie or company that is not there; [[tie]] and [[company]] add one.
# [[remove]]
# tie = "d_vf_nvda_openai"

# A figure of a company at another value, in usd_bn (flows a year):
# [[figure]]
# company = "oracle"
# metric = "capex"
# value = 30

# [policy]
# rescue_budget_usd_bn = 0

# [switch]
# contagion = false
"""


def template(name: str, extends: str = "baseline", quarter: str = "2027Q1") -> str:
    """Text of a new scenario of this name, which passes its check."""
    return TEXT.format(name=name, extends=extends, quarter=quarter)


def write_new(path: Path, extends: str = "baseline", quarter: str = "2027Q1") -> Path:
    """Writes a new scenario file; the name is that of the file, `.toml` is added where it is missing.

    Raises:
        UsageError: the file's name cannot name a scenario, or no bundled scenario is called `extends`.
        OutputError: the file exists or cannot be written.
    """
    path = path if path.suffix == ".toml" else path.with_name(f"{path.name}.toml")
    if not NAME.fullmatch(path.stem):
        raise UsageError(f"FILE: found {path.name!r}; expected lower-case letters, digits and _, a letter first")
    if extends not in library():
        nearest = nearest_name(extends, library())
        hint = f"; nearest {nearest}" if nearest else ""
        raise UsageError(f"--extends: found {extends!r}; expected one of {', '.join(library())}{hint}")
    try:
        # exclusive: what is there is never overwritten
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        raise OutputError(f"{path}: file: found one that exists; expected a new file") from None
    except OSError as error:
        raise OutputError(
            f"{path}: file: found a place that cannot be written ({error.strerror}); expected a folder that can be"
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(template(path.stem, extends, quarter))
    return path
