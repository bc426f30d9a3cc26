"""`python -m tools.campaign NAME`: run a campaign, or go on with it, and write its page."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# the strategy of random worlds and their auditor are those of the tests
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "engine")]

if __name__ == "__main__":
    sys.exit(importlib.import_module("tools.campaign.command").main())
