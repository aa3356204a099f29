"""One colour and one shape a method, the same in every panel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from grace.controllers.titles import TITLES
from grace.report.chart import INK

BLUE, SKY, GREEN, ORANGE = "var(--blue)", "#56B4E9", "#009E73", "#E69F00"
VERMILLION, PURPLE, YELLOW, GREY = "#D55E00", "#CC79A7", "#F0E442", "#8C8C8C"

CIRCLE = "M1,0A1,1,0,1,1,-1,0A1,1,0,1,1,1,0Z"
DIAMOND = "M0,-1.3L1.1,0L0,1.3L-1.1,0Z"
SQUARE = "M-0.9,-0.9H0.9V0.9H-0.9Z"
UP = "M0,-1.15L1.15,0.9H-1.15Z"
DOWN = "M0,1.15L1.15,-0.9H-1.15Z"
LEFT = "M-1.15,0L0.9,-1.15V1.15Z"
RIGHT = "M1.15,0L-0.9,-1.15V1.15Z"
CROSS = "M-0.4,-1.1H0.4V-0.4H1.1V0.4H0.4V1.1H-0.4V0.4H-1.1V-0.4H-0.4Z"
STAR = "M0,-1.4L0.35,-0.48L1.33,-0.43L0.57,0.18L0.82,1.13L0,0.6L-0.82,1.13L-0.57,0.18L-1.33,-0.43L-0.35,-0.48Z"


@dataclass(frozen=True)
class Mark:
    """How a method is drawn."""

    title: str  # its name as printed
    # Okabe and Ito's palette, which the colour-blind can tell apart, with grey; Baseline is in the text's colour
    colour: str
    shape: str  # SVG path about 2 by 2, centred on the origin: the same for the charts and the lists beside them

    @classmethod
    def every(cls, methods: Iterable[str]) -> dict[str, Mark]:
        """How to draw each method, in the order of the table of methods; those it does not know are yellow and come last."""
        known = list(TITLES)
        ordered = sorted(set(methods), key=lambda name: (known.index(name) if name in known else len(known), name))
        strange = [name for name in ordered if name not in LOOKS]
        looks = LOOKS | {name: (YELLOW, UNKNOWN[i % len(UNKNOWN)]) for i, name in enumerate(strange)}
        titles = {name: f"{name} (not ours)" if name in TITLES.values() else name for name in strange} | TITLES
        return {name: cls(titles[name], *looks[name]) for name in ordered}


LOOKS = {
    "baseline": (INK, DIAMOND),
    "dwa": (SKY, SQUARE),
    "gradnorm": (PURPLE, DOWN),
    "uncertainty": (GREEN, CIRCLE),
    "amnl": (ORANGE, UP),
    "gaba": (BLUE, CROSS),
    "grace": (VERMILLION, STAR),
    "rul-only": (GREY, CIRCLE),
    "rul-only-weighted": (GREY, UP),
    "health-only": (YELLOW, CIRCLE),
    "amnl-normalised": (ORANGE, SQUARE),
    "gaba-equal": (BLUE, SQUARE),
    "grace-equal": (VERMILLION, SQUARE),
    "tree": (GREEN, SQUARE),
    "ridge": (GREEN, DIAMOND),
    "age": (GREEN, DOWN),
    "fixed-0.01": (INK, CIRCLE),
    "fixed-0.1": (INK, SQUARE),
    "fixed-0.5": (INK, UP),
}
"""Colour and shape by method; a variant shares the colour of what it varies."""

UNKNOWN = (LEFT, RIGHT, DIAMOND, DOWN, CROSS, STAR, SQUARE, UP)
