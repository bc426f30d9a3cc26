"""Results of any kind as the values that JSON knows."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any


def json_value(value: Any) -> Any:
    """A value as JSON knows it: no NaN (null), dates as ISO text, data frames as lists of records."""
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return [{str(k): json_value(v) for k, v in row.items()} for row in value.to_dict(orient="records")]
    if hasattr(value, "to_dict"):
        return json_value(value.to_dict())
    if hasattr(value, "tolist"):
        return json_value(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [json_value(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat() if value == value else None  # a missing time stamp is not itself
    return None if value != value else str(value)
