"""What downloaded files are called."""

from __future__ import annotations

import random

import pytest

from archiver.collect.files.names import name_of, safe_name

URL = "https://example.org/releases/kk%20v1.tgz?raw=1"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("", "kk v1.tgz"),
        ("attachment", "kk v1.tgz"),
        ("attachment; filename=tool.tgz", "tool.tgz"),
        ('attachment; filename="tool 1.tgz"', "tool 1.tgz"),
        ('attachment;FileName = "tool.tgz" ; size=5', "tool.tgz"),
        ('inline; filename="a\\"b.tgz"', 'a"b.tgz'),
        ("attachment; filename*=UTF-8''na%C3%AFve%20file.txt", "naïve file.txt"),
        ("attachment; filename=plain.txt; filename*=utf-8'en'%E2%82%AC%20rates", "€ rates"),
        ("attachment; filename*=iso-8859-1''%A3%20rates; filename=plain.txt", "£ rates"),
        ("attachment; filename*=UTF-8''%FF; filename=plain.txt", "plain.txt"),
        ("attachment; filename*=klingon''x; filename=plain.txt", "plain.txt"),
        ("attachment; filename*=broken; filename=plain.txt", "plain.txt"),
        ('attachment; filename="caf\xc3\xa9.txt"', "café.txt"),
        ('attachment; filename="caf\xe9.txt"', "café.txt"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\Users\\\\x\\\\tool.exe"', "tool.exe"),
        ("attachment; filename=..", "kk v1.tgz"),
        ('attachment; filename="a/"', "kk v1.tgz"),
        ('attachment; filename="a\x00\x1b[31m\u202eb.tgz"', "a[31mb.tgz"),
        ("attachment; filename=" + "x" * 300, "kk v1.tgz"),
        ("attachment; filename*=UTF-8''%2e%2e%2fx.tgz", "x.tgz"),
    ],
)
def test_a_server_s_own_name_counts_if_it_is_one(disposition: str, name: str) -> None:
    """In each form that RFC 6266 has; without folders and control characters; else the URL's last part."""
    assert name_of(URL, disposition) == name


def test_a_folder_has_no_name() -> None:
    """A URL that ends with a slash names nothing."""
    assert name_of("https://example.org/x/") == ""


def test_junk_gives_a_safe_name_or_none() -> None:
    """Whatever a header says: one part of a path, printable, short."""
    chance = random.Random(20261123)
    parts = [
        "filename=",
        "filename*=",
        "UTF-8''",
        ";",
        '"',
        "\\",
        "/",
        "..",
        "%2f",
        "%00",
        "\0",
        "x",
        "\u2028",
        "=",
        "ä",
    ]
    for _ in range(5000):
        name = name_of("https://h/", ";" + "".join(chance.choices(parts, k=chance.randint(0, 10))))
        assert name == safe_name(name)
        assert "/" not in name
        assert "\\" not in name
        assert name not in (".", "..")
        assert name.isprintable()
