"""What is different between two snapshots of a project, as frozen records: what text, JSON and page are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archiver.changes.textdiff import Part, TextDiff

TEXT = "text"
MARKUP = "markup"
CONTENT = "content"
UNREADABLE = "unreadable"
"""What changed of a page: what people read on it; nothing of that; content that is no text; or that cannot be told."""
SAME, CHANGED, ADDED, REMOVED = "same", "changed", "added", "removed"
"""What became of one platform of an image whose tag moved."""


@dataclass(frozen=True)
class Endpoint:
    """A snapshot that is compared: its id, and when its run was over (ISO 8601 UTC)."""

    id: str
    finished: str


@dataclass(frozen=True)
class SourceNote:
    """What has to be known of a source to understand what is told of it.

    Attributes:
        source: the doc site's name, ``images`` or ``files``.
        verdict: what the later snapshot's run found it to be; empty where the source is in one of the snapshots only.
        reason: a sentence that says why.
        good: the snapshot whose run last found it healthy: what the later snapshot has of it is of that run or older.
    """

    source: str
    verdict: str
    reason: str
    good: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as a snapshot has it.

    Attributes:
        source: the doc site's name.
        url: its URL.
        captured: when, ``YYYYMMDDhhmmss`` UTC.
        mime: its media type.
        digest: of its content as it came, content coding included.
        gone: since when upstream is known not to have it any more, in the form of ``captured``; else empty.
    """

    source: str
    url: str
    captured: str
    mime: str
    digest: str
    gone: str = ""


@dataclass(frozen=True, slots=True)
class MovedPage:
    """A page whose text is at another URL now."""

    was: Page
    now: Page


@dataclass(frozen=True, slots=True)
class ChangedPage:
    """A page with other content.

    Attributes:
        was, now: both states.
        what: ``text``, ``markup``, ``content`` or ``unreadable``.
        diff: how the text changed; None unless ``what`` is ``text``, and where there are too many to keep them all.
        removed, added: how many words went and came.
        problem: why it cannot be told, where it cannot.
    """

    was: Page
    now: Page
    what: str
    diff: TextDiff | None = None
    removed: int = 0
    added: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Requisites:
    """How many style sheets, scripts, images and the like differ."""

    added: int = 0
    removed: int = 0
    changed: int = 0


@dataclass(frozen=True)
class PageChanges:
    """What is different about the pages of all doc sites.

    Attributes:
        before, after: how many pages the two snapshots' records count.
        added: pages that only the later one has.
        removed: pages that only the earlier one has.
        gone: pages that both have, and upstream no longer: the later one keeps what there was.
        returned: pages that upstream had no longer, and has again.
        moved: pages whose text the later one has at another URL.
        changed: pages with other content.
        requisites: what pages need to be displayed.
    """

    before: int
    after: int
    added: tuple[Page, ...]
    removed: tuple[Page, ...]
    gone: tuple[Page, ...]
    returned: tuple[Page, ...]
    moved: tuple[MovedPage, ...]
    changed: tuple[ChangedPage, ...]
    requisites: Requisites

    def changed_as(self, what: str) -> tuple[ChangedPage, ...]:
        """Return the pages of which this changed: ``text``, ``markup``, ``content`` or ``unreadable``."""
        return tuple(page for page in self.changed if page.what == what)

    @property
    def differences(self) -> tuple[tuple[ChangedPage, ...], ...]:
        """The pages whose difference is kept, those whose text changed in the same way together."""
        groups: dict[tuple[Part, ...], list[ChangedPage]] = {}
        for page in self.changed:
            if page.diff is not None:
                groups.setdefault(page.diff.changes, []).append(page)
        return tuple(map(tuple, groups.values()))


@dataclass(frozen=True)
class PlatformChange:
    """What became of one platform of an image: ``same``, ``changed``, ``added`` or ``removed``; digests empty where absent."""

    platform: str
    what: str
    was: str
    now: str


@dataclass(frozen=True)
class Item:
    """An image or a file as a snapshot has it.

    Attributes:
        name: its reference or URL.
        digest: of the manifest or index that the tag means, or of the file.
        size: in bytes.
        gone: since when upstream is known not to have it any more (ISO 8601 UTC); else empty.
        refers_to: the digest of the manifest that this signature, SBOM or attestation is about; empty for all else.
    """

    name: str
    digest: str
    size: int
    gone: str = ""
    refers_to: str = ""


@dataclass(frozen=True)
class MovedTag:
    """A reference that means another image now, platform by platform."""

    was: Item
    now: Item
    platforms: tuple[PlatformChange, ...]

    @property
    def note(self) -> str:
        """What became of its platforms, in words; empty where it has none."""
        became: dict[str, list[str]] = {}
        for platform in self.platforms:
            became.setdefault(platform.what, []).append(platform.platform or "no platform")
        if set(became) == {SAME}:
            return "what is kept of it is the same"
        return "; ".join(f"{', '.join(names)} {what}" for what, names in became.items())


@dataclass(frozen=True)
class ReplacedFile:
    """A file that has other content under the same URL."""

    was: Item
    now: Item


@dataclass(frozen=True)
class ImageChanges:
    """What is different about the images; signatures, SBOMs and attestations are among ``added`` and the like.

    ``gone``, ``returned``, ``added`` and ``removed`` are as those of pages.
    """

    before: int = 0
    after: int = 0
    added: tuple[Item, ...] = ()
    removed: tuple[Item, ...] = ()
    gone: tuple[Item, ...] = ()
    returned: tuple[Item, ...] = ()
    moved: tuple[MovedTag, ...] = ()


@dataclass(frozen=True)
class FileChanges:
    """What is different about the files, as ``ImageChanges``; ``replaced`` may be somebody's attack on the supply chain."""

    before: int = 0
    after: int = 0
    added: tuple[Item, ...] = ()
    removed: tuple[Item, ...] = ()
    gone: tuple[Item, ...] = ()
    returned: tuple[Item, ...] = ()
    replaced: tuple[ReplacedFile, ...] = ()


@dataclass(frozen=True)
class Changes:
    """What is different between two snapshots of a project."""

    project: str
    title: str
    earlier: Endpoint
    later: Endpoint
    notes: tuple[SourceNote, ...]
    files: FileChanges
    images: ImageChanges
    pages: PageChanges

    @property
    def is_empty(self) -> bool:
        """Whether nothing is different that anybody would read, run or install; other markup alone is not."""
        files, images, pages = self.files, self.images, self.pages
        changed = any(page.what != MARKUP for page in pages.changed)
        return not changed and not any(
            (
                *(files.added, files.removed, files.gone, files.returned, files.replaced),
                *(images.added, images.removed, images.gone, images.returned, images.moved),
                *(pages.added, pages.removed, pages.gone, pages.returned, pages.moved),
            )
        )
