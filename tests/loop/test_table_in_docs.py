"""The table in the documentation has the rows that are tested."""

from __future__ import annotations

import re
from pathlib import Path

from tests.loop.on_processes import FLAGS
from tests.loop.situations import SITUATIONS

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "own-loop.md"


def test_the_table_has_the_rows_that_are_tested() -> None:
    table = PAGE.read_text().split("| situation | |\n|---|---|\n")[1].split("\n\n")[0]
    rows = [re.match(r"\| (.+?) \|", line)[1] for line in table.splitlines()]  # type: ignore[index]
    assert rows == [*SITUATIONS, *FLAGS]
