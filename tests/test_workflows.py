"""The continuous integration says what the package says: versions, commands, files."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
PYTHONS = [c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if re.search(r"Python :: 3\.", c)]


def read(path: Path) -> dict[Any, Any]:
    return yaml.safe_load(path.read_text())  # type: ignore[no-any-return]


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in read(path)["jobs"].values():
        yield from job["steps"]


def scripts() -> list[tuple[str, str]]:
    return [(path.stem, step["run"]) for path in WORKFLOWS for step in steps(path) if "run" in step]


def test_the_three_workflows_are_there() -> None:
    assert [path.stem for path in WORKFLOWS] == ["nightly", "release", "tests"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_a_workflow_has_what_the_runner_needs(path: Path) -> None:
    workflow = read(path)
    assert workflow[True]  # YAML 1.1 reads the key `on` as true
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job["runs-on"] == "ubuntu-latest"
        assert job["timeout-minutes"] <= 360, name
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= set(workflow["jobs"])
    for step in steps(path):
        assert ("run" in step) != ("uses" in step), step
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v1)", step["uses"])


@pytest.mark.parametrize(("workflow", "script"), scripts())
def test_every_script_is_bash_and_the_files_it_names_are_there(workflow: str, script: str) -> None:
    plain = re.sub(r"\$\{\{.*?\}\}", "VALUE", script)
    done = subprocess.run(["bash", "-n"], input=plain, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in re.findall(r"(?:benchmarks|tests|docs|\.github)/[\w./-]+", plain):
        assert (ROOT / name).exists(), name


def test_every_expression_of_the_matrix_is_defined() -> None:
    text = (ROOT / ".github/workflows/tests.yml").read_text()
    matrix = read(ROOT / ".github/workflows/tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert set(re.findall(r"\bmatrix\.(\w+)", text)) == set(matrix)


def test_every_supported_python_is_tested_with_oldest_and_newest() -> None:
    matrix = read(ROOT / ".github/workflows/tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python"] == PYTHONS
    assert matrix["versions"] == ["oldest", "newest"]
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    newest = {str(step["with"]["python-version"]) for path in WORKFLOWS for step in steps(path) if "with" in step
              and "python-version" in step["with"]}  # fmt: skip
    assert newest == {"${{ matrix.python }}", PYTHONS[-1]}


def lower_bounds() -> dict[str, Version]:
    """The lower bound of everything that ``.[test]`` installs by name."""
    extras = PROJECT["optional-dependencies"]
    found, waiting = {}, [*PROJECT["dependencies"], *extras["test"]]
    while waiting:
        wanted = Requirement(waiting.pop())
        if wanted.name == PROJECT["name"]:
            waiting += [line for extra in wanted.extras for line in extras[extra]]
        else:
            (bound,) = [s.version for s in wanted.specifier if s.operator == ">="]
            found[wanted.name] = Version(bound)
    return found


def pinned(python: str) -> dict[str, Version]:
    """What the constraints come to with one Python; each name once."""
    lines = [line for line in (ROOT / ".github/oldest.txt").read_text().splitlines() if not line.startswith("#")]
    wanted = [r for r in map(Requirement, lines) if not r.marker or r.marker.evaluate({"python_version": python})]
    assert len({r.name for r in wanted}) == len(wanted)
    return {r.name: Version(str(r.specifier).removeprefix("==")) for r in wanted}


def test_the_oldest_versions_are_the_lower_bounds() -> None:
    assert pinned(PYTHONS[0]) == lower_bounds()


@pytest.mark.parametrize("python", PYTHONS[1:])
def test_a_newer_python_has_every_bound_or_a_newer_one(python: str) -> None:
    bounds = lower_bounds()
    assert pinned(python).keys() == bounds.keys()
    assert all(version >= bounds[name] for name, version in pinned(python).items())


def test_whole_commands_are_tested_wherever_the_fast_suite_is() -> None:
    commands = [script for workflow, script in scripts() if workflow == "tests"]
    assert any("pytest -ra && pytest -ra -m system" in script for script in commands)
    assert "&& pytest\n  pytest -m system" in (ROOT / ".ci" / "run").read_text()


def test_the_readmes_command_is_what_the_workflow_runs() -> None:
    commands = " && ".join(script.strip() for workflow, script in scripts() if workflow == "tests")
    assert "pip install '.[test]' && pytest" in commands
    for check in ("ruff check .", "ruff format --check .", "mypy", "mkdocs build --quiet --strict"):
        assert check in commands


@pytest.mark.parametrize(
    ("tag", "heading", "code"),
    [
        ("v0.1.0", "## 0.1.0 (2026-01-01)", 0),
        ("v0.2.0", "## 0.1.0 (2026-01-01)", 1),
        ("v0.1.0", "## 0.1.0 (unreleased)", 1),
    ],
)
def test_a_release_needs_its_tag_and_its_date(tag: str, heading: str, code: int, tmp_path: Path) -> None:
    """The step itself, run on a small project."""
    (script,) = [
        s["run"] for s in steps(ROOT / ".github/workflows/release.yml") if s.get("name") == "The tag is the version"
    ]
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n")
    shown = f'python() {{ "{sys.executable}" "$@"; }}\n{script}'
    env = {"GITHUB_REF_NAME": tag, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-e", "-c", shown], cwd=tmp_path, capture_output=True, text=True, env=env)
    assert done.returncode == code, done.stderr
    assert ("::error::" in done.stdout) == bool(code)


def test_nothing_is_published_that_was_not_checked() -> None:
    jobs = read(ROOT / ".github/workflows/release.yml")["jobs"]
    assert (jobs["publish"]["needs"], jobs["attach"]["needs"]) == ("build", "publish")
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    built = "\n".join(step.get("run", "") for step in jobs["build"]["steps"])
    assert "clean/bin/grace --help" in built
    assert "clean/bin/grace demo" in built


@pytest.mark.parametrize("path", [p for p in FORMS if p.stem != "config"], ids=lambda p: p.stem)
def test_an_issue_form_is_one(path: Path) -> None:
    form = read(path)
    assert form["name"]
    assert form["description"]
    fields = [part for part in form["body"] if part["type"] != "markdown"]
    assert all(part["attributes"]["label"] for part in fields)
    assert len({part["id"] for part in fields}) == len(fields)
    assert any(part.get("validations", {}).get("required") for part in fields)


def test_the_commit_hooks_are_the_workflows_checks() -> None:
    (local,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert [hook["entry"] for hook in local["hooks"]] == ["ruff check --fix", "ruff format", "mypy"]
