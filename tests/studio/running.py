"""Start a studio in a process of its own and speak to it over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT_NAME = "<img src=x onerror=window.evil=1> Corp"
FORMULA_NAME = '=HYPERLINK("http://example.com")'
QUOTED = FORMULA_NAME.replace('"', '""')
EVIL_OVERLAY = {
    "companies.csv": (
        "id,name,layer,roles,country,ticker,listed,mag7,rating,notes,evidence,source_id\n"
        f"evil_corp,{SCRIPT_NAME},silicon,equipment,US,,false,false,,,memory,evil_source\n"
        f'formula_corp,"{QUOTED}",silicon,equipment,US,,false,false,,,memory,evil_source\n'
    ),
    "contracts.csv": (
        "id,kind,provider_id,receiver_id,amount_usd_bn,annual_usd_bn,share,quantity,quantity_unit,announced,start,end,"
        "binding,status,confidence,evidence,source_id,note,included_in\n"
        "evil_tie,equity,formula_corp,evil_corp,1,,,,,2025-01-15,,,firm,active,low,memory,evil_source,"
        "=1+1<script>window.evil=1</script>,\n"
    ),
    "sources.csv": (
        "id,title,publisher,published,url,kind\n"
        "evil_source,<script>window.evil=1</script>,@SUM(A1),2025-01-01,https://example.com/<script>,news\n"
    ),
}
DEADLINE_S = 300


@dataclass
class Studio:
    """A running studio. `call` returns status and body; `do` starts work and waits for what it finds."""

    process: subprocess.Popen[str]
    address: str
    token: str
    workspace: Path

    @property
    def host(self) -> str:
        return self.address.removeprefix("http://")

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: bool = True,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> tuple[int, Any]:
        told = {"content-type": "application/json", **(headers or {})}
        if token:
            told["x-penstock-token"] = self.token
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.address + path, method=method, data=data, headers=told)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
                return answer.status, _body(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _body(error.read())

    def get(self, path: str) -> Any:
        status, body = self.call("GET", path, token=False)
        assert status == 200, body
        return body

    def start(self, request: Mapping[str, Any]) -> str:
        status, job = self.call("POST", "/api/jobs", request)
        assert status == 202, job
        return str(job["id"])

    def events(self, job: str) -> Iterator[tuple[float, dict[str, Any]]]:
        """What the stream of a job tells, each with its time."""
        with urllib.request.urlopen(f"{self.address}/api/jobs/{job}/events", timeout=DEADLINE_S) as stream:
            for line in stream:
                if line.startswith(b"data: "):
                    yield time.monotonic(), json.loads(line[6:])

    def do(self, request: Mapping[str, Any]) -> Any:
        job = self.start(request)
        last = [event for _, event in self.events(job)][-1]
        assert last["state"] == "done", last
        return self.get(f"/api/jobs/{job}/result")


def awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns, run in a thread of its own: a browser of the session holds the loop of this one."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def _body(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data


@contextmanager
def started(workspace: Path, *arguments: str) -> Iterator[Studio]:
    """A studio on a free port."""
    command = [sys.executable, "-m", "penstock", "studio", "--no-browser", "--port", "0", "--workspace", str(workspace)]
    process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"(http://127\.0\.0\.1:\d+)/#token=(\S+)", line)
        assert found, f"the studio said {line!r}"
        yield Studio(process, found[1], found[2], workspace)
    finally:
        process.terminate()
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()
