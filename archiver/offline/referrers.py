"""The answer to who refers to a digest, in pages that no client finds too large.

Source: OCI distribution-spec 1.1, "Listing Referrers".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterable

from archiver.core import jsontext
from archiver.core.descriptor import MANIFEST_LIMIT, OCI_INDEX, Descriptor

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.offline.reach import Referrer

_PAGE = MANIFEST_LIMIT  # bytes
_MOST = 1000  # descriptors a page: each is a manifest to be read


@dataclass(frozen=True)
class ReferrersPage:
    """An index as JSON, and the last digest on it where there is another page after it."""

    index: bytes
    last: Digest | None


def referrers_page(referrers: Iterable[Referrer], *, kind: str, after: str) -> ReferrersPage:
    """Return a page of an index of manifests, each with the annotations that it has.

    Args:
        referrers: by their digests.
        kind: the artifact type that is asked for; empty for all.
        after: the digest that the page before ended with; empty for the first page.

    Raises:
        ArchiverError: one of the manifests is damaged.
    """
    entries: list[dict[str, Any]] = []
    size, last = 0, None
    for referrer in referrers:
        digest = referrer.held.digest
        if str(digest) <= after or (kind and referrer.kind != kind):
            continue
        entry = _descriptor(referrer).to_json()
        size += len(_index([entry]))
        if entries and (size > _PAGE or len(entries) == _MOST):
            return ReferrersPage(_index(entries), last)
        entries.append(entry)
        last = digest
    return ReferrersPage(_index(entries), None)


def _index(entries: list[dict[str, Any]]) -> bytes:
    return jsontext.dump({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})


def _descriptor(referrer: Referrer) -> Descriptor:
    held = referrer.held
    document = jsontext.load_object(held.read(), limit=MANIFEST_LIMIT, what=str(held.digest))
    annotations = document.get("annotations")
    said = annotations if isinstance(annotations, dict) else {}
    return Descriptor(
        held.media_type,
        held.digest,
        held.size,
        {str(key): str(value) for key, value in said.items()},
        artifact_type=referrer.kind,
    )
