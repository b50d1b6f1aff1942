"""Whose certificates are trusted: the system's authorities, and what a spec says of single registries.

``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE`` name other authorities than the system's, as for most programs in Python.
"""

from __future__ import annotations

import os
import ssl
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator

import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.ssl_ import create_urllib3_context

from archiver.collect.connections import WatchedAdapter
from archiver.core.errors import CertificateRefused, FetchError, HostUnreachable, SpecError, TlsMissing

if TYPE_CHECKING:
    import requests

    from archiver.collect.connections import Connections
    from archiver.spec.registries import Tls

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_MESSAGE", "RECORD_LAYER_FAILURE"})


@dataclass(frozen=True, eq=False)
class TlsPolicy:
    """How one registry is spoken to, and what it leads to: token servers and where blobs are sent from.

    Attributes:
        host: the registry's API's host name, without a port.
        own: for that host.
        others: for all other hosts: no client certificate, and no certificates that nobody vouches for.
    """

    host: str
    own: ssl.SSLContext
    others: ssl.SSLContext

    @classmethod
    def of(cls, host: str, tls: Tls, folder: Path) -> TlsPolicy:
        """Read the files that a spec names.

        Args:
            host: the registry's API's host name.
            tls: what the spec says.
            folder: the folder that relative paths start from.

        Raises:
            SpecError: a file cannot be read, or is not what it should be.
        """
        others = system_context()
        own = system_context()
        if tls.ca is not None:
            for context in (others, own):
                _trust(context, folder / tls.ca)
        if tls.cert is not None and tls.key is not None:
            _identify(own, folder / tls.cert, folder / tls.key)
        if not tls.verify:
            own.check_hostname = False
            own.verify_mode = ssl.CERT_NONE
            warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)  # the spec asks for it
        return cls(host, own, others)

    def context(self, host: str) -> ssl.SSLContext:
        """Return what to speak TLS with to a host."""
        return self.own if host == self.host else self.others


def system_context() -> ssl.SSLContext:
    """Return what trusts the authorities that the system and certifi know.

    Raises:
        SpecError: the file that the environment names cannot be read.
    """
    context = create_urllib3_context()
    bundle = next(filter(None, map(os.environ.get, _BUNDLES)), None)
    if bundle is not None:
        _trust(context, Path(bundle))
    else:
        context.load_default_certs()
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


class TrustingAdapter(WatchedAdapter):
    """Makes connections with the TLS contexts that it is given, each of them read once and not once a connection."""

    def __init__(self, connections: Connections, context: Callable[[str], ssl.SSLContext]) -> None:
        self._context = context
        super().__init__(connections)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Return what connections are told apart by: the host, and the context for it."""
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] != "https":
            return host, pool
        context = self._context(str(host["host"]))
        return host, {"ssl_context": context, "cert_reqs": context.verify_mode}

    def cert_verify(self, *_: Any) -> None:
        """Leave a connection as it is: its context knows whom to trust."""


def tls_error(error: BaseException, url: str) -> FetchError | None:
    """Return what an exception means, if TLS failed; None for anything else."""
    for each in _causes(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return CertificateRefused(f"its certificate is not trusted: {each.verify_message}", place=url)
        if isinstance(each, ssl.SSLError):
            if isinstance(each, ssl.SSLEOFError):
                return HostUnreachable(
                    "breaks off while TLS is begun; it may want a client's certificate", place=url
                )
            reason = each.reason or str(each)
            if reason in _NOT_TLS:
                return TlsMissing("speaks no TLS there, and is to be spoken to by https", place=url)
            if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason:  # its alert about ours
                words = reason.replace("_", " ").lower()
                return CertificateRefused(f"it does not take this client's certificate: {words}", place=url)
            return HostUnreachable(f"TLS failed: {reason.replace('_', ' ').lower()}", place=url)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what is inside of it, however the libraries packed it."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            inner = (*each.args, getattr(each, "reason", None), each.__cause__, each.__context__)
            waiting += [found for found in inner if isinstance(found, BaseException)]


def _trust(context: ssl.SSLContext, bundle: Path) -> None:
    try:
        if bundle.is_dir():
            context.load_verify_locations(capath=bundle)
        else:
            context.load_verify_locations(cafile=bundle)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise SpecError(
            f"the authority's certificate cannot be read: {_words(error)}",
            place=str(bundle),
            hint="it must be a file in PEM form",
        ) from error


def _identify(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # without it OpenSSL asks the terminal
    except (OSError, ValueError) as error:
        raise SpecError(
            f"the client's certificate or key cannot be read: {_words(error)}",
            place=f"{certificate}, {key}",
            hint="both must be files in PEM form, belong together, and need no password",
        ) from error


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return getattr(error, "strerror", None) or str(error)
