"""Whether the tar, bundle.json and SHA256SUMS say the same; digests of data are not computed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.offline import names
from archiver.offline.names import (
    CAPTURES,
    CONTENTS,
    FILE_RECORDS,
    IMAGES,
    REPORT,
    REPORT_PAGE,
    SEARCH,
    SUMS,
    UNLISTED,
)

if TYPE_CHECKING:
    from archiver.core.digest import Digest
    from archiver.offline.bundlejson import Contents
    from archiver.offline.problems import Report
    from archiver.offline.tarwalk import Entry


def check_order(present: list[str], report: Report) -> None:
    """Check that the members that must be there are, and that all stand in their order."""
    for name in names.REQUIRED:
        if name not in present:
            report("member.missing", name, "every bundle has this member")
    latest = -1
    for name in present:
        rank = names.rank(name)
        if rank is None:
            report("member.unexpected", name, "no bundle has a member of this name")
        elif rank < latest:
            report("member.order", name, "the member stands behind one that it should precede")
        else:
            latest = rank


def check_members(contents: Contents, members: dict[str, Entry], report: Report) -> None:
    """Check that bundle.json and the tar have the same members, in the same places."""
    listed = contents.members
    there = [name for name in members if name not in UNLISTED]
    paths = [member.path for member in listed]
    for name in sorted(set(there) - set(paths)):
        report("member.unexpected", name, "bundle.json does not list the member")
    for member in listed:
        entry = members.get(member.path)
        if entry is None or member.path in UNLISTED:
            report("member.missing", member.path, "bundle.json lists the member, the tar does not have it")
        elif (entry.offset, entry.size) != (member.offset, member.size):
            report(
                "bundle.member",
                member.path,
                f"{entry.size} bytes at {entry.offset}, but bundle.json says {member.size} at {member.offset}",
            )
    common = set(there) & set(paths)
    if [name for name in paths if name in common] != [name for name in there if name in common]:
        report("bundle.member", CONTENTS, "the members are not listed once each in the order of the tar")


def check_sums(contents: Contents, sums: dict[str, Digest], report: Report) -> None:
    """Check that bundle.json and SHA256SUMS have the same digests."""
    for member in contents.members:
        if member.path in sums and sums[member.path] != member.digest:
            report("bundle.member", member.path, f"bundle.json and {SUMS} have different digests")


def check_references(contents: Contents, members: dict[str, Entry], report: Report) -> None:
    """Check that what bundle.json describes is among the members that it lists, and the other way round."""
    by_role: dict[str, list[str]] = {}
    required = frozenset(contents.requires)
    for member in contents.members:
        by_role.setdefault(member.role, []).append(member.path)
        if member.role != names.role(member.path):
            report("bundle.reference", member.path, f"the role cannot be {member.role!r}")
    pairs = (
        ("docs", [site.path for site in contents.docs]),
        ("search", [SEARCH] if contents.docs else []),
        ("images", [IMAGES] if contents.images else []),
        ("file", [file.path for file in contents.files if file.digest not in required]),
        ("record", _record_members(contents, by_role)),
    )
    for role, expected in pairs:
        there = by_role.get(role, [])
        for path in sorted(set(expected) - set(there)):
            report("bundle.reference", path, "bundle.json speaks of the member, but does not list it")
        for path in sorted(set(there) - set(expected)):
            report("bundle.reference", path, "bundle.json lists the member, but nothing speaks of it")
    _check_delta(contents, report)
    _check_distinct(contents, report)
    _check_indexes(contents, report)
    _check_files(contents, report)
    _check_blobs(contents, members.get(IMAGES), report)


def _record_members(contents: Contents, by_role: dict[str, list[str]]) -> list[str]:
    reports = [REPORT, REPORT_PAGE] if {REPORT, REPORT_PAGE}.intersection(by_role.get("record", [])) else []
    return [names.RECORD, CAPTURES, *reports, *([FILE_RECORDS] if contents.files else [])]


def _check_delta(contents: Contents, report: Report) -> None:
    """Check what only a delta may say, and what it must not."""
    suffix = names.DELTA_DOCS_SUFFIX if contents.is_delta else names.DOCS_SUFFIX
    for site in contents.docs:
        if site.path != f"docs/{site.name}{suffix}":
            report(
                "bundle.reference", site.path, f"the docs of {site.name!r:.80} are not in docs/NAME{suffix}"
            )
    needed, packed = contents.requires, {blob.digest for blob in contents.blobs}
    if list(needed) != sorted(set(needed)):
        report("bundle.reference", CONTENTS, "'requires' is not sorted, or has a digest twice")
    if contents.since is None:
        if needed:
            report("bundle.reference", CONTENTS, "it requires what is not in it, and is no delta")
    elif contents.since.snapshot >= contents.snapshot:
        report(
            "bundle.reference", CONTENTS, f"the base {contents.since.snapshot} is not older than the delta"
        )
    for digest in needed:
        if digest in packed:
            report("bundle.reference", str(digest), "the blob is here, and required as well")
    if contents.reader_image and all(image.reference != contents.reader_image for image in contents.images):
        report("bundle.reference", contents.reader_image, "the reader's image is none of the images")


def _check_distinct(contents: Contents, report: Report) -> None:
    named = {
        "docs": [site.name for site in contents.docs],
        "docs' files": [site.path for site in contents.docs],
        "images": [image.reference for image in contents.images],
        "files": [file.path for file in contents.files],
        "blobs": [str(blob.digest) for blob in contents.blobs],
    }
    for what, values in named.items():
        if len(set(values)) != len(values):
            report("bundle.reference", CONTENTS, f"two entries of {what!r} have the same name")


def _check_indexes(contents: Contents, report: Report) -> None:
    """Check that the indexes are those that bundle.json names: a delta has the one of captures whole, that of pages in part."""
    digests = {member.path: member.digest for member in contents.members}
    if digests.get(CAPTURES, contents.captures_digest) != contents.captures_digest:
        report("bundle.reference", CAPTURES, f"it is not the one of 'captures_digest' in {CONTENTS}")
    if not contents.is_delta and digests.get(SEARCH) != contents.search_digest:
        report("bundle.reference", SEARCH, f"it is not the one of 'search_digest' in {CONTENTS}")
    if (contents.search_digest is None) == bool(contents.docs):
        report("bundle.reference", CONTENTS, "'search_digest' goes with docs, and only with them")


def _check_files(contents: Contents, report: Report) -> None:
    listed = {member.path: member for member in contents.members}
    for file in contents.files:
        member = listed.get(file.path)
        differs = member is not None and (
            member.size != file.size or (file.digest.algorithm == "sha256" and member.digest != file.digest)
        )
        if differs:
            report(
                "bundle.reference", file.path, "the file's entry has another size or digest than the member's"
            )


def _check_blobs(contents: Contents, images: Entry | None, report: Report) -> None:
    blobs = {blob.digest for blob in contents.blobs}
    for blob in contents.blobs:
        inside = images is not None and (
            images.offset <= blob.offset and blob.offset + blob.size <= images.offset + images.size
        )
        if not inside:
            report("bundle.reference", str(blob.digest), f"the blob's place is not inside {IMAGES}")
    known = blobs.union(contents.requires)
    for image in contents.images:
        if image.digest not in known:
            report("images.missing", image.reference, f"no blob {image.digest} is listed for it")
