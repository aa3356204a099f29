"""What the default diagnosis costs in operations, as a share of what it precedes; nothing here is timed."""

from __future__ import annotations

import torch
from operations import operations_of

from grace.alignment.probe import probe
from grace.alignment.recipes import RECIPES
from grace.bench.sweep import METHODS
from grace.controllers.methods import METHODS as ROWS
from grace.controllers.methods import OUTER
from grace.data.conventions import PUBLISHED, Conventions
from grace.data.prepare import Prepared
from grace.data.simulated.fleet import Simulation, simulate
from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention
from grace.models.rul_problem import RULProblem
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import SEEDS

INITS, BATCHES, BATCH, EPOCHS, BACKWARD = 8, 50, 128, 500, 2
# training windows of 30 cycles of each data set, counted on all of its training engines
WINDOWS = {"FD001": 17731, "FD002": 46219, "FD003": 21820, "FD004": 54028}


def passes() -> float:
    """Forward passes of a batch that the default diagnosis costs, a backward pass counted as two: the probe's own count."""
    windows = Prepared.of(simulate(Simulation(engines=6, test_engines=1))[0], PUBLISHED).windows
    trace = probe(RULProblem(windows, size="tiny", batch_size=BATCH), RECIPES["joint"], BATCHES, 0)
    return INITS * (trace.forwards + BACKWARD * trace.backwards)


def forward_operations(size: str, window: int, features: int) -> float:
    """Operations of one window's way through the network."""
    one = CNNBiLSTMAttention(size, features).train()  # as in training: the counter knows the products of our own LSTM
    return operations_of(lambda: one(torch.randn(4, window, features))) / 4


def shares() -> dict[str, float]:
    """Share of one training of 500 epochs of the same network, by data set, and of a comparison of compact networks."""
    paid = passes() * BATCH
    found = {name: paid / (EPOCHS * count * (1 + BACKWARD)) for name, count in WINDOWS.items()}
    plan, every = SCHEDULES["compact"], run_spec("FD001").measure_every
    trained = 0.0
    for name in METHODS:
        further = BACKWARD / every if OUTER[ROWS[name].outer].needs_gramian else 0.0
        trained += len(SEEDS) * plan.epochs * plan.steps * plan.batch_size * (1 + BACKWARD + further)
    own = forward_operations("compact", PUBLISHED.window, len(PUBLISHED.features))
    theirs = forward_operations("compact", Conventions().window, len(Conventions().features))
    return found | {
        f"comparison of {len(METHODS)} methods x {len(SEEDS)} seeds, compact": paid * own / (trained * theirs)
    }
