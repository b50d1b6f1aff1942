"""What the guard refused of one source in one run: the evidence, and what the keeper may accept all the same.

Source: docs/format.md, "Quarantine".
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Mapping

from archiver.core import jsontext
from archiver.core.clock import is_snapshot_id
from archiver.core.errors import InvalidDocument
from archiver.core.judgement import Judgement
from archiver.core.shape import read_record
from archiver.core.snapshot import FileResult, ImageResult, SiteResult, check_verdicts

FORMAT = "archiver-quarantine/1"
LIMIT = 256 << 20
"""The most bytes that a record may have."""


@dataclass(frozen=True)
class Refusal:
    """What a source would have had in a snapshot, had it been healthy.

    Attributes:
        snapshot: the id of the snapshot whose run got it.
        judgement: of the source.
        evidence: what the judgement rests on: numbers, by kinds of loss, with examples. For people and programs to look at.
        site: of a doc site, what came of it; None for images and files.
        images, files: of those, what there would have been.
        captures: how many captures of a doc site there would have been.
        captures_digest: of the index that has them; empty where there is none.
    """

    snapshot: str
    judgement: Judgement
    evidence: Mapping[str, Any]
    site: SiteResult | None = None
    images: tuple[ImageResult, ...] = ()
    files: tuple[FileResult, ...] = ()
    captures: int = 0
    captures_digest: str = ""

    @property
    def source(self) -> str:
        """The doc site's name, ``images`` or ``files``."""
        return self.judgement.source

    def to_json(self) -> bytes:
        """Return the record's file content."""
        return jsontext.dump({"format": FORMAT, "source": self.source, **asdict(self)})

    @classmethod
    def from_json(cls, data: bytes, *, what: str) -> Refusal:
        """Read a record.

        Raises:
            InvalidDocument: another format, or any member missing or of the wrong type.
        """
        document = jsontext.load_object(data, limit=LIMIT, what=what)
        if document.pop("format", None) != FORMAT:
            raise InvalidDocument(f"not a {FORMAT} record", place=what)
        document["judgement"] = read_record(Judgement, document.get("judgement"), what=what)
        check_verdicts([document["judgement"]], what)
        if document.get("site") is not None:
            document["site"] = read_record(SiteResult, document["site"], what=what)
        for name, kind in (("images", ImageResult), ("files", FileResult)):
            entries = document.get(name)
            if not isinstance(entries, list):
                raise InvalidDocument(f"{name!r} is not a list", place=what)
            document[name] = tuple(read_record(kind, entry, what=what) for entry in entries)
        refusal: Refusal = read_record(cls, document, what=what)
        if not is_snapshot_id(refusal.snapshot):
            raise InvalidDocument(f"{refusal.snapshot!r:.40} is not a snapshot id", place=what)
        return refusal
