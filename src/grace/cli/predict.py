"""``grace predict``: RUL, health state and interval of new engines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def predict(
    model: Annotated[Path, typer.Argument(help="File that `grace train` wrote.")],
    file: Annotated[Path, typer.Argument(help="Engines: C-MAPSS text, or a table as the network was trained on.")],
    to: Annotated[Path | None, typer.Option(help="Write a .csv or .json file in place of the table.")] = None,
) -> None:
    """Predict the RUL of new engines after their last recorded cycle, with a 90 % interval.

    \b
      grace predict FD001-grace-42.safetensors cmapss/test_FD001.txt
      grace predict FD001-grace-42.safetensors engines.parquet --to rul.csv
      grace predict fleet-grace-42.safetensors new_engines.csv         trained with --table: columns are known

    \b
    A network that was trained with --table knows its columns: the new table has to have them, and others do no harm. For one
    of C-MAPSS a table has the columns engine, cycle, setting_1..setting_3 and sensor_1..sensor_21, in any order and with
    others beside them; sensors that the network does not use may be left out. The interval is split conformal, made on
    engines that the network was not trained on; RUL is told apart up to the cap (125 by default), so an upper end at the
    cap means "or more".
    """
    from grace.cli.render_train import show_forecast, write_forecast
    from grace.data.load import as_fleet
    from grace.training.model_file import load_model
    from grace.training.predict import forecast

    network = load_model(model)
    fleet = as_fleet(file, network.conventions.table, network.conditioner.features, known_rul=False)
    found = forecast(network, fleet)
    if to is None:
        show_forecast(found, network)
    else:
        write_forecast(found, to, network)
        print(f"{to}: {len(found.engine)} engines")
