"""``grace`` in this process: no second interpreter to start. What a process is for (kills, pipes, limits) starts one itself."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch

from grace.cli.main import main


def grace(*arguments: object, cwd: Path | None = None, columns: int = 80) -> CompletedProcess[str]:
    """Run one command as a terminal of so many columns would; like ``subprocess.run`` with text captured."""
    out, err, threads = io.StringIO(), io.StringIO(), torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(cwd or Path.cwd())
        patch.setenv("COLUMNS", str(columns))
        patch.setattr(sys, "argv", ["grace", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as left:
            code = int(left.code or 0)
        finally:
            torch.set_num_threads(threads)
    return CompletedProcess(sys.argv[:1], code, out.getvalue(), err.getvalue())


def refused(*arguments: object, cwd: Path | None = None) -> str:
    """The one line on standard error of a command that should be refused: exit code 2, nothing on standard output."""
    done = grace(*arguments, cwd=cwd)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr
