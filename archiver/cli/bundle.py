"""``archiver bundle PROJECT``: make one file of a project, to be handed over."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archiver.bundle.build import build_bundle
from archiver.cli.options import add_archives, add_json, add_quiet
from archiver.cli.progress import default_progress
from archiver.core.amounts import count_text, parse_size, size_text
from archiver.core.descriptor import Platform
from archiver.core.errors import InvalidDocument, UsageError
from archiver.core.printable import printable
from archiver.store.atomic import make_folder, storage_errors
from archiver.store.paths import open_archive

if TYPE_CHECKING:
    from archiver.bundle.build import Bundled, NewSince
    from archiver.core.judgement import Judgement


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the command."""
    parser.add_argument("project", metavar="PROJECT", help="the project's name, as its spec gives it")
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="a file; or a folder, which is made where it is not there and PATH ends with a slash (default: here, "
        "PROJECT-SNAPSHOT.tar)",
    )
    parser.add_argument("--snapshot", metavar="ID", help="a snapshot other than the newest good one")
    parser.add_argument(
        "--since",
        metavar="BUNDLE",
        type=Path,
        help="pack only what readers of this earlier bundle lack; its bundle.json is enough",
    )
    parser.add_argument(
        "--platform",
        metavar="OS/ARCH",
        action="append",
        default=[],
        help="take only this platform of multi-platform images; may be repeated",
    )
    parser.add_argument(
        "--volume-size",
        metavar="SIZE",
        type=_size,
        help="make volumes of this size, such as 4.7GB for DVDs or 650MB for CDs; 4GiB, for FAT32, makes them a byte "
        "shorter than that, since FAT32 holds no more",
    )
    parser.add_argument(
        "--sign",
        metavar="KEYFILE",
        type=Path,
        help="sign it with this SSH key, such as ~/.ssh/id_ed25519, or with the one in your ssh-agent whose .pub file "
        "this is",
    )
    add_archives(parser)
    add_json(parser)
    add_quiet(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make the bundle."""
    try:
        platforms = [Platform.parse(text) for text in args.platform]
    except InvalidDocument as error:
        raise UsageError(error.message, hint="write --platform linux/amd64") from error
    bundled = build_bundle(
        open_archive(args.archives),
        args.project,
        snapshot=args.snapshot,
        since=args.since,
        output=_output(args.output) if args.output is not None else None,
        platforms=platforms,
        volume_size=args.volume_size,
        sign=args.sign,
        progress=default_progress(quiet=args.quiet or args.json),
    )
    if args.json:
        print(json.dumps(_document(bundled), indent=1))
    else:
        _print_summary(bundled, args)
    return 0


def _document(bundled: Bundled) -> dict[str, Any]:
    return {
        "path": str(bundled.path),
        "size": bundled.size,
        "volumes": [
            {"path": str(volume.path), "size": volume.size, "digest": str(volume.digest)}
            for volume in bundled.volumes
        ],
        "sums": str(bundled.sums),
        "key": f"{bundled.key.key_type} {bundled.key.fingerprint}" if bundled.key else None,
        "members": bundled.members,
        "captures": bundled.captures,
        "images": bundled.images,
        "referrers": bundled.referrers,
        "files": bundled.files,
        "alarms": [asdict(judgement) for judgement in bundled.alarms],
        "failures": bundled.failures,
        "left_out": bundled.left_out,
        "since": asdict(bundled.new) if bundled.new else None,
    }


def _print_summary(bundled: Bundled, args: argparse.Namespace) -> None:
    volumes = f" in {count_text(len(bundled.volumes), 'volume')}" if bundled.volumes else ""
    print(f"{bundled.path}: {size_text(bundled.size)}{volumes}")
    if len(bundled.volumes) > 1:
        first, *_, last = bundled.volumes
        each = f"{size_text(first.size)} each, the last {size_text(last.size)}"
        print(f"  {first.path} to {last.path.name}: {each}; hand over all of them, and {bundled.path.name}")
    along = f" and {bundled.referrers} that sign or describe them" if bundled.referrers else ""
    contents = (
        (bundled.captures, "capture", ""),
        (bundled.images, "image", along),
        (bundled.files, "file", ""),
    )
    held = [f"{count_text(number, noun)}{more}" for number, noun, more in contents if number]
    print("  " + (", ".join(held) or "nothing but its description"))
    for judgement in bundled.alarms:
        print(f"  {_alarm(judgement)}")
    if bundled.failures:
        print(
            f"  {count_text(bundled.failures, 'failure')} of the archiving run; the bundle's README lists them"
        )
    if bundled.left_out:
        print(
            f"  {count_text(bundled.left_out, 'image')} left out: not archived for {', '.join(args.platform)}"
        )
    if bundled.new:
        _print_new(bundled.new)
    if bundled.key:
        again = (
            "" if bundled.key.deterministic else "; signing again gives other bytes, unlike with ssh-ed25519"
        )
        print(f"  signed with {bundled.key.key_type} {bundled.key.fingerprint}{again}")
    print(f"  check it:  archiver verify {bundled.path}")
    if bundled.new:
        print(f"  read it:   archiver load {bundled.new.bundle} {bundled.path} --into ./{args.project}")
    else:
        print(f"  read it:   archiver serve {bundled.path}")
    print("  hand it over: its README.html tells whoever gets it what to do")
    if bundled.key:
        print("  and give them your public key by another way, for their file of allowed signers")


def _alarm(judgement: Judgement) -> str:
    since = f" since {judgement.since[:10]}" if judgement.since else ""
    held = f"what is packed is as of {judgement.good}" if judgement.keeps else "it never was healthy"
    return f"{judgement.source} is {judgement.verdict.upper()}{since}, {held}: {printable(judgement.reason)}"


def _print_new(new: NewSince) -> None:
    counts = ((new.records, "WARC record"), (new.blobs, "image blob"), (new.files, "file"))
    found = [count_text(number, noun) for number, noun in counts if number]
    print(f"  of that, new since {new.snapshot}: {', '.join(found) or 'nothing'}")


def _output(text: str) -> Path:
    """Return where the bundle goes. A final slash says that it is a folder."""
    path = Path(text)
    if text.endswith(("/", os.sep)):
        with storage_errors(path):
            make_folder(path)
    return path


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
