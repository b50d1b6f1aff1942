"""Whether SHA256SUMS.sig is a signature over SHA256SUMS, and by whom, as far as this machine can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.core.errors import InvalidDocument, SignatureRefused
from archiver.offline.names import SIGNATURE
from archiver.offline.signature import can_check, check_unbroken, parse_signature, signer_of

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.problems import Report
    from archiver.offline.signature import Signer


def check_signature(data: bytes, sums: bytes, report: Report) -> None:
    """Check a signature's form and, where ssh-keygen is here, that it is one over SHA256SUMS, whoever made it.

    Args:
        data: the content of SHA256SUMS.sig.
        sums: the content of SHA256SUMS.
        report: is told of each problem.
    """
    try:
        parse_signature(data)
        if can_check():
            check_unbroken(sums, data)
    except InvalidDocument as error:
        report("signature.form", SIGNATURE, error.message)
    except SignatureRefused as error:
        if error.problem != "signature.unchecked":  # nobody asked for it
            report(error.problem, SIGNATURE, error.message)


def check_signer(data: bytes | None, sums: bytes, signers: Path, report: Report) -> Signer | None:
    """Return who signed, of those who may, or None after a report.

    Args:
        data: the content of SHA256SUMS.sig; None where the bundle has none.
        sums: the content of SHA256SUMS.
        signers: the list of allowed signers.
        report: is told of each problem.

    Raises:
        UsageError: there is no such list.
    """
    if data is None:
        report("signature.missing", SIGNATURE, "the bundle is not signed")
        return None
    try:
        return signer_of(sums, data, signers)
    except SignatureRefused as error:
        report(error.problem, SIGNATURE, error.message)
        return None
