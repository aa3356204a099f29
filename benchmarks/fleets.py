"""Seven families on one page, docs/fleets.md: python benchmarks/fleets.py --fleets DIR --data DIR

Of each family the command that its user would type is run as it stands on the page, in a process of its own whose seconds and
largest memory are measured, and so is `grace predict`. From the file that `grace train` wrote and the folds that it names follow
the figures; the baselines are fitted on the same folds and scored at the same landmarks. The families are those of
benchmarks/families.py, and FD001. A family that results/fleets.json holds with its picture is not measured again; two run at
once. Takes about ten minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import as_completed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from families import FAMILIES, SEED, USUAL
from fleet_figures import Found, row_of
from fleet_page import parts
from fleet_pictures import draw
from fleet_summary import draw_summary
from pages import ROOT, replace_between

from grace.cli.options import TrainingOptions
from grace.cli.train import FEW, FOLDS
from grace.core.pools import processes
from grace.data.fleet import Fleet
from grace.data.load import load_train
from grace.errors import GraceError
from grace.files import write_text
from grace.formats import rounded
from grace.training.model_file import load_model
from grace.training.outcome import Run
from grace.training.protocol import Split
from grace.training.record import DONE, Record
from grace.training.run import train
from grace.training.run_spec import run_spec
from grace.training.spec import RunSpec

RESULTS = ROOT / "results" / "fleets.json"
PICTURES = ROOT / "docs" / "figures"
ENGINES = "FD001"
METHOD = "rul-only"
ORDER = (*FAMILIES, ENGINES)
LONGEST_FIRST = (
    "hdd_backblaze",
    "bearing_femto",
    "battery_hust",
    "battery_tju",
    ENGINES,
    "filter_esrel22",
    "filter_phme20",
)
FIELDS = ("table", "unit_table", "engine", "start", "time", "event", "group", "time_unit", "features")
PATHS = ("table", "unit_table", "data")
COSTS = "5,1"
FIRST = {
    "filter_phme20": """\
import polars as pl

ends = pl.read_csv("units.csv.gz").select("unit", "life_s")
rows = pl.read_csv("runs.csv.gz").join(ends, "unit", maintain_order="left").filter(pl.col("time_s") <= pl.col("life_s"))
rows.drop("life_s").write_csv("until_failure.csv")
"""
}
"""What is done to a table before, in Python."""


WATCH = """
import json, resource, subprocess, sys, time
began, code = time.perf_counter(), subprocess.run(sys.argv[2:]).returncode
seconds, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
json.dump([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024], open(sys.argv[1], "w"))
sys.exit(code)
"""
"""What runs a command and notes what it took: a small process, as the memory of one that starts another counts as the other's."""


class Printed(NamedTuple):
    """What a command printed, and what it took: seconds of the clock and of the processor, largest memory in MiB."""

    text: str
    seconds: float
    processor: float
    peak: float


def options_of(family: str, failed: int, units: int) -> dict[str, str]:
    """Options of `grace train` by field, as they are typed: folds are its default for few failures, or where units were
    suspended, else named."""
    folds = {"folds": str(FOLDS)} if failed == units >= FEW else {}
    if family == ENGINES:
        return {"data": "cmapss"} | folds
    asked = {name: (USUAL | FAMILIES[family]).get(name, "") for name in FIELDS}
    if family == "filter_phme20":
        asked["table"] = "until_failure.csv"
    if asked["features"]:
        asked["features"] += ",age"
    return {name: value for name, value in asked.items() if value} | folds


def typed(family: str, command: str, options: dict[str, str]) -> list[str]:
    """The command line of `grace train` or `grace data info`."""
    named = [f"--{name.replace('_', '-')} {value}" for name, value in options.items()]
    return f"grace {command} {f'{family} ' if family == ENGINES else ''}{' '.join(named)}".split()


def in_the_folder(family: str, fleets: Path, data: Path, folder: Path) -> None:
    """Put the files of a family where its user would stand."""
    if family == ENGINES:
        (folder / "cmapss").symlink_to(data.absolute())
        return
    for path in (fleets / family).absolute().iterdir():
        (folder / path.name).symlink_to(path)
    if family in FIRST:
        subprocess.run([sys.executable, "-c", FIRST[family]], cwd=folder, check=True)


def printed(command: list[str], folder: Path) -> Printed:
    """Run a command line there."""
    program, errors = Path(sys.executable).with_name(command[0]), folder / "errors.txt"
    watched = [sys.executable, "-c", WATCH, folder / "used.json", program, *command[1:]]
    environment = os.environ | {"COLUMNS": "160", "PYTHONWARNINGS": "ignore"}
    with errors.open("w") as told:
        done = subprocess.run(
            watched, cwd=folder, stdout=subprocess.PIPE, stderr=told, env=environment, text=True, check=False
        )
    if done.returncode:
        raise GraceError(f"`{' '.join(command)}` should end with 0. Found {done.returncode}: {errors.read_text()}")
    return Printed(done.stdout, *json.loads((folder / "used.json").read_text()))


def read(family: str, options: dict[str, str], folder: Path, model: str = "network") -> tuple[Fleet, dict[str, Any]]:
    """The units as `grace train` reads them, and the choices that follow."""
    given: dict[str, Any] = options | {name: folder / options[name] for name in PATHS if name in options}
    asked = TrainingOptions(**(given | {"folds": FOLDS, "model": model}))
    opened = asked.opened()
    fleet = load_train(family if family == ENGINES else "", asked.source(opened))
    return fleet, asked.choices(opened, fleet)


def read_again(path: Path, fleet: Fleet) -> tuple[Run, RunSpec]:
    """A run as `grace train` had it: from its file, and the folds that its spec names."""
    network = load_model(path)
    spec, splits = network.spec, tuple(Split.folds(network.spec, fleet, None))
    return Run(
        Record(spec.id, spec.to_json(), DONE), network.members, network.interval, splits, None, network.survival
    ), spec


def tree(family: str, options: dict[str, str], folder: Path) -> Run:
    """The run of `--model tree`."""
    fleet, choices = read(family, options, folder, "tree")
    return train(run_spec(fleet.name, seed=SEED, **choices), fleet)


def measured(family: str, fleets: Path, data: Path, pictures: Path = PICTURES) -> dict[str, Any]:
    """Everything that the page says of a family; its picture is drawn."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        in_the_folder(family, fleets, data, folder)
        fleet, _ = read(family, options_of(family, 0, 0), folder)
        options = options_of(family, len(fleet.failures), len(fleet.engines))
        model = f"{family}.safetensors"
        commands = {
            "info": typed(family, "data info", {k: v for k, v in options.items() if k != "folds"}),
            "train": [*typed(family, "train", options), "--method", METHOD, "--to", model],
        }
        told = {"info": printed(commands["info"], folder), "train": printed(commands["train"], folder)}
        run, spec = read_again(folder / model, fleet)
        horizons = ",".join(f"{cut:g}" for cut in spec.conventions.health_cuts[::-1])
        new = options.get("table", "cmapss/test_FD001.txt")
        commands["predict"] = ["grace", "predict", model, new, "--within", horizons, "--costs", COSTS]
        told["predict"] = printed(commands["predict"], folder)
        found = Found(run, spec, fleet, tree(family, options, folder))
        draw(found, pictures / f"fleets-{family}.svg")
        facts = {name: {"command": " ".join(line), **_taken(told[name])} for name, line in commands.items()}
        said = {"first": FIRST.get(family, ""), **facts, "said": told["info"].text.splitlines()}
        return {"family": family, **said, **rounded(row_of(found))}


def _taken(done: Printed) -> dict[str, float]:
    return {name: round(getattr(done, name), 1) for name in ("seconds", "processor", "peak")}


def main() -> None:
    """Measure what is not there, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("cmapss"), help="folder of the C-MAPSS files")
    parser.add_argument("--fleets", type=Path, default=Path("fleets"), help="folder of the real families")
    parser.add_argument("--jobs", type=int, default=2, help="families at once")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    there = {row["family"] for row in rows if (PICTURES / f"fleets-{row['family']}.svg").exists()}
    rows = [row for row in rows if row["family"] in there]
    wanted = [family for family in LONGEST_FIRST if family not in there]
    with processes(given.jobs) as pool:
        if pool is None:
            done = (measured(family, given.fleets, given.data) for family in wanted)
        else:
            calls = [pool.submit(measured, family, given.fleets, given.data) for family in wanted]
            done = (call.result() for call in as_completed(calls))
        for row in done:
            rows.append(row)
            write_text(RESULTS, json.dumps(rows, indent=1) + "\n")
            print(row["family"], row["train"]["seconds"], "s", flush=True)
    ordered = sorted(rows, key=lambda row: ORDER.index(row["family"]))
    replace_between(ROOT / "docs" / "fleets.md", parts(ordered))
    draw_summary(ordered, ROOT / "docs" / "figures")


if __name__ == "__main__":
    main()
