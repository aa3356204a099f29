"""The alarm while training, counted out by hand."""

from __future__ import annotations

import pytest

from grace.alignment.decide import SOURCE, Thresholds
from grace.training.monitor import PATIENCE, Monitor


def alarms(monitor: Monitor, highs: list[float | None]) -> list[int]:
    """The epochs, from 1, at which an alarm came, for upper ends of rho's interval."""
    return [epoch for epoch, high in enumerate(highs, start=1) if monitor.observe({"rho_high": high})]


def test_the_alarm_comes_at_the_third_epoch_below_and_not_again() -> None:
    assert PATIENCE == 3
    assert alarms(Monitor("grace", "gaba"), [0.1, 0.1, 0.1, 0.1, 0.1, 0.1]) == [3]


def test_a_recovery_begins_the_count_anew_and_a_second_fall_is_told() -> None:
    assert alarms(Monitor("grace", "gaba"), [0.1, 0.1, 0.3, 0.1, 0.1]) == []
    assert alarms(Monitor("grace", "gaba"), [0.1, 0.1, 0.1, 0.3, 0.1, 0.1, 0.1]) == [3, 7]


def test_the_edge_itself_is_not_below() -> None:
    assert alarms(Monitor("grace", "gaba"), [SOURCE.strong] * 5) == []
    assert alarms(Monitor("grace", "gaba"), [SOURCE.strong - 1e-9] * 5) == [3]


def test_epochs_that_measure_nothing_do_not_count() -> None:
    assert alarms(Monitor("grace", "gaba"), [0.1, None, 0.1, None, None, 0.1]) == [6]
    assert Monitor("grace", "gaba").observe({"epoch": 1}) == ""


@pytest.mark.parametrize(
    ("method", "band"),
    [("grace", "strong"), ("grace-upper", "strong"), ("gaba", "weak"), ("amnl", "weak"), ("baseline", "weak")],
)
def test_each_method_has_the_band_that_prescribes_it(method: str, band: str) -> None:
    thresholds = Thresholds(strong=0.6, weak=0.4)
    edge = getattr(thresholds, band)
    assert Monitor(method, "gaba", thresholds).edge == edge
    assert alarms(Monitor(method, "gaba", thresholds), [edge + 0.01] * 4) == []
    assert alarms(Monitor(method, "gaba", thresholds), [edge - 0.01] * 4) == [3]


@pytest.mark.parametrize("method", ["rul-only", "rul-only-weighted", "health-only"])
def test_a_single_task_has_nothing_to_watch(method: str) -> None:
    assert alarms(Monitor(method, "fixed"), [-0.9] * 6) == []


def test_the_words_say_what_was_found_and_what_to_do() -> None:
    monitor = Monitor("gaba+weighted_mse", "gaba")
    words = [monitor.observe({"rho_high": -0.2}) for _ in range(3)][-1]
    assert words.startswith("rho has stayed below +0.05 for 3 epochs, the band that gaba assumes.")
    assert words.endswith("compare with --method rul-only.")
    assert "\n" not in words


def test_of_several_tasks_each_is_named() -> None:
    nan = float("nan")
    pairs = [[1.0, -0.25, 0.125, nan], [-0.25, 1.0, 0.0, nan], [0.125, 0.0, 1.0, nan], [nan] * 4]
    monitor = Monitor("fixed-0.1", "fixed", tasks=("rul", "soh", "stage", "wear"))
    words = [monitor.observe({"rho_high": -0.2, "pairs": pairs}) for _ in range(3)][-1]
    assert words == (
        "rho has stayed below +0.05 for 3 epochs, the band that fixed-0.1 assumes. The other tasks together (rho with RUL: "
        "soh -0.25, stage +0.12) do not ask for what RUL needs: compare with --method rul-only."
    )
    bare = Monitor("fixed-0.1", "fixed", tasks=("rul", "soh", "stage"))
    assert "The other tasks together do not ask" in [bare.observe({"rho_high": -0.2}) for _ in range(3)][-1]
