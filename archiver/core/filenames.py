"""Names that can be files beside each other on any file system.

Source: docs/format.md, "The bundle".
"""

from __future__ import annotations

import re
import unicodedata

_DEVICE = re.compile(r"(?i)(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9\u00b9\u00b2\u00b3])[ ]*(\..*)?\Z")
_RESERVED = frozenset('<>:"|?*')


class DistinctNames:
    """Relative names, ``/`` between their parts, none of which is another's or another's folder's.

    Names that differ only in case or in Unicode composition count as equal: on some file systems they are.
    """

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def clash(self, name: str) -> str | None:
        """Take a name; or return an earlier one that it cannot stand beside, and do not take it."""
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        parts = folded.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts))]
        other = self._files.get(folded) or self._folders.get(folded)
        other = other or next((self._files[folder] for folder in above if folder in self._files), None)
        if other is None:
            self._files[folded] = name
            self._folders.update(dict.fromkeys(above, name))
        return other


def windows_fault(name: str) -> str | None:
    """Say why no file on Windows can have a relative name, ``/`` between its parts; or return None where one can.

    Source: Microsoft, "Naming Files, Paths, and Namespaces".
    """
    for part in name.split("/"):
        if not _RESERVED.isdisjoint(part) or any(ord(character) < 32 for character in part):
            return f"{part!r:.80} has a character that Windows does not allow in names"
        if part.endswith((" ", ".")):
            return f"{part!r:.80} ends in a space or dot, which Windows drops"
        if _DEVICE.match(part):
            return f"{part!r:.80} is the name of a device on Windows"
    return None
