"""When and how the alignment of two tasks is measured: the recipes, by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from grace.errors import GraceError, check_one_of


@dataclass(frozen=True)
class Recipe:
    """How a freshly initialised network is treated before the Gramian is read."""

    name: str  # name on the command line
    # `none`: no optimiser step. `turns`: one backbone, the tasks take turns, `steps` single-task steps each. `each`: every
    # task trains a copy of its own from the same initialisation for `steps`, and the cosine is taken between the copies.
    # `joint`: `steps` steps on the weighted sum, read along the way
    warm: Literal["none", "turns", "each", "joint"]
    steps: int  # optimiser steps (`turns` and `each`: per task)
    # unit of the RUL head's output and loss in these steps: `cycles` (the source) or the `cap`
    unit: Literal["cycles", "cap"]
    summary: str  # one line for tables
    weights: tuple[float, ...] = (1.0, 1.0)  # weights of the losses in joint steps
    single: bool = False  # only one initialisation is allowed, as published

    @staticmethod
    def named(name: str, steps: int | None = None) -> Recipe:
        """A recipe by name, with another number of steps where one is given.

        Raises:
            GraceError: An unknown name, steps that are not positive, or a recipe that takes none.
        """
        check_one_of("recipe", name, RECIPES)
        recipe = RECIPES[name]
        if steps is None:
            return recipe
        if steps < 1:
            raise GraceError(f"`steps` should be at least 1. Found {steps}.")
        if recipe.warm == "none":
            raise GraceError(f"`steps` should be left out for the recipe {name}. Found {steps}; it takes no step.")
        return replace(recipe, steps=steps)

    def seeds(self, inits: int, reads: int, seed: int) -> list[int]:
        """Seeds of the initialisations.

        Raises:
            GraceError: A number is out of its range, or more batches are read than there are steps.
        """
        if inits < 1 or reads < 1 or seed < 0:
            raise GraceError(
                "`inits` and `reads` (--batches) should be at least 1 and `seed` at least 0. Found "
                f"{inits}, {reads}, {seed}."
            )
        if self.warm == "joint" and reads > self.steps:
            raise GraceError(
                f"`reads` (--batches) should be at most the recipe's {self.steps} joint steps. Found {reads}. Read fewer, or "
                "raise `steps` (--steps)."
            )
        return [seed] if self.single else list(range(seed, seed + inits))


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("joint", "joint", 150, "cap", "first joint steps, read at their end", weights=(1.0, 0.1)),
        Recipe("init", "none", 0, "cycles", "untrained network (the source's code)"),
        Recipe(
            "warmup", "turns", 50, "cycles", "50 single-task steps a task, one backbone in turns (the source's text)"
        ),
        Recipe("warmup-each", "each", 50, "cycles", "50 single-task steps a task, one copy of the backbone each"),
        Recipe("published", "none", 0, "cycles", "untrained network, one initialisation: unreliable", single=True),
    )
}
"""The recipes by name; ``joint`` is the default."""
