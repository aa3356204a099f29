"""``grace data``: download, check and describe C-MAPSS, and write simulated fleets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grace.cli import work
from grace.cli.grouped import grouped
from grace.cli.options import Data, EngineOptions, Verbose
from grace.errors import GraceError

app = typer.Typer(rich_markup_mode=None, no_args_is_help=False)

Dataset = Annotated[
    str | None, typer.Argument(help="FD001..FD004, NAME of a train_NAME.txt, or a folder with one; or --table.")
]


@app.callback(invoke_without_command=True)
def _data(context: typer.Context) -> None:
    """Download C-MAPSS, check and describe data, a table of your own too, and write simulated fleets in C-MAPSS's format.

    \b
      grace data fetch --data cmapss
      grace data check FD001 --data cmapss
      grace data info FD004 --data cmapss
      grace data simulate fleets --name SIM --dial -1
    """
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command("fetch", short_help="Download C-MAPSS, checked by SHA-256.")
def _fetch(
    data: Data = None,
    source: Annotated[str | None, typer.Option("--from", help="Address or path of a zip archive instead.")] = None,
) -> None:
    """Download C-MAPSS from NASA or a mirror; every file is checked by its SHA-256.

    A broken download goes on where it stopped. Files that are there and right are left alone.

    \b
      grace data fetch --data cmapss
      grace data fetch --data cmapss --from CMAPSSData.zip
    """
    folder = data or Path("cmapss")
    with work.progress_bar("C-MAPSS") as on_progress:
        written = work.fetch(folder, (source,) if source else work.MIRRORS, on_progress)
    work.answer(
        f"{folder}: {len(written)} files written and verified"
        if written
        else f"{folder}: complete and verified already"
    )
    work.following("next, find out what to train", "grace", "advise", "FD001", "--data", folder)


@app.command("check", short_help="Read all of a data set or a table.")
@grouped
def _check(engines: EngineOptions, dataset: Dataset = None) -> None:
    """Read everything of one data set (train, test, RUL) or table, and name the first fault with its place and remedy.

    Of a table also what is made of it: RUL, operating conditions, features, and which columns are left out and why.

    \b
      grace data check FD001 --data cmapss
      grace data check MINE --data my_engines
      grace data check --table fleet.csv --engine id --time cycle
    """
    opened = _opened(engines, dataset, "check")
    if opened is not None:
        train = work.load_train("", opened)
        conventions = engines.change(work.Conventions(), opened, train)
        work.check_training(train, conventions, _shortest(conventions))
        tested = work.load_test("", opened)
        work.answer(f"{opened.path.name}: no fault found; {work.in_short(train, conventions)}")
        work.show_table(opened, train, conventions, _shortest(conventions))
        if tested is not None:
            work.evidence(f"{opened.test}: {len(tested.values):,} rows, {len(tested.engines):,} test engines")
        _next(engines, dataset)
        return
    folder, name = work.subset_name(str(dataset), engines.data)
    train = work.read_train(folder, name)
    work.check_training(train, work.Conventions(), _shortest(work.Conventions()))
    test = work.read_test(folder, name)
    work.answer(f"{name}: no fault found; {work.in_short(train, work.Conventions())}")
    contents = [f"{len(fleet.values):,} rows, {len(fleet.engines):,} engines" for fleet in (train, test)]
    for kind, content in zip(("train", "test", "RUL"), [*contents, "one RUL a test engine"], strict=True):
        file = f"{kind}_{name}.txt"
        work.evidence(f"{file}: {content}, {'SHA-256 as published' if file in work.SUMS else 'no published SHA-256'}")
    _next(engines, dataset)


@app.command("info", short_help="Describe a data set or a table.")
@grouped
def _info(
    engines: EngineOptions,
    dataset: Dataset = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    verbose: Verbose = False,
) -> None:
    """Describe one data set: rows, engines, operating conditions found, windows, shares of health states.

    Of a table: RUL, operating conditions, features, and which columns are left out and why.

    \b
      grace data info FD004 --data cmapss
      grace data info FD004 --data cmapss --json
      grace data info --table fleet.csv --engine id --time cycle
    """
    opened = _opened(engines, dataset, "info")
    if opened is not None:
        train = work.load_train("", opened)
        conventions = engines.change(work.Conventions(), opened, train)
        if as_json:
            work.print_table(opened, train, conventions)
            return
        work.answer(f"{opened.path.name}: {work.in_short(train, conventions)}")
        work.show_table(opened, train, conventions, _shortest(conventions))
    else:
        folder, name = work.subset_name(str(dataset), engines.data)
        train, test = work.read_train(folder, name), work.read_test(folder, name)
        if as_json:
            work.print_facts(train, test)
            return
        work.answer(f"{name}: {work.in_short(train, work.Conventions())}")
        work.show_facts(train, test, verbose)
    _next(engines, dataset)


def _next(engines: EngineOptions, dataset: str | None) -> None:
    """What to do with engines that can be read."""
    named = [dataset] if dataset is not None else []
    work.following("next, find out what to train", "grace", "advise", *named, *engines.given())


def _opened(engines: EngineOptions, dataset: str | None, command: str) -> work.TableSource | None:
    """The table that is asked about; of a data set, options that say nothing of it are refused."""
    opened = engines.opened_unless(dataset, f"data {command}")
    for name in ("window", "cap", "health", "conditions", "task"):
        if opened is None and getattr(engines, name) != getattr(EngineOptions, name):
            raise GraceError(f"`--{name}` should come with --table. Found it with {dataset}. Leave it out.")
    return opened


@app.command("simulate", short_help="Write a simulated fleet.")
def _simulate(
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
    train, test = work.simulate(work.Simulation(engines, test_engines, conditions, faults, dial, seed))
    paths = work.write_cmapss(train, test, folder, name)
    work.answer(f"{folder}: a simulated fleet, {work.in_short(train, work.Conventions())}")
    work.evidence(*map(str, paths))
    labels = next(path for path in paths if path.name.startswith("labels"))
    command = ["grace", "diagnose", name, "--data", folder, "--labels", labels, "--size", "tiny"]
    work.following("next, see whether its labels follow RUL", *command)


def _shortest(conventions: work.Conventions) -> int:
    """Rows that a training of these conventions asks of a unit."""
    return work.usual_history(work.usual_size(conventions))
