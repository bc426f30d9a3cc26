"""Start the studio's server on this machine and open its page."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from penstock.errors import OutputError, UsageError
from penstock.studio.place import Place

HOST = "127.0.0.1"
MOST_PORTS = 65_535


def check_installed() -> None:
    """Raises UsageError where the packages of the extra are not there."""
    missing = [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"studio: found no {' and no '.join(missing)}; expected the extra `studio`: pip install 'penstock[studio]'"
        )


def listen(port: int) -> socket.socket:
    """A socket on this machine only; port 0 takes a free one. Raises UsageError where the port cannot be had."""
    if not 0 <= port <= MOST_PORTS:
        raise UsageError(f"--port: found {port}; expected a number from 0 to {MOST_PORTS}")
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((HOST, port))
    except OSError as error:
        server.close()
        raise UsageError(
            f"--port: found {port} taken ({error.strerror or error}); expected a free one: give another, or 0 for any"
        ) from error
    server.listen(128)
    return server


def check_workspace(workspace: Path) -> Path:
    """The folder in which the studio works. Raises OutputError where it is none."""
    if not workspace.is_dir():
        raise OutputError(f"{workspace}: found no folder; expected the folder in which runs/ lies or shall lie")
    return workspace.resolve()


def serve(place: Place, port: int, *, browser: bool, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C. `say` is told the address with its token."""
    import uvicorn

    from penstock.studio.app import build_app
    from penstock.studio.workers import Workshop

    class Server(uvicorn.Server):
        """Ends all work first, so that no question and no stream of events is left waiting for an answer."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await asyncio.to_thread(workshop.close)
            await super().shutdown(sockets)

    token = secrets.token_urlsafe(24)
    server = listen(port)
    port = server.getsockname()[1]
    address = f"http://{HOST}:{port}/#token={token}"
    workshop = Workshop(place)
    app = build_app(workshop, token=token, port=port)
    workshop.compile()
    # the first page waits for the world: read it while the browser starts
    threading.Thread(target=_warm, args=(place,), daemon=True).start()
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1, lifespan="on")
    say(address)
    if browser:
        threading.Timer(0.5, webbrowser.open, [address]).start()
    with contextlib.suppress(KeyboardInterrupt):
        Server(config).run(sockets=[server])


def _warm(place: Place) -> None:
    with contextlib.suppress(Exception):  # told to whoever asks for a page
        place.load_world()
