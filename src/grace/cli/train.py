"""``grace train``: train one method on one data set and keep the network."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from grace.cli import work
from grace.cli.grouped import grouped
from grace.cli.options import Device, Engines, Profile, TrainingOptions, Verbose, is_gpu
from grace.errors import GraceError

Number = int | float
FEW, FOLDS = 40, 10
"""Engines that failed below which folds are the default, and how many: a fifth of so few says little."""
REMEDIES = 2


app = typer.Typer(rich_markup_mode=None)


@app.command("train", short_help="Train one method and keep the network.")
@grouped
def _train(
    training: TrainingOptions,
    dataset: Engines = None,
    method: Annotated[str | None, typer.Option(help="Method of the table, e.g. grace; see below.")] = None,
    outer: Annotated[
        str | None,
        typer.Option(help="Outer axis in place of the method's; torchjd:NAME, or your package.module:Class."),
    ] = None,
    inner: Annotated[str | None, typer.Option(help="Inner axis in place of the method's: mse, weighted_mse.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="Of the outer axis, e.g. floor=0; repeatable.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of split, initialisation and batches.")] = 42,
    precision: Annotated[str, typer.Option(help="float32, or bfloat16 for mixed precision.")] = "float32",
    monitor_every: Annotated[int, typer.Option(help="Steps between Gramians for the display alone; 0: never.")] = 20,
    device: Device = "cpu",
    threads: Annotated[
        int, typer.Option(help="Threads of the CPU; 1 gives the numbers of `grace bench run`, 0 takes all cores.")
    ] = 1,
    to: Annotated[
        Path | None, typer.Option(help="File of the network; default DATASET-METHOD-SEED.safetensors.")
    ] = None,
    verbose: Verbose = False,
    profile: Profile = False,
) -> None:
    """Train, choose on held-out engines, report on the test engines, and keep the network for `grace predict`.

    \b
      grace train FD001 --data cmapss --method grace --seed 42
      grace train FD001 --data cmapss --outer gaba --inner mse --option floor=0
      grace train FD001 --data cmapss --outer torchjd:UPGrad        a Gramian weighting of TorchJD
      grace train FD001 --data cmapss --size paper
      grace train --table fleet.parquet --engine id --time cycle --method rul-only-weighted
      grace train simulated --method baseline
      grace train FD001 --data cmapss --model tree                  what needs no network: tree, ridge or age

    \b
    Methods: baseline, dwa, gradnorm, uncertainty, amnl, gaba, grace (the source's seven), rul-only, rul-only-weighted,
    health-only, amnl-normalised, gaba-equal, grace-equal (floor 0), fixed-0.01, fixed-0.1, fixed-0.5 (beside RUL in caps).

    \b
    Interrupted, even killed, the same command goes on; what is lost is an epoch, or a second of short ones.
    """
    is_gpu(device)
    cores = work.available_cores()
    if not 0 <= threads <= cores:
        raise GraceError(f"`--threads` should be 1 to {cores}, the cores there are, or 0 for all. Found {threads}.")
    work.set_num_threads(threads or cores)
    opened = training.opened_unless(dataset, "train")
    source = training.source(opened)
    fleet, test = work.load_train(dataset or "", source), work.load_test(dataset or "", source)
    choices = training.choices(opened, fleet) | usual(training, fleet)
    checked = choices["conventions"], choices["schedule"].min_history, choices.get("folds", 0)
    work.check_training(fleet, *checked)  # before a line is shown
    spec = work.run_spec(
        fleet.name,
        method,
        outer=outer,
        inner=inner,
        options=_numbers(option or []),
        seed=seed,
        precision=precision,
        **choices,
    ).reading(fleet, test)
    if opened is not None:
        work.show_table(opened, fleet, choices["conventions"], choices["schedule"].min_history, before=True)
    for line in fleet.done if opened is None else ():  # on labels of a table of units
        print(line, file=sys.stderr)
    path = to or Path(f"{fleet.name}-{spec.method}-{seed}.safetensors".replace(":", "-"))
    once = partial(_trained, fleet=fleet, test=test, path=path, device=device, monitor_every=monitor_every)
    asked = training.epochs is not None or training.schedule is not None  # what was asked for is not changed
    runs, tried = ([once(spec)], []) if asked else _sound(once, spec)
    run = min(runs, key=_error)
    work.save_model(path, run)
    for one in runs:
        work.remove(_checkpoint(path, one.record.id))
    _show(run, spec, fleet, path, tried, verbose)
    if file := _file(training, fleet.name, dataset):
        work.following("next, predict RUL with it", "grace", "predict", path, file)
    else:
        work.following("next, find out whether its second task pays", "grace", "advise", str(dataset))


def _file(training: TrainingOptions, name: str, dataset: str | None) -> Path | None:
    """A file of engines to predict; None of engines that are in none."""
    if training.table is not None:
        return training.test_table or training.table
    folder = Path(str(dataset)) if Path(str(dataset)).is_dir() else training.data or Path("cmapss")
    paths = [folder / f"{kind}_{name}.txt" for kind in ("test", "train")]
    return next((path for path in paths if path.exists()), None)


def _show(run: work.Run, spec: work.RunSpec, fleet: work.Fleet, path: Path, tried: list[str], verbose: bool) -> None:
    """Figures of the run that is kept, beside what needs no network."""
    compared = spec.model == TrainingOptions.model and spec.trains("rul")
    baselines = work.baseline_errors(run.splits, spec.conventions) if compared else {}
    suspended = len(fleet.failures) < len(fleet.engines)
    work.show_run(run.record, path, baselines, tried, suspended=suspended, verbose=verbose)
    if run.survival is not None:
        work.show_survival(run.record, work.baseline_scores(run, work.baseline_curves(run, spec, fleet)))


def usual(training: TrainingOptions, fleet: work.Fleet) -> dict[str, Any]:
    """What the engines make of the options that are not named: folds of few, folds and hazards where some were suspended.

    Of rows on the disk folds would read all of them ten times over: there they are asked for.
    """
    some, found = len(fleet.failures) < len(fleet.engines), dict[str, Any]()
    told = some and not isinstance(fleet.values, work.StoredRows)
    if training.folds is None and training.protocol == "honest" and (told or len(fleet.failures) < FEW):
        found["folds"] = FOLDS
    if training.suspended is None and training.rul_scale is None and training.model == TrainingOptions.model and some:
        found["suspended"] = work.HAZARD
    return found


def _trained(
    spec: work.RunSpec, fleet: work.Fleet, test: work.Fleet | None, path: Path, device: str, monitor_every: int
) -> work.Run:
    """A run, shown while it is made; refused where it fails."""
    checkpoint = _checkpoint(path, spec.id)
    with work.live(spec) as on_epoch:
        run = work.train(
            spec, fleet, test, device=device, checkpoint=checkpoint, monitor_every=monitor_every, on_epoch=on_epoch
        )
    if not run.members:
        work.remove(checkpoint)
        raise GraceError(f"{fleet.name}, {spec.method}: {run.record.reason}")
    return run


def _checkpoint(path: Path, run: str) -> Path:
    return path.with_name(f".{path.stem}-{run}.checkpoint")


def _error(run: work.Run) -> float:
    """RMSE on held-out engines, by which runs are compared."""
    return run.record.validation["rmse"]


def _sound(once: Callable[[work.RunSpec], work.Run], spec: work.RunSpec) -> tuple[list[work.Run], list[str]]:
    """A run, those that may end the doubts about it, and a line on each of these."""
    runs, tried = [once(spec)], list[str]()
    while (remedy := runs[-1].remedy) is not None and len(tried) < REMEDIES:
        runs.append(once(remedy))
        before, after = (run.record for run in runs[-2:])
        became = f"{_error(runs[-2]):.2f} became {_error(runs[-1]):.2f}"
        tried.append(f"{before.concerns[0]} Trained again with {_what(before.spec, after.spec)}: {became}.")
    return runs, tried


def _what(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """In which of its settings a remedy differs."""
    pairs = [("start", before["start"], after["start"])]
    pairs += [(name, value, after["schedule"][name]) for name, value in before["schedule"].items()]
    return ", ".join(f"{name} {new}" for name, old, new in pairs if old != new)


def _numbers(texts: list[str]) -> dict[str, Number | tuple[Number, ...]]:
    """``NAME=VALUE`` pairs; a value is a number, or several with commas between."""
    found: dict[str, Number | tuple[Number, ...]] = {}
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
