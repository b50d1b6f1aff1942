"""``archiver demo``: the whole pipeline against an embedded site and registry; needs no network."""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import indent
from typing import IO, TYPE_CHECKING, Iterator, Sequence

from archiver.bundle.build import build_bundle
from archiver.cli.demoimage import PLATFORMS, build_image
from archiver.cli.demosite import EXCLUDED, pydoc_server
from archiver.cli.options import add_quiet
from archiver.cli.progress import default_progress
from archiver.cli.running import exit_code_of, index_for_search
from archiver.cli.stopping import stopping
from archiver.cli.summary import summary_text
from archiver.collect.run import archive_project
from archiver.core.amounts import count_text, size_text
from archiver.core.errors import NotArchived
from archiver.core.snapshot import ImageResult
from archiver.offline.archive import ArchiveFiles, ArchiveImages
from archiver.offline.exitcodes import VERIFICATION_FAILED
from archiver.offline.projects import BundledProject
from archiver.offline.server import start
from archiver.offline.verify import verify_bundle
from archiver.spec.load import load_spec
from archiver.store.atomic import write_atomically
from archiver.store.images import ImageLayout
from archiver.store.paths import create_archive

if TYPE_CHECKING:
    import argparse

    from archiver.core.judgement import Judgement
    from archiver.core.snapshot import BrokenLink, Failure
    from archiver.offline.holdings import FileShelf, ImageShelf, SearchIndex, Site

PROJECT = "python-stdlib"
_HOST = "registry.demo"  # whatever the client calls the registry, one repository has this path
_REPOSITORY = "demo/hello"
_TAG = "1.0"


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the command."""
    parser.description = (
        "Run the whole pipeline on this machine: start Python's own documentation server and a container registry on "
        "127.0.0.1, archive both, make a bundle, verify it. Uses no network."
    )
    parser.add_argument(
        "--folder",
        metavar="DIR",
        type=Path,
        default=Path("demo-archives"),
        help="where to put the spec, the archive and the bundle (default: %(default)s)",
    )
    add_quiet(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Archive, bundle, verify; say how to open the result."""
    folder: Path = args.folder
    progress = default_progress(quiet=args.quiet)
    archive = create_archive(folder)
    spec = folder / "spec.yaml"
    with stopping() as stop, pydoc_server() as site, _image_registry() as registry:
        print(f"1. A documentation site, {site}, and a container registry, {registry}, run on this machine.")
        write_atomically(spec, _spec(site, registry).encode())
        print(f"2. archiver archive --archives {folder} {spec}", flush=True)
        result = archive_project(load_spec(spec), archive, stop=stop, progress=progress)
        index_for_search(archive, result.snapshot, progress)
        print(indent(summary_text(result), "   "))
    print(f"3. Site and registry are stopped. archiver bundle --archives {folder} {PROJECT}", flush=True)
    bundled = build_bundle(archive, PROJECT, output=folder, progress=progress)
    print(
        f"   {bundled.path}: {size_text(bundled.size)}, {bundled.captures} captures, "
        f"{count_text(bundled.images, 'image')}"
    )
    print(f"4. archiver verify {bundled.path}", flush=True)
    report = verify_bundle(bundled.path, progress)
    for problem in report.problems:
        print(f"   {problem.where}: {problem.detail}")
    if not report.ok:
        return VERIFICATION_FAILED
    print("   every byte is as it was made")
    print(f"\nOpen it:  {shlex.quote(sys.argv[0])} serve {shlex.quote(str(bundled.path))}")
    return exit_code_of(result.snapshot)


def _spec(site: str, registry: str) -> str:
    excluded = "".join(f"        - {site}{prefix}\n" for prefix in EXCLUDED)
    return (
        f"project: {PROJECT}\n"
        "title: Python's standard library (demo)\n"
        "docs:\n"
        f"  - seeds: [{site}]\n"
        "    scope:\n"
        "      exclude:\n"
        f"{excluded}"
        "images:\n"
        f"  platforms: [{', '.join(map(str, PLATFORMS))}]\n"
        f"  refs: [{registry}/{_REPOSITORY}:{_TAG}]\n"
    )


@dataclass
class _ImageHolding:
    """Nothing but the demo's image, for the program's own registry to serve."""

    images: ImageShelf
    files: FileShelf
    project: str = PROJECT
    title: str = ""
    snapshot: str = ""
    created: str = ""
    sites: Sequence[Site] = ()
    failures: tuple[Failure, ...] = ()
    broken_links: tuple[BrokenLink, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    search: SearchIndex | None = None

    def open_search(self) -> IO[bytes]:
        raise NotArchived("the demo's registry has no search index")

    def report(self) -> None:
        """There was no run."""

    def close(self) -> None:
        """Nothing is open."""


@contextmanager
def _image_registry() -> Iterator[str]:
    """Serve an image built on the spot and yield the registry's ``host:port``."""
    with TemporaryDirectory(prefix="archiver-demo-") as name:
        layout = ImageLayout(Path(name))
        reference = f"{_HOST}/{_REPOSITORY}:{_TAG}"
        index = build_image(layout, reference)
        image = ImageResult(
            reference=reference,
            digest=str(index.digest),
            media_type=index.media_type,
            size=index.size,
            platforms=tuple(map(str, PLATFORMS)),
            manifests=(),
            resolved="",
            registry=_HOST,
        )
        holding = _ImageHolding(
            ArchiveImages(layout.blobs, PROJECT, (image,)), ArchiveFiles(layout.blobs, PROJECT, ())
        )
        with start([BundledProject(holding)], port=0, log=lambda _: None) as served:
            yield served.url.removeprefix("http://").rstrip("/")
