"""``make bench-images``: pull images from a registry on loopback, side by side with skopeo in the same run.

Debian's docker-registry has eight images that share a base layer. ``archiver archive``, ``skopeo copy`` into one
OCI layout image by image, and ``skopeo sync`` into folders take turns, A B C A B C …; what they wrote is compared
with what was pushed, by digest. Then each runs again with nothing changed, and the registry's access log tells
what that asked for. Last, an image that is one large blob, against what anybody can do: curl, then a hash.

What the registry holds is in the page cache for all. Each program writes to a folder that was not there before.
"durable" is how much longer it takes until all that was written is on the disk; who syncs by himself has no need.

Ends with exit code 1 where content is missing, more than the promised 120 MB of memory was needed, or a run with
nothing changed asked for more than HEAD. Usage: images.py [--help]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Iterable

from image_set import Sent, put_images, put_large
from measuring import Run, fresh, machine, ratios, read_all, run, table
from servers.real import Registry, docker_registry

OURS, COPY, SYNC = "archiver archive", "skopeo copy, in a loop", "skopeo sync"
SHA256SUM, OPENSSL = "curl, then sha256sum", "curl, then openssl dgst"
PROMISED = 120e6  # bytes of memory


def main() -> int:
    """Measure, print the tables, and say by the exit code whether what can be promised on any machine holds."""
    args = arguments()
    folder = args.folder / f"{args.megabytes}-{args.blob}"
    folder.mkdir(parents=True, exist_ok=True)
    with docker_registry(folder) as registry:
        images, large = filled(registry, folder, args.megabytes, args.blob)
        read_all(registry.storage)
        print(f"docker-registry on loopback, {machine()}, medians of {args.rounds} runs\n")
        scratch = folder / "scratch"
        kept = pulls(registry, images, fresh(scratch), args.rounds)
        kept &= large_blob(registry, large, fresh(scratch), args.rounds)
        fresh(scratch)
    return int(not kept)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Pull images side by side with skopeo.")
    parser.add_argument("--megabytes", type=int, default=700, help="size of the eight images (%(default)s)")
    parser.add_argument("--blob", type=int, default=2000, help="megabytes of the large blob (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each program (%(default)s)")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/bench-images"), help="keeps the registry (%(default)s)"
    )
    return parser.parse_args()


def filled(registry: Registry, folder: Path, megabytes: int, blob: int) -> tuple[Sent, Sent]:
    """Fill a registry once: what was put there is remembered beside its storage."""
    memory = folder / "sent.json"
    if not memory.exists():
        memory.write_text(
            json.dumps([asdict(put_images(registry, megabytes)), asdict(put_large(registry, blob))])
        )
    images, large = (Sent(tuple(each["names"]), each["blobs"]) for each in json.loads(memory.read_text()))
    return images, large


def pulls(registry: Registry, images: Sent, scratch: Path, rounds: int) -> bool:
    """Pull the eight images with each program, then again with nothing changed."""
    commands = {
        OURS: archiver(registry, images, scratch),
        COPY: skopeo_copy(registry, images, scratch / COPY / "layout"),
        SYNC: skopeo_sync(registry, images, scratch),
    }
    first: dict[str, list[Run]] = {name: [] for name in commands}
    again: dict[str, list[Run]] = {OURS: [], COPY: []}  # sync refuses to write to folders that are there
    asked: dict[str, list[str]] = {}
    run(commands[OURS], fresh(scratch / OURS))  # compiles our modules, which is once in a program's life
    for _ in range(rounds):
        for name, command in commands.items():
            first[name].append(run(command, fresh(scratch / name)))
            check_content(scratch / name, images)
            if name in again:
                seen = len(registry.requests())
                again[name].append(run(command, scratch / name))
                asked[name] = registry.requests()[seen:]
            fresh(scratch / name)
    megabytes = sum(images.blobs.values()) / 1e6
    print(f"Eight images, {megabytes:.0f} MB unique, first pull:")
    table(first, megabytes)
    print(f"{ratios(first, OURS)}\nthe goal is 1.5x the faster skopeo\n")
    print("The same with nothing changed:")
    table(again)
    for name, lines in asked.items():
        print(f"{name}: {counted(lines)}")
    kinds = {line.partition(" ")[0] for line in asked[OURS]}
    print("the goal is under 1 s, HEAD only\n")
    return kept(first[OURS]) and kinds == {"HEAD"}


def large_blob(registry: Registry, image: Sent, scratch: Path, rounds: int) -> bool:
    """Get a single blob with each program."""
    url = f"http://{registry.host}/v2/bench/large/blobs/{image.largest}"
    runs: dict[str, list[Run]] = {OURS: [], SHA256SUM: [], OPENSSL: []}
    commands = {
        OURS: archiver(registry, image, scratch),
        SHA256SUM: then(url, scratch / SHA256SUM / "blob", "sha256sum"),
        OPENSSL: then(url, scratch / OPENSSL / "blob", "openssl dgst -sha256"),
    }
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name].append(run(command, fresh(scratch / name)))
            if name == OURS:
                check_content(scratch / name, image)
            fresh(scratch / name)
    megabytes = sum(image.blobs.values()) / 1e6
    print(f"One blob of {megabytes:.0f} MB:")
    table(runs, megabytes)
    print(f"{ratios(runs, OURS)}\nthe goal is 0.8x of curl, then sha256sum")
    return kept(runs[OURS])


def archiver(registry: Registry, images: Sent, scratch: Path) -> list[str]:
    """Return the command that archives images, with all their platforms."""
    spec = scratch / f"{images.names[0].replace('/', '-')}.json"  # JSON is YAML
    refs = [f"{registry.host}/{name}" for name in images.names]
    spec.write_text(
        json.dumps(
            {"project": "bench", "images": {"platforms": ["linux/amd64", "linux/arm64"], "refs": refs}}
        )
    )
    program = [sys.executable, "-m", "archiver", "archive", "--quiet"]
    return [*program, "--archives", str(scratch / OURS / "archives"), str(spec)]


def skopeo_copy(registry: Registry, images: Sent, layout: Path) -> list[str]:
    """Return the shell command that copies image after image into one layout, whose blobs skopeo does not copy again."""
    copy = "skopeo copy --quiet --all --src-tls-verify=false"
    lines = [
        f"{copy} docker://{registry.host}/{name} {shlex.quote(f'oci:{layout}:')}{name.replace('/', '_').replace(':', '-')}"
        for name in images.names
    ]
    return ["sh", "-e", "-c", "\n".join(lines)]


def skopeo_sync(registry: Registry, images: Sent, scratch: Path) -> list[str]:
    """Return the command that copies all images into folders, by a file that lists them."""
    wanted = scratch / "sync.json"  # JSON is YAML
    by_repository = {name.partition(":")[0]: [name.partition(":")[2]] for name in images.names}
    wanted.write_text(json.dumps({registry.host: {"images": by_repository, "tls-verify": False}}))
    return ["skopeo", "sync", "--all", "--src", "yaml", "--dest", "dir", str(wanted), str(scratch / SYNC)]


def then(url: str, path: Path, hashing: str) -> list[str]:
    """Return the shell command that downloads a file and then hashes it."""
    target = shlex.quote(str(path))
    return ["sh", "-e", "-c", f"curl --silent --show-error --fail -o {target} {url}\n{hashing} {target}"]


def check_content(folder: Path, sent: Sent) -> None:
    """Fail where not everything that was pushed is in some file of a folder, byte for byte."""
    found: set[str] = set()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                found.add(f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}")
    if missing := sent.blobs.keys() - found:
        sys.exit(f"{folder}: {len(missing)} of {len(sent.blobs)} blobs are missing: {min(missing)}")


def counted(lines: Iterable[str]) -> str:
    """Return how many requests of each method there were."""
    methods = [line.partition(" ")[0] for line in lines]
    return ", ".join(f"{methods.count(each)} {each}" for each in sorted(set(methods)))


def kept(runs: Iterable[Run]) -> bool:
    """Say whether the promise about memory holds."""
    return max(each.usage.memory for each in runs) <= PROMISED


if __name__ == "__main__":
    sys.exit(main())
