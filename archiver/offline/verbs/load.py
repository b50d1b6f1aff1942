"""``load``: bring bundles into docker, podman or containerd, or into an archive folder."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archiver.core.amounts import count_text
from archiver.core.errors import UsageError
from archiver.offline.exitcodes import COMPLETE
from archiver.offline.verbs.inputs import add_signers, opened_bundle
from archiver.offline.verbs.output import print_json, shown

if TYPE_CHECKING:
    from archiver.core.progress import Progress
    from archiver.offline.bundle import OpenBundle
    from archiver.offline.loading.project import LoadedArchive
    from archiver.offline.loading.runtimes import ContainerRuntime, Loaded
    from archiver.offline.loading.tally import Tally
    from archiver.offline.verbs.inputs import ProgressFactory

_DESCRIPTION = """\
Load the container images of a bundle into this machine's docker, podman or
containerd, straight from the bundle through a pipe; each blob is checked on
its way. Or take whole bundles into an archive folder, documentation and
downloads as well: a bundle and its updates become one archive, to be served.
"""
_EPILOG = """\
examples:
  %(prog)s project.tar --into docker
  %(prog)s project.tar --into containerd --image redis:7
  %(prog)s project.tar update.tar --into ./archive

For containerd (Kubernetes) run it as root on each node; ctr's own settings
count: CONTAINERD_ADDRESS, CONTAINERD_SNAPSHOTTER. Charts and signatures are
nothing for runtimes: push brings them into a registry. Exit code 3: the
runtime refused. 5: the bundle is damaged, or not signed by whom it should be.
"""


def add(subparsers: Any, progress: ProgressFactory) -> None:
    """Define the command."""
    parser = subparsers.add_parser(
        "load",
        help="load the images into docker, podman or containerd; or all into a folder",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "bundles",
        metavar="BUNDLE",
        type=Path,
        nargs="+",
        help="a bundle, and deltas that build on it, in any order",
    )
    parser.add_argument(
        "--into",
        metavar="docker|podman|containerd|DIR",
        required=True,
        help="a container runtime, or an archive folder, which may be new (one named docker: ./docker)",
    )
    parser.add_argument(
        "--image",
        metavar="REF",
        action="append",
        default=[],
        help="only this image, for runtimes; may be repeated",
    )
    parser.add_argument(
        "--namespace",
        metavar="NAME",
        default="k8s.io",
        help="containerd's namespace (default: %(default)s, where Kubernetes looks)",
    )
    add_signers(parser)
    parser.add_argument("--json", action="store_true", help="print what is there now as JSON")
    called = parser.prog.rsplit(" ", 1)[0]  # what the reader types in front of the verb
    parser.set_defaults(run=lambda args: _run(args, progress()), called=called)


def _run(args: argparse.Namespace, progress: Progress) -> int:
    from archiver.offline.loading.runtimes import runtime  # noqa: PLC0415 - keeps --help quick
    from archiver.offline.volumes import distinct_sources  # noqa: PLC0415 - see above

    into = runtime(args.into, args.namespace)
    if into is None and args.image:
        raise UsageError(
            "--image is for docker, podman and containerd: an archive folder takes whole bundles",
            place=args.into,
        )
    with ExitStack() as held:
        bundles = [
            held.enter_context(opened_bundle(path, args.signers, progress))
            for path in distinct_sources(args.bundles)
        ]
        if into is None:
            return _into_folder(args, bundles, progress)
        return _into_runtime(args, bundles, into, progress)


def _into_runtime(
    args: argparse.Namespace, bundles: list[OpenBundle], into: ContainerRuntime, progress: Progress
) -> int:
    from archiver.offline.loading.runtimes import load_images  # noqa: PLC0415 - keeps --help quick
    from archiver.offline.loading.shelf import joined_images  # noqa: PLC0415 - see above

    images = load_images(joined_images(bundles), into, args.image, progress)
    if args.json:
        print_json({"into": into.name, "images": [vars(image) for image in images]})
        return COMPLETE
    for image in images:
        print(shown(_line(image, into.name)))
    print(f"{count_text(len(images), 'image')} in {into.name}")
    return COMPLETE


def _line(image: Loaded, runtime: str) -> str:
    name = image.name or f"(without a name: {runtime} keeps no digests) {image.reference}"
    return " ".join(filter(None, (name, image.platform, image.identity)))


def _into_folder(args: argparse.Namespace, bundles: list[OpenBundle], progress: Progress) -> int:
    from archiver.offline.loading.archive import load_archive  # noqa: PLC0415 - keeps --help quick

    loaded = load_archive(bundles, Path(args.into), progress)
    if args.json:
        print_json({"into": args.into, "projects": [_document(each) for each in loaded]})
        return COMPLETE
    for each in loaded:
        print(shown(f"{each.project}: snapshot {each.snapshot} is in {args.into}"))
        for what, tally in (("image blobs", each.blobs), ("captures", each.records), ("files", each.files)):
            if tally.copied or tally.present:
                print(f"  {tally.copied:,} {what} copied" + _already(tally))
        if not each.good:
            print("  a newer snapshot is there already, which stays the one that is served")
    print(shown(f"To read it: {args.called} serve {args.into}"))
    return COMPLETE


def _already(tally: Tally) -> str:
    return f", {tally.present:,} there already" if tally.present else ""


def _document(loaded: LoadedArchive) -> dict[str, Any]:
    return {
        "project": loaded.project,
        "snapshot": loaded.snapshot,
        "snapshots": list(loaded.snapshots),
        "good": loaded.good,
        **{
            name: {"copied": tally.copied, "present": tally.present}
            for name, tally in (("blobs", loaded.blobs), ("records", loaded.records), ("files", loaded.files))
        },
    }
