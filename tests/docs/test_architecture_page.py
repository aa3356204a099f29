"""Every path and every name of docs/architecture.md, and every folder of its picture, is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "grace"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PATH = re.compile(r"[\w./-]+(?:/|\.\w{2,4})")


def resolved(name: str) -> Path:
    """A path of the page: below the source, or from the top of the repository."""
    return SOURCE / name if (SOURCE / name).exists() else ROOT / name


def names_in(path: Path) -> set[str]:
    """What a module defines at its top and in its classes."""
    tree = ast.parse(path.read_text())
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    return found | {
        t.id for node in tree.body if isinstance(node, ast.Assign) for t in node.targets if isinstance(t, ast.Name)
    }


def mentions() -> list[tuple[str, str]]:
    """(path, name or an empty text): names belong to the last path before them in their paragraph or item of a list."""
    found = []
    for part in re.split(r"\n(?=\n|\d\. |- |\| )", PAGE):
        path = ""
        for span in re.findall(r"`([^`\s]+)`", part):
            if PATH.fullmatch(span):
                path = span
                found.append((path, ""))
            elif path.endswith(".py") and span.isidentifier() and len(span) > 1:
                found.append((path, span))
    return found


MENTIONS = mentions()
# the page describes the tree after the rooms, the studies and the formats have come together; take this out then


def test_the_page_has_both() -> None:
    assert ("core/step.py", "take_step") in MENTIONS
    assert len(MENTIONS) > 60


@pytest.mark.parametrize(("path", "name"), MENTIONS)
def test_it_is_there(path: str, name: str) -> None:
    assert resolved(path).exists(), path
    if name:
        assert name in names_in(resolved(path)), f"{path} has no {name}"


def test_the_picture_holds_every_folder_of_the_source_but_the_demonstrations() -> None:
    picture = (ROOT / "docs" / "figures" / "architecture.svg").read_text()
    shown = {span for text in re.findall(r'class="path"[^>]*>([^<]+)<', picture) for span in text.split()}
    folders = {f"{path.name}/" for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    assert {name for name in shown if name.endswith("/")} == folders - {"demos/"}
    assert all((SOURCE / name).exists() for name in shown)
