"""Runs the cells of a notebook in order: ``python -m tests.examples.notebook`` writes what they give into it."""

from __future__ import annotations

import ast
import contextlib
import io
import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[2] / "examples" / "notebook.ipynb"


def cells() -> list[dict[str, Any]]:
    """The cells that hold code."""
    return [cell for cell in json.loads(PATH.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def executed(codes: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Outputs of each cell, as a notebook keeps them: what was printed, and what the last line is worth."""
    names: dict[str, Any] = {"__name__": "__main__"}
    return [_outputs("".join(cell["source"]), names, number) for number, cell in enumerate(codes, start=1)]


def _outputs(source: str, names: dict[str, Any], number: int) -> list[dict[str, Any]]:
    body, out, value = ast.parse(source).body, io.StringIO(), None
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(out):
        exec(compile(ast.Module(body, []), f"cell {number}", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
    found: list[dict[str, Any]] = []
    if out.getvalue():
        found.append({"output_type": "stream", "name": "stdout", "text": out.getvalue().splitlines(keepends=True)})
    if value is not None:
        data = {"text/plain": _plain(value).splitlines(keepends=True)}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = [value._repr_html_()]
        found.append({"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": data})
    return found


def _plain(value: object) -> str:
    """What stands where HTML is not shown: the text of a result, without the dump of a dataclass."""
    if not hasattr(value, "_repr_html_"):
        return repr(value)
    return str(value) if type(value).__str__ is not object.__str__ else f"<{type(value).__name__}>"


def main() -> None:
    """Write the outputs of every cell."""
    book = json.loads(PATH.read_text(encoding="utf-8"))
    codes = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    for number, (cell, outputs) in enumerate(zip(codes, executed(codes), strict=True), start=1):
        cell["outputs"], cell["execution_count"] = outputs, number
    PATH.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
