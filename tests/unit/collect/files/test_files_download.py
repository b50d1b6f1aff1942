"""Downloading single files."""

from __future__ import annotations

import gzip
import hashlib
import random
import threading
from typing import TYPE_CHECKING, Any

import pytest

from archiver.collect.files import transfer
from archiver.collect.files.download import DownloadOutcome, download_files
from archiver.collect.files.selection import FileSelection, WantedFile
from archiver.collect.retry import Patience
from archiver.core.descriptor import MANIFEST_LIMIT, OCI_MANIFEST
from archiver.core.digest import Digest
from archiver.core.errors import InvalidDocument, StoreError
from archiver.core.manifest import parse_manifest
from archiver.core.progress import NullProgress
from archiver.spec.files import FileSource
from archiver.store.fileartifact import FILE_TYPE, StoredFile
from archiver.store.images import ImageLayout
from servers.misbehaving import MISBEHAVIOURS
from servers.rawsite import raw_serving
from servers.site import Asked, Reply, serving

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = random.Random(7).randbytes(3 << 20)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
TARBALL = Reply(CONTENT, type="application/gzip", etag='"v1"')
HASTY = Patience(attempts=2, first_wait=0.0, connect=5, read=5)


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    """An empty layout."""
    return ImageLayout(tmp_path / "images")


def download(layout: ImageLayout, *files: Any, **more: Any) -> DownloadOutcome:
    """Download URLs, or pairs of URL and sha256."""
    sources = [
        FileSource(url=file) if isinstance(file, str) else FileSource(url=file[0], sha256=file[1])
        for file in files
    ]
    return download_selected(layout, FileSelection(tuple(map(WantedFile.of, sources))), **more)


def download_selected(layout: ImageLayout, selection: FileSelection, **more: Any) -> DownloadOutcome:
    """Download what was selected."""
    settings: dict[str, Any] = {
        "progress": NullProgress(),
        "stop": threading.Event(),
        "patience": HASTY,
        **more,
    }
    return download_files(selection, layout, user_agent="archiver/test", **settings)


def codes(outcome: DownloadOutcome) -> list[str]:
    """The failures' codes."""
    return [failure.code for failure in outcome.failures]


def blobs(layout: ImageLayout) -> list[str]:
    """The names of all files below blobs/, hidden ones too."""
    return sorted(path.name for path in (layout.root / "blobs").rglob("*") if path.is_file())


def test_a_file_arrives_as_an_artifact(layout: ImageLayout) -> None:
    """Its content is a blob; a manifest that any OCI tool understands holds it, with name and origin."""
    with serving({"/dl/tool.tgz": TARBALL}) as site:
        outcome = download(layout, site.url("/dl/tool.tgz"))
        host = site.origin.removeprefix("http://").replace(":", "_")
    assert outcome.failures == ()
    file = outcome.files[0]
    assert (file.path, file.digest, file.size) == (f"{host}/dl/tool.tgz", f"sha256:{SHA256}", len(CONTENT))
    assert (file.media_type, file.carried, outcome.bytes) == ("application/gzip", False, len(CONTENT))
    manifest = parse_manifest(
        layout.blobs.read(Digest.parse(file.manifest), MANIFEST_LIMIT), OCI_MANIFEST, what="m"
    )
    assert manifest.artifact_type == FILE_TYPE
    assert str(manifest.layers[0].digest) == file.digest
    assert manifest.layers[0].annotations["org.opencontainers.image.title"] == "tool.tgz"
    assert all(layout.blobs.size(blob.digest) == blob.size for blob in manifest.blobs)
    assert [(str(e.digest), e.artifact_type, dict(e.annotations)) for e in layout.entries()] == [
        (file.manifest, FILE_TYPE, {})
    ]


def test_the_same_download_again_keeps_its_artifact(layout: ImageLayout) -> None:
    """A server that knows no conditions sends everything again: same content, same validators, so nothing is written."""
    always = Reply(CONTENT, type="application/gzip", headers=(("ETag", '"v1"'),))
    with serving({"/tool.tgz": always}) as site:
        first = download(layout, site.url("/tool.tgz"))
        before = blobs(layout)
        second = download(layout, site.url("/tool.tgz"), previous=first.files)
        assert len(site.asked) == 2
    assert second.files == first.files
    assert blobs(layout) == before
    assert len(layout.entries()) == 1


def test_a_known_digest_is_checked(layout: ImageLayout) -> None:
    """The right one passes; the wrong one is a failure, leaves nothing, and the rest goes on."""
    with serving({"/a.tgz": TARBALL, "/b.tgz": TARBALL}) as site:
        outcome = download(layout, (site.url("/a.tgz"), "0" * 64), (site.url("/b.tgz"), SHA256))
    assert codes(outcome) == ["content.digest"]
    assert outcome.failures[0].subject.endswith("/a.tgz")
    assert [file.digest for file in outcome.files] == [f"sha256:{SHA256}"]
    assert "0" * 64 not in blobs(layout)


def test_a_web_page_in_place_of_an_archive_is_refused(layout: ImageLayout) -> None:
    """Dead sites answer 200 and a page; for a URL that ends in .tar.gz that is a failure, for .html it is not."""
    page = Reply(b"<!doctype html>gone", type="text/html; charset=utf-8")
    with serving({"/tool.TAR.GZ": page, "/page.html": page}) as site:
        outcome = download(layout, site.url("/tool.TAR.GZ"), site.url("/page.html"))
    assert codes(outcome) == ["fetch.content"]
    assert [file.media_type for file in outcome.files] == ["text/html"]


def test_a_web_page_that_is_called_an_archive_is_refused(layout: ImageLayout) -> None:
    """Some servers send their error page with the type of the file: its beginning tells; nothing is kept of it."""
    page = Reply(b"\r\n<!DOCTYPE html><title>Not found</title>", type="application/gzip")
    with serving({"/tool.tgz": page, "/latest": page}) as site:
        outcome = download(layout, site.url("/tool.tgz"), site.url("/latest"))
    assert codes(outcome) == ["fetch.content"]
    assert [file.url for file in outcome.files] == [site.url("/latest")]


def test_a_redirect_s_target_is_kept_under_the_url_asked_for(layout: ImageLayout) -> None:
    """Release downloads redirect to a storage host; path and URL are the spec's."""
    with serving({"/x": Reply(CONTENT, type="")}) as storage:
        moved = Reply(status=302, headers=(("Location", storage.url("/x?signature=1")),))
        storage.answers["/x?signature=1"] = Reply(CONTENT, type="")
        with serving({"/tool.tgz": moved}) as site:
            outcome = download(layout, site.url("/tool.tgz"))
            assert outcome.files[0].url == site.url("/tool.tgz")
    assert outcome.files[0].path.endswith("/tool.tgz")
    assert outcome.files[0].media_type == "application/octet-stream"


def test_a_download_cut_short_is_tried_again(layout: ImageLayout) -> None:
    """The second attempt's bytes count; where all are cut, it is a failure and nothing is left."""
    replies = [Reply(CONTENT, cut=1000, type=""), Reply(CONTENT, type="")]
    with serving({"/a.tgz": replies, "/b.tgz": Reply(CONTENT, cut=1000, type="")}) as site:
        outcome = download(layout, site.url("/b.tgz"), site.url("/a.tgz"))
    assert codes(outcome) == ["fetch.broken"]
    assert outcome.files[0].digest == f"sha256:{SHA256}"
    assert not [name for name in blobs(layout) if name.startswith(".")]


def test_a_missing_file_is_a_failure(layout: ImageLayout) -> None:
    """404 is listed with its URL."""
    with serving({}) as site:
        outcome = download(layout, site.url("/gone.tgz"))
    assert codes(outcome) == ["fetch.status"]
    assert outcome.failures[0].source == "files"


def test_an_unchanged_file_is_not_sent_again(layout: ImageLayout) -> None:
    """The second run asks conditionally and takes 304 for an answer; the result stays the same."""
    with serving({"/tool.tgz": TARBALL}) as site:
        first = download(layout, site.url("/tool.tgz"))
        second = download(layout, site.url("/tool.tgz"))
        assert site.asked[1].headers["if-none-match"] == '"v1"'
    assert second.bytes == 0
    assert second.files == first.files


def test_a_changed_file_is_fetched_and_the_old_one_stays(layout: ImageLayout) -> None:
    """Another ETag, another content: both artifacts are in the index."""
    with serving({"/tool.tgz": TARBALL}) as site:
        download(layout, site.url("/tool.tgz"))
        site.answers["/tool.tgz"] = Reply(b"\x1f\x8b\x08", type="application/gzip", etag='"v2"')
        outcome = download(layout, site.url("/tool.tgz"))
    assert outcome.files[0].size == 3
    assert len(layout.entries()) == 2


def test_a_known_digest_that_is_here_costs_no_request(layout: ImageLayout) -> None:
    """Content that cannot have changed is not asked for."""
    with serving({"/tool.tgz": TARBALL}) as site:
        first = download(layout, (site.url("/tool.tgz"), SHA256))
        second = download(layout, (site.url("/tool.tgz"), SHA256))
        assert len(site.asked) == 1
    assert second.files == first.files


def test_a_file_whose_blob_is_gone_is_fetched_anew(layout: ImageLayout) -> None:
    """An artifact without its content is no reason not to ask."""
    with serving({"/tool.tgz": TARBALL}) as site:
        first = download(layout, (site.url("/tool.tgz"), SHA256))
        layout.blobs.path(Digest.parse(first.files[0].digest)).unlink()
        second = download(layout, (site.url("/tool.tgz"), SHA256))
    assert layout.blobs.size(Digest.parse(second.files[0].digest)) == len(CONTENT)


def test_a_coding_that_nobody_asked_for(layout: ImageLayout) -> None:
    """A .gz that is called gzip-coded is the file itself; a text that is coded is kept as the text."""
    packed = gzip.compress(b"text", mtime=0)
    coded = Reply(packed, type="text/plain", headers=(("Content-Encoding", "gzip"),))
    with serving({"/a.txt.gz": coded, "/a.txt": coded}) as site:
        outcome = download(layout, site.url("/a.txt.gz"), site.url("/a.txt"))
    expected = [str(Digest.of(packed)), str(Digest.of(b"text"))]
    assert [file.digest for file in outcome.files] == expected


def test_urls_that_name_no_file_are_failures(layout: ImageLayout) -> None:
    """No request is made for what could not be named in a bundle."""
    with serving({"/": b"x"}) as site:
        outcome = download(layout, site.url("/"), site.url("/%2e%2e/x"))
        assert site.asked == []
    assert codes(outcome) == ["url.invalid", "url.invalid"]


def test_stopping_keeps_what_is_whole(layout: ImageLayout) -> None:
    """Stopped during the second file: the first is there, the second has no name, and there is no failure."""
    stop = threading.Event()

    def stopping(_: Asked) -> Reply:
        while not layout.entries():  # the first file is entered as soon as it is whole
            stop.wait(0.01)
        stop.set()
        return Reply(CONTENT[::-1], type="")

    with serving({"/a.tgz": TARBALL, "/b.tgz": stopping}) as site:
        outcome = download(layout, site.url("/a.tgz"), site.url("/b.tgz"), stop=stop)
    assert [file.digest for file in outcome.files] == [f"sha256:{SHA256}"]
    assert outcome.failures == ()
    assert len(blobs(layout)) == 3
    assert [str(entry.digest) for entry in layout.entries()] == [outcome.files[0].manifest]


class _Busy:
    """Answers that are given once so many are under way; counts how many there were at most, by host and in all."""

    def __init__(self, expected: int) -> None:
        self.most = self._now = 0
        self._expected, self._change = expected, threading.Condition()

    def __call__(self, asked: Asked) -> Reply:
        with self._change:
            self._now += 1
            self.most = max(self.most, self._now)
            self._change.notify_all()
            assert self._change.wait_for(lambda: self.most >= self._expected, timeout=30)
            self._now -= 1
        return Reply(asked.target.encode(), type="")


def test_several_files_come_at_a_time(layout: ImageLayout) -> None:
    """Four from one host and not more, however many are wanted; another host has its own four."""
    one, other = _Busy(4), _Busy(4)
    with serving({}) as site, serving({}) as second:
        for number in range(12):
            site.answers[f"/{number}"], second.answers[f"/{number}"] = one, other
        urls = [each.url(f"/{number}") for each in (site, second) for number in range(12)]
        outcome = download(layout, *urls)
    assert [file.url for file in outcome.files] == urls
    assert (one.most, other.most) == (4, 4)
    assert len(layout.entries()) == 24


def test_a_list_of_checksums_is_fetched_once(layout: ImageLayout) -> None:
    """For many files at the same time; and again only if it has changed, while known files cost nothing."""
    names = [f"{number}.tgz" for number in range(9)]
    data = {name: CONTENT[:1000] + name.encode() for name in names}
    lines = "".join(f"{hashlib.sha256(data[name]).hexdigest()}  {name}\n" for name in names[:-1])
    with serving({f"/{name}": data[name] for name in names}) as site:
        site.answers["/sums"] = Reply(lines.encode(), type="text/plain", etag='"s1"')
        wanted = FileSelection(
            tuple(WantedFile(site.url(f"/{name}"), checksums=site.url("/sums")) for name in names)
        )
        outcome = download_selected(layout, wanted)
        assert site.targets().count("/sums") == 1
        assert [file.name for file in outcome.files] == names[:-1]
        assert codes(outcome) == ["files.checksum"]
        assert "/8.tgz" not in site.targets()
        site.forget()
        assert download_selected(layout, wanted).files == outcome.files
        assert site.targets() == ["/sums"]
        assert site.asked[0].headers["if-none-match"] == '"s1"'
        site.answers["/sums"] = Reply(
            lines.replace("8.tgz", "9.tgz").encode(), type="text/plain", etag='"s2"'
        )
        assert download_selected(layout, wanted).files == outcome.files


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Reply(status=404), "fetch.status"),
        (Reply(b"<!doctype html>"), "fetch.content"),
        (Reply(b"x" * (9 << 20)), "fetch.content"),
    ],
)
def test_a_list_that_cannot_be_had_is_no_leave_to_skip_it(
    layout: ImageLayout, answer: Reply, code: str
) -> None:
    """Its files fail without a request, and other files come all the same."""
    with serving({"/a.tgz": TARBALL, "/b.tgz": TARBALL, "/b.tgz?raw": TARBALL, "/sums": answer}) as site:
        urls = [site.url("/a.tgz"), site.url("/b.tgz")]
        checked = [WantedFile(url, checksums=site.url("/sums")) for url in urls]
        outcome = download_selected(layout, FileSelection((*checked, WantedFile(site.url("/b.tgz?raw")))))
        assert codes(outcome) == [code, code]
        assert site.targets().count("/sums") == 1
        assert "/a.tgz" not in site.targets()
    assert [failure.subject for failure in outcome.failures] == urls


def test_a_list_that_is_damaged_here_is_fetched_again(layout: ImageLayout) -> None:
    """Its blob has other bytes than its name says: nothing is checked by it."""
    lines = f"{SHA256}  a.tgz\n".encode()
    with serving({"/a.tgz": TARBALL, "/sums": Reply(lines, type="text/plain", etag='"s1"')}) as site:
        wanted = FileSelection((WantedFile(site.url("/a.tgz"), checksums=site.url("/sums")),))
        download_selected(layout, wanted)
        layout.blobs.path(Digest.of(lines)).write_bytes(lines.replace(b"a", b"b"))
        assert len(download_selected(layout, wanted).files) == 1
        assert "if-none-match" not in site.asked[-1].headers
    assert layout.blobs.read(Digest.of(lines), 1000) == lines


def test_what_this_run_has_got_is_not_asked_for(layout: ImageLayout) -> None:
    """A run that goes on takes what came since it began; what came before is asked for conditionally."""
    with serving({"/a.tgz": TARBALL}) as site:
        first = download(layout, site.url("/a.tgz"))
        again = download(layout, site.url("/a.tgz"), began=first.files[0].fetched)
        assert len(site.asked) == 1
        later = download(layout, site.url("/a.tgz"), began="2999-01-01T00:00:00Z")
        assert len(site.asked) == 2
        at_once = download(
            layout, site.url("/a.tgz"), began=first.files[0].fetched, previous=first.files
        )  # a run that begins in the second in which the last one got it
        assert len(site.asked) == 3
    assert first.files == again.files == later.files == at_once.files


def test_a_change_under_the_same_name_is_told(layout: ImageLayout) -> None:
    """With both digests; a file that stays the same is not mentioned."""

    class Noting(NullProgress):
        def __init__(self) -> None:
            self.notes: list[str] = []

        def note(self, message: str) -> None:
            self.notes.append(message)

    progress = Noting()
    with serving({"/a.tgz": TARBALL, "/b.tgz": TARBALL}) as site:
        urls = (site.url("/a.tgz"), site.url("/b.tgz"))
        first = download(layout, *urls)
        site.answers["/a.tgz"] = Reply(CONTENT[::-1], etag='"v2"', type="")
        second = download(layout, *urls, previous=first.files, progress=progress)
    assert len(progress.notes) == 1
    for part in (urls[0], first.files[0].digest, second.files[0].digest):
        assert part in progress.notes[0]


def test_a_store_that_cannot_be_written_ends_the_run(layout: ImageLayout) -> None:
    """No failure of a file: nothing else can be stored either, and nobody waits for a silent server."""
    silent = threading.Event()

    def waiting(_: Asked) -> Reply:
        silent.wait(30)
        return Reply(CONTENT, type="")

    try:
        with serving({"/a.tgz": TARBALL, "/b.tgz": waiting}) as site:
            (layout.root / ".partial").write_text("a file where a folder should be")
            with pytest.raises(StoreError):
                download(layout, site.url("/a.tgz"), site.url("/b.tgz"))
            silent.set()
    finally:
        silent.set()


@pytest.mark.parametrize("name", sorted(MISBEHAVIOURS))
def test_whatever_a_server_does_is_a_file_or_a_failure(
    layout: ImageLayout, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken framing, floods, drips, nonsense: one outcome, and the file beside it comes."""
    monkeypatch.setattr(transfer, "MOST_UNANNOUNCED", 8 << 20)
    strict = Patience(
        attempts=1, attempts_to_connect=1, first_wait=0, connect=1, read=1, warm_up=0.3, slowest=1e5
    )
    with serving({"/a.tgz": TARBALL}) as fine, raw_serving({}) as site:
        site.answers.update({f"/docs/{each}": answer for each, answer in MISBEHAVIOURS.items()})
        outcome = download(layout, site.url(f"/docs/{name}"), fine.url("/a.tgz"), patience=strict)
    assert fine.url("/a.tgz") in [file.url for file in outcome.files]
    assert len(outcome.files) + len(outcome.failures) == 2
    for entry in layout.entries():
        manifest = parse_manifest(layout.blobs.read(entry.digest, MANIFEST_LIMIT), OCI_MANIFEST, what="m")
        for blob in manifest.blobs:
            layout.blobs.read(blob.digest, 8 << 20)


def test_an_artifact_is_read_back_as_it_was_written() -> None:
    """Whatever is known of a file survives; a manifest of something else is refused."""
    file = StoredFile(
        "https://h/a.tgz", "a.tgz", Digest.of(b"x"), 1, "application/gzip", '"e"', "Mon, 1 Jan 2024"
    )
    assert StoredFile.from_manifest(file.to_manifest(), what="m") == file
    with pytest.raises(InvalidDocument):
        StoredFile.from_manifest(file.to_manifest().replace(FILE_TYPE.encode(), b"other/type"), what="m")
