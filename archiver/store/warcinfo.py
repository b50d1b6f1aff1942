"""The record that a WARC file begins with: what wrote the file, and what it is part of.

Source: WARC 1.1, section 6.2 (warcinfo).
"""

from __future__ import annotations

import gzip
import uuid
from typing import Mapping

from archiver.core.digest import Digest
from archiver.version import PROGRAM

CONFORMS_TO = "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"


def warcinfo(filename: str, *, identity: str, date: str, about: Mapping[str, str]) -> bytes:
    """Return a warcinfo record as a gzip member: the same bytes for the same arguments.

    Args:
        filename: the file's name.
        identity: what the record's ID is made from; another record has another one.
        date: when it was written, as in WARC-Date.
        about: further fields, such as ``isPartOf`` and ``description``; their values are written as one line each.
    """
    fields = {
        "software": PROGRAM,
        "format": "WARC File Format 1.1",
        "conformsTo": CONFORMS_TO,
        **{name: " ".join(value.split()) for name, value in about.items()},
    }
    block = _lines(fields)
    head = {
        "WARC-Type": "warcinfo",
        "WARC-Record-ID": f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, identity)}>",
        "WARC-Filename": filename,
        "WARC-Date": date,
        "WARC-Block-Digest": str(Digest.of(block)),
        "Content-Type": "application/warc-fields",
        "Content-Length": str(len(block)),
    }
    return gzip.compress(b"WARC/1.1\r\n" + _lines(head) + b"\r\n" + block + b"\r\n\r\n", mtime=0)


def _lines(fields: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode("utf-8")
