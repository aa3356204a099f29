"""The table of thresholds and the words of :mod:`grace.alignment.decide`, exported for the page's wizard."""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise
from typing import Any

from grace.alignment.decide import MAX_INITS, RULES, UNMEASURED, Evidence, Thresholds, decide
from grace.alignment.recipes import RECIPES
from grace.alignment.study import EDGES, Study
from grace.controllers.titles import BASELINES, TITLES

METHODS = {name: title for name, title in TITLES.items() if name not in BASELINES} | {
    "single-task": "Single task: RUL alone",
    "separate-models": "Separate models, one a task",
    "compare": "No method follows from rho: train both ways",
}
"""What can be prescribed, as printed."""


def exported() -> dict[str, Any]:
    """Every rule by name: thresholds, edges and bands of rho, and the words of each answer.

    ``elsewhere`` is the study's on networks that it did not measure. The words are taken from the answers of
    :func:`grace.alignment.decide.decide` itself, one asked for each band and for yes and no, so that the page cannot say
    anything else.
    """
    return {
        "rules": {name: _rule(thresholds) for name, thresholds in (RULES | {"elsewhere": UNMEASURED}).items()},
        "methods": METHODS,
        "recipes": list(RECIPES),
        "most_inits": MAX_INITS,
        "study": Study.read().words,
        "like": {edge: Study.read().like(edge) for edge in EDGES},
        "unreliable": decide(Evidence(0, 0, 0, 1, 0, 1, reliable=False), RULES["source"]).next_step,
    }


def _rule(thresholds: Thresholds) -> dict[str, Any]:
    edges = (-1.0, *thresholds.edges(), 1.0)
    middles = [(low + high) / 2 for low, high in pairwise(edges)]
    yes = decide(Evidence(1, 1, 1, float("inf"), 1, 10**9), thresholds).answers
    no = decide(Evidence(1, 1, 1, 1, 0, 0), thresholds).answers
    words = {a.question: {"text": a.text, "yes": a.reason, "no": b.reason} for a, b in zip(yes, no, strict=True)}
    words["Q1"]["no"] = decide(Evidence(1, 1, 1, 1, 0, 0, tasks=1), thresholds).answers[0].reason
    bands = [decide(Evidence(rho, rho, rho, 1, 0, 0), thresholds).answers[1].reason for rho in middles]
    return {
        "thresholds": asdict(thresholds),
        "edges": thresholds.edges(),
        "bands": thresholds.bands(),
        "words": words,
        "band_words": bands,
    }
