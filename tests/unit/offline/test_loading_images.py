"""Which images of bundles a runtime gets, for which platform, and how they are sent to it."""

from __future__ import annotations

import io
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Iterator

import pytest

from archiver.bundle.build import build_bundle
from archiver.core.descriptor import OCI_MANIFEST, Descriptor, Platform
from archiver.core.digest import Digest
from archiver.core.errors import (
    DigestMismatch,
    LayersUnsupported,
    NotArchived,
    RecordCorrupt,
    RuntimeRefused,
    RuntimeUnavailable,
    UsageError,
)
from archiver.core.progress import NullProgress
from archiver.offline.bundle import read_bundle
from archiver.offline.loading.choosing import choices, selected
from archiver.offline.loading.piping import pipe, run_quietly
from archiver.offline.loading.runtimes import Containerd, DockerLike, runtime
from archiver.offline.loading.shelf import JoinedImages, joined_images
from archiver.store.imagestar import ImagesTar, TarImage
from servers.small_archive import IMAGE, SINGLE, ArchiveBuilder

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.offline.loading.choosing import Choice

AMD64, ARM64, S390X = Platform("linux", "amd64"), Platform("linux", "arm64"), Platform("linux", "s390x")
CHART = "ghcr.io/charts/chart:1"
OTHER = "20260401T120000Z"


@pytest.fixture
def builder(tmp_path: Path) -> ArchiveBuilder:
    """An archive with an image of two platforms, one of a single platform, and a chart."""
    made = ArchiveBuilder(tmp_path / "archives")
    made.image(IMAGE, ("linux/amd64", "linux/arm64"))
    made.image(SINGLE, ("linux/arm64",), salt="single")
    made.artifact(CHART, b"chart")
    made.finish()
    return made


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """What is open, until the test ends."""
    with ExitStack() as stack:
        yield stack


def _bundle(builder: ArchiveBuilder, folder: Path, snapshot: str | None = None) -> Path:
    return build_bundle(
        builder.archive, builder.paths.name, snapshot=snapshot, output=folder / f"{snapshot}.tar"
    ).path


@pytest.fixture
def shelf(builder: ArchiveBuilder, tmp_path: Path, held: ExitStack) -> JoinedImages:
    """The images of a bundle of that archive."""
    return joined_images([held.enter_context(read_bundle(_bundle(builder, tmp_path)))])


def _platforms(shelf: JoinedImages, wanted: Platform) -> dict[str, str]:
    return {each.reference: str(each.platform) for each in choices(shelf, shelf.entries, wanted)}


def test_an_image_is_chosen_for_the_runtimes_platform(shelf: JoinedImages) -> None:
    """Of several platforms the runtime's is taken, else the one that the bundle prefers; what has one comes anyway."""
    assert _platforms(shelf, ARM64) == {IMAGE: "linux/arm64", SINGLE: "linux/arm64"}
    assert _platforms(shelf, AMD64) == {IMAGE: "linux/amd64", SINGLE: "linux/arm64"}
    assert _platforms(shelf, S390X) == {IMAGE: "linux/amd64", SINGLE: "linux/arm64"}


def test_a_choice_has_all_that_it_needs_and_no_more(shelf: JoinedImages) -> None:
    """Beside the manifest's own blobs there are the indexes that lead to it, and nothing of other platforms."""
    image, single = choices(shelf, shelf.entries, ARM64)
    assert set(image.indexes) == {image.root.digest}
    assert set(image.blobs) == {image.descriptor.digest, *(each.digest for each in image.manifest.blobs)}
    assert not single.indexes
    assert single.root.digest == single.descriptor.digest


def test_images_are_selected_by_names_as_people_write_them(shelf: JoinedImages) -> None:
    """A short name means Docker Hub's; what is not there is told with what is."""
    assert [entry.reference for entry in selected(shelf.entries, ["small:1.0"])] == [IMAGE]
    assert [entry.reference for entry in selected(shelf.entries, [])] == [IMAGE, SINGLE, CHART]
    with pytest.raises(UsageError) as raised:
        selected(shelf.entries, ["small:2.0"])
    assert IMAGE in (raised.value.hint or "")


def test_the_newest_bundle_of_a_project_says_what_its_images_are(
    builder: ArchiveBuilder, tmp_path: Path, held: ExitStack
) -> None:
    """Of two snapshots the newer one counts, in whatever order they are given; another project's images come along."""
    first = _bundle(builder, tmp_path, builder.finish().id)
    builder.images = []
    newer = builder.image(IMAGE, ("linux/amd64",), salt="newer")
    builder.finish(OTHER)
    second = _bundle(builder, tmp_path, OTHER)
    other = ArchiveBuilder(tmp_path / "archives", "other")
    other.image("quay.io/other/tool:1", ("linux/amd64",), salt="other")
    other.finish()
    third = _bundle(other, tmp_path)
    bundles = [held.enter_context(read_bundle(path)) for path in (second, third, first)]
    shelf = joined_images(bundles)
    assert {entry.reference: str(entry.digest) for entry in shelf.entries} == {
        IMAGE: newer.digest,
        "quay.io/other/tool:1": other.images[0].digest,
    }
    assert [image.project for image in shelf.images] == ["other", "small"]


def test_a_shelf_reads_what_is_there_and_checks_it(shelf: JoinedImages) -> None:
    """Small blobs are checked when they are read; what no bundle has is said by its digest."""
    digest, absent = shelf.entries[0].digest, Digest("sha256", "0" * 64)
    assert Digest.of(shelf.read(digest, 1 << 20)) == digest
    with pytest.raises(RecordCorrupt, match="not what its digest says"):
        shelf.read(digest, 10)
    assert shelf.size(absent) is None
    with pytest.raises(NotArchived):
        shelf.open(absent)


# ---- what runtimes are told


def _chosen(shelf: JoinedImages, wanted: Platform) -> tuple[Choice, ...]:
    return choices(shelf, shelf.entries, wanted)


def test_docker_gets_one_manifest_a_name(shelf: JoinedImages) -> None:
    """Both docker and podman get all in one tar, each name with the manifest of its platform in place of the index."""
    chosen = _chosen(shelf, ARM64)
    ((command, images),) = DockerLike("podman", ()).shipments(chosen)
    assert command == ["podman", "load", "--quiet"]
    assert [image.root.digest for image in images] == [each.descriptor.digest for each in chosen]


def test_containerd_is_told_of_platforms_that_are_not_its_own(shelf: JoinedImages) -> None:
    """An index of which only another machine's platform is to go in has a run of ctr of its own."""
    shipments = Containerd("here").shipments(_chosen(shelf, S390X))
    assert all(command[:3] == ["ctr", "--namespace", "here"] for command, _ in shipments)
    foreign = Containerd("here").shipments([*_chosen(shelf, AMD64), *_chosen(shelf, ARM64)])
    flags = [[word for word in command if "/" in word] for command, _ in foreign]
    assert [] in flags
    assert [part for flag in flags for part in flag] in (["linux/arm64"], ["linux/amd64"])


@pytest.mark.parametrize(
    ("version", "refused"), [("20.10.24+dfsg1", True), ("23.0.1", False), ("dev", False)]
)
def test_only_old_dockers_are_spared_zstd(
    shelf: JoinedImages, monkeypatch: pytest.MonkeyPatch, version: str, refused: bool
) -> None:
    """A version that is known not to unpack zstd is sent none of it; one that nobody can read is tried."""
    docker = DockerLike("docker", ())
    monkeypatch.setattr("archiver.offline.loading.runtimes.run_quietly", lambda _: f"{version} linux/amd64\n")
    assert docker.prepare() == AMD64
    chosen = _chosen(shelf, AMD64)
    docker.check(chosen)
    monkeypatch.setattr("archiver.offline.loading.choosing.layer_compression", lambda _: "zstd")
    if refused:
        with pytest.raises(LayersUnsupported, match=r"20\.10\.24"):
            docker.check(chosen)
    else:
        docker.check(chosen)


def test_an_answer_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command of the right name that answers something else is no runtime."""
    monkeypatch.setattr("archiver.offline.loading.runtimes.run_quietly", lambda _: "hello\n")
    with pytest.raises(RuntimeUnavailable, match="hello"):
        DockerLike("docker", ()).prepare()


def test_what_is_no_runtime_is_a_folder() -> None:
    """Three names mean runtimes; all else, paths to folders of these names too, does not."""
    assert [
        getattr(runtime(name, "k8s.io"), "name", None) for name in ("docker", "podman", "containerd")
    ] == [
        "docker",
        "podman",
        "containerd",
    ]
    assert runtime("./docker", "k8s.io") is None


# ---- the pipe


def _tar(content: bytes, digest: Digest | None = None) -> ImagesTar:
    """A tar with one blob, which has another digest if one is given."""

    class Source:
        def open(self, _: Digest) -> io.BytesIO:
            return io.BytesIO(content)

    at = digest or Digest.of(content)
    return ImagesTar(
        [TarImage(IMAGE, Descriptor(OCI_MANIFEST, at, len(content)), {at: len(content)}, None)], Source()
    )


def _python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def _piped(tar: ImagesTar, command: list[str]) -> None:
    pipe(tar, command, NullProgress().task("", "B"))


def test_a_command_gets_the_whole_tar(tmp_path: Path) -> None:
    """What comes in at the other end is the tar, to its last byte."""
    tar, seen, expected = _tar(b"content" * 100_000), tmp_path / "seen", io.BytesIO()
    _piped(tar, _python(f"import sys; open({str(seen)!r}, 'wb').write(sys.stdin.buffer.read())"))
    tar.write(expected)
    assert seen.read_bytes() == expected.getvalue()


def test_a_command_never_sees_the_end_of_a_wrong_tar(tmp_path: Path) -> None:
    """It is killed while it waits for more: what it would do at the end of its input does not happen."""
    done = tmp_path / "done"
    program = f"import sys; sys.stdin.buffer.read(); open({str(done)!r}, 'w')"
    with pytest.raises(DigestMismatch):
        _piped(_tar(b"content" * 100_000, Digest("sha256", "0" * 64)), _python(program))
    assert not done.exists()


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.stdin.buffer.read(100); sys.exit('no room')", "exit code 1: no room"),
        ("import sys; sys.stdin.buffer.read(); print('bad tar'); sys.exit(4)", "exit code 4: bad tar"),
        ("import sys; sys.stdin.buffer.read(100)", "exit code 0: it says nothing"),
        ("import os; os.kill(os.getpid(), 9)", "signal 9"),
        ("import sys; sys.stderr.write('x' * 1_000_000); sys.stdin.buffer.read(); sys.exit(1)", "xxx"),
    ],
)
def test_a_command_that_does_not_take_all_has_refused(program: str, said: str) -> None:
    """Whatever ends it early, and however much it says, its last words are the error's."""
    with pytest.raises(RuntimeRefused) as raised:
        _piped(_tar(b"content" * 500_000), _python(program))
    assert said in raised.value.message
    assert len(raised.value.message) < 6000


def test_commands_that_are_not_there_or_fail_are_unavailable() -> None:
    """Both what is not installed and what cannot reach its daemon say so with their name."""
    with pytest.raises(RuntimeUnavailable, match="no such command"):
        run_quietly(["no-such-command-anywhere", "version"])
    with pytest.raises(RuntimeUnavailable, match="daemon is away"):
        run_quietly(_python("import sys; sys.exit('daemon is away')"))
    with pytest.raises(RuntimeUnavailable, match="no such command"):
        _piped(_tar(b"content"), ["no-such-command-anywhere"])
