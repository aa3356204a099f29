"""The documentation does what it says: every block of code runs, every command and option is documented."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import typer

import grace
from docs.commands import commands, pages
from docs.demo import answers, shown
from grace.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>.+?) -->\n)?^```(?P<kind>sh|python|diff)\n(?P<code>.*?)^```$", re.S | re.M
)


@dataclass(frozen=True)
class Block:
    """One block of code; ``reason`` says why it is not run."""

    kind: str
    code: str
    reason: str | None


def blocks(path: Path) -> list[Block]:
    return [Block(m["kind"], m["code"], m["reason"]) for m in BLOCK.finditer(path.read_text())]


def grace_lines() -> list[tuple[str, str]]:
    found = []
    for path in PAGES:
        for block in blocks(path):
            for line in block.code.splitlines() if block.kind == "sh" else ():
                found += [
                    (str(path.relative_to(ROOT)), part) for part in re.findall(r"\bgrace [^&|>\n]*", line.split("#")[0])
                ]
    return found


RUN = [path for path in PAGES if any(b.kind == "python" or (b.kind == "sh" and not b.reason) for b in blocks(path))]


LONG = ("maintenance.md", "batteries.md", "researcher.md", "your-own-engines.md", "explorer.md")
"""Pages whose commands take half a minute and more, all processes counted."""

FLEETS = Path(os.environ.get("GRACE_FLEETS", ROOT.parent / "shared" / "fleets"))
"""Files of the real families, which are not in the repository."""


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=pytest.mark.slow) if path.name in LONG else path for path in RUN],
    ids=lambda p: str(p.relative_to(ROOT)),
)
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*")
@pytest.mark.filterwarnings("ignore:The number of training batches")
def test_every_block_of_a_page_runs_in_order(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    if any("cmapss" in block.code for block in blocks(path) if not block.reason):
        (tmp_path / "cmapss").symlink_to(request.getfixturevalue("cmapss_dir"))
    if any("grace report" in block.code for block in blocks(path) if not block.reason):
        (tmp_path / "results").symlink_to(ROOT / "results")
    if any("fleets/battery_hust" in block.code for block in blocks(path) if not block.reason):
        if not FLEETS.exists():
            pytest.skip(f"no real families in GRACE_FLEETS nor in {FLEETS}; see docs/fleets.md")
        (tmp_path / "fleets").symlink_to(FLEETS)
    names: dict[str, Any] = {"__name__": "page"}
    env = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for block in blocks(path):
            code = "\n".join(line for line in block.code.splitlines() if not line.startswith("pip install"))
            if block.reason or block.kind == "diff":
                continue
            if block.kind == "python":
                exec(compile(code, str(path), "exec"), names)
            elif code.strip():
                command = ["bash", "-euo", "pipefail", "-c", code]
                done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)
                assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("page", "line"), grace_lines())
def test_every_command_in_the_documentation_is_understood(page: str, line: str) -> None:
    """Also those that are too long to run: their options exist. The commands themselves are taken out."""
    root = typer.main.get_command(app)
    for _, command in commands(root, "grace"):
        command.callback = lambda *_, **__: None
    root.main(shlex.split(line)[1:], prog_name="grace", standalone_mode=False)


def test_what_is_not_run_says_why() -> None:
    assert all(len(b.reason) > 10 for path in PAGES for b in blocks(path) if b.reason)


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    assert (ROOT / "docs/commands.md").read_text() == pages(), "run python docs/commands.py > docs/commands.md"


def test_the_page_of_commands_holds_every_option_with_words() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    for path, command in commands(typer.main.get_command(app), "grace"):
        assert f"## {path}\n" in text
        section = text.split(f"## {path}\n")[1].split("\n## ")[0]
        for parameter in command.params:
            if parameter.name != "help":
                assert parameter.help, f"{path} {parameter.name}"
                assert parameter.help.split("|")[0] in section, f"{path} {parameter.name}"


def test_the_reference_holds_every_public_name_once() -> None:
    text = (ROOT / "docs/reference.md").read_text()
    named = [line.rsplit(".", 1)[1] for line in text.splitlines() if line.startswith("::: ")]
    assert sorted(named) == sorted(name for name in grace.__all__ if name != "__version__")


def test_every_page_is_in_the_navigation() -> None:
    menu = (ROOT / "mkdocs.yml").read_text()
    for path in sorted((ROOT / "docs").rglob("*.md")):
        assert f" {path.relative_to(ROOT / 'docs')}\n" in menu, path


@pytest.mark.slow
def test_the_readme_shows_what_the_demo_answers() -> None:
    assert shown((ROOT / "README.md").read_text()) == answers(), "run python docs/demo.py"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 110


def the_diff() -> tuple[str, str]:
    """The loop of the README before and after its ``diff``."""
    (block,) = [b for b in blocks(ROOT / "README.md") if b.kind == "diff"]
    lines = block.code.splitlines()
    before, after = ("\n".join(line[1:] for line in lines if line[:1] != sign) for sign in "+-")
    return before, after


@pytest.mark.parametrize("side", [0, 1], ids=["before", "after"])
def test_the_readmes_diff_runs_on_a_model_that_is_not_ours(side: int) -> None:
    from tests.loop.foreign import Foreign, batch, losses

    torch.manual_seed(0)
    model = Foreign()

    class Model:
        backbone = torch.nn.ModuleList([model.trunk, model.mix])

        def __call__(self, data: Any) -> Any:
            return losses(model, data)

    names = {
        "torch": torch,
        "model": Model(),
        "loader": [batch(seed=seed) for seed in range(5)],
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.01),
    }
    before = [p.clone() for p in model.parameters()]
    exec(compile(the_diff()[side], "README.md", "exec"), names)
    assert all(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


SOURCE = Path(grace.__file__).parent
WITH_EXAMPLES = [path for path in sorted(SOURCE.rglob("*.py")) if ">>>" in path.read_text()]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda p: p.stem)
def test_the_examples_in_docstrings_give_what_they_say(path: Path) -> None:
    name = ".".join(("grace", *path.relative_to(SOURCE).with_suffix("").parts))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = doctest.testmod(importlib.import_module(name))
    assert found.attempted
    assert not found.failed
