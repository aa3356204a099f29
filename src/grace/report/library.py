"""Vega, Vega-Lite and Vega-Embed as one script, which vl-convert carries."""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache

from grace.errors import GraceError

CODE = """\
import sys
sys.path = [folder for folder in sys.path if folder]  # the user's files are not ours to import
import vl_convert
sys.stdout.write(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
"""


@lru_cache(maxsize=1)
def bundling() -> subprocess.Popen[str]:
    """Begin to bundle, in a process of its own: it takes over a second, in which records can be read."""
    out, nothing = subprocess.PIPE, subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-c", CODE], stdin=nothing, stdout=out, stderr=nothing, encoding="utf-8")


@lru_cache(maxsize=1)
def library() -> str:
    """The script; it cannot end the element that holds it.

    Raises:
        GraceError: vl-convert cannot make it.
    """
    text, _ = bundling().communicate()
    if bundling().returncode:
        raise GraceError(
            "vl-convert should give the charts' library. Found that it fails. Reinstall vl-convert-python."
        )
    return text.replace("</script", "<\\/script")
