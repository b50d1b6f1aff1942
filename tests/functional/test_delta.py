"""``archiver bundle PROJECT --since BUNDLE``: what readers of an earlier bundle lack, and nothing that they have."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import sys
import tarfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from archiver.core.errors import DeltaIncomplete
from archiver.offline.bundle import open_bundle, read_bundle
from archiver.offline.requirements import missing
from archiver.offline.verify import verify_bundle
from servers.console import Console
from servers.keeper import PAGES, keeping

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Days:
    """An archive of three days, a full bundle of the first, and a delta of each that follows."""

    console: Console
    snapshots: tuple[str, str, str]
    base: Path
    second: Path
    third: Path


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    """Each day changes a page, adds one, moves a tag, adds another, and replaces a file."""
    console = Console(tmp_path_factory.mktemp("days"))
    with keeping(console) as keeper:
        first = keeper.archive(1)
        base = keeper.bundle("base.tar")
        middle = keeper.archive(2)
        second = keeper.bundle("second.tar", "--since", base)
        last = keeper.archive(3)
        third = keeper.bundle("third.tar", "--since", second)
    return Days(console, (first, middle, last), base, second, third)


def _contents(path: Path) -> dict[str, Any]:
    return json.loads(_member(path, "bundle.json"))  # type: ignore[no-any-return]  # it is an object


def _member(path: Path, name: str) -> bytes:
    with tarfile.open(path) as tar:
        stream = tar.extractfile(name)
        assert stream is not None
        return stream.read()


def _names(path: Path) -> list[str]:
    with tarfile.open(path) as tar:
        return tar.getnames()


def _digests(document: dict[str, Any]) -> set[str]:
    return {blob["digest"] for blob in document["blobs"]}


def _urls(path: Path, member: str) -> list[str]:
    """Return the URLs of the responses and revisits of a WARC file in a bundle."""
    lines = gzip.decompress(_member(path, member)).split(b"WARC/1.1\r\n")
    captures = [
        record for record in lines if b"WARC-Type: response" in record or b"WARC-Type: revisit" in record
    ]
    return [
        record.partition(b"WARC-Target-URI: ")[2].partition(b"\r\n")[0].decode().partition("/docs/")[2]
        for record in captures
    ]


def test_a_delta_has_what_is_new_and_says_what_it_requires(days: Days) -> None:
    """Blobs and files that the base has are no members, and named; index.json still has every image."""
    base, delta = _contents(days.base), _contents(days.second)
    assert delta["since"] == {"snapshot": days.snapshots[0], "captures_digest": base["captures_digest"]}
    assert base["since"] is None
    assert base["requires"] == []
    assert not _digests(delta) & _digests(base)
    assert set(delta["requires"]) <= _digests(base) | {file["digest"] for file in base["files"]}
    assert len(delta["images"]) == 3
    assert len(delta["files"]) == 2
    files = [name for name in _names(days.second) if name.startswith("files/")]
    assert [name.rpartition("/")[2] for name in files] == ["moving.tgz"]
    assert "docs/docs.warc.gz" in _names(days.second)
    assert not [name for name in _names(days.second) if name.endswith(".wacz")]
    assert days.second.stat().st_size < days.base.stat().st_size


def test_only_new_captures_and_new_documents_are_in_it(days: Days) -> None:
    """Each page was asked for again and has a record of that; what did not change has no response, and is not indexed again."""
    data = gzip.decompress(_member(days.second, "docs/docs.warc.gz"))
    assert data.count(b"WARC-Type: revisit") >= PAGES
    assert b"As it is on day2." in data
    assert b"As it is on day1." not in data
    urls = _urls(days.second, "docs/docs.warc.gz")
    assert "day2.html" in urls
    assert len(urls) == len(set(urls))
    with _index(days.second) as database:
        known = database.execute("SELECT title FROM documents").fetchall()
        assert {("Changing",), ("Day 2",)} <= set(known)
        assert ("Page 1",) not in known, "its newest capture is another than the base's, and says the same"


@contextmanager
def _index(path: Path) -> Iterator[sqlite3.Connection]:
    """Give the search index of a bundle."""
    file = path.with_suffix(".sqlite")
    file.write_bytes(_member(path, "docs/search.sqlite"))
    with closing(sqlite3.connect(file)) as database:
        yield database
    file.unlink()


def test_every_byte_of_a_delta_is_checked(days: Days) -> None:
    """A delta alone passes, and what it needs is listed by name; with its base there is nothing to say."""
    for path in (days.base, days.second, days.third):
        assert verify_bundle(path).problems == ()
    alone = days.console.succeed("verify", days.second)
    assert "fixed.tgz" in alone.out
    assert f"sample-{days.snapshots[0]}.tar" in alone.out
    together = days.console.succeed("verify", days.base, days.second, days.third, "--json").json
    assert together["ok"] is True
    assert not together["missing"]


def test_what_is_missing_of_a_chain_is_told_by_name(days: Days) -> None:
    """Without the delta in the middle, the last one's needs are its images, files and pages; verify ends with 5."""
    with read_bundle(days.base) as base, read_bundle(days.second) as second, read_bundle(days.third) as third:
        assert not missing([third, base, second]), "in any order"
        lacking = missing([base, third])
        assert lacking.bases == (f"sample-{days.snapshots[1]}.tar",)
        assert [site.site for site in lacking.docs] == ["docs"]
        # Its captures are of the third day; what they refer to came with the second.
        assert any(url.endswith("/docs/twin/") or "day2" in url for url in lacking.docs[0].urls)
        assert missing([third]).files, "the file that never changes"
    outcome = days.console.run("verify", days.base, days.third)
    assert outcome.code == 5
    assert f"sample-{days.snapshots[1]}.tar" in outcome.said


def test_the_base_may_be_its_description_alone(days: Days, tmp_path: Path) -> None:
    """bundle.json of the base gives the same delta, byte for byte; so does another day, folder and hash seed."""
    described = tmp_path / "bundle.json"
    described.write_bytes(_member(days.base, "bundle.json"))
    archives = tmp_path / "elsewhere"
    shutil.copytree(days.console.folder / "archives", archives)
    shutil.rmtree(archives / "sample" / "search")
    console = Console(tmp_path, PYTHONHASHSEED="7", TZ="Asia/Tokyo")
    console.succeed(
        *("bundle", "sample", "--archives", archives, "--snapshot", days.snapshots[1], "--since", described)
    )
    made = tmp_path / f"sample-{days.snapshots[1]}-since-{days.snapshots[0]}.tar"
    assert made.read_bytes() == days.second.read_bytes()


def test_a_delta_alone_cannot_be_read(days: Days) -> None:
    """To serve it is refused with what it builds on, and the two commands that help."""
    outcome = days.console.run("serve", days.second, "--port", "0")
    assert outcome.code != 0
    assert days.snapshots[0] in outcome.err
    assert "archiver load" in outcome.err
    assert "archiver serve" in outcome.err
    with pytest.raises(DeltaIncomplete):
        open_bundle(days.second)


@pytest.mark.parametrize(
    ("snapshot", "since", "reason"),
    [
        (0, "base", "nothing can be new since"),
        (0, "second", "newer than"),
        (1, "damaged", "damaged"),
        (1, "nothing", "no"),
        (1, "text", "not a bundle"),
        (1, "folder", "not a bundle"),
        (1, "other", "is a bundle of other"),
        (1, "json", "'members' is not a list"),
    ],
)
def test_what_nothing_can_build_on_is_refused(
    days: Days, tmp_path: Path, snapshot: int, since: str, reason: str
) -> None:
    """The same snapshot, a newer one, a damaged bundle, none, and another project's: an error says why; nothing is made."""
    path = _unfit(days, tmp_path, since)
    target = tmp_path / "delta.tar"
    outcome = days.console.run(
        *("bundle", "sample", "--snapshot", days.snapshots[snapshot], "--since", path, "-o", target)
    )
    assert outcome.code not in (0, 1), outcome.said
    assert reason in outcome.err.lower() or reason in outcome.err
    assert not target.exists()


def _unfit(days: Days, folder: Path, kind: str) -> Path:
    if kind == "base":
        return days.base
    if kind == "second":
        return days.second
    if kind == "folder":
        return folder
    path = folder / "unfit"
    if kind == "damaged":
        data = bytearray(days.base.read_bytes())
        data[data.rindex(b"bundle.json\0") + 3] ^= 1
        path.write_bytes(data)
    elif kind == "text":
        path.write_bytes(b"no bundle at all")
    elif kind in ("other", "json"):
        document = _contents(days.base)
        document["project" if kind == "other" else "members"] = "other"
        path.write_text(json.dumps(document))
    return path


def test_a_base_that_is_not_there_is_wrong_usage(days: Days, tmp_path: Path) -> None:
    """A mistyped name is exit code 2, as for every verb, and no trouble of the storage."""
    outcome = days.console.run("bundle", "sample", "--since", tmp_path / "nothing")
    assert outcome.code == 2, outcome.said
    assert "there is no such bundle" in outcome.err


def test_the_base_is_not_overwritten(days: Days, tmp_path: Path) -> None:
    """-o that names the base itself is refused: the delta would be of no use without it."""
    copy = shutil.copyfile(days.base, tmp_path / "base.tar")
    outcome = days.console.run(
        *("bundle", "sample", "--snapshot", days.snapshots[1], "--since", copy, "-o", copy)
    )
    assert outcome.code == 2
    assert copy.read_bytes() == days.base.read_bytes()


def test_a_base_in_volumes_is_found_by_any_of_them(days: Days, tmp_path: Path) -> None:
    """The base's volumes, their list, and the name that they would have when joined: all give the delta of the whole file."""
    whole, bundle = tmp_path / "base.tar", ("bundle", "sample", "--snapshot")
    days.console.succeed(*bundle, days.snapshots[0], "--volume-size", "1MiB", "-o", whole)
    for number, name in enumerate(("base.tar", "base.tar.001", "base.tar.sha256")):
        target = tmp_path / f"delta{number}.tar"
        days.console.succeed(*bundle, days.snapshots[1], "--since", tmp_path / name, "-o", target)
        assert _contents(target)["since"] == _contents(days.second)["since"]
        assert days.console.run(*bundle, days.snapshots[1], "--since", tmp_path / name, "-o", whole).code == 2


def test_platforms_that_the_base_lacks_are_packed(days: Days, tmp_path: Path) -> None:
    """A base of one platform: the delta has the other of what did not change, too, and the index that leads to it."""
    narrow, delta = tmp_path / "narrow.tar", tmp_path / "delta.tar"
    first, second, _ = days.snapshots
    bundle = ("bundle", "sample", "--snapshot")
    days.console.succeed(*bundle, first, "--platform", "linux/amd64", "-o", narrow)
    days.console.succeed(*bundle, second, "--since", narrow, "-o", delta)
    assert verify_bundle(delta).problems == ()
    assert not missing([read_bundle(narrow), read_bundle(delta)])
    whole = _digests(_contents(days.base)) | _digests(_contents(days.second))
    needed = set(_contents(days.second)["requires"]) | _digests(_contents(days.second))
    assert needed <= _digests(_contents(narrow)) | _digests(_contents(delta)) | {
        file["digest"] for file in _contents(narrow)["files"]
    }
    assert _digests(_contents(delta)) <= whole


def test_without_the_bases_snapshot_all_captures_are_packed(days: Days, tmp_path: Path) -> None:
    """Where prune took the base's snapshot, it is said, and the delta has every page, but no blob that the base has."""
    archives = tmp_path / "archives"
    shutil.copytree(days.console.folder / "archives", archives)
    for path in (archives / "sample" / "snapshots").glob(f"{days.snapshots[0]}.*"):
        path.unlink()
    target = tmp_path / "delta.tar"
    outcome = days.console.succeed(
        *("bundle", "sample", "--archives", archives, "--snapshot", days.snapshots[1]),
        *("--since", days.base, "-o", target),
    )
    assert "all pages are packed" in outcome.err
    assert not _digests(_contents(target)) & _digests(_contents(days.base))
    assert verify_bundle(target).problems == ()
    with read_bundle(target) as alone:
        assert missing([alone]).docs == ()


def test_another_archives_snapshot_is_no_base(days: Days, tmp_path: Path) -> None:
    """A bundle whose captures are not those that the archive has under that name cannot be built on."""
    document = _contents(days.base)
    document["captures_digest"] = "sha256:" + "0" * 64
    document["members"] = [entry for entry in document["members"] if "captures" not in entry["path"]]
    other = tmp_path / "bundle.json"
    other.write_text(json.dumps(document))
    outcome = days.console.run("bundle", "sample", "--snapshot", days.snapshots[1], "--since", other)
    assert outcome.code == 2
    assert "made from this archive" in outcome.err


def test_the_reading_program_of_a_delta_checks_it(days: Days, tmp_path: Path) -> None:
    """archiver.pyz of a delta, with nothing installed, verifies the chain that it belongs to."""
    program = tmp_path / "archiver.pyz"
    program.write_bytes(_member(days.third, "archiver.pyz"))
    reader = Console(tmp_path, (sys.executable, "-I", str(program)))
    reader.succeed("verify", days.base, days.second, days.third)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Console, Path, Path]]:
    """A full bundle, and a delta of a second run for which nothing had changed."""
    console = Console(tmp_path_factory.mktemp("quiet"))
    with keeping(console) as keeper:
        keeper.archive(1)
        base = keeper.bundle("base.tar")
        keeper.archive(1)
        delta = keeper.bundle("delta.tar", "--since", base)
    return console, base, delta


def test_where_nothing_changed_next_to_nothing_is_in_it(quiet: tuple[Console, Path, Path]) -> None:
    """No blob, no file, no response: revisits only, about a kilobyte each, beside the program and the descriptions."""
    _, base, delta = quiet
    document = _contents(delta)
    assert document["blobs"] == []
    assert not [name for name in _names(delta) if name.startswith("files/")]
    data = gzip.decompress(_member(delta, "docs/docs.warc.gz"))
    assert b"WARC-Type: response" not in data
    sizes = {member["path"]: member["size"] for member in document["members"]}
    assert sizes["docs/docs.warc.gz"] < 2000 * (PAGES + 10)
    assert verify_bundle(delta).problems == ()
    assert not missing([read_bundle(base), read_bundle(delta)])
