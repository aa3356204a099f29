"""Damaged Parquet: what polars panics over, as errors of one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import polars as pl


@contextmanager
def panics_as_errors(files: Iterable[Path]) -> Iterator[None]:
    """While polars reads Parquet, its panics as errors of polars, and without their traceback on standard error.

    Raises:
        ComputeError: In place of a PanicException, which ``except Exception`` does not catch.
    """
    if not any(file.suffix.lower() == ".parquet" for file in files):
        yield
        return
    sys.stderr.flush()
    with TemporaryFile() as kept, ExitStack() as after:
        saved = os.dup(2)
        after.callback(os.close, saved)
        os.dup2(kept.fileno(), 2)
        after.callback(os.dup2, saved, 2)
        try:
            yield
        except pl.exceptions.PanicException as panic:
            raise pl.exceptions.ComputeError(f"damaged Parquet ({str(panic).splitlines()[0][:100]})") from None
        finally:
            kept.seek(0)
            if b"panicked at" not in (said := kept.read()):
                os.write(saved, said)
