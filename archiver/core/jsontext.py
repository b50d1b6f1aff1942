"""JSON in and out, with bounds: nothing read from a network, an archive or a bundle is trusted."""

from __future__ import annotations

import json
from typing import Any

from archiver.core.errors import InvalidDocument


def dump(document: Any) -> bytes:
    """Return a document as indented UTF-8 JSON with sorted keys and a final newline: same data, same bytes."""
    return (json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def dump_line(document: Any) -> str:
    """Return a document as one compact line of ASCII, keys in the order given."""
    return json.dumps(document, separators=(",", ":"))


def load(data: bytes, *, limit: int, what: str) -> Any:
    """Parse JSON of bounded size and nesting.

    Args:
        data: the document.
        limit: the most bytes accepted.
        what: names the document in the error.

    Raises:
        InvalidDocument: too large, not UTF-8, not JSON, duplicate keys, nested too deeply, or with a
            string that is no Unicode text (half of a surrogate pair), which nothing could write again.
    """
    if len(data) > limit:
        raise InvalidDocument(f"{len(data)} bytes of JSON, more than the {limit} accepted", place=what)
    try:
        text = data.decode("utf-8")
        document = _DECODER.decode(text)
        if "\\u" in text:  # UTF-8 itself has no surrogates, escapes may
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except InvalidDocument as error:
        error.place = error.place or what
        raise
    except UnicodeEncodeError as error:
        raise InvalidDocument("a string has half of a surrogate pair", place=what) from error
    except (ValueError, RecursionError) as error:  # the parser's own recursion limit bounds the nesting
        raise InvalidDocument(f"not valid JSON: {error}"[:300], place=what) from error
    return document


def load_object(data: bytes, *, limit: int, what: str) -> dict[str, Any]:
    """Parse JSON whose top level must be an object. Raises InvalidDocument as ``load`` does."""
    document = load(data, limit=limit, what=what)
    if not isinstance(document, dict):
        raise InvalidDocument("the top level is not an object", place=what)
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InvalidDocument(f"key {key!r:.80} occurs twice")
            seen.add(key)
    return result


def _refuse_constant(name: str) -> Any:
    raise InvalidDocument(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)
