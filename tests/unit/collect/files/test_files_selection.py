"""Which files a spec asks for."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from archiver.collect.files.selection import FileSelection, WantedFile, selected_files
from archiver.collect.retry import Patience
from archiver.core.digest import Digest
from archiver.core.errors import Stopped
from archiver.core.progress import NullProgress
from archiver.core.snapshot import FileResult
from archiver.spec.files import FileIndex, FileSource
from servers.site import Reply, html, serving

if TYPE_CHECKING:
    from servers.site import Site

HASTY = Patience(attempts=2, first_wait=0.0, connect=5, read=5)
SHA256 = "a" * 64


def selected(
    *sources: FileSource | FileIndex, previous: tuple[FileResult, ...] = (), **more: Any
) -> FileSelection:
    """Select files."""
    settings: dict[str, Any] = {"stop": threading.Event(), "patience": HASTY, **more}
    return selected_files(sources, previous, user_agent="archiver/test", progress=NullProgress(), **settings)


def index(site: Site, *include: str, **more: Any) -> FileIndex:
    """Return the entry of a spec for a site's ``/dl/``."""
    return FileIndex(index=site.url("/dl/"), include=include or ("*.tgz",), **more)


def had(site: Site, name: str, **more: Any) -> FileResult:
    """Return what an earlier snapshot has of a site's ``/dl/``."""
    settings: dict[str, Any] = {"index": site.url("/dl/"), **more}
    url = site.url(f"/dl/{name}")
    return FileResult(
        url, f"h/{name}", f"sha256:{SHA256}", 1, "x/y", f"sha256:{SHA256}", "2026-11-01T00:00:00Z", **settings
    )


def names(selection: FileSelection) -> list[str]:
    """The last parts of the URLs to download."""
    return [file.url.rpartition("/")[2] for file in selection.files]


def codes(selection: FileSelection) -> dict[str, str]:
    """What failed, by the last part of its URL."""
    return {failure.subject.rstrip("/").rpartition("/")[2]: failure.code for failure in selection.failures}


def test_what_a_spec_names_needs_no_network() -> None:
    """A URL, with a digest or a list of checksums beside it or elsewhere."""
    sources = (
        FileSource(url="https://h.invalid/v1/a.tgz", sha256=SHA256),
        FileSource(url="https://h.invalid/v1/b.tgz", checksums="SHA256SUMS"),
        FileSource(url="https://h.invalid/v1/c.tgz", checksums="https://other.invalid/sums"),
    )
    selection = selected(*sources)
    assert selection.files == (
        WantedFile("https://h.invalid/v1/a.tgz", Digest("sha256", SHA256)),
        WantedFile("https://h.invalid/v1/b.tgz", checksums="https://h.invalid/v1/SHA256SUMS"),
        WantedFile("https://h.invalid/v1/c.tgz", checksums="https://other.invalid/sums"),
    )
    assert selection.failures == ()
    assert selection.digests == {
        "https://h.invalid/v1/a.tgz": f"sha256:{SHA256}",
        "https://h.invalid/v1/b.tgz": "",
        "https://h.invalid/v1/c.tgz": "",
    }


def test_an_index_s_files_are_files_of_their_own() -> None:
    """In the spec's order, each once, with the index that lists it; what the spec names itself keeps its digest."""
    with serving({}) as site:
        site.answers["/dl/"] = html("b.tgz", "a.tgz", "b.tgz", "notes.txt")
        named = FileSource(url=site.url("/dl/a.tgz"), sha256=SHA256)
        selection = selected(index(site, checksums="SHA256SUMS"), named)
        base = site.url("/dl/")
    assert selection.files == (
        WantedFile(f"{base}b.tgz", checksums=f"{base}SHA256SUMS", index=base),
        WantedFile(f"{base}a.tgz", Digest("sha256", SHA256)),
    )


def test_a_list_of_checksums_need_not_list_itself() -> None:
    """Nor its signatures: they could not be in it."""
    with serving({}) as site:
        site.answers["/dl/"] = html("SHA256SUMS", "SHA256SUMS.asc", "SHA256SUMS2", "a.tgz")
        selection = selected(index(site, "*", checksums="SHA256SUMS"))
    unchecked = [file.url.rpartition("/")[2] for file in selection.files if not file.checksums]
    assert unchecked == ["SHA256SUMS", "SHA256SUMS.asc"]


def test_an_index_that_is_redirected() -> None:
    """Its links are relative to where it is; it is called what the spec calls it."""
    with serving({"/v1/": html("a.tgz")}) as site:
        site.answers["/dl/"] = Reply(status=302, headers=(("Location", "/v1/"),))
        selection = selected(index(site))
        assert selection.files == (WantedFile(site.url("/v1/a.tgz"), index=site.url("/dl/")),)


def test_an_index_has_no_business_in_a_private_network() -> None:
    """What it lists there is a failure of its own; the index's own host is the keeper's choice, wherever it is."""
    with serving({}) as site:
        site.answers["/dl/"] = html("a.tgz", "http://169.254.169.254/meta.tgz", "http://10.0.0.1:8080/b.tgz")
        kept = replace(had(site, ""), url="http://10.0.0.1:8080/b.tgz")
        selection = selected(index(site), previous=(kept,))
        assert {failure.referrer for failure in selection.failures} == {site.url("/dl/")}
    assert names(selection) == ["a.tgz"]
    assert codes(selection) == {"meta.tgz": "fetch.private", "b.tgz": "fetch.private"}
    assert selection.kept == (kept,)


def test_an_index_of_json() -> None:
    """Every URL in it is a candidate."""
    with serving({}) as site:
        release = {"assets": [{"browser_download_url": site.url("/x/a.tgz")}, {"browser_download_url": "x"}]}
        site.answers["/dl/"] = Reply(json.dumps([release]).encode(), type="application/json")
        assert names(selected(index(site))) == ["a.tgz"]


def test_what_an_index_lists_no_longer_is_kept_and_told() -> None:
    """One failure a file, with the index; what the globs do not take any more, or is another index's, is nobody's."""
    with serving({}) as site:
        site.answers["/dl/"] = html("a.tgz")
        earlier = (
            had(site, "a.tgz"),
            had(site, "old.tgz"),
            had(site, "old.zip"),
            had(site, "elsewhere.tgz", index="https://elsewhere.invalid/"),
            had(site, "named.tgz", index=""),
        )
        selection = selected(index(site), previous=earlier)
        assert selection.failures[0].referrer == site.url("/dl/")
    assert names(selection) == ["a.tgz"]
    assert selection.kept == (earlier[1],)
    assert codes(selection) == {"old.tgz": "files.gone"}
    assert "2026-11-01" in selection.failures[0].message


def test_what_moved_to_another_index_is_not_gone() -> None:
    """Nor what the spec names itself now."""
    with serving({"/other/": html("/dl/moved.tgz", "/dl/a.tgz")}) as site:
        site.answers["/dl/"] = html("a.tgz")
        other = FileIndex(index=site.url("/other/"), include=("*.tgz",))
        named = FileSource(url=site.url("/dl/named.tgz"))
        selection = selected(
            index(site), other, named, previous=(had(site, "moved.tgz"), had(site, "named.tgz"))
        )
    assert names(selection) == ["a.tgz", "moved.tgz", "named.tgz"]
    assert selection.kept == ()
    assert selection.failures == ()


def test_what_several_entries_tell_alike_is_told_once() -> None:
    """One index may be asked for different files by different globs, which may overlap."""
    with serving({}) as site:
        site.answers["/dl/"] = html("a.tgz")
        old = had(site, "old.tgz")
        selection = selected(index(site), index(site, "*"), previous=(old,))
    assert names(selection) == ["a.tgz"]
    assert selection.kept == (old,)
    assert len(selection.failures) == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Reply(status=404), "fetch.status"),
        (Reply(status=503), "fetch.busy"),
        (html("notes.txt"), "files.index"),
        (html(), "files.index"),
        (Reply(b"[", type="application/json"), "fetch.content"),
        (Reply(b"a.tgz", type="text/plain"), "fetch.content"),
        (Reply(html("a.tgz"), cut=20), "fetch.broken"),
        (Reply(b"<a href=a.tgz>" + b" " * (17 << 20)), "fetch.content"),
    ],
)
def test_an_index_that_cannot_be_used_keeps_what_it_had(answer: Any, code: str) -> None:
    """Dead, emptied, broken, too large: one failure, and all that is known of it stays wanted; the rest goes on."""
    with serving({}) as site:
        site.answers["/dl/"] = answer
        site.answers["/fine/"] = html("fine.tgz")
        fine = FileIndex(index=site.url("/fine/"), include=("*",))
        earlier = (had(site, "a.tgz"), had(site, "b.tgz"))
        selection = selected(index(site), fine, previous=earlier)
    assert codes(selection) == {"dl": code}
    assert selection.kept == earlier
    assert names(selection) == ["fine.tgz"]
    assert set(selection.digests.values()) == {""}
    assert len(selection.digests) == 3


def test_stopping_ends_the_asking() -> None:
    """No failure is made of it."""
    stop = threading.Event()
    stop.set()
    with serving({"/dl/": html("a.tgz")}) as site, pytest.raises(Stopped):
        selected(index(site), stop=stop)
