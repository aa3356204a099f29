"""The clock of a run: parts within parts, imports, and nothing at all while it is off."""

from __future__ import annotations

import builtins
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from grace import clock
from grace.clock import BEFORE, IMPORTS, REST, part, running


@contextmanager
def hands(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock that is moved by hand."""
    now = [100.0]
    with monkeypatch.context() as patch:
        patch.setattr(clock.time, "perf_counter", lambda: now[0])
        yield now


def test_a_part_within_another_counts_for_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with hands(monkeypatch) as now, running() as seen:

        @part("inner")
        def inner() -> None:
            now[0] += 2

        @part("outer")
        def outer() -> str:
            now[0] += 1
            inner()
            inner()
            now[0] += 10
            return "done"

        now[0] += 0.5
        assert outer() == "done"
        now[0] += 0.25
    assert {name: seen.seconds[name] for name in ("inner", "outer", REST)} == {"inner": 4, "outer": 11, REST: 0.75}
    assert dict(seen.calls) == {"inner": 2, "outer": 1}
    assert sum(seen.seconds.values()) - seen.seconds[BEFORE] == pytest.approx(15.75)


def test_a_part_that_fails_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with hands(monkeypatch) as now, running() as seen:

        @part("broken")
        def broken() -> None:
            now[0] += 1
            raise ValueError

        with pytest.raises(ValueError):  # noqa: PT011
            broken()
        now[0] += 5
    assert (seen.seconds["broken"], seen.seconds[REST]) == (1, 5)


def test_imports_are_a_part_of_their_own_and_are_as_before_afterwards() -> None:
    original = builtins.__import__
    with running() as seen:
        import this_module_is_slow  # type: ignore[import-not-found]  # noqa: F401
    assert builtins.__import__ is original
    assert seen.seconds[IMPORTS] >= 0.05
    assert seen.seconds[REST] < seen.seconds[IMPORTS]


def test_other_threads_and_a_clock_that_is_off_are_only_called() -> None:
    @part("mine")
    def mine(a: int, *, b: int) -> int:
        return a + b

    assert mine(1, b=2) == 3
    with running() as seen:
        thread = threading.Thread(target=mine, args=(1,), kwargs={"b": 2})
        thread.start()
        thread.join()
    assert "mine" not in seen.seconds
    assert mine.__name__ == "mine"


@pytest.fixture(autouse=True)
def slow_module(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "this_module_is_slow.py").write_text("import time\ntime.sleep(0.05)\n")
    monkeypatch.syspath_prepend(str(folder))


def test_it_costs_nothing_to_speak_of_while_it_is_off() -> None:
    def bare() -> None:
        pass

    timed = part("nothing")(bare)
    spent = []
    for function in (bare, timed) * 5:
        began = time.perf_counter()
        for _ in range(1000):
            function()
        spent.append(time.perf_counter() - began)
    assert min(spent[1::2]) - min(spent[::2]) < 2e-3  # 2 microseconds a call
