"""Who signed a bundle: SHA256SUMS.sig, an SSH signature over SHA256SUMS, judged by ``ssh-keygen``.

SHA256SUMS has the digest of bundle.json, and both have those of all other members: who checks the signature, and then
what he reads by these digests, need not read the rest.

Source: OpenSSH, PROTOCOL.sshsig; ssh-keygen(1), "ALLOWED SIGNERS".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from archiver.core.errors import InvalidDocument, SignatureRefused, UsageError
from archiver.offline.names import SIGNATURE, SUMS
from archiver.offline.sums import sums_text
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    from archiver.offline.bundle import OpenBundle

NAMESPACE = "archiver-bundle"
"""What these signatures are for; ``ssh-keygen -n``."""
MOST_BYTES = 64 << 10
"""No signature is longer."""

_PROGRAM = "ssh-keygen"
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----\n", b"-----END SSH SIGNATURE-----\n"
_COLUMNS = 70
_MAGIC = b"SSHSIG\0\0\0\1"
# What ssh-keygen says where it does not get as far as the signature: before OpenSSH 8.2, and run by a user without a name.
_UNABLE = ("unknown option", "illegal option", "Unsupported operation", "No user exists")


@dataclass(frozen=True)
class SshSignature:
    """What a signature says of itself: the public key, as SSH encodes it, and the namespace that it is for."""

    key: bytes
    namespace: bytes

    @property
    def key_type(self) -> str:
        """The kind of key, as in ``authorized_keys``: ``ssh-ed25519``."""
        (length,) = struct.unpack_from(">L", self.key.ljust(4, b"\0"))
        return self.key[4 : 4 + length].decode("ascii", "replace")

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint, as ``ssh-keygen -l`` shows it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.key).digest()).decode("ascii").rstrip("=")


@dataclass(frozen=True)
class Signer:
    """Who signed: the name that the list of allowed signers gives (its principal), and the key."""

    principal: str
    key_type: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.principal} ({self.key_type} {self.fingerprint})"


def parse_signature(data: bytes) -> SshSignature:
    """Read a signature file. Raises InvalidDocument where it is not byte for byte what ssh-keygen writes."""
    try:
        blob = base64.b64decode(data[len(_BEGIN) : -len(_END)].replace(b"\n", b""), validate=True)
    except binascii.Error:
        blob = b""
    if len(data) > MOST_BYTES or _armour(blob) != data:
        raise InvalidDocument("not the armour of an SSH signature", place=SIGNATURE)
    fields = _fields(blob)
    if fields is None:
        raise InvalidDocument("the signature's fields are malformed", place=SIGNATURE)
    if fields[1] != NAMESPACE.encode():
        raise InvalidDocument(f"the signature is for {fields[1][:80]!r}, not {NAMESPACE!r}", place=SIGNATURE)
    return SshSignature(fields[0], fields[1])


def can_check() -> bool:
    """Say whether this machine has the program that checks signatures."""
    return shutil.which(_PROGRAM) is not None


def check_unbroken(sums: bytes, signature: bytes) -> None:
    """Check that a signature is one over these bytes by the key in it, whoever has that.

    Args:
        sums: the content of SHA256SUMS.
        signature: that of SHA256SUMS.sig, which ``parse_signature`` takes.

    Raises:
        SignatureRefused: it is not (``signature.wrong``), or it cannot be checked here (``signature.unchecked``).
    """
    with _files(signature) as folder:
        done = _run(folder, sums, "check-novalidate", "-n", NAMESPACE, "-s", "signature")
    if done.returncode != 0:
        raise _refused("signature.wrong", f"the signature is not one over {SUMS}", done)


def signer_of(sums: bytes, signature: bytes, signers: Path) -> Signer:
    """Return who signed, of those who may.

    Args:
        sums: the content of SHA256SUMS.
        signature: that of SHA256SUMS.sig.
        signers: the list of allowed signers, see ssh-keygen(1).

    Raises:
        SignatureRefused: none of them did, or not at a time or for a purpose that the list allows
            (``signature.signer``); the signature is malformed (``signature.form``) or not over these bytes
            (``signature.wrong``); or it cannot be checked here (``signature.unchecked``).
        UsageError: there is no such list.
    """
    listed = _read_signers(signers)
    try:
        parsed = parse_signature(signature)
    except InvalidDocument as error:
        raise SignatureRefused("signature.form", error.message, place=SIGNATURE) from error
    check_unbroken(sums, signature)
    key = f"{parsed.key_type} {parsed.fingerprint}"
    with _files(signature, listed) as folder:
        done = _run(folder, b"", "find-principals", "-s", "signature", "-f", "signers")
        for principal in done.stdout.decode("utf-8", "replace").splitlines() if done.returncode == 0 else ():
            done = _run(
                folder,
                sums,
                "verify",
                *("-n", NAMESPACE, "-f", "signers", "-I", principal, "-s", "signature"),
            )
            if done.returncode == 0:
                return Signer(principal, parsed.key_type, parsed.fingerprint)
    raise _refused("signature.signer", f"signed with the key {key}, which {signers} does not allow", done)


def check_signer(bundle: OpenBundle, signers: Path) -> Signer:
    """Return who signed a bundle, of those who may, without reading more than its lists.

    What is then read of it has to be compared with the digests in SHA256SUMS or bundle.json.

    Raises:
        SignatureRefused: nobody did (``signature.missing``), or as ``signer_of``; ``place`` names the bundle.
        UsageError: there is no such list of signers.
    """
    if SIGNATURE not in bundle.structure.members:
        raise SignatureRefused("signature.missing", "the bundle is not signed", place=str(bundle.path))
    part = bundle.part(SIGNATURE)
    # SHA256SUMS as it was parsed and compared when the bundle was opened, not as the file has it by now.
    sums = sums_text(bundle.structure.sums.items())
    try:
        return signer_of(sums, part.read_at(0, MOST_BYTES + 1), signers)
    except SignatureRefused as error:
        error.place = str(bundle.path)
        raise


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


def _read_signers(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UsageError(
            "there is no such list of allowed signers",
            place=str(path),
            hint="a line a signer: NAME ssh-ed25519 KEY; see ssh-keygen(1), ALLOWED SIGNERS",
        ) from error
    except OSError as error:
        raise UsageError(f"it cannot be read: {error.strerror}", place=str(path)) from error


def _files(signature: bytes, signers: bytes = b"") -> tempfile.TemporaryDirectory[str]:
    """Make the folder that ssh-keygen works in: it takes names of files only."""
    with storage_errors(Path(tempfile.gettempdir())):
        folder = tempfile.TemporaryDirectory(prefix="archiver-")
        Path(folder.name, "signature").write_bytes(signature)
        Path(folder.name, "signers").write_bytes(signers)
    return folder


def _run(folder: str, data: bytes, operation: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which(_PROGRAM)
    if program is None:
        raise SignatureRefused(
            "signature.unchecked",
            f"signature not checked: there is no {_PROGRAM} here",
            place=SIGNATURE,
            hint="it comes with OpenSSH 8.2 or later",
        )
    done = subprocess.run(  # noqa: S603 - the program of that name is the one that the user has
        [program, "-Y", operation, *arguments],
        cwd=folder,
        input=data,
        capture_output=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    if done.returncode != 0 and any(words in _said(done) for words in _UNABLE):
        raise SignatureRefused(
            "signature.unchecked",
            f"signature not checked: {_PROGRAM} does not work here ({_reason(done)})",
            place=SIGNATURE,
            hint="it has to be that of OpenSSH 8.2 or later, run by a user who has a name",
        )
    return done


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stderr.decode("utf-8", "replace")


def _refused(problem: str, message: str, done: subprocess.CompletedProcess[bytes]) -> SignatureRefused:
    reason = _reason(done)
    return SignatureRefused(problem, f"{message} ({reason})" if reason else message, place=SIGNATURE)


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    return next(iter(_said(done).splitlines()), "")[:300]
