"""The page: one file that holds its data, its charts and the library that draws them, and asks no server."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from grace.report.data import page_data
from grace.report.library import library
from grace.report.read import Results

SCRIPTS = (
    "decide.js", "page.js", "address.js", "compare.js", "cost.js", "wizard.js", "evidence.js", "fleets.js", "panels.js",
)  # fmt: skip


def page(found: Results, evidence: Mapping[str, Any] | None = None) -> str:
    """The page as HTML; raises what :meth:`grace.report.estimates.Point.every` raises.

    Args:
        found: What it is made from.
        evidence: For advice, see :func:`grace.validity.evidence.advised`; None: the page shows none.
    """
    bundle, script = library(), "".join(_asset(name) for name in SCRIPTS)
    parts = {
        "policy": _policy(bundle, script),
        "style": _asset("page.css"),
        "data": packed(json.dumps(page_data(found, evidence), separators=(",", ":"), allow_nan=False)),
        "library": bundle,
        "script": script,
    }
    # one pass: what is put in is never looked at again, whatever it holds
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _asset("page.html"))


def _policy(*scripts: str) -> str:
    """A Content-Security-Policy that runs these scripts alone and loads nothing from anywhere."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    sources = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return f"default-src 'none'; script-src {sources}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def packed(text: str) -> str:
    """Text as zlib's stream in base64, a third to half as long; it cannot end the element that holds it."""
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _asset(name: str) -> str:
    return files("grace.report").joinpath(name).read_text(encoding="utf-8")
