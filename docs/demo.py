"""The lines of `grace demo` that the README shows: python docs/demo.py"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
SHOWN = re.compile(r"^```text\n(.*?)^```$", re.S | re.M)
ANSWER = ("labels ", "few failures, ")
"""How the lines begin that answer what the tables below them show in full."""


def answers() -> str:
    """What `grace demo` answers on a wide terminal, a line each."""
    env = os.environ | {"COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", "from grace.cli.main import main; main()", "demo"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines() if line.startswith(ANSWER))


def shown(page: str) -> str:
    """The lines that a page shows."""
    found = SHOWN.search(page)
    assert found is not None
    return found[1]


def main() -> None:
    """Put them into the README."""
    page, lines = README.read_text(), answers()
    README.write_text(page.replace(f"```text\n{shown(page)}```", f"```text\n{lines}```"))


if __name__ == "__main__":
    main()
