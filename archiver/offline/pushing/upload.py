"""Uploading a blob: in one request, or in chunks from which a broken upload is gone on with.

Source: OCI distribution-spec v1.1, "Pushing Blobs".
"""

from __future__ import annotations

import re
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

from archiver.core.errors import ArchiverError, FetchError, RegistryError, ResponseBroken, StatusRefused
from archiver.offline.pushing.answer import NOTHING, joined

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.offline.pushing.answer import Answer, Body
    from archiver.offline.pushing.authorization import Access
    from archiver.offline.pushing.content import CheckedBlob
    from archiver.offline.pushing.registry import TargetRegistry, TargetRepository

WHOLE = 8 << 20  # bytes; blobs up to this size go in one request
CHUNK = 32 << 20  # bytes of a request of larger ones
_LARGEST_CHUNK = 1 << 30  # whatever a registry asks for
_RANGE = re.compile(r"\A(?:bytes=)?0-([0-9]{1,18})\Z")
_OCTETS = {"Content-Type": "application/octet-stream"}


class Upload:
    """An upload that was begun. Where it goes on is told anew by each answer.

    Args:
        registry: sends the requests.
        access: what they need.
        begun: the answer that began it.

    Raises:
        RegistryError: it does not say where to upload to.
    """

    def __init__(self, registry: TargetRegistry, access: Access, begun: Answer) -> None:
        self._registry, self._access = registry, access
        self._url = ""
        self._learn(begun)
        if not self._url:
            raise RegistryError("does not say where to upload to", place=begun.place)
        least = begun.header("OCI-Chunk-Min-Length")
        self.chunk = min(max(CHUNK, int(least[:12])), _LARGEST_CHUNK) if least.isdigit() else CHUNK

    def patch(self, start: int, body: Body) -> int:
        """Send a chunk; return how many bytes the registry has now.

        Raises:
            StatusRefused: it takes no chunks.
            FetchError: the chunk did not get there, or only a part.
        """
        answer = self._registry.request(
            "PATCH",
            self._url,
            self._access,
            accepted=(
                HTTPStatus.ACCEPTED,
                HTTPStatus.CREATED,
                HTTPStatus.NO_CONTENT,
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            ),
            headers={**_OCTETS, "Content-Range": f"{start}-{start + body.length - 1}"},
            body=body,
        )
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:  # it has another part than we think
            return self.received()
        self._learn(answer)
        told = _received(answer)
        return start + body.length if told is None else told

    def received(self) -> int:
        """Ask how many bytes the registry has.

        Raises:
            StatusRefused: it does not know the upload any more.
            FetchError: it does not answer.
        """
        accepted = (HTTPStatus.NO_CONTENT, HTTPStatus.OK, HTTPStatus.ACCEPTED)
        answer = self._registry.attempts.run(
            lambda: self._registry.request("GET", self._url, self._access, accepted=accepted)
        )
        self._learn(answer)
        return _received(answer) or 0

    def finish(self, digest: Digest, body: Body = NOTHING) -> None:
        """Send what is left and end the upload; the registry checks that it has what the digest says.

        Raises:
            FetchError: it has not, or does not answer.
        """
        self._registry.request(
            "PUT",
            f"{self._url}{'&' if '?' in self._url else '?'}digest={digest}",
            self._access,
            accepted=(HTTPStatus.CREATED, HTTPStatus.OK, HTTPStatus.NO_CONTENT),
            headers=_OCTETS,
            body=body,
        )

    def cancel(self) -> None:
        """Tell the registry to forget the upload; it forgets by itself some day where that fails."""
        with suppress(ArchiverError):
            self._registry.request(
                "DELETE", self._url, self._access, accepted=(HTTPStatus.NO_CONTENT, HTTPStatus.OK)
            )

    def _learn(self, answer: Answer) -> None:
        location = answer.header("Location")
        if location:
            self._url = joined(answer.url, location)


def _received(answer: Answer) -> int | None:
    """Return how many bytes the registry says that it has; None where it says nothing.

    ``0-0`` stands for none: registries say so, and no chunk has one byte.
    """
    match = _RANGE.match(answer.header("Range"))
    if match is None:
        return None
    last = int(match[1])
    return last + 1 if last else 0


class BlobUpload:
    """Uploads one blob into one repository.

    Args:
        repository: where it shall be.
        blob: its bytes.
        upload: an upload that was begun.
    """

    def __init__(self, repository: TargetRepository, blob: CheckedBlob, upload: Upload) -> None:
        self._repository, self._blob = repository, blob
        self._attempts = repository.attempts
        self._upload: Upload | None = upload

    def run(self) -> None:
        """Send it.

        Raises:
            ContentError: it is damaged; the registry has nothing of it.
            FetchError: it cannot be sent.
            Stopped: the work is to end.
        """
        try:
            if self._blob.size <= WHOLE or not self._chunked():
                self._whole()
        except ArchiverError:
            if self._upload is not None:
                self._upload.cancel()
            raise

    def _begun(self) -> Upload:
        if self._upload is None:
            self._upload = self._repository.begin(self._blob.digest)
            assert self._upload is not None, "only mounts end where they begin"
        return self._upload

    def _whole(self) -> None:
        attempt = 0
        while True:
            self._attempts.begin()
            attempt += 1
            try:
                self._begun().finish(self._blob.digest, self._blob.body(0, self._blob.size))
            except FetchError as error:
                self._attempts.wait(attempt, error)
                self._upload = None
                if self._repository.has_blob(self._blob.digest):  # only the answer was lost
                    return
            else:
                return

    def _chunked(self) -> bool:
        """Send it in chunks; say whether the registry takes such: some only take blobs whole."""
        at = furthest = attempt = 0
        while at <= self._blob.size:
            self._attempts.begin()
            attempt += 1
            try:
                at = self._step(at)
            except StatusRefused:
                if at == self._blob.size:
                    raise
                self._begun().cancel()
                self._upload = None
                return False
            except FetchError as error:
                self._attempts.wait(attempt, error)
                at = self._resumed()
            if at > furthest:
                furthest, attempt = at, 0
        return True

    def _step(self, at: int) -> int:
        """Send the next chunk, or end the upload; return where to go on, beyond the blob's end where all is done."""
        upload = self._begun()
        if at == self._blob.size:
            upload.finish(self._blob.digest)
            return at + 1
        reached = upload.patch(at, self._blob.body(at, min(at + upload.chunk, self._blob.size)))
        if not at < reached <= self._blob.size:
            raise ResponseBroken(f"has {reached} bytes of {self._blob.size} after a chunk from {at} on")
        return reached

    def _resumed(self) -> int:
        """Return where to go on behind something that broke: at the beginning, where the registry lost the upload."""
        if self._repository.has_blob(self._blob.digest):  # only the last answer was lost
            return self._blob.size + 1
        if self._upload is not None:
            with suppress(StatusRefused):
                reached = self._upload.received()
                if reached <= self._blob.given:
                    return reached
        self._upload = None
        return 0
