"""``grace train``: train one method on one data set and keep the network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grace.cli.table_options import Conditions, Opened, conventions_of, horizons, one_of, reads_tables
from grace.errors import GraceError

if TYPE_CHECKING:
    from grace.training.spec import RunSpec


@reads_tables
def train(
    opened: Opened | None,
    dataset: Annotated[
        str | None, typer.Argument(help="FD001..FD004, NAME of a train_NAME.txt, a folder, or `simulated`; or --table.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the files.", envvar="GRACE_DATA")] = None,
    method: Annotated[str | None, typer.Option(help="Method of the table, e.g. grace; see below.")] = None,
    outer: Annotated[
        str | None,
        typer.Option(help="Outer axis in place of the method's; torchjd:NAME, or your package.module:Class."),
    ] = None,
    inner: Annotated[str | None, typer.Option(help="Inner axis in place of the method's: mse, weighted_mse.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="Of the outer axis, e.g. floor=0; repeatable.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of split, initialisation and batches.")] = 42,
    protocol: Annotated[str, typer.Option(help="honest, or source: best epoch on the test set.")] = "honest",
    size: Annotated[str, typer.Option(help="Network: compact, paper or tiny.")] = "compact",
    schedule: Annotated[str, typer.Option(help="compact, paper or tiny.")] = "compact",
    epochs: Annotated[int | None, typer.Option(help="Epochs, in place of the schedule's.")] = None,
    window: Annotated[int, typer.Option(help="Length of a window, cycles (rows of a table); the source's is 30.")] = 60,
    cap: Annotated[int, typer.Option(help="Largest RUL that is told apart, cycles.")] = 125,
    health: Annotated[str, typer.Option(help="Health cuts HEALTHY,CRITICAL in cycles of RUL.")] = "70,30",
    conditions: Conditions = "auto",
    unit: Annotated[str, typer.Option(help="RUL head and loss: cycles (the source), cap-head or cap.")] = "cycles",
    precision: Annotated[str, typer.Option(help="float32, or bfloat16 for mixed precision.")] = "float32",
    measure_every: Annotated[
        int | None, typer.Option(help="Steps between Gramians, where the method needs them; default 10, torchjd: 1.")
    ] = None,
    measure_on: Annotated[
        str, typer.Option(help="Part of the backbone that Gramians are measured on: backbone, or upper for speed.")
    ] = "backbone",
    monitor_every: Annotated[int, typer.Option(help="Steps between Gramians for the display alone; 0: never.")] = 20,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[
        int, typer.Option(help="Threads of the CPU; 1 gives the numbers of `grace bench run`, 0 takes all cores.")
    ] = 1,
    to: Annotated[
        Path | None, typer.Option(help="File of the network; default DATASET-METHOD-SEED.safetensors.")
    ] = None,
) -> None:
    """Train, choose on held-out engines, report on the test engines, and keep the network for `grace predict`.

    \b
      grace train FD001 --data cmapss --method grace --seed 42
      grace train FD001 --data cmapss --outer gaba --inner mse --option floor=0
      grace train FD001 --data cmapss --outer torchjd:UPGrad        a Gramian weighting of TorchJD
      grace train FD001 --data cmapss --size paper --schedule paper
      grace train --table fleet.parquet --engine id --time cycle --method rul-only-weighted
      grace train simulated --method baseline

    \b
    Methods: baseline, dwa, gradnorm, uncertainty, amnl, gaba, grace (the source's seven), rul-only, rul-only-weighted,
    health-only, amnl-normalised, gaba-equal, grace-equal (floor 0).

    \b
    Interrupted, even killed, the same command goes on at the last epoch.
    """
    from dataclasses import replace

    from grace.cli.live import Live
    from grace.cli.render_table import show_table
    from grace.cli.render_train import show_run
    from grace.data.source import load_test, load_train
    from grace.training.model_file import save_model
    from grace.training.run import train as train_run
    from grace.training.schedule import schedule_named
    from grace.training.spec import CONVENTIONS, run_spec

    check_device(device)
    set_threads(threads)
    one_of(dataset, opened, "train")
    plan = schedule_named(schedule)
    conventions = conventions_of(CONVENTIONS, opened, conditions, window=window, cap=cap, health=health)
    source = data if opened is None else opened.tables
    fleet, test = load_train(dataset or "", source), load_test(dataset or "", source)
    if opened is not None:
        show_table(opened, fleet, conventions)
    spec = run_spec(
        fleet.name,
        method,
        outer=outer,
        inner=inner,
        options=parse_options(option or []),
        seed=seed,
        protocol=protocol,
        size=size,
        conventions=conventions,
        unit=unit,
        precision=precision,
        measure_every=measure_every,
        measure_on=measure_on,
        monitor_every=monitor_every,
        **horizons(plan if epochs is None else replace(plan, epochs=epochs), cap),
    )
    path = to or Path(f"{fleet.name}-{spec.method}-{seed}.safetensors".replace(":", "-"))
    checkpoint = path.with_name(f".{path.stem}-{spec.id}.checkpoint")
    with Live(spec) as live:
        run = train_run(spec, fleet, test, device=device, checkpoint=checkpoint, on_epoch=live.epoch)
    if run.model is not None:
        save_model(path, run, spec)
    checkpoint.unlink(missing_ok=True)
    show_run(run.record, path)
    if run.model is None:
        raise GraceError(f"{fleet.name}, {spec.method}: {run.record.reason}")


def parse_options(texts: list[str]) -> dict[str, Any]:
    """``NAME=VALUE`` pairs; a value is a number, or several with commas between.

    Raises:
        GraceError: Anything else.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            numbers = tuple(
                int(part) if part.strip().lstrip("-").isdigit() else float(part) for part in value.split(",")
            )
        except ValueError:
            raise GraceError(f"`--option` should be NAME=NUMBER, as in floor=0. Found {text!r}.") from None
        found[name.replace("-", "_")] = numbers if len(numbers) > 1 else numbers[0]
    return found


def set_threads(threads: int) -> None:
    """Threads of torch in this process; small networks are not faster with more than one.

    Raises:
        GraceError: A negative number.
    """
    import torch

    from grace.core.pools import available_cores

    if threads < 0:
        raise GraceError(f"`--threads` should be at least 1, or 0 for all cores. Found {threads}.")
    torch.set_num_threads(threads or available_cores())


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises:
        GraceError: See above.
    """
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise GraceError(f"`--device` should be a device of this machine. Found {device!r}: {reason}") from None


def described(spec: RunSpec) -> str:
    """One line on what is trained."""
    return f"{spec.dataset}, {spec.method}, seed {spec.seed}, {spec.protocol} protocol, {spec.size} network"
