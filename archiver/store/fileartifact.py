"""A downloaded file as an OCI artifact, so that other tools' clean-up of the image layout keeps it.

Its one layer is the content; its config is the provenance of the content, empty in artifacts that were made
before that was kept.

Source: OCI image-spec v1.1 manifest.md, "Guidelines for Artifact Usage"; docs/format.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from archiver.core import jsontext
from archiver.core.clock import parse_iso
from archiver.core.descriptor import OCI_EMPTY, OCI_MANIFEST, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import InvalidDocument
from archiver.core.manifest import parse_manifest
from archiver.core.shape import read_record

FILE_TYPE = "application/vnd.archiver.file.v1"
CONFIG_TYPE = "application/vnd.archiver.file.config.v1+json"
CONFIG_LIMIT = 1 << 20
"""The most bytes of a config that are read."""
EMPTY = Descriptor(OCI_EMPTY, Digest.of(b"{}"), len(b"{}"))
"""The config of artifacts without provenance."""
_TITLE = "org.opencontainers.image.title"
_URL = "org.opencontainers.image.source"
_ETAG = "io.archiver.http.etag"
_MODIFIED = "io.archiver.http.last-modified"


@dataclass(frozen=True)
class StoredFile:
    """A file as the layout has it.

    Attributes:
        url: where it came from.
        title: its own name, without folders.
        digest, size: of its content.
        media_type: what the server called it.
        etag, modified: the validators that the server gave; empty where it gave none.
        config: points to its provenance.
    """

    url: str
    title: str
    digest: Digest
    size: int
    media_type: str
    etag: str = ""
    modified: str = ""
    config: Descriptor = EMPTY

    def to_manifest(self) -> bytes:
        """Return the artifact's manifest: the same file with the same provenance gives the same bytes."""
        said = {_TITLE: self.title, _URL: self.url, _ETAG: self.etag, _MODIFIED: self.modified}
        annotations = {name: value for name, value in said.items() if value}
        layer = Descriptor(self.media_type, self.digest, self.size, annotations)
        return jsontext.dump(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": FILE_TYPE,
                "config": self.config.to_json(),
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
        if manifest.artifact_type != FILE_TYPE or len(manifest.layers) != 1 or manifest.config is None:
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
            config=manifest.config,
        )

    @property
    def has_provenance(self) -> bool:
        """Whether its config tells how it was downloaded."""
        return self.config.media_type == CONFIG_TYPE

    def is_same(self, other: StoredFile) -> bool:
        """Say whether another download of this URL gave the same content under the same validators."""
        return (self.url, self.digest, self.etag, self.modified) == (
            other.url,
            other.digest,
            other.etag,
            other.modified,
        )


@dataclass(frozen=True)
class Provenance:
    """How a file was downloaded.

    Attributes:
        url: what was asked for.
        location: where the answer came from in the end, after redirects.
        name: the file's own name, as its server gave it.
        fetched: when its last byte came.
        headers: of the last answer, in order, names as they were written; of an answer that sent the rest of a file,
            as they would be of the whole.
    """

    url: str
    location: str
    name: str
    fetched: str
    headers: tuple[tuple[str, str], ...]

    def to_json(self) -> bytes:
        """Return the config blob's content."""
        return jsontext.dump(asdict(self))

    @classmethod
    def from_json(cls, data: bytes, *, what: str) -> Provenance:
        """Read what ``to_json`` writes.

        Raises:
            InvalidDocument: it is malformed.
        """
        document = jsontext.load_object(data, limit=CONFIG_LIMIT, what=what)
        provenance = read_record(cls, document, what=what)
        try:
            parse_iso(provenance.fetched)
            headers = tuple((str(name), str(value)) for name, value in provenance.headers)
        except (TypeError, ValueError) as error:
            raise InvalidDocument("malformed headers or time", place=what) from error
        return replace(provenance, headers=headers)
