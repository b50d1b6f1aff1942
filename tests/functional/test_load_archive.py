"""``load BUNDLE... --into DIR``: an archive folder out of bundles, which is what the keeper's archive was."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from archiver.bundle.build import build_bundle
from archiver.core.errors import StorageFull
from archiver.offline.bundle import read_bundle
from archiver.offline.loading.archive import load_archive
from archiver.store.atomic import TEMPORARY_PREFIX
from archiver.store.blobs import BlobReader
from archiver.store.images import read_index
from archiver.store.locks import locked
from archiver.store.paths import open_archive
from archiver.store.snapshots import list_snapshots
from judges.strictwarc import strict
from judges.warcs import fastwarc_findings, warcio_findings
from servers.console import Console, fetch
from servers.keeper import PAGES, keeping
from servers.processes import need

if TYPE_CHECKING:
    from judges.strictwarc import Record
    from servers.console import Served

SEED = int(os.environ.get("KILL_SEED", "20261123"))
ROUNDS = int(os.environ.get("KILL_ROUNDS", "9"))


@dataclass(frozen=True)
class Kept:
    """What a keeper made on three days: an archive, and bundles of it. ``ids`` are the snapshots', oldest first.

    base, first and last are the full bundles of the three days; d1 builds on base, d2 on d1, and jump on base.
    """

    folder: Path
    ids: tuple[str, ...]

    @property
    def archives(self) -> Path:
        """The keeper's archive, as it is on the last day."""
        return self.folder / "archives"

    def path(self, name: str) -> Path:
        """Return a bundle by its short name."""
        return self.folder / f"{name}.tar"

    def paths(self, names: str) -> list[Path]:
        """Return bundles by their short names, separated by spaces."""
        return [self.path(name) for name in names.split()]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Three days of a keeper's work."""
    console = Console(tmp_path_factory.mktemp("keeper"))
    with keeping(console) as keeper:
        ids = [keeper.archive(1)]
        keeper.bundle("base.tar")
        ids.append(keeper.archive(2))
        keeper.bundle("first.tar")
        keeper.bundle("d1.tar", "--since", "base.tar")
        ids.append(keeper.archive(3))
        keeper.bundle("last.tar")
        keeper.bundle("d2.tar", "--since", "d1.tar")
        keeper.bundle("jump.tar", "--since", "base.tar")
        keeper.bundle("volumes.tar", "--volume-size", "1MiB")
    return Kept(console.folder, tuple(ids))


def _load(console: Console, *bundles: Path, code: int = 0) -> Any:
    """Load bundles into the console's archive folder; return what the program says in JSON, or where it fails its words."""
    outcome = console.run("load", *bundles, "--into", "archives", "--json")
    assert outcome.code == code, outcome.said
    return outcome.json["projects"] if code == 0 else outcome.said


def _bundled(console: Console, project: str = "sample") -> bytes:
    """Bundle what was loaded; it must be whole. Return the bundle."""
    path = console.folder / "again.tar"
    console.succeed("bundle", project, "-o", path)
    console.succeed("verify", path)
    return path.read_bytes()


def _judged(folder: Path) -> list[Record]:
    """Have the WARC files of a folder judged; return their records.

    Records are copied as they are, so each names the warcinfo record of the file that the keeper wrote it to.
    """
    paths = sorted(folder.iterdir())
    verdict = strict(paths)
    findings = [line for line in verdict.findings if "WARC-Warcinfo-ID is not that of the file" not in line]
    for path in paths:
        findings += [*warcio_findings(path), *fastwarc_findings(path)]
    assert not findings, "\n".join(findings)
    return verdict.records


def _files(folder: Path) -> dict[str, bytes]:
    """Return the content of every file of an archive by its path, but for locks and the locator, which is a database."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.name != "locator"
    }


# Bundles in, the keeper's archive out


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("loads", "same_as"),
    [
        ("last", "last"),
        ("base d1", "first"),
        ("d2 base d1", "last"),
        ("base jump", "last"),
        ("base, d1, d2", "last"),
        ("base, last", "last"),
        ("first, d2", "last"),
        ("last, base", "last"),
    ],
)
def test_what_was_loaded_is_bundled_to_the_same_bytes(
    console: Console, kept: Kept, loads: str, same_as: str
) -> None:
    """One full bundle, or a base and its deltas in any order, at once or one after the other: the keeper's full bundle again."""
    for names in loads.split(","):
        _load(console, *kept.paths(names))
    assert _bundled(console) == kept.path(same_as).read_bytes()
    _judged(console.folder / "archives" / "sample" / "warc")


@pytest.mark.parametrize("interpreter", [sys.executable, "pypy3"])
def test_the_program_in_the_bundle_loads(console: Console, kept: Kept, interpreter: str) -> None:
    """Nothing needs to be installed: archiver.pyz on this Python, and on one of version 3.9, does the same."""
    need(interpreter)
    with tarfile.open(kept.path("d2")) as tar:
        member = tar.extractfile("archiver.pyz")
        assert member is not None
        (console.folder / "archiver.pyz").write_bytes(member.read())
    reader = Console(console.folder, (interpreter, "-I", "archiver.pyz"))
    (loaded,) = _load(reader, *kept.paths("base d1 d2"))
    assert (loaded["project"], loaded["snapshot"], loaded["good"]) == ("sample", kept.ids[-1], True)
    found = reader.succeed("search", "archives", "集群", "--json").json
    assert found["total"] > PAGES // 2
    assert _bundled(console) == kept.path("last").read_bytes()


def test_a_bundle_in_volumes_is_loaded_in_place(console: Console, kept: Kept) -> None:
    """Volumes are read as the one file that they are parts of."""
    assert len(list(kept.folder.glob("volumes.tar.0*"))) > 1
    _load(console, kept.path("volumes"))
    assert _bundled(console) == kept.path("last").read_bytes()


def test_what_was_loaded_answers_as_the_keeper_s_archive(console: Console, kept: Kept) -> None:
    """Every page, image, file and search result of a base and its deltas is that of the archive they were made from."""
    _load(console, *kept.paths("base d1 d2"))
    with console.serving("archives") as served:
        loaded = _answers(served)
    with console.serving(kept.archives) as served:
        assert loaded == _answers(served)
    asked = [
        console.succeed("search", folder, "quick fox", "--limit", "1000", "--json").json
        for folder in (Path("archives"), kept.archives)
    ]
    assert asked[0] == asked[1]
    assert asked[0]["total"] > PAGES // 2


def _answers(served: Served) -> dict[str, Any]:
    """Return what a server says of everything that it says it has."""
    contents = served.contents
    found: dict[str, Any] = {
        "snapshot": contents["snapshot"],
        "images": [(image["name"], image["digest"], image["size"]) for image in contents["images"]],
        "files": [(file["name"], file["digest"]) for file in contents["files"]],
    }
    for name in ("", "changing.html", "twin/", "twin/index.html", "s.css", "day2.html", "day3.html"):
        found[name] = fetch(f"{served.docs('docs')}/{name}")
    for number in range(PAGES):
        found[f"{number}"] = fetch(f"{served.docs('docs')}/{number}.html")
    found["other"] = fetch(f"{served.docs('other')}/")
    for image in contents["images"]:
        repository = f"/v2/{image['name'].replace(':', '_', 1).rpartition(':')[0]}"
        found[image["digest"]] = served.get(f"{repository}/manifests/{image['digest']}")
        document = json.loads(found[image["digest"]])
        children = [
            served.get(f"{repository}/manifests/{child['digest']}") for child in document.get("manifests", [])
        ]
        for manifest in map(json.loads, children or [found[image["digest"]]]):
            for blob in (manifest["config"], *manifest["layers"]):
                found[blob["digest"]] = served.get(f"{repository}/blobs/{blob['digest']}")
    for file in contents["files"]:
        found[file["name"]] = served.get(f"/files/{file['name']}")
    return found


def test_loading_again_copies_nothing(console: Console, kept: Kept) -> None:
    """The same bundles once more: every file of the folder stays as it is, and the program says so."""
    _load(console, *kept.paths("base d1"))
    before = _files(console.folder / "archives")
    (loaded,) = _load(console, *kept.paths("d1 base"))
    assert [loaded[what]["copied"] for what in ("blobs", "records", "files")] == [0, 0, 0]
    assert all(loaded[what]["present"] for what in ("blobs", "records", "files"))
    assert _files(console.folder / "archives") == before


def test_an_older_bundle_leaves_the_newer_snapshot_good(console: Console, kept: Kept) -> None:
    """What is served stays the newest, and tags stay where the newest snapshot has them."""
    _load(console, kept.path("last"))
    index = (console.folder / "archives" / "images" / "index.json").read_text()
    (loaded,) = _load(console, kept.path("base"))
    assert (loaded["snapshot"], loaded["good"]) == (kept.ids[0], False)
    assert (console.folder / "archives" / "sample" / "good").read_text().strip() == kept.ids[-1]
    tags = [line for line in index.splitlines() if '"annotations"' in line]
    after = (console.folder / "archives" / "images" / "index.json").read_text().splitlines()
    assert set(tags) <= {*after, *(line + "," for line in after)}
    assert _bundled(console) == kept.path("last").read_bytes()


def test_the_keeper_s_own_archive_takes_its_bundles_in(console: Console, kept: Kept) -> None:
    """Loaded where it comes from, a bundle brings nothing that is new, and nothing is written."""
    shutil.copytree(kept.archives, console.folder / "archives")
    before = _files(console.folder / "archives")
    (loaded,) = _load(console, *kept.paths("base d1 last"))
    assert [loaded[what]["copied"] for what in ("blobs", "records", "files")] == [0, 0, 0]
    assert _files(console.folder / "archives") == before


def test_a_loaded_archive_goes_on_as_a_keeper_s(console: Console, kept: Kept) -> None:
    """Whoever has the spec and a network archives into what was loaded; what nobody asks for any more is pruned."""
    with keeping(console) as keeper:
        keeper.archive(1)
        shutil.copytree(console.folder / "archives", console.folder / "elsewhere")
        bundle = keeper.bundle("mine.tar")
        shutil.rmtree(console.folder / "archives")
        _load(console, bundle)
        keeper.site.forget()
        newest = keeper.archive(2)
        console.succeed("prune", "--apply")
        records = console.folder / "archives" / "sample" / "snapshots"
        site = json.loads((records / f"{newest}.json").read_text())["sites"][0]
        assert site["unchanged"] >= PAGES, "what was loaded was asked for conditionally"
        path = keeper.bundle("next.tar")
        console.succeed("verify", path)


def test_two_projects_share_a_folder(console: Console, kept: Kept, tmp_path: Path) -> None:
    """Bundles of two projects, at once: each project is whole, and what both have is there once."""
    other = Console(tmp_path / "other")
    other.folder.mkdir()
    with keeping(other, "second") as keeper:
        keeper.archive(1)
        second = keeper.bundle("second.tar")
    first, last = _load(console, second, kept.path("base"))
    assert [first["project"], last["project"]] == ["sample", "second"]
    assert last["blobs"]["present"] > 0, "layers that both have are copied once"
    assert _bundled(console, "sample") == kept.path("base").read_bytes()
    assert _bundled(console, "second") == second.read_bytes()


# What cannot be loaded


def test_what_is_missing_is_told_by_name(console: Console, kept: Kept) -> None:
    """A delta without its base: images, files and pages are named, the base too, and nothing is written."""
    said = _load(console, kept.path("d2"), code=5)
    assert "/app:1" in said
    assert "/files/fixed.tgz" in said
    assert "/docs/0.html" in said
    assert f"sample-{kept.ids[1]}.tar" in said
    assert not (console.folder / "archives").exists()
    said = _load(console, *kept.paths("base d2"), code=5)
    assert "/docs/day2.html" in said or "/docs/changing.html" in said
    assert not (console.folder / "archives").exists()


def test_a_snapshot_that_is_there_otherwise_is_refused(console: Console, kept: Kept) -> None:
    """The same snapshot, bundled for one platform only: an error that says what to do, and the folder is as it was."""
    shutil.copytree(kept.archives, console.folder / "narrow")
    narrow = console.folder / "narrow.tar"
    console.succeed("bundle", "sample", "--archives", "narrow", "--platform", "linux/amd64", "-o", narrow)
    _load(console, kept.path("last"))
    before = _files(console.folder / "archives")
    said = _load(console, narrow, code=2)
    assert "is there already, and is another" in said
    assert "another folder" in said
    assert _files(console.folder / "archives") == before


def test_a_narrowed_bundle_is_loaded_and_bundled(console: Console, kept: Kept) -> None:
    """A bundle for one platform makes an archive of that platform; its bundle is whole."""
    narrow = console.folder / "narrow.tar"
    console.succeed(
        "bundle", "sample", "--archives", kept.archives, "--platform", "linux/amd64", "-o", narrow
    )
    _load(console, narrow)
    path = console.folder / "again.tar"
    console.succeed("bundle", "sample", "--platform", "linux/amd64", "-o", path)
    console.succeed("verify", path)
    assert path.read_bytes() == narrow.read_bytes()
    _bundled(console)


@pytest.mark.parametrize("what", ["file", "folder", "format"])
def test_a_folder_of_something_else_is_left_alone(console: Console, kept: Kept, what: str) -> None:
    """A file, a folder with other things in it, an archive of another format: refused, and nothing is changed."""
    target = console.folder / "archives"
    if what == "file":
        target.write_text("mine")
    else:
        target.mkdir()
        marker = "archive.json" if what == "format" else "mine"
        (target / marker).write_text('{"format": "archiver-archive/9"}')
    before = target.read_text() if what == "file" else _files(target)
    _load(console, kept.path("base"), code=2)
    assert (target.read_text() if what == "file" else _files(target)) == before


def test_a_folder_in_use_is_not_written(console: Console, kept: Kept) -> None:
    """While a run works on the project, loading ends at once with the exit code for that."""
    _load(console, kept.path("base"))
    before = _files(console.folder / "archives")
    with locked(console.folder / "archives" / "sample" / ".lock", "sample"):
        _load(console, kept.path("first"), code=6)
    assert _files(console.folder / "archives") == before


def test_room_is_asked_for_first(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot fit nothing is written; what the folder has already needs no room."""
    free = 1 << 40
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(free, 0, free))  # type: ignore[attr-defined]
    folder = tmp_path / "archives"
    with read_bundle(kept.path("last")) as bundle:
        free = 16 << 20
        with pytest.raises(StorageFull, match=r"needs \d+ bytes, 16777216 are free"):
            load_archive([bundle], folder)
        assert not folder.exists()
        free = 20 << 20
        load_archive([bundle], folder)
        free = (16 << 20) + 600_000
        load_archive([bundle], folder)


# Killed, and damaged


@pytest.mark.thorough
def test_loads_that_are_killed_end_in_the_same_archive(console: Console, kept: Kept) -> None:
    """Ended by SIGKILL before the nth change of the folder: whatever has a name is whole, and the next load completes it."""
    print(f"KILL_SEED={SEED} KILL_ROUNDS={ROUNDS}")
    archives = console.folder / "archives"
    changes = _load_until(console, kept, 0)
    expected = _files(archives)
    assert changes > 100
    moments = [random.Random(f"{SEED}-{number}").randint(1, changes) for number in range(ROUNDS)]
    for moment in (
        2,
        3,
        *moments,
        changes,
    ):  # archive.json has its temporary name, and its own; the very last change
        shutil.rmtree(archives)
        _load_until(console, kept, moment)
        _check_pointers(archives)
        _load_until(console, kept, 0)
        assert _files(archives) == expected
        assert not [path for path in archives.rglob("*") if path.name.startswith(TEMPORARY_PREFIX)]
    assert _bundled(console) == kept.path("last").read_bytes()


def test_a_load_that_is_killed_again_and_again_gets_on(console: Console, kept: Kept) -> None:
    """Each load goes on from what the ones before have left; nothing is copied twice, and in the end nothing is missing."""
    archives = console.folder / "archives"
    changes = _load_until(console, kept, 0)
    expected = _files(archives)
    shutil.rmtree(archives)
    chance = random.Random(SEED)
    for _ in range(ROUNDS):
        _load_until(console, kept, chance.randint(2, changes // 3))
        _check_pointers(archives)
    _load_until(console, kept, 0)
    assert _files(archives) == expected
    records = _judged(archives / "sample" / "warc")
    captured = [record.id for record in records if record.type in ("response", "revisit")]
    assert len(set(captured)) == len(captured)


# Ends the process before the nth time that it opens something below archives/ for writing, renames, makes or removes
# something there, or opens a database; says how often it did where it lives on. Python tells of all that itself.
_KILLED = """
import os, signal, sys
allowed, done = int(sys.argv.pop(1)), 0
def watch(event, args):
    global done
    writes = event in ("os.rename", "os.remove", "os.mkdir", "sqlite3.connect")
    writes = writes or (event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    if writes and "archives" in str(args[0]):
        done += 1
        if done == allowed:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
from archiver.cli.main import main
code = main(sys.argv[1:])
print("changes:", done)
sys.exit(code)
"""


def _load_until(console: Console, kept: Kept, change: int) -> int:
    """Load base, d1 and d2 in a process that is killed at a change of the folder (0: never); return how many changes it made."""
    bundles = map(str, kept.paths("base d1 d2"))
    program = Console(console.folder, (sys.executable, "-c", _KILLED, str(change)))
    outcome = program.run("load", *bundles, "--into", "archives")
    if outcome.code == -signal.SIGKILL:
        return change
    assert outcome.code == 0, outcome.said
    return int(outcome.out.rpartition("changes:")[2])


def _check_pointers(archives: Path) -> None:
    """Check that whatever an archive names is there: each snapshot can be bundled, and index.json has no loose ends."""
    if not (archives / "images" / "index.json").is_file():
        return
    store = BlobReader(archives / "images")
    for entry in read_index(archives / "images"):
        assert store.size(entry.digest) == entry.size
    if (archives / "archive.json").is_file():
        archive = open_archive(archives)
        for snapshot in list_snapshots(archive.project("sample")):
            with TemporaryDirectory(dir=archives.parent) as folder:
                shutil.copytree(archives, Path(folder) / "archives")
                copied = open_archive(Path(folder) / "archives")
                build_bundle(copied, "sample", snapshot=snapshot, output=Path(folder) / "made.tar")
