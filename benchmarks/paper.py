"""The source's network at its full size, features, window, batch and rates: python benchmarks/paper.py --data DIR

Baseline and GRACE on FD001, seed 42, on one thread; killed or stopped, the same command goes on. The source trains for up to 500
epochs with early stopping; the moving average of the weights that is evaluated remembers 18 epochs of FD001, so that fewer than
about 70 say little. bfloat16 takes half a minute an epoch on a CPU with AMX, float32 more than twice that. With ``--device cuda``
all runs train in one stack, the LSTM's element-wise part compiled, and the validation RMSE of every run is printed as it comes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from grace.bench.store import Store
from grace.bench.sweep import counted, grid, sweep
from grace.data.conventions import PUBLISHED
from grace.data.load import load_test, load_train
from grace.files import remove
from grace.training.run import name_of, train_stacked
from grace.training.schedule import Schedule
from grace.training.spec import RunSpec
from grace.training.stack import Stack

FOLDER = Path(__file__).parents[1] / "results" / "paper"


def together(specs: Sequence[RunSpec], store: Store, data: Path, device: str) -> None:
    """Train what has no record yet in one stack on a GPU."""
    waiting = [spec for spec in specs if store.record(spec.id) is None]
    if not waiting:
        return

    def tell(stack: Stack) -> None:
        reached = [f"{one.history[-1]['validation_rmse']:.2f}" for one in stack.replicas if one.history]
        print(f"epoch {stack.epoch}, {len(stack.active)} runs:", *reached, flush=True)

    state = store.checkpoint(name_of(waiting))
    fleets = load_train("FD001", data), load_test("FD001", data)
    for run in train_stacked(waiting, *fleets, device=device, checkpoint=state, fuse=True, on_epoch=tell):
        store.finish(run.record)
    remove(state)


def main() -> None:
    """Run it, or go on with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the C-MAPSS files")
    parser.add_argument("--methods", nargs="*", default=["baseline", "grace"])
    parser.add_argument(
        "--epochs", type=int, default=500, help="most epochs; the source's are 500, with early stopping"
    )
    parser.add_argument("--precision", default="bfloat16", help="bfloat16 or float32")
    parser.add_argument("--seeds", nargs="*", type=int, default=[42])
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    options = parser.parse_args()
    schedule = replace(Schedule.named("paper"), epochs=options.epochs)
    choices = {"size": "paper", "schedule": schedule, "conventions": PUBLISHED, "precision": options.precision}
    specs, store = grid(["FD001"], options.methods, options.seeds, **choices), Store(FOLDER)
    if options.device != "cpu":
        together(specs, store, options.data, options.device)
    print(counted(sweep(specs, store, options.data, lambda: nullcontext(None))))


if __name__ == "__main__":
    main()
