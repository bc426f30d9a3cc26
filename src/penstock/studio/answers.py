"""How a question that a worker answers becomes an answer of the interface."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi.responses import JSONResponse

from penstock.studio.workers import DONE, Workshop

STATUS_OF_EXIT = {2: 400, 3: 422, 4: 409}


async def answer(workshop: Workshop, key: str, task: str, arguments: dict[str, Any]) -> JSONResponse:
    """What a worker says to a question; the same question is worked on once."""
    job = workshop.ask(f"{task}|{key}", task, arguments)
    while not job.finished.is_set():
        await asyncio.sleep(0.02)
    if job.state != DONE:
        status = STATUS_OF_EXIT.get(job.exit_code, 500) if job.error else 409
        return JSONResponse({"detail": job.error or "the studio is closing"}, status)
    return JSONResponse(job.result)
