"""``serve``: docs, search, a registry and files on this machine, or for others."""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence
from urllib.parse import urlsplit

from archiver.core.amounts import count_text
from archiver.core.clock import iso, utc_now
from archiver.core.errors import StoreError, UsageError
from archiver.offline.exitcodes import COMPLETE, VERIFICATION_FAILED
from archiver.offline.verbs.inputs import default_cache_dir, opened_projects
from archiver.offline.verbs.output import shown

if TYPE_CHECKING:
    from archiver.core.progress import Progress
    from archiver.offline.holdings import Holding
    from archiver.offline.server import Served
    from archiver.offline.tls.authority import Authority
    from archiver.offline.tls.identity import Identity
    from archiver.offline.verbs.inputs import ProgressFactory, Ready

_MOST_SHOWN_ORIGINS = 20
_MOST_WORKERS = 64
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - not bound to here: addresses that nobody is reached by
_DESCRIPTION = """\
Serve what is in a bundle: the documentation for a browser, search, a registry
to pull container images from, and the downloads. Open the address that it
prints. Nothing is unpacked. Ctrl-C ends it.
"""
_EPILOG = """\
examples:
  %(prog)s project.tar
  %(prog)s project.tar --host 0.0.0.0    (for others, too)
  %(prog)s project.tar --tls self-signed     (by https)
  %(prog)s ./archive                     (all of its projects)

Each documentation site gets a port of its own, so that it works unchanged.
"""


def add(subparsers: Any, progress: ProgressFactory, ready: Ready) -> None:
    """Define the command."""
    parser = subparsers.add_parser(
        "serve",
        help="read and search in a browser; pull images, fetch files",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", metavar="BUNDLE|ARCHIVES", type=Path, help="a bundle, or an archive folder")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen at; 0.0.0.0 lets other machines in (default: %(default)s, this machine only)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=8080,
        metavar="PORT",
        help="the main port, 0 for any free one; each documentation site gets one of the next free ports "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--domain",
        default="",
        metavar="DOMAIN",
        help="serve all sites on the main port, at host names below this domain (needs wildcard DNS)",
    )
    parser.add_argument(
        "--trust-proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="a reverse proxy, or a network of them, whose Forwarded or X-Forwarded- headers tell what readers call "
        "this server; may be repeated",
    )
    parser.add_argument(
        "--tls-cert",
        type=Path,
        metavar="FILE",
        help="serve by https, with this certificate (PEM, followed by those between it and its authority)",
    )
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="the certificate's private key (PEM)")
    parser.add_argument(
        "--tls",
        choices=["self-signed"],
        help="serve by https, with certificates of an authority of this server's own, which clients have to trust "
        "once: it is kept in the cache folder and offered at /-/ca.crt",
    )
    parser.add_argument(
        "--tls-name",
        action="append",
        default=[],
        metavar="NAME",
        help="with --tls self-signed, a further name or address that readers use; may be repeated",
    )
    parser.add_argument(
        "--cache-dir",
        type=Path,
        metavar="DIR",
        help="where the search index of a bundle is copied to, and the authority of --tls self-signed is kept "
        "(default: the user's cache folder)",
    )
    parser.add_argument(
        "--workers",
        type=_workers,
        default=1,
        metavar="N",
        help="processes that answer; as many as there are processors serve most readers, not on Windows "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--verify", action="store_true", help="check all that is to be served first, as the verb verify does"
    )
    parser.set_defaults(run=lambda args: _run(args, progress(), ready))


def _run(args: argparse.Namespace, progress: Progress, ready: Ready) -> int:
    from archiver.offline.forwarded import TrustedProxies  # noqa: PLC0415 - keeps the other commands quick
    from archiver.offline.opening import open_projects  # noqa: PLC0415 - see above
    from archiver.offline.server import Further, start  # noqa: PLC0415 - see above

    path = ready(args.path)
    identity, proxies = _identity(args), TrustedProxies.parse(args.trust_proxy)
    verified = ""
    if args.verify:
        code = _verified_first(path, progress)
        if code != COMPLETE:
            return code
        verified = iso(utc_now())
    with opened_projects(path) as projects:
        try:
            with start(
                projects,
                host=args.host,
                port=args.port,
                domain=args.domain,
                cache_dir=args.cache_dir or default_cache_dir(),
                renewed=lambda: ready(path),  # a new snapshot, as the ones before were
                verified=verified,
                tls=identity,
                proxies=proxies,
                further=Further(args.workers - 1, lambda: open_projects(path)),
                log=lambda line: progress.warn(shown(line)),
            ) as served:
                _print_served(served, served.holdings, args, identity)
                served.wait()
        except KeyboardInterrupt:
            print("\nstopped")
    return COMPLETE


def _identity(args: argparse.Namespace) -> Identity | None:
    """Return what is to be shown by TLS, or None for plain HTTP."""
    from archiver.offline.tls.identity import GivenIdentity  # noqa: PLC0415 - keeps the other commands quick
    from archiver.offline.tls.selfmade import SelfMadeIdentity  # noqa: PLC0415 - see above

    given = args.tls_cert is not None or args.tls_key is not None
    if given and args.tls:
        raise UsageError(
            "--tls self-signed makes a certificate, and --tls-cert and --tls-key bring one: choose"
        )
    if args.tls_name and not args.tls:
        raise UsageError("--tls-name goes with --tls self-signed")
    if args.tls:
        cache = args.cache_dir or default_cache_dir()
        if cache is None:
            raise UsageError(
                "there is no place to keep the server's authority in", hint="name a folder with --cache-dir"
            )
        further = [args.host] if args.host not in _EVERYWHERE else []
        try:
            return SelfMadeIdentity(cache / "tls", [*further, *args.tls_name])
        except StoreError as error:
            hint = error.hint or "name another folder with --cache-dir"
            raise type(error)(error.message, place=error.place, hint=hint) from error
    if not given:
        return None
    if args.tls_cert is None:
        raise UsageError("--tls-key goes with --tls-cert")
    return GivenIdentity(args.tls_cert, args.tls_key or args.tls_cert)


def _verified_first(path: Path, progress: Progress) -> int:
    from archiver.offline.verify import verify_bundle  # noqa: PLC0415 - keeps the other commands quick
    from archiver.offline.verifyarchive import verify_archive  # noqa: PLC0415 - see above

    report = verify_archive(path, progress) if path.is_dir() else verify_bundle(path, progress)
    for problem in report.problems:
        print(shown(f"{path}: {problem}"), file=sys.stderr)
    return COMPLETE if report.ok else VERIFICATION_FAILED


def _print_served(
    served: Served, holdings: Sequence[Holding], args: argparse.Namespace, identity: Identity | None
) -> None:
    from archiver.offline.pulling import Pullable, image_commands  # noqa: PLC0415 - comes with the server
    from archiver.offline.tls.selfmade import SelfMadeIdentity  # noqa: PLC0415 - see above

    for holding in holdings:
        print(shown(f"{holding.title or holding.project}, snapshot {holding.snapshot}"))
    print(f"\n  Open     {served.url}")
    others = "" if args.domain else _address_for_others(args.host, served.url)
    if others:
        print(f"  others   {others}")
    if args.domain and (_is_local(args.host) or args.host in _EVERYWHERE):
        print(f"  here     {_named(served.url, 'localhost')}   on this machine, without DNS")
    print()
    _print_docs(served, holdings)
    images = [image for holding in holdings for image in holding.images.images if not image.refers_to]
    if images:
        more = f"   and {len(images) - 1} more" if len(images) > 1 else ""
        first = max(images, key=lambda image: any(image.platforms))  # one to run, where there is one
        line = image_commands(first, Pullable.at(served.view.main_origin))[0].text
        print(f"  images   {shown(line)}{more}")
    files = sum(len(holding.files.files) for holding in holdings)
    if files:
        print(f"  files    {served.url}#files   {files}")
    if isinstance(identity, SelfMadeIdentity):
        _print_authority(identity.kept, served.url)
    if _is_local(args.host):
        print("\nOnly this machine can connect; --host 0.0.0.0 lets others in. Ctrl-C ends it.", flush=True)
    else:
        reached = "this one" if args.host in _EVERYWHERE else args.host
        print(f"\nEvery machine that reaches {reached} can connect. Ctrl-C ends it.", flush=True)


def _print_docs(served: Served, holdings: Sequence[Holding]) -> None:
    """Print a line for each doc site, and one for each origin that none of these lines tells of."""
    from archiver.offline.landing import site_url  # noqa: PLC0415 - comes with the server

    further = {address.url: address.origin for address in served.origins}
    for holding in holdings:
        for site in holding.sites:
            url = site_url(site, served.view) or "-"
            base = next((base for base in further if url.startswith(base)), "")
            told = f"{site.name}: {count_text(site.pages, 'page')}"
            told += f" of {further.pop(base)}" if base else ""
            print(f"  docs     {shown(url)}   {shown(told)}")
    for base, origin in islice(further.items(), _MOST_SHOWN_ORIGINS):
        print(f"  origin   {base}   {shown(origin)}")
    if len(further) > _MOST_SHOWN_ORIGINS:
        print(f"  and {len(further) - _MOST_SHOWN_ORIGINS} more origins")


def _is_local(host: str) -> bool:
    return host.startswith("127.") or host in ("localhost", "::1")


def _address_for_others(host: str, url: str) -> str:
    """Return the main address as other machines most likely have it; nothing where only this one can connect."""
    from archiver.offline.ip import outward_address  # noqa: PLC0415 - see above

    found = outward_address() if host in _EVERYWHERE else None
    if found is None or (found.version == 6 and host != "::"):
        return ""
    return _named(url, f"[{found}]" if found.version == 6 else str(found))


def _named(url: str, name: str) -> str:
    """Return the main address with another host name."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{name}{f':{parts.port}' if parts.port else ''}/"


def _print_authority(authority: Authority, url: str) -> None:
    print("\nClients have to trust this server's own authority, once; its certificate is")
    print(f"  {shown(str(authority.path))}   and at {url}-/ca.crt")
    print(f"  SHA-256 {authority.fingerprint}")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def _workers(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST_WORKERS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {_MOST_WORKERS}")
    return int(text)
