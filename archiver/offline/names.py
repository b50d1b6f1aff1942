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
REQUIRED = (FIRST, "README.txt", PROGRAM, CONTENTS, SUMS)
UNLISTED = (CONTENTS, SUMS, SIGNATURE)  # bundle.json cannot speak of these
_WACZ, _FILE = "docs/*.wacz", "files/*"
_ORDER = (FIRST, "README.txt", PROGRAM, _WACZ, SEARCH, IMAGES, _FILE, CONTENTS, SUMS, SIGNATURE)
_ROLES = {FIRST: "readme", "README.txt": "readme", PROGRAM: "program", _WACZ: "docs", SEARCH: "search",
          IMAGES: "images", _FILE: "file"}  # fmt: skip


def rank(name: str) -> int | None:
    """Return a member's place in the order, equal for those of one kind; None where no bundle has such a name."""
    kind = _kind(name)
    return _ORDER.index(kind) if kind in _ORDER else None


def role(name: str) -> str | None:
    """Return the role that bundle.json gives to a member of this name, or None where it lists no such member."""
    return _ROLES.get(_kind(name))


def _kind(name: str) -> str:
    if name in (_WACZ, _FILE):
        return ""
    if name.startswith("docs/") and name.endswith(".wacz") and name.count("/") == 1:
        return _WACZ
    return _FILE if name.startswith(FILES) else name
