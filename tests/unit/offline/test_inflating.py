"""Inflating whole gzip members, with zlib-ng and without."""

from __future__ import annotations

import gzip
import importlib.util
import io
import sys
import zlib
from typing import TYPE_CHECKING, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.offline import inflating
from archiver.offline.bodies import Text, load
from archiver.offline.holdings import Response
from archiver.offline.inflating import inflate

if TYPE_CHECKING:
    from types import ModuleType

MOST = 1 << 20
_PAGE = b"<p>the same again</p>" * 500


def _without_zlib_ng() -> ModuleType:
    """Return the module as it is in a bundle's program, beside the one that others use."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "zlib_ng", None)
        spec = importlib.util.spec_from_file_location("inflating_without", inflating.__file__)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    assert module.zlib is zlib
    return module


_PLAIN = _without_zlib_ng()


@pytest.fixture(params=[inflating, _PLAIN], ids=["zlib-ng", "zlib"])
def inflater(request: pytest.FixtureRequest) -> Callable[[bytes, int], object]:
    """The function as it is with zlib-ng installed, and as it is in a bundle's program."""
    function: Callable[[bytes, int], object] = request.param.inflate
    return function


def test_a_member_is_told_from_what_follows(inflater: Callable[[bytes, int], object]) -> None:
    """The content comes with the member's own length, whatever stands behind it."""
    packed = gzip.compress(_PAGE)
    assert inflater(packed, MOST) == (_PAGE, len(packed))
    assert inflater(packed + packed, MOST) == (_PAGE, len(packed))


def test_what_is_damaged_or_long_is_left_alone(inflater: Callable[[bytes, int], object]) -> None:
    """No member, half of one, a wrong checksum or length, and more than what is wanted: nothing is said of them."""
    packed = gzip.compress(_PAGE)
    wrong_sum = packed[:-8] + b"\0\0\0\0" + packed[-4:]
    wrong_length = packed[:-4] + b"\0\0\0\0"
    for data in (b"", b"no gzip", packed[:-1], packed[:20], wrong_sum, wrong_length):
        assert inflater(data, MOST) is None
    assert inflater(packed, len(_PAGE) - 1) is None


def test_a_bomb_stays_small(inflater: Callable[[bytes, int], object]) -> None:
    """Of content without an end no more is made than what is wanted."""
    assert inflater(gzip.compress(bytes(64 << 20)), 1 << 16) is None


@given(st.binary(max_size=3000), st.integers(0, 9), st.data())
def test_both_libraries_say_the_same(content: bytes, level: int, data: st.DataObject) -> None:
    """Sound or with a byte changed, both find the same content, or both leave it alone."""
    packed = bytearray(gzip.compress(content * 3, level))
    place = data.draw(st.integers(0, len(packed) - 1))
    for change in (0, data.draw(st.integers(1, 255))):
        packed[place] ^= change
        assert inflate(bytes(packed), MOST) == _PLAIN.inflate(bytes(packed), MOST)


@pytest.mark.parametrize(
    "tail", [b"", b"\0\0", gzip.compress(b"<p>another</p>")], ids=["none", "odd", "member"]
)
def test_bodies_of_several_members_are_whole(tail: bytes) -> None:
    """What follows a body's first member counts as before: another member belongs to the page, anything else does not."""
    packed = gzip.compress(_PAGE) + tail
    text = load(Response(200, "OK", (), io.BytesIO(packed)), "gzip", MOST)
    another = b"<p>another</p>" if tail[:1] == b"\x1f" else b""
    assert text == Text(packed, _PAGE + another)
