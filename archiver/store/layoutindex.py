"""``index.json`` of an image layout: what it names, and the second entries for readers that know OCI's types alone.

Sources: OCI image-spec v1.1, image-layout.md ("index.json": implementations may have several entries of one name) and
image-index.md. Measured: skopeo 1.9 passes over entries with Docker's media types, as if the name were not there; it
takes an OCI index whose children have them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Mapping

from archiver.core import jsontext
from archiver.core.descriptor import (
    CONTAINERD_NAME,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    REF_NAME,
    Descriptor,
)
from archiver.core.digest import Digest
from archiver.core.errors import InvalidDigest, InvalidDocument, NotArchived
from archiver.store.atomic import storage_errors
from archiver.store.imagewalk import read_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.store.imagewalk import ManifestSource

ALIAS_OF = "io.archiver.alias-of"
"""The annotation of an entry that stands for another one of its name: the other's digest."""
INDEX_LIMIT = 64 << 20
_DAMAGED_HINT = (
    "move that file away and archive each project again: what is here is named anew, and not fetched again"
)


@dataclass(frozen=True)
class LayoutIndex:
    """What a layout's index has.

    Attributes:
        entries: what is archived: one entry a name, then those without a name.
        aliases: OCI indexes that stand for named entries with Docker's media types, by what they stand for.
    """

    entries: tuple[Descriptor, ...] = ()
    aliases: Mapping[Digest, Descriptor] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path) -> LayoutIndex:
        """Read a layout's index.

        Raises:
            NotArchived: there is no layout at ``root``.
            InvalidDocument, InvalidDigest: the index is malformed.
        """
        path = root / "index.json"
        with storage_errors(path):
            if not path.is_file():
                raise NotArchived("no image layout here", place=str(root))
            data = path.read_bytes()
        try:
            return cls._parsed(data, str(path))
        except (InvalidDocument, InvalidDigest) as error:
            error.hint = _DAMAGED_HINT
            raise

    @classmethod
    def _parsed(cls, data: bytes, what: str) -> LayoutIndex:
        listed = jsontext.load_object(data, limit=INDEX_LIMIT, what=what).get("manifests")
        if not isinstance(listed, list):
            raise InvalidDocument("'manifests' is not a list", place=what)
        entries: list[Descriptor] = []
        aliases: dict[Digest, Descriptor] = {}
        for each in listed:
            entry = Descriptor.from_json(each, what=what)
            if ALIAS_OF in entry.annotations:
                aliases[Digest.parse(entry.annotations[ALIAS_OF])] = replace(entry, annotations={})
            else:
                entries.append(entry)
        return cls(tuple(entries), aliases)

    def to_json(self) -> bytes:
        """Return the document, an entry a line; an entry comes before what stands for it."""
        rows = ",\n".join(jsontext.dump_line(descriptor.to_json()) for descriptor in self._descriptors())
        head = f'{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":['
        return f"{head}\n{rows}\n]}}\n".encode()

    def _descriptors(self) -> Iterator[Descriptor]:
        for entry in self.entries:
            yield entry
            alias, name = self.aliases.get(entry.digest), entry.annotations.get(REF_NAME)
            if alias is not None and name is not None:
                yield replace(alias, annotations={REF_NAME: name, ALIAS_OF: str(entry.digest)})

    def pointing(self, wanted: Iterable[tuple[str, Descriptor]]) -> LayoutIndex:
        """Return the index after names were made to point to something: the named entries, then the rest."""
        current = {entry.annotations.get(REF_NAME, ""): entry.digest for entry in self.entries}
        moved: dict[str, Descriptor] = {}
        unnamed: list[Descriptor] = []
        for name, descriptor in wanted:
            if not name:
                unnamed.append(descriptor)
            elif name in moved or current.get(name) != descriptor.digest:
                unnamed.extend([moved[name]] if name in moved else [])
                moved[name] = descriptor
        named = [replace(to, annotations={REF_NAME: n, CONTAINERD_NAME: n}) for n, to in moved.items()]
        for entry in self.entries:
            left = entry.annotations.get(REF_NAME, "") in moved or not entry.annotations
            (unnamed if left else named).append(entry)
        tagged = {entry.digest for entry in named}
        rest = {
            entry.digest: replace(entry, annotations={}) if entry.annotations else entry for entry in unnamed
        }
        result = [*named, *(entry for digest, entry in rest.items() if digest not in tagged)]
        result.sort(key=lambda entry: (entry.annotations.get(REF_NAME, ""), str(entry.digest)))
        return LayoutIndex(tuple(result), _of_named(result, self.aliases))

    def only(self, needed: Callable[[Digest], bool]) -> LayoutIndex:
        """Return the index without the entries that are not needed."""
        kept = tuple(entry for entry in self.entries if needed(entry.digest))
        return LayoutIndex(kept, _of_named(kept, self.aliases))

    def with_aliases(self, aliases: Mapping[Digest, Descriptor]) -> LayoutIndex:
        """Return the index with other aliases beside those that it has."""
        return LayoutIndex(self.entries, _of_named(self.entries, {**self.aliases, **aliases}))


def alias_document(
    store: ManifestSource, target: Descriptor, is_here: Callable[[Digest], bool]
) -> bytes | None:
    """Return the OCI index that stands for an image with Docker's media types; None for what needs none.

    Upstream's bytes and digests stay: the child of a single image is its manifest, without a platform, so that readers take it
    wherever they run; the children of a manifest list are its own.

    Args:
        store: where the image is.
        target: its manifest or manifest list.
        is_here: says which manifests of a list there are.

    Raises:
        NotArchived, RecordCorrupt, InvalidDocument, InvalidDigest: the list cannot be read.
    """
    if target.media_type == DOCKER_MANIFEST:
        children = [Descriptor(target.media_type, target.digest, target.size)]
    elif target.media_type == DOCKER_LIST:
        children = [each for each in read_manifest(store, target).manifests if is_here(each.digest)]
    else:
        children = []
    if not children:
        return None
    return jsontext.dump(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child.to_json() for child in children]}
    )


def _of_named(
    entries: Iterable[Descriptor], aliases: Mapping[Digest, Descriptor]
) -> dict[Digest, Descriptor]:
    named = {entry.digest for entry in entries if REF_NAME in entry.annotations}
    return {of: alias for of, alias in aliases.items() if of in named}
