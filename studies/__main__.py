"""``python -m studies``, in a clone of the repository."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from grace.cli.progress import progress_bar
from grace.core.pools import processes
from grace.errors import GraceError
from grace.validity.tables import report
from studies import measurements, publish
from studies.cases import all_cases
from studies.reduce import study_of


def parser() -> argparse.ArgumentParser:
    """Commands and options."""
    found = argparse.ArgumentParser(
        prog="python -m studies", description="The validity study: does rho predict benefit?"
    )
    commands = found.add_subparsers(dest="command", required=True)
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument("--to", type=Path, default=measurements.FOLDER, help="folder of the measurements")
    run = commands.add_parser("run", parents=[folder], help="train and probe every case that is not measured yet")
    run.add_argument("--data", type=Path, help="folder of the C-MAPSS files")
    run.add_argument("--jobs", type=int, default=0, help="processes, one thread each; 0 is one a core")
    commands.add_parser("show", parents=[folder], help="print what `grace validity` prints, from the measurements")
    commands.add_parser("migrate", parents=[folder], help="rewrite measurements that an older version wrote")
    commands.add_parser(
        "publish", help="write what ships with GRACE, and the page docs/validity.md, from the measurements"
    )
    return found


def run(data: Path | None, folder: Path, processes_: int) -> str:
    """Make the measurements, or go on; what was interrupted goes on."""
    wanted = measurements.jobs(all_cases())
    with progress_bar("validity", "measurements", remaining=True) as on_job, processes(processes_) as executor:
        measurements.run(wanted, data, folder, executor, on_job)
    return f"{folder}: {len(wanted)} measurements"


def main() -> None:
    """Do what a command says; an error is one line on standard error and exit code 2."""
    given = parser().parse_args()
    try:
        if given.command == "run":
            print(run(given.data, given.to, given.jobs))
        elif given.command == "show":
            print(report(study_of(measurements.load(given.to))), end="")
        elif given.command == "migrate":
            print(f"{given.to}: {measurements.migrate(given.to)} files migrated")
        else:
            print(publish.publish())
    except GraceError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
