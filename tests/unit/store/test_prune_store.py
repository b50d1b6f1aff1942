from __future__ import annotations

import json
import os
import shutil
import signal

import pytest

from archiver.bundle.imageclosure import image_contents
from archiver.core.descriptor import REF_NAME
from archiver.core.digest import Digest
from archiver.core.errors import LockHeld, NotArchived, RecordCorrupt
from archiver.store.blobs import BlobReader
from archiver.store.images import ImageLayout, read_index
from archiver.store.imagewalk import walk_image
from archiver.store.paths import open_archive
from archiver.store.prune import find_garbage, prune
from archiver.store.runs import note_begun, note_finished
from archiver.store.snapshots import list_snapshots, read_snapshot
from servers.small_archive import EARLIER, IMAGE, SNAPSHOT, ArchiveBuilder, small_archive
from servers.stepping import PRUNING, killed_at

OTHER = "docker.io/library/other:2"
NEW = "docker.io/library/new:1"
RUN = "20260401T000000Z"
LONG_AGO = 1_700_000_000  # before any run of these tests


def aged(root):
    """Make all files of a layout old, as those of earlier runs are."""
    for path in (root / "images").rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))


def stored(archive):
    """Return the digests of all blobs that are here."""
    return {path.name for path in (archive.images / "blobs").rglob("*") if path.is_file()}


def names(archive):
    """Return what each name of the index points to."""
    return {
        entry.annotations[REF_NAME]: str(entry.digest)
        for entry in read_index(archive.images)
        if entry.annotations
    }


def read_entry(archive, name):
    """Return the entry of the index that has a name."""
    return next(entry for entry in read_index(archive.images) if entry.annotations.get(REF_NAME) == name)


def begin_downloads(layout):
    """Leave the beginnings of a blob and of a download with its note."""
    with layout.blobs.resumable(Digest.of(b"large"), None) as blob:
        blob.write(b"lar")
    with layout.blobs.resumable_download("https://example.org/x") as download:
        download.restart(etag='"a"', modified="")
        download.write(b"x")


def check_layout(archive):
    """Check that all that snapshots and the index speak of is here."""
    store = BlobReader(archive.images)
    for paths in archive.project_folders():
        for snapshot in list_snapshots(paths):
            image_contents(read_snapshot(paths, snapshot), store, ())
    for entry in read_index(archive.images):
        for each in walk_image(store, entry, lambda digest: store.size(digest) is not None):
            for pointer in each.manifest.blobs:
                assert store.size(pointer.digest) == pointer.size
    assert json.loads((archive.images / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}


@pytest.fixture
def two(tmp_path):
    """Return the builders of two projects: the small one, and another that shares a layer and a tag's old meaning."""
    small = small_archive(tmp_path / "archives")
    other = ArchiveBuilder(tmp_path / "archives", "other")
    other.image(OTHER, ("linux/amd64",), salt="other", shared=b"base")
    other.file("https://dl.example.org/other.tar.gz", b"other" * 1000)
    other.finish()
    aged(tmp_path / "archives")
    return small, other


def test_nothing_goes_that_a_snapshot_reaches(two):
    """Indexes, manifests, configs, layers, artifacts and files of every project stay; pruning changes nothing."""
    archive = two[0].archive
    before, index = stored(archive), (archive.images / "index.json").stat().st_ino
    garbage = prune(archive).garbage
    assert garbage.files == garbage.lost == garbage.restored == ()
    assert (garbage.snapshots, len(garbage.kept)) == (2, len(before))
    assert stored(archive) == before
    assert (archive.images / "index.json").stat().st_ino == index


def test_a_project_that_is_gone_takes_its_own_along(two):
    """Without its folder, a project's blobs, files and names go; what another project shares stays."""
    small, other = two
    archive, before = small.archive, stored(small.archive)
    shutil.rmtree(other.paths.root)
    told = find_garbage(archive)
    assert stored(archive) == before, "finding changes nothing"
    assert told.lost == (OTHER,)
    # of the image its manifest, config and one of its two layers; of the file its manifest and content
    assert len(told.blobs) == 5
    assert sum(stale.size for stale in told.blobs) == sum(stale.path.stat().st_size for stale in told.blobs)
    assert prune(archive).garbage == told
    assert OTHER not in names(archive)
    assert IMAGE in names(archive)
    assert stored(archive) == before - {stale.path.name for stale in told.blobs}
    check_layout(archive)
    assert find_garbage(archive).files == ()


def test_what_a_tag_meant_before_stays_with_its_snapshot(tmp_path):
    """A tag that moved keeps its old image as long as a snapshot has it."""
    made = ArchiveBuilder(tmp_path)
    old = made.image(IMAGE, ("linux/amd64",), salt="old")
    made.finish(EARLIER)
    made.images.clear()
    new = made.image(IMAGE, ("linux/amd64",), salt="new")
    made.finish(SNAPSHOT)
    aged(tmp_path)
    assert prune(made.archive).garbage.files == ()
    made.paths.record(EARLIER).unlink()
    garbage = prune(made.archive).garbage
    assert old.digest.partition(":")[2] in {stale.path.name for stale in garbage.blobs}
    assert [str(entry.digest) for entry in read_index(tmp_path / "images")] == [new.digest]
    check_layout(made.archive)


def test_a_name_goes_back_to_what_a_snapshot_has_for_it(tmp_path):
    """When the newest meaning of a tag goes, the tag means what the snapshot that is left says."""
    made = ArchiveBuilder(tmp_path)
    old = made.image(IMAGE, ("linux/amd64", "linux/arm64"), salt="old")
    made.finish(EARLIER)
    made.images.clear()
    made.image(IMAGE, ("linux/amd64",), salt="new")
    made.finish(SNAPSHOT)
    made.paths.record(SNAPSHOT).unlink()
    aged(tmp_path)
    garbage = prune(made.archive).garbage
    assert (garbage.lost, garbage.restored) == ((), (IMAGE,))
    assert names(made.archive) == {IMAGE: old.digest}
    assert len(read_index(tmp_path / "images")) == 1
    check_layout(made.archive)


def test_of_a_sparse_index_only_what_was_kept_stays(tmp_path):
    """A platform that no snapshot kept goes; the index keeps its bytes."""
    made = ArchiveBuilder(tmp_path)
    image = made.image(IMAGE, ("linux/amd64", "linux/arm64"))
    made.images[0] = type(image)(
        **{**vars(image), "platforms": image.platforms[:1], "manifests": image.manifests[:1]}
    )
    made.finish()
    aged(tmp_path)
    prune(made.archive)
    assert image.digest.partition(":")[2] in stored(made.archive)
    assert image.manifests[1].partition(":")[2] not in stored(made.archive)
    check_layout(made.archive)


def test_an_unfinished_run_keeps_what_it_has_got(two):
    """What was written since a run began stays, with all that the index names of it; what is older goes."""
    small, other = two
    archive = small.archive
    shutil.rmtree(other.paths.root)
    old = {stale.path.name for stale in find_garbage(archive).blobs}
    note_begun(small.paths, RUN)
    pulled = small.image(NEW, ("linux/amd64",), salt="new", shared=b"from before")
    for each in walk_image(BlobReader(archive.images), read_entry(archive, NEW), lambda _: True):
        os.utime(small.layout.blobs.path(each.manifest.layers[0].digest), (LONG_AGO, LONG_AGO))
    loose = small.layout.blobs.put(b"a layer of an image that is not whole yet")
    begin_downloads(small.layout)
    note = next((archive.images / ".partial").glob("*.json"))
    os.utime(note, (LONG_AGO, LONG_AGO))  # a note is as old as what it is about
    garbage = prune(archive).garbage
    assert garbage.unfinished == ("small",)
    assert {stale.path.name for stale in garbage.blobs} == old
    assert garbage.partials == ()
    assert {pulled.digest.partition(":")[2], loose.hex} <= stored(archive)
    assert NEW in names(archive)
    check_layout(archive)


def test_when_a_run_is_finished_only_its_snapshot_counts(two):
    """What a run got and no snapshot has goes: loose blobs, names, and what came of downloads."""
    small, _ = two
    archive, before = small.archive, stored(small.archive)
    note_begun(small.paths, RUN)
    small.image(NEW, ("linux/amd64",), salt="new")
    small.layout.blobs.put(b"loose")
    begin_downloads(small.layout)
    note_finished(small.paths)
    garbage = prune(archive).garbage
    assert (garbage.unfinished, garbage.lost, len(garbage.partials)) == ((), (NEW,), 3)
    assert stored(archive) == before
    assert list((archive.images / ".partial").iterdir()) == []


def test_what_crashed_writers_left_goes(two):
    """Temporary files go from the archive's own folder and every one of the layout; what is not ours stays."""
    small, _ = two
    images = small.archive.images
    begin_downloads(small.layout)
    left = [
        small.archive.root / ".tmp-marker",
        images / ".tmp-index",
        images / "blobs/sha256/.tmp-blob",
        images / ".partial/.tmp-note",
    ]
    for path in left:
        path.write_bytes(b"garbage")
    foreign = images / "blobs/sha256/README"
    foreign.write_bytes(b"not ours")
    assert {stale.path for stale in prune(small.archive).garbage.temporaries} == set(left)
    assert not any(path.exists() for path in left)
    assert foreign.exists()


def test_search_indexes_of_snapshots_that_are_no_more_go(two):
    """A search index goes with its snapshot; others stay."""
    small, other = two
    for paths in (small.paths, other.paths):
        paths.indexes.mkdir()
        for name in (SNAPSHOT, EARLIER):
            paths.search(name).write_bytes(b"index")
            paths.search(name).with_suffix(".json").write_bytes(b"{}")
    garbage = prune(small.archive).garbage
    assert sorted(
        stale.path.relative_to(small.archive.root).as_posix()
        for project in garbage.projects
        for stale in project.search
    ) == [
        f"{project}/search/{EARLIER}.{kind}" for project in ("other", "small") for kind in ("json", "sqlite")
    ]
    assert small.paths.search(SNAPSHOT).exists()
    assert not small.paths.search(EARLIER).exists()


def damage_record(made):
    """Cut a snapshot's record short."""
    path = made.paths.record(SNAPSHOT)
    path.write_bytes(path.read_bytes()[:-10])
    return str(path)


def damage_manifest(made):
    """Flip a byte of the manifest of a platform."""
    digest = made.images[0].manifests[1]
    path = made.layout.blobs.path(Digest.parse(digest))
    path.write_bytes(path.read_bytes().replace(b"schemaVersion", b"SchemaVersion"))
    return digest


def lose_root(made):
    """Remove the index that a reference points to."""
    digest = made.images[0].digest
    made.layout.blobs.path(Digest.parse(digest)).unlink()
    return digest


def lose_file_manifest(made):
    """Remove the artifact of a file."""
    digest = made.files[0].manifest
    made.layout.blobs.path(Digest.parse(digest)).unlink()
    return digest


@pytest.mark.parametrize("damage", [damage_record, damage_manifest, lose_root, lose_file_manifest])
def test_nothing_goes_while_it_cannot_be_told_what_is_needed(two, damage):
    """A damaged record or manifest, or one that is missing, stops pruning before the first change, and is named."""
    small, other = two
    shutil.rmtree(other.paths.root)
    place = damage(small)
    before, index = stored(small.archive), (small.archive.images / "index.json").read_bytes()
    with pytest.raises(RecordCorrupt) as caught:
        prune(small.archive)
    assert caught.value.place == place
    assert "small" in caught.value.message
    assert stored(small.archive) == before
    assert (small.archive.images / "index.json").read_bytes() == index


def test_an_index_that_is_missing_is_not_replaced(two):
    """Where index.json is lost, nothing goes, and no empty one takes its place."""
    small, _ = two
    index = small.archive.images / "index.json"
    index.unlink()
    with pytest.raises(NotArchived):
        prune(small.archive)
    assert not index.exists()


def test_not_while_a_run_is_under_way(two):
    """Pruning needs the store for itself; finding what could go does not."""
    small, other = two
    shutil.rmtree(other.paths.root)
    with ImageLayout(small.archive.images).writing():
        with pytest.raises(LockHeld):
            prune(small.archive)
        assert len(find_garbage(small.archive).blobs) == 5
    assert len(prune(small.archive).garbage.blobs) == 5


def test_killed_at_any_moment(tmp_path):
    """Wherever pruning is killed, the layout is valid and whole, and the next one finishes."""
    made = ArchiveBuilder(tmp_path / "made")
    old = made.image(IMAGE, ("linux/amd64",), salt="old", shared=b"base")
    made.finish(EARLIER)
    made.images.clear()
    made.image(IMAGE, ("linux/amd64", "linux/arm64"), salt="new", shared=b"base")
    made.image(OTHER, ("linux/amd64",), salt="other")
    made.finish(SNAPSHOT)
    made.paths.record(SNAPSHOT).unlink()
    aged(tmp_path / "made")
    changes = 0
    while True:
        archive = open_archive(shutil.copytree(tmp_path / "made", tmp_path / str(changes)))
        code = killed_at(changes, "", PRUNING, archive.root)
        check_layout(archive)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        prune(archive)
        assert names(archive) == {IMAGE: old.digest}
        assert len(stored(archive)) == 4
        assert find_garbage(archive).files == ()
        changes += 1
    assert changes > 10
