"""The example notebook: its cells run in order and give cards like those that are kept; cards run and load nothing."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
import torch

from tests.examples.notebook import PATH, cells, executed


@pytest.fixture(scope="module")
def kept() -> list[dict[str, Any]]:
    return cells()


def _cards(outputs: list[dict[str, Any]]) -> list[str]:
    return ["".join(out["data"]["text/html"]) for out in outputs if "text/html" in out.get("data", {})]


def test_it_is_a_notebook_whose_outputs_are_kept(kept: list[dict[str, Any]]) -> None:
    book = json.loads(PATH.read_text(encoding="utf-8"))
    assert (book["nbformat"], len({cell["id"] for cell in book["cells"]})) == (4, len(book["cells"]))
    assert [cell["execution_count"] for cell in kept] == [*range(1, len(kept) + 1)]
    assert all(cell["outputs"] for cell in kept)
    assert PATH.stat().st_size < 100_000


@pytest.mark.system
def test_its_cells_run_in_order_and_give_cards_of_the_same_questions(kept: list[dict[str, Any]]) -> None:
    threads = torch.get_num_threads()
    try:
        with torch.random.fork_rng():
            found = executed(kept)
    finally:
        torch.set_num_threads(threads)
    for cell, outputs in zip(kept, found, strict=True):
        before, now = (re.findall("<h3>(.*?)</h3>", "".join(_cards(some))) for some in (cell["outputs"], outputs))
        assert now == before
    assert sum(bool(_cards(outputs)) for outputs in found) == 5


def test_a_card_answers_first_follows_the_theme_and_loads_nothing(kept: list[dict[str, Any]]) -> None:
    for card in (card for cell in kept for card in _cards(cell["outputs"])):
        body = card.split("</style>")[1]
        assert re.match(r'<h3>[^<]+</h3><p class="answer">[^<]+</p>', body)
        assert "prefers-color-scheme:dark" in card
        assert not re.search(r"<script|<img|<link|https?:|url\(|\bon\w+=|javascript:", card)
        for picture in re.findall(r"<svg.*?</svg>", body):
            assert 'role="img"' in picture
            assert html.unescape(re.findall('aria-label="(.*?)"', picture)[0])
            assert not re.search(
                r"#[0-9a-f]{3,6}\b|nan|inf\b", picture
            )  # colours of the theme alone, finite places alone
