"""Before every request: only this host, only this page, only with the token, only so much."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from running import awaited

from penstock.studio.guard import JSON_LIMIT_BYTES, UPLOAD_LIMIT_BYTES, UPLOAD_PATH, Guard

TOKEN = "right-token"
PORT = 8765
OURS = {"host": f"127.0.0.1:{PORT}"}
WRITING = {**OURS, "x-penstock-token": TOKEN}


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Reads the whole body and says its size."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


def asked(
    method: str, path: str, headers: dict[str, str], chunks: tuple[bytes, ...] = (b"",)
) -> tuple[int, dict[str, str], bytes]:
    waiting = [{"type": "http.request", "body": c, "more_body": k < len(chunks) - 1} for k, c in enumerate(chunks)]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    awaited(Guard(echo, TOKEN, PORT)(scope, receive, send))
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, b"".join(m.get("body", b"") for m in sent[1:])


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765"])
def test_our_own_names_pass(host: str) -> None:
    assert asked("GET", "/api/status", {"host": host})[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example:8765", "127.0.0.1:80", "127.0.0.1", "", "127.0.0.1.evil.example:8765", "[::1]:8765"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_name_that_was_made_to_point_here_is_refused(host: str, method: str) -> None:
    status, _, body = asked(method, "/api/status", {**WRITING, "host": host})
    assert status == 421
    assert "expected 127.0.0.1:8765" in json.loads(body)["detail"]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1:8765"])
def test_another_origin_is_refused_even_with_the_token(origin: str) -> None:
    assert asked("POST", "/api/jobs", {**WRITING, "origin": origin})[0] == 403
    assert asked("GET", "/api/status", {**OURS, "origin": origin})[0] == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_may_open_the_page_and_nothing_else(site: str) -> None:
    assert asked("GET", "/", {**OURS, "sec-fetch-site": site})[0] == 200
    assert asked("GET", "/api/runs", {**OURS, "sec-fetch-site": site})[0] == 403
    assert asked("POST", "/", {**WRITING, "sec-fetch-site": site})[0] == 403


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH"])
@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x"])
def test_what_changes_something_needs_the_token(method: str, token: str) -> None:
    assert asked(method, "/api/jobs", {**OURS, "x-penstock-token": token})[0] == 403
    assert asked(method, "/api/jobs", WRITING)[0] == 200


@pytest.mark.parametrize("packing", ["gzip", "br", "deflate", "zstd"])
def test_a_packed_body_is_refused_unread(packing: str) -> None:
    assert asked("POST", "/api/jobs", {**WRITING, "content-encoding": packing})[0] == 415


@pytest.mark.parametrize(("path", "limit"), [("/api/jobs", JSON_LIMIT_BYTES), (UPLOAD_PATH, UPLOAD_LIMIT_BYTES)])
def test_a_body_over_its_limit_is_refused(path: str, limit: int) -> None:
    assert asked("POST", path, {**WRITING, "content-length": str(limit + 1)})[0] == 413
    assert asked("POST", path, {**WRITING, "content-length": "-1"})[0] == 413
    half = bytes(limit // 2)
    # told nothing, or told less than comes
    for headers in (WRITING, {**WRITING, "content-length": "10"}):
        status, _, body = asked("POST", path, headers, (half, half, b"12"))
        assert status == 413
        assert f"{limit:,}" in json.loads(body)["detail"]
    assert asked("POST", path, WRITING, (half, half))[2] == str(2 * (limit // 2)).encode()


def test_every_answer_forbids_the_page_to_ask_elsewhere() -> None:
    for headers in (OURS, {"host": "evil.example"}):
        told = asked("GET", "/", headers)[1]
        policy = told["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "connect-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy
        assert "script-src 'self';" in policy
        assert told["x-content-type-options"] == "nosniff"
        assert told["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in told
