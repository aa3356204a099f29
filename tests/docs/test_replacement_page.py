"""docs/replacement.md prints what its blocks of code print, and its figures are theirs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "replacement.md").read_text()


def test_every_block_prints_what_stands_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    found = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", PAGE, re.S | re.M)
    assert len(found) == PAGE.count("```python") == 2
    for code, printed in found:
        exec(compile(code, "docs/replacement.md", "exec"), names)
        assert capsys.readouterr().out == printed
    assert f"{1 - names['lives'].failed.mean():.0%} of the units".replace("%", " %") in PAGE
    assert names["costs"].failure == 10
    assert names["oldest"] < 40
