"""One file over HTTP: going on where an attempt ended, and everything a server may do wrong about that."""

from __future__ import annotations

import gzip
import random
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Callable

import pytest

from archiver.collect.client import Client
from archiver.collect.files import transfer as transfer_module
from archiver.collect.files.answer import Answer
from archiver.collect.files.kept import KeptFile
from archiver.collect.files.transfer import Received, Request, Transfer
from archiver.collect.meter import Meter
from archiver.collect.retry import Brake, Patience, Retrier
from archiver.core.digest import Digest
from archiver.core.errors import (
    DigestMismatch,
    FetchError,
    FileGone,
    ResponseBroken,
    ServerBusy,
    StatusRefused,
    UnexpectedContent,
)
from archiver.core.progress import NullProgress
from archiver.store.blobs import BlobStore
from archiver.store.fileartifact import StoredFile
from servers.rawsite import Then, raw_serving, wire
from servers.resumable import Resumable
from servers.site import Asked, Reply, Site, serving

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = random.Random(11).randbytes(1 << 20)
OTHER = random.Random(12).randbytes(1 << 20)
DIGEST, OTHER_DIGEST = Digest.of(CONTENT), Digest.of(OTHER)
CUT = 300_000
REST = f"bytes={CUT - 1}-"
HASTY = Patience(attempts=3, first_wait=0.0, connect=5, read=5)


@dataclass
class Bench:
    """What a transfer needs, around a store in a folder."""

    store: BlobStore

    def attempt(self, url: str, digest: Digest | None = None, **more: Any) -> Received | KeptFile:
        """Make one attempt of a run of its own."""
        return self._with(url, digest, more, lambda transfer, _: transfer.attempt())

    def get(self, url: str, digest: Digest | None = None, **more: Any) -> Received:
        """Get a file in as many attempts as a run makes."""

        def run(transfer: Transfer, brake: Brake) -> Received | KeptFile:
            retrier = Retrier(HASTY, brake, NullProgress())
            return retrier.run("host", transfer.attempt, came=lambda: transfer.received)

        came = self._with(url, digest, more, run)
        assert isinstance(came, Received)
        return came

    def _with(
        self,
        url: str,
        digest: Digest | None,
        more: dict[str, Any],
        action: Callable[[Transfer, Brake], Received | KeptFile],
    ) -> Received | KeptFile:
        brake = Brake(threading.Event())
        meter = Meter(NullProgress().task("downloads", "B"))
        with Client("archiver/test", HASTY, brake) as client, self.store.resumable_download(url) as partial:
            return action(Transfer(Request(url, digest, **more), partial, client, meter), brake)

    def left(self, url: str) -> int:
        """How many bytes of a URL's content are under way."""
        with self.store.resumable_download(url) as partial:
            return partial.received

    def content(self, digest: Digest) -> bytes:
        """The bytes of a blob, checked."""
        return self.store.read(digest, 8 << 20)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty store."""
    return Bench(BlobStore(tmp_path / "images"))


def cut_once(bench: Bench, site: Site, file: Resumable, digest: Digest | None = None) -> None:
    """Let the first attempt end in the middle, as in a run that is killed."""
    file.cuts = [CUT]
    with pytest.raises(ResponseBroken):
        bench.attempt(site.url("/kk.tgz"), digest)


def test_a_broken_download_is_gone_on_with(bench: Bench) -> None:
    """The next attempt asks for the rest, and for the one byte before it, if nothing has changed."""
    file = Resumable(CONTENT)
    with serving({"/kk.tgz": file}) as site:
        cut_once(bench, site, file)
        received = bench.get(site.url("/kk.tgz"))
    assert (received.digest, received.size) == (DIGEST, len(CONTENT))
    assert file.ranges == ["", REST]
    assert file.asked[1].headers["if-range"] == '"v1"'
    assert file.sent == len(CONTENT) + 1
    assert bench.content(DIGEST) == CONTENT


def test_a_run_goes_on_as_long_as_bytes_come(bench: Bench) -> None:
    """A connection that breaks more often than a request is tried costs no byte twice."""
    file = Resumable(CONTENT, cuts=[100_000] * 9)
    with serving({"/kk.tgz": file}) as site:
        assert bench.get(site.url("/kk.tgz")).digest == DIGEST
    assert len(file.asked) == 10
    assert file.sent == len(CONTENT) + 9


def test_a_run_gives_up_where_nothing_comes(bench: Bench) -> None:
    """What came stays for the next run."""
    file = Resumable(CONTENT, cuts=[CUT, *[1] * 100])
    with serving({"/kk.tgz": file}) as site:
        with pytest.raises(ResponseBroken):
            bench.get(site.url("/kk.tgz"))
        assert bench.left(site.url("/kk.tgz")) == CUT
        file.cuts = []
        assert bench.get(site.url("/kk.tgz")).digest == DIGEST
    assert len(file.asked) <= HASTY.attempts + 3


def test_a_date_tells_as_well_if_it_is_old_enough(bench: Bench) -> None:
    """Without an entity tag, a Last-Modified of a minute before the answer's Date stands in If-Range."""
    modified = "Mon, 23 Nov 2026 08:00:00 GMT"
    file = Resumable(CONTENT, etag="", modified=modified, date="Mon, 23 Nov 2026 09:00:00 GMT")
    with serving({"/kk.tgz": file}) as site:
        cut_once(bench, site, file)
        assert bench.get(site.url("/kk.tgz")).digest == DIGEST
    assert file.ranges == ["", REST]
    assert file.asked[1].headers["if-range"] == modified


@pytest.mark.parametrize(
    "file",
    [
        Resumable(CONTENT, etag=""),
        Resumable(CONTENT, etag='W/"v1"'),
        Resumable(
            CONTENT, etag="", modified="Mon, 23 Nov 2026 08:00:00 GMT", date="Mon, 23 Nov 2026 08:00:00 GMT"
        ),
    ],
    ids=["none", "weak", "date too new"],
)
def test_without_anything_to_tell_by_it_begins_anew(bench: Bench, file: Resumable) -> None:
    """No validator, a weak one, a date of the same second: the rest might be of another file."""
    file = replace(file, asked=[], cuts=[])
    with serving({"/kk.tgz": file}) as site:
        cut_once(bench, site, file)
        assert bench.get(site.url("/kk.tgz")).digest == DIGEST
    assert file.ranges == ["", ""]


def test_a_known_digest_is_enough_to_tell_by(bench: Bench) -> None:
    """The whole is hashed at the end, so the rest may be asked for without validators."""
    file = Resumable(CONTENT, etag="")
    with serving({"/kk.tgz": file}) as site:
        cut_once(bench, site, file, DIGEST)
        assert bench.get(site.url("/kk.tgz"), DIGEST).digest == DIGEST
    assert file.ranges == ["", REST]
    assert "if-range" not in file.asked[1].headers


def test_under_a_known_digest_another_mirror_may_go_on(bench: Bench) -> None:
    """Servers that share a name have entity tags of their own; the bytes are the same."""
    file = Resumable(CONTENT, etag='"of mirror 1"')
    with serving({"/kk.tgz": file}) as site:
        cut_once(bench, site, file, DIGEST)
        file.etag = '"of mirror 2"'
        assert bench.get(site.url("/kk.tgz"), DIGEST).digest == DIGEST
    assert file.ranges == ["", REST]


def test_a_file_that_changed_meanwhile_is_sent_whole(bench: Bench) -> None:
    """If-Range does not fit, the server answers 200, and nothing of the old bytes stays."""
    file = Resumable(CONTENT)
    with serving({"/kk.tgz": file}) as site:
        cut_once(bench, site, file)
        file.content, file.etag = OTHER, '"v2"'
        received = bench.get(site.url("/kk.tgz"))
    assert received.digest == OTHER_DIGEST
    assert received.answer.etag == '"v2"'
    assert bench.content(OTHER_DIGEST) == OTHER


def _changed(_: Asked, reply: Reply) -> Reply:
    """Send the rest of another file, as servers do that know ranges and not If-Range."""
    if reply.status != 206:
        return Reply(OTHER, headers=(("ETag", '"v2"'),), type="")
    headers = tuple((name, '"v2"' if name == "ETag" else value) for name, value in reply.headers)
    return replace(reply, body=OTHER[CUT - 1 :], headers=headers)


def test_the_rest_of_another_file_is_refused(bench: Bench) -> None:
    """A 206 whose entity tag is not that of the bytes that are here is no rest of them: the file is asked for anew."""
    file = Resumable(CONTENT)
    with serving({"/kk.tgz": file}) as site:
        cut_once(bench, site, file)
        file.bend = _changed
        received = bench.get(site.url("/kk.tgz"))
    assert file.ranges == ["", REST, ""]
    assert bench.content(received.digest) == OTHER


def _with_range(told: str, *, type_: str = "application/gzip") -> Callable[[Asked, Reply], Reply]:
    def bend(_: Asked, reply: Reply) -> Reply:
        if reply.status != 206:
            return reply
        headers = tuple(pair for pair in reply.headers if pair[0] != "Content-Range")
        return replace(reply, headers=(*headers, ("Content-Range", told)), type=type_)

    return bend


@pytest.mark.parametrize(
    "bend",
    [
        _with_range(f"bytes 0-{len(CONTENT) - CUT}/{len(CONTENT)}"),
        _with_range(f"bytes {CUT}-{len(CONTENT) - 1}/{len(CONTENT)}"),
        _with_range(f"bytes {CUT - 1}-{len(CONTENT) - 1}/{len(CONTENT) - 1}"),
        _with_range(f"bytes {CUT - 1}-{len(CONTENT) - 1}/*"),
        _with_range("bytes everything"),
        _with_range(
            f"bytes {CUT - 1}-{len(CONTENT) - 1}/{len(CONTENT)}", type_="multipart/byteranges; boundary=x"
        ),
        lambda _, reply: reply if reply.status != 206 else replace(reply, headers=()),
        lambda _, reply: (
            reply if reply.status != 206 else Reply(b"", 416, headers=(("Content-Range", "bytes */5"),))
        ),
    ],
    ids=["start", "one off", "end behind total", "no total", "nonsense", "multipart", "none", "416"],
)
def test_an_answer_that_is_no_rest_is_not_put_behind(
    bench: Bench, bend: Callable[[Asked, Reply], Reply]
) -> None:
    """Another place than asked for, no total, several parts, "not satisfiable": the file is asked for anew."""
    file = Resumable(CONTENT, bend=bend)
    with serving({"/kk.tgz": file}) as site:
        cut_once(bench, site, file)
        assert bench.attempt(site.url("/kk.tgz")) is not None
    assert file.ranges == ["", REST, ""]
    assert bench.content(DIGEST) == CONTENT


def test_another_total_than_before_is_another_file(bench: Bench) -> None:
    """Within one run it is known how long the file was said to be."""
    size = len(CONTENT)
    file = Resumable(CONTENT, cuts=[CUT], bend=_with_range(f"bytes {CUT - 1}-{size - 1}/{size + 9}"))
    with serving({"/kk.tgz": file}) as site:
        assert bench.get(site.url("/kk.tgz")).digest == DIGEST
    assert file.ranges == ["", REST, ""]


def test_a_server_that_ignores_ranges_sends_everything(bench: Bench) -> None:
    """A 200 is the whole file, whatever was asked for."""
    file = Resumable(CONTENT)
    with serving({"/kk.tgz": file}) as site:
        cut_once(bench, site, file)
        site.answers["/kk.tgz"] = Reply(CONTENT, headers=(("ETag", '"v1"'),))
        assert bench.get(site.url("/kk.tgz")).digest == DIGEST


def test_a_server_that_sends_less_than_asked_is_asked_again(bench: Bench) -> None:
    """A 206 may have only a part of the range; it is gone on from there."""

    def piecemeal(asked: Asked, reply: Reply) -> Reply:
        if reply.status != 206:
            return reply
        start = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
        piece = reply.body[:200_000]
        headers = tuple(pair for pair in reply.headers if pair[0] != "Content-Range")
        told = f"bytes {start}-{start + len(piece) - 1}/{len(CONTENT)}"
        return replace(reply, body=piece, headers=(*headers, ("Content-Range", told)))

    file = Resumable(CONTENT, cuts=[CUT], bend=piecemeal)
    with serving({"/kk.tgz": file}) as site:
        assert bench.get(site.url("/kk.tgz")).digest == DIGEST
    assert len(file.asked) == 5


def test_a_file_that_lacks_only_its_name_costs_a_byte(bench: Bench) -> None:
    """Killed between the last byte and the name: the last byte is sent once more, with all that is to be known."""
    file = Resumable(CONTENT, headers=(("Content-Disposition", "attachment; filename=tool.tgz"),))
    with serving({"/kk.tgz": file}) as site:
        with bench.store.resumable_download(site.url("/kk.tgz")) as partial:
            partial.restart(etag='"v1"', modified="")
            partial.write(CONTENT)
        received = bench.get(site.url("/kk.tgz"))
    assert received.digest == DIGEST
    assert file.ranges == [f"bytes={len(CONTENT) - 1}-"]
    assert file.sent == 1
    assert received.answer.name == "tool.tgz"


def test_a_file_that_became_shorter_is_begun_anew(bench: Bench) -> None:
    """Without validators a server can only say that there is no such range."""
    short = CONTENT[: CUT // 2]
    file = Resumable(CONTENT, etag="")
    with serving({"/kk.tgz": file}) as site:
        cut_once(bench, site, file, DIGEST)
        file.content = short
        assert bench.get(site.url("/kk.tgz"), Digest.of(short)).size == len(short)
    assert file.ranges == ["", REST, ""]


def test_parts_of_two_files_are_not_taken_for_one(bench: Bench) -> None:
    """Under a known digest the rest may be of another file; the digest tells, and the file is asked for as a whole."""
    file = Resumable(CONTENT)
    with serving({"/kk.tgz": file}) as site:
        cut_once(bench, site, file, OTHER_DIGEST)
        file.content, file.etag = OTHER, '"v2"'
        assert bench.get(site.url("/kk.tgz"), OTHER_DIGEST).digest == OTHER_DIGEST
    assert file.ranges == ["", REST, ""]


def test_the_wrong_content_never_gets_a_name(bench: Bench) -> None:
    """A digest that does not fit is an error at once, and nothing is left."""
    file = Resumable(CONTENT)
    with serving({"/kk.tgz": file}) as site:
        with pytest.raises(DigestMismatch):
            bench.get(site.url("/kk.tgz"), OTHER_DIGEST)
        assert bench.left(site.url("/kk.tgz")) == 0
    assert bench.store.size(DIGEST) is None
    assert bench.store.size(OTHER_DIGEST) is None
    assert len(file.asked) == 1


def test_a_page_under_a_known_digest_is_called_one(bench: Bench) -> None:
    """More than "another digest": what the server sends in place of the file."""
    with (
        serving({"/kk.tgz": b"<!doctype html>gone"}) as site,
        pytest.raises(UnexpectedContent, match="web page"),
    ):
        bench.get(site.url("/kk.tgz"), DIGEST)


def test_a_server_that_never_gets_it_right_is_given_up(bench: Bench) -> None:
    """One that cuts every answer and never goes on with the right bytes could go on like that for ever."""
    file = Resumable(CONTENT, cuts=[CUT] * 1000, bend=_with_range("bytes 0-1/2"))
    with serving({"/kk.tgz": file}) as site, pytest.raises(FetchError):
        bench.get(site.url("/kk.tgz"))
    assert len(file.asked) < 20


def test_a_few_bytes_are_not_worth_going_on_from(bench: Bench) -> None:
    """What the file is was not looked at yet, so it is begun anew."""
    file = Resumable(CONTENT, cuts=[100])
    with serving({"/kk.tgz": file}) as site:
        assert bench.get(site.url("/kk.tgz")).digest == DIGEST
    assert file.ranges == ["", ""]


@pytest.mark.parametrize("digest", [None, DIGEST], ids=["unknown", "known"])
def test_what_is_not_the_file_leaves_what_is_here(bench: Bench, digest: Digest | None) -> None:
    """A page for a while, an error status: the bytes that are here stay for the next attempt, digest known or not."""
    file = Resumable(CONTENT)
    with serving({"/kk.tgz": file}) as site:
        cut_once(bench, site, file, digest)
        for answer, error in (
            (b"<!doctype html>soon", UnexpectedContent),
            (Reply(status=503), ServerBusy),
            (Reply(status=403), StatusRefused),
            (Reply(status=404), StatusRefused),
            (Reply(status=304, type=""), StatusRefused),
        ):
            site.answers["/kk.tgz"] = answer
            with pytest.raises(error):
                bench.attempt(site.url("/kk.tgz"), digest)
            assert bench.left(site.url("/kk.tgz")) == CUT
        site.answers["/kk.tgz"] = file
        assert bench.get(site.url("/kk.tgz"), digest).digest == DIGEST
    assert file.ranges == ["", REST]


def test_what_looks_like_a_mistake_and_has_the_digest_is_the_file(bench: Bench) -> None:
    """A page by an archive's name, and the keeper knows it: a server that ignores ranges may send it once more."""
    page = b"<!doctype html>" + b"x" * 10_000
    file = Resumable(page, cuts=[5000])
    with serving({"/kk.tgz": file}) as site:
        with pytest.raises(ResponseBroken):
            bench.attempt(site.url("/kk.tgz"), Digest.of(page))
        site.answers["/kk.tgz"] = Reply(page, type="text/html")
        assert bench.get(site.url("/kk.tgz"), Digest.of(page)).size == len(page)


def test_another_page_takes_the_place_of_a_page(bench: Bench) -> None:
    """What is here is no better than what comes: the digest has the last word, and no byte of either stays."""
    file = Resumable(b"<!doctype html>" + b"x" * 10_000, cuts=[5000])
    with serving({"/kk.tgz": file}) as site:
        with pytest.raises(ResponseBroken):
            bench.attempt(site.url("/kk.tgz"), DIGEST)
        site.answers["/kk.tgz"] = b"<!doctype html>gone"
        with pytest.raises(UnexpectedContent, match="web page"):
            bench.attempt(site.url("/kk.tgz"), DIGEST)
        assert bench.left(site.url("/kk.tgz")) == 0


@pytest.mark.parametrize("status", [404, 410, 451])
def test_what_was_here_before_is_gone(bench: Bench, status: int) -> None:
    """A file that the last snapshot has is told from one that never was."""
    with serving({"/kk.tgz": Reply(status=status)}) as site:
        with pytest.raises(FileGone, match=r"2026-11-01T00:00:00Z is kept"):
            bench.get(site.url("/kk.tgz"), had="2026-11-01T00:00:00Z")
        with pytest.raises(StatusRefused):
            bench.get(site.url("/kk.tgz"))


def test_a_part_that_nobody_asked_for_is_refused(bench: Bench) -> None:
    """A 206 to a request without Range is no file."""
    told = ("Content-Range", f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}")
    with serving({"/kk.tgz": Reply(CONTENT, 206, headers=(told,))}) as site, pytest.raises(StatusRefused):
        bench.get(site.url("/kk.tgz"))


def _kept(url: str, etag: str) -> KeptFile:
    return KeptFile(StoredFile(url, "kk.tgz", DIGEST, len(CONTENT), "application/gzip", etag), DIGEST, "2026")


def test_an_unchanged_file_is_the_kept_one(bench: Bench) -> None:
    """304 to a conditional request; without a condition it is no answer."""
    file = Resumable(CONTENT)
    with serving({"/kk.tgz": file}) as site:
        kept = _kept(site.url("/kk.tgz"), '"v1"')
        assert bench.attempt(site.url("/kk.tgz"), kept=kept) is kept
        site.answers["/kk.tgz"] = Reply(status=304, type="")
        with pytest.raises(StatusRefused):
            bench.attempt(site.url("/kk.tgz"), kept=_kept(site.url("/kk.tgz"), ""))


def test_a_coded_body_is_not_gone_on_with(bench: Bench) -> None:
    """Ranges are of the bytes as they are sent; those here are decoded ones."""
    packed = gzip.compress(CONTENT, mtime=0)
    file = Resumable(packed, headers=(("Content-Encoding", "gzip"),), cuts=[len(packed) // 2])
    with serving({"/notes.txt": file}) as site:
        assert bench.get(site.url("/notes.txt")).digest == DIGEST
    assert file.ranges == ["", ""]


def test_a_rest_that_is_coded_is_refused(bench: Bench) -> None:
    """What came was sent as it is, the rest is not: its bytes are not those that follow."""

    def coding(_: Asked, reply: Reply) -> Reply:
        coded = ("Content-Encoding", "gzip") if reply.status == 206 else ("X-Coded", "no")
        return replace(reply, headers=(*reply.headers, coded))

    file = Resumable(CONTENT, cuts=[CUT], bend=coding)
    with serving({"/notes.txt": file}) as site:
        assert bench.get(site.url("/notes.txt")).digest == DIGEST
    assert file.ranges == ["", REST, ""]


def test_an_archive_that_is_called_coded_is_gone_on_with(bench: Bench) -> None:
    """A .tgz that a server calls gzip-coded is the file itself, so its bytes are those of ranges."""
    packed = gzip.compress(CONTENT, mtime=0)
    file = Resumable(packed, headers=(("Content-Encoding", "gzip"),), cuts=[CUT])
    with serving({"/kk.tgz": file}) as site:
        assert bench.get(site.url("/kk.tgz")).digest == Digest.of(packed)
    assert file.ranges == ["", REST]


def test_a_body_that_is_longer_than_announced_is_cut_there(bench: Bench) -> None:
    """HTTP's framing ends the body; what follows is not the file's."""
    head = ("HTTP/1.1 200 OK", "Content-Type: application/gzip", f"Content-Length: {len(CONTENT)}")
    with raw_serving({"/kk.tgz": wire(*head, body=CONTENT + b"more")}) as site:
        assert bench.get(site.url("/kk.tgz")).digest == DIGEST


def test_a_body_without_end_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no length is announced there is a limit, and nothing is left of it."""
    monkeypatch.setattr(transfer_module, "MOST_UNANNOUNCED", 4 << 20)
    head = ("HTTP/1.1 200 OK", "Content-Type: application/gzip")
    endless = wire(*head, body=b"\x1f\x8b", then=Then.FLOOD, more=b"x" * 65536)
    with raw_serving({"/kk.tgz": endless}) as site:
        with pytest.raises(FetchError, match="more than"):
            bench.get(site.url("/kk.tgz"))
        assert bench.left(site.url("/kk.tgz")) == 0


def test_what_a_server_says_of_a_file_is_kept(bench: Bench) -> None:
    """Name, address after redirects and all headers but cookies; of a file in two parts as if it came in one."""
    headers = (
        ("Content-Disposition", "attachment; filename*=UTF-8''k%C3%A4%C3%A4.tgz"),
        ("Set-Cookie", "session=secret"),
        ("X-Twice", "1"),
        ("X-Twice", "2"),
        ("X-Long", "x" * 60_000),
        ("X-Longer", "x" * 60_000),
    )
    file = Resumable(CONTENT, headers=headers, cuts=[CUT], type="application/gzip")
    with serving({"/storage/1": file}) as storage, serving({}) as site:
        site.answers["/kk.tgz"] = Reply(status=302, headers=(("Location", storage.url("/storage/1")),))
        answer = bench.get(site.url("/kk.tgz")).answer
        assert (answer.url, answer.location) == (site.url("/kk.tgz"), storage.url("/storage/1"))
    assert (answer.name, answer.media_type, answer.etag) == ("kää.tgz", "application/gzip", '"v1"')
    names = [name for name, _ in answer.headers]
    assert "Set-Cookie" not in names
    assert "Content-Range" not in names
    assert "X-Longer" not in names
    assert dict(answer.headers)["Content-Length"] == str(len(CONTENT))
    assert [value for name, value in answer.headers if name == "X-Twice"] == ["1", "2"]
    assert isinstance(answer, Answer)
