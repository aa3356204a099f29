"""For the site: roles and formulas of the docstrings as Markdown. Formulas stay TeX: nothing is loaded to draw them."""

import re
from typing import Any

from griffe import Extension, Object

ROLE = re.compile(r":(?:func|class|mod|data|meth|attr|math):`~?([^`]+)`")
FORMULA = re.compile(r"^\.\. math::\n((?:\n|[ ]{4}.*\n?)+)", re.M)


class ReferenceText(Extension):
    """Rewrites every docstring before it is parsed."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """See above."""
        if obj.docstring is not None:
            text = FORMULA.sub(_fenced, obj.docstring.value)
            obj.docstring.value = ROLE.sub(r"`\1`", text)


def _fenced(found: re.Match[str]) -> str:
    lines = [line[4:] for line in found[1].strip("\n").splitlines()]
    return "\n".join(["```latex", *lines, "```", ""])
