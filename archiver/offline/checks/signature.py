"""Whether SHA256SUMS.sig has the form of an SSH signature; who signed is for ``ssh-keygen`` to say.

Source: OpenSSH, PROTOCOL.sshsig.
"""

from __future__ import annotations

import base64
import binascii
import struct
from typing import TYPE_CHECKING

from archiver.offline.names import SIGNATURE

if TYPE_CHECKING:
    from archiver.offline.problems import Report
    from archiver.offline.windows import RandomAccess

NAMESPACE = b"archiver-bundle"
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----\n"
_COLUMNS = 70
_MOST = 64 << 10
_MAGIC = b"SSHSIG\0\0\0\1"


def check_signature(source: RandomAccess, report: Report) -> None:
    """Check the armour by making it again from what it holds, and the fields inside."""
    data = source.read_at(0, _MOST + 1)
    try:
        blob = base64.b64decode(data[len(_BEGIN) : -len(_END)].replace(b"\n", b""), validate=True)
    except binascii.Error:
        blob = b""
    if len(data) > _MOST or _armour(blob) != data:
        report("signature.form", SIGNATURE, "not the armour of an SSH signature")
        return
    fields = _fields(blob)
    if fields is None:
        report("signature.form", SIGNATURE, "the signature's fields are malformed")
    elif fields[1] != NAMESPACE:
        report("signature.form", SIGNATURE, f"the signature is for {fields[1][:80]!r}, not {NAMESPACE!r}")


def _armour(blob: bytes) -> bytes:
    text = base64.b64encode(blob)
    lines = (text[at : at + _COLUMNS] + b"\n" for at in range(0, len(text), _COLUMNS))
    return _BEGIN + b"".join(lines) + _END


def _fields(blob: bytes) -> list[bytes] | None:
    """Return public key, namespace, reserved, hash algorithm and signature."""
    if not blob.startswith(_MAGIC):
        return None
    fields: list[bytes] = []
    rest = blob[len(_MAGIC) :]
    while len(rest) >= 4 and len(fields) < 5:
        (length,) = struct.unpack_from(">L", rest)
        fields.append(rest[4 : 4 + length])
        if len(fields[-1]) != length:
            return None
        rest = rest[4 + length :]
    return fields if len(fields) == 5 and not rest else None
