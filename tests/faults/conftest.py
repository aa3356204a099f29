"""What the tests of sweeps share."""

from tests.bench.conftest import whole

__all__ = ["whole"]
