"""What a page holds, read as its script reads it."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any


def data_of(html: str) -> Any:
    """The values that the page's script begins with."""
    (found,) = re.findall(r'<script type="text/plain" id="data">([A-Za-z0-9+/=]*)</script>', html)
    return json.loads(zlib.decompress(base64.b64decode(found)))
