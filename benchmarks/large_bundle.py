"""Makes a bundle of tens of gigabytes in a second: a real one, grown by blobs and files that are holes in a sparse file.

All that opening reads is there: headers, padding, bundle.json, SHA256SUMS, the docs. The data of blobs and files is
not, so ``verify`` would find as many problems.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Iterator

from archiver.core.tarstream import Member, Sink, TarWriter, data_offsets, small_member, tar_size
from archiver.offline.bundle import OpenBundle, read_bundle
from archiver.offline.imagetar import read_image_tar
from archiver.offline.names import CONTENTS, FILES, IMAGES, SUMS, UNLISTED
from archiver.offline.windows import chunks

if TYPE_CHECKING:
    from pathlib import Path

_KEPT = 1 << 20  # blobs and files of more bytes become holes


class Hole:
    """So many bytes of nothing."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


class SparseFile:
    """A sink that leaves holes out."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("wb")

    def write(self, data: bytes | Hole, /) -> None:
        """Take the next bytes."""
        if isinstance(data, Hole):
            self._stream.seek(len(data), 1)
        else:
            self._stream.write(data)

    def close(self) -> None:
        """Finish the file."""
        self._stream.truncate()
        self._stream.close()


def grown(path: Path, target: Path, size: int, blobs: int, files: int) -> None:
    """Write a bundle like the one at ``path`` with so many more blobs and files, and of about ``size`` bytes."""
    with read_bundle(path) as bundle:
        document = json.loads(bundle.read_member(CONTENTS, 1 << 30))
        each = (size - path.stat().st_size) // (blobs + files)
        images = _images(bundle, _fakes("blob", blobs, each))
        listed = {FILES + f"releases.example.org/{number % 50}/{digest[7:23]}.tar.gz": digest
                  for number, digest in enumerate(_fakes("file", files, each))}  # fmt: skip
        members = list(_members(bundle, images, dict.fromkeys(listed, each)))
        _describe(document, members, images, {path: (digest, each) for path, digest in listed.items()})
        described = json.dumps(document).encode()
        sums = {member["path"]: member["digest"] for member in document["members"]}
        sums[CONTENTS] = f"sha256:{hashlib.sha256(described).hexdigest()}"
        lines = "".join(f"{digest[7:]}  {name}\n" for name, digest in sums.items())
        members += [small_member(CONTENTS, described), small_member(SUMS, lines.encode())]
        sink = SparseFile(target)
        _write(members, sink)
        sink.close()


def _fakes(kind: str, count: int, size: int) -> dict[str, int]:
    """Return digests that nothing hashes to, with a size."""
    return {f"sha256:{hashlib.sha256(f'{kind} {n}'.encode()).hexdigest()}": size for n in range(count)}


def _images(bundle: OpenBundle, more: dict[str, int]) -> list[Member]:
    part = bundle.part(IMAGES)
    tar = read_image_tar(part, 0, bundle.contents, lambda *_: None)
    there = [_copied(entry.name, part, entry.offset, entry.size) for entry in tar.entries]
    there += [_hole(f"blobs/sha256/{digest[7:]}", size) for digest, size in more.items()]
    documents = [member for member in there if not member.path.startswith("blobs/")]
    return documents + sorted(there[len(documents) :], key=lambda member: member.path)


def _members(bundle: OpenBundle, images: list[Member], files: dict[str, int]) -> Iterator[Member]:
    """Yield all members but the closing ones, in order."""
    size = tar_size((member.path, member.size) for member in images)
    entries = [entry for name, entry in bundle.structure.members.items() if name not in UNLISTED]
    for entry in entries:
        if entry.name == IMAGES:
            yield Member(IMAGES, size, lambda sink: _write(images, sink))
        elif not entry.name.startswith(FILES):
            yield _copied(entry.name, bundle.source, entry.offset, entry.size)
        if entry.name == IMAGES:
            yield from (_hole(path, size) for path, size in sorted(files.items()))


def _write(members: list[Member], sink: Sink) -> None:
    tar = TarWriter(sink)
    for member in members:
        tar.add(member)
    tar.finish()


def _copied(path: str, source: Any, offset: int, size: int) -> Member:
    if size > _KEPT and path.startswith("blobs/"):
        return _hole(path, size)

    def write(sink: Sink) -> None:
        for chunk in chunks(source, offset, size):
            sink.write(chunk)

    return Member(path, size, write)


def _hole(path: str, size: int) -> Member:
    return Member(path, size, lambda sink: sink.write(Hole(size)))  # type: ignore[arg-type]


def _describe(
    document: dict[str, Any], members: list[Member], images: list[Member], files: dict[str, tuple[str, int]]
) -> None:
    """Make bundle.json say what is there now."""
    roles = {member["path"]: member for member in document["members"]}
    places = dict(zip((m.path for m in members), data_offsets((m.path, m.size) for m in members)))
    document["members"] = [
        {
            "path": member.path,
            "size": member.size,
            "offset": places[member.path],
            "digest": files[member.path][0] if member.path in files else roles[member.path]["digest"],
            "role": "file" if member.path in files else roles[member.path]["role"],
        }
        for member in members
    ]
    inner = data_offsets((member.path, member.size) for member in images)
    document["blobs"] = [
        {
            "digest": f"sha256:{member.path.rpartition('/')[2]}",
            "size": member.size,
            "offset": places[IMAGES] + at,
        }
        for member, at in zip(images, inner)
        if member.path.startswith("blobs/")
    ]
    document["files"] = [
        {
            "url": f"https://{path[len(FILES) :]}",
            "path": path,
            "digest": digest,
            "size": size,
            "media_type": "",
        }
        for path, (digest, size) in sorted(files.items())
    ]
