"""The whole gate: style, types and tests. `./penstock test` runs it; further arguments go to pytest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STEPS = {
    "ruff check": ["-m", "ruff", "check", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy", "--strict", "src"],
    # Last, so that its summary ends the output. The examples in the docs are among the tests.
    "pytest": ["-m", "pytest"],
}

# what would change what tests see, or make every command that they start compile all its modules anew
NOT_OURS = {"PYTHONPATH", "NO_COLOR", "FORCE_COLOR", "PYTHONDONTWRITEBYTECODE"}


def main(pytest_arguments: list[str]) -> int:
    """Run every step, the later ones too when one fails; 0 when all passed, else 1."""
    # Tests start the command as a person would; they must not meet this process's own settings.
    environment = {k: v for k, v in os.environ.items() if k not in NOT_OURS}
    failed = []
    for name, arguments in STEPS.items():
        extra = pytest_arguments if name == "pytest" else []
        print(f"== {name}", flush=True)
        began = time.monotonic()
        done = subprocess.run([sys.executable, *arguments, *extra], cwd=ROOT, env=environment, check=False)
        if done.returncode:
            failed.append(name)
        elif name != "pytest":
            print(f"   passed in {time.monotonic() - began:.0f} s", flush=True)
    if failed:
        print(f"penstock: the gate did not pass: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
