from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from archiver.bundle.members import check_names
from archiver.core.errors import BundleError, SizeMismatch
from archiver.core.tarstream import Member, TarWriter, data_offsets, small_member, tar_size

if TYPE_CHECKING:
    from archiver.core.tarstream import Sink

LONG = "files/" + "/".join(["a-long-folder-name"] * 8) + "/file.txt"


def _written(members: list[Member]) -> bytes:
    output = io.BytesIO()
    tar = TarWriter(output)
    for member in members:
        tar.add(member)
    tar.finish()
    assert tar.offset == len(output.getvalue())
    return output.getvalue()


def test_python_reads_every_member_where_it_was_announced() -> None:
    """Short, long, non-ASCII and empty members are read back by tarfile, at the offsets known beforehand."""
    contents = {"README.txt": b"hello", LONG: b"x" * 1025, "files/安装.txt": "安装".encode(), "empty": b""}
    data = _written([small_member(path, content) for path, content in contents.items()])
    layout = [(path, len(content)) for path, content in contents.items()]
    assert len(data) == tar_size(layout)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = {info.name: (info, tar.extractfile(info).read()) for info in tar}  # type: ignore[union-attr]  # every member is a file
    assert {name: content for name, (_, content) in found.items()} == contents
    assert [info.offset_data for info, _ in found.values()] == data_offsets(layout)
    assert all((info.mtime, info.mode, info.uid) == (0, 0o644, 0) for info, _ in found.values())


@pytest.mark.parametrize("sent", [b"four", b"sixsix"])
def test_a_member_of_another_size_than_announced_is_an_error(sent: bytes) -> None:
    """A tar whose member sends fewer or more bytes than its header says is never finished."""

    def write(sink: Sink) -> None:
        sink.write(sent)

    with pytest.raises(SizeMismatch) as raised:
        _written([Member("five", 5, write)])
    assert raised.value.place == "five"


@pytest.mark.parametrize(
    "paths",
    [
        ["/absolute"],
        ["files/../../etc/passwd"],
        ["files//twice"],
        ["files/."],
        ["files\\windows"],
        ["files/line\nbreak"],
        ["files/same", "files/same"],
        ["files/Case", "files/case"],
        ["files/é", "files/é"],
        ["files/a/b", "files/a"],
        ["files/a", "files/a/b"],
    ],
)
def test_names_that_cannot_be_unpacked_side_by_side_are_refused(paths: list[str]) -> None:
    """Absolute, climbing, unprintable, repeated and colliding names are refused; the error names one."""
    with pytest.raises(BundleError) as raised:
        check_names(paths)
    assert repr(paths[-1])[:20] in str(raised.value.place)


def test_ordinary_names_are_accepted() -> None:
    """Names that share folders or beginnings do not collide."""
    check_names(["files/a/b", "files/a/c", "files/a.txt", "files/ab", "README.txt", "files/安装.txt"])
