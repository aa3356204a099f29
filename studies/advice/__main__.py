"""``python -m studies.advice``, in a clone of the repository."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from grace.cli.progress import progress_bar
from grace.core.pools import processes
from grace.errors import GraceError
from studies.advice import last, records
from studies.advice.cases import all_cases
from studies.advice.effects import PILOT, summary
from studies.advice.publish import publish
from studies.advice.worlds import Place

PILOT_DRAWS, PILOT_SHARE = (PILOT, PILOT + 1, PILOT + 2), 6
"""Draws of the pilot, none of which is one of the study's, and of how many worlds it takes one."""


def parser() -> argparse.ArgumentParser:
    """Commands and options."""
    found = argparse.ArgumentParser(
        prog="python -m studies.advice", description="Does a second task pay, and what tells so?"
    )
    commands = found.add_subparsers(dest="command", required=True)
    for name, words in (
        ("pilot", "three draws for their SDs, thrown away afterwards"),
        ("run", "the study, or go on"),
        ("last", "the last look"),
    ):
        one = commands.add_parser(name, help=words)
        one.add_argument("--data", type=Path, required=True, help="folder of the C-MAPSS files")
        one.add_argument("--fleets", type=Path, required=True, help="folder of the real families")
        one.add_argument(
            "--to", type=Path, help="folder of the trainings; default results/advice, of a pilot advice-pilot"
        )
        one.add_argument("--jobs", type=int, default=0, help="processes, one thread each; 0 is one a core")
        one.add_argument("--minutes", type=float, default=1e9, help="stop after so many")
    last = commands.add_parser("publish", help="what ships, from the records; nothing is trained")
    last.add_argument("--to", type=Path, help="folder of the records; default results/advice")
    return found


def _stages(folder: Path, pilot: bool) -> Iterator[list[records.Job]]:
    """The trainings of the pilot; or those of the first draws, and then of as many as these ask for."""
    cases = all_cases()
    if pilot:
        worlds = list(dict.fromkeys(case.world for case in cases))[::PILOT_SHARE]
        cases = [case for case in cases if case.world in worlds]
        yield list(records.jobs(cases, PILOT_DRAWS, lambda case: sys.maxsize))
        return
    first = records.first_stage(cases)
    yield [job for job in first if job.draw < records.RACED]
    yield list(records.look_jobs(cases))  # what is known beforehand, so that predictors come early
    yield first
    yield records.second_stage(cases, records.load(folder))


def main() -> None:
    """Do what a command says; an error is one line on standard error and exit code 2."""
    given = parser().parse_args()
    try:
        if given.command == "publish":
            publish(given.to or records.FOLDER)
            return
        place = Place(given.data.absolute(), given.fleets.absolute())
        if given.command == "last":
            with processes(given.jobs) as executor:
                print(last.summary(last.run(place, executor)), end="")
            return
        pilot = given.command == "pilot"
        folder = given.to or (Path("advice-pilot") if pilot else records.FOLDER)
        plan = "pilot" if pilot else records.registered()
        with progress_bar("advice", "trainings", remaining=True) as on_job, processes(given.jobs) as executor:
            go = partial(records.run, place=place, folder=folder, executor=executor, plan=plan, on_job=on_job)
            left = given.minutes
            for wanted in _stages(folder, pilot):
                began = time.monotonic()
                go(wanted, minutes=left)
                left -= (time.monotonic() - began) / 60
                if left <= 0:
                    break
        print(f"{folder}\n{summary(records.load(folder))}", end="")
    except GraceError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
