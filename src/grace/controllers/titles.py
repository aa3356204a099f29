"""Titles of the methods as printed; apart from the table of methods, so that a report needs no torch."""

TITLES = {
    "baseline": "Baseline",
    "dwa": "DWA",
    "gradnorm": "GradNorm",
    "uncertainty": "Uncertainty",
    "amnl": "AMNL",
    "gaba": "GABA",
    "grace": "GRACE",
    "rul-only": "RUL alone",
    "rul-only-weighted": "RUL alone, weighted",
    "health-only": "Health alone",
    "amnl-normalised": "AMNL, losses normalised",
    "gaba-equal": "GABA, floor 0",
    "grace-equal": "GRACE, floor 0",
    "fixed-0.01": "Fixed 1 / 0.01",
    "fixed-0.1": "Fixed 1 / 0.1",
    "fixed-0.5": "Fixed 1 / 0.5",
    "tree": "Boosted tree",
    "ridge": "Ridge regression",
    "age": "Age alone",
}
BASELINES = ("tree", "ridge", "age")
"""Those that are no method of training a network: they are fitted to RUL, and share nothing."""
