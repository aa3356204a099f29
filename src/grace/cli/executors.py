"""Where the runs of a sweep run: processes here, a cluster, a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from grace.errors import GraceError

if TYPE_CHECKING:
    from concurrent.futures import Executor


def is_gpu(device: str) -> bool:
    """Whether the device is a GPU that is there.

    Raises:
        GraceError: It is neither ``cpu`` nor a GPU of this machine.
    """
    if device == "cpu":
        return False
    import torch

    there = torch.cuda.device_count()
    if device not in ["cuda"][:there] + [f"cuda:{number}" for number in range(there)]:
        raise GraceError(
            f"`--device` should be cpu, or cuda where torch finds a GPU. Found {device!r}. Use --device cpu."
        )
    return True


def pool(jobs: int, address: str | None) -> AbstractContextManager[Executor | None]:
    """Processes of this machine, or the workers of a Dask scheduler at ``address``.

    Raises:
        GraceError: Dask is not installed, or no scheduler answers.
    """
    from grace.core.pools import processes

    return processes(jobs) if address is None else _cluster(address)


@contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise GraceError(
            "`--on` should find Dask installed. Found no module `distributed`. Run pip install 'grace-rul[cluster]'."
        ) from None
    try:
        client: Any = Client(address, timeout="10s")  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise GraceError(
            f"`--on` should be the address of a Dask scheduler that answers. Found {address}: {error}"
        ) from None
    with client:
        yield client.get_executor(retries=3, pure=False)
