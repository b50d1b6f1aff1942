"""``make bench-bundle``: pack, verify and open bundles, side by side with tar and sha256sum in the same run.

An archive with images, doc sites and files is made once and kept. Then, in turns: ``archiver bundle`` and ``tar cf``
of the very files that it packs (blobs, WARC files, the search index) to the same file system; what was written is
synced, and the time that takes counted apart ("durable"): who syncs by himself has no need. ``skopeo copy`` of the
images to docker-archives is there as information. Next ``archiver verify`` against ``sha256sum -c`` over the members,
unpacked: one process, and one a processor (``xargs -P``); ``openssl dgst``, which uses the processor's SHA
instructions as Python's hashlib does, is there as information. Last, a bundle of 20 GB with 5,000 blobs and 2,000 files,
a sparse file, is opened by ``archiver serve``, until the first answer.

All that is read is in the page cache. Ends with exit code 1 where a promise is not kept that any machine should keep:
memory, and the time to open. Usage: bundle.py [--help]
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import bundle_archive
from large_bundle import grown

from measuring import Run, fresh, machine, ratios, read_all, run, table
from servers.processes import end, free_port

PACK, VOLUMES = "archiver bundle", "archiver bundle, volumes"
TAR, SKOPEO = "tar cf", "skopeo copy, in a loop"
VERIFY, PROGRAM = "archiver verify", "archiver.pyz verify"
SUMS, PARALLEL = "sha256sum -c", "xargs -P, sha256sum -c"
OPENSSL = "xargs -P, openssl dgst"
PROMISED_MEMORY, PROMISED_OPENING = 100e6, 1.0  # bytes, seconds
LARGE, BLOBS, FILES = 20 * 10**9, 5000, 2000


@dataclass(frozen=True)
class Packed:
    """The archive, and what its bundle packs of it: paths relative to it."""

    archive: Path
    sources: tuple[str, ...]

    @property
    def megabytes(self) -> float:
        """How large that is, in 10^6 bytes."""
        return sum(path.stat().st_size for path in self.files) / 1e6

    @property
    def files(self) -> list[Path]:
        """All files in it."""
        found = (self.archive / source for source in self.sources)
        return [path for each in found for path in (each, *each.rglob("*")) if path.is_file()]


def main() -> int:
    """Measure, print the tables, and say by the exit code whether what can be promised on any machine holds."""
    args = arguments()
    folder = args.folder / str(args.megabytes)
    folder.mkdir(parents=True, exist_ok=True)
    archive = bundle_archive.made(folder, args.megabytes)
    project = archive / bundle_archive.PROJECT
    packed = Packed(
        archive, ("images/blobs", *(f"{project.name}/{name}" for name in ("warc", "search", "snapshots")))
    )
    scratch = fresh(folder / "scratch")
    print(f"{machine()}, medians of {args.rounds} runs\n")
    kept = packing(packed, scratch, args.rounds)
    bundle = fresh(scratch) / "bench.tar"
    subprocess.run(ours(archive, bundle), check=True, stdout=subprocess.DEVNULL)
    kept &= verifying(bundle, scratch, args.rounds)
    kept &= opening(bundle, scratch, args.rounds)
    fresh(scratch)
    return int(not kept)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Pack, verify and open bundles side by side with tar and sha256sum."
    )
    parser.add_argument("--megabytes", type=int, default=2000, help="size of the archive (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each program (%(default)s)")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/bench-bundle"), help="keeps the archive (%(default)s)"
    )
    return parser.parse_args()


def packing(packed: Packed, scratch: Path, rounds: int) -> bool:
    """Pack with each program in turns."""
    read_all(packed.archive)
    commands = {
        PACK: ours(packed.archive, scratch / PACK / "bench.tar"),
        VOLUMES: [*ours(packed.archive, scratch / VOLUMES / "bench.tar"), "--volume-size", "512MiB"],
        TAR: ["tar", "cf", str(scratch / TAR / "bench.tar"), "-C", str(packed.archive), *packed.sources],
    }
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    run(commands[PACK], fresh(scratch / PACK))  # compiles our modules, which is once in a program's life
    fresh(scratch / PACK)
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name].append(run(command, fresh(scratch / name)))
            fresh(scratch / name)
    print(f"Packing {packed.megabytes:.0f} MB:")
    table(runs, packed.megabytes)
    print(ratios(runs, PACK))
    print("the goal is 0.7x tar cf")
    peer = [run(skopeo(packed.archive / "images", scratch / SKOPEO), fresh(scratch / SKOPEO))]
    fresh(scratch / SKOPEO)
    print("As information, the images only, a shared layer with each of them:")
    table({SKOPEO: peer}, peer[0].written / 1e6)
    print()
    return all(run.usage.memory <= PROMISED_MEMORY for name in (PACK, VOLUMES) for run in runs[name])


def ours(archive: Path, target: Path) -> list[str]:
    """Return the command that makes a bundle."""
    program = [sys.executable, "-m", "archiver", "bundle", bundle_archive.PROJECT, "--quiet"]
    return [*program, "--archives", str(archive), "--output", str(target)]


def skopeo(layout: Path, target: Path) -> list[str]:
    """Return the shell command that makes a docker-archive of each image: skopeo adds none to one that is there."""
    listed = json.loads((layout / "index.json").read_text())["manifests"]
    names = [entry.get("annotations", {}).get("org.opencontainers.image.ref.name", "") for entry in listed]
    lines = [
        f"skopeo copy --quiet --override-arch amd64 {shlex.quote(f'oci:{layout}:{name}')} "
        f"{shlex.quote(f'docker-archive:{target}/{number}.tar')}"
        for number, name in enumerate(names)
        if "/bench/" in name
    ]
    return ["sh", "-e", "-c", "\n".join(lines)]


def verifying(bundle: Path, scratch: Path, rounds: int) -> bool:
    """Verify with each program in turns."""
    unpacked = fresh(scratch / "unpacked")
    subprocess.run(["tar", "xf", str(bundle), "-C", str(unpacked)], check=True)
    read_all(scratch)
    there = f"cd {shlex.quote(str(unpacked))} &&"
    each = f"xargs -P {os.cpu_count()} -d '\\n' -n 1"
    check = 'sh -c \'printf "%s\\n" "$0" | sha256sum -c\''
    commands = {
        VERIFY: [sys.executable, "-m", "archiver", "verify", str(bundle)],
        PROGRAM: [sys.executable, "-I", str(unpacked / "archiver.pyz"), "verify", str(bundle)],
        SUMS: ["sh", "-c", f"{there} sha256sum -c SHA256SUMS"],
        PARALLEL: ["sh", "-c", f"{there} {each} {check} < SHA256SUMS"],
        OPENSSL: ["sh", "-c", f"{there} cut -c 67- SHA256SUMS | {each} openssl dgst -sha256"],
    }
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name].append(run(command, fresh(scratch / "nothing")))
    print(f"Verifying {bundle.stat().st_size / 1e6:.0f} MB:")
    table(runs, bundle.stat().st_size / 1e6, ("wall s", "cpu s", "peak MB"))
    print(ratios(runs, VERIFY, ("wall s",)))
    print("the goal is 1/1.2 = 0.83x the faster sha256sum\n")
    return all(run.usage.memory <= PROMISED_MEMORY for run in runs[VERIFY])


def opening(bundle: Path, scratch: Path, rounds: int) -> bool:
    """Open a large bundle for serving: from the start of the command to its first answer."""
    large = scratch / "large.tar"
    grown(bundle, large, LARGE, BLOBS, FILES)
    warm, cold, read = [], [], 0
    for _ in range(rounds):
        forget(large)
        cold.append(until_served(large, scratch / "output")[0])
        taken, read = until_served(large, scratch / "output")
        warm.append(taken)
    print(f"Opening {large.stat().st_size / 1e9:.0f} GB, {BLOBS} blobs and {FILES} files more, for serving:")
    print(
        f"{statistics.median(warm):.2f} s until the first answer, {read / 1e6:.0f} MB read; the goal is 1 s"
    )
    print(f"{statistics.median(cold):.2f} s with nothing of it in the page cache")
    return min(warm) <= PROMISED_OPENING


def forget(path: Path) -> None:
    """Take a file out of the page cache."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def until_served(bundle: Path, output: Path) -> tuple[float, int]:
    """Return after how many seconds a bundle is served, and how many bytes of files had been read by then."""
    port = free_port()
    command = [sys.executable, "-m", "archiver", "serve", str(bundle), "--port", str(port)]
    begun = time.perf_counter()
    with output.open("wb") as stream:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
    try:
        while process.poll() is None:
            with (
                suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/-/bundle.json") as answer,
            ):
                answer.read()
                taken = time.perf_counter() - begun
                counters = Path(f"/proc/{process.pid}/io").read_text().splitlines()
                return taken, int(counters[0].partition(": ")[2])
    finally:
        end(process)
    sys.exit(f"serve failed: {output.read_text(errors='replace')[-2000:]}")


if __name__ == "__main__":
    sys.exit(main())
