"""What a training shows on standard error, epoch by epoch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from grace.cli.interrupts import Interrupted
from grace.cli.live import live
from grace.data.tasks import Task
from grace.training.run_spec import run_spec

ENTRY = {"epoch": 1, "losses": [12.5, 0.75], "weights": [0.25, 0.75], "validation_rmse": 20.0}
RHO = {"ratio": 120.0, "rho": 0.01, "rho_low": -0.04, "rho_high": 0.06}


def stack(entry: dict[str, Any], best_epoch: int = 0, reason: str = "") -> Any:
    split = SimpleNamespace(chosen=True)
    replica = SimpleNamespace(history=[entry], best_epoch=best_epoch, reason=reason, split=split)
    return SimpleNamespace(replicas=[replica])


def test_a_line_an_epoch_with_a_mark_on_the_best(capsys: pytest.CaptureFixture[str]) -> None:
    with live(run_spec("FD001", "grace", size="compact")) as on_epoch:
        on_epoch(stack(ENTRY))
        on_epoch(stack(ENTRY | RHO, best_epoch=1))
        on_epoch(stack(ENTRY, reason="it diverged"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "FD001, grace, seed 42, honest protocol, compact network: at most 12 epochs",
        "loss and weight of rul/health",
        "epoch   2  RMSE 20.00   loss 12.5/0.75  weights 0.25/0.75",
        "epoch   2  RMSE 20.00*  loss 12.5/0.75  weights 0.25/0.75  ratio 120  rho +0.01 [-0.04, +0.06]",
    ]


def test_an_alarm_after_three_epochs_below_the_band(capsys: pytest.CaptureFixture[str]) -> None:
    with live(run_spec("FD001", "grace")) as on_epoch:
        for _ in range(3):
            on_epoch(stack(ENTRY | RHO))
    assert "alarm: rho has stayed below +0.20 for 3 epochs" in capsys.readouterr().err


def test_an_interrupt_says_how_to_go_on() -> None:
    with pytest.raises(Interrupted) as caught, live(run_spec("FD001")):
        raise Interrupted
    assert caught.value.words == "the same command goes on at the last finished epoch"


def test_any_number_of_tasks_is_shown_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [Task("soh", kind="regression"), Task("stage", kind="class", classes=("a", "b"))]
    pairs = [[1.0, 0.5, -0.25], [0.5, 1.0, 0.0], [-0.25, 0.0, 1.0]]
    entry = ENTRY | {"losses": [12.5, 0.75, 1.5], "weights": [1.0, 0.1, 0.1], "pairs": pairs} | RHO
    with live(run_spec("FD001", "gaba", size="compact", tasks=tasks)) as on_epoch:
        on_epoch(stack(entry))
    assert capsys.readouterr().err.splitlines()[1:] == [
        "loss and weight of rul/soh/stage",
        "epoch   2  RMSE 20.00   loss 12.5/0.75/1.50  weights 1/0.1/0.1  ratio 120  rho +0.01 [-0.04, +0.06]",
        "           (soh +0.50, stage -0.25)",
    ]


def test_with_one_other_task_nothing_is_said_twice(capsys: pytest.CaptureFixture[str]) -> None:
    with live(run_spec("FD001", "gaba", size="compact", tasks=[Task("soh", kind="regression")])) as on_epoch:
        on_epoch(stack(ENTRY | RHO))
    err = capsys.readouterr().err
    assert "loss 12.5/0.75  weights 0.25/0.75  ratio 120  rho +0.01 [" in err
    assert "(soh" not in err


def test_no_epoch_is_wider_than_99_columns(capsys: pytest.CaptureFixture[str]) -> None:
    wide = {"losses": [12345.6, 0.75], "weights": [0.0927, 0.907], "validation_rmse": 123.45}
    with live(run_spec("FD001", "grace", size="compact")) as on_epoch:
        on_epoch(stack(ENTRY | RHO | wide | {"epoch": 499, "ratio": 123456.0}, best_epoch=499))
        usual = {"losses": [537.9, 1.037], "weights": [0.0927, 0.907], "validation_rmse": 28.67, "ratio": 5970.0}
        on_epoch(stack(ENTRY | RHO | usual))
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) <= 99
    assert lines[-1].endswith("weights 0.093/0.91  ratio 5,970  rho +0.01 [-0.04, +0.06]")  # the usual fits into one
