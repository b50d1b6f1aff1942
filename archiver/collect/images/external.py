"""Layers that a registry does not distribute: they are at addresses of their publisher's.

Microsoft's base layers of Windows images were published so for years. The registry is asked first, since most have
them by now; the digest says whether what comes is the layer.

Sources: OCI image-spec v1.1 descriptor.md (``urls``) and layer.md ("Non-Distributable Layers"); Docker schema 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator, Mapping

from archiver.collect.client import refusal
from archiver.collect.images.blobbody import RANGED, BlobBody, blob_body
from archiver.core.errors import InvalidURL
from archiver.core.urlkey import Origin

if TYPE_CHECKING:
    import requests

    from archiver.collect.client import Client
    from archiver.core.descriptor import Descriptor


class ExternalSource:
    """One address of one blob; each call is a single attempt, without credentials.

    Args:
        client: sends requests.
        url: the address.
    """

    def __init__(self, client: Client, url: str) -> None:
        self._client, self._url = client, url

    @property
    def registry(self) -> str:
        """The host that is asked, as limits name it."""
        return Origin.of(self._url).netloc

    def open_blob(self, descriptor: Descriptor, start: int = 0) -> BlobBody:
        """Open the blob, as a registry's ``Source`` does.

        Raises:
            SizeMismatch: the server announces another size than the descriptor does.
            FetchError: the blob cannot be had.
        """
        return blob_body(self._client, self._get, descriptor, start)

    def _get(self, headers: Mapping[str, str]) -> requests.Response:
        response = self._client.exchange("GET", self._url, headers=headers)
        if response.status_code not in RANGED:
            with response:
                raise refusal(response)
        return response


def external_sources(
    client: Client, descriptor: Descriptor, *, on_this_machine: bool
) -> Iterator[ExternalSource]:
    """Yield where a blob's publisher says that it can be had: over https, as what is asked for is nobody's secret.

    Args:
        client: sends requests.
        descriptor: the blob.
        on_this_machine: whether the registry is on this machine. No other one's images lead to what is.
    """
    for url in descriptor.urls:
        try:
            origin = Origin.of(url)
        except InvalidURL:
            continue
        if on_this_machine if origin.is_loopback else origin.scheme == "https":
            yield ExternalSource(client, url)
