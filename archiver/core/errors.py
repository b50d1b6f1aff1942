"""The one tree of errors.

Every class owns a stable ``code`` (what scripts may match on), and every instance carries a
message, an optional ``place`` (``file:line``, a URL, a digest) and an optional ``hint`` that says
what to do about it. Only the command line turns errors into exit statuses.
"""

from __future__ import annotations

import traceback
from pathlib import PurePath
from typing import ClassVar, Iterable

from archiver.core.printable import printable


class ArchiverError(Exception):
    """Base of all expected failures.

    Args:
        message: one sentence without a trailing full stop.
        place: where it happened: ``file:line``, a URL, a digest, a member's name.
        hint: what the user can do about it.

    Attributes:
        more: further errors of the same kind that were found together with this one.
    """

    code: ClassVar[str] = "error"
    more: tuple[ArchiverError, ...] = ()

    def __init__(self, message: str, *, place: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class UsageError(ArchiverError):
    """The command line asks for something that cannot be done."""

    code = "usage"


class SpecError(ArchiverError):
    """A spec file is not valid; ``place`` is ``file:line``, ``more`` the further problems of the file."""

    code = "spec.invalid"

    @classmethod
    def joined(cls, problems: Iterable[SpecError]) -> SpecError:
        """Return the first of at least one problem, with the others as its ``more``."""
        first, *more = problems
        first.more = tuple(more)
        return first


class InvalidDigest(ArchiverError):
    """A string is not a digest of a supported algorithm."""

    code = "digest.invalid"


class InvalidReference(ArchiverError):
    """A string is not an image reference.

    Args:
        text: the string.
        fault: what is wrong with it, to be read behind it: ``has a malformed tag``.
        hint: what to write instead.
    """

    code = "reference.invalid"

    def __init__(self, text: str, fault: str, *, hint: str | None = None) -> None:
        super().__init__(f"{text!r:.200} {fault}", hint=hint)
        self.fault = fault


class InvalidURL(ArchiverError):
    """A string is not an absolute http or https URL."""

    code = "url.invalid"


class InvalidDocument(ArchiverError):
    """A JSON document is too large, too deep, not JSON, or not of the expected shape."""

    code = "document.invalid"


class ContentError(ArchiverError):
    """Bytes are not the bytes that were promised."""

    code = "content.wrong"


class DigestMismatch(ContentError):
    """Content hashes to another digest than the one it was asked by."""

    code = "content.digest"


class SizeMismatch(ContentError):
    """Content is longer or shorter than announced."""

    code = "content.size"


class StoreError(ArchiverError):
    """The archive folder cannot be read or written."""

    code = "store.failed"


class StorageFull(StoreError):
    """There is no space left, or a quota is reached."""

    code = "store.full"


class StorageDenied(StoreError):
    """The file system is read-only or permission is missing."""

    code = "store.denied"


class NameUnusable(StoreError):
    """This system, or this file system, cannot have a file of the name that it should get."""

    code = "store.name"


class FormatUnsupported(StoreError):
    """The archive was written in a format that this program does not know."""

    code = "store.format"


class RecordCorrupt(StoreError):
    """Something inside the archive is not what the archive's own records say."""

    code = "store.corrupt"


class NotArchived(ArchiverError):
    """The project, snapshot, blob or record that was asked for is not in the archive."""

    code = "store.absent"


class ArchivesCollide(UsageError):
    """Two archives have something of the same name that is not the same, so that they cannot become one."""

    code = "merge.collision"


class SearchUnavailable(ArchiverError):
    """There is no search index, or it cannot be put where it can be searched."""

    code = "search.off"


class LockHeld(ArchiverError):
    """Another run holds the lock."""

    code = "store.locked"


class FetchError(ArchiverError):
    """Something could not be fetched; ``place`` is the URL.

    Attributes:
        answered: whether the server that was asked had answered, and what failed came behind that: a body, or
            where it redirected to.
    """

    code = "fetch.failed"
    answered: bool = False


class HostUnreachable(FetchError):
    """Name resolution, connection or TLS failed."""

    code = "fetch.unreachable"


class CertificateRefused(HostUnreachable):
    """The server's certificate is not one to trust, or it does not take ours."""

    code = "fetch.certificate"


class TlsMissing(HostUnreachable):
    """The server speaks no TLS where it is to be spoken to by https."""

    code = "fetch.tls"


class FetchTimeout(FetchError):
    """The server did not answer, or stopped sending, within the time allowed."""

    code = "fetch.timeout"


class ResponseBroken(FetchError):
    """The response ended early or breaks HTTP's framing."""

    code = "fetch.broken"


class StatusRefused(FetchError):
    """The server answered with an error status."""

    code = "fetch.status"


class ServerBusy(FetchError):
    """The server cannot answer for now: 408, 429 or a 5xx; ``wait`` is the seconds it asks for, if it does."""

    code = "fetch.busy"

    def __init__(self, message: str, *, place: str | None = None, wait: float | None = None) -> None:
        super().__init__(message, place=place)
        self.wait = wait


class RateLimited(ServerBusy):
    """The server wants no more requests for now (429); ``window`` is the seconds that its limit counts, if it says so."""

    code = "fetch.limited"

    def __init__(
        self,
        message: str,
        *,
        place: str | None = None,
        wait: float | None = None,
        window: float | None = None,
    ) -> None:
        super().__init__(message, place=place, wait=wait)
        self.window = window


class UnexpectedContent(FetchError):
    """The server answered with something of another kind, such as a web page in place of an archive."""

    code = "fetch.content"


class ResponseTruncated(FetchError):
    """The response is longer than what is archived of one; only its beginning was kept."""

    code = "fetch.truncated"


class PageMoved(FetchError):
    """What was a page before redirects to somewhere that the spec does not ask for."""

    code = "fetch.moved"


class PageReplaced(FetchError):
    """A page that was there leads to the front page or to nothing now, or shows a notice in place of what it had."""

    code = "fetch.replaced"


class SoftNotFound(FetchError):
    """The server answered 200, but what it sent is its error page."""

    code = "fetch.soft404"


class LoginRequired(FetchError):
    """The server sent a login page in place of what was asked for."""

    code = "fetch.login"


class DomainParked(FetchError):
    """There is no site any more: its domain is parked, for sale, or has a placeholder."""

    code = "fetch.parked"


class PrivateAddress(FetchError):
    """The host has an address that only a private network reaches, and no business there."""

    code = "fetch.private"


class SecretEchoed(FetchError):
    """The answer has a credential in it that was sent along; it is not archived."""

    code = "fetch.secret"


class Unreadable(FetchError):
    """What the server sent cannot be worked with, in a way that nobody foresaw."""

    code = "fetch.unreadable"


class RobotsForbidden(FetchError):
    """robots.txt forbids what the spec asks for."""

    code = "fetch.robots"


class RobotsUnread(FetchError):
    """robots.txt cannot be had or read, which forbids everything for as long as that lasts (RFC 9309, section 2.3.1.4)."""

    code = "fetch.norobots"


class NamesCollide(UsageError):
    """Several images would get one name in the registry that they are pushed to; ``place`` is that name."""

    code = "push.names"


class RegistryError(FetchError):
    """A registry answered something that cannot be used."""

    code = "registry.failed"


class AuthenticationFailed(RegistryError):
    """The registry wants credentials, or refuses the ones given."""

    code = "registry.auth"


class ManifestUnknown(RegistryError):
    """The registry has no such tag or digest."""

    code = "registry.unknown"


class TagGone(ManifestUnknown):
    """The registry had this tag when it was archived, and has it no longer; the archived copy stays."""

    code = "registry.gone"


class MirrorDiffers(RegistryError):
    """The registry cannot be asked, and a mirror says that a tag means something else than the registry said before."""

    code = "registry.mirror"


class NoTagMatches(RegistryError):
    """The repository has no tag that a rule of the spec matches, or none that all of them leave."""

    code = "registry.tags"


class FileGone(FetchError):
    """The server had this file when it was archived, and has it no longer; the archived copy stays."""

    code = "files.gone"


class ChecksumUnknown(FetchError):
    """The list of checksums that the spec names for a file does not list it, or contradicts itself about it."""

    code = "files.checksum"


class NothingListed(FetchError):
    """An index lists no file that the spec's globs match."""

    code = "files.index"


class NothingToCompare(UsageError):
    """Two snapshots are to be compared, and there is only one."""

    code = "diff.nothing"


class NotLocked(ArchiverError):
    """What the spec asks for is not in the snapshot that is to be reproduced."""

    code = "lock.absent"


class NothingRefused(UsageError):
    """A snapshot has nothing that the guard refused and that could be accepted still."""

    code = "accept.nothing"


class RunUnfinished(UsageError):
    """A run of the project was begun and not finished: it is to be finished first."""

    code = "accept.unfinished"


class EvidencePruned(NotArchived):
    """What the guard refused is not kept any more; ``place`` is where it was."""

    code = "accept.pruned"


class ManifestUnsupported(RegistryError):
    """The manifest is of a kind, size or nesting that is not accepted."""

    code = "registry.manifest"


class IndexRefused(RegistryError):
    """The registry takes an index only with all that it lists, and what is pushed does not have all of that."""

    code = "push.sparse"


class PlatformMissing(RegistryError):
    """The image exists, but not for a platform that the spec names."""

    code = "registry.platform"


class LayerForeign(RegistryError):
    """A layer that the registry does not distribute cannot be had from its publisher either."""

    code = "registry.foreign"


class TitleUnsafe(RegistryError):
    """An artifact titles one of its files with a path that leads out of the folder it would be written to."""

    code = "registry.title"


class Stopped(ArchiverError):
    """The run was asked to stop; what it has done so far is kept."""

    code = "stopped"


class HookFailed(ArchiverError):
    """The command that is to be called for bad news could not be run, or failed; what was archived is as it was."""

    code = "hook.failed"


class BundleError(ArchiverError):
    """A bundle cannot be made or read."""

    code = "bundle.failed"


class NotABundle(BundleError):
    """The file is not recognisable as a bundle."""

    code = "bundle.unrecognised"


class BundleDamaged(BundleError):
    """The bundle's structure contradicts itself; ``place`` names the member."""

    code = "bundle.damaged"


class VolumeUnfit(BundleError):
    """A file is missing among a bundle's volumes, or cannot be one of them; ``place`` is the file to replace.

    ``more`` are the other volumes of which the same is to be said.
    """

    code = "bundle.volume"


class SignatureRefused(BundleError):
    """A bundle is not signed by any of those who were asked for; ``problem`` is what ``verify`` calls it."""

    code = "bundle.signature"

    def __init__(
        self, problem: str, message: str, *, place: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, place=place, hint=hint)
        self.problem = problem


class BundleIncomplete(BundleError):
    """What a bundle must hold is missing from the archive or damaged there; ``place`` names it."""

    code = "bundle.incomplete"


class SigningFailed(UsageError):
    """What was named cannot sign: no key, none that can be used here, or a wrong passphrase; ``place`` is the key."""

    code = "usage.key"


class CertificateUnusable(UsageError):
    """What the server is to show by TLS cannot be read, does not fit together, or cannot be made; ``place`` is the file."""

    code = "usage.certificate"


class FileInTheWay(UsageError):
    """Something else is where a file is to be written; ``more`` are the others. Nothing is overwritten."""

    code = "usage.exists"


class SnapshotDiffers(UsageError):
    """A bundle brings a snapshot that is there already, and is another: it was made for other platforms, say."""

    code = "load.differs"


class RuntimeUnavailable(UsageError):
    """A container runtime's command is missing, or its daemon does not answer; ``place`` is the command."""

    code = "load.unavailable"


class RuntimeRefused(ArchiverError):
    """A container runtime did not take the images; the message has what it said, ``place`` is its command."""

    code = "load.refused"


class LayersUnsupported(UsageError):
    """A container runtime cannot unpack the layers of some images; nothing was sent to it."""

    code = "load.layers"


class DeltaIncomplete(BundleError):
    """A delta was opened alone, and nothing can be read without the bundle that it builds on."""

    code = "bundle.delta"

    @classmethod
    def of(cls, delta: PurePath, project: str, base: str) -> DeltaIncomplete:
        """Return what is to be said of a delta: the snapshot of the bundle it builds on, and how to read both."""
        return cls(
            f"this is a delta: it has only what came since the bundle of snapshot {base}",
            place=str(delta),
            hint=f"put both together: archiver load {project}-{base}.tar {delta} --into ./{project}; "
            f"then: archiver serve ./{project}",
        )


class InternalError(ArchiverError):
    """A defect of this program that one piece of the work brought out, while the rest goes on."""

    code = "internal"

    @classmethod
    def of(cls, error: Exception) -> InternalError:
        """Return what is to be said of an exception that nobody expected: what it is, and where it was raised."""
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else None
        return cls(printable(f"{type(error).__name__}: {error}"), place=place)
