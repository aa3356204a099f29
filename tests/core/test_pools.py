"""Many calls: their order, their one thread, and what happens when one of them fails or its process dies."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from grace.core.pools import as_finished, available_cores, cluster, on_one_thread, processes, run_all
from grace.errors import GraceError


def late(number: int, seconds: float) -> int:
    time.sleep(seconds)
    return number


def die() -> None:
    os._exit(9)


def imported(module: str) -> bool:
    return module in sys.modules


def threads() -> int:
    return torch.get_num_threads()


def test_results_come_as_they_finish_and_run_all_puts_them_in_order() -> None:
    calls = [(0, 0.4), (1, 0.0)]
    with ThreadPoolExecutor(2) as executor:
        assert list(as_finished(late, calls, executor)) == [(1, 1), (0, 0)]
        assert run_all(late, calls, executor) == [0, 1]
    assert list(as_finished(late, [(0, 0.0), (1, 0.0)])) == [(0, 0), (1, 1)]


def test_after_an_error_nothing_more_is_begun() -> None:
    begun: list[int] = []

    def call(number: int) -> None:
        begun.append(number)
        time.sleep(0.1)
        raise ValueError(number)

    with ThreadPoolExecutor(1) as executor, pytest.raises(ValueError, match="0"):
        list(as_finished(call, [(number,) for number in range(20)], executor))
    assert len(begun) <= 2


def test_calls_that_wait_are_cancelled_when_nobody_asks_for_more() -> None:
    begun: list[int] = []

    def call(number: int) -> None:
        begun.append(number)
        time.sleep(0.1)

    with ThreadPoolExecutor(1) as executor:
        results = as_finished(call, [(number,) for number in range(20)], executor)
        next(results)
        results.close()  # type: ignore[attr-defined]
    assert len(begun) <= 3


def test_each_call_has_one_thread_and_the_number_is_put_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert run_all(threads, [()]) == [1]
        assert torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError):
            on_one_thread(lambda: 1 / 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_progress_is_called_with_done_and_all() -> None:
    seen: list[tuple[int, int]] = []
    run_all(late, [(0, 0.0), (1, 0.0)], on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_a_process_that_dies_is_one_line() -> None:
    with processes(2) as executor, pytest.raises(GraceError, match=r"Found one that was killed. Use --jobs 1"):
        run_all(die, [()], executor)


def test_processes_that_start_at_once_import_what_they_are_told() -> None:
    with processes(2, "colorsys") as executor:
        assert all(run_all(imported, [("colorsys",)] * 4, executor))


def test_one_job_needs_no_process() -> None:
    with processes(1) as executor:
        assert executor is None
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def test_a_cluster_without_dask_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(GraceError, match=r"pip install 'grace-rul\[cluster\]'"), cluster("tcp://nowhere:1"):
        pass
