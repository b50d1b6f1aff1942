"""What verbs are given to read, and where they may keep things."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator

from archiver.core.errors import BundleError, UsageError, VolumeUnfit
from archiver.offline.verbs.output import shown

if TYPE_CHECKING:
    import argparse

    from archiver.core.progress import Progress
    from archiver.offline.bundle import OpenBundle
    from archiver.offline.holdings import Holding, Project

ProgressFactory = Callable[[], "Progress"]
Ready = Callable[[Path], Path]
"""Gets a bundle or archive folder ready to be read."""


def default_cache_dir() -> Path | None:
    """Return where this user's caches belong: ``XDG_CACHE_HOME``, else what the system suggests.

    None for a user without a home, as containers run programs under numbers that no user has.
    """
    variable, *below = (
        ("LOCALAPPDATA", "AppData", "Local") if os.name == "nt" else ("XDG_CACHE_HOME", ".cache")
    )
    try:
        base = Path(os.environ.get(variable) or Path.home().joinpath(*below))
    except (RuntimeError, KeyError):  # the latter before Python 3.10
        return None
    return base / "archiver"


@contextmanager
def opened(path: Path) -> Iterator[tuple[Holding, ...]]:
    """Open what a bundle or an archive folder holds for as long as the block lasts; errors say which file it is."""
    from archiver.offline.opening import open_holdings  # noqa: PLC0415 - keeps --help quick

    with _told_of(path):
        holdings = open_holdings(path)
    try:
        yield holdings
    finally:
        for holding in holdings:
            holding.close()


@contextmanager
def opened_projects(path: Path) -> Iterator[tuple[Project, ...]]:
    """Open a bundle or an archive folder with all its snapshots for as long as the block lasts, as ``opened`` does."""
    from archiver.offline.opening import open_projects  # noqa: PLC0415 - keeps --help quick

    with _told_of(path):
        projects = open_projects(path)
    try:
        yield projects
    finally:
        for project in projects:
            project.close()


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    """Have errors say which file is damaged, and not only which member of it."""
    try:
        yield
    except VolumeUnfit:  # says which volume it is
        raise
    except BundleError as error:
        if str(path) not in str(error):
            error.place = f"{path}: {error.place}" if error.place else str(path)
        raise


def add_signers(parser: argparse.ArgumentParser) -> None:
    """Add ``--signers FILE``."""
    parser.add_argument(
        "--signers",
        type=Path,
        metavar="FILE",
        help="refuse what none of these signed: a list of allowed signers as ssh-keygen takes it, a line a signer, such as "
        '"alice@example.org ssh-ed25519 AAAA..."',
    )


def opened_bundle(path: Path, signers: Path | None, progress: Progress) -> OpenBundle:
    """Open a bundle or delta, and check who signed it where that is asked for; the caller closes it.

    Raises:
        UsageError: there is nothing, or a folder.
        SignatureRefused: none of the signers signed it.
        BundleError, StoreError: it cannot be opened.
    """
    from archiver.offline.bundle import read_bundle  # noqa: PLC0415 - keeps --help quick
    from archiver.offline.signature import check_signer  # noqa: PLC0415 - see above

    if existing(path).is_dir():
        raise UsageError("takes bundles, not a folder", place=str(path))
    bundle = read_bundle(path)
    if signers is not None:
        try:
            signer = check_signer(bundle, signers)
        except BaseException:
            bundle.close()
            raise
        progress.note(shown(f"{path}: signed by {signer}"))
    return bundle


def existing(path: Path) -> Path:
    """Return the path of a folder or a bundle, in volumes too. Raises UsageError where nothing is there."""
    from archiver.offline.volumes import source_exists  # noqa: PLC0415 - keeps --help quick

    if not source_exists(path):
        raise UsageError("there is no such file or folder", place=str(path))
    return path
