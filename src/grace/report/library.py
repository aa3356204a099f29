"""Vega, Vega-Lite and Vega-Embed as one script, which vl-convert carries."""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache

CODE = "import sys, vl_convert; sys.stdout.write(vl_convert.javascript_bundle('window.vegaEmbed = vegaEmbed;'))"


@lru_cache(maxsize=1)
def bundling() -> subprocess.Popen[str]:
    """Begin to bundle, in a process of its own: it takes over a second, in which records are read."""
    return subprocess.Popen(
        [sys.executable, "-c", CODE],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )


@lru_cache(maxsize=1)
def library() -> str:
    """The script; it cannot end the element that holds it."""
    text, _ = bundling().communicate()
    return text.replace("</script", "<\\/script")
