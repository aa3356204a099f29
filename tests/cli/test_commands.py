"""The commands as a user runs them: outputs, exit codes, one-line errors, nothing written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from grace.data.cmapss.fleets import write_cmapss
from grace.data.simulated.fleet import Simulation, simulate
from tests.command import grace, refused

KEYS = {"dataset", "recipe", "rho", "ratio", "near_failure_share", "conditions", "prescription", "cost", "conventions"}
QUICK = ["--inits", "2", "--batches", "3", "--size", "tiny", "--batch-size", "16"]


def refused_with(*arguments: object, words: tuple[str, ...]) -> None:
    line = refused(*arguments)
    assert line.startswith("error: ")
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["diagnose"],
        ["data"],
        ["data", "fetch"],
        ["data", "check"],
        ["data", "info"],
        ["data", "simulate"],
        ["demo"],
        ["demo", "two-regimes"],
        ["demo", "cosine"],
        ["train"],
        ["predict"],
        ["export"],
        ["bench"],
        ["bench", "plan"],
        ["bench", "run"],
        ["bench", "status"],
        ["bench", "table"],
        ["report"],
        ["validity"],
    ],
)
def test_help_opens_with_a_sentence_and_examples(command: list[str]) -> None:
    done = grace(*command, "--help")
    assert done.returncode == 0
    first = done.stdout.split("\n\n")[1].strip()
    assert re.search(r"[.?]", first)
    assert re.search(rf"^ +{' '.join(['grace', *command])}", done.stdout, re.MULTILINE)


def test_no_command_prints_help() -> None:
    assert "diagnose" in grace().stdout
    assert grace("--version").stdout.startswith("grace 0.")


def test_as_a_process_it_is_the_same() -> None:
    for arguments in (["--version"], ["data", "--help"], ["nonsense"]):
        command = [sys.executable, "-m", "grace.cli.main", *arguments]
        done, here = subprocess.run(command, capture_output=True, text=True, timeout=120), grace(*arguments)
        assert (done.returncode, done.stdout, done.stderr) == (here.returncode, here.stdout, here.stderr)


def test_diagnose_json_has_the_promised_keys() -> None:
    done = grace("diagnose", "simulated", *QUICK, "--steps", "20", "--json", "--jobs", "1")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) >= KEYS
    assert set(found["rho"]) >= {"mean", "low", "high", "inits", "batches", "sd_inits", "sd_batches"}
    assert set(found["ratio"]) >= {"median", "unit", "unit_free"}
    assert set(found["prescription"]) >= {"method", "decided", "reasons"}
    assert found["prescription"]["method"] == "compare"
    assert found["source_prescription"]["method"] != "compare"
    assert found["reading"] in ("labels follow RUL", "labels do not follow RUL", "undecided")
    assert found["study"]["covers_this"] == (not found["study"]["outside"] and not found["study"]["elsewhere"])
    assert "rho did not predict benefit in the validity study's 106 cases" in found["study"]["words"]
    assert set(found["cost"]) >= {"forward_backward", "share_of_training", "seconds"}
    assert (found["dataset"], found["recipe"], found["rho"]["inits"], found["rho"]["batches"]) == (
        "simulated",
        "joint",
        2,
        3,
    )
    assert -1 <= found["rho"]["low"] <= found["rho"]["mean"] <= found["rho"]["high"] <= 1
    # 2 initialisations x (20 steps, 17 // 5 + 1 + 3 measured with one more backward, 1 look with 2)
    assert found["cost"]["forward_backward"] == 2 * ((20 + 1) + (20 + 4 + 3 + 2))


@pytest.mark.parametrize("recipe", ["init", "warmup", "warmup-each", "published"])
def test_every_recipe_prints_a_table(small: Path, recipe: str) -> None:
    done = grace("diagnose", small, *QUICK, "--recipe", recipe, "--jobs", "1", "--bands", "source")
    assert done.returncode == 0, done.stderr
    assert "15,625" in done.stdout
    assert "●" in done.stdout
    assert "Precedence" in done.stdout
    if recipe == "published":
        assert "undecided" in done.stdout


@pytest.mark.system
def test_processes_do_not_change_the_numbers(small: Path) -> None:
    found = []
    for jobs in (1, 2):
        done = grace("diagnose", small, *QUICK, "--steps", "10", "--json", "--jobs", jobs)
        result = json.loads(done.stdout)
        del result["cost"]["seconds"]
        found.append(result)
    assert found[0] == found[1]


def test_own_labels_thresholds_and_columns(small: Path) -> None:
    labels = small / "labels_SIM.txt"
    done = grace(
        "diagnose",
        "SIM",
        "--data",
        small,
        *QUICK,
        "--recipe",
        "init",
        "--labels",
        labels,
        "--json",
        "--jobs",
        "1",
        "--threshold",
        "strong=0.9",
        "--without",
        "sensor_7",
        "--health",
        "50,15",
    )
    assert done.returncode == 0, done.stderr
    conventions = json.loads(done.stdout)["conventions"]
    assert conventions["health_cuts"] == [50, 15]
    assert len(conventions["features"]) == 16
    labels.write_text("0\n1\n3\n")
    refused_with(
        "diagnose", "SIM", "--data", small, *QUICK, "--labels", labels, words=("labels_SIM.txt, line 3", "'3'")
    )
    labels.write_text("0\n1\n")
    refused_with("diagnose", "SIM", "--data", small, *QUICK, "--labels", labels, words=("Found 2",))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["diagnose", "FD001", "--data", "nowhere"], ("nowhere", "grace data fetch")),
        (["diagnose", "simulated", "--recipe", "magic"], ("joint, init", "'magic'")),
        (["diagnose", "simulated", "--size", "huge"], ("compact", "'huge'")),
        (["diagnose", "simulated", "--inner", "mae"], ("weighted_mse", "'mae'")),
        (["diagnose", "simulated", "--inits", "0"], ("at least 1",)),
        (["diagnose", "simulated", "--batches", "500"], ("--steps",)),
        (["diagnose", "simulated", "--recipe", "init", "--steps", "5"], ("takes no step",)),
        (["diagnose", "simulated", "--health", "30,70"], ("HEALTHY > CRITICAL",)),
        (["diagnose", "simulated", "--health", "x"], ("70,30",)),
        (["diagnose", "simulated", "--dial", "2"], ("dial",)),
        (["diagnose", "simulated", "--threshold", "strong"], ("NAME=NUMBER",)),
        (["diagnose", "simulated", "--bands", "mine"], ("study, source", "'mine'")),
        (["diagnose", "simulated", "--without", "sensor_99"], ("sensor_99",)),
        (["diagnose", "simulated", "--inits", "many"], ("--inits", "integer")),
        (["diagnose", "simulated", "--bands", "source", "--window", "900"], ("--window",)),
        (["diagnose"], ("grace diagnose --help",)),
        (["data", "check", "FD001", "--data", "nowhere"], ("nowhere",)),
        (["data", "fetch", "--data", "x", "--from", "none.zip"], ("none.zip",)),
        (["nonsense"], ("nonsense",)),
        (["--wrong"], ("--wrong",)),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRACE_DATA", raising=False)
    refused_with(*arguments, words=words)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_check_reads_all_three_files(small: Path) -> None:
    done = grace("data", "check", "SIM", "--data", small)
    assert done.returncode == 0, done.stderr
    files = [line.split(":")[0] for line in done.stdout.splitlines() if ".txt:" in line]
    assert files == ["train_SIM.txt", "test_SIM.txt", "RUL_SIM.txt"]
    (small / "RUL_SIM.txt").write_text("1\n")
    refused_with("data", "check", "SIM", "--data", small, words=("RUL_SIM.txt", "4 engines"))
    train_only = grace("diagnose", "SIM", "--data", small, *QUICK, "--recipe", "init", "--jobs", "1")
    assert train_only.returncode == 0


def test_check_and_diagnose_hold_known_names_against_their_sum(cmapss_dir: Path, tmp_path: Path) -> None:
    assert "SHA-256 as published" in grace("data", "check", "FD001", "--data", cmapss_dir).stdout
    write_cmapss(*simulate(Simulation(engines=4, test_engines=4)), tmp_path, "FD001")
    refused_with("data", "check", "FD001", "--data", tmp_path, words=("SHA-256", "grace data fetch"))
    refused_with("diagnose", "FD001", "--data", tmp_path, words=("SHA-256", "train_NAME.txt"))


def test_simulate_reads_back_and_is_not_written_over(tmp_path: Path) -> None:
    arguments = ["data", "simulate", tmp_path / "fleets", "--engines", "5", "--conditions", "3", "--dial", "-1"]
    assert len(re.findall(r"^.*_SIM\.txt$", grace(*arguments, columns=300).stdout, re.MULTILINE)) == 4
    facts = json.loads(grace("data", "info", tmp_path / "fleets", "--json").stdout)
    assert (facts["dataset"], facts["train_engines"], facts["conditions"]) == ("SIM", 5, 3)
    refused_with(*arguments, words=("should not exist yet",))


@pytest.mark.system
def test_the_sources_demonstrations_print_claimed_and_true() -> None:
    regimes = grace("demo", "two-regimes").stdout
    for figure in ("19.00", "4.50", "36.00", "11.38", "20.73", "10.45", "19.16"):
        assert figure in regimes
    cosine = grace("demo", "cosine", "--initialisations", "20").stdout
    for figure in ("+0.32", "-0.04", "competing"):
        assert figure in cosine


@pytest.mark.system
def test_validity_prints_predictors_and_policies_in_any_folder(tmp_path: Path) -> None:
    second = grace("validity", "--figures", tmp_path, "--format", "markdown")
    assert second.returncode == 0, second.stderr
    for words in ("| race-1 |", "| rule |", "`grace advise`: what the rule expects", "share of intervals that hold"):
        assert words in second.stdout
    assert (tmp_path / "expected.svg").stat().st_size > 1000
    done = grace("validity", "--first", "--figures", tmp_path, "--format", "markdown")
    assert done.returncode == 0, done.stderr
    for words in ("AUC helps / hurts", "| init-1 |", "| source's rule |", "always rul-only-weighted"):
        assert words in done.stdout
    assert (tmp_path / "advice.svg").stat().st_size > 1000
    refused_with("validity", "--to", tmp_path, words=("`grace validity --to`", "`python -m studies show --to`"))
    refused_with("validity", "run", "--data", tmp_path, words=("`grace validity run`", "`python -m studies run`"))
    refused_with("validity", "run", words=("`grace validity run`", "`python -m studies run`"))
    refused_with("validity", "--first", "--epoch", "first", words=("chosen, last", "'first'"))
    refused_with("validity", "--first", "--method", "dwa", words=("baseline, amnl, gaba, grace", "'dwa'"))
    refused_with("validity", "--method", "gaba", words=("should come with --first", "Add --first"))
