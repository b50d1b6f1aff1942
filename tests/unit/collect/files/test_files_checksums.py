"""Lists of checksums."""

from __future__ import annotations

import hashlib
import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from archiver.collect.files.checksums import LIMIT, Checksums, read_checksums
from archiver.core.digest import Digest
from archiver.core.errors import ChecksumUnknown, UnexpectedContent
from servers.processes import need

if TYPE_CHECKING:
    from pathlib import Path

A, B, C = (hashlib.sha256(text).hexdigest() for text in (b"a", b"b", b"c"))
PLACE = "https://example.org/v1/SHA256SUMS"


def read(text: str | bytes) -> Checksums:
    """Read a list."""
    return read_checksums(text.encode() if isinstance(text, str) else text, PLACE)


def of(text: str | bytes, url: str) -> str:
    """Return the hex digits that a list has for a file."""
    return read(text).of(url).hex


@pytest.mark.parametrize(
    "line",
    [
        f"{A}  kk.tgz\n",
        f"{A} *kk.tgz\n",
        f"{A}  kk.tgz",
        f"{A}  kk.tgz\r\n",
        f"{A.upper()}  kk.tgz\n",
        f"{A} kk.tgz\n",
        f"{A}\tkk.tgz\n",
        f"  {A}  kk.tgz\n",
        f"{A}  ./kk.tgz\n",
        f"{A}  kk.tgz  \n",
        f"SHA256 (kk.tgz) = {A}\n",
        f"SHA256(kk.tgz)= {A}\n",
        f"SHA2-256(kk.tgz)= {A}\r\n",
        f"# made by hand\n\n{B}  other.tgz\n{A}  kk.tgz\n",
        f"\ufeff{A}  kk.tgz\n",
        f"d41d8cd98f00b204e9800998ecf8427e  kk.tgz\n{A}  kk.tgz\n",
        f"SHA512 (kk.tgz) = {A}{A}\nSHA256 (kk.tgz) = {A}\n",
    ],
)
def test_each_form_of_a_line_is_read(line: str) -> None:
    """What coreutils, BSD, OpenSSL and people write; comments and checksums of other kinds are passed over."""
    assert of(line, "https://example.org/v1/kk.tgz") == A


def test_a_list_in_utf_16_is_read() -> None:
    """PowerShell's ``>`` writes UTF-16 with a byte order mark."""
    assert of(f"{A}  kk.tgz\r\n".encode("utf-16"), "https://example.org/kk.tgz") == A


def test_names_that_sha256sum_escapes(tmp_path: Path) -> None:
    """Whatever a file is called, what sha256sum prints of it is found by its URL."""
    need("sha256sum")
    names = {
        "a\\b.tgz": "a%5Cb.tgz",
        "a\nb.tgz": "a%0Ab.tgz",
        "ä b*.tgz": "%C3%A4%20b*.tgz",
        "*x.tgz": "*x.tgz",
    }
    for name in names:
        (tmp_path / name).write_text(name)
    for options in ([], ["--binary"], ["--tag"]):
        listed = subprocess.run(
            ["sha256sum", *options, *sorted(names)], cwd=tmp_path, capture_output=True, check=True
        )
        for name, path in names.items():
            expected = hashlib.sha256(name.encode()).hexdigest()
            assert of(listed.stdout, f"https://example.org/{path}") == expected, (options, name)


def test_an_escape_that_is_none_is_no_line() -> None:
    """As sha256sum has it: such a line is not properly formatted, and the rest counts."""
    with pytest.raises(ChecksumUnknown):
        of(f"\\{A}  k\\x.tgz\n{B}  b.tgz\n", "https://example.org/k%5Cx.tgz")


def test_a_bare_digest_is_that_of_whatever_file() -> None:
    """``kk.tgz.sha256`` often has nothing but the digest; with further lines it is none."""
    assert of(f"{A}\n", "https://example.org/kk.tgz") == A
    with pytest.raises(UnexpectedContent):
        read(f"{A}\n{B}\n")


SIGNED = f"""-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

{A}  kk.tgz
- -----BEGIN-----
-----BEGIN PGP SIGNATURE-----

{B}  kk.tgz
-----END PGP SIGNATURE-----
{C}  kk.tgz
"""


def test_of_a_clear_signed_list_only_what_is_signed_counts() -> None:
    """Lines of the armour and outside of it are nobody's word."""
    assert of(SIGNED, "https://example.org/kk.tgz") == A
    assert of(f"{C}  kk.tgz\n{SIGNED}".replace("\n", "\r\n"), "https://example.org/kk.tgz") == A


@pytest.mark.parametrize(
    ("names", "path", "expected"),
    [
        (["linux/kk.tgz", "darwin/kk.tgz"], "v1/linux/kk.tgz", 0),
        (["linux/kk.tgz", "darwin/kk.tgz"], "v1/darwin/kk.tgz", 1),
        (["kk.tgz", "linux/kk.tgz"], "v1/linux/kk.tgz", 1),
        (["kk.tgz", "linux/kk.tgz"], "v1/kk.tgz", 0),
        (["kk.tgz", "build/darwin/kk.tgz"], "v1/linux/kk.tgz", 0),
        (["build/out/kk.tgz", "kk.tar"], "v1/linux/kk.tgz", 0),
        (["./v1//linux/kk.tgz", "linux/kk.tgz"], "v1/linux/kk.tgz", 0),
        (["a%20b.tgz", "a b.tgz"], "v1/a%20b.tgz", 1),
        (["x", "/home/ci/kk.tgz"], "v1/kk.tgz?download=1", 1),
    ],
)
def test_the_name_that_agrees_with_most_of_the_url_counts(names: list[str], path: str, expected: int) -> None:
    """A list may have folders, those of the server or those of whoever made it."""
    text = "".join(f"{digest}  {name}\n" for name, digest in zip(names, (A, B)))
    assert of(text, f"https://example.org/{path}") == (A, B)[expected]


@pytest.mark.parametrize("names", [["kk.tgz", "kk.tgz"], ["a/kk.tgz", "b/kk.tgz"], ["kk.tgz", "./kk.tgz"]])
def test_a_list_that_contradicts_itself_tells_nothing(names: list[str]) -> None:
    """Two digests for one file are an error, the same one twice is not; other files are not concerned."""
    text = "".join(f"{digest}  {name}\n" for name, digest in zip(names, (A, B))) + f"{C}  other.tgz\n"
    with pytest.raises(ChecksumUnknown, match="contradicts"):
        of(text, "https://example.org/v1/kk.tgz")
    assert of(text, "https://example.org/v1/other.tgz") == C
    assert of(text.replace(B, A), "https://example.org/v1/kk.tgz") == A


def test_a_file_that_is_not_listed() -> None:
    """The error names the file and the list."""
    with pytest.raises(ChecksumUnknown, match=r"SHA256SUMS: .* has no 'kk2\.tgz'"):
        of(f"{A}  kk.tgz\n", "https://example.org/v1/kk2.tgz")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<!DOCTYPE html><title>Not found</title>",
        f"{A[:-1]}  short.tgz\n{A}0  long.tgz\n{A}\n".encode(),
        f"SHA1 (kk.tgz) = {A[:40]}\n".encode(),
        f"{A}  \n{A}  /\n{A}  ./\n".encode(),
        b"\x1f\x8b" + bytes(range(256)) * 9,
    ],
)
def test_what_lists_no_checksum_is_refused(text: bytes) -> None:
    """A page, an empty list, other kinds of checksums and lines without a name are not taken for "nothing to check"."""
    with pytest.raises(UnexpectedContent, match="no sha256"):
        read(text)


def test_a_list_is_bounded() -> None:
    """One byte more than the limit is refused."""
    line = f"{A}  kk.tgz\n".encode()
    assert of(line + b"#" * (LIMIT - len(line)), "https://example.org/kk.tgz") == A
    with pytest.raises(UnexpectedContent, match="larger"):
        read(line + b"#" * (LIMIT - len(line) + 1))


def test_hostile_lines_cost_no_time() -> None:
    """Patterns do not backtrack without end: the largest lists of the worst lines are read in a moment."""
    for line in (
        b"SHA256 (" + b") = " * 100_000,
        b" " * 1_000_000,
        b"\\" * 1_000_000,
        A.encode() + b" " * 1_000_000,
    ):
        with pytest.raises(UnexpectedContent):
            read(line + b"\n-")


def test_junk_is_read_without_a_crash() -> None:
    """Whatever the bytes: an error of the tree, or digests."""
    chance = random.Random(20261123)
    parts = [
        A.encode(),
        b"  ",
        b" *",
        b"kk.tgz",
        b"\\",
        b"\n",
        b"\r\n",
        b"SHA256 (",
        b") = ",
        b"\xff",
        b"-----BEGIN PGP SIGNED MESSAGE-----",
    ]
    for _ in range(3000):
        data = b"".join(chance.choices(parts, k=chance.randint(0, 12)))
        try:
            found = read(data).of("https://example.org/kk.tgz")
        except (UnexpectedContent, ChecksumUnknown):
            continue
        assert found == Digest("sha256", A)
