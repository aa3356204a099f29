"""The page: one file that holds its data, its charts and the library that draws them, and asks no server."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib.resources import files

from grace.report.data import page_data
from grace.report.library import library
from grace.report.read import Results

SCRIPTS = ("decide.js", "page.js", "address.js", "compare.js", "cost.js", "panels.js")


def page(found: Results) -> str:
    """The page as HTML; raises what :meth:`grace.report.estimates.Point.every` raises."""
    bundle, script = library(), "".join(_asset(name) for name in SCRIPTS)
    parts = {
        "policy": _policy(bundle, script),
        "style": _asset("page.css"),
        "data": _inert(json.dumps(page_data(found), separators=(",", ":"), allow_nan=False)),
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


def _inert(text: str) -> str:
    """JSON that cannot end the element that holds it, nor begin another: ``<`` only stands inside its strings."""
    return text.replace("<", "\\u003c")


def _asset(name: str) -> str:
    return files("grace.report").joinpath(name).read_text(encoding="utf-8")
