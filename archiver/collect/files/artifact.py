"""A downloaded file as an OCI artifact, so that other tools' clean-up of the image layout keeps it.

Source: OCI image-spec v1.1 manifest.md, "Guidelines for Artifact Usage" (an empty config, a layer with
the content, ``artifactType``).
"""

from __future__ import annotations

from dataclasses import dataclass

from archiver.core import jsontext
from archiver.core.descriptor import OCI_EMPTY, OCI_MANIFEST, Descriptor, is_media_type
from archiver.core.digest import Digest
from archiver.core.errors import InvalidDocument
from archiver.core.manifest import parse_manifest

FILE_TYPE = "application/vnd.archiver.file.v1"
EMPTY = b"{}"
_TITLE = "org.opencontainers.image.title"
_URL = "org.opencontainers.image.source"
_ETAG = "io.archiver.http.etag"
_MODIFIED = "io.archiver.http.last-modified"
_UNKNOWN_TYPE = "application/octet-stream"
_MOST_HEADER = 1000  # characters; longer validators are not kept


@dataclass(frozen=True)
class StoredFile:
    """A file as the layout has it.

    Attributes:
        url: where it came from.
        title: its own name, without folders.
        digest, size: of its content.
        media_type: what the server called it.
        etag, modified: the validators that the server gave; empty where it gave none.
    """

    url: str
    title: str
    digest: Digest
    size: int
    media_type: str
    etag: str = ""
    modified: str = ""

    def to_manifest(self) -> bytes:
        """Return the artifact's manifest: the same file with the same headers gives the same bytes."""
        empty = Descriptor(OCI_EMPTY, Digest.of(EMPTY), len(EMPTY))
        said = {_TITLE: self.title, _URL: self.url, _ETAG: self.etag, _MODIFIED: self.modified}
        annotations = {name: value for name, value in said.items() if value}
        layer = Descriptor(self.media_type, self.digest, self.size, annotations)
        return jsontext.dump(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": FILE_TYPE,
                "config": empty.to_json(),
                "layers": [layer.to_json()],
            }
        )

    @classmethod
    def from_manifest(cls, data: bytes, *, what: str) -> StoredFile:
        """Read what ``to_manifest`` writes.

        Raises:
            InvalidDocument, InvalidDigest: it is another kind of manifest, or malformed.
        """
        manifest = parse_manifest(data, OCI_MANIFEST, what=what)
        if manifest.artifact_type != FILE_TYPE or len(manifest.layers) != 1:
            raise InvalidDocument("not the artifact of a downloaded file", place=what)
        layer = manifest.layers[0]
        said = layer.annotations
        return cls(
            url=said.get(_URL, ""),
            title=said.get(_TITLE, ""),
            digest=layer.digest,
            size=layer.size,
            media_type=layer.media_type,
            etag=said.get(_ETAG, ""),
            modified=said.get(_MODIFIED, ""),
        )


def media_type_of(content_type: str) -> str:
    """Return a Content-Type's media type in lowercase; ``application/octet-stream`` where it has none."""
    name = content_type.partition(";")[0].strip()
    return name.lower() if is_media_type(name) else _UNKNOWN_TYPE


def validator(value: str) -> str:
    """Return a header's value for keeping, or nothing where it is unreasonably long or not plain text."""
    return value if len(value) <= _MOST_HEADER and value.isascii() and value.isprintable() else ""
