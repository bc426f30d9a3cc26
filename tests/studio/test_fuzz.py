"""The interface against its own schema: whatever is asked, the answer is never a fault of the server."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import pytest
from running import Studio

schemathesis = pytest.importorskip("schemathesis", reason="found no schemathesis; expected the extra `dev`")

EXAMPLES = 6
SLOW = {"/api/jobs/{job}/events", "/api/world/follow"}
"""Not asked at random: a stream ends with its job, and each new word of a dollar is simulated."""


def test_the_schema_is_told_whole(studio: Studio) -> None:
    schema = studio.get("/api/openapi.json")
    assert schema["info"]["title"] == "Penstock studio"
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert operation.get("description"), f"{method} {path} says nothing"


def test_no_question_makes_the_server_fail(studio: Studio, small_run: str) -> None:
    from hypothesis import HealthCheck, Phase, given, settings

    schema = schemathesis.openapi.from_dict(studio.get("/api/openapi.json"))
    faults: list[str] = []

    def ask(case: Any) -> None:
        path = case.path
        for name, value in (case.path_parameters or {}).items():
            path = path.replace(f"{{{name}}}", urllib.parse.quote(str(value), safe=""))
        query = urllib.parse.urlencode(
            {key: value for key, value in (case.query or {}).items()}, doseq=True, errors="surrogatepass"
        )
        body = case.body if isinstance(case.body, dict | list | str | int | float | bool) else None
        raw = case.body if isinstance(case.body, bytes) else None
        if isinstance(body, dict) and body.get("task"):
            # what may run is left to other tests: a fuzzed job would be a simulation
            body["paths"] = 0
        try:
            data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        except (ValueError, UnicodeEncodeError):
            return
        status, told = studio.call(case.method, f"{path}{f'?{query}' if query else ''}", raw=data)
        if status >= 500:
            faults.append(f"{case.method} {path}: {status} {told}")

    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in SLOW:
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def fuzz(case: Any) -> None:
            ask(case)

        fuzz()
    assert faults == []
