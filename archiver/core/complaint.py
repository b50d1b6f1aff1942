"""What a registry says went wrong.

Source: OCI distribution-spec v1.1, "Error Codes".
"""

from __future__ import annotations

from dataclasses import dataclass

from archiver.core import jsontext
from archiver.core.errors import ArchiverError
from archiver.core.printable import printable

ERROR_LIMIT = 64 << 10  # bytes of an error's body
_MOST_WORDS = 200  # characters of it that go into a message


@dataclass(frozen=True)
class Complaint:
    """The first error of an error document: its code, and code and message as words; both empty where nothing is said.

    What a server says in plain words instead is words without a code.
    """

    code: str = ""
    words: str = ""


def read_complaint(body: bytes, content_type: str, secret: str = "") -> Complaint:
    """Read an error answer's body.

    Args:
        body: the body, as far as it was read.
        content_type: its media type.
        secret: what was sent along; nothing is told of an answer that repeats it.
    """
    if secret and secret.encode() in body:
        return Complaint()
    # Go's own servers name no type where they are spoken to in plain HTTP in place of TLS.
    untyped = not content_type and not body.lstrip().startswith((b"{", b"<"))
    if untyped or content_type.lower().startswith("text/plain"):
        line = body.decode("utf-8", "replace").strip().partition("\n")[0].strip()
        return Complaint("", printable(line, _MOST_WORDS))
    try:
        document = jsontext.load_object(body, limit=ERROR_LIMIT, what="error")
    except ArchiverError:
        return Complaint()
    errors = document.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return Complaint()
    words = " ".join(str(first[key]) for key in ("code", "message") if first.get(key))
    return Complaint(str(first.get("code", "")), printable(words, _MOST_WORDS))
