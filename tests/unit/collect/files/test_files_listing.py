"""What indexes list, and which of it is chosen."""

from __future__ import annotations

import json
import random

import pytest

from archiver.collect.files.listing import LIMIT, MOST_FILES, Choice, listed_files
from archiver.core.errors import NothingListed, UnexpectedContent

NGINX = b"""<html>
<head><title>Index of /releases/</title></head>
<body>
<h1>Index of /releases/</h1><hr><pre><a href="../">../</a>
<a href="old/">old/</a>                                               01-Nov-2026 10:00       -
<a href="kk%20beta.tgz">kk beta.tgz</a>                               01-Nov-2026 10:00    1024
<a href="kk-v1.tar.gz">kk-v1.tar.gz</a>                               01-Nov-2026 10:00    2048
</pre><hr></body>
</html>
"""
APACHE = b"""<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">
<html><head><title>Index of /releases</title></head><body><h1>Index of /releases</h1>
<table><tr><th valign="top"><img src="/icons/blank.gif" alt="[ICO]"></th><th><a href="?C=N;O=D">Name</a></th>
<th><a href="?C=M;O=A">Last modified</a></th><th><a href="?C=S;O=A">Size</a></th></tr>
<tr><td><img src="/icons/back.gif" alt="[PARENTDIR]"></td><td><a href="/">Parent Directory</a></td></tr>
<tr><td><img src="/icons/compressed.gif" alt="[   ]"></td><td><a href="kk-v1.tar.gz">kk-v1.tar.gz</a></td></tr>
</table></body></html>
"""
GITHUB_PAGE = b"""<div data-view-component="true" class="Box Box--condensed mt-3"><ul>
<li><a href="/kubesphere/kubekey/releases/download/v3.1.1/kubekey-v3.1.1-linux-amd64.tar.gz" rel="nofollow">
<span>kubekey-v3.1.1-linux-amd64.tar.gz</span></a></li>
<li><a href="/kubesphere/kubekey/archive/refs/tags/v3.1.1.zip" rel="nofollow">Source code</a></li></ul></div>
"""
GITHUB_API = json.dumps(
    [
        {
            "url": "https://api.github.com/repos/kubesphere/kubekey/releases/1",
            "upload_url": "https://uploads.github.com/repos/kubesphere/kubekey/releases/1/assets{?name,label}",
            "html_url": "https://github.com/kubesphere/kubekey/releases/tag/v3.1.1",
            "tag_name": "v3.1.1",
            "author": {
                "avatar_url": "https://avatars.githubusercontent.com/u/1?v=4",
                "id": 1,
                "admin": False,
            },
            "assets": [
                {
                    "name": "kubekey-v3.1.1-linux-amd64.tar.gz",
                    "size": 2048,
                    "browser_download_url": "https://github.com/kubesphere/kubekey/releases/download/v3.1.1/kubekey-v3.1.1-linux-amd64.tar.gz",
                },
                {"browser_download_url": None},
            ],
            "zipball_url": "https://api.github.com/repos/kubesphere/kubekey/zipball/v3.1.1",
            "body": "See https://github.com/kubesphere/kubekey/README.tar.gz",
        }
    ]
).encode()
INDEX = "https://dl.example.org/releases/"
ASSET = "https://github.com/kubesphere/kubekey/releases/download/v3.1.1/kubekey-v3.1.1-linux-amd64.tar.gz"


def test_an_index_of_nginx() -> None:
    """Its files, as URLs; the folder above and those below are none."""
    assert listed_files(NGINX, INDEX, "text/html") == (f"{INDEX}kk%20beta.tgz", f"{INDEX}kk-v1.tar.gz")


def test_an_index_of_apache() -> None:
    """Links that sort the table, icons and the parent folder are no files."""
    assert listed_files(APACHE, INDEX, "text/html;charset=UTF-8") == (f"{INDEX}kk-v1.tar.gz",)


def test_a_page_of_releases() -> None:
    """Links from the root of the site, in a part of a page, as GitHub sends the assets of a release."""
    url = "https://github.com/kubesphere/kubekey/releases/expanded_assets/v3.1.1"
    assert listed_files(GITHUB_PAGE, url, "text/html; charset=utf-8")[0] == ASSET


def test_json_of_releases() -> None:
    """Every string that is an http(s) URL, under whatever key; text with a URL in it is none."""
    url = "https://api.github.com/repos/kubesphere/kubekey/releases"
    for content_type in ("application/json; charset=utf-8", "application/vnd.github+json", "", "text/plain"):
        listed = listed_files(GITHUB_API, url, content_type)
        assert ASSET in listed
        assert "https://api.github.com/repos/kubesphere/kubekey/zipball/v3.1.1" in listed
        assert not [link for link in listed if "README" in link]
    assert Choice(["*-linux-amd64.tar.gz"], []).among(listed, url) == (ASSET,)


def test_links_are_relative_to_base_href() -> None:
    """And to the URL of the index where there is none; fragments do not count, repetitions once."""
    page = b'<base href="https://cdn.example.org/files/"><a href=a.tgz#x>a</a><a href=a.tgz>a</a><a href="/b.tgz">'
    assert listed_files(page, INDEX, "text/html") == (
        "https://cdn.example.org/files/a.tgz",
        "https://cdn.example.org/b.tgz",
    )


def test_only_http_counts() -> None:
    """Other schemes name nothing that can be downloaded; credentials in a link are dropped."""
    links = [
        "ftp://h/a.tgz",
        "javascript:b.tgz",
        "file:///etc/c.tgz",
        "data:,d.tgz",
        "HTTPS://H/e.tgz",
        "http://u:p@h/f.tgz",
    ]
    page = "".join(f'<a href="{link}">' for link in links).encode()
    expected = ("https://h/e.tgz", "http://h/f.tgz")
    assert listed_files(page, INDEX, "text/html") == expected
    assert listed_files(json.dumps(links).encode(), INDEX, "application/json") == expected
    assert listed_files(json.dumps({"deep": [[links]]}).encode(), INDEX, "application/json") == expected


LISTED = (
    "https://h/v1/linux/kk.tar.gz",
    "https://h/v1/linux/kk.tar.gz.sha256",
    "https://h/v1/darwin/kk-rc1.tar.gz",
    "https://h/v1/kk%20x.tar.gz?raw=1",
    "https://other/v1/KK.zip",
)


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.tar.gz"], [], [0, 2, 3]),
        (["*"], [], [0, 1, 2, 3, 4]),
        (["kk.tar.gz", "*.zip"], [], [0, 4]),
        (["*.tar.gz"], ["*-rc*"], [0, 3]),
        (["kk x.*"], [], [3]),
        (["kk?x.*"], [], [3]),
        (["[kK]K.zip"], [], [4]),
        (["kk[.]tar*"], ["*.sha256"], [0]),
        (["https://h/*.tar.gz"], [], [0, 2]),
        (["*/linux/*"], [], [0, 1]),
        (["*/linux/*", "*.zip"], ["*/other/*", "*.sha256"], [0]),
        (["https://h/v1/*?raw=1"], [], [3]),
    ],
)
def test_globs_choose(include: list[str], exclude: list[str], expected: list[int]) -> None:
    """Names by their last part as people read it, whole URLs where the glob has a slash; in the index's order."""
    assert Choice(include, exclude).among(LISTED, INDEX) == tuple(LISTED[each] for each in expected)


@pytest.mark.parametrize("listed", [LISTED, ()])
def test_nothing_chosen_is_an_error(listed: tuple[str, ...]) -> None:
    """An index that lists nothing of what is wanted, or nothing at all, has changed: nobody wants nothing."""
    with pytest.raises(NothingListed, match=f"{len(listed)} files?, of which none is wanted by .*rpm"):
        Choice(["*.rpm"], []).among(listed, INDEX)
    with pytest.raises(NothingListed):
        Choice(["*"], ["*"]).among(listed, INDEX)


def test_too_much_is_an_error() -> None:
    """A glob that takes more than anybody means is refused, not cut."""
    many = [f"https://h/{number}.tgz" for number in range(MOST_FILES + 1)]
    assert len(Choice(["*"], []).among(many[1:], INDEX)) == MOST_FILES
    with pytest.raises(UnexpectedContent, match="more than"):
        Choice(["*"], []).among(many, INDEX)


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        (b"kk.tar.gz\n", "text/plain"),
        (b"\x1f\x8b\x08", "application/gzip"),
        (b"", ""),
        (b"{", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"Not found", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"<a href=x.tgz>" + b" " * LIMIT, "text/html"),
    ],
)
def test_what_is_no_index_is_refused(document: bytes, content_type: str) -> None:
    """Neither a page nor JSON, JSON that is broken or nests without end, and what is too large."""
    with pytest.raises(UnexpectedContent):
        listed_files(document, INDEX, content_type)


def test_hostile_globs_cost_no_time() -> None:
    """Globs are the keeper's and URLs are not; many stars and a long URL take a moment."""
    many = [f"https://h/{'a' * 8000}b"] * 3
    with pytest.raises(NothingListed):
        Choice(["*a*a*a*a*a*a*a*a*c"], []).among(many, INDEX)


def test_junk_is_read_without_a_crash() -> None:
    """Whatever the bytes and the type: an error of the tree, or http(s) URLs."""
    chance = random.Random(20261123)
    parts = [
        b"<a href=",
        b'"',
        b">",
        b"http://",
        b"//",
        b"h/x.tgz",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"<base href=",
        b"\xff",
        b"\\ud800",
    ]
    for _ in range(2000):
        data = b"".join(chance.choices(parts, k=chance.randint(0, 12)))
        for content_type in ("text/html", "application/json", ""):
            try:
                listed = listed_files(data, INDEX, content_type)
            except UnexpectedContent:
                continue
            assert all(link.startswith(("http://", "https://")) for link in listed)
