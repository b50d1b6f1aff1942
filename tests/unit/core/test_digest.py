from __future__ import annotations

import hashlib
import io

import pytest

from archiver.core.digest import ContentCheck, Digest, verified_chunks
from archiver.core.errors import DigestMismatch, InvalidDigest, SizeMismatch

DATA = b"some content"
DIGEST = Digest("sha256", hashlib.sha256(DATA).hexdigest())


def test_parse_and_str_are_inverse():
    """What str() writes, parse() reads back, for both algorithms."""
    for text in (str(DIGEST), "sha512:" + "0f" * 64):
        assert str(Digest.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "sha256", "sha256:", "sha256:" + "0" * 63, "sha256:" + "A" * 64, "md5:" + "0" * 32, "sha256:" + "0" * 65,
     "sha512:" + "0" * 64, "sha256:" + "0" * 64 + "\n", "../../etc/passwd", None],
)  # fmt: skip
def test_parse_refuses_what_is_no_digest(text):
    """Unknown algorithms, wrong lengths, capitals, trailing newlines and paths are errors, never digests."""
    with pytest.raises(InvalidDigest):
        Digest.parse(text)


def test_of_stream_gives_digest_and_size():
    """A stream's digest is that of its bytes, and its size comes with it."""
    assert Digest.of_stream(io.BytesIO(DATA)) == (DIGEST, len(DATA))
    assert Digest.of(DATA) == DIGEST


def test_content_check_accepts_the_promised_content_in_any_pieces():
    """How content is cut into chunks does not matter."""
    check = ContentCheck(DIGEST, len(DATA))
    for byte in DATA:
        check.update(bytes([byte]))
    check.finish()


def test_content_check_refuses_surplus_at_once():
    """The first byte too many is an error before the end: a body that never ends cannot fill the disk."""
    check = ContentCheck(DIGEST, 4)
    check.update(b"some")
    with pytest.raises(SizeMismatch):
        check.update(b"!")


def test_content_check_tells_short_from_wrong():
    """Missing bytes are a size problem; the right number of other bytes is a digest problem."""
    short = ContentCheck(DIGEST, len(DATA))
    short.update(DATA[:-1])
    with pytest.raises(SizeMismatch):
        short.finish()
    wrong = ContentCheck(DIGEST, len(DATA))
    wrong.update(DATA[:-1] + b"T")
    with pytest.raises(DigestMismatch) as caught:
        wrong.finish()
    assert caught.value.place == str(DIGEST)


def test_verified_chunks_fail_at_the_end():
    """A reader gets the bytes as they come and learns at the end that they were wrong."""
    seen = []
    with pytest.raises(DigestMismatch):
        seen.extend(verified_chunks(io.BytesIO(b"other"), DIGEST))
    assert b"".join(verified_chunks(io.BytesIO(DATA), DIGEST, len(DATA))) == DATA
