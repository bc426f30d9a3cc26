"""What stands before every request: only this machine, only this page, only with the token, only so much.

A page of another site can send requests to 127.0.0.1, and a name of its own can be made to point here (DNS rebinding).
So the Host must be ours, an Origin that is told must be ours, the browser must not call the request one of another
site, and whatever changes something must carry the token in a header, which no other site can set.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN_HEADER = "x-penstock-token"
SAFE = ("GET", "HEAD", "OPTIONS")
JSON_LIMIT_BYTES = 256 * 1024
UPLOAD_LIMIT_BYTES = 50 * 1024 * 1024
UPLOAD_PATH = "/api/exposures"
FOREIGN = ("cross-site", "same-site")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Styles inline: the SVG charts set them on their elements. Nothing is ever fetched from elsewhere."""

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class TooLargeError(Exception):
    """A body went over its limit."""


@dataclass(frozen=True)
class Guard:
    """An ASGI application around another."""

    app: App
    token: str
    port: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        status, detail = self._refusal(scope, headers)
        if status:
            await _answer(send, status, detail)
            return
        limit = UPLOAD_LIMIT_BYTES if scope["path"] == UPLOAD_PATH else JSON_LIMIT_BYTES
        started = False

        async def guarded(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = _with_headers(message.get("headers", []), api=scope["path"].startswith("/api"))
            await send(message)

        try:
            await self.app(scope, _limited(receive, limit), guarded)
        except TooLargeError:
            if not started:
                await _answer(send, 413, _too_large(limit))

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str]:
        """Status and reason where the request must not pass, else (0, "")."""
        hosts = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        if headers.get("host", "") not in hosts:
            return 421, f"host: found {headers.get('host', '')[:80]!r}; expected 127.0.0.1:{self.port}"
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{host}" for host in hosts}:
            return 403, f"origin: found {origin[:80]!r}; expected this page"
        if headers.get("sec-fetch-site") in FOREIGN and (scope["path"] != "/" or scope["method"] not in SAFE):
            return 403, "site: found a request from another site; expected this page"
        if scope["method"] in SAFE:
            return 0, ""
        if not secrets.compare_digest(headers.get(TOKEN_HEADER, "").encode(), self.token.encode()):
            return 403, f"token: found none that is ours in {TOKEN_HEADER}; expected that of the opened address"
        if headers.get("content-encoding", "identity").lower() != "identity":
            return 415, "content-encoding: found a packed body; expected it as it is"
        limit = UPLOAD_LIMIT_BYTES if scope["path"] == UPLOAD_PATH else JSON_LIMIT_BYTES
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            return 413, _too_large(limit)
        return 0, ""


def _too_large(limit: int) -> str:
    return f"body: found more than {limit:,} bytes; expected less"


def _limited(receive: Receive, limit: int) -> Receive:
    """Read on only as long as the body stays within its limit, whatever its headers say."""
    seen = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise TooLargeError
        return message

    return counted


def _with_headers(given: Any, *, api: bool) -> list[tuple[bytes, bytes]]:
    headers = list(given)
    known = {name.lower() for name, _ in headers}
    wanted = {**HEADERS, "content-security-policy": POLICY}
    wanted["cache-control"] = "no-store" if api else "no-cache"
    headers += [(name.encode(), value.encode()) for name, value in wanted.items() if name.encode() not in known]
    return headers


async def _answer(send: Send, status: int, detail: str) -> None:
    body = json.dumps({"detail": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": _with_headers(headers, api=True)})
    await send({"type": "http.response.body", "body": body})
