"""The lists of what refers to an image, where the registry keeps none: an index at a tag that stands in for that.

Source: OCI distribution-spec v1.1, "Referrers Tag Schema" and "Pushing Manifests with Subject".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Iterator

from archiver.core import jsontext
from archiver.core.descriptor import INDEXES, MANIFEST_LIMIT, OCI_INDEX, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import ArchiverError, InvalidDocument, Stopped
from archiver.core.manifest import parse_manifest

if TYPE_CHECKING:
    from archiver.offline.pushing.registry import TargetRepository
    from archiver.store.imagewalk import StoredManifest

_MOST_HEX = 64  # characters of a digest that go into the tag


def fallback_tag(subject: Digest) -> str:
    """Return the tag of the list of what refers to a manifest."""
    return f"{subject.algorithm}-{subject.hex[:_MOST_HEX]}"


def referrer_descriptor(stored: StoredManifest, data: bytes) -> Descriptor:
    """Return how a manifest with a subject is listed: with its annotations, and its kind.

    Args:
        stored: the manifest.
        data: its bytes.
    """
    manifest, at = stored.manifest, stored.descriptor
    annotations = jsontext.load_object(data, limit=MANIFEST_LIMIT, what=str(at.digest)).get("annotations")
    texts = (
        {str(key): str(value) for key, value in annotations.items()} if isinstance(annotations, dict) else {}
    )
    kind = manifest.artifact_type or (manifest.config.media_type if manifest.config is not None else "")
    return Descriptor(at.media_type, at.digest, at.size, texts, artifact_type=kind)


@dataclass
class _Listed:
    """What refers to one manifest, in one repository."""

    repository: TargetRepository
    subject: Digest
    pushed: dict[Digest, Descriptor] = field(default_factory=dict)
    unlisted: bool = False  # whether the registry took one of them without saying that it lists it
    archived: bytes = b""

    def index(self) -> bytes:
        """Return the list of what was pushed: the archived one's bytes, where that says the same."""
        if self.archived:
            listed = parse_manifest(self.archived, "", what=fallback_tag(self.subject)).manifests
            if {entry.digest for entry in listed} == set(self.pushed):
                return self.archived
        return _document([self.pushed[digest].to_json() for digest in sorted(self.pushed)])

    def merged(self, there: bytes) -> bytes:
        """Return a list that the registry has, with what was pushed and is not in it.

        Raises:
            InvalidDocument, InvalidDigest: it is none.
        """
        what = fallback_tag(self.subject)
        manifest = parse_manifest(there, "", what=what)
        if manifest.media_type not in INDEXES:
            raise InvalidDocument("what should list referrers is no index", place=what)
        known = {entry.digest for entry in manifest.manifests}
        missing = [self.pushed[digest].to_json() for digest in sorted(self.pushed) if digest not in known]
        if not missing:
            return there
        entries = jsontext.load_object(there, limit=MANIFEST_LIMIT, what=what)["manifests"]
        return _document([*entries, *missing])


class ReferrerLists:
    """Remembers what was pushed that refers to something, and brings the lists of it up to date."""

    def __init__(self) -> None:
        self._lists: dict[tuple[str, Digest], _Listed] = {}

    def pushed(
        self, repository: TargetRepository, subject: Digest, referrer: Descriptor, *, listed: bool | None
    ) -> None:
        """Take a manifest that refers to another one.

        Args:
            repository: where it is.
            subject: what it refers to.
            referrer: how it is to be listed.
            listed: whether the registry said that it lists it by itself; None where it was there before.
        """
        found = self._list(repository, subject)
        found.pushed[referrer.digest] = referrer
        found.unlisted = found.unlisted or listed is False
        if listed:
            found.pushed.pop(referrer.digest)

    def archived(self, repository: TargetRepository, subject: Digest, data: bytes) -> None:
        """Take a list as it was archived."""
        self._list(repository, subject).archived = data

    def update(self) -> Iterator[tuple[TargetRepository, Digest, ArchiverError]]:
        """Bring all lists up to date; yield those where that fails: repository, what is referred to, why."""
        for found in self._lists.values():
            try:
                if found.pushed:
                    _update(found)
            except Stopped:
                raise
            except ArchiverError as error:
                yield found.repository, found.subject, error

    def _list(self, repository: TargetRepository, subject: Digest) -> _Listed:
        return self._lists.setdefault((repository.name, subject), _Listed(repository, subject))


def _update(found: _Listed) -> None:
    repository, tag, data = found.repository, fallback_tag(found.subject), found.index()
    there = repository.manifest_digest(tag)
    if there == str(Digest.of(data)):
        return
    if not found.unlisted and repository.lists_referrers(found.subject):
        return
    current = repository.manifest(tag)
    if current is not None:
        data = found.merged(current)
        if data == current:
            return
    repository.put_manifest(tag, data, OCI_INDEX, Digest.of(data))


def _document(entries: list[Any]) -> bytes:
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return jsontext.dump_line(document).encode()
