"""The list of a repository's tags, put together from its pages.

Source: OCI distribution-spec v1.1, "Listing Tags".
"""

from __future__ import annotations

from archiver.core.errors import RegistryError
from archiver.core.reference import is_tag

_MOST = 1_000_000
_MOST_BARREN = 100  # pages in sequence without a tag that is new


class TagPages:
    """Gathers tags, each once; what no tag can be is left out.

    A page that is full has a link to the next one. Some registries cut their list there and forget the link, so after
    such a page the rest is asked for all the same: as what follows on the last tag.

    Args:
        a_page: how many tags a page is asked to have.
    """

    def __init__(self, a_page: int) -> None:
        self._a_page = a_page
        self._found: dict[str, None] = {}
        self._barren = 0
        self._last_of_full = ""

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags so far, in the order in which they came."""
        return tuple(self._found)

    @property
    def path(self) -> str:
        """Where in a repository the list begins."""
        return f"tags/list?n={self._a_page}"

    @property
    def rest(self) -> str:
        """Where the list may go on if the last page has no link; empty where that page was the last one for sure."""
        return f"{self.path}&last={self._last_of_full}" if self._last_of_full else ""

    def add(self, listed: object, place: str) -> None:
        """Take a page.

        Args:
            listed: its ``tags``.
            place: where it is, for errors.

        Raises:
            RegistryError: it is no list, or there is no end to them.
        """
        if not isinstance(listed, list):
            raise RegistryError("its list of tags is none", place=place)
        had = len(self._found)
        tags = [tag for tag in listed if isinstance(tag, str) and is_tag(tag)]
        self._found.update(dict.fromkeys(tags))
        is_new = len(self._found) > had
        self._barren = 0 if is_new else self._barren + 1
        if self._barren > _MOST_BARREN:
            raise RegistryError("its list of tags goes on without any that is new", place=place)
        if len(self._found) > _MOST:
            raise RegistryError(f"lists more than {_MOST} tags", place=place)
        self._last_of_full = tags[-1] if is_new and len(listed) == self._a_page else ""
