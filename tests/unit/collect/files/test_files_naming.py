"""Paths that a bundle has downloaded files under."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.collect.files.naming import distinct_paths, path_of
from archiver.core.errors import InvalidURL


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://dl.example.org/releases/tool-1.0.tgz", "dl.example.org/releases/tool-1.0.tgz"),
        ("https://dl.example.org:8443/a%20b.zip?token=1#x", "dl.example.org_8443/a b.zip"),
        ("http://[::1]:8080/x", "__1_8080/x"),
        ("https://DL.example.org/%E6%96%87.txt", "dl.example.org/文.txt"),
        ("https://dl.example.org/a:b*c", "dl.example.org/a_b_c"),
    ],
)
def test_a_path_is_host_and_path(url: str, path: str) -> None:
    """Escapes undone, the port behind an underscore, characters that Windows refuses replaced."""
    assert path_of(url) == path


@pytest.mark.parametrize(
    "url",
    [
        "https://h/",
        "https://h",
        "https://h/a/",
        "https://h/a//b",
        "https://h/../x",
        "https://h/%2e%2e/x",
        "https://h/a%2F..%2Fb",
        "https://h/a%5Cb",
        "https://h/a%00b",
        "https://h/a%0Ab",
        "https://h/%ff",
        "https://../x",
        "https://h/" + "a" * 256,
        "https://h/" + "a/" * 600 + "b",
    ],
)
def test_what_cannot_be_a_file_s_name_is_refused(url: str) -> None:
    """Empty, climbing, hidden separators, control characters, not text, too long."""
    with pytest.raises(InvalidURL):
        path_of(url)


def test_every_url_gets_a_path_of_its_own() -> None:
    """Queries tell downloads apart; letter case, composition and folders of the same name do not clash."""
    urls = [
        "https://h/get?file=a.tgz",
        "https://h/get?file=b.tgz",
        "https://h/get?file=../b.tgz",
        "https://h/GET",
        "https://h/get/more",
        "https://h/e%CC%81",
        "https://h/%C3%A9",
    ]
    paths, errors = distinct_paths(urls)
    assert errors == {}
    assert paths[urls[0]] == "h/get"
    assert paths[urls[1]] == "h/get_file=b.tgz"
    assert paths[urls[2]] == "h/get_file=.._b.tgz"
    assert len({path.casefold() for path in paths.values()}) == len(urls)
    assert paths[urls[4]].startswith("h/")
    assert paths[urls[4]].endswith("/more")
    assert not any(path.startswith("h/get/") for path in paths.values())


def test_a_url_without_a_path_does_not_cost_the_others() -> None:
    """It is told by itself."""
    paths, errors = distinct_paths(["https://h/", "https://h/a"])
    assert paths == {"https://h/a": "h/a"}
    assert list(errors) == ["https://h/"]


@given(st.lists(st.text(alphabet="aA./%2eF?=&é\\:", max_size=12), max_size=8))
def test_no_url_leads_out_of_its_folder(tails: list[str]) -> None:
    """Whatever the URLs: each has a safe path or an error, and no path is a folder of another."""
    urls = [f"https://h/{tail}" for tail in tails]
    paths, errors = distinct_paths(urls)
    assert set(paths) | set(errors) == set(urls)
    assert not set(paths) & set(errors)
    for path in paths.values():
        assert all(part not in ("", ".", "..") for part in path.split("/"))
        assert "\\" not in path
        assert not any(other.startswith(f"{path}/") for other in paths.values())
