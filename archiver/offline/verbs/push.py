"""``push``: bring the images of bundles, or of an archive folder, into a registry."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from archiver.core.amounts import count_text, size_text
from archiver.core.descriptor import Platform
from archiver.core.errors import InvalidDocument, UsageError
from archiver.core.reference import is_loopback
from archiver.offline.exitcodes import FAILURES, INTERNAL_ERROR, USAGE, exit_code, worst
from archiver.offline.verbs.inputs import add_signers, existing, opened, opened_bundle
from archiver.offline.verbs.output import print_json, shown
from archiver.store.atomic import make_folder, storage_errors, write_atomically

if TYPE_CHECKING:
    from archiver.core.errors import ArchiverError
    from archiver.core.logins import Credentials
    from archiver.core.progress import Progress
    from archiver.offline.holdings import ImageShelf
    from archiver.offline.pushing.names import Naming
    from archiver.offline.pushing.push import PushOutcome
    from archiver.offline.pushing.registry import Dialling
    from archiver.offline.verbs.inputs import ProgressFactory

_ORDER = "the registry comes last: push BUNDLE... REGISTRY"
_VARIABLE = "REGISTRY_AUTH"
_LONGEST_PASSWORD = 1 << 16
_LARGEST_CA = 4 << 20  # bytes; all authorities that browsers trust are a quarter of a megabyte
_MOST_SHOWN = 200
_DESCRIPTION = """\
Push all images into a registry, with the digests that they have.
docker.io/library/redis:7 becomes REGISTRY/PREFIX/library/redis:7. What the
registry has already is not sent again: run the same command again after
whatever went wrong. At the end it prints what makes containerd, Podman, CRI-O
and Kubernetes manifests use the registry.
"""
_EPILOG = """\
examples:
  %(prog)s project.tar reg.example.org --config-dir nodes
  %(prog)s project.tar localhost:5000 --image redis:7
  %(prog)s project.tar update.tar reg.example.org --ca ca.pem

Logins are those of docker and podman (docker login REGISTRY), or --username
and --password-stdin, or REGISTRY_AUTH=NAME:PASSWORD in the environment. A
proxy is taken from the environment (HTTPS_PROXY, NO_PROXY). Exit code 3 where
an image could not be pushed, 5 where the bundle is damaged.
"""


def add(subparsers: Any, progress: ProgressFactory) -> None:
    """Define the command."""
    parser = subparsers.add_parser(
        "push",
        help="push the images into a registry; settings for the machines that pull",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths",
        metavar="BUNDLE|ARCHIVES",
        nargs="+",
        type=Path,
        help="a bundle, with the deltas that build on it; or an archive folder",
    )
    parser.add_argument(
        "destination", metavar="REGISTRY[/PREFIX]", help="such as registry.example.org:5000/mirror"
    )
    parser.add_argument(
        "--image",
        metavar="REF",
        action="append",
        default=[],
        help="only this image, with its signatures; may be repeated",
    )
    parser.add_argument(
        "--rename",
        metavar="FROM=TO",
        action="append",
        default=[],
        help="names that begin with FROM (docker.io/kubesphere) begin with TO below PREFIX; may be repeated, the longest FROM counts",
    )
    parser.add_argument(
        "--keep-host", action="store_true", help="keep the host: PREFIX/docker.io/library/redis:7"
    )
    parser.add_argument(
        "--flatten",
        metavar="PLATFORM",
        type=_platform,
        help="where the bundle has only a part of a multi-platform image, push this platform's manifest alone under the tag: "
        "for registries that refuse such images. THE DIGEST BECOMES ANOTHER ONE",
    )
    parser.add_argument(
        "--ca",
        metavar="FILE",
        type=Path,
        help="the certificate (PEM) of the authority that signed the registry's",
    )
    parser.add_argument(
        "--plain-http", action="store_true", help="speak plain HTTP (on this machine that is the default)"
    )
    parser.add_argument(
        "--skip-tls-verify", action="store_true", help="take any certificate for the registry's"
    )
    parser.add_argument("--username", metavar="NAME", help="log in by this name")
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    parser.add_argument(
        "--config-dir",
        metavar="DIR",
        type=Path,
        help="write what makes a cluster use the registry to files in this folder",
    )
    add_signers(parser)
    parser.add_argument("--json", action="store_true", help="print what came of it as JSON")
    parser.set_defaults(run=lambda args: _run(args, progress()))


def _run(args: argparse.Namespace, progress: Progress) -> int:
    from archiver.offline.pushing.choosing import choose_images  # noqa: PLC0415 - keeps --help quick
    from archiver.offline.pushing.clusterconfig import cluster_files  # noqa: PLC0415 - see above
    from archiver.offline.pushing.names import Destination, Naming, Rename, place_images  # noqa: PLC0415 - see above
    from archiver.offline.pushing.push import push_images  # noqa: PLC0415 - see above
    from archiver.offline.pushing.registry import open_registry  # noqa: PLC0415 - see above

    if Path(args.destination).is_file():
        raise UsageError("is a file, and not the registry to push to", place=args.destination, hint=_ORDER)
    naming = Naming(
        Destination.parse(args.destination), tuple(map(Rename.parse, args.rename)), args.keep_host
    )
    dialling = _dialling(args, naming.destination.registry)
    authority = _authority(args.ca)
    credentials = _credentials(args, naming.destination.registry)
    with ExitStack() as held:
        shelf = _shelf(args.paths, args.signers, progress, held)
        placements = place_images(choose_images(shelf, args.image), naming)
        registry = open_registry(naming.destination.registry, dialling, credentials, progress)
        held.callback(registry.close)
        outcome = push_images(placements, shelf, registry, progress, flatten=args.flatten)
    files = cluster_files(outcome.pushed, naming, dialling, authority) if outcome.pushed else {}
    if args.config_dir is not None:
        _write_configuration(files, args.config_dir)
    if args.json:
        print_json(_document(outcome, naming))
    else:
        _print_configuration(files, args.config_dir)
        _print_outcome(outcome, naming)  # last: what went wrong must not scroll away
    return worst(_code(refusal.error) for refusal in outcome.refused)


def _code(error: ArchiverError) -> int:
    code = exit_code(error)
    return FAILURES if code in (USAGE, INTERNAL_ERROR) else code


def _dialling(args: argparse.Namespace, registry: str) -> Dialling:
    from archiver.offline.pushing.connections import Trust  # noqa: PLC0415 - keeps --help quick
    from archiver.offline.pushing.registry import Dialling  # noqa: PLC0415 - see above

    tls = args.ca is not None or args.skip_tls_verify
    if args.plain_http and tls:
        raise UsageError("--plain-http speaks no TLS, so --ca and --skip-tls-verify say nothing beside it")
    plain = args.plain_http or (is_loopback(registry) and not tls)
    return Dialling(plain, Trust(args.ca, not args.skip_tls_verify))


def _authority(path: Path | None) -> bytes:
    if path is None:
        return b""
    with storage_errors(path), path.open("rb") as file:
        data = file.read(_LARGEST_CA + 1)
    if len(data) > _LARGEST_CA:
        raise UsageError("is too large for a certificate", place=str(path))
    return data


def _credentials(args: argparse.Namespace, registry: str) -> Credentials:
    from archiver.core.logins import Credential, Credentials, login_files  # noqa: PLC0415 - keeps --help quick

    if (args.username is None) == args.password_stdin:
        raise UsageError("--username and --password-stdin are given together, or not at all")
    given = os.environ.get(_VARIABLE, "")
    account = None
    if args.username is not None:
        password = sys.stdin.read(_LONGEST_PASSWORD).rstrip("\r\n")
        account = Credential(args.username, password, origin=f"{args.username} (--username)")
    elif given:
        name, colon, password = given.partition(":")
        if not (name and colon and password):
            raise UsageError(f"{_VARIABLE} is not NAME:PASSWORD")
        account = Credential(name, password, origin=f"{name} ({_VARIABLE})")
    files = () if account is not None else tuple(login_files(os.environ))
    return Credentials({registry: account} if account is not None else {}, files)


def _shelf(paths: Sequence[Path], signers: Path | None, progress: Progress, held: ExitStack) -> ImageShelf:
    """Open what is to be pushed: bundles, deltas with them, archive folders."""
    from archiver.offline.loading.shelf import joined_images  # noqa: PLC0415 - keeps --help quick
    from archiver.offline.pushing.shelves import AllShelves  # noqa: PLC0415 - see above
    from archiver.offline.volumes import distinct_sources  # noqa: PLC0415 - see above

    folders = [path for path in paths if existing(path).is_dir()]
    if folders and signers is not None:
        raise UsageError("--signers is for bundles: nobody signs archive folders", place=str(folders[0]))
    files = distinct_sources([path for path in paths if path not in folders])
    bundles = [held.enter_context(opened_bundle(path, signers, progress)) for path in files]
    holdings = [holding for path in folders for holding in held.enter_context(opened(path))]
    holdings.sort(key=lambda holding: holding.snapshot)
    return AllShelves(
        [*(holding.images for holding in holdings), *([joined_images(bundles)] if bundles else [])]
    )


def _platform(text: str) -> Platform:
    try:
        return Platform.parse(text)
    except InvalidDocument as error:
        raise argparse.ArgumentTypeError(error.message) from error


def _print_outcome(outcome: PushOutcome, naming: Naming) -> None:
    for refusal in outcome.refused[:_MOST_SHOWN]:
        print(shown(f"{refusal.source}: {refusal.error} [{refusal.error.code}]"), file=sys.stderr)
        if refusal.error.hint:
            print(shown(f"  hint: {refusal.error.hint}"), file=sys.stderr)
    if len(outcome.refused) > _MOST_SHOWN:
        print(f"… and {len(outcome.refused) - _MOST_SHOWN} more", file=sys.stderr)
    for image in outcome.pushed:
        if image.platform is not None:
            whole = image.placement.image
            line = f"WARNING: {whole.reference} is {image.platform} alone there, with another digest: {image.digest}, not {whole.digest}"
            print(shown(line), file=sys.stderr)
    tally = outcome.tally
    print(
        f"{count_text(len(outcome.pushed), 'image')} in {naming.destination}: {count_text(tally.sent, 'blob')} sent"
        f" ({size_text(tally.bytes)}), {tally.mounted} mounted from other repositories, {tally.present} there already"
    )
    if outcome.refused:
        print(f"{count_text(len(outcome.refused), 'image')} not pushed", file=sys.stderr)


def _document(outcome: PushOutcome, naming: Naming) -> dict[str, Any]:
    tally = outcome.tally
    return {
        "registry": str(naming.destination),
        "images": [
            {
                "reference": image.placement.image.reference,
                "name": image.name,
                "digest": str(image.digest),
                "flattened": str(image.platform) if image.platform is not None else "",
            }
            for image in outcome.pushed
        ],
        "failures": [
            {
                "reference": refusal.source,
                "name": refusal.target,
                "code": refusal.error.code,
                "message": str(refusal.error),
            }
            for refusal in outcome.refused
        ],
        "blobs": {"sent": tally.sent, "mounted": tally.mounted, "present": tally.present},
        "bytes": tally.bytes,
    }


def _print_configuration(files: Mapping[str, bytes], folder: Path | None) -> None:
    from archiver.offline.pushing.clusterconfig import explained  # noqa: PLC0415 - keeps --help quick

    for what, text in explained(files):
        print(f"# ---- {what}\n{text}")
    if files and folder is not None:
        print(f"written to {shown(str(folder))}; README.txt there says what belongs where")


def _write_configuration(files: Mapping[str, bytes], folder: Path) -> None:
    for path, data in files.items():
        target = folder / path
        with storage_errors(target):
            make_folder(target.parent)
        write_atomically(target, data)
