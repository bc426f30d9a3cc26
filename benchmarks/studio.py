"""`python -m benchmarks.studio`: the studio as a person feels it, and its table in `docs/studio.md`.

Time from the start of the command to the first paint, from a slider to the paint that follows it, between two changes
of the progress that a page shows, from the press of Cancel to its end; memory of the server; size of the bundle. Needs
Chromium and the extras.
"""

from __future__ import annotations

import gzip
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.machine import ROOT, provenance

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PAGE = ROOT / "docs" / "studio.md"
BLOCK = re.compile(r"(<!-- measured -->\n).*?(<!-- end -->)", re.DOTALL)
MOVES = 20
LONG_MS = 300_000
"""Longer than any step takes on a busy machine; a step that waits longer stops the measurement and says where."""
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


def resting_mb(pid: int) -> float:
    """Memory of the processes that work for the server, which end when they have rested for a while."""
    children = {
        int(child)
        for told in Path(f"/proc/{pid}/task").glob("*/children")
        for child in told.read_text(encoding="utf-8").split()
    }
    return sum(memory_mb(child) for child in children)


def step(began: float, what: str) -> None:
    """Tell on stderr what is measured now."""
    print(f"{time.monotonic() - began:6.1f} s  {what}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Felt:
    """What a person at the page would time."""

    start_s: float
    paint_s: float
    slider_ms: list[float]
    run_s: float
    shown_s: list[float]
    cancel_s: float
    idle_mb: float
    workers_mb: float


WATCH = """() => {
  window.__shown = [];
  let last = '';
  const look = () => {
    const job = document.querySelector('.job');
    const text = job ? job.innerText : '';
    if (text && text !== last) window.__shown.push(performance.now());
    last = text || last;
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
"""Notes the time of every change of the progress on the page."""


def measure(began: float, process: subprocess.Popen[str], address: str, token: str) -> Felt:
    """Open the page, simulate, cancel, and move a slider. `began` is when the command was started."""
    from playwright.sync_api import sync_playwright

    started = time.monotonic() - began
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(LONG_MS)
        step(began, "first page")
        page.goto(f"{address}/#token={token}")
        page.wait_for_selector("h1")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        page.wait_for_selector("text=Share that goes in a circle")
        idle = memory_mb(process.pid)
        page.evaluate(WATCH)
        step(began, "a run of 1,000 paths")
        asked = time.monotonic()
        page.get_by_role("button", name="Simulate the baseline").click()
        page.wait_for_selector("text=Five findings of this run")
        seconds = time.monotonic() - asked
        shown = page.evaluate("window.__shown")
        step(began, "another run, cancelled")
        page.goto(f"{address}/#/lab?focus=shocks&preset=perfect_storm")
        page.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_selector(".job[data-total='1000']")
        page.wait_for_timeout(1500)
        asked = time.monotonic()
        page.locator(".job").get_by_role("button", name="Cancel").click()
        page.wait_for_selector(".job", state="detached")
        cancel = time.monotonic() - asked
        workers = resting_mb(process.pid)
        step(began, "sliders: prepared once for a workspace, then moved")
        page.goto(f"{address}/#/lab")
        page.wait_for_selector("[id='s-finance.debt_access']")
        page.wait_for_timeout(1000)
        moves = page.evaluate(SLIDE, MOVES)
        browser.close()
    times = [value / 1000.0 for value in shown]
    gaps = [after - before for before, after in pairwise(times)]
    return Felt(started, float(paint) / 1000.0, [float(m) for m in moves], seconds, gaps, cancel, idle, workers)


def main() -> int:
    """Measure, print the table, and write it into the page."""
    where = provenance()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, studio(Path(folder)) as (process, address, token):
        felt = measure(began, process, address, token)
        server = memory_mb(process.pid)
    static = ROOT / "src" / "penstock" / "studio" / "static"
    bundle = sum(len(gzip.compress(file.read_bytes())) for file in static.rglob("*") if file.is_file()) / 1e6
    slider, gap = statistics.median(felt.slider_ms), max(felt.shown_s)
    paint = felt.paint_s
    rows = [
        ("from the command to its address", f"{felt.start_s:.1f} s", "none", True),
        ("first paint of the page after that", f"{paint:.2f} s", f"under {MOST_PAINT_S} s", paint < MOST_PAINT_S),
        (f"slider to paint, median of {MOVES}", f"{slider:.0f} ms (slowest {max(felt.slider_ms):.0f})",
         f"under {MOST_SLIDER_MS:.0f} ms", slider < MOST_SLIDER_MS),
        ("run of 1,000 paths by a button of the page",
         f"{felt.run_s:.1f} s, progress shown {len(felt.shown_s) + 1} times", "finishes", True),
        ("longest wait between two changes of the progress shown", f"{gap:.2f} s", f"under {MOST_GAP_S} s",
         gap < MOST_GAP_S),
        ("Cancel on the page, to its end", f"{felt.cancel_s:.2f} s", f"under {MOST_CANCEL_S} s",
         felt.cancel_s < MOST_CANCEL_S),
        ("memory of the server, idle", f"{felt.idle_mb:.0f} MB ({server:.0f} MB after all of this)",
         f"under {MOST_MEMORY_MB:.0f} MB", max(felt.idle_mb, server) < MOST_MEMORY_MB),
        ("memory of its worker processes after a run; they end after three minutes of rest",
         f"{felt.workers_mb:.0f} MB", "none", True),
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
