"""What GRACE keeps on disk says what it is, in which version, who wrote it, and carries a checksum of its content.

The policy (docs/formats.md): a field that is missing takes its documented default; one that is not known is left out, and said;
an older version is migrated, one function a step; a newer one is refused and names the version that wrote it; what is damaged is
never read.
"""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from grace import __version__
from grace.errors import GraceError, GraceWarning
from grace.files import unreadable, write_text
from grace.schema import fault_of_fields, parsed

T = TypeVar("T")
Body = dict[str, Any]
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)
"""What code raises that is given values of another kind than it expects."""


class DamagedError(GraceError):
    """A file that cannot be believed.

    Args:
        path: The file, or what it holds.
        what: What was found.
    """

    def __init__(self, path: object, what: str) -> None:
        super().__init__(f"{path} should be whole, as GRACE wrote it. Found: {what}. Remove it and make it again.")


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        name: What it is called in the file and in messages, for example ``record``.
        version: The one that is written, from 1.
        steps: By version the function that makes a body of the next one; a version without one cannot be read any more.
    """

    name: str
    version: int
    steps: Mapping[int, Callable[[Body], Body]] = field(default_factory=dict)

    def header(self, checksum: str) -> dict[str, Any]:
        """What stands before the content; ``checksum`` is its SHA-256."""
        return {"format": self.name, "version": self.version, "grace": __version__, "sha256": checksum}

    def accept(self, header: Mapping[str, Any], path: object) -> int:
        """The version that a header names.

        Raises:
            GraceError: It is of another kind, newer, or of a version that cannot be read any more.
        """
        kind, number = header.get("format"), str(header.get("version"))
        version = int(number) if number.isdecimal() else -1
        if kind != self.name:
            raise GraceError(
                f"{path} should be a {self.name} of GRACE. Found: {kind or 'no format'}. Choose another file."
            )
        if version < 0:
            raise DamagedError(path, f"version {number[:20]!r}")
        if version > self.version:
            raise GraceError(
                f"{path} should be a {self.name} of version {self.version} or older. Found version {version}, written by GRACE "
                f"{header.get('grace', '(unknown)')}. Read it with that version or a newer one."
            )
        if any(step not in self.steps for step in range(version, self.version)):
            raise GraceError(
                f"{path} should be a {self.name} of version {min(self.steps, default=self.version)} to {self.version}. "
                f"Found version {version}. Read it with the version of GRACE that wrote it."
            )
        return version

    def migrated(self, body: Body, version: int, path: object) -> Body:
        """A body of an older version as one of this version, a step at a time.

        Raises:
            GraceError: It is damaged: a step does not find what it needs.
        """
        try:
            for step in range(version, self.version):
                body = self.steps[step](body)
        except MALFORMED as error:
            raise DamagedError(path, f"{type(error).__name__} {error}") from None
        return body

    def write(self, path: Path, body: Body) -> None:
        """Write JSON, whole or not at all; NaN and infinity are not JSON and refused.

        Raises:
            GraceError: The file cannot be written.
        """
        values = self.header(checksum(body)) | {"body": body}
        write_text(path, json.dumps(values, separators=(",", ":"), allow_nan=False) + "\n")

    def read(self, path: Path) -> Body:
        """The body of a JSON file, migrated to this version.

        Raises:
            GraceError: The file is missing or damaged, or see :meth:`accept`.
        """
        values = json_object(path)
        if isinstance(values.get("format"), str):
            version, body = self.accept(values, path), values.get("body")
            if not isinstance(body, dict) or values.get("sha256") != checksum(body):
                raise DamagedError(path, "its content differs from its checksum")
        else:  # files from before there were names and checksums
            version = self.accept({"format": self.name, "version": values.pop("format", 0)}, path)
            body = values
        return self.migrated(body, version, path)

    def is_current(self, path: Path) -> bool:
        """Whether a JSON file is of the version that is written, as far as its header says.

        Raises:
            GraceError: It is missing or no JSON.
        """
        values = json_object(path)
        return values.get("format") == self.name and values.get("version") == self.version


def json_object(path: Path) -> dict[str, Any]:
    """The values of a JSON file; the one reader of such files.

    Raises:
        GraceError: It cannot be read, or is no object, or see :func:`grace.schema.parsed`.
    """
    try:
        values = parsed(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise unreadable(path, error) from None
    except ValueError as error:
        raise DamagedError(path, str(error)) from None
    if not isinstance(values, dict):
        raise DamagedError(path, f"a {type(values).__name__} in place of an object")
    return values


def canonical(values: Any) -> str:
    """JSON with sorted keys and no blanks, whole numbers without a point: one text for one meaning."""
    return json.dumps(_plain(values), sort_keys=True, separators=(",", ":"))


def checksum(values: Any) -> str:
    """SHA-256 of :func:`canonical`, in hexadecimal."""
    return hashlib.sha256(canonical(values).encode()).hexdigest()


def rounded(value: Any) -> Any:
    """Numbers to six significant digits and NaN or infinity to None, so that JSON stays small and readable everywhere."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: rounded(v) for key, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list | tuple) else value


def built(kind: type[T], values: Mapping[str, Any], what: str) -> T:
    """A dataclass from values: what is missing takes its default, what is not known is left out with a warning.

    Raises:
        DamagedError: A field without a default is missing, or the value of one is not of its type.
    """
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    missing = [n for n, f in known.items() if n not in values and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        raise DamagedError(what, f"no field {missing[0]!r} among {', '.join(sorted(values))[:80]}")
    if unknown := sorted(set(values) - set(known)):
        warnings.warn(f"{what}: left out {', '.join(unknown)}, which this version does not know.", GraceWarning, 3)
    given = {name: value for name, value in values.items() if name in known}
    if words := fault_of_fields(kind, given):
        raise DamagedError(what, words)
    return kind(**given)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {str(key): _plain(v) for key, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
