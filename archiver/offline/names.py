"""The names that members of a bundle have, and their order.

Source: docs/format.md, "The bundle".
"""

from __future__ import annotations

FIRST = "README.html"
CONTENTS = "bundle.json"
SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
PROGRAM = "archiver.pyz"
SEARCH = "docs/search.sqlite"
IMAGES = "images/images.tar"
FILES = "files/"
RECORD = "record/snapshot.json"
CAPTURES = "record/captures.cdxj.gz"
REPORT = "record/report.json"
REPORT_PAGE = "record/report.html"
FILE_RECORDS = "record/files.jsonl"
REQUIRED = (FIRST, "README.txt", PROGRAM, RECORD, CAPTURES, CONTENTS, SUMS)
UNLISTED = (CONTENTS, SUMS, SIGNATURE)  # bundle.json cannot speak of these
DOCS_SUFFIX = ".wacz"
DELTA_DOCS_SUFFIX = ".warc.gz"
_DOCS, _FILE = "docs/*", "files/*"
_RECORDS = (RECORD, CAPTURES, REPORT, REPORT_PAGE, FILE_RECORDS)
_ORDER = (FIRST, "README.txt", PROGRAM, _DOCS, SEARCH, IMAGES, _FILE, *_RECORDS, CONTENTS, SUMS, SIGNATURE)
_ROLES = {FIRST: "readme", "README.txt": "readme", PROGRAM: "program", _DOCS: "docs", SEARCH: "search",
          IMAGES: "images", _FILE: "file", **dict.fromkeys(_RECORDS, "record")}  # fmt: skip


def rank(name: str) -> int | None:
    """Return a member's place in the order, equal for those of one kind; None where no bundle has such a name."""
    kind = _kind(name)
    return _ORDER.index(kind) if kind in _ORDER else None


def role(name: str) -> str | None:
    """Return the role that bundle.json gives to a member of this name, or None where it lists no such member."""
    return _ROLES.get(_kind(name))


def _kind(name: str) -> str:
    if name in (_DOCS, _FILE):
        return ""
    if name.startswith("docs/") and name.endswith((DOCS_SUFFIX, DELTA_DOCS_SUFFIX)) and name.count("/") == 1:
        return _DOCS
    return _FILE if name.startswith(FILES) else name
