"""Whether a WACZ's datapackage.json, and the zip's own checksums, fit its entries.

Source: WACZ 1.1.1, "datapackage.json" and "datapackage-digest.json".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable

from archiver.core import jsontext
from archiver.core.digest import Digest
from archiver.core.errors import ArchiverError
from archiver.offline.checks.ranges import CRC32, Range
from archiver.offline.wacz import PACKAGE, PACKAGE_DIGEST, Wacz

if TYPE_CHECKING:
    from archiver.offline.problems import Report

_MOST = 1 << 20
_TEXTS = {"profile": "data-package", "wacz_version": "1.1.1"}


def entry_ranges(wacz: Wacz, offset: int) -> Iterable[Range]:
    """Return the ranges whose checksums ``check_package`` needs; the WACZ begins at ``offset``."""
    return [
        Range(offset + entry.offset, entry.size, kind)
        for entry in wacz.entries.values()
        for kind in ("sha256", CRC32)
    ]


def check_package(wacz: Wacz, offset: int, sums: dict[Range, str], report: Report) -> None:
    """Check the entries' checksums against the zip's directory and against datapackage.json.

    Args:
        wacz: the WACZ.
        offset: where it begins in the bundle, in bytes.
        sums: the checksums of ``entry_ranges``.
        report: is told of each problem; places are within the WACZ.
    """
    for name, entry in wacz.entries.items():
        if sums[Range(offset + entry.offset, entry.size, CRC32)] != f"{entry.crc:08x}":
            report("zip.entry", name, "the content does not have the entry's CRC-32")
    package = _document(wacz, PACKAGE, report)
    if package is not None:
        _check_texts(package, report)
        _check_resources(package.get("resources"), wacz, offset, sums, report)
    seal = _document(wacz, PACKAGE_DIGEST, report)
    if seal is not None and PACKAGE in wacz.entries:
        entry = wacz.entries[PACKAGE]
        actual = f"sha256:{sums[Range(offset + entry.offset, entry.size)]}"
        if seal != {"path": PACKAGE, "hash": actual}:
            report("wacz.resource", PACKAGE_DIGEST, f"not the path and digest of {PACKAGE}, {actual}")


def _document(wacz: Wacz, name: str, report: Report) -> dict[str, Any] | None:
    if name not in wacz.entries:
        return None  # reported when the WACZ was opened
    try:
        return jsontext.load_object(wacz.part(name).read_at(0, _MOST + 1), limit=_MOST, what=name)
    except ArchiverError as error:
        report("wacz.document", name, error.message)
        return None


def _check_texts(package: dict[str, Any], report: Report) -> None:
    for name, value in _TEXTS.items():
        if package.get(name) != value:
            report("wacz.document", PACKAGE, f"{name!r} is not {value!r}")
    for name in ("title", "created", "software"):
        if not isinstance(package.get(name), str):
            report("wacz.document", PACKAGE, f"{name!r} is not a string")


def _check_resources(resources: Any, wacz: Wacz, offset: int, sums: dict[Range, str], report: Report) -> None:
    if not isinstance(resources, list) or not all(isinstance(item, dict) for item in resources):
        report("wacz.document", PACKAGE, "'resources' is not a list of objects")
        return
    expected = [name for name in wacz.entries if name not in (PACKAGE, PACKAGE_DIGEST)]
    paths = [str(item.get("path")) for item in resources]
    for path in sorted(set(expected) - set(paths)):
        report("wacz.resource", path, f"{PACKAGE} does not list the entry")
    if len(set(paths)) != len(paths):
        report("wacz.resource", PACKAGE, "a resource is listed twice")
    for path, item in zip(paths, resources):
        if path not in expected:
            report("wacz.resource", path, f"{PACKAGE} lists the resource, the zip does not have it")
            continue
        entry = wacz.entries[path]
        actual = Digest("sha256", sums[Range(offset + entry.offset, entry.size)])
        if (item.get("hash"), item.get("bytes")) != (str(actual), entry.size):
            report(
                "wacz.resource", path, f"{PACKAGE} has another size or digest than {entry.size} and {actual}"
            )
        if item.get("name") != path.rpartition("/")[2]:
            report("wacz.resource", path, f"{PACKAGE} gives it another name")
