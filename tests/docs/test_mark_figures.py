"""The table of marked units in docs/your-own-engines.md, made again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.docs.figures import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

from families import FAMILIES
from marked import SUBSETS, of_family, of_subset, row_of

PAGE = (ROOT / "docs" / "your-own-engines.md").read_text().splitlines()


@pytest.mark.parametrize("subset", SUBSETS)
def test_of_c_mapss(cmapss_dir: Path, subset: str) -> None:
    assert row_of(subset, of_subset(cmapss_dir, subset)) in PAGE


@pytest.mark.parametrize("family", FAMILIES)
def test_of_real_families(family: str) -> None:
    fleets = Path(os.environ.get("GRACE_FLEETS", ROOT.parent / "shared" / "fleets"))
    if not (fleets / family).exists():
        pytest.skip(f"no real families in GRACE_FLEETS nor in {fleets}")
    assert row_of(family, of_family(fleets, family)) in PAGE
