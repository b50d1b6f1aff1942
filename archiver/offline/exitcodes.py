"""Which exit code an outcome stands for: docs/exit-codes.md. Both command lines use it."""

from __future__ import annotations

from typing import Iterable

from archiver.core.errors import (
    ArchiverError,
    BundleError,
    ContentError,
    FetchError,
    FormatUnsupported,
    InvalidDigest,
    InvalidDocument,
    InvalidReference,
    InvalidURL,
    LockHeld,
    NotArchived,
    RecordCorrupt,
    RuntimeRefused,
    SearchUnavailable,
    SpecError,
    StoreError,
    UsageError,
)

COMPLETE = 0
INTERNAL_ERROR = 1
USAGE = 2
FAILURES = 3
SOURCE_GONE = 4
VERIFICATION_FAILED = 5
LOCKED = 6
STORAGE = 7
DIFFERENT = 8
REPLACED = 9
INTERRUPTED = 130

# The first class that an error belongs to decides, so subclasses stand before their base.
_BY_CLASS: tuple[tuple[type[ArchiverError], int], ...] = (
    (LockHeld, LOCKED),
    (RecordCorrupt, VERIFICATION_FAILED),
    (FormatUnsupported, USAGE),
    (StoreError, STORAGE),
    (BundleError, VERIFICATION_FAILED),
    (ContentError, VERIFICATION_FAILED),
    (InvalidDocument, VERIFICATION_FAILED),
    (FetchError, FAILURES),
    (RuntimeRefused, FAILURES),
    (SpecError, USAGE),
    (UsageError, USAGE),
    (NotArchived, USAGE),
    (SearchUnavailable, USAGE),
    (InvalidDigest, USAGE),
    (InvalidReference, USAGE),
    (InvalidURL, USAGE),
)
_GRAVEST_FIRST = (
    INTERRUPTED,
    INTERNAL_ERROR,
    STORAGE,
    LOCKED,
    VERIFICATION_FAILED,
    SOURCE_GONE,
    FAILURES,
    USAGE,
    COMPLETE,
)


def exit_code(error: ArchiverError) -> int:
    """Return the exit code of a command that an error ended."""
    return next((code for kind, code in _BY_CLASS if isinstance(error, kind)), INTERNAL_ERROR)


def worst(codes: Iterable[int]) -> int:
    """Return the exit code that wins where several apply; COMPLETE where there are none."""
    return min(codes, key=_GRAVEST_FIRST.index, default=COMPLETE)
