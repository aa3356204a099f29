"""``grace bench``: plan, run, watch and tabulate a sweep."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grace.cli.executors import is_gpu, pool
from grace.cli.table_options import (
    HEAVY,
    TEMPORARY,
    Conditions,
    conventions_of,
    give_signature,
    horizons,
    open_with,
    table_parameters,
)
from grace.errors import GraceError

if TYPE_CHECKING:
    from grace.bench.store import Store
    from grace.data.tables.columns import TableSource
    from grace.training.spec import RunSpec

app = typer.Typer(rich_markup_mode=None, no_args_is_help=False)

DEFAULT = Path("results")

Datasets = Annotated[str, typer.Option("--datasets", help="Data sets, with commas between; a table is one of its own.")]
Methods = Annotated[
    str,
    typer.Option(
        "--methods", help="Methods, or OUTER+INNER; default the source's seven, and RUL alone with either loss."
    ),
]
Seeds = Annotated[str, typer.Option("--seeds", help="Seeds, with commas between.")]
Folder = Annotated[Path, typer.Option("--to", help="Folder of the sweep; records go to its records/.")]
Data = Annotated[Path | None, typer.Option(help="Folder of the files.", envvar="GRACE_DATA")]
Size = Annotated[str, typer.Option(help="Network: compact, paper or tiny.")]
Plan = Annotated[str, typer.Option(help="Schedule: compact, paper or tiny.")]
Unit = Annotated[str, typer.Option(help="RUL head and loss: cycles (the source), cap-head or cap.")]
Protocol = Annotated[str, typer.Option(help="honest, or source: best epoch on the test set.")]
Epochs = Annotated[int | None, typer.Option(help="Epochs, in place of the schedule's.")]
Window = Annotated[int, typer.Option(help="Length of a window, cycles (rows of a table); the source's is 30.")]
Cap = Annotated[int, typer.Option(help="Largest RUL that is told apart, cycles.")]
Health = Annotated[str, typer.Option(help="Health cuts HEALTHY,CRITICAL in cycles of RUL.")]
Every = Annotated[
    int | None,
    typer.Option(
        "--measure-every", help="Steps between Gramians, where the method needs them; default 10, torchjd: 1."
    ),
]
On = Annotated[
    str,
    typer.Option("--measure-on", help="Part of the backbone that they are measured on: backbone, or upper for speed."),
]

ALL_SETS = "FD001,FD002,FD003,FD004"
ALL_METHODS = "baseline,dwa,gradnorm,uncertainty,amnl,gaba,grace,rul-only,rul-only-weighted"
ALL_SEEDS = "42,123,456,789,1024"


def runs_of(
    opened: TableSource | None,
    data: Path | None,
    datasets: Datasets = ALL_SETS,
    methods: Methods = ALL_METHODS,
    seeds: Seeds = ALL_SEEDS,
    size: Size = "compact",
    schedule: Plan = "compact",
    epochs: Epochs = None,
    window: Window = 60,
    unit: Unit = "cycles",
    protocol: Protocol = "honest",
    measure_every: Every = None,
    measure_on: On = "backbone",
    cap: Cap = 125,
    health: Health = "70,30",
    conditions: Conditions = "auto",
) -> list[RunSpec]:
    """The runs of a grid; its parameters are the options that every command on a grid has."""
    from dataclasses import replace

    from grace.bench.plan import grid
    from grace.training.schedule import schedule_named
    from grace.training.spec import CONVENTIONS

    try:
        numbers = [int(text) for text in _names(seeds)]
    except ValueError:
        raise GraceError(f"`--seeds` should be whole numbers with commas between. Found {seeds!r}.") from None
    choices: dict[str, Any] = {"size": size, "rul_scale": unit, "protocol": protocol, "measure_every": measure_every}
    choices["measure_on"] = measure_on
    choices["schedule"] = schedule if epochs is None else replace(schedule_named(schedule), epochs=epochs)
    choices["conventions"] = conventions_of(CONVENTIONS, opened, conditions, window=window, cap=cap, health=health)
    if cap != CONVENTIONS.cap:
        plan = schedule_named(schedule) if epochs is None else choices["schedule"]
        choices |= horizons(plan, cap)
    names = _names(datasets) if opened is None else [opened.name]
    return grid(names, _names(methods), numbers, data=data if opened is None else opened, **choices)


def on_grid(command: Callable[..., None]) -> Callable[..., None]:
    """A command with the options of a grid after its own; called with the runs that they ask for, and their table if any."""

    @wraps(command)
    def wrapper(**given: Any) -> None:
        table = open_with(given)
        command(runs_of(table, given["data"], **{p.name: given.pop(p.name) for p in shared}), table, **given)

    shared = list(signature(runs_of, locals=HEAVY, eval_str=True).parameters.values())[2:]
    own = list(signature(command, locals=HEAVY, eval_str=True).parameters.values())[2:]
    give_signature(wrapper, [*own, *shared, *table_parameters()])
    return wrapper


@app.callback(invoke_without_command=True)
def bench(context: typer.Context) -> None:
    """Train a grid of data sets, methods and seeds, survive anything, and print the table.

    \b
      grace bench plan                                     what the 180 runs are
      grace bench run --data cmapss --to results           begin or go on
      grace bench status --to results                      done, running, failed, waiting
      grace bench table                                    from the records in results/
    """
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command(short_help="List the runs of a grid.")
@on_grid
def plan(specs: list[RunSpec], opened: TableSource | None, data: Data = None) -> None:
    """Say which runs a grid holds, with the id of each; nothing is written, and of C-MAPSS nothing read.

    \b
      grace bench plan
      grace bench plan --datasets FD001 --methods grace,baseline --seeds 1,2,3
    """
    for spec in specs:
        print(f"{spec.id}  {spec.dataset}  {spec.method:15} seed {spec.seed}")
    one = specs[0]
    print(
        f"{len(specs)} runs: {one.size} network, {one.schedule_name} schedule, unit {one.rul_scale}, {one.protocol} protocol"
    )


@app.command(short_help="Run a grid, or go on with it.")
@on_grid
def run(
    specs: list[RunSpec],
    opened: TableSource | None,
    data: Data = None,
    to: Folder = DEFAULT,
    jobs: Annotated[int, typer.Option(help="Processes, one thread each; 0 is one a core.")] = 0,
    on: Annotated[
        str | None, typer.Option(help="A Dask scheduler, e.g. tcp://scheduler:8786, in place of --jobs.")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed runs again.")] = False,
    stack: Annotated[
        int | None, typer.Option(help="Runs of a data set that train together; 0 is all. Default 1, with cuda 0.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Run every run of a grid that has no record yet; what was interrupted, even killed, goes on at its last epoch.

    \b
      grace bench run --data cmapss --to results
      grace bench run --data cmapss --to results --methods grace,baseline --seeds 1,2,3
      grace bench run --table fleet.parquet --engine id --time cycle --seeds 1,2,3
      grace bench run --data /shared/cmapss --to /shared/results --on tcp://scheduler:8786
      grace bench run --data cmapss --to results --device cuda     all runs of a data set in one stack

    On a cluster, the folders have to be the same paths on every machine.
    """
    from grace.bench.store import Store
    from grace.bench.sweep import counted, sweep
    from grace.cli.progress import initialisations

    on_gpu = is_gpu(device)
    together, here = (0 if on_gpu else 1) if stack is None else stack, jobs or (1 if on_gpu else 0)
    if together < 0:
        raise GraceError(f"`--stack` should be 0 (all) or a number of runs. Found {together}.")
    source: Path | TableSource | None
    folder, source = (to.absolute(), None if data is None else data.absolute()) if on else (to, data)
    if opened is not None:
        source = _shared(opened, on)
    with initialisations(f"{len(specs)} runs", "runs", remaining=True) as on_progress:
        states = sweep(
            specs,
            Store(folder),
            source,
            lambda: pool(here, on),
            retry_failed=retry_failed,
            on_run=on_progress,
            stack=together,
            device=device,
        )
    print("  ".join(f"{count} {state}" for state, count in counted(states).items() if count))
    _show_failed(Store(folder), states)


@app.command(short_help="Done, running, failed and waiting runs.")
@on_grid
def status(specs: list[RunSpec], opened: TableSource | None, data: Data = None, to: Folder = DEFAULT) -> None:
    """Count the runs of a grid by state and name the failed ones, also while the sweep is at work.

    \b
      grace bench status --to results
    """
    from grace.bench.store import RUNNING, Store
    from grace.bench.sweep import counted

    store = Store(to)
    states = store.states(specs)
    print(f"{to}: " + ", ".join(f"{count} {state}" for state, count in counted(states).items()))
    for spec in specs:
        if states[spec.id] == RUNNING:
            print(f"running  {spec.id}  {spec.dataset}  {spec.method}  seed {spec.seed}")
    _show_failed(store, states)


@app.command(short_help="Records of an older version as this version's.")
def migrate(folder: Annotated[Path, typer.Argument(help="Folder of a sweep.")] = DEFAULT) -> None:
    """Rewrite records that an older version wrote; each old file goes when its new one is whole.

    \b
      grace bench migrate results
    """
    from grace.bench.migrate import migrate as migrate_folder

    done, current = migrate_folder(folder)
    print(f"{folder}: {done} records migrated, {current} were of this version")


@app.command(short_help="The table of the records.")
def table(
    records: Annotated[Path, typer.Argument(help="Folder of a sweep.")] = DEFAULT,
    metric: Annotated[
        str, typer.Option(help="rmse, score, rmse_uncapped, score_uncapped or macro_f1; two with a comma.")
    ] = "rmse,score",
    protocol: Annotated[str, typer.Option(help="honest, or source: best epoch on the test set.")] = "honest",
    format: Annotated[str, typer.Option(help="markdown, latex or csv.")] = "markdown",
    reference: Annotated[str, typer.Option(help="Method that differences are taken to.")] = "baseline",
    mean: Annotated[bool, typer.Option("--mean", help="Refused: see what it says.")] = False,
) -> None:
    """Print mean, SD, interval, paired difference and rank of every method, per data set, beside the published figures.

    \b
      grace bench table
      grace bench table results --metric rmse --format latex
      grace bench table results --protocol source        best epoch on the test set: optimistic
    """
    from grace.bench.store import Store
    from grace.bench.summary import mean_across_data_sets
    from grace.bench.tables import report

    if mean:
        mean_across_data_sets()
    print(report(Store(records).all_records(), metric.split(","), protocol, format, reference), end="")


def _shared(table: TableSource, on: str | None) -> TableSource:
    """The table as workers read it; its rows are written out here, once, if they do not fit into memory."""
    from dataclasses import replace

    from grace.data.load import load_train

    if on is not None:
        if table.cache in TEMPORARY:
            raise GraceError(
                "`--on` should come with --cache, a folder that all machines see, for a table larger than memory. Found none."
            )
        paths = {
            name: path.absolute() for name in ("path", "test", "cache") if (path := getattr(table, name)) is not None
        }
        table = replace(table, **paths)
    if table.cache is not None:
        load_train("", table)
    return table


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _show_failed(store: Store, states: dict[str, str]) -> None:
    from grace.training.record import FAILED

    for run, state in states.items():
        record = store.record(run) if state == FAILED else None
        if record is not None:
            spec = record.spec
            print(f"failed   {run}  {spec['dataset']}  {spec['method']}  seed {spec['seed']}: {record.reason}")
