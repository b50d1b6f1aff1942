"""Several processes write to one layout: nobody's content or names get lost, each blob is written once."""

from __future__ import annotations

import json
import subprocess
import sys

from archiver.core.descriptor import REF_NAME
from archiver.core.digest import Digest
from archiver.store.images import ImageLayout

ROUNDS, PROCESSES = 25, 3
# Stores blobs that all writers share and one of its own a round, and names the latter. Prints what it wrote itself.
WRITER = """
import json, sys
from pathlib import Path
from archiver.core.descriptor import OCI_MANIFEST, Descriptor
from archiver.core.digest import Digest
from archiver.core.errors import LockHeld
from archiver.store.images import ImageLayout
root, name, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
written = []
def store(layout, data):
    digest = Digest.of(data)
    while True:
        try:
            with layout.blobs.resumable(digest, len(data)) as blob:
                if not blob.present:
                    blob.restart()
                    for at in range(0, len(data), 100_000):
                        blob.write(memoryview(data)[at:at + 100_000])
                    blob.finish()
                    written.append(str(digest))
            return digest
        except LockHeld:
            continue
layout = ImageLayout(root)
layout.sweep()
with layout.writing():
    for number in range(rounds):
        store(layout, b"shared %d " % number * 100_000)
        own = f"{name} {number}".encode()
        layout.point([(f"{name}:{number}", Descriptor(OCI_MANIFEST, store(layout, own), len(own)))])
print(json.dumps(written))
"""


def test_writers_in_several_processes(tmp_path):
    """All names and blobs of all writers are there and right, and no two wrote the same blob."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "images"), name, str(ROUNDS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for name in "abc"[:PROCESSES]
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:  # all at once, also at making the layout
        writer.stdin.write("go\n")
        writer.stdin.flush()
    told = [writer.communicate()[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * PROCESSES
    written = [digest for lines in told for digest in json.loads(lines)]
    assert len(written) == len(set(written)) == ROUNDS * (PROCESSES + 1)
    layout = ImageLayout(tmp_path / "images")
    assert {entry.annotations[REF_NAME]: entry.digest for entry in layout.entries()} == {
        f"{name}:{number}": Digest.of(f"{name} {number}".encode())
        for name in "abc"[:PROCESSES]
        for number in range(ROUNDS)
    }
    for text in written:
        layout.blobs.read(Digest.parse(text), 1 << 24)
    assert {path.name for path in layout.root.iterdir()} == {
        "blobs", "index.json", "oci-layout", ".store.lock", ".index.lock", ".partial",
    }  # fmt: skip
    assert list((layout.root / ".partial").iterdir()) == []
