"""``grace data``: download, check and describe C-MAPSS, and write simulated fleets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from grace.data.fleet import Fleet

app = typer.Typer(rich_markup_mode=None, no_args_is_help=False)

Folder = Annotated[Path | None, typer.Option("--data", help="Folder of the files.", envvar="GRACE_DATA")]
Dataset = Annotated[str, typer.Argument(help="FD001..FD004, NAME of a train_NAME.txt, or a folder with one.")]


@app.callback(invoke_without_command=True)
def data(context: typer.Context) -> None:
    """Download, check and describe C-MAPSS data, and write simulated fleets in its format.

    \b
      grace data fetch --data cmapss
      grace data check FD001 --data cmapss
      grace data info FD004 --data cmapss
      grace data simulate fleets --name SIM --dial -1
    """
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(short_help="Download C-MAPSS, checked by SHA-256.")
def fetch(
    data: Folder = None,
    source: Annotated[str | None, typer.Option("--from", help="Address or path of a zip archive instead.")] = None,
) -> None:
    """Download C-MAPSS from NASA or a mirror; every file is checked by its SHA-256.

    A broken download goes on where it stopped. Files that are there and right are left alone.

    \b
      grace data fetch --data cmapss
      grace data fetch --data cmapss --from CMAPSSData.zip
    """
    from grace.cli.progress import download
    from grace.data.cmapss.checksums import MIRRORS
    from grace.data.cmapss.fetch import fetch as bring

    folder = data or Path("cmapss")
    with download("C-MAPSS") as on_progress:
        written = bring(folder, (source,) if source else MIRRORS, on_progress)
    print(
        f"{folder}: {len(written)} files written and verified"
        if written
        else f"{folder}: complete and verified already"
    )


@app.command(short_help="Read all files of a data set.")
def check(dataset: Dataset, data: Folder = None) -> None:
    """Read everything of one data set (train, test, RUL) and name the first fault with file, line and remedy.

    \b
      grace data check FD001 --data cmapss
      grace data check MINE --data my_engines
    """
    from grace.data.cmapss.checksums import SUMS
    from grace.data.cmapss.fleets import read_test, read_train, subset_name
    from grace.data.conventions import Conventions
    from grace.data.prepare import check_training

    folder, name = subset_name(dataset, data)
    train = read_train(folder, name)
    check_training(train, Conventions())
    for file, fleet in ((f"train_{name}.txt", train), (f"test_{name}.txt", read_test(folder, name))):
        known = "SHA-256 as published" if file in SUMS else "no published SHA-256"
        print(f"{file}: {len(fleet.values)} rows, {len(fleet.engines)} engines, {known}")
    known = "SHA-256 as published" if f"RUL_{name}.txt" in SUMS else "no published SHA-256"
    print(f"RUL_{name}.txt: one RUL a test engine, {known}")


@app.command(short_help="Describe a data set.")
def info(
    dataset: Dataset,
    data: Folder = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Describe one data set: rows, engines, operating conditions found, windows, shares of health states.

    \b
      grace data info FD004 --data cmapss
      grace data info FD004 --data cmapss --json
    """
    from grace.data.cmapss.fleets import read_test, read_train, subset_name

    folder, name = subset_name(dataset, data)
    facts = _facts(read_train(folder, name), read_test(folder, name))
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    from grace.cli.render import show_facts

    show_facts(facts)


@app.command(short_help="Write a simulated fleet.")
def simulate(
    folder: Annotated[Path, typer.Argument(help="Folder to write to; made if missing.")],
    name: Annotated[str, typer.Option(help="NAME in train_NAME.txt.")] = "SIM",
    engines: Annotated[int, typer.Option(help="Training engines.")] = 40,
    test_engines: Annotated[int, typer.Option(help="Test engines.")] = 20,
    conditions: Annotated[int, typer.Option(help="Operating conditions, 1 to 6.")] = 1,
    faults: Annotated[int, typer.Option(help="Fault modes, 1 or 2.")] = 1,
    dial: Annotated[float, typer.Option(help="+1 labels help, 0 say nothing, -1 compete.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed.")] = 0,
) -> None:
    """Write a simulated fleet in C-MAPSS format, with its health labels beside it.

    \b
      grace data simulate fleets --name SIM --dial -1
      grace diagnose SIM --data fleets --labels fleets/labels_SIM.txt --size tiny
    """
    from grace.data.cmapss.write import write_cmapss
    from grace.data.simulated.fleet import Simulation
    from grace.data.simulated.fleet import simulate as make

    train, test = make(Simulation(engines, test_engines, conditions, faults, dial, seed))
    for path in write_cmapss(train, test, folder, name):
        print(path)


def _facts(train: Fleet, test: Fleet) -> dict[str, object]:
    from grace.data.conventions import Conventions
    from grace.data.prepare import prepare_training

    conventions = Conventions()
    prepared = prepare_training(train, conventions)
    return {
        "dataset": train.name,
        "train_rows": len(train.values),
        "train_engines": len(train.engines),
        "train_cycles": [int(train.lengths.min()), int(train.lengths.max())],
        "test_rows": len(test.values),
        "test_engines": len(test.engines),
        "conditions": prepared.conditions,
        "windows": len(prepared.windows),
        "near_failure_share": prepared.near_failure_share,
        "class_shares": dict(zip(("healthy", "degrading", "critical"), prepared.class_shares, strict=True)),
        "test_share_over_cap": float((test.last_rul > conventions.cap).mean()),
        "conventions": conventions.to_json(),
    }
