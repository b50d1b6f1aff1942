"""Untrusted JSON objects into frozen dataclasses, every member checked against its annotation."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, TypeVar

from archiver.core.digest import Digest
from archiver.core.errors import InvalidDigest, InvalidDocument

_T = TypeVar("_T")
_PLAIN = {"str": str, "int": int, "bool": bool, "Mapping[str, Any]": dict, "Mapping[str, int]": dict}


def read_record(kind: type[_T], document: Any, *, what: str) -> _T:
    """Make a dataclass of a JSON object; members that it does not declare are ignored.

    A member with a default may be missing: records outlive the program that wrote them.

    Args:
        kind: a dataclass in a module with postponed annotations, whose fields are ``str``, ``int``, ``bool``,
            ``tuple[str, ...]``, ``Digest`` or a mapping. A field of another type takes the value as it is.
        document: what the JSON parser returned.
        what: names the document in the error.

    Raises:
        InvalidDocument: it is not an object, or a member is missing or of the wrong type.
    """
    if not isinstance(document, dict):
        raise InvalidDocument(f"a {kind.__name__} is not an object", place=what)
    values: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]  # every kind passed in is a dataclass
        if field.name not in document and field.default is not MISSING:
            continue
        place = f"{kind.__name__}.{field.name}"
        values[field.name] = _value(str(field.type), document.get(field.name), place, what)
    return kind(**values)


def _value(annotation: str, value: Any, place: str, what: str) -> Any:
    if annotation == "tuple[str, ...]":
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise InvalidDocument(f"{place} is not a list of strings", place=what)
        return tuple(value)
    if annotation == "Digest":
        try:
            return Digest.parse(value)
        except InvalidDigest as error:
            raise InvalidDocument(f"{place}: {error.message}", place=what) from error
    if annotation in _PLAIN and type(value) is not _PLAIN[annotation]:
        raise InvalidDocument(f"{place} is missing or of the wrong type", place=what)
    return value
