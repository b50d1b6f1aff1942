"""bundle.json and SHA256SUMS: what a bundle says of itself (docs/format.md, "bundle.json")."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Sequence

from archiver.core import jsontext
from archiver.offline import names
from archiver.offline.bundlejson import FORMAT
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from archiver.bundle.closure import Contents
    from archiver.bundle.imageclosure import ImageContent
    from archiver.bundle.members import Packed
    from archiver.bundle.newrecords import NewRecords
    from archiver.bundle.since import Base
    from archiver.bundle.wacz import Wacz
    from archiver.core.snapshot import FileResult


def bundle_json(contents: Contents, members: Sequence[Packed], images_offset: int) -> bytes:
    """Return the bundle's manifest.

    Args:
        contents: what is packed.
        members: the members in front of it, in tar order.
        images_offset: where images.tar's data begins in the bundle, in bytes; 0 where there is none.
    """
    snapshot = contents.snapshot
    blobs = contents.images_tar.blobs if contents.images_tar else ()
    index = next((member.digest for member in members if member.path == names.SEARCH), "")
    return jsontext.dump(
        {
            "format": FORMAT,
            "project": snapshot.project,
            "title": snapshot.title,
            "snapshot": snapshot.id,
            "created": snapshot.finished,
            "program": PROGRAM,
            "options": {"platforms": [str(platform) for platform in contents.platforms] or None},
            "members": [_member(member) for member in members],
            "judgements": [asdict(judgement) for judgement in snapshot.judgements],
            "docs": [_doc(wacz) for wacz in contents.docs],
            "images": [_image(image) for image in contents.images],
            "blobs": [
                {"digest": str(digest), "size": size, "offset": images_offset + offset}
                for digest, size, offset in blobs
            ],
            "files": [_file(file) for file in contents.files],
            "failures": [asdict(failure) for failure in contents.failures],
            "broken_links": [asdict(link) for link in snapshot.broken_links],
            "captures_digest": snapshot.captures_digest,
            "search_digest": str(contents.search_digest or index),
            "reader_image": contents.reader_image,
            "since": _since(contents.base),
            "requires": [str(digest) for digest in contents.requires],
        }
    )


def sums(members: Sequence[Packed]) -> bytes:
    """Return the checksums of members in the form that ``sha256sum -c`` reads."""
    return "".join(f"{member.digest.hex}  {member.path}\n" for member in members).encode("utf-8")


def file_path(file: FileResult) -> str:
    """Return a downloaded file's name in the bundle."""
    return f"{names.FILES}{file.path}"


def _since(base: Base | None) -> dict[str, str] | None:
    if base is None:
        return None
    return {"snapshot": base.snapshot, "captures_digest": str(base.captures_digest)}


def _member(member: Packed) -> dict[str, Any]:
    return {
        "path": member.path,
        "size": member.size,
        "offset": member.offset,
        "digest": str(member.digest),
        "role": names.role(member.path),
    }


def _doc(wacz: Wacz | NewRecords) -> dict[str, Any]:
    site, captures = wacz.site.result, wacz.site.captures
    times = sorted(held.capture.timestamp for held in captures)
    return {
        "name": site.name,
        "path": wacz.path,
        "seeds": list(site.seeds),
        "origins": list(site.origins),
        "requisite_origins": list(site.requisite_origins),
        "pages": site.pages,
        "captures": len(captures),
        "oldest": times[0],
        "newest": times[-1],
        "gone": site.gone,
    }


def _image(image: ImageContent) -> dict[str, Any]:
    result = image.result
    return {
        "reference": result.reference,
        "digest": result.digest,
        "media_type": result.media_type,
        "size": result.size,
        "platforms": list(result.platforms),
        "default_platform": image.default_platform,
        "refers_to": result.refers_to,
        "compressions": list(image.compressions),
        "artifact_type": result.artifact_type,
        "resolved": result.resolved,
        "gone": result.gone,
    }


def _file(file: FileResult) -> dict[str, Any]:
    return {
        "url": file.url,
        "path": file_path(file),
        "digest": file.digest,
        "size": file.size,
        "media_type": file.media_type,
        "fetched": file.fetched,
        "gone": file.gone,
    }
