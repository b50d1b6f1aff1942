"""The files of a spec: single ones, and those that an index links to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from archiver.spec.files import FileIndex, FileSource
from archiver.spec.model import Spec

if TYPE_CHECKING:
    from conftest import Load, Mistakes

GOOD = f"""\
project: demo
files:
  - url: https://example.org/tool.tgz
    sha256: sha256:{"ab" * 32}
  - url: https://example.org/v1/kit.zip
    checksums: ../SHA256SUMS
  - index: https://example.org/releases/
    include: '*.tar.gz'
    exclude: ['*-rc*', 'https://example.org/releases/old/*']
    checksums: https://sums.example.org/all
"""


def test_all_keys_are_read(load: Load) -> None:
    """An entry is a file or an index; globs may stand alone or in a list."""
    assert load(GOOD).spec.files == (
        FileSource(url="https://example.org/tool.tgz", sha256="ab" * 32),
        FileSource(url="https://example.org/v1/kit.zip", checksums="../SHA256SUMS"),
        FileIndex(
            index="https://example.org/releases/",
            include=("*.tar.gz",),
            exclude=("*-rc*", "https://example.org/releases/old/*"),
            checksums="https://sums.example.org/all",
        ),
    )


def test_the_record_is_the_spec(load: Load) -> None:
    """What a snapshot keeps of the spec is a spec, and the same one."""
    loaded = load(GOOD.replace("    exclude: ['*-rc*', 'https://example.org/releases/old/*']\n", ""))
    assert Spec.model_validate(loaded.record, strict=False) == loaded.spec


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("- url: https://example.org/tool.tgz", "- {}\n  - url: https://example.org/tool.tgz", 3, "either 'url' or 'index'"),
        ("- url: https://example.org/tool.tgz", "- tool.tgz\n  - url: https://example.org/tool.tgz", 3, "either 'url' or 'index'"),
        ("    include: '*.tar.gz'", "    url: https://example.org/x", 7, "either 'url' or 'index'"),
        ("https://example.org/tool.tgz", "ftp://example.org/tool.tgz", 3, "http or https"),
        ("https://example.org/tool.tgz", "https://me:secret@example.org/tool.tgz", 3, "password"),
        ("sha256: sha256:", "sha256: sha256:zz", 4, "not a sha256 digest"),
        ("../SHA256SUMS", f"SUMS\n    sha256: {'ab' * 32}", 6, "both 'sha256' and 'checksums'"),
        ("../SHA256SUMS", "''", 6, "names no other file"),
        ("../SHA256SUMS", "kit.zip", 6, "names no other file"),
        ("../SHA256SUMS", "ftp://example.org/SUMS", 6, "can be fetched"),
        ("../SHA256SUMS", "https://me:secret@example.org/SUMS", 6, "password"),
        ("../SHA256SUMS", "'https://[x'", 6, "not a URL"),
        ("../SHA256SUMS", "SUMS\n    include: ['*']", 7, "unknown key 'include'"),
        ("    include: '*.tar.gz'\n", "", 7, "include is missing"),
        ("include: '*.tar.gz'", "include: []", 8, "an empty list"),
        ("include: '*.tar.gz'", "include: ['']", 8, "empty"),
        ("include: '*.tar.gz'", "includes: '*.tar.gz'", 8, "unknown key 'includes'"),
        ("    include: '*.tar.gz'", f"    include: '*'\n    sha256: {'ab' * 32}", 9, "unknown key 'sha256'"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(
    mistakes: Mistakes, old: str, new: str, line: int, words: str
) -> None:
    """What makes no sense names the line it is in, and says what to write."""
    assert old in GOOD
    found = mistakes(GOOD.replace(old, new, 1))
    assert any(at == line and words in message for at, message in found), found
    assert not any(word in message for _, message in found for word in ("FileSource", "FileIndex", "secret"))
