"""``grace predict`` and ``grace export``: what a trained network is for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from grace.cli import work
from grace.errors import GraceError

app = typer.Typer(rich_markup_mode=None)
_EVERY = 10
"""Rows between two inspections of the command that is named next."""

Model = Annotated[Path, typer.Argument(help="File that `grace train` wrote.")]


@app.command("predict", short_help="RUL, health and interval of new engines.")
def _predict(
    model: Model,
    file: Annotated[Path, typer.Argument(help="Engines: C-MAPSS text, or a table as the network was trained on.")],
    to: Annotated[Path | None, typer.Option(help="Write a .csv, .parquet or .json file in place of the table.")] = None,
    every: Annotated[
        int | None, typer.Option(metavar="ROWS", help="Predict at inspections so many rows apart, back from the last.")
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(help="Times with commas between, in the unit of RUL: the probability to fail within each."),
    ] = None,
    costs: Annotated[
        str | None,
        typer.Option(
            metavar="FAILURE,PLANNED", help="Costs of a failure and of a planned replacement: when to replace."
        ),
    ] = None,
) -> None:
    """Predict the RUL of new engines after their last recorded cycle, with a 90 % interval.

    \b
      grace predict FD001-grace-42.safetensors cmapss/test_FD001.txt
      grace predict FD001-grace-42.safetensors engines.parquet --to rul.csv
      grace predict fleet-grace-42.safetensors new_engines.csv         trained with --table: columns are known
      grace predict fleet-grace-42.safetensors new_engines.csv --every 10 --to backtest.parquet
      grace predict fleet-grace-42.safetensors new_engines.csv --within 30,90 --costs 5000,800

    \b
    A network that was trained with --table knows its columns: the new table has to have them, and others do no harm. For one
    of C-MAPSS a table has the columns engine, cycle, setting_1..setting_3 and sensor_1..sensor_21, in any order and with
    others beside them; sensors that the network does not use may be left out. The interval is conformal (CV+), made on
    engines that each network was not trained on; RUL is predicted up to the cap (125 by default), so an upper end at the
    cap means "or more".

    \b
    An engine that cannot be read is left out, with a row that says why and a line on standard error; the others are predicted.
    A missing reading is carried on, and noted where the network has seen no gap in its column.

    \b
    A note says what speaks against a prediction: a history shorter than the window, a reading beyond all of training (in one
    row: a spike), a mean of the window beyond that of any window of training (drift). It changes no number. With --every each
    row is what would have been said of the table cut there; the screen shows the last one of each engine, a file has all. Of
    engines that the network was trained on a backtest says more than was known: give it others.

    \b
    --within 30,90 adds the probability to fail within 30 and within 90 (cycles, or the unit of the table); beyond the cap only
    hazards tell it (train --suspended hazard). --costs 5000,800 adds a date: the time from now at which to replace, where a
    failure costs 5000 and a planned replacement 800, its expected cost until then, and what it saves beside the best fixed age
    and beside run to failure; below stands what each policy cost out of fold.
    """
    network = work.load_model(model)
    work.check_ending(to)
    asked = _numbers("--within", "30,90", within), _costs(costs)
    found = work.predict(network, file, every, within=asked[0], costs=asked[1])
    work.show_forecast(found, network, to)
    asked_for = [*(["--within", within] if within else []), *(["--costs", costs] if costs else [])]
    command = ["grace", "predict", model, file, *asked_for]
    if to is not None:
        work.following("next, see what was said along each life", *command, "--every", every or _EVERY)
    else:
        apart = ["--every", every] if every else []
        work.following("next, write all predictions to a file", *command, *apart, "--to", f"{file.stem}-rul.csv")


def _numbers(option: str, example: str, text: str | None) -> tuple[float, ...]:
    """Numbers with commas between."""
    try:
        return tuple(dict.fromkeys(float(part) for part in (text or "").split(",") if part.strip()))
    except ValueError:
        raise GraceError(
            f"`{option}` should be numbers with commas between, as in {example}. Found {text!r}."
        ) from None


def _costs(text: str | None) -> work.Costs | None:
    """Of a failure and of a planned replacement."""
    if text is None:
        return None
    found = _numbers("--costs", "10,1", text)
    if len(found) != 2:
        raise GraceError(f"`--costs` should be FAILURE,PLANNED, two different numbers, as in 10,1. Found {text!r}.")
    return work.Costs(*found)


@app.command("export", short_help="A trained network as ONNX.")
def _export(
    model: Model,
    to: Annotated[str, typer.Option(help="Format; onnx is the one there is.")] = "onnx",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; default MODEL with .onnx.")] = None,
) -> None:
    """Write a trained network as ONNX, kept only if ONNX Runtime gives torch's numbers.

    \b
      grace export FD001-grace-42.safetensors --to onnx
      grace export FD001-grace-42.safetensors --to onnx -o rul.onnx

    \b
    Inputs: windows [N, window, features] as recorded, and settings [N, window, settings] where the network knows several
    operating conditions. Outputs: RUL in cycles [N], probabilities of the health states [N, 3]. A network whose statistics are
    over time takes one more column of windows, the last: the time since the row before. A made feature (age) is a column like
    any other: the age at the row. Needs the extra `onnx`.
    """
    if to != "onnx":
        raise GraceError(f"`--to` should be onnx. Found {to!r}.")
    network = work.load_model(model)
    path = output or model.with_suffix(".onnx")
    difference = work.export_onnx(network, path)
    shapes = ", ".join(f"{name} [N, {rows}, {columns}]" for name, (rows, columns) in work.inputs(network).items())
    if any(member.conditioner.step for member in network.members):
        shapes += f"; last column of windows: {network.conventions.unit} since the row before"
    work.answer(f"{path}: {shapes} -> rul [N], health [N, 3]; differs from torch by {difference:.1e}")
    code = f"import onnx; print(onnx.load({json.dumps(str(path))}).graph.input)"
    work.following("next, load it where it is to run", "python", "-c", code)
