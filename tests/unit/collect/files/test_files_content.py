"""Whether what a server sends can be the file that was asked for."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from archiver.collect.files.content import HEAD, mistake

PAGE = b"<!DOCTYPE html><title>Not found</title>"
S3 = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>'
ARMOUR = b"-----BEGIN PGP SIGNATURE-----\n\nabc=\n"


def _tar() -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("x"))
    return plain.getvalue()


def _zip() -> bytes:
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w") as made:
        made.writestr(zipfile.ZipInfo("a.txt"), "text")
    return plain.getvalue()


def told(
    head: bytes,
    name: str,
    media_type: str = "application/octet-stream",
    said: str = "",
    *,
    listed: bool = False,
) -> str:
    """Judge the beginning of what came for a name."""
    return mistake(head[:HEAD], media_type, f"https://h/dl/{name}?x=1", said, listed=listed)


@pytest.mark.parametrize("media_type", ["application/gzip", "text/html", "text/plain", ""])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tar.gz", gzip.compress(b"text", mtime=0)),
        ("a.tgz", gzip.compress(b"", mtime=0)),
        ("a.tar", _tar()),
        ("a.ZIP", _zip()),
        ("a.tar.xz", lzma.compress(b"text")),
        ("a.tar.bz2", bz2.compress(b"")),
        ("a.iso", bytes(HEAD)),
        (
            "a.deb",
            b"!<arch>\ndebian-binary   1410122664  0     0     100644  4         `\n2.0\ncontrol.tar.gz/ \x1f\x8b\x08",
        ),
        ("a.tgz.asc", ARMOUR),
        ("a.tgz.sha256", b"0" * 64),
        ("install.run", b"#!/bin/sh\nexec tail\n"),
        ("a.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"),
        ("latest", gzip.compress(b"", mtime=0)),
    ],
)
def test_what_is_the_file_is_taken_whatever_its_type(name: str, content: bytes, media_type: str) -> None:
    """Servers that call an archive, a signature or an installer a web page or text are wrong, and the file is right."""
    assert told(content, name, media_type) == ""
    assert told(content, name, media_type, listed=True) == ""


@pytest.mark.parametrize("media_type", ["application/gzip", "text/html", "application/octet-stream"])
@pytest.mark.parametrize(
    "name", ["a.tar.gz", "a.zip", "a%2Etgz", "a.iso", "a.rpm", "a.tgz.asc", "a.run", "a.pdf"]
)
def test_a_page_in_place_of_a_file_is_told_whatever_its_type(name: str, media_type: str) -> None:
    """An error page that is called an archive is none."""
    for page in (PAGE, b"\xef\xbb\xbf \r\n<HTML><body>", b"<head>"):
        assert told(page, name, media_type) == "a web page"


def test_markup_that_a_server_calls_a_page_is_one() -> None:
    """Pages begin with a comment or a script as well; called what they are, they are told."""
    for head in (b"<!-- x --><script>", b"  <div>", b"<?xml version='1.0'?><html>"):
        assert told(head, "a.tgz.asc", "text/html") == "a web page"
        assert told(head, "a.tgz.asc", "text/plain") == ""


@pytest.mark.parametrize(
    ("head", "media_type", "what"),
    [
        (b"Not Found", "text/plain", "an error message"),
        (b"404: no such key", "text/html", "an error message"),
        (b' {"error": "expired"}', "application/json", "JSON"),
        (b"[]", "application/gzip", "JSON"),
        (b"<!-- x --><center>", "application/gzip", "markup"),
        (b"Not Found", "application/gzip", ""),
        (b"some bytes", "text/plain", ""),
        (b"error\n" * HEAD, "text/plain", ""),
    ],
)
def test_error_messages_in_place_of_an_archive_are_told(head: bytes, media_type: str, what: str) -> None:
    """Markup, JSON, and what is short, called text and complains; other text may be an archive of an odd kind."""
    assert told(head, "a.tar.gz", media_type) == what
    assert told(head, "a.run", media_type) == ""
    assert told(head, "latest", media_type) == ""


def test_nothing_in_place_of_an_archive_is_told() -> None:
    """An archive has at least one byte; a file of another kind may be empty."""
    assert told(b"", "a.tar.gz") == "nothing"
    assert told(b"", "VERSION") == ""


@pytest.mark.parametrize(
    "head", [S3, b"<Error><Code>AccessDenied</Code>", b"\xef\xbb\xbf<?xml version='1.0'?> <Error xmlns='x'>"]
)
def test_errors_of_object_storages_are_told(head: bytes) -> None:
    """Under every name that is not that of an XML file."""
    for name in ("a.tgz", "a.sh", "kk", "a.sha256"):
        assert told(head, name, "application/xml") == "an error message in XML"
    assert told(head, "errors.xml", "application/xml") == ""
    assert told(b"<Errors/>", "kk", "application/xml") == ""


def test_a_page_that_is_asked_for_is_no_mistake() -> None:
    """A file that is called .html is one, and so may be what has no ending; if an index lists it, only the former."""
    for name in ("page.html", "a.htm", "get.php"):
        assert told(PAGE, name, "text/html") == ""
        assert told(PAGE, name, "text/html", listed=True) == ""
    assert told(PAGE, "latest", "text/html") == ""
    assert told(PAGE, "latest", "text/html", listed=True) == "a web page"
    assert told(PAGE, "kk-linux-amd64", "application/octet-stream", listed=True) == "a web page"


def test_the_name_that_a_server_gives_counts_too() -> None:
    """What is announced as kk.tgz is no page, wherever it is."""
    assert told(PAGE, "latest", "text/html", "kk.tgz") == "a web page"
    assert told(b"Not found", "latest", "text/plain", "kk #1.tgz") == "an error message"
