"""The simulated dial on many fleets, for docs/log.md: python benchmarks/dial.py [FLEETS] [FIRST_SEED] [SIZE]"""

from __future__ import annotations

import sys

from grace.cli.render_demo import show_dial
from grace.core.pools import processes
from grace.demos.dial import Setup, run

if __name__ == "__main__":
    fleets, first_seed, size = (sys.argv[1:] + ["30", "301", Setup.size][len(sys.argv) - 1 :])[:3]
    setup = Setup(fleets=int(fleets), first_seed=int(first_seed), size=size)
    with processes() as executor:
        show_dial(run(setup=setup, executor=executor), setup)
