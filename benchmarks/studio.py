"""`python -m benchmarks.studio`: the studio as a person feels it, and its table in `docs/studio.md`.

Time from the printed address to the first paint, from a slider to the paint that follows it, between two events of
progress, from a cancel to its end; memory of the server; size of the bundle. Needs Chromium and the extras.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, provenance

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PAGE = ROOT / "docs" / "studio.md"
BLOCK = re.compile(r"(<!-- measured -->\n).*?(<!-- end -->)", re.DOTALL)
MOVES = 20
MOST_PAINT_S, MOST_SLIDER_MS, MOST_GAP_S, MOST_CANCEL_S, MOST_MEMORY_MB, MOST_BUNDLE_MB = (
    2.0,
    150.0,
    0.5,
    1.0,
    400.0,
    1.0,
)
SLIDE = """async (moves) => {
  const slider = document.getElementById('s-finance.debt_access');
  const times = [];
  for (let k = 0; k < moves; k += 1) {
    slider.value = String(-0.9 + (1.7 * k) / moves);
    const began = performance.now();
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = done;
      channel.port2.postMessage(0);
    }));
    times.push(performance.now() - began);
    await new Promise((done) => setTimeout(done, 60));
  }
  return times;
}"""
"""A message that is posted in a frame is read after that frame was painted."""


@contextmanager
def studio(workspace: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    command = [sys.executable, "-m", "penstock", "studio", "--no-browser", "--port", "0", "--workspace", str(workspace)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"(http://[^/]+)/#token=(\S+)", process.stdout.readline())
        assert found is not None
        yield process, found[1], found[2]
    finally:
        process.terminate()
        process.wait(timeout=20)


def memory_mb(pid: int) -> float:
    """Resident memory of a process (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1000.0 if found else float("nan")


def call(address: str, token: str, method: str, path: str, body: Any = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    headers = {"content-type": "application/json", "x-penstock-token": token}
    request = urllib.request.Request(address + path, method=method, data=data, headers=headers)
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())


def events(address: str, job: str) -> Iterator[tuple[float, dict[str, Any]]]:
    with urllib.request.urlopen(f"{address}/api/jobs/{job}/events") as stream:
        for line in stream:
            if line.startswith(b"data: "):
                yield time.monotonic(), json.loads(line[6:])


def measure_run(address: str, token: str) -> tuple[float, float, int]:
    """Seconds of a run of 1,000 paths, longest gap between two events, number of events."""
    request = {"task": "simulate", "scenarios": [{"name": "baseline"}], "paths": 1000}
    began = time.monotonic()
    job = call(address, token, "POST", "/api/jobs", request)["id"]
    times = [now for now, _ in events(address, job)]
    return times[-1] - began, max(b - a for a, b in pairwise([began, *times])), len(times)


def measure_cancel(address: str, token: str) -> float:
    request = {"task": "simulate", "scenarios": [{"name": "perfect_storm"}], "paths": 1000}
    job = call(address, token, "POST", "/api/jobs", request)["id"]
    asked = 0.0
    for now, event in events(address, job):
        if event["done"] and not asked:
            asked = time.monotonic()
            call(address, token, "DELETE", f"/api/jobs/{job}")
        ended = now
    return ended - asked


def measure_page(address: str, token: str) -> tuple[float, list[float]]:
    """Seconds to the first paint, and milliseconds from each move of a slider to its paint."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/#token={token}")
        page.wait_for_selector("h1")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        page.goto(f"{address}/#/lab")
        page.wait_for_selector("[id='s-finance.debt_access']", timeout=600_000)
        page.wait_for_timeout(1000)
        moves = page.evaluate(SLIDE, MOVES)
        browser.close()
    return float(paint) / 1000.0, [float(move) for move in moves]


def main() -> int:
    """Measure, print the table, and write it into the page."""
    where = provenance()
    with tempfile.TemporaryDirectory() as folder, studio(Path(folder)) as (process, address, token):
        paint, moves = measure_page(address, token)
        seconds, gap, count = measure_run(address, token)
        cancel = measure_cancel(address, token)
        server = memory_mb(process.pid)
    static = ROOT / "src" / "penstock" / "studio" / "static"
    bundle = sum(len(gzip.compress(file.read_bytes())) for file in static.rglob("*") if file.is_file()) / 1e6
    slider = statistics.median(moves)
    rows = [
        ("first paint of the page", f"{paint:.2f} s", f"under {MOST_PAINT_S} s", paint < MOST_PAINT_S),
        (f"slider to paint, median of {MOVES}", f"{slider:.0f} ms (slowest {max(moves):.0f})",
         f"under {MOST_SLIDER_MS:.0f} ms", slider < MOST_SLIDER_MS),
        ("run of 1,000 paths from the browser's interface", f"{seconds:.1f} s, {count} events", "finishes", True),
        ("longest wait between two events of it", f"{gap:.2f} s", f"under {MOST_GAP_S} s", gap < MOST_GAP_S),
        ("cancel", f"{cancel:.2f} s", f"under {MOST_CANCEL_S} s", cancel < MOST_CANCEL_S),
        ("memory of the server", f"{server:.0f} MB", f"under {MOST_MEMORY_MB:.0f} MB", server < MOST_MEMORY_MB),
        ("bundle, compressed", f"{bundle:.2f} MB", f"under {MOST_BUNDLE_MB:.0f} MB", bundle < MOST_BUNDLE_MB),
    ]  # fmt: skip
    lines = ["| what | measured | limit | held |", "| --- | --- | --- | --- |"]
    lines += [f"| {what} | {found} | {limit} | {'yes' if held else '**no**'} |" for what, found, limit, held in rows]
    table = "\n".join(lines)
    print(table)
    text = PAGE.read_text(encoding="utf-8")
    told = "  \n".join(where.lines())
    PAGE.write_text(BLOCK.sub(lambda m: f"{m[1]}{table}\n\n{told}\n{m[2]}", text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
