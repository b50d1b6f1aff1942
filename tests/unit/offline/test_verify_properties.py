"""Any change of any byte of a bundle, and any cut, is found: by altering bundles at random.

What is altered are bundles whole and in volumes, deltas, and signed ones. Whatever is done to them, verify either lists a
problem or refuses them by a typed error; it never fails otherwise, and never takes them for whole.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.core.errors import BundleDamaged, DeltaIncomplete, NotABundle, VolumeUnfit
from archiver.core.tarheader import BLOCK, END
from archiver.offline.bundle import open_bundle
from archiver.offline.signature import NAMESPACE
from archiver.offline.tarwalk import walk
from archiver.offline.verify import verify_bundle
from archiver.offline.windows import FileAccess
from servers.handmade_bundle import Bundle, Delta
from servers.processes import need

pytestmark = pytest.mark.thorough

_VOLUMES = 5
_NAME = "bundle.tar"


@dataclass(frozen=True)
class Form:
    """A sound bundle as files by name; ``weak`` are places in the tar that are not data: headers, padding, the end."""

    files: dict[str, bytes]
    weak: tuple[int, ...]

    @property
    def volumes(self) -> list[str]:
        """The files that hold the tar."""
        return [name for name in self.files if not name.endswith(".sha256")]


def _signed(members: list[tuple[str, bytes]]) -> None:
    """Sign SHA256SUMS with a new key."""
    need("ssh-keygen")
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        command = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", key]
        done = subprocess.run(command, input=members[-1][1], capture_output=True, check=True)
    members.append(("SHA256SUMS.sig", done.stdout))


def _cut(data: bytes) -> dict[str, bytes]:
    """Return volumes and their list."""
    size = -(-len(data) // _VOLUMES)
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    files = {f"{_NAME}.{number:03d}": part for number, part in enumerate(parts, 1)}
    lines = [f"{hashlib.sha256(part).hexdigest()}  {name}\n" for name, part in files.items()]
    return {**files, f"{_NAME}.sha256": "".join(lines).encode()}


def _weak(data: bytes) -> tuple[int, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, _NAME)
        path.write_bytes(data)
        source = FileAccess(path)
        entries = list(walk(source, lambda *problem: pytest.fail(str(problem))))
        source.close()
    places = [place for entry in entries for place in range(entry.header, entry.offset)]
    places += [place for entry in entries for place in range(entry.offset + entry.size, entry.end)]
    return (*places, *range(len(data) - len(END), len(data)))


@cache
def form(name: str) -> Form:
    """Return a sound bundle of some form."""
    data = {
        "whole": lambda: Bundle().pack(),
        "signed": lambda: Bundle().pack(last=_signed),
        "delta": lambda: Delta().pack(),
        "volumes": lambda: Bundle().pack(),
        "signed volumes": lambda: Bundle().pack(last=_signed),
    }[name]()
    return Form(_cut(data) if "volumes" in name else {_NAME: data}, _weak(data))


FORMS = ("whole", "signed", "delta", "volumes", "signed volumes")
forms = pytest.mark.parametrize("name", FORMS)


def is_refused(files: dict[str, bytes]) -> bool:
    """Verify a bundle by the name of its whole: say whether a problem is listed, or opening refuses it."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            Path(folder, name).write_bytes(data)
        try:
            return not verify_bundle(Path(folder, _NAME)).ok
        except (NotABundle, VolumeUnfit):
            return True


@forms
def test_the_forms_are_sound(name: str) -> None:
    """What the other tests alter has no problem before."""
    assert not is_refused(form(name).files)


@forms
@settings(max_examples=150, deadline=None)
@given(data=st.data(), mask=st.integers(1, 255))
def test_every_changed_byte_is_found(name: str, data: st.DataObject, mask: int) -> None:
    """One byte changed anywhere, in any volume and in their list: verify says so."""
    files = dict(form(name).files)
    changed = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[changed])
    content[data.draw(st.integers(0, len(content) - 1))] ^= mask
    files[changed] = bytes(content)
    assert is_refused(files)


@forms
@settings(max_examples=150, deadline=None)
@given(data=st.data(), mask=st.integers(1, 255))
def test_every_changed_byte_between_the_data_is_found(name: str, data: st.DataObject, mask: int) -> None:
    """The same for what no checksum in SHA256SUMS covers: headers, padding and the two blocks at the end."""
    sound = form(name)
    place = data.draw(st.sampled_from(sound.weak))
    files = dict(sound.files)
    for volume in sound.volumes:
        if place < len(files[volume]):
            content = bytearray(files[volume])
            content[place] ^= mask
            files[volume] = bytes(content)
            break
        place -= len(files[volume])
    # With a list of volumes any change would be found by that; it must be found without one.
    assert is_refused({volume: files[volume] for volume in sound.volumes})


@forms
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_every_cut_is_found(name: str, data: st.DataObject) -> None:
    """A file cut anywhere, or gone: a bundle is damaged or, with nothing but a piece of a header left, not a bundle."""
    files = dict(form(name).files)
    cut = data.draw(st.sampled_from(form(name).volumes))
    length = data.draw(st.integers(-1, len(files[cut]) - 1))
    if length < 0 and len(files) > 1:
        del files[cut]
    else:
        files[cut] = files[cut][: max(0, length)]
    assert is_refused(files)


@forms
@settings(max_examples=100, deadline=None)
@given(data=st.data(), junk=st.binary(max_size=2000), removed=st.integers(0, 2000))
def test_inserted_removed_and_overwritten_bytes_are_found(
    name: str, data: st.DataObject, junk: bytes, removed: int
) -> None:
    """Bytes put in, taken out or replaced anywhere, in volumes and in their list."""
    files = dict(form(name).files)
    changed = data.draw(st.sampled_from(sorted(files)))
    content = files[changed]
    place = data.draw(st.integers(0, len(content)))
    removed = data.draw(st.sampled_from([removed, len(junk)]))
    files[changed] = content[:place] + junk + content[place + removed :]
    assert is_refused(files) == (files[changed] != content)


@forms
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_swapped_blocks_are_found(name: str, data: st.DataObject) -> None:
    """Two blocks in each other's place, within a volume or across volumes."""
    files = dict(form(name).files)
    volumes = form(name).volumes
    whole = b"".join(files[volume] for volume in volumes)
    places = st.integers(0, len(whole) // BLOCK - 1).map(lambda number: number * BLOCK)
    first, second = sorted((data.draw(places), data.draw(places)))
    blocks = whole[first : first + BLOCK], whole[second : second + BLOCK]
    swapped = bytearray(whole)
    swapped[second : second + BLOCK], swapped[first : first + BLOCK] = blocks
    for volume in volumes:
        size = len(files[volume])
        files[volume], swapped = bytes(swapped[:size]), swapped[size:]
    without = {volume: files[volume] for volume in volumes}
    assert is_refused(without) == (blocks[0] != blocks[1])


@pytest.mark.parametrize("name", ["volumes", "signed volumes"])
@pytest.mark.parametrize("listed", [True, False])
@settings(max_examples=40, deadline=None)
@given(order=st.permutations(range(_VOLUMES)))
def test_volumes_in_another_order_are_found(name: str, listed: bool, order: list[int]) -> None:
    """Volumes under each other's names are no bundle, with a list of them or without."""
    sound = form(name)
    files = dict(sound.files) if listed else {volume: sound.files[volume] for volume in sound.volumes}
    files.update({volume: sound.files[sound.volumes[other]] for volume, other in zip(sound.volumes, order)})
    assert is_refused(files) == (order != sorted(order))


@pytest.mark.parametrize("name", ["volumes", "signed volumes"])
@settings(max_examples=25, deadline=None)
@given(number=st.integers(1, _VOLUMES), extra=st.binary(max_size=3000))
def test_foreign_volumes_are_found(name: str, number: int, extra: bytes) -> None:
    """A volume of another bundle, or one too many, is not taken for one of this."""
    files = dict(form(name).files)
    other = _cut(Bundle().pack(document=lambda document: document.update(title="Another")))
    foreign = f"{_NAME}.{number:03d}"
    assert is_refused({**files, foreign: other[foreign]}) == (other[foreign] != files[foreign])
    assert is_refused({**files, f"{_NAME}.{_VOLUMES + 1:03d}": extra})


@forms
@settings(max_examples=100, deadline=None)
@given(data=st.data(), mask=st.integers(1, 255))
def test_opening_a_changed_bundle_works_or_says_why(name: str, data: st.DataObject, mask: int) -> None:
    """Opening fails in no other way than by typed errors."""
    files = dict(form(name).files)
    changed = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[changed])
    content[data.draw(st.integers(0, len(content) - 1))] ^= mask
    files[changed] = bytes(content)
    with tempfile.TemporaryDirectory() as folder:
        for file, altered in files.items():
            Path(folder, file).write_bytes(altered)
        with suppress(BundleDamaged, NotABundle, VolumeUnfit, DeltaIncomplete):
            open_bundle(Path(folder, _NAME)).close()
