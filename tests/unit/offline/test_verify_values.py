"""Bundles whose documents say impossible things: verify lists them, opening refuses them, neither fails otherwise."""

from __future__ import annotations

import copy
import json
import re
import struct
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.core.clock import utc_now
from archiver.core.errors import BundleDamaged, FormatUnsupported, NotABundle, RecordCorrupt
from archiver.offline.addresses import AddressBook, View
from archiver.offline.bundle import open_bundle
from archiver.offline.landing import Shown, overview_page, project_page
from archiver.offline.landingsite import contents
from archiver.offline.pulling import Pullable
from archiver.offline.registry import Repositories
from archiver.offline.server import share_out
from archiver.offline.verify import verify_bundle
from archiver.offline.wsgi import Caller, Host
from servers.handmade_bundle import GUIDE_PATH, Bundle, as_json

pytestmark = pytest.mark.thorough

NUMBERS = st.one_of(
    st.sampled_from([-1, 0, 1, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, 1 << 64, 10**18, 10**30, 10**400]),
    st.integers(-(1 << 70), 1 << 70),
)
VALUES = st.one_of(
    NUMBERS, st.none(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20),
    st.lists(st.text(max_size=5), max_size=2), st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)  # fmt: skip
Key = tuple[Any, ...]


@cache
def _sound() -> Bundle:
    return Bundle()


@cache
def _document() -> Any:
    """bundle.json of the sound bundle."""
    found: dict[str, Any] = {}
    _sound().pack(document=found.update)
    return found


def _leaves(document: Any, key: Key = ()) -> Iterator[Key]:
    if isinstance(document, (dict, list)):
        for name, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield from _leaves(value, (*key, name))
    yield key


def _with_value(key: Key, value: Any) -> bytes:
    """The sound bundle, but with another value at one place of bundle.json."""

    def spoil(document: dict[str, Any]) -> None:
        document.update(copy.deepcopy(document))  # the bundle goes on using its own
        inner: Any = document
        for name in key[:-1]:
            inner = inner[name]
        inner[key[-1]] = value

    return _sound().pack(document=spoil)


def _verified(data: bytes) -> None:
    """Verify and open a bundle: problems are listed or refused, and what opens can be shown."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.tar"
        path.write_bytes(data)
        with suppress(NotABundle):
            verify_bundle(path)
        with suppress(BundleDamaged, NotABundle, FormatUnsupported):
            holding = open_bundle(path)
            view = AddressBook(80, {}, {}).view(Caller(Host("localhost")))
            assert isinstance(view, View)
            shown = Shown(view, Pullable.at(view.main_origin), view.prefix, utc_now())
            project_page(holding, shown, alone=True)
            overview_page([holding], shown, {})
            contents([holding], view)
            Repositories([holding.images])
            with suppress(RecordCorrupt):
                share_out([holding])
            holding.close()


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_any_value_in_bundle_json(data: st.DataObject) -> None:
    """Whatever stands in the place of a member of bundle.json."""
    key = data.draw(st.sampled_from([key for key in _leaves(_document()) if key]))
    value = data.draw(VALUES)
    _verified(_with_value(key, value))


@settings(max_examples=50, deadline=None)
@given(NUMBERS, st.sampled_from(["offset", "length"]), st.integers(0, 5))
def test_any_number_in_the_idx(number: int, name: str, which: int) -> None:
    """Wherever index.idx says that a block is."""

    def spoil(files: dict[str, bytes]) -> None:
        lines = files["indexes/index.idx"].split(b"\n")
        at = 1 + which % (len(lines) - 2)
        lines[at] = re.sub(rb'("%s": )\d+' % name.encode(), rb"\g<1>%d" % number, lines[at])
        files["indexes/index.idx"] = b"\n".join(lines)

    _verified(_with_docs(entries=spoil))


@settings(max_examples=50, deadline=None)
@given(
    NUMBERS, st.sampled_from(["offset", "length", "origOffset", "origLength", "status"]), st.integers(0, 5)
)
def test_any_number_in_an_index_line(number: int, name: str, which: int) -> None:
    """Wherever a line of the index says that a record is."""

    def spoil(lines: list[bytes]) -> None:
        key, timestamp, text = lines[which % len(lines)].split(b" ", 2)
        members = {**json.loads(text), name: str(number)}
        lines[which % len(lines)] = b" ".join((key, timestamp, as_json(members)))

    _verified(_with_docs(lines=spoil))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["<H", "<L", "<Q"]), st.integers(0, (1 << 64) - 1), st.integers(1, 700))
def test_any_number_in_the_zips_directory(form: str, number: int, back: int) -> None:
    """Whatever the directory at a WACZ's end says of offsets, sizes and counts."""
    bundle = Bundle()
    wacz = bytearray(bundle.members[GUIDE_PATH])
    field = struct.pack(form, number % (1 << 8 * struct.calcsize(form)))
    at = max(0, len(wacz) - back)
    wacz[at : at + len(field)] = field[: len(wacz) - at]
    bundle.members[GUIDE_PATH] = bytes(wacz)
    _verified(bundle.pack())


@pytest.mark.parametrize("digits", [4000, 5000])
def test_endless_numbers(digits: int) -> None:
    """A number longer than Python reads, or writes."""
    long = b"1" + b"0" * digits
    _verified(_with_docs(entries=_in_idx(lambda idx: idx.replace(b'"offset": 0', b'"offset": ' + long))))
    _verified(_sound().pack().replace(b'"size": 7', b'"size": ' + long))


def _in_idx(edit: Callable[[bytes], bytes]) -> Callable[[dict[str, bytes]], None]:
    def spoil(files: dict[str, bytes]) -> None:
        files["indexes/index.idx"] = edit(files["indexes/index.idx"])

    return spoil


def _with_docs(**edits: Callable[[Any], None]) -> bytes:
    bundle = Bundle()
    bundle.members[GUIDE_PATH] = bundle.docs.wacz(**edits)
    return bundle.pack()
