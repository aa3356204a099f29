"""What ships of the study is what its measurements say."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from grace.alignment.study import Study
from grace.validity.study import ALONE, FILE, Case, ValidityStudy
from studies import __main__ as commands
from studies import measurements, reduce
from studies.measurements import FORMAT, Measured

ROOT = Path(__file__).parents[2]


@pytest.mark.system
def test_the_files_that_ship_are_those_of_the_measurements(tmp_path: Path) -> None:
    study = reduce.study_of(measurements.load())
    study.write(tmp_path / "cases.json")
    made, kept = (json.loads(path.read_text())["body"] for path in (tmp_path / "cases.json", FILE))
    assert made == kept
    assert asdict(reduce.in_brief(study)) == asdict(Study.read())
    assert all(FORMAT.is_current(path) for path in measurements.FOLDER.glob("*.json"))


def raw(sign: float) -> dict[str, object]:
    gram = [[[400.0**2, sign * 0.5 * 400], [sign * 0.5 * 400, 1.0]]]
    return {"published": {"gramian": gram}, "near_failure_share": 0.17}


def test_the_sources_rule_is_asked_in_every_initialisation() -> None:
    case = Measured(Case("FD001", "engine"), probes={102: raw(-1.0), 101: raw(1.0)})
    assert [reduce.source_rule(case, seed) for seed in (101, 102)] == ["grace", "rul-only"]


def test_failed_runs_are_left_out() -> None:
    (case,) = (found for found in measurements.load() if found.case.name == "sim-1x1-40-dial+0")
    outcomes = case.outcomes | {ALONE[0]: case.outcomes[ALONE[0]] | {1: {}}}
    found = reduce.result_of(replace(case, outcomes=outcomes))
    assert set(found.outcomes[ALONE[0]]) == set(case.outcomes[ALONE[0]]) - {1}
    assert found.outcomes["grace"][1] == {name: case.outcomes["grace"][1][name] for name in ("rmse", "last")}
    assert found.scores["diagnose"] == np.mean([case.diagnoses[seed]["rho"] for seed in (101, 102)])


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "studies", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.system
def test_commands(tmp_path: Path) -> None:
    assert "publish" in run("--help").stdout
    done = run("show", "--to", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("Found none. Make them with `python -m studies run`.\n")
    done = run("migrate", "--to", tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}: 0 files migrated\n")


def test_run_goes_on_where_it_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One measurement of the one case is there, and the others are made by a stand-in, in this process."""
    jobs = measurements.jobs([Case("sim-1x1-40", "dial+0", size="tiny", window=20)])[:4]
    measurements._Store(tmp_path).add(jobs[0], {"there": 1})
    monkeypatch.setattr(measurements, "jobs", lambda cases: jobs)
    monkeypatch.setattr(measurements, "made", lambda job, data: {"seed": job.seed, "data": str(data)})
    monkeypatch.setattr(commands, "processes", lambda count: nullcontext())
    monkeypatch.setattr(sys, "argv", ["studies", "run", "--data", "somewhere", "--to", str(tmp_path)])
    commands.main()
    assert capsys.readouterr().out == f"{tmp_path}: 4 measurements\n"
    store = measurements._Store(tmp_path)
    assert all(store.has(job) for job in jobs)
    kept = measurements._part(store._of(jobs[0]), jobs[0].what)[str(jobs[0].seed)]
    made = measurements._part(store._of(jobs[1]), jobs[1].what)[str(jobs[1].seed)]
    assert (kept, made) == ({"there": 1}, {"seed": jobs[1].seed, "data": "somewhere"})


def test_the_study_as_it_ships_is_small() -> None:
    assert FILE.stat().st_size < 250_000
    assert len(ValidityStudy.read().cases) == 106
