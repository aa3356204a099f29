"""``grace bench``: plan, run, watch and tabulate a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from grace.cli import work
from grace.cli.grouped import grouped
from grace.cli.interrupts import goes_on
from grace.cli.options import RESULTS, Device, GridOptions, Jobs, Protocol, Verbose, is_gpu
from grace.errors import GraceError

app = typer.Typer(rich_markup_mode=None, no_args_is_help=False)

Folder = Annotated[Path, typer.Option("--to", help="Folder of the sweep; records go to its records/.")]


@app.callback(invoke_without_command=True)
def _bench(context: typer.Context) -> None:
    """Train a grid of data sets, methods and seeds, survive anything, and print the table.

    \b
      grace bench plan                                     what the 180 runs are
      grace bench run --data cmapss --to results           begin or go on
      grace bench status --to results                      done, running, failed, waiting
      grace bench table                                    from the records in results/
    """
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command("plan", short_help="List the runs of a grid.")
@grouped
def _plan(grid: GridOptions) -> None:
    """Say which runs a grid holds, with the id of each; nothing is written, and of C-MAPSS nothing read.

    \b
      grace bench plan
      grace bench plan --datasets FD001 --methods grace,baseline --seeds 1,2,3
    """
    specs = grid.specs(grid.opened())
    one = specs[0]
    work.answer(
        f"{len(specs)} runs: {one.size} network, {one.schedule_name} schedule, unit {one.rul_scale}, {one.protocol} protocol"
    )
    for spec in specs:
        print(f"{spec.id}  {spec.dataset}  {spec.method:15} seed {spec.seed}")
    work.following("next, run them", "grace", "bench", "run", *grid.given())


@app.command("run", short_help="Run a grid, or go on with it.")
@grouped
def _run(
    grid: GridOptions,
    to: Folder = RESULTS,
    jobs: Jobs = 0,
    on: Annotated[
        str | None,
        typer.Option(help="A Dask scheduler, e.g. tcp://scheduler:8786, in place of --jobs; of a trusted network."),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed runs again.")] = False,
    stack: Annotated[
        int | None, typer.Option(help="Runs of a data set that train together; 0 is all. Default 1, with cuda 0.")
    ] = None,
    device: Device = "cpu",
) -> None:
    """Run every run of a grid that has no record yet; what was interrupted, even killed, goes on at its last epoch.

    \b
      grace bench run --data cmapss --to results
      grace bench run --data cmapss --to results --methods grace,baseline --seeds 1,2,3
      grace bench run --table fleet.parquet --engine id --time cycle --seeds 1,2,3
      grace bench run --data /shared/cmapss --to /shared/results --on tcp://scheduler:8786
      grace bench run --data cmapss --to results --device cuda     all runs of a data set in one stack

    On a cluster, the folders have to be the same paths on every machine. Dask sends pickled calls and takes pickled answers:
    whoever reaches the scheduler can run code here and on every worker. Use it on a network that you trust.
    """
    opened = grid.opened()
    specs = grid.specs(opened)
    gpu = is_gpu(device)
    together = int(not gpu) if stack is None else stack
    if together < 0:
        raise GraceError(f"`--stack` should be 0 (all) or a number of runs. Found {together}.")
    if opened is not None:
        work.show_columns(opened, specs[0].conventions)
    source = grid.source(None) if opened is None else _for_workers(opened, on, grid.cache)
    if on is not None:
        to, source = to.absolute(), source.absolute() if isinstance(source, Path) else source
        if isinstance(source, work.WithUnits):
            source = replace(source, folder=source.folder and source.folder.absolute())
    store = work.Store(to)
    kept = "finished runs are kept, and the same command goes on at the last finished epochs"
    with goes_on(kept), work.progress_bar(f"{len(specs)} runs", "runs", remaining=True) as on_run:
        states = work.sweep(
            specs,
            store,
            source,
            lambda: work.processes(jobs or int(gpu)) if on is None else work.cluster(on),
            retry_failed=retry_failed,
            on_run=on_run,
            stack=together,
            device=device,
        )
    _told(store, specs, states, grid)


@app.command("status", short_help="Done, running, failed and waiting runs.")
@grouped
def _status(grid: GridOptions, to: Folder = RESULTS) -> None:
    """Count runs by state and name the failed ones, also while the sweep is at work: those that the folder was asked for, or of
    another grid that options name.

    \b
      grace bench status --to results
      grace bench status --to results --datasets FD001
    """
    named = replace(grid, data=None) != GridOptions()
    runs = grid.specs(grid.opened()) if named else work.planned(to)
    if not runs:
        raise GraceError(f"{to} should hold a sweep. Found none. Run `grace bench run --to {to}`.")
    store = work.Store(to)
    _told(store, runs, store.states(runs), grid if named else None)


@app.command("migrate", short_help="Records of an older version as this version's.")
def _migrate(folder: Annotated[Path, typer.Argument(help="Folder of a sweep.")] = RESULTS) -> None:
    """Rewrite records that an older version wrote; each old file goes when its new one is whole.

    \b
      grace bench migrate results
    """
    done, current = work.Store(folder).migrate()
    work.answer(f"{folder}: {done} records migrated, {current} were of this version")
    work.following("next, see their table", "grace", "bench", "table", folder)


@app.command("table", short_help="The table of the records.")
def _table(
    records: Annotated[Path, typer.Argument(help="Folder of a sweep.")] = RESULTS,
    metric: Annotated[
        str, typer.Option(help="rmse, score, rmse_uncapped, score_uncapped or macro_f1; two with a comma.")
    ] = "rmse,score",
    protocol: Protocol = "honest",
    format: Annotated[str, typer.Option(help="text, or with all columns markdown, latex or csv.")] = "text",
    reference: Annotated[str, typer.Option(help="Method that differences are taken to.")] = "baseline",
    mean: Annotated[bool, typer.Option("--mean", help="Refused: see what it says.")] = False,
    verbose: Verbose = False,
) -> None:
    """Print mean, SD, interval, paired difference and rank of every method, per data set, beside the published figures.

    \b
      grace bench table
      grace bench table results --metric rmse --format latex
      grace bench table results --protocol source        best epoch on the test set: optimistic
    """
    if mean:
        raise GraceError(
            "A table should be per data set. Found a request for a mean across data sets: their RMSEs have different scales and "
            "engines, and the score is a sum over 100 to 259 engines, so the largest set would decide. Compare row by row."
        )
    found = work.Store(records).all_records()
    if format != "text":
        print(work.report(found, metric.split(","), protocol, format, reference), end="")
        return
    work.show_sweep(found, metric.split(","), protocol, reference, verbose)
    work.following("next, explore it as a page", "grace", "report", records)


def _for_workers(table: work.TableSource, on: str | None, cache: Path | None) -> work.TableSource:
    """The table as workers read it; its rows are written out here, once, if they do not fit into memory."""
    if on is not None:
        if table.cache != cache:  # a folder of this machine, which goes with this process
            raise GraceError(
                "`--on` should come with --cache, a folder that all machines see, for a table larger than memory. Found none."
            )
        named = {name: getattr(table, name) for name in ("path", "test", "units", "cache")}
        table = replace(table, **{name: path.absolute() for name, path in named.items() if path is not None})
    if table.cache is not None:
        work.load_train("", table)
    return table


def _told(
    store: work.Store, runs: Sequence[work.RunSpec | work.Planned], states: dict[str, str], grid: GridOptions | None
) -> None:
    """How many runs are in each state, each that is at work or failed, and what to do next."""
    counts = work.counted(states)
    work.answer(", ".join(f"{count} {state}" for state, count in counts.items()) + f" in {store.folder}")
    for state in (work.RUNNING, work.FAILED):
        for run in runs:
            if states[run.id] == state:
                record = store.record(run.id)
                reason = "" if record is None or not record.reason else f": {record.reason}"
                work.evidence(f"{state:8} {run.id}  {run.dataset}  {run.method}  seed {run.seed}{reason}")
    if counts[work.DONE]:
        methods = list(dict.fromkeys(run.method for run in runs))
        reference = [] if "baseline" in methods else ["--reference", methods[0]]
        work.following("next, compare the methods", "grace", "bench", "table", store.folder, *reference)
    elif grid is None:
        work.following("next, look again", "grace", "bench", "status", "--to", store.folder)
    else:
        work.following("next, run them", "grace", "bench", "run", *grid.given(), "--to", store.folder)
