"""The dial: structure and pairing quickly, and by real training (slow) that -1 hurts and +1 helps."""

from __future__ import annotations

import numpy as np
import pytest

from grace.cli.render_demo import show_dial
from grace.core.pools import processes
from grace.core.stats import student
from grace.data.simulated.fleet import Simulation
from grace.demos.dial import Outcome, Setup, run

QUICK = Setup(
    fleets=2, fleet=Simulation(engines=4, test_engines=4), steps=5, inits=2, probe_steps=10, batches=4, batch_size=16
)


@pytest.fixture(scope="module")
def quick() -> list[Outcome]:
    return run(setup=QUICK)


def test_every_position_is_diagnosed_and_trained(quick: list[Outcome]) -> None:
    assert [o.dial for o in quick] == [1.0, 0.0, -1.0]
    for o in quick:
        assert o.diagnosis.rho.inits == 2
        assert (o.alone == quick[0].alone).all()  # the dial moves labels only
        assert (o.together != o.alone).all()
        assert o.difference.mean == pytest.approx(np.mean(o.together - o.alone))


def test_again_gives_the_same(quick: list[Outcome]) -> None:
    again = run((1.0,), QUICK)[0]
    assert (again.together == quick[0].together).all()
    assert again.diagnosis.rho == quick[0].diagnosis.rho


def test_progress_reaches_the_end() -> None:
    seen: list[tuple[int, int]] = []
    run((0.0,), QUICK, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i, 3) for i in range(1, 4)]  # one diagnosis, two fleets


@pytest.mark.parametrize(
    ("values", "effect"), [([-2, -1.5, -1.8], "helps"), ([2, 1.5, 1.8], "hurts"), ([-2, 1.5, 1], "unclear")]
)
def test_effect_in_words(quick: list[Outcome], values: list[float], effect: str) -> None:
    found = quick[0]
    difference = student(np.array(values, dtype=float))
    assert Outcome(1.0, found.diagnosis, found.alone, found.together, difference).effect == effect


def test_the_table_shows_every_number(quick: list[Outcome], capsys: pytest.CaptureFixture[str]) -> None:
    show_dial(quick, QUICK)
    shown = capsys.readouterr().out
    for o in quick:
        assert f"{o.difference.mean:+.2f}" in shown
        assert f"{o.diagnosis.rho.mean:+.2f}" in shown


@pytest.mark.slow
def test_training_bears_the_dial_out() -> None:
    # 30 fleets that no setting was chosen on
    with processes() as executor:
        helps, neutral, hurts = run(setup=Setup(fleets=30, first_seed=301), executor=executor)
    assert helps.effect == "helps"
    assert hurts.effect == "hurts"
    assert abs(neutral.difference.mean) < 0.5
    assert helps.diagnosis.rho.low > 0.20
    assert neutral.diagnosis.rho.high < 0.20
    assert hurts.diagnosis.rho.high < 0.20
