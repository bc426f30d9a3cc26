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

SIDE_BY_SIDE = ["-n", "2", "--dist", "loadfile"]
"""Two files of tests at a time, each whole in one process, so that what a file prepares is prepared once."""
ONE_BY_ONE = ("-n", "--pdb", "--trace", "-s", "--capture=no")
"""Arguments with which tests run in one process: a debugger needs the terminal, a number of processes is the user's."""

# what would change what tests see, or make every command that they start compile all its modules anew
NOT_OURS = {"PYTHONPATH", "NO_COLOR", "FORCE_COLOR", "PYTHONDONTWRITEBYTECODE"}


def side_by_side(arguments: list[str]) -> list[str]:
    """What makes pytest use both cores, unless its arguments ask for one process."""
    return [] if any(argument.startswith(ONE_BY_ONE) for argument in arguments) else SIDE_BY_SIDE


def main(pytest_arguments: list[str]) -> int:
    """Run every step, the later ones too when one fails; 0 when all passed, else 1."""
    # Tests start the command as a person would; they must not meet this process's own settings.
    environment = {k: v for k, v in os.environ.items() if k not in NOT_OURS}
    failed = []
    for name, arguments in STEPS.items():
        extra = [*side_by_side(pytest_arguments), *pytest_arguments] if name == "pytest" else []
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
